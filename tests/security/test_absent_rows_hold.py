"""Rows that are not there: readers of `absent = unknown` see a blank, and learn no small count beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tomli_w

from linkage.disclosure_policy import shipped_policies
from linkage.errors import InputRefused
from linkage_client.certificate_check import CheckFailed, check_release
from linkage_server.lab.protect import protect_file
from tests.security.test_laboratory_tables_hold import leaves_of, random_layout
from tests.support.table_attackers import Cell, Equations, subtract, sums_of

POLICY = shipped_policies()["standard@1.0.0"].model_copy(update={"id": "five", "minimum_cell": 5})


class Scene:
    """A table of which some leaf cells have no row, and what is released of it."""

    def __init__(self, folder: Path, layout: dict[str, Any], rows: dict[Cell, int]) -> None:
        self.folder, self.plan, self.rows = folder, {**layout, "attacker": {"absent": "unknown"}}, rows
        self.names = list(layout["dims"])
        self.files = {"layout": folder / "layout.json", "policy": folder / "policy.toml", "truth": folder / "t.parquet"}
        self.files["layout"].write_text(json.dumps(self.plan))
        self.files["policy"].write_text(tomli_w.dumps(POLICY.model_dump(mode="json", exclude_none=True)))
        columns = {name: [cell[i] for cell in rows] for i, name in enumerate(self.names)}
        pq.write_table(pa.table({**columns, "n": list(rows.values())}), self.files["truth"])
        protect_file(POLICY, self.files["truth"], layout=self.files["layout"], out=folder / "out")
        self.sums = list(sums_of(self.plan))
        self.released = {self.cell(row): row["n"] for row in self.read("released")}
        self.truth = {cell: rows.get(cell, 0) for cell in self.released if not self.is_total(cell)}
        self.present = set(rows)
        while len(self.truth) < len(self.released):
            for whole, parts in self.sums:
                if whole not in self.truth and all(part in self.truth for part in parts):
                    self.truth[whole] = sum(self.truth[part] for part in parts)
                    self.present |= {whole} if self.present & set(parts) else set()

    def cell(self, row: dict[str, Any]) -> Cell:
        return tuple(row[name] for name in self.names)

    def is_total(self, cell: Cell) -> bool:
        own = zip(cell, self.plan["dims"].values(), strict=True)
        return any(code not in leaves_of(dim) for code, dim in own)

    def read(self, name: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = pq.read_table(self.folder / "out" / f"{name}.parquet").to_pylist()
        return rows

    def write(self, name: str, rows: list[dict[str, Any]]) -> None:
        path = self.folder / "out" / f"{name}.parquet"
        pq.write_table(pa.Table.from_pylist(rows, schema=pq.read_schema(path)), path)

    def check(self) -> int:
        return check_release(self.folder / "out", **self.files).blank["n"]


def random_scene(folder: Path, seed: int) -> Scene:
    random = np.random.default_rng(seed)
    layout = random_layout(random, 7)
    leaves = [leaves_of(dim) for dim in layout["dims"].values()]
    counts = random.poisson(random.gamma(0.6, 20, tuple(map(len, leaves))))
    counts[(0,) * counts.ndim] += 60
    rows = {
        tuple(own[i] for own, i in zip(leaves, at, strict=True)): int(counts[at]) for at in np.ndindex(counts.shape)
    }
    # Half of all zeros are no rows, and a row is 0 too.
    return Scene(folder, layout, {cell: n for cell, n in rows.items() if n or random.random() < 0.5})


@pytest.mark.parametrize("seed", range(8))
def test_no_attacker_learns_a_small_count(seed: int, tmp_path: Path) -> None:
    scene = random_scene(tmp_path, seed)
    assert not [cell for cell, n in scene.released.items() if n is not None and n != scene.truth[cell]]
    assert all(scene.released[cell] is None for cell in scene.released.keys() - scene.present)
    recovered = subtract(scene.released, scene.sums)
    assert not [cell for cell in recovered if cell in scene.present]
    # A blank may be a row that is not there, which is 0.
    equations = Equations(scene.released, scene.sums, lowest=0)
    blanks = [cell for cell in equations.blanks if cell in scene.present]
    for pick in np.random.default_rng(seed).permutation(len(blanks))[:8].tolist():
        low, high = equations.whole_range(blanks[pick])
        assert high - low >= POLICY.minimum_candidates - 1
        assert high >= POLICY.minimum_cell


def test_small_cells_and_absent_rows_alone_give_themselves_away(tmp_path: Path) -> None:
    broken = 0
    for seed in range(8):
        (folder := tmp_path / str(seed)).mkdir()
        scene = random_scene(folder, seed)
        weak = {
            cell: None if cell not in scene.present or 1 <= n < POLICY.minimum_cell else n
            for cell, n in scene.truth.items()
        }
        broken += any(cell in scene.present for cell in subtract(weak, scene.sums))
    assert broken > 4


HOSPITALS: dict[str, Any] = {
    "dims": {
        "hospital": {"total": "all", "hierarchies": [{"all": ["Falun", "Mora", "Orsa"]}]},
        "sex": {"total": "both", "hierarchies": [{"both": ["men", "women"]}]},
    },
    "measures": {"n": {"kind": "count"}},
}
ROWS: dict[Cell, int] = {
    ("Falun", "men"): 3,
    ("Falun", "women"): 40,
    ("Mora", "women"): 30,
    ("Orsa", "men"): 20,
    ("Orsa", "women"): 0,
}


def test_a_row_that_is_not_there_looks_like_a_small_count_and_a_zero_row_is_printed(tmp_path: Path) -> None:
    scene = Scene(tmp_path, HOSPITALS, ROWS)
    status = {scene.cell(row): (row["n_status"], row["n_reason"]) for row in scene.read("officer")}
    assert status["Falun", "men"] == ("sup", "small_cell")
    assert status["Mora", "men"] == ("sup", "absent")
    assert scene.released["Mora", "men"] is scene.released["Falun", "men"] is None
    assert {row["n_status"] for row in scene.read("released") if scene.cell(row) == ("Mora", "men")} == {"sup"}
    # With 3 + 20 of all men printed, Falun and Mora would be 3 together, and Falun below 5.
    assert None in (scene.released["Orsa", "men"], scene.released["all", "men"])
    assert scene.check() == sum(one[0] == "sup" and one[1] != "absent" for one in status.values())


@pytest.mark.parametrize("seed", range(6))
def test_every_release_is_accepted_by_the_checker_and_none_with_one_altered_cell(seed: int, tmp_path: Path) -> None:
    scene = random_scene(tmp_path, seed)
    scene.check()
    released, officer = scene.read("released"), scene.read("officer")
    for place in np.random.default_rng(seed).permutation(len(released))[:25].tolist():
        cell = scene.cell(released[place])
        for name, rows in (("released", released), ("officer", officer)):
            changed = [dict(row) for row in rows]
            value = scene.truth[cell] if rows[place]["n"] is None else None
            changed[place] |= {"n": value, "n_status": "sup" if value is None else "pub"}
            if name == "officer":
                changed[place]["n_reason"] = "" if value is not None else "absent"
            scene.write(name, changed)
        with pytest.raises(CheckFailed):
            scene.check()
        scene.write("released", released)
        scene.write("officer", officer)


def test_sums_and_releases_over_time_do_not_know_absent_rows(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="absent"):
        Scene(tmp_path, {**HOSPITALS, "measures": {"n": {"kind": "magnitude"}}}, ROWS)
    scene = Scene(tmp_path, HOSPITALS, ROWS)
    assert not (tmp_path / "out" / "ledger.parquet").exists()
    with pytest.raises(InputRefused, match="absent"):
        layout, out = scene.files["layout"], tmp_path / "next"
        protect_file(POLICY, scene.files["truth"], layout=layout, out=out, earlier=[tmp_path / "out"])

"""Who sent the persons knows how many stand at each of her strata: such totals hide nothing from her."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
import tomli_w

from linkage.disclosure_policy import shipped_policies
from linkage.errors import InputRefused
from linkage_client.certificate_check import CheckFailed, check_release
from linkage_server.lab.protect import protect_file
from tests.security.test_laboratory_tables_hold import random_layout, write_table
from tests.support.table_attackers import Cell, Equations, sums_of

POLICY = shipped_policies()["standard@1.0.0"].model_copy(update={"id": "five", "minimum_cell": 5})


class Scene:
    """A table of which the margin of the first dimension is known, and what is released of it."""

    def __init__(self, folder: Path, seed: int, *, told: bool) -> None:
        random = np.random.default_rng(seed)
        layout = random_layout(random, 7)
        self.first, *self.others = list(layout["dims"])
        given = write_table(folder, layout, random, 14)
        names = [self.first, *self.others]
        as_text = pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()))
        table = pyarrow.csv.read_csv(given, convert_options=as_text)
        if told:
            layout["attacker"] = {"known": {"sent": {self.first: "all"}}}
        self.plan, self.out = layout, folder / "out"
        self.files = {"layout": folder / "layout.json", "policy": folder / "policy.toml", "truth": folder / "t.parquet"}
        pq.write_table(table, self.files["truth"])
        self.files["layout"].write_text(json.dumps(layout))
        self.files["policy"].write_text(tomli_w.dumps(POLICY.model_dump(mode="json", exclude_none=True)))
        protect_file(POLICY, self.files["truth"], layout=self.files["layout"], out=self.out)
        self.sums = list(sums_of(layout))
        rows = pq.read_table(self.out / "released.parquet").to_pylist()
        self.released: dict[Cell, int | None] = {tuple(row[name] for name in names): row["n"] for row in rows}
        self.truth: dict[Cell, int] = {tuple(row[name] for name in names): row["n"] for row in table.to_pylist()}
        while len(self.truth) < len(self.released):
            for whole, parts in self.sums:
                if whole not in self.truth and all(part in self.truth for part in parts):
                    self.truth[whole] = sum(self.truth[part] for part in parts)

    def known(self, cell: Cell) -> bool:
        """Whether a cell is of the margin, and no small count."""
        totals = [self.plan["dims"][name]["total"] for name in self.others]
        return list(cell[1:]) == totals and not 1 <= self.truth[cell] < POLICY.minimum_cell

    def weak(self, sample: int) -> list[Cell]:
        """Small counts that whoever knows the margin tells too closely, among some of them."""
        seen = {cell: self.truth[cell] if self.known(cell) else n for cell, n in self.released.items()}
        equations = Equations(seen, self.sums, lowest=1)
        small = [cell for cell in equations.blanks if self.truth[cell] < POLICY.minimum_cell]
        ranges = {
            small[pick]: equations.whole_range(small[pick])
            for pick in np.random.default_rng(0).permutation(len(small))[:sample].tolist()
        }
        return [cell for cell, (low, high) in ranges.items() if high - low < 2 or high < POLICY.minimum_cell]


@pytest.fixture
def cheap_margins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Margins are blanked before anything else, where they may be."""
    monkeypatch.setattr("linkage_core.disclosure.lattice_suppression._DEARNESS", np.array([1, 1, 50]))


@pytest.mark.usefixtures("cheap_margins")
@pytest.mark.parametrize("seed", range(8))
def test_who_knows_the_margin_learns_no_small_count(seed: int, tmp_path: Path) -> None:
    scene = Scene(tmp_path, seed, told=True)
    assert all(scene.released[cell] is not None for cell in scene.released if scene.known(cell))
    assert not scene.weak(10)
    check_release(scene.out, **scene.files)


@pytest.mark.usefixtures("cheap_margins")
def test_if_nobody_says_so_she_does(tmp_path: Path) -> None:
    broken = 0
    for seed in range(8):
        (folder := tmp_path / str(seed)).mkdir()
        scene = Scene(folder, seed, told=False)
        broken += bool(scene.weak(10))
        # The checker refuses proofs that lean on what is known.
        if any(scene.released[cell] is None for cell in scene.released if scene.known(cell)):
            scene.files["layout"].write_text(
                json.dumps({**scene.plan, "attacker": {"known": {"sent": {scene.first: "all"}}}})
            )
            with pytest.raises(CheckFailed, match="changes a printed cell"):
                check_release(scene.out, **scene.files)
    assert broken


@pytest.mark.parametrize(
    ("known", "named"),
    [({"ward": "all"}, "dimensions that are not there"), ({"sex": ["child"]}, "codes that dimension 'sex'")],
)
def test_tables_that_are_not_there_are_refused_by_name(known: dict[str, Any], named: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("sex,n\nmen,40\nwomen,30\n")
    plan = {
        "dims": {"sex": {"total": "all", "hierarchies": [{"all": ["men", "women"]}]}},
        "measures": {"n": {"kind": "count"}},
        "attacker": {"known": {"sent": known}},
    }
    (tmp_path / "layout.json").write_text(json.dumps(plan))
    with pytest.raises(InputRefused, match=f"attacker.known.sent .*{named}"):
        protect_file(POLICY, tmp_path / "t.csv", layout=tmp_path / "layout.json", out=tmp_path / "out")


def test_sums_do_not_take_known_tables(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("sex,n\nmen,40\nwomen,30\n")
    plan = {
        "dims": {"sex": {"total": "all", "hierarchies": [{"all": ["men", "women"]}]}},
        "measures": {"n": {"kind": "magnitude"}},
        "attacker": {"known": {"sent": {"sex": "all"}}},
    }
    (tmp_path / "layout.json").write_text(json.dumps(plan))
    with pytest.raises(InputRefused, match=r"attacker\.known is for single releases of counts"):
        protect_file(POLICY, tmp_path / "t.csv", layout=tmp_path / "layout.json", out=tmp_path / "out")

"""A checker of its own accepts each release of a series of ours, and none of which one cell is altered."""

from __future__ import annotations

import importlib
import json
import os
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tomli_w
from typer.testing import CliRunner

from linkage.disclosure_policy import DisclosurePolicy, shipped_policies
from linkage.errors import ReleaseNotVerified
from linkage_client.__main__ import app
from linkage_client.certificate_check import Checked, CheckFailed, Earlier, check_release
from linkage_core.disclosure.cell_system import CellSystem
from linkage_core.release_history import cover
from linkage_server.lab.protect import protect_file

# The package has a function of the module's name.
hold_back = importlib.import_module("linkage_core.release_history.hold_back")
SEEDS = range(int(os.environ.get("LINKAGE_ATTACK_SEEDS", "4")))
# Numbers are counted anew as early as can be, so that there is most to check.
STANDARD = shipped_policies()["standard@1.0.0"].model_copy(update={"expected_moves": 0})
POLICIES = [
    STANDARD,
    STANDARD.model_copy(update={"id": "five", "minimum_cell": 5}),
    STANDARD.model_copy(update={"id": "no-zeros", "zero_shown": False}),
    shipped_policies()["standard@1.0.0"],
]
TOWNS, AGES, SEXES = ("a1", "a2", "b1", "b2", "b3"), ("0-17", "18-64", "65+"), ("men", "women")
LAYOUT: dict[str, Any] = {
    "dims": {
        "town": {"total": "SE", "hierarchies": [{"SE": ["a", "b"], "a": ["a1", "a2"], "b": ["b1", "b2", "b3"]}]},
        "age": {"total": "all", "hierarchies": [{"all": list(AGES)}]},
        "sex": {"total": "both", "hierarchies": [{"both": list(SEXES)}]},
    },
    "measures": {"n": {"kind": "count"}},
}
NAMES = list(LAYOUT["dims"])
Leaf = tuple[str, str, str]


class Series:
    """Releases of a population that changes, with all that a checker needs."""

    def __init__(
        self, folder: Path, seed: int, *, churn: int, policy: DisclosurePolicy = STANDARD, releases: int = 4
    ) -> None:
        self.folder = folder
        self.layout, self.policy = folder / "layout.json", folder / "policy.toml"
        self.layout.write_text(json.dumps(LAYOUT), encoding="utf-8")
        self.policy.write_text(tomli_w.dumps(policy.model_dump(mode="json", exclude_none=True)), encoding="utf-8")
        random = np.random.default_rng(seed)
        weight = random.dirichlet(np.full(5, 0.7))

        def somewhere() -> Leaf:
            return TOWNS[random.choice(5, p=weight)], AGES[random.integers(3)], SEXES[random.integers(2)]

        now = {f"p{person}": somewhere() for person in range(700)}
        self.truths, self.moved, self.outs = list[Path](), list[Path](), list[Path]()
        for month in range(releases):
            moves: list[tuple[str, Leaf, str]] = []
            for turn in range(churn if month else 0):
                gone = str(random.choice(sorted(now)))
                moves.append((gone, now.pop(gone), "left"))
                come = gone if random.random() < 0.3 else f"q{month}-{turn}"
                now[come] = somewhere()
                moves.append((come, now[come], "joined"))
            self._release(month, now, moves, policy)

    def _release(
        self, month: int, now: dict[str, Leaf], moves: list[tuple[str, Leaf, str]], policy: DisclosurePolicy
    ) -> None:
        counts = dict.fromkeys(product(TOWNS, AGES, SEXES), 0)
        for leaf in now.values():
            counts[leaf] += 1
        truth, moved, out = (self.folder / f"{stem}{month}{end}" for stem, end in FILES)
        cells = [dict(zip(NAMES, leaf, strict=True)) | {"n": count} for leaf, count in counts.items()]
        pq.write_table(pa.Table.from_pylist(cells), truth)
        rows = [dict(zip(NAMES, leaf, strict=True)) | {"person": who, "move": move} for who, leaf, move in moves]
        fields = [pa.field(name, pa.string()) for name in (*NAMES, "person", "move")]
        pq.write_table(pa.Table.from_pylist(rows, schema=pa.schema(fields)), moved)
        protect_file(policy, truth, layout=self.layout, out=out, earlier=self.outs, moved=moved if self.outs else None)
        self.truths.append(truth)
        self.moved += [moved] if month else []
        self.outs.append(out)

    def check(self, month: int) -> Checked:
        earlier = Earlier(self.outs[:month], self.moved[:month])
        return check_release(
            self.outs[month], truth=self.truths[month], layout=self.layout, policy=self.policy,
            earlier=earlier if month else None,
        )  # fmt: skip


FILES = (("table", ".parquet"), ("moved", ".parquet"), ("release", ""))


@pytest.mark.parametrize(("seed", "churn"), list(product(SEEDS, [0, 7, 40, 150])))
def test_every_release_of_a_series_is_accepted(seed: int, churn: int, tmp_path: Path) -> None:
    series = Series(tmp_path, seed, churn=churn, policy=POLICIES[seed % len(POLICIES)], releases=5)
    for month in range(5):
        series.check(month)


@pytest.fixture(scope="module", params=[(3, 40), (5, 12)], ids=str)
def series(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Series:
    seed, churn = request.param
    return Series(tmp_path_factory.mktemp(f"series-{seed}"), seed, churn=churn, releases=3)


def rows_of(path: Path) -> tuple[list[dict[str, Any]], pa.Schema]:
    table = pq.read_table(path)
    return table.to_pylist(), table.schema


class Altered:
    """The newest release of a series, of which files are changed for as long as the block lasts."""

    def __init__(self, series: Series, *names: str) -> None:
        self.paths = [series.outs[-1] / f"{name}.parquet" for name in names]
        self.bytes = [path.read_bytes() for path in self.paths]

    def __enter__(self) -> list[tuple[list[dict[str, Any]], pa.Schema]]:
        self.tables = [rows_of(path) for path in self.paths]
        return self.tables

    def write(self) -> None:
        for path, (rows, schema) in zip(self.paths, self.tables, strict=True):
            pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)

    def __exit__(self, *_: object) -> None:
        for path, content in zip(self.paths, self.bytes, strict=True):
            path.write_bytes(content)


def other_cells(row: dict[str, Any], before: dict[str, Any]) -> list[dict[str, Any]]:
    """What could stand in a cell instead of what does; each with another number, another release, or a blank."""
    if row["n_status"] == "sup":
        shown = {"n_status": "pub", "n_as_of": 2, "n_reason": ""}
        kept = {"n_status": "pub", "n_as_of": before.get("n_as_of"), "n_reason": "few_people_moved"}
        return [shown | {"n": 0}, shown | {"n": 12}, kept | {"n": before["n"], "n_as_of": kept["n_as_of"] or 0}]
    found = [{"n": row["n"] + 1}, {"n": None, "n_as_of": None, "n_status": "sup", "n_reason": "small_cell"}]
    if row["n_as_of"] != 2:
        found.append({"n_as_of": 2, "n_reason": ""})
    return [
        *found,
        {"n_as_of": (row["n_as_of"] or 0) - 1},
        {"n": before["n"] or 0, "n_as_of": 1 - (row["n_as_of"] % 2)},
    ]


def test_every_altered_cell_is_rejected(series: Series) -> None:
    """Each cell in turn, in both copies and in the ledger as well, so that nothing contradicts itself."""
    series.check(2)
    before = rows_of(series.outs[1] / "released.parquet")[0]
    cells = rows_of(series.outs[2] / "officer.parquet")[0]
    for place, (row, row_before) in enumerate(zip(cells, before, strict=True)):
        others = other_cells(row, row_before)
        other = others[place % len(others)]
        if all(row[name] == value for name, value in other.items()):
            continue
        altered = Altered(series, "released", "officer", "ledger")
        with altered as ((released, _), (officer, _), (ledger, _)):
            officer[place].update(other)
            released[place].update({name: value for name, value in other.items() if name != "n_reason"})
            blank = officer[place]["n_status"] == "sup"
            ledger[place].update(
                printed=officer[place]["n"] or 0,
                as_of=-1 if blank else officer[place]["n_as_of"],
                blank=blank,
                current=not blank and (officer[place]["n_reason"] or "") == "",
            )
            altered.write()
            with pytest.raises(CheckFailed):
                series.check(2)


@pytest.mark.parametrize(
    ("name", "column"),
    [("released", "n"), ("released", "n_as_of"), ("officer", "n_as_of"), ("officer", "n_reason"),
     ("ledger", "true"), ("ledger", "as_of"), ("ledger", "current"), ("ledger", "blank")],
)  # fmt: skip
def test_one_altered_number_in_one_file_is_rejected(series: Series, name: str, column: str) -> None:
    for place in range(0, 96, 7):
        altered = Altered(series, name)
        with altered as ((rows, _),):
            value = rows[place][column]
            word = "small_cell" if value in {"few_people_moved", "stays_blank_or_protects"} else "few_people_moved"
            rows[place][column] = not value if isinstance(value, bool) else word if column == "n_reason" else (
                0 if value is None else value + 1
            )  # fmt: skip
            altered.write()
            with pytest.raises(CheckFailed):
                series.check(2)


def test_one_altered_witness_is_rejected(series: Series) -> None:
    random = np.random.default_rng(1)
    many = pq.read_metadata(series.outs[2] / "certificates.parquet").num_rows
    assert many
    for move in range(0, many, max(many // 12, 1)):
        altered = Altered(series, "certificates")
        with altered as ((rows, _),):
            place = int(random.integers(len(rows[move]["cells"])))
            if move % 2:
                rows[move]["changes"][place] += 1
            else:
                rows[move]["cells"][place] = (rows[move]["cells"][place] + int(random.integers(1, 96))) % 96
            altered.write()
            with pytest.raises(CheckFailed):
                series.check(2)


def test_an_earlier_release_that_said_something_else_is_rejected(series: Series) -> None:
    path = series.outs[1] / "released.parquet"
    content = path.read_bytes()
    rows, schema = rows_of(path)
    for place in range(0, 96, 11):
        other = [dict(row) for row in rows]
        other[place]["n"] = (other[place]["n"] or 0) + 1
        pq.write_table(pa.Table.from_pylist(other, schema=schema), path)
        with pytest.raises(CheckFailed):
            series.check(2)
    path.write_bytes(content)


def test_who_moved_and_was_not_told_is_noticed(series: Series) -> None:
    content = series.moved[1].read_bytes()
    rows, schema = rows_of(series.moved[1])
    for place in range(0, len(rows), max(len(rows) // 8, 1)):
        pq.write_table(pa.Table.from_pylist(rows[:place] + rows[place + 1 :], schema=schema), series.moved[1])
        with pytest.raises(CheckFailed):
            series.check(2)
    series.moved[1].write_bytes(content)


def test_a_release_that_counts_everything_anew_is_rejected(series: Series) -> None:
    """Each release by itself is safe, and both together are not."""
    alone = series.folder / "alone"
    protect_file(STANDARD, series.truths[2], layout=series.layout, out=alone)
    for name in ("released", "officer"):
        table = pq.read_table(alone / f"{name}.parquet")
        as_of = pa.array([None if one == "sup" else 2 for one in table["n_status"].to_pylist()], pa.int64())
        pq.write_table(table.append_column("n_as_of", as_of), alone / f"{name}.parquet")
    with pytest.raises(CheckFailed, match=r"few people moved|nobody moved"):
        check_release(
            alone, truth=series.truths[2], layout=series.layout, policy=series.policy,
            earlier=Earlier(series.outs[:2], series.moved),
        )  # fmt: skip


@pytest.mark.parametrize("blind", ["cells", "lines"])
def test_a_protector_that_overlooks_few_people_is_found_out(
    blind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that looks at cells alone, and one that looks at nothing."""

    def nothing(system: CellSystem, **_: object) -> Any:
        return np.zeros(system.remainder.size, dtype=np.bool_)

    for module in (cover, hold_back):
        monkeypatch.setattr(module, "thin_relations", nothing)
    if blind == "cells":
        real = hold_back._Past
        monkeypatch.setattr(hold_back, "_Past", lambda *given, enough: real(*given, enough=0))
    told: list[str] = []
    for seed in range(3):
        (folder := tmp_path / str(seed)).mkdir()
        series = Series(folder, seed, churn=40, releases=3)
        for month in range(3):
            try:
                series.check(month)
            except CheckFailed as fault:
                told.append(str(fault))
    expected = "few people moved" if blind == "cells" else "what is left of a whole"
    assert any(expected in fault for fault in told)


def test_the_command_needs_the_earlier_releases(series: Series) -> None:
    files = ["--truth", str(series.truths[2]), "--layout", str(series.layout), "--policy", str(series.policy)]
    beside = [part for out in series.outs[:2] for part in ("--earlier", str(out))]
    beside += [part for moved in series.moved for part in ("--moved", str(moved))]
    command = ["verify", str(series.outs[2]), "--certificates", *files]
    assert CliRunner().invoke(app, [*command, *beside]).exit_code == 0
    told = CliRunner().invoke(app, command)
    assert isinstance(told.exception, ReleaseNotVerified)
    assert "earlier releases" in told.exception.message

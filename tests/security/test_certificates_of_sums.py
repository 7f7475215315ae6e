"""A checker of its own accepts the sums that the laboratory releases, and none that differ in one cell."""

from __future__ import annotations

import json
import shutil
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
import tomli_w
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from linkage.disclosure_policy import shipped_policies
from linkage_client.__main__ import app
from linkage_client.certificate_check import Checked, CheckFailed, check_release
from linkage_client.certificate_check.coalitions import Coalitions, Proof
from linkage_client.certificate_check.contributors import Given
from linkage_client.certificate_check.dimensions import Dimension, Family
from linkage_client.certificate_check.sum_moves import moves_of_sums
from linkage_core.disclosure.cell_system import CellSystem
from linkage_core.disclosure.evidence import Move
from linkage_core.disclosure.insiders import Insiders
from linkage_core.disclosure.primary_rules import Contributions
from linkage_core.disclosure.sum_witnesses import KeptMoves
from linkage_core.disclosure.thorough_pairs import further_pairs
from linkage_server.lab.protect import protect_file

STANDARD = shipped_policies()["standard@1.0.0"]


class Release:
    """Sums by town, drug and sex, of firms of very different size, with all that a checker needs."""

    def __init__(self, folder: Path, seed: int, *, towns: int = 4, drugs: int = 3, firms: int = 12) -> None:
        random = np.random.default_rng(seed)
        town, drug = [f"t{i}" for i in range(towns)], [f"d{i}" for i in range(drugs)]
        counties = {"SE": ["a", "b"], "a": town[: towns // 2], "b": town[towns // 2 :]}
        dims: dict[str, Any] = {
            "town": {"total": "SE", "hierarchies": [counties]},
            "drug": {"total": "all", "hierarchies": [{"all": drug}]},
            "sex": {"total": "both", "hierarchies": [{"both": ["men", "women"]}]},
        }
        measures: dict[str, Any] = {"cost": {"kind": "magnitude"}}
        rules: list[dict[str, Any]] = [{}, {"nk": [[1, 75], [2, 90]], "p_percent": 10}, {"p_percent": 15}]
        layout: dict[str, Any] = {"dims": dims, "measures": measures, "rules": {"cost": rules[seed % 3]}}
        if seed % 4 == 3:
            # The number of firms is a count of its own, and the mean is divided by it.
            measures["n"] = {"kind": "count"}
            layout["derived"] = {"mean": {"kind": "mean", "sum": "cost", "count": "n"}}
        update = {"id": "sums", "minimum_contributors": 3 + seed % 2, "coalition": 1 + seed % 2, "minimum_cell": 5}
        policy = STANDARD.model_copy(update=update)
        share = random.pareto(1.1, firms) + 0.3
        rows: list[tuple[str, ...]] = []
        leaf: dict[tuple[str, ...], list[int]] = {}
        for cell in [(t, d, s) for t in town for d in drug for s in ("men", "women")]:
            few = random.random() < 0.2
            number = int(random.integers(3) if few else min(firms - 1, 6 + random.poisson(2)))
            for who in random.choice(firms, number, replace=False, p=share / share.sum()).tolist():
                amount = int(random.lognormal(9, 0.9) * share[who]) + 1
                rows.append((*cell, f"F{who}", f"{amount / 100:.2f}"))
                leaf.setdefault(cell, []).append(amount)
        self.out, self.truth, self.given = folder / "out", folder / "table.parquet", folder / "given.csv"
        self.layout, self.policy = folder / "layout.json", folder / "policy.toml"
        self.layout.write_text(json.dumps(layout))
        self.policy.write_text(tomli_w.dumps(policy.model_dump(mode="json", exclude_none=True)))
        self.given.write_text(f"{','.join(dims)},contributor,cost\n" + "".join(",".join(row) + "\n" for row in rows))
        columns = {name: [cell[i] for cell in leaf] for i, name in enumerate(dims)}
        sums = {"cost": [sum(own) / 100 for own in leaf.values()], "n": [len(own) for own in leaf.values()]}
        pq.write_table(pa.table(columns | {name: sums[name] for name in measures}), self.truth)
        protect_file(policy, self.truth, layout=self.layout, out=self.out, contributions=self.given)

    def check(self, **other: Path | None) -> Checked:
        files = {"truth": self.truth, "layout": self.layout, "policy": self.policy, "contributions": self.given}
        return check_release(self.out, **{**files, **other})  # type: ignore[arg-type]

    def altered(self, folder: Path) -> Release:
        """A copy whose tables may be spoilt."""
        other = Release.__new__(Release)
        shutil.copytree(self.out, folder / "out")
        other.__dict__ |= self.__dict__ | {"out": folder / "out"}
        return other

    def rows(self, name: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = pq.read_table(self.out / f"{name}.parquet").to_pylist()
        return rows

    def write(self, name: str, rows: list[dict[str, Any]]) -> None:
        path = self.out / f"{name}.parquet"
        pq.write_table(pa.Table.from_pylist(rows, schema=pq.read_schema(path)), path)

    def assert_rejected(self) -> None:
        with pytest.raises(CheckFailed):
            self.check()


@pytest.mark.parametrize("seed", [0, 2, 3, 4, 5, 7, 9, 10, 11, 33])
def test_every_release_of_ours_is_accepted(seed: int, tmp_path: Path) -> None:
    release = Release(tmp_path, seed)
    passed, summary = release.check(), json.loads((release.out / "summary.json").read_text())
    for measure, numbers in summary.items():
        assert passed.blank[measure] == numbers["suppressed"]
        # The officer's marks also name partners that hide unions of blanks, and insiders.
        assert passed.sensitive[measure] <= numbers["sensitive"]
        assert passed.blank[measure] == 0 or passed.moves[measure] > 0


@pytest.mark.parametrize("seed", [1, 2])
def test_so_are_tables_of_more_sums_than_a_solver_is_asked_for(seed: int, tmp_path: Path) -> None:
    passed = Release(tmp_path, seed, towns=20, drugs=6, firms=60).check()
    assert passed.cells > 400
    assert passed.blank["cost"] > passed.sensitive["cost"] > 50


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    found = Release(tmp_path_factory.mktemp("sums"), 5)
    assert 0 < found.check().sensitive["cost"] < found.check().blank["cost"] < found.check().cells
    return found


def test_no_printed_sum_can_be_another(release: Release, tmp_path: Path) -> None:
    for place, row in enumerate(release.rows("released")):
        if row["cost"] is None:
            continue
        for names in (("released",), ("officer",), ("released", "officer")):
            (folder := tmp_path / f"{place}-{'-'.join(names)}").mkdir()
            spoilt = release.altered(folder)
            for name in names:
                rows = spoilt.rows(name)
                rows[place]["cost"] += 0.01
                spoilt.write(name, rows)
            spoilt.assert_rejected()


def test_no_blank_can_be_printed_and_no_further_cell_blank(release: Release, tmp_path: Path) -> None:
    """Told alike in both copies, with the true sum: the proofs no longer fit the blanks."""
    cells = dict(zip(_cells(release), _true_sums(release), strict=True))
    for place, row in enumerate(release.rows("released")):
        (folder := tmp_path / str(place)).mkdir()
        spoilt = release.altered(folder)
        for name in ("released", "officer"):
            rows = spoilt.rows(name)
            if row["cost"] is None:
                rows[place] |= {"cost": cells[_cell(row)] / 100, "cost_status": "pub"}
            else:
                rows[place] |= {"cost": None, "cost_status": "sup"}
            if "cost_reason" in rows[place]:
                rows[place]["cost_reason"] = "" if row["cost"] is None else "protects_small_cell"
            spoilt.write(name, rows)
        spoilt.assert_rejected()


def test_no_move_can_be_another(release: Release, tmp_path: Path) -> None:
    random = np.random.default_rng(3)
    for place in range(len(release.rows("certificates"))):
        for change in ("changes", "cells", "lowest", "highest", "proves"):
            (folder := tmp_path / f"{place}-{change}").mkdir()
            spoilt = release.altered(folder)
            rows = spoilt.rows("certificates")
            row = rows[place]
            if change == "changes":
                row["changes"][int(random.integers(len(row["changes"])))] += int(random.choice([-1, 1, 5000]))
            elif change == "cells":
                row["cells"] = sorted({*row["cells"][1:], int(random.integers(84))})
            elif change == "proves":
                cell = row["proves"][0]
                for one in rows:
                    one["proves"] = [other for other in one["proves"] if other != cell]
            else:
                row[change] = {"lowest": -1, "highest": 1}[change] * (1 << 40)
            spoilt.write("certificates", rows)
            spoilt.assert_rejected()


def test_a_reason_that_is_not_so_is_rejected(release: Release, tmp_path: Path) -> None:
    rows = release.rows("officer")
    for place, row in enumerate(rows):
        if not {"few_contributors", "dominance", "p_percent"} & set(row["cost_reason"].split("+")):
            continue
        (folder := tmp_path / str(place)).mkdir()
        spoilt = release.altered(folder)
        changed = [dict(one) for one in rows]
        changed[place]["cost_reason"] = "protects_small_cell"
        spoilt.write("officer", changed)
        spoilt.assert_rejected()


def test_other_contributors_or_none_are_rejected(release: Release, tmp_path: Path) -> None:
    lines = release.given.read_text().splitlines(keepends=True)
    (tmp_path / "fewer.csv").write_text("".join(lines[:-1]))
    for contributions in (None, tmp_path / "fewer.csv"):
        with pytest.raises(CheckFailed, match="contributions"):
            release.check(contributions=contributions)


def test_the_command_takes_contributions(release: Release) -> None:
    files = ["--truth", release.truth, "--layout", release.layout, "--policy", release.policy]
    command = ["verify", release.out, "--certificates", *files, "--contributions", release.given]
    answer = CliRunner().invoke(app, [str(word) for word in command])
    assert answer.exit_code == 0, answer.output
    assert "cost: 84 cells" in answer.output


def _cell(row: dict[str, Any]) -> tuple[str, ...]:
    return row["town"], row["drug"], row["sex"]


def _cells(release: Release) -> list[tuple[str, ...]]:
    return [_cell(row) for row in release.rows("released")]


def _true_sums(release: Release) -> list[int]:
    """Worked out row by row from the contributions."""
    county = {f"t{i}": "ab"[i // 2] for i in range(4)}
    given = pyarrow.csv.read_csv(release.given).to_pylist()

    def within(cell: tuple[str, ...], row: dict[str, Any]) -> bool:
        return (
            cell[0] in ("SE", row["town"], county[row["town"]])
            and cell[1] in ("all", row["drug"])
            and cell[2] in ("both", row["sex"])
        )

    return [sum(round(100 * row["cost"]) for row in given if within(cell, row)) for cell in _cells(release)]


@st.composite
def moves_among_contributors(draw: st.DrawFn) -> tuple[list[dict[int, int]], list[dict[int, int]]]:
    """What each of five contributors gives to each of six cells, and moves that raise the first."""
    giving = st.dictionaries(st.integers(0, 4), st.integers(1, 12), min_size=1, max_size=4)
    cells = draw(st.lists(giving, min_size=6, max_size=6))
    others = st.dictionaries(st.integers(1, 5), st.sampled_from([-2, -1, 1]), min_size=1, max_size=4)
    moves = draw(st.lists(others, min_size=1, max_size=4))
    return cells, [{0: draw(st.integers(1, 2)), **move} for move in moves]


@settings(max_examples=300, deadline=None)
@given(moves_among_contributors(), st.sampled_from([1, 2]), st.sampled_from([30, 80]))
def test_no_coalition_is_overlooked(
    scene: tuple[list[dict[int, int]], list[dict[int, int]]], size: int, percent: int
) -> None:
    """The checker and the protector each find out whether some coalition rules all moves out, as trying all of them."""
    cells, moves = scene
    values = [sum(own.values()) for own in cells]

    def most(move: dict[int, int]) -> int:
        return min(values[cell] // -change for cell, change in [*move.items(), (0, -1)] if change < 0)

    def needed(coalition: tuple[int, ...]) -> int:
        others = [amount for who, amount in cells[0].items() if who not in coalition]
        return -(-percent * max(others) // 100) - (sum(others) - max(others)) if others else 0

    def leaves(move: dict[int, int], coalition: tuple[int, ...]) -> bool:
        times = -(-needed(coalition) // move[0])
        return times <= most(move) and not any(
            set(cells[cell]) <= set(coalition)
            or (change < 0 and values[cell] + times * change < sum(cells[cell].get(who, 0) for who in coalition))
            for cell, change in move.items()
        )

    def ruled_out(coalitions: list[tuple[int, ...]]) -> bool:
        return any(needed(one) > 0 and not any(leaves(move, one) for move in moves) for one in coalitions)

    several = list(combinations(range(5), size))
    rows = [(cell, who, amount) for cell, own in enumerate(cells) for who, amount in sorted(own.items())]
    cell, who, amount = (np.array(one, dtype=np.int64) for one in zip(*rows, strict=True))
    known = np.array(values, dtype=np.int64)
    parts = Given(cell, who, amount, np.searchsorted(cell, np.arange(7)))
    checker = Coalitions(parts, known, tells=np.ones(6, dtype=np.bool_), p_percent=percent, size=size)
    proofs = [Proof(tuple(move), tuple(move.values()), move[0], most(move)) for move in moves]
    smaller: list[tuple[int, ...]] = [(one,) for one in range(5)] if size == 2 else []
    assert checker.too_close(0, proofs) == ruled_out(several + smaller)

    kept = KeptMoves()
    for move in moves:
        step = np.array(list(move.values()), dtype=np.int64)
        kept.keep(Move(np.array(list(move), dtype=np.int64), step, (0, most(move))), 0)
    insiders = Insiders.of(Contributions(cell, who, amount), cells=6, p_percent=percent, coalition=size)
    if size == 2 and any(move[0] * most(move) >= max(needed(one) for one in several) for move in moves):
        assert bool(further_pairs(_system(known), np.array([0]), insiders, kept)) == ruled_out(several)


def _system(values: np.ndarray[Any, Any]) -> CellSystem:
    """Cells without a relation, none of them below 0."""
    none, no = np.zeros(0, dtype=np.int64), np.zeros(values.size, dtype=np.bool_)
    zero = np.zeros(values.size, dtype=np.int64)
    return CellSystem(
        values, ~no, zero, zero + 1, zero, no, zero, np.zeros(1, dtype=np.int64), none, none, none > 0, none > 0, none,
        none.reshape(0, 2),
    )  # fmt: skip


@pytest.mark.parametrize(("parts", "by"), [(16, 1 << 60), (8, 1 << 61), (4, 5)])
def test_changes_of_one_sign_never_leave_a_total_as_it_is(parts: int, by: int) -> None:
    """Sixteen times 2**60 is 0 in numbers of 64 bits."""
    codes = tuple(f"c{code}" for code in range(parts + 1))
    dimension = Dimension("d", codes, (Family(parts, tuple(range(parts))),), parts)
    move = {"cells": [*range(parts)], "changes": [by] * parts, "lowest": 0, "highest": 1, "proves": [0]}
    with pytest.raises(CheckFailed, match="changes sum"):
        moves_of_sums(
            pa.Table.from_pylist([move]), np.zeros(parts + 1, dtype=np.int64),
            movable=np.ones(parts + 1, dtype=np.bool_), dimensions=[dimension], shape=(parts + 1,),
            row_place=np.arange(parts + 1),
        )  # fmt: skip

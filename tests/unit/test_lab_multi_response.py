"""Persons under several codes: totals are given, and neither a code nor who is not under it gives few away."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.csv
import pytest
from scipy.optimize import Bounds, LinearConstraint, milp

from linkage.disclosure_policy import DisclosurePolicy, shipped_policies
from linkage.errors import InputRefused
from linkage_server.lab.protect import protect_file

POLICY = shipped_policies()["standard@1.0.0"]
REGIONS, DRUGS = ["north", "south", "west"], ["a", "b", "c"]
Table = dict[tuple[str, str], int]


def layout(folder: Path, **changes: Any) -> Path:
    plan = {
        "dims": {
            "region": {"total": "all", "hierarchies": [{"all": REGIONS}]},
            "drug": {"total": "any", "hierarchies": [{"any": DRUGS}]},
        },
        "measures": {"n": {"kind": "count"}},
        "attacker": {"multi_response": ["drug"]},
    }
    path = folder / "layout.json"
    path.write_text(json.dumps(plan | changes), encoding="utf-8")
    return path


def protect(
    folder: Path, table: Table, policy: DisclosurePolicy = POLICY, **changes: Any
) -> dict[tuple[str, str], int | None]:
    """Printed cells from leaves of regions and all codes of drugs."""
    file = folder / "table.csv"
    file.write_text("region,drug,n\n" + "".join(f"{r},{d},{n}\n" for (r, d), n in table.items()))
    protect_file(policy, file, layout=layout(folder, **changes), out=folder / "out")
    rows = pyarrow.csv.read_csv(folder / "out" / "released.csv").to_pylist()
    return {(row["region"], row["drug"]): row["n"] if row["n_status"] == "pub" else None for row in rows}


def drawn(seed: int) -> Table:
    """Persons with one to three drugs each."""
    random = np.random.default_rng(seed)
    table: Table = {(r, d): 0 for r in REGIONS for d in [*DRUGS, "any"]}
    for region in REGIONS:
        for _ in range(int(random.integers(20, 80))):
            has = random.random(3) < random.choice([0.1, 0.5, 0.9], size=3)
            for drug, taken in zip(DRUGS, has, strict=True):
                table[region, drug] += int(taken)
            table[region, "any"] += int(has.any())
    return table


def test_codes_that_overlap_need_not_add_up(tmp_path: Path) -> None:
    table = {(r, d): 30 for r in REGIONS for d in DRUGS} | {(r, "any"): 60 for r in REGIONS}
    shown = protect(tmp_path, table)
    assert shown["all", "any"] == 180
    assert shown["all", "a"] == 90
    assert None not in shown.values()


def test_few_who_are_not_under_a_code_are_protected(tmp_path: Path) -> None:
    table = {(r, d): 30 for r in REGIONS for d in DRUGS} | {(r, "any"): 60 for r in REGIONS} | {("north", "a"): 57}
    shown = protect(tmp_path, table)
    # 60 have any drug and 57 this one: the other three could be read from both.
    assert shown["north", "a"] is None or shown["north", "any"] is None


@pytest.mark.parametrize("seed", range(12))
def test_no_small_count_and_no_small_rest_is_told(seed: int, tmp_path: Path) -> None:
    table = drawn(seed)
    for drug in [*DRUGS, "any"]:
        table["all", drug] = sum(table[r, drug] for r in REGIONS)
    shown = protect(tmp_path, {cell: n for cell, n in table.items() if cell[0] != "all"})
    assert not [n for n in shown.values() if n is not None and 1 <= n < 10]
    low, high = ends(shown)
    for cell in [cell for cell, n in shown.items() if n is None]:
        assert high[cell] - low[cell] >= 2
        assert table[cell] >= 10 or high[cell] >= 10
    for region in [*REGIONS, "all"]:
        for drug in DRUGS:
            rest = table[region, "any"] - table[region, drug]
            if 1 <= rest < 10:
                assert None in (shown[region, "any"], shown[region, drug])


def ends(shown: dict[tuple[str, str], int | None]) -> tuple[dict[tuple[str, str], int], dict[tuple[str, str], int]]:
    """What a reader with a whole-number solver knows of each blank."""
    cells = sorted(shown)
    place = {cell: i for i, cell in enumerate(cells)}
    rows, low, high = [], [], []
    for drug in [*DRUGS, "any"]:
        row = np.zeros(len(cells))
        row[place["all", drug]] = 1
        for region in REGIONS:
            row[place[region, drug]] = -1
        rows.append(row)
        low.append(0.0)
        high.append(0.0)
    for region in [*REGIONS, "all"]:
        for drug in DRUGS:
            row = np.zeros(len(cells))
            row[place[region, "any"]], row[place[region, drug]] = 1, -1
            rows.append(row)
            low.append(0.0)
            high.append(np.inf)
    least = [1 if shown[cell] is None else shown[cell] for cell in cells]
    most = [1e5 if shown[cell] is None else shown[cell] for cell in cells]
    found: list[dict[tuple[str, str], int]] = [{}, {}]
    for cell in cells:
        for end, sign in zip(found, (1, -1), strict=True):
            cost = np.zeros(len(cells))
            cost[place[cell]] = sign
            best = milp(
                cost,
                constraints=LinearConstraint(np.array(rows), low, high),
                bounds=Bounds(least, most),
                integrality=np.ones(len(cells)),
            )
            assert best.status == 0
            end[cell] = round(sign * best.fun)
    return found[0], found[1]


def test_a_policy_may_name_the_dimension(tmp_path: Path) -> None:
    table = {(r, d): 30 for r in REGIONS for d in DRUGS} | {(r, "any"): 60 for r in REGIONS}
    rules = POLICY.model_copy(update={"multi_response": ("drug",)})
    assert protect(tmp_path, table, rules, attacker={})["all", "any"] == 180


@pytest.mark.parametrize(
    ("table", "changes", "words"),
    [
        ({("north", "a"): 61, ("north", "any"): 60}, {}, "a part counts more persons than its whole"),
        ({("north", "a"): 60}, {}, "a part counts more persons than its whole"),
        ({("north", "a"): 6}, {"measures": {"n": {"kind": "magnitude"}}}, "single releases of counts only"),
        ({("all", "any"): 6}, {}, "no leaf"),
        ({("north", "a"): 6}, {"attacker": {"multi_response": ["atc"]}}, "dimensions that are not there"),
    ],
)
def test_a_table_that_cannot_be_is_refused(table: Table, changes: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match=words):
        protect(tmp_path, {("south", "any"): 100} | table, **changes)

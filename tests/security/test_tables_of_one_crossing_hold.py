"""Several tables of one crossing, put together, give no small count away, and their certificates are checked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
import tomli_w

from linkage.disclosure_policy import shipped_policies
from linkage.errors import InputRefused
from linkage_client.certificate_check import CheckFailed, check_release
from linkage_server.lab.protect import protect_file
from tests.security.test_laboratory_tables_hold import random_layout, write_table
from tests.support.table_attackers import Cell, Equations, subtract, sums_of

STANDARD = shipped_policies()["standard@1.0.0"]
FIVE = STANDARD.model_copy(update={"id": "five", "minimum_cell": 5, "minimum_contributors": 5})
SEX = {"total": "both", "hierarchies": [{"both": ["men", "women"]}]}
AGE = {"total": "all", "hierarchies": [{"all": ["young", "old"]}]}
REGION = {"total": "SE", "hierarchies": [{"SE": ["north", "south"], "north": ["Kiruna", "Umea"], "south": ["Lund"]}]}


def rows_of(path: Path, names: list[str]) -> list[dict[str, Any]]:
    as_text = pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()))
    rows: list[dict[str, Any]] = pyarrow.csv.read_csv(path, convert_options=as_text).to_pylist()
    return rows


def layout_of(folder: Path, plan: dict[str, Any]) -> Path:
    (folder / "layout.json").write_text(json.dumps(plan))
    return folder / "layout.json"


def test_only_the_cells_of_the_tables_are_released(tmp_path: Path) -> None:
    plan = {
        "dims": {"region": REGION, "sex": SEX, "age": AGE},
        "measures": {"n": {"kind": "count"}},
        "tables": {
            "by_sex": {"region": ["SE", "north", "south"], "sex": "all"},
            "by_age": {"region": "all", "age": "all"},
        },
    }
    table = tmp_path / "table.csv"
    leaves = [(r, s, a) for r in ("Kiruna", "Umea", "Lund") for s in ("men", "women") for a in ("young", "old")]
    # Of the young in Umea 4 are men and 5 women: together they are small, and nobody prints them apart.
    counts = [30, 20, 30, 20, 4, 40, 5, 40, 50, 60, 50, 60]
    text = "".join(f"{r},{s},{a},{n}\n" for (r, s, a), n in zip(leaves, counts, strict=True))
    table.write_text("region,sex,age,n\n" + text)
    summary = protect_file(STANDARD, table, layout=layout_of(tmp_path, plan), out=tmp_path / "out")
    released = rows_of(tmp_path / "out" / "released.csv", ["region", "sex", "age"])
    places = {(row["region"], row["sex"], row["age"]) for row in released}
    by_sex = {(r, s, "all") for r in ("SE", "north", "south") for s in ("both", "men", "women")}
    by_age = {
        (r, "both", a) for r in ("SE", "north", "south", "Kiruna", "Umea", "Lund") for a in ("all", "young", "old")
    }
    assert places == by_sex | by_age
    blank = {(row["region"], row["age"]) for row in released if row["n"] is None and row["sex"] == "both"}
    assert ("Umea", "young") in blank
    assert summary["n"]["cells"] == len(places)
    assert summary["n"]["sensitive"] == 1
    officer = rows_of(tmp_path / "out" / "officer.csv", ["region", "sex", "age"])
    assert {row["n_status"] for row in officer if (row["region"], row["sex"], row["age"]) not in places} == {"not"}
    assert not [row for row in officer if row["n_status"] == "not" and (row["n"] is not None or row["n_reason"])]


def tables_of(random: np.random.Generator, plan: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Two or three crossings of fewer dimensions, one of them without the finest codes of a dimension."""
    names = list(plan["dims"])
    found: dict[str, dict[str, Any]] = {}
    for number in range(int(random.integers(2, 4))):
        own = random.permutation(names)[: max(1, len(names) - 1)].tolist()
        found[f"t{number}"] = dict.fromkeys(own, "all")
    first = next(iter(found.values()))
    coarse = plan["dims"][next(iter(first))]
    first[next(iter(first))] = [coarse["total"], *coarse["hierarchies"][0][coarse["total"]]]
    return found


@pytest.mark.parametrize("seed", range(16))
def test_a_reader_of_all_tables_with_a_solver_learns_no_small_count(seed: int, tmp_path: Path) -> None:
    random = np.random.default_rng(seed)
    plan = random_layout(random, 6)
    plan["tables"] = tables_of(random, plan)
    table = write_table(tmp_path, plan, random, 6)
    policy = FIVE if seed % 2 else STANDARD
    protect_file(policy, table, layout=tmp_path / "layout.json", out=tmp_path / "out")
    names = list(plan["dims"])
    shown = {tuple(row[name] for name in names): row["n"] for row in rows_of(tmp_path / "out" / "released.csv", names)}
    assert not [n for n in shown.values() if n is not None and 0 < n < policy.minimum_cell]
    sums = list(sums_of(plan))
    everything: dict[Cell, int | None] = {cell: None for whole, parts in sums for cell in (whole, *parts)}
    everything.update(shown)
    truth = {tuple(row[name] for name in names): row["n"] for row in rows_of(table, names)}
    for _ in range(4):
        truth |= {w: sum(truth[p] for p in parts) for w, parts in sums if all(p in truth for p in parts)}
    assert not [cell for cell in subtract(everything, sums) if shown.get(cell, 0) is None]
    # What no table shows may be 0; a blank is at least 1.
    equations = Equations(everything, sums, lowest=0)
    lowest = np.array([int(cell in shown) for cell in equations.blanks])
    blanks = [cell for cell in equations.blanks if cell in shown]
    for pick in random.permutation(len(blanks))[:6].tolist():
        low, high = equations.whole_range(blanks[pick], lowest=lowest)
        assert high - low >= policy.minimum_candidates - 1
        assert high >= policy.minimum_cell


@pytest.mark.parametrize("seed", range(6))
def test_certificates_of_several_tables_are_checked_and_an_altered_number_fails(seed: int, tmp_path: Path) -> None:
    random = np.random.default_rng(seed)
    plan = random_layout(random, 6)
    plan["tables"] = tables_of(random, plan)
    table = write_table(tmp_path, plan, random, 6)
    protect_file(FIVE, table, layout=tmp_path / "layout.json", out=tmp_path / "out")
    policy = tmp_path / "policy.toml"
    policy.write_text(tomli_w.dumps(FIVE.model_dump(mode="json", exclude_none=True)))

    def check() -> Any:
        return check_release(tmp_path / "out", truth=table, layout=tmp_path / "layout.json", policy=policy)

    passed = check()
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())["n"]
    assert (passed.cells, passed.blank["n"]) == (summary["cells"], summary["suppressed"])
    assert passed.sensitive["n"] == summary["sensitive"]
    for name in ("released.csv", "officer.csv"):
        path = tmp_path / "out" / name
        whole = path.read_text()
        lines = whole.splitlines()
        printed = [place for place, line in enumerate(lines) if '"pub"' in line]
        place = printed[int(random.integers(len(printed)))]
        number = pyarrow.csv.read_csv(path)["n"][place - 1].as_py()
        lines[place] = lines[place].replace(f",{number},", f",{number + 1},")
        path.write_text("\n".join(lines) + "\n")
        with pytest.raises(CheckFailed):
            check()
        path.write_text(whole)
    officer = tmp_path / "out" / "officer.csv"
    officer.write_text(officer.read_text().replace(',,"not"', ',7,"not"', 1))
    with pytest.raises(CheckFailed):
        check()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"tables": {"t": {"drug": "all"}}}, "dimensions that are not there: 'drug'"),
        (
            {"tables": {"t": {"age": ["young", "mid"]}}},
            "tables.t shows codes that dimension 'age' does not have: 'mid'",
        ),
        ({"tables": {"t": {"age": []}}}, "tables.t shows no code"),
        ({"measures": {"n": {"kind": "magnitude"}}}, "single releases of counts only"),
        ({"attacker": {"multi_response": ["age"]}}, "several tables of one crossing"),
        ({"mechanism": {"rounding": {"kind": "nearest", "base": 5}}}, "single releases of counts only"),
    ],
)
def test_tables_that_are_not_there_or_not_protected_are_refused(
    changes: dict[str, Any], named: str, tmp_path: Path
) -> None:
    plan = {
        "dims": {"region": REGION, "age": AGE},
        "measures": {"n": {"kind": "count"}},
        "tables": {"t": {"age": "all"}},
        **changes,
    }
    table = tmp_path / "table.csv"
    table.write_text("region,age,n\nLund,young,60\n")
    with pytest.raises(InputRefused, match=named):
        protect_file(STANDARD, table, layout=layout_of(tmp_path, plan), out=tmp_path / "out")

"""The laboratory protects plain tables with hierarchies and second groupings, and says what it cannot do yet."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
from scipy.optimize import Bounds, LinearConstraint, milp

from linkage.disclosure_policy import shipped_policies
from linkage.errors import DisclosureRefused, InputRefused
from linkage_server.lab.protect import protect_file

POLICY = shipped_policies()["standard@1.0.0"]
REGIONS = {"SE": ["A", "B"], "A": ["0101", "0102", "0103"], "B": ["0201", "0202"]}
HEALTH = {"SE": ["north", "south"], "north": ["0101", "0201"], "south": ["0102", "0103", "0202"]}
LEAVES = ["0101", "0102", "0103", "0201", "0202"]


def layout(**changes: Any) -> dict[str, Any]:
    return {
        "dims": {
            "region": {"total": "SE", "hierarchies": [REGIONS, HEALTH]},
            "age": {"total": "all", "hierarchies": [{"all": ["young", "middle", "old"]}]},
        },
        "measures": {"n": {"kind": "count"}},
        **changes,
    }


def files(folder: Path, seed: int, plan: dict[str, Any]) -> tuple[Path, Path]:
    random = np.random.default_rng(seed)
    rows = [(r, a, int(random.negative_binomial(0.8, 0.02))) for r in LEAVES for a in ("young", "middle", "old")]
    table = folder / "table.csv"
    table.write_text("region,age,n\n" + "".join(f"{r},{a},{n}\n" for r, a, n in rows), encoding="utf-8")
    (folder / "layout.json").write_text(json.dumps(plan), encoding="utf-8")
    return table, folder / "layout.json"


def released(folder: Path) -> dict[tuple[str, str], int | None]:
    as_text = pyarrow.csv.ConvertOptions(column_types={"region": pa.string()})
    rows = pyarrow.csv.read_csv(folder / "released.csv", convert_options=as_text).to_pylist()
    return {(row["region"], row["age"]): row["n"] if row["n_status"] == "pub" else None for row in rows}


def ranges(cells: dict[tuple[str, str], int | None]) -> dict[tuple[str, str], tuple[int, int]]:
    """What a reader with a whole-number solver knows of each blank; zeros are published."""
    blanks = [cell for cell, value in cells.items() if value is None]
    ages = {"all": ["young", "middle", "old"]}
    sums = [
        ((p, a), [(c, a) for c in kids]) for tree in (REGIONS, HEALTH) for p, kids in tree.items() for a in ages["all"]
    ]
    sums += [((p, "all"), [(c, "all") for c in kids]) for tree in (REGIONS, HEALTH) for p, kids in tree.items()]
    sums += [((r, "all"), [(r, a) for a in ages["all"]]) for r in {*LEAVES, *REGIONS, *HEALTH}]
    matrix = np.zeros((len(sums), len(blanks)))
    right = np.zeros(len(sums))
    for row, (whole, parts) in enumerate(sums):
        for cell, sign in [(whole, 1), *((part, -1) for part in parts)]:
            value = cells[cell]
            if value is None:
                matrix[row, blanks.index(cell)] = sign
            else:
                right[row] -= sign * value
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for place, cell in enumerate(blanks):
        cost = np.zeros(len(blanks))
        cost[place] = 1
        ends = []
        for sign in (1, -1):
            best = milp(
                sign * cost,
                constraints=LinearConstraint(matrix, right, right),
                bounds=Bounds(1, 1e5),
                integrality=np.ones(len(blanks)),
            )
            assert best.status == 0
            ends.append(round(sign * best.fun))
        found[cell] = (ends[0], ends[1])
    return found


@pytest.mark.parametrize("seed", range(12))
def test_two_groupings_of_the_same_regions_do_not_give_small_counts_away(seed: int, tmp_path: Path) -> None:
    table, plan = files(tmp_path, seed, layout())
    protect_file(POLICY, table, layout=plan, out=tmp_path / "out")
    cells = released(tmp_path / "out")
    assert len(cells) == (5 + 2 + 2 + 1) * 4
    assert not [value for value in cells.values() if value is not None and 1 <= value < 10]
    assert all(high - low >= 2 and high >= 10 for low, high in ranges(cells).values())


def test_the_officers_copy_tells_small_cells_from_partners_and_the_released_one_does_not(tmp_path: Path) -> None:
    table, plan = files(tmp_path, 1, layout())
    protect_file(POLICY, table, layout=plan, out=tmp_path / "out")
    assert "n_reason" not in (tmp_path / "out" / "released.csv").read_text(encoding="utf-8")
    reasons = pyarrow.csv.read_csv(tmp_path / "out" / "officer.csv")["n_reason"].to_pylist()
    assert {"small_cell", "protects_small_cell"} <= set(reasons)


def test_the_same_table_gives_the_same_files(tmp_path: Path) -> None:
    table, plan = files(tmp_path, 2, layout())
    for name in ("one", "two"):
        protect_file(POLICY, table, layout=plan, out=tmp_path / name)
    assert (tmp_path / "one" / "released.csv").read_bytes() == (tmp_path / "two" / "released.csv").read_bytes()


def test_a_sum_of_few_contributors_is_hidden_and_does_not_come_back(tmp_path: Path) -> None:
    plan = layout(measures={"cost": {"kind": "magnitude"}}, rules={"cost": {"min_contributors": 12}})
    _, plan_file = files(tmp_path, 3, plan)
    givers = [
        (r, a, f"firm{i}") for k, r in enumerate(LEAVES) for a in ("young", "middle", "old") for i in range(8 + 3 * k)
    ]
    table, contributions = tmp_path / "cost.csv", tmp_path / "contributions.csv"
    table.write_text(
        "region,age,cost\n" + "".join(f"{r},{a},1250.75\n" for r in LEAVES for a in ("young", "middle", "old"))
    )
    contributions.write_text("region,age,contributor,cost\n" + "".join(f"{r},{a},{f},1\n" for r, a, f in givers))
    protect_file(POLICY, table, layout=plan_file, out=tmp_path / "out", contributions=contributions)
    rows = pyarrow.csv.read_csv(tmp_path / "out" / "released.csv").to_pylist()
    status = {(str(row["region"]).zfill(4), row["age"]): row["cost_status"] for row in rows}
    assert {status["0101", age] for age in ("young", "middle", "old")} == {"sup"}
    for age in ("young", "middle", "old"):
        assert sum(status[r, age] == "sup" for r in ("0101", "0102", "0103")) >= 2
    with pytest.raises(InputRefused, match="contributors"):
        protect_file(POLICY, table, layout=plan_file, out=tmp_path / "out")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"mechanism": {"noise_bound": 5}}, "mechanism"),
        ({"attacker": {"absent": "perhaps"}}, "absent"),
        ({"attacker": {"multi_response": ["drug"]}}, "multi_response"),
        ({"rules": {"n": {"nk": [[1, 75]]}}}, "dominance"),
        ({"rules": {"n": {"p_percent": 10}}}, "p_percent"),
        ({"rules": {"m": {}}}, "measures that are not there"),
        ({"measures": {"n": {"kind": "median"}}}, "kind"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_what_is_not_built_or_not_understood_is_refused_by_name(
    changes: dict[str, Any], named: str, tmp_path: Path
) -> None:
    table, plan = files(tmp_path, 0, layout(**changes))
    with pytest.raises(InputRefused, match=named):
        protect_file(POLICY, table, layout=plan, out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("tree", "named"),
    [
        ({"all": ["a", "b"], "a": ["all"]}, "loop through 'all'"),
        ({"all": ["a", "b"], "a": ["x"], "b": ["x"]}, "two parents of one hierarchy: 'x'"),
        ({"all": ["a"], "c": ["y"]}, "all leaves: 'y'"),
        ({"all": ["a", "b"], "b": []}, "a parent has no children: 'b'"),
    ],
)
def test_a_hierarchy_with_a_loop_a_gap_or_two_parents_is_refused(
    tree: dict[str, list[str]], named: str, tmp_path: Path
) -> None:
    plan = layout()
    plan["dims"]["age"]["hierarchies"] = [tree]
    table, plan_file = files(tmp_path, 0, plan)
    with pytest.raises(InputRefused, match=named):
        protect_file(POLICY, table, layout=plan_file, out=tmp_path / "out")


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("region,age,n\n0101,old,2\n0101,young,-1\n", "row 2: column 'n' holds a negative count"),
        ("region,age,n\n0101,young,1.5\n", "row 1: column 'n' has a missing value or more decimals"),
        ("region,age,n\n0101,old,3\n0101,young,\n", "row 2: column 'n' has a missing value"),
        ("region,age,n\n0101,young,1\n9999,young,1\n", "row 2: column 'region' holds a code that is no leaf"),
        ("region,age,n\n0101,young,1\nSE,young,1\n", "row 2: column 'region' holds a code that is no leaf"),
        ("region,age,n\n0101,young,1\n0102,old,4\n0101,young,3\n", "rows 1 and 3: the same leaf cell twice"),
        ("region,n\n0101,1\n", "no column 'age'"),
        ("region,age,n\n0101,young,many\n", "not numeric"),
    ],
)
def test_a_bad_table_is_refused_by_column(content: str, named: str, tmp_path: Path) -> None:
    _, plan = files(tmp_path, 0, layout())
    table = tmp_path / "bad.csv"
    table.write_text(content, encoding="utf-8")
    with pytest.raises(InputRefused, match=named):
        protect_file(POLICY, table, layout=plan, out=tmp_path / "out")


def test_too_few_persons_get_no_table(tmp_path: Path) -> None:
    _, plan = files(tmp_path, 0, layout())
    table = tmp_path / "few.csv"
    table.write_text("region,age,n\n0101,young,49\n", encoding="utf-8")
    with pytest.raises(DisclosureRefused, match="fewer persons"):
        protect_file(POLICY, table, layout=plan, out=tmp_path / "out")


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        ("{'dims': 1}", r"layout\.json: is not JSON: key must be a string at line 1 column 2\.$"),
        (json.dumps(layout(colour="red")), r"layout\.json: colour: unknown field\.$"),
        (json.dumps({"measures": {"n": {"kind": "count"}}}), r"layout\.json: dims: the field is missing\.$"),
        (json.dumps(layout(measures={})), r"layout\.json: measures: "),
    ],
)
def test_what_is_wrong_with_a_layout_is_told_in_words_of_ours(tmp_path: Path, plan: str, said: str) -> None:
    table, where = files(tmp_path, 1, layout())
    where.write_text(plan, encoding="utf-8")
    with pytest.raises(InputRefused) as refused:
        protect_file(POLICY, table, layout=where, out=tmp_path / "out")
    assert re.search(said, refused.value.message)
    assert refused.value.mend


def test_a_table_without_rows_says_so(tmp_path: Path) -> None:
    table, where = files(tmp_path, 1, layout())
    table.write_text("region,age,n\n", encoding="utf-8")
    with pytest.raises(InputRefused, match="has column names but no row"):
        protect_file(POLICY, table, layout=where, out=tmp_path / "out")

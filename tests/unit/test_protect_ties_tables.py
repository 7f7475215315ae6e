"""Tables nobody crossed are tied all the same: by the calendar, by declared nestings, by reasons beside them."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from linkage.disclosure_policy import shipped_policies
from linkage.errors import InputRefused
from linkage_core.counted_table import CountedTable, Dimension, Line, Nesting, PersonCube, Split, Statistic, SumCube
from linkage_core.disclosure import ProtectedTable, from_bytes, protect, to_bytes

POLICY = shipped_policies()["standard@1.0.0"]


def series(name: str, counts: dict[str, int], key: str = "population") -> PersonCube:
    return PersonCube(key, (Dimension(name, tuple(counts)),), np.array([*counts.values(), sum(counts.values())]))


def persons_of(*names: str) -> tuple[Line, ...]:
    return tuple(Line("population", "", Statistic.PERSONS, (name,), numerator_key="population") for name in names)


def shown(protected: ProtectedTable, name: str) -> dict[str, float | None]:
    return {row[name]: row["value"] for row in protected.table.to_pylist() if row[name] != "total"}


def test_a_hidden_month_does_not_come_back_as_the_rest_of_its_year() -> None:
    months = series("index_month", {"2023-11": 60, "2023-12": 5, "2024-01": 80, "2024-02": 90})
    years = series("index_year", {"2023": 65, "2024": 170})
    protected = protect(CountedTable((months, years), (), (), persons_of("index_month", "index_year")), POLICY)
    by_month = shown(protected, "index_month")
    assert by_month["2023-12"] is None
    assert by_month["2023-11"] is None or shown(protected, "index_year")["2023"] is None
    assert {row["period"] for row in protected.table.to_pylist()} >= {"2023-12", "2024", "total"}


def test_a_hidden_hospital_does_not_come_back_as_the_rest_of_its_region() -> None:
    hospitals = series("hospital", {"H1": 60, "H2": 5, "H3": 80, "H4": 90})
    regions = series("region", {"north": 65, "south": 170})
    parents = (("H1", "north"), ("H2", "north"), ("H3", "south"), ("H4", "south"))
    tables = ((hospitals, regions), (), (), persons_of("hospital", "region"))
    protected = protect(CountedTable(*tables, nestings=(Nesting("hospital", "region", parents),)), POLICY)
    by_hospital = shown(protected, "hospital")
    assert by_hospital["H2"] is None
    assert by_hospital["H1"] is None or shown(protected, "region")["north"] is None


def test_a_small_complement_hides_its_numerator() -> None:
    counts = {"H1": 60, "H2": 70, "H3": 80}
    users = {"H1": 57, "H2": 30, "H3": 40}
    cubes = (series("hospital", counts), series("hospital", users, "users"))
    line = Line("users", "", Statistic.SHARE, ("hospital",), "users", "population", interval="wilson")
    protected = protect(CountedTable(cubes, (), (), (*persons_of("hospital"), line)), POLICY)
    rows = {row["hospital"]: row for row in protected.table.to_pylist() if row["indicator"] == "users"}
    assert rows["H1"]["numerator"] is None
    assert rows["H1"]["lower"] is None
    assert sum(row["value"] is None for row in rows.values()) >= 2


def test_few_between_two_printed_windows_are_hidden_though_one_between_them_is_blank() -> None:
    within = {"a30": {"H1": 12, "H2": 40}, "b90": {"H1": 14, "H2": 70}, "c365": {"H1": 15, "H2": 95}}
    cubes = [series("hospital", {"H1": 60, "H2": 200})]
    cubes += [series("hospital", counts, key) for key, counts in within.items()]
    splits = [Split("b90", ("a30", "b90 without a30")), Split("c365", ("b90", "c365 without b90"))]
    lines = [Line(key, "", Statistic.PERSONS, ("hospital",), numerator_key=key) for key in within]
    protected = protect(CountedTable(tuple(cubes), (), tuple(splits), tuple(lines)), POLICY)
    first = {row["indicator"]: row["value"] for row in protected.table.to_pylist() if row["hospital"] == "H1"}
    assert sum(value is not None for value in first.values()) == 1


def test_one_grouping_in_two_ways_is_refused() -> None:
    fine, coarse = series("age", {"<65": 60, "65+": 80}), series("age", {"<75": 100, "75+": 40}, "users")
    with pytest.raises(InputRefused, match="two ways"):
        protect(CountedTable((fine, coarse), (), (), persons_of("age")), POLICY)


@pytest.mark.parametrize(("persons", "named"), [([60, 80, 139], "add up"), ([-1, 141, 140], "negative")])
def test_a_table_that_contradicts_itself_is_refused(persons: list[int], named: str) -> None:
    cube = PersonCube("population", (Dimension("hospital", ("H1", "H2")),), np.array(persons))
    with pytest.raises(InputRefused, match=named):
        protect(CountedTable((cube,), (), (), persons_of("hospital")), POLICY)


def test_reasons_are_counts_of_persons_too() -> None:
    cubes = (
        series("hospital", {"H1": 100, "H2": 100}),
        series("hospital", {"H1": 98, "H2": 98}, "valued"),
        series("hospital", {"H1": 2, "H2": 2}, "died"),
    )
    splits = (Split("population", ("valued", "died")),)
    reasons = (("statins", "died", "died"),)
    protected = protect(CountedTable(cubes, (), splits, persons_of("hospital"), reasons), POLICY)
    assert protected.reasons.to_pylist() == [
        {"indicator": "statins", "reason": "died", "persons": None, "status": "suppressed"}
    ]


def test_means_and_sums_need_enough_contributors() -> None:
    axis = (Dimension("hospital", ("H1", "H2", "H3")),)
    cubes = (
        series("hospital", {"H1": 60, "H2": 70, "H3": 80}),
        series("hospital", {"H1": 9, "H2": 30, "H3": 40}, "users"),
    )
    sums = (SumCube("ddd", axis, np.array([90_00, 400_50, 500_00, 990_50]), 100, "users"),)
    lines = (
        Line("ddd", "", Statistic.SUM, ("hospital",), sum_key="ddd"),
        Line("ddd", "", Statistic.MEAN, ("hospital",), denominator_key="users", sum_key="ddd"),
    )
    rows = protect(CountedTable(cubes, sums, (), lines), POLICY).table.to_pylist()
    hidden = {(row["statistic"], row["hospital"]) for row in rows if row["value"] is None}
    assert {("sum", "H1"), ("mean", "H1")} <= hidden
    assert all(len([h for s, h in hidden if s == statistic]) >= 2 for statistic in ("sum", "mean"))
    open_means = [row for row in rows if row["statistic"] == "mean" and row["value"] is not None]
    assert all(row["value"] == pytest.approx(row["numerator"] / row["denominator"]) for row in open_means)


def test_a_stored_table_is_read_back_only_if_it_is_what_was_stored() -> None:
    protected = protect(
        CountedTable((series("hospital", {"H1": 60, "H2": 5}),), (), (), persons_of("hospital")), POLICY
    )
    content = to_bytes(protected)
    again = from_bytes(content, sha256=hashlib.sha256(content).hexdigest())
    assert again.table.equals(protected.table)
    assert to_bytes(again) == content
    with pytest.raises(InputRefused, match="not what was stored"):
        from_bytes(content + b" ", sha256=hashlib.sha256(content).hexdigest())

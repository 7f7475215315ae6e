"""What a sum of numbers of things tells beside the persons who reach its thresholds, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from linkage.disclosure_policy import shipped_policies
from linkage_core.counted_table import (
    CountedTable,
    Dimension,
    Line,
    PeriodPart,
    PersonCube,
    Statistic,
    SumCube,
    SumThreshold,
)
from linkage_core.disclosure import protect
from linkage_core.disclosure.cell_system import CellSystem, Ints
from linkage_core.disclosure.person_cells import number_persons
from linkage_core.disclosure.sum_cells import number_sums, sum_system

POLICY = shipped_policies()["standard@1.0.0"]
SEX = (Dimension("sex", ("man", "woman")),)
YEAR = Dimension("year", ("2020", "2021"))


def cells(*numbers: int) -> Ints:
    return np.array(numbers, dtype=np.int64)


def state(
    drugs: Ints, *, hidden: tuple[str, int] | None = None, scale: int = 1, without_thresholds: bool = False
) -> tuple[CellSystem, Ints, Ints]:
    """20 men and 30 women have a drug, 10 and 12 of them three; the cells of their drugs, and those of days."""
    table = CountedTable(
        (PersonCube("one", SEX, cells(20, 30, 50)), PersonCube("three", SEX, cells(10, 12, 22))),
        (SumCube("drugs", SEX, drugs * scale, scale, "one"), SumCube("days", SEX, cells(41, 55, 96), 1, "one")),
        (),
        tuple(Line(key, "", Statistic.SUM, ("sex",), sum_key=key) for key in ("drugs", "days")),
        thresholds=(SumThreshold("drugs", "three", 3), SumThreshold("drugs", "one", 1)),
    )
    sums, persons = number_sums(table), number_persons(table)
    closed = np.zeros(persons.values.size, dtype=np.bool_)
    if hidden is not None:
        closed[persons.cube(hidden[0], ("sex",))[hidden[1]]] = True
    system, demand = sum_system(
        table, sums, persons, hidden_persons=closed, policy=POLICY, without_thresholds=without_thresholds
    )
    own, others = sums.cube("drugs", ("sex",)), sums.cube("days", ("sex",))
    assert not system.sensitive[others].any() or (hidden is not None and hidden[0] == "one")
    assert not system.reach[others].any()
    assert demand.spans[others].min() >= 1
    assert not system.at_least[others].any()
    return system, own, demand.spans


@pytest.mark.parametrize("scale", [1, 100])
def test_a_sum_little_above_what_its_thresholds_account_for_is_a_count_of_few(scale: int) -> None:
    # 20 + 2 x 10 and 30 + 2 x 12 drugs are accounted for. Five more of the men's are of few; of the women's none is.
    system, own, spans = state(cells(45, 54, 99), scale=scale)
    assert system.at_least[own].tolist() == [40 * scale, 54 * scale, 94 * scale]
    assert system.sensitive[own].tolist() == [True, False, True]
    assert system.reach[own].tolist() == [50 * scale, 0, 104 * scale]
    room = (POLICY.minimum_candidates - 1) * scale
    assert spans[own].tolist() == [room, 0, room]


@pytest.mark.parametrize(("more", "few"), [(0, False), (1, True), (9, True), (10, False)])
def test_as_many_as_a_cell_may_show_are_not_few(more: int, few: bool) -> None:
    system, own, _ = state(cells(40 + more, 94, 134 + more))
    assert bool(system.sensitive[own[0]]) is few


def test_a_sum_goes_with_a_threshold_that_is_hidden() -> None:
    system, own, spans = state(cells(70, 94, 164), hidden=("three", 1))
    assert system.sensitive[own].tolist() == [False, True, False]
    assert spans[own[1]] == 0
    assert system.reach[own[1]] == 0
    assert state(cells(70, 94, 164), hidden=("one", 0))[0].sensitive[own].tolist() == [True, False, False]


def test_all_sums_with_thresholds_stay_blank_where_hiding_some_is_not_enough() -> None:
    system, own, spans = state(cells(45, 54, 99), without_thresholds=True)
    assert system.sensitive[own].all()
    assert not system.reach[own].any()
    assert not spans[own].any()


@pytest.mark.parametrize(("outside", "hidden"), [(0, False), (1, True), (2, True), (3, False)])
def test_a_sum_of_a_period_that_lacks_few_contributors_of_its_whole_is_hidden(outside: int, hidden: bool) -> None:
    policy = POLICY.model_copy(update={"minimum_contributors": 3})
    everybody = PersonCube("users", (YEAR,), cells(40, 50, 90))
    here = PersonCube("users there", (), cells(40 - outside).reshape(()))
    table = CountedTable(
        (everybody, here),
        (
            SumCube("cost", (YEAR,), cells(400, 500, 900), 1, "users"),
            SumCube("cost there", (), cells(390).reshape(()), 1, "users there"),
        ),
        (),
        (
            Line("cost", "", Statistic.SUM, ("year",), sum_key="cost"),
            Line("cost there", "", Statistic.SUM, (), sum_key="cost there"),
        ),
        period_parts=(PeriodPart("users", "year", "2020", "users there"),),
    )
    sums, persons = number_sums(table), number_persons(table)
    system, _ = sum_system(
        table, sums, persons, hidden_persons=np.zeros(persons.values.size, dtype=np.bool_), policy=policy
    )
    assert bool(system.sensitive[sums.cube("cost there", ())]) is hidden
    assert not system.sensitive[sums.cube("cost", ("year",))].any()


def test_of_amounts_that_were_taken_back_a_reader_knows_no_least() -> None:
    users = PersonCube("users", SEX, cells(20, 30, 50))
    sums = (SumCube("cost", SEX, cells(400, -5, 395), 1, "users"), SumCube("days", SEX, cells(7, 0, 7), 1, "users"))
    table = CountedTable(
        (users,), sums, (), tuple(Line(one.sum_key, "", Statistic.SUM, ("sex",), sum_key=one.sum_key) for one in sums)
    )
    numbered, persons = number_sums(table), number_persons(table)
    nobody = np.zeros(persons.values.size, dtype=np.bool_)
    system, _ = sum_system(table, numbered, persons, hidden_persons=nobody, policy=POLICY)
    assert (system.at_least[numbered.cube("cost", ("sex",))] < -(1 << 40)).all()
    assert (system.at_least[numbered.cube("days", ("sex",))] == 0).all()


def test_amounts_that_were_taken_back_hide_few_others() -> None:
    """Of four men of one region 50 was taken back: its women, and both of another region, hide it; no total does."""
    region, sex = Dimension("region", ("a", "b", "c")), Dimension("sex", ("man", "woman"))

    def with_totals(*rows: tuple[int, int]) -> Ints:
        by_sex = np.concatenate([np.array(rows), np.array(rows).sum(axis=1, keepdims=True)], axis=1)
        return np.concatenate([by_sex, by_sex.sum(axis=0, keepdims=True)])

    users = PersonCube("users", (region, sex), with_totals((4, 30), (40, 50), (60, 70)))
    cost = SumCube("cost", (region, sex), with_totals((-50, 300), (400, 500), (600, -20)), 1, "users")
    line = Line("cost", "", Statistic.SUM, ("region", "sex"), sum_key="cost")
    released = protect(CountedTable((users,), (cost,), (), (line,)), POLICY).table.to_pylist()
    told = {(one["region"], one["sex"]): one["value"] for one in released}
    blank = {at for at, value in told.items() if value is None}
    assert len(blank) == 4
    assert {("a", "man"), ("a", "woman")} < blank
    assert not any("total" in at for at in blank)
    assert told["a", "total"] == 250

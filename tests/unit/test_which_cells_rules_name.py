"""Which cells a calendar, an exception, company secrecy and counts by class name, by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pytest

from linkage.disclosure_policy import shipped_policies
from linkage.policy_exceptions import ExceptedRule, SignedException
from linkage_core.class_table import ClassKind, ClassSum, ClassTable, PersonClass
from linkage_core.counted_table import CountedTable, Dimension, Line, PeriodPart, PersonCube, Statistic, SumCube
from linkage_core.disclosure.calendar_strata import calendar_nestings
from linkage_core.disclosure.cell_system import Relations
from linkage_core.disclosure.class_cells import class_prints, full_class_cells, sums_beside_classes, tie_classes
from linkage_core.disclosure.excepted_cells import excepted_cells
from linkage_core.disclosure.linked_cells import Numbered, number_cells, tie_periods
from linkage_core.disclosure.person_cells import is_small, number_persons
from linkage_core.disclosure.sum_cells import number_sums
from linkage_core.disclosure.withheld import Withheld, sold_by_one, withheld_persons, withheld_sums

SEX = Dimension("sex", ("man", "woman"))
YEAR = Dimension("index_year", ("2020", "2021"))
BINS = Dimension("cost/classes", ("low", "high", "higher"))


def with_margins(leaves: list[object]) -> np.ndarray:
    cube = np.array(leaves, dtype=np.int64)
    for axis in range(cube.ndim):
        cube = np.concatenate([cube, cube.sum(axis=axis, keepdims=True)], axis=axis)
    return cube


def nestings(*dimensions: Dimension) -> dict[tuple[str, str], tuple[tuple[str, str], ...]]:
    return {(one.fine, one.coarse): one.parents for one in calendar_nestings(dimensions)}


@pytest.mark.parametrize(
    "quarters", [("2019K4", "2020-Q1", "2020K4", "2021Q1"), ("2019Q4", "2020Q1", "2020-K4", "2021Q1")]
)
def test_months_lie_in_quarters_and_both_in_years(quarters: tuple[str, ...]) -> None:
    months = ("2019-12", "202001", "2020-03", "2020-04", "2020-10", "2020-12", "2021-01")
    found = nestings(
        Dimension("index_month", months),
        Dimension("index_quarter", quarters),
        Dimension("index_year", ("2019", "2020", "2021", "unknown")),
        Dimension("death_year", ("2020",)),
        SEX,
    )
    before, first, last, after = quarters
    assert found == {
        ("index_month", "index_quarter"): (
            ("2019-12", before),
            ("202001", first),
            ("2020-03", first),
            ("2020-10", last),
            ("2020-12", last),
            ("2021-01", after),
        ),
        ("index_month", "index_year"): tuple((month, month[:4]) for month in months),
        ("index_quarter", "index_year"): tuple((quarter, quarter[:4]) for quarter in quarters),
    }


def test_what_is_no_period_lies_in_none_and_strata_of_two_calendars_do_not_nest() -> None:
    assert nestings(Dimension("index_month", ("2020-01", "none")), Dimension("index_year", ("none", "2020"))) == {
        ("index_month", "index_year"): (("2020-01", "2020"),)
    }
    assert not nestings(Dimension("index_month", ("2020-01",)), Dimension("death_year", ("2020",)))


def table(*lines: Line, **more: object) -> CountedTable:
    users = PersonCube("cost/users", (YEAR, SEX), with_margins([[20, 30], [40, 0]]))
    others = PersonCube("start/yes", (SEX,), with_margins([11, 12]))
    sums = SumCube("cost/sum", (YEAR, SEX), with_margins([[200, 300], [400, 0]]), 1, "cost/users")
    return CountedTable((users, others), (sums,), (), lines, **more)  # type: ignore[arg-type]


COST = Line("cost", "", Statistic.SUM, ("index_year", "sex"), numerator_key="cost/users", sum_key="cost/sum")
START = Line("start", "", Statistic.PERSONS, ("sex",), numerator_key="start/yes")


def excepted(cell: dict[str, str], *lines: Line, rule: ExceptedRule = "p_percent") -> dict[str, list[list[int]]]:
    """Flags of cells by set: rows of years, columns of sexes, totals last."""
    counted = table(*(lines or (COST, START)))
    cells = number_persons(counted)
    signed = SignedException(
        rule="p_percent",
        cell=cell,
        officer="an officer",
        signed_at=datetime(2026, 1, 1, tzinfo=UTC),
        reason="known to all",
    )
    found = excepted_cells([signed], rule, counted, cells, key_of=lambda line: line.numerator_key).astype(int)
    cost, start = found[cells.cube("cost/users", ("index_year", "sex"))], found[cells.cube("start/yes", ("sex",))]
    return {"cost": cost.tolist(), "start": [start.tolist()]}


NONE = {"cost": [[0, 0, 0]] * 3, "start": [[0, 0, 0]]}


def test_an_exception_is_about_the_cell_that_it_names_totals_where_it_names_none() -> None:
    assert excepted({"sex": "man", "index_year": "2021"})["cost"] == [[0, 0, 0], [1, 0, 0], [0, 0, 0]]
    assert excepted({"sex": "woman"}) == {"cost": [[0, 0, 0], [0, 0, 0], [0, 1, 0]], "start": [[0, 1, 0]]}
    assert excepted({"sex": "woman", "indicator": "start"}) == NONE | {"start": [[0, 1, 0]]}
    assert excepted({"indicator": "cost"}) == NONE | {"cost": [[0, 0, 0], [0, 0, 0], [0, 0, 1]]}
    assert excepted({"period": "2020"})["cost"] == [[0, 0, 1], [0, 0, 0], [0, 0, 0]]


def test_an_exception_without_a_cell_holds_everywhere_and_one_of_another_rule_nowhere() -> None:
    assert excepted({}) == {"cost": [[1, 1, 1]] * 3, "start": [[1, 1, 1]]}
    assert excepted({}, rule="dominance") == NONE


def test_an_exception_of_what_the_table_does_not_have_means_no_cell() -> None:
    for cell in ({"region": "north"}, {"sex": "other"}, {"indicator": "none"}, {"period": "1990"}):
        assert excepted(cell) == NONE
    # A line that the rule is not about, with no set of its own, is passed over.
    assert excepted({"sex": "man"}, Line("mean", "", Statistic.SUM, ("sex",)), START)["start"] == [[1, 0, 0]]


def withheld(own: Withheld, *lines: Line) -> tuple[list[list[int]], list[list[int]]]:
    """Sum cells, and person cells, that may not be known."""
    counted = table(*(lines or (COST, START)))
    sums, persons = number_sums(counted), number_persons(counted)
    of_sums = withheld_sums(counted, sums, {"cost": own})[sums.cube("cost/sum", ("index_year", "sex"))]
    of_persons = withheld_persons(counted, persons, {"cost": own})
    assert not of_persons[persons.cube("start/yes", ("sex",))].any()
    return of_sums.astype(int).tolist(), of_persons[persons.cube("cost/users", ("index_year", "sex"))].astype(
        int
    ).tolist()


def test_what_one_company_sells_is_withheld_at_the_levels_that_it_is_about() -> None:
    men = {"sex": frozenset({"man"})}
    nothing = [[0, 0, 0]] * 3
    assert withheld(Withheld(levels=men)) == ([[1, 0, 0]] * 3, nothing)
    assert withheld(Withheld(levels=men, persons=True)) == ([[1, 0, 0]] * 3, [[1, 0, 0]] * 3)
    assert withheld(Withheld(levels=men, sums=False, persons=True)) == (nothing, [[1, 0, 0]] * 3)
    assert withheld(Withheld(levels=men, sums=False)) == (nothing, nothing)


def test_everything_is_withheld_but_persons_where_there_are_none() -> None:
    every, populated = [[1, 1, 1]] * 3, [[1, 1, 1], [1, 0, 1], [1, 1, 1]]
    assert withheld(Withheld(everywhere=True, persons=True)) == (every, populated)
    of_year = Line(
        "cost", "", Statistic.SUM, ("index_year", "sex"), "cost/users", sum_key="cost/sum", period=("year", "2020")
    )
    levels = {"year": frozenset({"2020"})}
    assert withheld(Withheld(levels=levels, persons=True), of_year) == (every, populated)
    assert withheld(Withheld(levels={"year": frozenset({"2021"})}, persons=True), of_year) == ([[0, 0, 0]] * 3,) * 2


def test_a_company_that_alone_sells_at_a_level_is_the_contributor_of_its_sums() -> None:
    counted = table(COST, START)
    sums = number_sums(counted)
    own = Withheld(companies={"sex": {"man": "Alpha", "woman": "Beta"}})
    given = sold_by_one(counted, sums, {"cost": own})
    cube = sums.cube("cost/sum", ("index_year", "sex"))
    assert sorted(given.cell.tolist()) == sorted(cube[:, :2].ravel().tolist())
    who = dict(zip(given.cell.tolist(), given.contributor.tolist(), strict=True))
    assert len({who[cell] for cell in cube[:, 0].tolist()}) == len({who[cell] for cell in cube[:, 1].tolist()}) == 1
    assert who[int(cube[0, 0])] != who[int(cube[0, 1])]
    assert given.amount.tolist() == sums.values[given.cell].tolist()
    assert sold_by_one(counted, sums, {"start": own}).cell.size == 0


def classes(*, sum_key: str = "") -> ClassTable:
    bins = tuple(PersonClass(level, place, place + 1) for place, level in enumerate(BINS.levels))
    return ClassTable("cost", "", ClassKind.VALUES, (), "cost/by", ("sex",), BINS.name, bins, sum_key=sum_key)


def by_class(persons: list[list[int]], told: ClassTable) -> tuple[CountedTable, Numbered]:
    cube = PersonCube("cost/by", (SEX, BINS), with_margins(persons))  # type: ignore[arg-type]
    sums = SumCube("cost/sum", (SEX,), with_margins([100, 200]), 1, "cost/by")
    counted = CountedTable((cube,), (sums,), (), (), classes=(told,))
    return counted, number_persons(counted)


def test_a_class_of_everybody_in_a_shown_total_is_marked_with_the_zeros_beside_it() -> None:
    counted, cells = by_class([[7, 0, 0], [5, 6, 0]], classes())
    cube = cells.cube("cost/by", ("sex", BINS.name))
    nobody = np.zeros(cells.values.size, dtype=np.bool_)
    assert full_class_cells(counted, cells, nobody)[cube].astype(int).tolist() == [[1, 1, 1, 0], [0] * 4, [0] * 4]
    hidden = nobody.copy()
    hidden[cube[0, -1]] = True
    assert not full_class_cells(counted, cells, hidden).any()
    assert sorted(class_prints(counted, cells).tolist()) == list(range(cells.values.size))


def test_a_sum_with_a_hidden_bin_is_hidden() -> None:
    counted, cells = by_class([[7, 8, 9], [5, 6, 7]], classes(sum_key="cost/sum"))
    sums = number_sums(counted)
    hidden = np.zeros(cells.values.size, dtype=np.bool_)
    cube, own = cells.cube("cost/by", ("sex", BINS.name)), sums.cube("cost/sum", ("sex",))
    hidden[cube[1, 2]] = True
    assert sums_beside_classes(counted, sums, cells, hidden)[own].tolist() == [False, True, False]
    # The number of all of them is no bin.
    assert not sums_beside_classes(counted, sums, cells, np.isin(np.arange(hidden.size), cube[:, -1])).any()
    silent, others = by_class([[7, 8, 9], [5, 6, 7]], classes())
    assert not sums_beside_classes(silent, number_sums(silent), others, hidden).any()


def test_a_set_that_classes_make_up_is_their_sum() -> None:
    cells = number_cells(
        [
            ("cost/by", (SEX, BINS), with_margins([[7, 8, 9], [5, 6, 7]])),
            ("dear", (SEX,), np.array([17, 13, 30])),
            ("other", (SEX,), np.array([1, 2, 3])),
        ]
    )
    relations = Relations()
    tie_classes(cells, [ClassSum("dear", "cost/by", BINS.name, ("high", "higher"), (), True)], relations)
    tie_classes(cells, [ClassSum("other", "cost/by", BINS.name, (), ("low",), False)], relations)
    starts, members, remainder, implied = relations.build(cells.values)
    told = [cells.values[members[start:end]].tolist() for start, end in pairwise(starts.tolist())]
    assert sorted(told) == [[13, 6, 7], [17, 8, 9], [30, 14, 16]]
    assert not remainder.any()
    assert not implied.any()


def test_a_set_of_one_period_is_part_of_its_whole_at_that_period() -> None:
    cells = number_cells(
        [
            ("users", (YEAR, SEX), with_margins([[20, 30], [40, 50]])),
            ("known", (SEX,), np.array([15, 30, 45])),
            ("more", (SEX,), np.array([41, 30, 71])),
        ]
    )
    relations = Relations()
    parts = [PeriodPart("users", "index_year", "2020", "known"), PeriodPart("users", "index_year", "2021", "more")]
    tie_periods(cells, [*parts, PeriodPart("nobody", "index_year", "2020", "known")], relations)
    starts, members, remainder, implied = relations.build(cells.values)
    told = [cells.values[members[start:end]].tolist() for start, end in pairwise(starts.tolist())]
    # Of amounts a part may be more than its whole, where rows are reversed: it is left out.
    assert sorted(zip(told, remainder.tolist(), strict=True)) == [
        ([20, 15], 5),
        ([30, 30], 0),
        ([50, 30], 20),
        ([50, 45], 5),
        ([90, 71], 19),
    ]
    assert implied.all()


@pytest.mark.parametrize(("zero_shown", "small"), [(True, [0, 1, 1, 0, 0]), (False, [1, 1, 1, 0, 0])])
def test_counts_below_the_least_are_small_and_zero_where_it_is_not_shown(zero_shown: bool, small: list[int]) -> None:
    policy = shipped_policies()["standard@1.0.0"].model_copy(update={"zero_shown": zero_shown, "minimum_cell": 10})
    assert is_small(np.array([0, 1, 9, 10, 11]), policy).astype(int).tolist() == small


@pytest.mark.parametrize("kind", [ClassKind.TIMES, ClassKind.VALUES])
def test_classes_tell_what_a_company_sells_if_of_amounts_or_if_patients_are_kept_back(
    kind: ClassKind,
) -> None:
    counted, cells = by_class([[7, 8, 0], [5, 6, 7]], replace(classes(), kind=kind))
    cube = cells.cube("cost/by", ("sex", BINS.name))
    men = {"sex": frozenset({"man"})}

    def marked(own: Withheld) -> list[list[int]]:
        return withheld_persons(counted, cells, {"cost": own})[cube].astype(int).tolist()  # type: ignore[no-any-return]

    nothing, of_men = [[0] * 4] * 3, [[1, 1, 0, 0], [0] * 4, [0] * 4]
    assert marked(Withheld(levels=men, sums=True)) == (of_men if kind is ClassKind.VALUES else nothing)
    assert marked(Withheld(levels=men, sums=False)) == nothing
    assert marked(Withheld(levels=men, sums=False, persons=True)) == of_men
    everything = [[1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 0]]
    assert marked(Withheld(everywhere=True, sums=False, persons=True)) == everything
    assert marked(Withheld(levels=men, sums=False, persons=True, everywhere=False)) == of_men
    assert not withheld_persons(counted, cells, {"other": Withheld(everywhere=True, persons=True)}).any()

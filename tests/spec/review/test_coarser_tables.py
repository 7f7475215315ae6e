"""A table made coarser from its own counts, on tables that can be worked out by hand."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from linkage.disclosure_policy import shipped_policies
from linkage.errors import InputRefused
from linkage_core.counted_file import counted_from_bytes, counted_to_bytes
from linkage_core.counted_table import (
    CountedTable,
    Dimension,
    Line,
    Meeting,
    Nesting,
    PersonCube,
    Split,
    Statistic,
    SumCube,
    SumThreshold,
)
from linkage_core.table_review.coarsening import Coarsening, coarsened
from linkage_core.table_review.coarser_levels import coarser_steps, joined
from linkage_core.table_review.proposals import proposals

POLICY = shipped_policies()["standard@1.0.0"]
AGE = Dimension("age", ("<65", "65-74", "75-84", "85+"))
MUNICIPALITY = Dimension("municipality", ("0114", "0180", "2021", "unknown"))


def by_age_and_place(*, meetings: tuple[Meeting, ...] = ()) -> CountedTable:
    counts = np.array([[20, 90, 30, 1], [25, 80, 40, 0], [15, 70, 3, 0], [12, 60, 4, 0]], np.int64)
    counts = np.concatenate([counts, counts.sum(axis=0, keepdims=True)])
    counts = np.concatenate([counts, counts.sum(axis=1, keepdims=True)], axis=1)
    dimensions = (AGE, MUNICIPALITY)
    return CountedTable(
        (PersonCube("population", dimensions, counts),),
        (SumCube("packages", dimensions, 2 * counts, 1, "population"),),
        (),
        (
            Line("population", "", Statistic.PERSONS, ("age", "municipality"), numerator_key="population"),
            Line("packages", "", Statistic.SUM, ("age", "municipality"), sum_key="packages"),
        ),
        meetings=meetings,
    )


def test_ages_next_to_each_other_are_joined_two_and_two() -> None:
    step = next(step for step in coarser_steps(by_age_and_place()) if step.dimension == "age")
    assert step.levels == (("<65", "<75"), ("65-74", "<75"), ("75-84", "75+"), ("85+", "75+"))
    table = coarsened(by_age_and_place(), step)
    (cube,), (sums,) = table.person_cubes, table.sum_cubes
    assert cube.dimensions[0] == Dimension("age", ("<75", "75+"))
    assert cube.persons.tolist() == [[45, 170, 70, 1, 286], [27, 130, 7, 0, 164], [72, 300, 77, 1, 450]]
    assert sums.sums.tolist() == (2 * cube.persons).tolist()


def test_municipalities_become_counties() -> None:
    step = next(step for step in coarser_steps(by_age_and_place()) if step.dimension == "municipality")
    table = coarsened(by_age_and_place(), step)
    (cube,) = table.person_cubes
    assert cube.dimensions[1] == Dimension("county", ("01", "20", "unknown"))
    assert cube.persons[-1].tolist() == [372, 77, 1, 450]
    assert {line.dimensions for line in table.lines} == {("age", "county")}


def test_a_dropped_dimension_leaves_its_totals() -> None:
    table = coarsened(by_age_and_place(), Coarsening("municipality"))
    (cube,) = table.person_cubes
    assert (cube.dimensions, cube.persons.tolist()) == ((AGE,), [141, 145, 88, 76, 450])
    (everybody,) = coarsened(table, Coarsening("age")).person_cubes
    assert (everybody.dimensions, everybody.persons.tolist()) == ((), 450)


def test_tables_that_become_alike_stand_once() -> None:
    table = by_age_and_place()
    ages = PersonCube("population", (AGE,), table.person_cubes[0].persons[:, -1])
    line = Line("population", "", Statistic.PERSONS, ("age",), numerator_key="population")
    both = CountedTable((*table.person_cubes, ages), (), (), (table.lines[0], line))
    found = coarsened(both, Coarsening("municipality"))
    assert len(found.person_cubes) == len(found.lines) == 1


def test_months_become_quarters_and_years() -> None:
    months = Dimension("index_month", ("2024-11", "2024-12", "2025-01"))
    cube = PersonCube("population", (months,), np.array([30, 40, 50, 120]))
    table = CountedTable((cube,), (), (), (Line("p", "", Statistic.PERSONS, ("index_month",), "population"),))
    quarter, year, dropped = coarser_steps(table)
    assert coarsened(table, quarter).person_cubes[0].dimensions == (Dimension("index_quarter", ("2024-Q4", "2025-Q1")),)
    assert coarsened(table, year).person_cubes[0].persons.tolist() == [70, 50, 120]
    assert dropped.drops


def test_drug_codes_of_persons_are_not_added_up_and_codes_of_one_each_are() -> None:
    atc = Dimension("atc", ("C10AA05", "C10AA07"), multi_response=True)
    cube = PersonCube("population", (atc,), np.array([60, 50, 90]))
    table = CountedTable((cube,), (), (), (Line("p", "", Statistic.PERSONS, ("atc",), "population"),))
    assert [step.drops for step in coarser_steps(table)] == [True]
    with pytest.raises(InputRefused, match="several levels of atc"):
        coarsened(table, joined(atc, atc.levels, "C10AA"))
    single = Dimension("first_drug", ("C10AA05", "C10AA07", "C10BA02"))
    cube = PersonCube("population", (single,), np.array([60, 50, 40, 150]))
    table = CountedTable((cube,), (), (), (Line("p", "", Statistic.PERSONS, ("first_drug",), "population"),))
    five = next(iter(coarser_steps(table)))
    assert coarsened(table, five).person_cubes[0].persons.tolist() == [110, 40, 150]


def test_a_coarser_level_that_another_stratum_makes_up_is_known_to_its_reader() -> None:
    """Hospitals cross the border of their municipalities, but not that of the county: a reader adds them up."""
    hospitals = PersonCube("population", (Dimension("hospital", ("A", "B")),), np.array([60, 80, 140]))
    places = PersonCube(
        "population", (Dimension("municipality", ("0114", "0180", "2021")),), np.array([30, 30, 80, 140])
    )
    lines = tuple(Line("p", "", Statistic.PERSONS, (name,), "population") for name in ("hospital", "municipality"))
    met = Meeting("hospital", "municipality", (("A", "0114"), ("A", "0180"), ("B", "2021")))
    table = CountedTable((hospitals, places), (), (), lines, meetings=(met,))
    step = next(step for step in coarser_steps(table) if step.dimension == "municipality")
    assert Nesting("hospital", "county", (("A", "01"), ("B", "20"))) in coarsened(table, step).nestings
    assert coarsened(table, Coarsening("municipality")).nestings == ()


def test_proposals_are_ranked_by_cells_hidden() -> None:
    found = proposals(by_age_and_place(), POLICY, secrets=lambda _: {})
    assert found == sorted(found, key=lambda one: (one.hidden is None, one.hidden))
    by_step = {(one.step.dimension, one.step.name or len({new for _, new in one.step.levels})): one for one in found}
    # One person of no known place, and 3 and 4 old ones of 2021: without places nothing small is left.
    assert by_step["municipality", 0].hidden == 0
    assert by_step["municipality", 0].cells == 10
    county, ages = by_step["municipality", "county"].hidden, by_step["age", 2].hidden
    assert county is not None
    assert ages is not None
    assert min(county, ages) > 0


def test_counts_are_stored_and_read_back_as_they_were() -> None:
    table = by_age_and_place(meetings=(Meeting("age", "municipality", (("<65", "0114"),)),))
    table = CountedTable(
        table.person_cubes,
        table.sum_cubes,
        (Split("population", ("yes", "no")),),
        table.lines,
        reasons=(("population", "no_time", "population"),),
        meetings=table.meetings,
        thresholds=(SumThreshold("packages", "population", 1),),
    )
    content = counted_to_bytes(table)
    again = counted_from_bytes(content, sha256=hashlib.sha256(content).hexdigest())
    assert counted_to_bytes(again) == content
    assert (again.lines, again.splits, again.meetings) == (table.lines, table.splits, table.meetings)
    np.testing.assert_array_equal(again.person_cubes[0].persons, table.person_cubes[0].persons)
    with pytest.raises(InputRefused, match="not what was stored"):
        counted_from_bytes(content[:-1] + b"x", sha256=hashlib.sha256(content).hexdigest())

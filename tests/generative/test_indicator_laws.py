"""Laws that every indicator obeys whatever the rows are."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage_core.aggregates import count_by
from linkage_core.events import Population
from linkage_core.indicators import Measure, PersonValues, evaluate
from tests.support.indicator_tables import DAY_0, drawn_set, register

PERSONS = ["anna", "bo", "cilla"]
CODES = ["C10AA05", "C10AA01", "B01AC06", "B01AC34", "B01AC04"]
ROW = st.fixed_dictionaries(
    {
        "person": st.sampled_from(PERSONS),
        "day": st.integers(-30, 60),
        "atc": st.sampled_from(CODES),
        "packages": st.integers(1, 3),
        "days_supply": st.integers(1, 40),
        "cost_total": st.integers(0, 500),
    }
)
ROWS = st.lists(ROW, min_size=1, max_size=14)

OBSERVE = "observe = { from = 0, to = 50 }"
SET = drawn_set(
    f'id = "pdc"\nkind = "proportion_of_days_covered"\ncodes = "statin"\nsupply = "given"\n{OBSERVE}\nthreshold = 0.8\n'
    "lookback_days = 20\nstock_cap_days = 30",
    'id = "dapt"\nkind = "proportion_of_days_covered"\ncodes = ["asa", "p2y12"]\ncombine = "all"\nsupply = "given"\n'
    f"{OBSERVE}\nlookback_days = 20",
    'id = "start"\nkind = "initiation"\ncodes = "statin"\nwindow = { from = 0, to = [10, 40] }\n'
    'washout = { from = -20, to = -1, effect = "stratify" }',
    'id = "drugs"\nkind = "drugs_at_date"\nat_day = 30\nrule = "dispensed"\ndispensed_within_days = 20\n'
    'denominator = "all"\nat_least = [2, 3]',
    f'id = "users"\nkind = "users"\ncodes = "statin"\n{OBSERVE}',
    f'id = "cost"\nkind = "cost"\n{OBSERVE}\nrow_strata = ["atc:5"]',
    'id = "episodes"\nkind = "treatment_episodes"\ncodes = ["statin", "asa"]\nsupply = "given"\ngap_days = [5, 20]\n'
    'follow_up_days = 50\nat_days = [10, 30]\nnew_episode_on = "medication_change"',
    'id = "stopped"\nkind = "time_to_discontinuation"\ncodes = "statin"\nsupply = "given"\ngap_percent = [50, 100]\n'
    'follow_up_days = 50\ncensoring = ["plain", "strict"]\ncompeting = "none"',
    'id = "available"\nkind = "medication_availability"\ncodes = ["statin", "asa"]\nsupply = "given"\nthreshold = 0.5\n'
    'measure = ["cma1", "cma2", "cma5", "cma6", "cma7", "cma8", "cma9"]\nsame_medication = true\n'
    'follow_up = { anchor = "index_date", offset = -20, length = 80 }\n'
    'observation = { anchor = "index_date", length = 50 }',
    'id = "in_windows"\nkind = "medication_availability"\ncodes = "statin"\nsupply = "given"\n'
    'measure = ["cma6", "cma7"]\n'
    'follow_up = { anchor = "first_event", length = "6 weeks" }\nsliding = { length = 20, every = 10, count = 3 }',
    'id = "in_episodes"\nkind = "medication_availability"\ncodes = "statin"\nsupply = "given"\nmeasure = "cma9"\n'
    'follow_up = { anchor = "first_event_from_index", length = 60 }\nepisodes = { gap_days = 10, count = 2 }',
    'id = "at_hand"\nkind = "covered_on_day"\ncodes = "statin"\nsupply = "given"\nat_days = [0, 20, 40]',
)


def population(persons: list[str], *, shift: int = 0) -> Population:
    return Population(
        hashed_ids=pa.array([PERSONS.index(name).to_bytes(16, "big") for name in persons], pa.binary(16)),
        index_date=pa.array([DAY_0 + timedelta(days=shift)] * len(persons), pa.date32()),
        sex=pa.array([1 + PERSONS.index(name) % 2 for name in persons], pa.uint8()),
    )


def values_of(rows: list[dict], *, persons: list[str] = PERSONS, shift: int = 0) -> list[PersonValues]:
    shifted = [{**row, "day": row["day"] + shift} for row in rows]
    events = {"lmed": register(persons, shifted, date_column="dispensing_date")}
    return evaluate(SET, population=population(persons, shift=shift), events=events, data_until={})


def said(values: list[PersonValues]) -> dict[str, list[tuple[int, str]]]:
    return {
        v.name: [(int(number), v.reasons[reason]) for number, reason in zip(v.value, v.reason, strict=True)]
        for v in values
    }


@settings(max_examples=100, deadline=None)
@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(rows, random):
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert said(values_of(shuffled)) == said(values_of(rows))


@settings(max_examples=100, deadline=None)
@given(ROWS, st.integers(0, 13))
def test_a_reversed_pair_changes_nothing(rows, which):
    pair = {**rows[which % len(rows)], "atc": "C10AA05", "packages": 7}
    after = values_of([*rows, pair, {**pair, "packages": -7, "cost_total": -pair["cost_total"]}])
    before = values_of(rows)
    had_rows = {v.name for v in before} - {v.name for v in after}
    assert not had_rows
    for one, other in zip(before, after, strict=True):
        assert one.value.tolist() == other.value.tolist(), one.name


@settings(max_examples=100, deadline=None)
@given(ROWS, st.integers(0, 13), st.integers(1, 39))
def test_a_dispensing_split_in_two_rows_changes_nothing(rows, which, part):
    whole = {**rows[which % len(rows)], "packages": 2, "days_supply": 40, "cost_total": 100}
    rest = [row for place, row in enumerate(rows) if place != which % len(rows)]
    halves = [
        {**whole, "packages": 1, "days_supply": part, "cost_total": 40},
        {**whole, "packages": 1, "days_supply": 40 - part, "cost_total": 60},
    ]
    assert said(values_of([*rest, *halves])) == said(values_of([*rest, whole]))


@settings(max_examples=100, deadline=None)
@given(ROWS, ROW)
def test_one_more_row_never_lowers_the_days_covered_and_a_share_stays_a_share(rows, more):
    before, after = values_of(rows), values_of([*rows, more])
    for one, other in zip(before, after, strict=True):
        if one.measure is Measure.FRACTION:
            assert (other.value >= one.value).all()
            assert ((other.value >= 0) & (other.value <= other.of)).all()


@settings(max_examples=100, deadline=None)
@given(ROWS, st.integers(-2000, 2000))
def test_a_shift_of_all_dates_changes_nothing(rows, shift):
    assert said(values_of(rows, shift=shift)) == said(values_of(rows))


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_persons_counted_apart_and_added_are_persons_counted_together(rows):
    whole = count_by(values_of(rows), population=population(PERSONS), by=[["sex"]])
    parts = [
        count_by(
            values_of([r for r in rows if r["person"] == name], persons=[name]), population=population([name]), by=[]
        )
        for name in PERSONS
        if any(row["person"] == name for row in rows)
    ]
    silent = [name for name in PERSONS if not any(row["person"] == name for row in rows)]
    for cube in whole.sum_cubes:
        if cube.dimensions:
            continue
        added = sum(
            int(other.sums) for part in parts for other in part.sum_cubes
            if other.sum_key == cube.sum_key and not other.dimensions
        )  # fmt: skip
        assert int(cube.sums) == added
    population_cube = next(c for c in whole.person_cubes if c.persons_key == "population" and not c.dimensions)
    assert int(population_cube.persons) == len(parts) + len(silent)


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_every_margin_is_the_sum_or_the_union_of_its_levels(rows):
    table = count_by(values_of(rows), population=population(PERSONS), by=[["sex"]])
    for cube in table.person_cubes:
        for axis, dimension in enumerate(cube.dimensions):
            levels = np.moveaxis(cube.persons, axis, 0)
            if dimension.multi_response:
                assert (levels[:-1] <= levels[-1]).all()
            else:
                assert (levels[:-1].sum(axis=0) == levels[-1]).all()
    for cube in table.sum_cubes:
        for axis, _ in enumerate(cube.dimensions):
            levels = np.moveaxis(cube.sums, axis, 0)
            assert (levels[:-1].sum(axis=0) == levels[-1]).all()

"""Laws that every indicator kind obeys, on random persons by the hundred thousand.

Every kind has an example in `tests/support/kind_examples.py`; a new kind without one fails here. The ordinary suite
draws some hundred persons, `HYPOTHESIS_PROFILE=nightly` a million for each law, `LINKAGE_LAW_PERSONS=N` so many.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from linkage.indicator_definition import IndicatorSet, needed_columns
from linkage_core.blocks import events_between, persons_between
from linkage_core.count_block import count_block
from linkage_core.events import PersonEvents
from linkage_core.finish_counts import finish
from linkage_core.grids import counting_plan
from linkage_core.indicators import Measure, PersonValues, evaluate
from linkage_core.indicators.wanted_rows import wanted_rows
from tests.support.counted_tables import assert_same_table
from tests.support.kind_examples import EXAMPLES, KINDS, ONE_MORE_ROW, REVERSED_PAIR, SPLIT, example_set, identifiers
from tests.support.random_persons import Columns, Persons, joined_rows, random_persons, taken_rows

NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"
PERSONS = int(os.environ.get("LINKAGE_LAW_PERSONS", "1000000" if NIGHTLY else "400"))
AT_ONCE = 20_000
BY = [["hospital"], ["sex", "hospital"]]


def drawn(**how: bool) -> Iterator[tuple[Persons, np.random.Generator]]:
    """Blocks of random persons, the same each time, with a source of luck for what a law does to them."""
    for number, first in enumerate(range(0, PERSONS, AT_ONCE)):
        yield random_persons(number, min(AT_ONCE, PERSONS - first), **how), np.random.default_rng([7, number])


def evaluated(persons: Persons, *, shift: int = 0, without: str = "") -> list[PersonValues]:
    until = {name: date(2020, 1, 1) + timedelta(days=day + shift) for name, day in (("lmed", 380), ("par_sv", 400))}
    return evaluate(
        example_set(shift=shift, without=without),
        population=persons.population(),
        events=persons.events(),
        data_until=until,
    )


# What a value says of each person


def said(value: PersonValues) -> dict[str, np.ndarray]:
    """Everything that a value says, as arrays with one entry a person."""
    reasons = np.array(value.reasons)
    told: dict[str, np.ndarray | None] = {
        "value": np.asarray(value.value, np.int64),
        "reason": reasons[value.reason],
        "of": value.of,
        "person_days": value.person_days,
        # Bits, so that what is not a number equals itself.
        "number": None if value.number is None else value.number.view(np.int64),
        "contributes": value.contributes,
    }
    if value.times is not None:
        counted = value.has_value
        told |= {
            name: np.where(counted, part, 0)
            for name, part in (("days", value.times.day), ("ending", value.times.ending))
        }
    for name, rows in value.rows.items():
        found = rows.entries()
        for place, level in enumerate(found.levels):
            own = found.level == place
            told[f"{name} {level}"] = np.bincount(found.person[own], found.value[own], len(value.reason))
    return {name: part for name, part in told.items() if part is not None}


def differences(
    before: Sequence[PersonValues],
    after: Sequence[PersonValues],
    *,
    among: np.ndarray | None = None,
    says: Callable[[PersonValues], dict[str, np.ndarray]] = said,
) -> list[str]:
    """Indicators whose values differ, with the first person for whom one does."""
    assert [value.name for value in before] == [value.name for value in after]
    found = {}
    for one, other in zip(before, after, strict=True):
        these, those = says(one), says(other)
        for name, part in these.items():
            unequal = part != those[name] if among is None else (part != those[name]) & among
            if unequal.any():
                place = int(np.flatnonzero(unequal)[0])
                change = f"{part[place]} -> {those[name][place]}, {np.count_nonzero(unequal)} persons"
                found.setdefault(one.indicator.id, f"{one.name} {name} of person {place}: {change}")
        if among is None and of_the_laboratory(one) != of_the_laboratory(other):
            found.setdefault(one.indicator.id, f"{one.name}: what the laboratory works out of all")
    return list(found.values())


def of_the_laboratory(value: PersonValues) -> str:
    """Statistics and episodes of everybody, to the last bit of each number."""
    statistics = value.statistics(np.ones(len(value.reason), np.bool_)) if value.statistics is not None else []
    if value.episodes is None:
        return repr(statistics)
    found = value.episodes()
    parts = (found.person, found.number, found.gap, found.end - found.start)
    return f"{statistics} {[part.tolist() for part in parts]}"


def obeyed(broken: list[str]) -> None:
    assert not broken, "kinds that break the law:\n" + "\n".join(broken)


# Every kind is there


def test_every_kind_has_an_example() -> None:
    missing = sorted(set(KINDS) - set(EXAMPLES))
    assert not missing, (
        f"no example of {', '.join(missing)}. Add one to EXAMPLES in tests/support/kind_examples.py: the body of an "
        "[[indicator]] over the code sets and supply models of its HEADER; a column that the kind reads and random "
        "persons lack goes into tests/support/random_persons.py."
    )
    assert not sorted(set(EXAMPLES) - set(KINDS)), "an example of a kind that does not exist"


def test_examples_say_something() -> None:
    """A law about persons who are all left out, or are all 0, says nothing."""
    values = evaluated(random_persons(0, 400))
    for kind in EXAMPLES:
        own = [value for value in values if value.indicator.kind == kind]
        assert max(int(value.has_value.sum()) for value in own) >= 40, f"nearly nobody has a value of {kind}"
        assert max(len(np.unique(value.value[value.has_value])) for value in own) >= 2, f"one value of {kind} for all"


# Laws


def test_the_order_of_a_days_rows_has_no_say() -> None:
    for persons, luck in drawn():
        rows = persons.rows
        luckily = np.lexsort((luck.random(len(rows["day"])), rows["day"], rows["person"]))
        obeyed(differences(evaluated(persons), evaluated(persons.with_rows(taken_rows(rows, luckily)))))


def test_a_dispensing_in_two_rows_is_one_in_one() -> None:
    for persons, luck in drawn(reversals=False):
        # A reversed row may find its match in a whole dispensing and not in a half, so there is none here.
        parted = np.flatnonzero((persons.rows["packages"] == 2) & (luck.random(len(persons.rows["day"])) < 0.3))
        wholes = _even(persons.rows, parted)
        halves = _even(persons.rows, parted)
        for name in ("packages", "days_supply", "cost_total", "cost_benefit", "cost_patient"):
            halves[name][parted] //= 2
        after = joined_rows(halves, taken_rows(halves, parted))
        whole, half = (evaluated(persons.with_rows(rows), without=SPLIT) for rows in (wholes, after))
        obeyed(differences(whole, half))


def _even(rows: Columns, places: np.ndarray) -> Columns:
    """The same rows; some of them with measures that can be halved."""
    even = {name: column.copy() for name, column in rows.items()}
    for name in ("days_supply", "cost_total", "cost_benefit", "cost_patient"):
        even[name][places] = rows[name][places] // 2 * 2 + 2 * (rows[name][places] < 2)
    return even


def test_a_dispensing_and_its_reversal_are_none() -> None:
    def without_reason(value: PersonValues) -> dict[str, np.ndarray]:
        # Who has nothing else has rows now.
        told = said(value)
        told["reason"] = np.where(told["reason"] == "no_rows", "ok", told["reason"])
        told.pop("contributes", None)
        return told

    for persons, luck in drawn():
        whose = np.flatnonzero(luck.random(len(persons.rows["day"])) < 0.1)
        pair = {name: column.copy() for name, column in taken_rows(persons.rows, whose).items()}
        pair["packages"] = np.full(len(whose), 7)
        back = dict(pair)
        for name in ("packages", "cost_total", "cost_benefit", "cost_patient"):
            back[name] = -pair[name]
        after = persons.with_rows(joined_rows(persons.rows, pair, back))
        one, other = (evaluated(each, without=REVERSED_PAIR) for each in (persons, after))
        obeyed(differences(one, other, says=without_reason))


def test_one_more_row_never_lowers_what_is_covered_and_a_share_is_one() -> None:
    for persons, luck in drawn(reversals=False):
        number = len(persons.rows["day"])
        more = {name: column[luck.permutation(number)[: number // 8]].copy() for name, column in persons.rows.items()}
        after = persons.with_rows(joined_rows(persons.rows, more))
        for one, other in zip(*(evaluated(each, without=ONE_MORE_ROW) for each in (persons, after)), strict=True):
            if one.measure is Measure.FRACTION:
                assert ((other.value >= 0) & (other.value <= other.of)).all(), other.name
            if one.indicator.kind == "proportion_of_days_covered" and not one.parameters.endswith("reason_missing"):
                # Another row may tell another reason: then she stands in another class.
                assert one.indicator.by_reason or (one.has_value == other.has_value).all(), one.name
                assert (other.value >= one.value)[one.has_value & other.has_value].all(), one.name


def test_a_shift_of_all_dates_changes_nothing() -> None:
    for persons, luck in drawn():
        shift = int(luck.integers(-4000, 4000))
        obeyed(differences(evaluated(persons), evaluated(persons.shifted(shift), shift=shift)))


def test_a_bad_person_never_changes_anothers_value() -> None:
    for persons, luck in drawn():
        bad = luck.random(persons.persons) < 0.3
        obeyed(differences(evaluated(persons), evaluated(_spoilt(persons, bad, luck)), among=~bad))


def _spoilt(persons: Persons, bad: np.ndarray, luck: np.random.Generator) -> Persons:
    """Bad persons lack index dates, dates and cells, have no supply, or died before anything began."""
    of_bad = bad[persons.rows["person"]]

    def some(share: float, among: np.ndarray) -> np.ndarray:
        return among & (luck.random(len(among)) < share)

    rows = {name: column.copy() for name, column in persons.rows.items()}
    rows["days_supply"][some(0.1, of_bad)] = 0
    rows["packages"][some(0.1, of_bad)] = 0
    rows["day"][some(0.05, of_bad)] += 100_000
    return Persons(
        index=persons.index,
        no_index=some(0.2, bad),
        death=np.where(some(0.2, bad), persons.index - luck.integers(0, 3000, persons.persons), persons.death),
        emigration=persons.emigration,
        sex=persons.sex,
        hospital=persons.hospital,
        rows=rows,
        nulls={name: some(0.1, of_bad) for name in ("day", "atc", "packages", "days_supply", "daily_dose")},
        stays=persons.stays,
        prescriptions=persons.prescriptions,
    )


def test_parts_of_the_persons_make_the_whole_bit_for_bit() -> None:
    for persons, luck in drawn():
        definition = example_set()
        population, events = persons.population(), persons.events()
        cuts = [0, *sorted(luck.choice(np.arange(1, persons.persons), 3, replace=False).tolist()), persons.persons]
        plan = counting_plan(population, BY, age_on=None)

        def block(first: int, last: int) -> tuple[list[PersonValues], Any]:
            who = persons_between(population, first, last)  # noqa: B023
            rows = {name: events_between(own, first, last) for name, own in events.items()}  # noqa: B023
            values = evaluate(definition, population=who, events=rows, data_until={})  # noqa: B023
            return values, count_block(values, population=who, plan=plan)  # noqa: B023

        whole, counted = block(0, persons.persons)
        parts = [block(first, last) for first, last in pairwise(cuts)]
        for place, value in enumerate(whole):
            pieces = [said(values[place]) for values, _ in parts]
            for name, column in said(value).items():
                joined = np.concatenate([piece[name] for piece in pieces])
                assert np.array_equal(joined, column), f"{value.name} {name}"
        merged = parts[0][1]
        for _, more in parts[1:]:
            merged = merged.merge(more)
        assert_same_table(finish(merged, plan), finish(counted, plan))


@pytest.mark.parametrize("name", identifiers())
def test_a_run_needs_no_more_rows_and_columns_than_it_says(name: str) -> None:
    persons = random_persons(1, min(PERSONS, AT_ONCE))
    definition, population, events = example_set(only=name), persons.population(), persons.events()
    read = {
        register: _read(definition, register, events[register], columns)
        for register, columns in needed_columns(definition).items()
    }
    whole, part = (evaluate(definition, population=population, events=rows, data_until={}) for rows in (events, read))
    obeyed(differences(whole, part))


def _read(definition: IndicatorSet, register: str, events: PersonEvents, columns: set[str]) -> PersonEvents:
    """What a run fetches of a register: rows that somebody wants, and columns that somebody reads."""
    rows = events.rows.select([column for column in events.rows.schema.names if column in columns])
    wanted = wanted_rows([definition], register, ())
    if wanted is None:
        return replace(events, rows=rows)
    codes = events.rows.column(wanted.column)
    keep = np.append(wanted.wanted(codes.dictionary), 0)[np.asarray(codes.indices.fill_null(-1))].astype(np.bool_)
    before = np.concatenate(([0], np.cumsum(keep)))
    return replace(events, offsets=before[events.offsets], rows=rows.filter(pa.array(keep)))

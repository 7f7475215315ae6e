"""A mean of shares of days: whoever was observed for fewer days than the others leaves no trace in its digits."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from linkage.disclosure_policy import shipped_policies
from linkage_core.aggregates import count_by
from linkage_core.disclosure import protect
from linkage_core.indicators import PersonValues, evaluate
from linkage_core.rounded_ratios import decimals_of_days, with_decimals
from tests.support.indicator_tables import HEADER, drawn_set, population, register

POLICY = shipped_policies()["standard@1.0.0"]
DAYS = 365
COVERED = (
    'id = "covered"\nkind = "proportion_of_days_covered"\ncodes = "statin"\nsupply = "given"\n'
    f"observe = {{ from = 0, to = {DAYS} }}"
)
"""Of the days until death."""
PERSONS = 60


def values_of(*, died_on: int, covered: int, seed: int) -> tuple[list[PersonValues], Any]:
    """One of sixty dies on a day, and had supply for so many of the days before."""
    random = np.random.default_rng(seed)
    names = [f"p{number:02}" for number in range(PERSONS)]
    supplied = [covered, *random.integers(1, DAYS, PERSONS - 1).tolist()]
    who = population(names)
    rows = [
        {"person": name, "day": 0, "atc": "C10AA05", "packages": 1, "days_supply": days}
        for name, days in zip(names, supplied, strict=True)
    ]
    events = {
        "lmed": register(names, rows, date_column="dispensing_date"),
        "dors": register(names, [{"person": names[0], "day": died_on}], date_column="death_date"),
    }
    definition = drawn_set(COVERED, header=HEADER + '[exits]\ndeath = { register = "dors", date = "death_date" }\n')
    return evaluate(definition, population=who, events=events, data_until={}, row_dimensions=()), who


def printed_sum(values: list[PersonValues], who: Any) -> Fraction:
    table = protect(count_by(values, population=who, by=[]), POLICY).table
    (line,) = (one for one in table.to_pylist() if one["statistic"] == "mean")
    assert line["status"] == "ok"
    return Fraction(round(line["numerator"] * 1_000_000), 1_000_000)


def own_days_that_fit(total: Fraction, *, died_on: int, decimals: int | None) -> set[int]:
    """Days of supply of the one who died that fit the sum, for a reader who knows the day and nothing of the others.

    Each of the others has a whole number of 365 days; each share is rounded as the reader knows.
    """
    unit = Fraction(1, 10 ** (6 if decimals is None else decimals))
    slack = (PERSONS - 1) * unit / 2
    fits = set()
    for days in range(1, died_on + 1):
        own = Fraction(int(Fraction(days, died_on) / unit + Fraction(1, 2))) * unit
        rest = (total - own) * DAYS
        nearest = round(rest)
        if abs(rest - nearest) <= slack * DAYS:
            fits.add(days)
    return fits


@pytest.mark.parametrize(("died_on", "covered"), [(37, 20), (101, 64), (211, 5), (12, 7)])
def test_the_digits_of_a_mean_fit_any_days_of_who_was_observed_for_less(died_on: int, covered: int) -> None:
    values, who = values_of(died_on=died_on, covered=covered, seed=died_on)
    exact = own_days_that_fit(printed_sum(values, who), died_on=died_on, decimals=None)
    assert covered in exact
    assert len(exact) <= max(1, died_on // 25), "with all digits the sum tells her days"
    told = [with_decimals(value) for value in values]
    total = printed_sum(told, who)
    assert own_days_that_fit(total, died_on=died_on, decimals=decimals_of_days(DAYS)) == set(range(1, died_on + 1))
    assert abs(total - printed_sum(values, who)) <= Fraction(PERSONS, 2 * 10 ** decimals_of_days(DAYS))


@pytest.mark.parametrize("days", [9, 30, 60, 90, 180, 365, 730])
def test_who_knows_everybody_else_is_left_with_three_pairs_of_days(days: int) -> None:
    """Nothing but rounded shares is added up, so all margins of all orders together tell no more than her own."""
    scale = 10 ** decimals_of_days(days)
    pairs: dict[int, set[tuple[int, int]]] = {}
    for observed in range(1, days + 1):
        for covered in range(observed + 1):
            printed = int(Fraction(covered * scale, observed) + Fraction(1, 2))
            pairs.setdefault(printed, set()).add((covered, observed))
    assert min(map(len, pairs.values())) >= 3


def test_lengths_of_episodes_are_added_up_in_whole_days() -> None:
    """One person's supply of a day and a half would show in the sum of all others' whole days."""
    names = [f"p{number:02}" for number in range(PERSONS)]
    who = population(names)
    rows = [
        {"person": name, "day": 0, "atc": "C10AA05", "packages": 1, "days_supply": 30, "ddd_per_package": 20}
        for name in names
    ]
    rows[0] |= {"ddd_per_package": 31}
    events = {"lmed": register(names, rows, date_column="dispensing_date")}
    body = 'id = "first"\nkind = "treatment_episodes"\ncodes = "statin"\nsupply = "doses"\ngap_days = 0\n'
    header = HEADER + '[supply.doses]\nsteps = ["ddd:2"]\n'
    values = evaluate(drawn_set(body, header=header), population=who, events=events, data_until={}, row_dimensions=())
    (length,) = (value for value in values if value.parameters.endswith("measure=first_days"))
    assert printed_sum([length], who) == (PERSONS - 1) * 10 + Fraction(31, 2)
    assert printed_sum([with_decimals(length)], who) == (PERSONS - 1) * 10 + 16


def test_the_counts_beside_a_mean_are_of_the_exact_shares() -> None:
    """178 of 365 days are less than 0.488, although they are added up as 0.488."""
    names = [f"p{number:02}" for number in range(PERSONS)]
    who = population(names)
    rows = [
        {"person": name, "day": 0, "atc": "C10AA05", "packages": 1, "days_supply": 178 if place < 20 else 179}
        for place, name in enumerate(names)
    ]
    events = {"lmed": register(names, rows, date_column="dispensing_date")}
    body = COVERED + '\nthreshold = 0.488\nstatistic = ["mean", "count"]'
    values = evaluate(drawn_set(body), population=who, events=events, data_until={}, row_dimensions=())
    told = [with_decimals(value) for value in values]
    lines = protect(count_by(told, population=who, by=[]), POLICY).table.to_pylist()
    (above,) = (line for line in lines if line["statistic"] == "persons" and "at_least" in line["parameters"])
    assert above["value"] == 40
    (mean,) = (line for line in lines if line["statistic"] == "mean")
    assert mean["numerator"] == pytest.approx(20 * 0.488 + 40 * 0.49)

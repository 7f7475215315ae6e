"""Figures beside counts: shares with many digits, limits, means and sums, rates and person-time, steps of a curve."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import combinations
from typing import Any

from linkage_core.counted_table import DAYS_A_YEAR
from tests.security.attacks.attack import attack
from tests.security.attacks.count_tables import Between
from tests.security.attacks.order_tables import WINDOWS, OrderRead, Z, order_table

MOST_PERSONS = 2_000
"""An attacker's guess of how many anybody sends."""


def figures(read: OrderRead, statistic: str) -> Iterator[tuple[dict[str, Any], float]]:
    """Printed figures of one statistic."""
    for line in read.lines:
        if line["statistic"] == statistic and line["value"] is not None:
            yield line, line["value"]


def about(read: OrderRead, line: dict[str, Any], key: str, value: float) -> Iterator[Between]:
    """A claim about a count that is not printed."""
    cell = line[key], line["place"]
    if cell in read.printed.blank and value >= 1:
        yield Between.of([cell], round(value))


@attack(on=order_table, family="derived", naive="numbers_blank_figures_left")
def a_share_with_all_its_digits(read: OrderRead) -> Iterator[Between]:
    """Continued fractions: 0.0714285714 is one of fourteen, whoever blanked the one."""
    for line, value in figures(read, "share"):
        whole = read.printed.known.get((line["denominator_key"], line["place"]))
        if whole:
            yield from about(read, line, "numerator_key", value * whole)
        else:
            ratio = Fraction(value).limit_denominator(MOST_PERSONS)
            yield from about(read, line, "numerator_key", ratio.numerator)
            yield from about(read, line, "denominator_key", ratio.denominator)


@attack(on=order_table, family="derived", naive="numbers_blank_figures_left")
def limits_of_a_share(read: OrderRead) -> Iterator[Between]:
    """Wilson 1927 solved for the number of persons: the middle of the limits and the share tell how many there were."""
    for line, value in figures(read, "share"):
        lower, upper = line["lower"], line["upper"]
        if lower is None or upper is None:
            continue
        middle = (lower + upper) / 2
        # middle = (share + z^2/2n) / (1 + z^2/n)
        if abs(middle - value) > 1e-12 and abs(0.5 - middle) > 1e-12:
            persons = Z * Z * (0.5 - middle) / (middle - value)
            yield from about(read, line, "denominator_key", persons)
            yield from about(read, line, "numerator_key", persons * value)


@attack(on=order_table, family="derived", naive="numbers_blank_figures_left")
def a_mean_beside_its_sum(read: OrderRead) -> Iterator[Between]:
    """ConcePTION level 3, report 17: the sum by the mean is how many there were."""
    sums = {line["place"]: value for line, value in figures(read, "sum")}
    for line, mean in figures(read, "mean"):
        if mean and line["place"] in sums:
            yield from about(read, line, "denominator_key", sums[line["place"]] / mean)


@attack(on=order_table, family="derived", naive="numbers_blank_figures_left")
def a_rate_times_its_person_time(read: OrderRead) -> Iterator[Between]:
    """A rate per thousand person-years times the person-years are its events."""
    for line, rate in figures(read, "rate_per_1000_person_years"):
        if line["person_time"] is not None:
            yield from about(read, line, "numerator_key", rate * line["person_time"] / 1000)


@attack(on=order_table, family="derived", naive="numbers_blank_figures_left")
def whole_days_behind_a_rate(read: OrderRead) -> Iterator[Between]:
    """A rate with all its digits is events by whole days: the number of events that makes the days whole."""
    for line, rate in figures(read, "rate_per_1000_person_years"):
        for events in range(1, read.policy.minimum_cell):
            days = 1000 * DAYS_A_YEAR * events / rate if rate else 0.5
            if abs(days - round(days)) < 1e-7 and days < MOST_PERSONS * DAYS_A_YEAR:
                yield from about(read, line, "numerator_key", events)
                break


@attack(on=order_table, family="derived", naive="numbers_blank_figures_left")
def a_step_of_a_curve(read: OrderRead) -> Iterator[Between]:
    """Steps of Kaplan-Meier curves: who started within 90 days less who did within 30 are the few in between."""
    known = read.printed.known
    for (early, late), place in ((pair, place) for pair in combinations(WINDOWS, 2) for _, place in known):
        if (early, place) in known and (late, place) in known:
            value = known[late, place] - known[early, place]
            yield Between((((late, place), 1), ((early, place), -1)), value, value)


@attack(on=order_table, family="derived", naive="numbers_blank_figures_left")
def shares_that_add_up(read: OrderRead) -> Iterator[Between]:
    """A share of all is the mean of the shares of its parts, weighted by persons: all parts but one tell the last."""
    known = read.printed.known
    shares = {(line["numerator_key"], line["place"]): value for line, value in figures(read, "share")}
    for whole, parts in read.printed.relations:
        unknown = [part for part in parts if part not in shares or ("population", part[1]) not in known]
        if (
            whole in shares
            and ("population", whole[1]) in known
            and len(unknown) == 1
            and unknown[0] in read.printed.blank
        ):
            total = shares[whole] * known["population", whole[1]]
            rest = total - sum(shares[p] * known["population", p[1]] for p in parts if p not in unknown)
            yield Between.of(unknown, round(rest))


@attack(on=order_table, family="derived", naive="numbers_blank_figures_left")
def a_figure_beside_a_blank(read: OrderRead) -> Iterator[Between]:
    """Any figure of a line whose number is kept back tells of it: that a line has limits is that it has persons."""
    for line in read.lines:
        for key, column in (("numerator_key", "numerator"), ("denominator_key", "denominator")):
            cell = line[key], line["place"]
            if cell in read.printed.blank and line["statistic"] != "mean" and line[column] is None:
                shown = [line[name] for name in ("value", "lower", "upper", "person_time") if line[name] is not None]
                if shown and line["statistic"] != "sum":
                    yield Between.of([cell], 1, read.policy.minimum_cell - 1)

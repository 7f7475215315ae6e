"""Curves, quantiles and shares that are formed of open counts by class, worked by hand cell by cell."""

from __future__ import annotations

from math import exp, log, sqrt

import numpy as np
import pytest

from linkage_core.class_table import ClassKind, ClassTable, Ended, PersonClass
from linkage_core.counted_table import Statistic
from linkage_core.disclosure.class_lines import ClassCells, ClassLine, class_lines

TIMES = (
    PersonClass("days=1..30;ended=died_twice", 1, 30, Ended.EVENT),
    PersonClass("days=1..30;ended=left", 1, 30, Ended.CENSORED),
    PersonClass("days=31..90;ended=died_twice", 31, 90, Ended.EVENT),
    PersonClass("days=1..90;ended=died", 1, 90, Ended.COMPETING),
    PersonClass("days=31..90;ended=left", 31, 90, Ended.CENSORED),
    PersonClass("days=0..;ended=still_followed", 0, ended=Ended.STILL_FOLLOWED),
)
EVENT_30, LEFT_30, EVENT_90, DIED_90, LEFT_90 = range(5)
Z = 1.959964
NAN = pytest.approx(float("nan"), nan_ok=True)


def told(kind: ClassKind, classes: tuple[PersonClass, ...], *statistics: str, limits_of: str = "") -> ClassTable:
    return ClassTable(
        indicator="time",
        parameters="from=1",
        kind=kind,
        statistics=statistics,
        persons_key="persons",
        dimensions=("sex",),
        axis="classes",
        classes=classes,
        event="stopped",
        competes=True,
        limits_of=limits_of,
    )


def cells_of(*cells: tuple[list[int], tuple[int, ...]]) -> ClassCells:
    """Counts by class of each cell, and which of them, or of -1 the total, are blank."""
    counts = np.array([[*own, sum(own)] for own, _ in cells])
    blank = np.zeros(counts.shape, dtype=np.bool_)
    for row, (_, hidden) in enumerate(cells):
        blank[row, list(hidden)] = True
    numbers = np.arange(counts.size).reshape(counts.shape)
    return ClassCells(numbers, counts, blank, np.zeros_like(blank), np.zeros_like(blank))


def lines_of(table: ClassTable, cells: ClassCells, fewest: int = 30) -> dict[tuple[Statistic, str], ClassLine]:
    found = {(one.line.statistic, one.line.parameters): one for one in class_lines(table, cells, fewest=fewest)}
    assert all(one.line.dimensions == ("sex",) and one.line.numerator_key == "persons" for one in found.values())
    return found


def numbers(line: ClassLine, cell: int = 0) -> tuple[float, float, float] | None:
    """Value, numerator and denominator; None if closed."""
    if line.closed[cell]:
        return None
    return float(line.limited.value[cell]), float(line.numerator[cell]), float(line.denominator[cell])


def curves(own: list[int], *hidden: int, fewest: int = 30) -> dict[str, tuple[float, float, float] | None]:
    table = told(ClassKind.TIMES, TIMES, "km", "cif", "median", limits_of="log-log")
    found = lines_of(table, cells_of((own, hidden)), fewest)
    names = {
        "from=1;at_day=30": "30",
        "from=1;at_day=90": "90",
        "from=1;measure=stopped;at_day=30": "stopped 30",
        "from=1;measure=stopped;at_day=90": "stopped 90",
        "from=1;measure=died;at_day=90": "died 90",
        "from=1;quantile=0.5": "median",
    }
    derived = {words: line for (statistic, words), line in found.items() if statistic is not Statistic.PERSONS}
    assert list(derived) == list(names)
    return {names[words]: numbers(line) for words, line in derived.items()}


def about(*numbers: float) -> object:
    return pytest.approx(numbers, nan_ok=True)


def test_open_counts_give_the_life_table() -> None:
    """Of 6 who died by day 90 two are taken to have died by day 30; who leaves is at risk for half of the interval."""
    found = curves([20, 10, 21, 6, 8, 35])
    assert found["30"] == about(1 - 20 / 94, 20, 100)
    assert found["90"] == about((1 - 20 / 94) * (1 - 21 / 62), 21, 68)
    # Who dies leaves no more to be counted, but is not lost: 95 are at risk.
    assert found["stopped 30"] == about(20 / 95, 20, 100)
    assert found["stopped 90"] == about(20 / 95 + (1 - 22 / 95) * 21 / 64, 41, 100)
    assert found["died 90"] == about(6 / 91, 6, 100)
    # More than half never stop: that is told, and no day.
    assert found["median"] == about(np.nan, np.nan, 100)


def test_those_who_left_hidden_together_are_taken_in_proportion_to_days() -> None:
    """18 left in 90 days: 6 of them by day 30."""
    found = curves([40, 10, 21, 6, 8, 15], LEFT_30, LEFT_90)
    first, second = 1 - 40 / 96, 1 - 21 / 44
    assert found["30"] == about(first, 40, 100)
    assert found["90"] == about(first * second, 21, 52)
    assert found["stopped 90"] == about(40 / 97 + (1 - 42 / 97) * 21 / 46, 61, 100)
    assert found["died 90"] == about(6 / 91, 6, 100)
    assert found["median"] == about(31 + (first - 0.5) / (first - first * second) * 60, np.nan, 100)


def test_where_it_is_hidden_who_died_nothing_is_told_of_ends_that_compete() -> None:
    """16 left by day 30 or died by day 90: 4 and 12, by days."""
    found = curves([20, 10, 21, 6, 8, 35], LEFT_30, DIED_90)
    assert found["30"] == about(1 - 20 / 96, 20, 100)
    assert found["90"] == about((1 - 20 / 96) * (1 - 21 / 64), 21, 72)
    assert [found[name] for name in ("stopped 30", "stopped 90", "died 90")] == [None] * 3


def test_a_curve_ends_before_a_hidden_event() -> None:
    found = curves([40, 10, 21, 6, 8, 15], EVENT_90, LEFT_90)
    assert found["30"] == about(1 - 40 / 94, 40, 100)
    assert found["stopped 30"] == about(40 / 95, 40, 100)
    assert [found[name] for name in ("90", "stopped 90", "died 90", "median")] == [None] * 4
    # Half of them stop before that, so the day is known.
    early = curves([60, 10, 11, 6, 3, 10], EVENT_90, LEFT_90)
    assert early["median"] == about(1 + 0.5 / (60 / 94) * 30, np.nan, 100)
    # What else is hidden begins on the first day.
    for hidden in ((EVENT_90, LEFT_30), (EVENT_90, DIED_90), (EVENT_30, EVENT_90), (EVENT_90, LEFT_90, -1)):
        assert set(curves([40, 10, 21, 6, 8, 15], *hidden).values()) == {None}


def test_a_curve_ends_on_the_day_before_a_hidden_event_of_one_day() -> None:
    classes = (
        PersonClass("days=1..30;ended=died_twice", 1, 30, Ended.EVENT),
        PersonClass("days=31..31;ended=died_twice", 31, 31, Ended.EVENT),
        PersonClass("days=32..90;ended=left", 32, 90, Ended.CENSORED),
        PersonClass("days=0..;ended=still_followed", 0, ended=Ended.STILL_FOLLOWED),
    )
    table = told(ClassKind.TIMES, classes, "km", limits_of="log-log")
    found = lines_of(table, cells_of(([20, 21, 30, 29], (1, 2))))
    derived = {
        line.parameters: numbers(own)
        for (kind, _), own in found.items()
        for line in [own.line]
        if kind is not Statistic.PERSONS
    }
    assert derived["from=1;at_day=30"] == about(0.8, 20, 100)
    assert derived["from=1;at_day=31"] is None


def test_a_median_is_of_enough_persons() -> None:
    own = [10, 0, 8, 0, 0, 2]
    told_of = curves(own, fewest=20)
    assert told_of["90"] == about(0.1, 8, 10)
    assert told_of["median"] == about(31, np.nan, 20)
    assert curves(own, fewest=21)["median"] is None
    assert curves(own, fewest=21)["90"] == about(0.1, 8, 10)


@pytest.mark.parametrize(("limits_of", "log_log"), [("log", False), ("log-log", True), ("", True)])
def test_limits_of_a_curve_are_as_asked(limits_of: str, log_log: bool) -> None:
    table = told(ClassKind.TIMES, TIMES, "km", limits_of=limits_of)
    line = lines_of(table, cells_of(([20, 10, 21, 6, 8, 35], ())))[Statistic.SURVIVAL, "from=1;at_day=30"]
    share, spread = 1 - 20 / 94, sqrt(20 / (94 * 74))
    if log_log:
        ends = [share ** exp(sign * Z * spread / log(share)) for sign in (-1, 1)]
    else:
        ends = [share * exp(sign * Z * spread) for sign in (-1, 1)]
    assert sorted(ends) == pytest.approx([line.limited.lower[0], line.limited.upper[0]])


def test_only_what_is_asked_for_is_formed_of_times() -> None:
    cells = cells_of(([20, 10, 21, 6, 8, 35], ()))
    for asked, statistics in (
        ("km", {Statistic.SURVIVAL}),
        ("cif", {Statistic.CUMULATIVE_INCIDENCE}),
        ("median", {Statistic.QUANTILE}),
        ("share", set()),
    ):
        found = lines_of(told(ClassKind.TIMES, TIMES, asked), cells)
        assert {statistic for statistic, _ in found} == {Statistic.PERSONS, *statistics}


def test_a_line_that_is_closed_says_what_closed_it() -> None:
    cells = cells_of(([20, 10, 21, 6, 8, 35], ()), ([40, 10, 2, 6, 8, 34], (EVENT_90, LEFT_90)))
    cells.small[1, EVENT_90] = cells.small[0, LEFT_30] = True
    cells.company[1, LEFT_90] = True
    found = lines_of(told(ClassKind.TIMES, TIMES, "km"), cells)
    late, early = (found[Statistic.SURVIVAL, f"from=1;at_day={day}"] for day in (90, 30))
    assert late.closed.tolist() == late.small.tolist() == late.company.tolist() == [False, True]
    assert early.closed.tolist() == early.small.tolist() == early.company.tolist() == [False, False]
    count = found[Statistic.PERSONS, "from=1;days=31..90;ended=died_twice"]
    assert (count.numerator.tolist(), count.closed.tolist()) == ([21, 2], [False, True])
    assert (count.small.tolist(), count.company.tolist()) == ([False, True], [False, False])
    assert found[Statistic.PERSONS, "from=1;ended=any"].numerator.tolist() == [100, 100]


BINS = (PersonClass("value=0..10", 0, 10), PersonClass("value=10..30", 10, 30), PersonClass("value=30..", 30))


@pytest.mark.parametrize(
    ("name", "words", "line"),
    [
        ("median", "0.5", (14, 10, 30)),  # 40 are below 10; the 50th is a fifth of the way through the next 50
        ("quantile:0.4", "0.4", (10, 0, 10)),
        ("quantile:0.9", "0.9", (30, 10, 30)),
        ("quantile:0.95", "0.95", (np.nan, 30, np.nan)),
    ],
)
def test_a_quantile_lies_in_its_bin_in_proportion(name: str, words: str, line: tuple[float, float, float]) -> None:
    found = lines_of(told(ClassKind.VALUES, BINS, name), cells_of(([40, 50, 10], ())))
    one = found[Statistic.QUANTILE, f"from=1;quantile={words}"]
    assert (one.limited.value[0], one.limited.lower[0], one.limited.upper[0]) == about(*line)
    assert numbers(one) == about(line[0], np.nan, 100)


@pytest.mark.parametrize(
    ("own", "hidden", "known"),
    [
        ([40, 50, 10], (0,), True),  # what is below is known by what is not
        ([40, 50, 10], (2,), True),
        ([40, 50, 10], (0, 2), False),
        ([40, 50, 10], (1,), False),
        ([40, 50, 10], (-1,), False),
        ([10, 10, 9], (), False),  # 29 persons
        ([10, 11, 9], (), True),
    ],
)
def test_a_quantile_needs_its_bin_and_one_side_of_it(own: list[int], hidden: tuple[int, ...], known: bool) -> None:
    found = lines_of(told(ClassKind.VALUES, BINS, "median"), cells_of((own, hidden)))
    assert (numbers(found[Statistic.QUANTILE, "from=1;quantile=0.5"]) is not None) is known


def test_a_share_of_a_path_is_open_where_its_count_and_all_persons_are() -> None:
    paths = (PersonClass("path=a", 1, 1), PersonClass("path=a>b", 2, 2))
    cells = cells_of(([30, 10], ()), ([30, 10], (0,)), ([30, 10], (-1,)), ([0, 0], ()))
    cells.small[1, 0] = cells.company[2, -1] = True
    found = lines_of(told(ClassKind.PATHS, paths, "paths", limits_of="wilson"), cells)
    one = found[Statistic.SHARE, "from=1;path=a"]
    assert one.closed.tolist() == [False, True, True, False]
    assert one.small.tolist() == [False, True, False, False]
    assert one.company.tolist() == [False, False, True, False]
    assert (numbers(one), one.limited.value[3]) == (about(0.75, 30, 40), NAN)
    middle, half, whole = 0.75 + Z**2 / 80, Z * sqrt(0.75 * 0.25 / 40 + Z**2 / 6400), 1 + Z**2 / 40
    ends = [one.limited.lower[0], one.limited.upper[0]]
    assert ends == pytest.approx([(middle - half) / whole, (middle + half) / whole])
    other = found[Statistic.SHARE, "from=1;path=a>b"]
    assert other.closed.tolist() == [False, False, True, False]
    assert next(iter(found)) == (Statistic.PERSONS, "from=1;path=any")

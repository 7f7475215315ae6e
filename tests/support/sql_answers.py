"""What independent SQL says of every cell of an order's table, and how it compares with ours.

Nothing here knows how the core counts: the facts of each indicator are a SELECT of the test, cells are `GROUP BY CUBE`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from itertools import product

import duckdb

from linkage_core.counted_table import CountedTable, Line
from tests.support.orders_on_files import Answered

PERIODS = ("calendar", "year", "quarter", "month")
Cell = tuple[str, str, str, frozenset[tuple[str, str]]]
"""Indicator, parameters, statistic, and the levels that are not totals."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """What one cell holds; None where its statistic has no such number."""

    numerator: int | None = None
    denominator: int | None = None
    total: Fraction | None = None
    person_days: int | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """The facts of one indicator at one parameter point.

    Args:
        denominator: SELECT person [, period] [, at_risk]: who is counted over, with days at risk for a rate.
        facts: SELECT person [, period], weight [, and any row variable as a list of levels].
    """

    denominator: str
    facts: str


@dataclass
class SqlAnswers:
    """Answers by SQL; the connection holds a table `pop` with a column `person` and one for each stratum."""

    connection: duckdb.DuckDBPyConnection
    questions: dict[str, Question]
    _cubes: dict[tuple[str, str, tuple[str, ...]], dict[frozenset[tuple[str, str]], tuple]] = field(
        default_factory=dict
    )

    def cells(self, counted: CountedTable) -> dict[Cell, Numbers]:
        """SQL's numbers for each cell of each line."""
        found: dict[Cell, Numbers] = {}
        for place, numbers in self._cells(counted):
            assert found.setdefault(place, numbers) == numbers, place
        return found

    def _cells(self, counted: CountedTable) -> list[tuple[Cell, Numbers]]:
        levels = levels_of(counted)
        return [
            ((line.indicator, line.parameters, line.statistic.value, where), self._numbers(line, where))
            for line in counted.lines
            for where in _places(line.dimensions, levels)
        ]

    def _numbers(self, line: Line, where: frozenset[tuple[str, str]]) -> Numbers:
        name = f"{line.indicator}/{line.parameters}" if line.parameters else line.indicator
        strata = tuple(d for d in line.dimensions if d in self._strata)
        periods = tuple(d for d in line.dimensions if d in PERIODS)
        row = next((d for d in line.dimensions if d not in (*strata, *periods)), "")
        among, at_risk = self._among(name, strata, periods).get(
            frozenset(pair for pair in where if pair[0] != row), (0, 0)
        )
        persons, total = self._facts(name, strata, periods, row).get(where, (0, 0))
        word = line.statistic.value
        return Numbers(
            numerator=None if word in ("sum", "mean") else persons,
            denominator=None if word in ("sum", "persons") else among,
            total=Fraction(total or 0) if word in ("sum", "mean") else None,
            person_days=int(at_risk or 0) if word.startswith("rate") else None,
        )

    @cached_property
    def _strata(self) -> list[str]:
        return [name for name, *_ in self.connection.sql("DESCRIBE pop").fetchall()]

    def _among(self, name: str, strata: tuple[str, ...], periods: tuple[str, ...]) -> dict:
        def ask() -> list[tuple]:
            source = f"SELECT * FROM ({self.questions[name].denominator})"
            at_risk = "at_risk" if "at_risk" in self.connection.sql(source).columns else "0"
            return self._cube(source, strata, periods, "", f"count(DISTINCT person), sum({at_risk})")

        return self._remember(("among", name, (*strata, *periods)), ask, (*strata, *periods))

    def _facts(self, name: str, strata: tuple[str, ...], periods: tuple[str, ...], row: str) -> dict:
        using = "person, period" if periods else "person"
        question = self.questions[name]
        joined = f"SELECT f.* FROM ({question.facts}) f SEMI JOIN ({question.denominator}) USING ({using})"
        what = "count(DISTINCT person) FILTER (weight > 0), sum(weight)"

        def ask() -> list[tuple]:
            plain = self._cube(joined, strata, periods, "", what)
            if not row:
                return plain
            levels = f"if(len({row}) = 0, ['not_recorded'], {row})"
            split = self._cube(
                f"SELECT * EXCLUDE ({row}), unnest({levels}) AS {row} FROM ({joined})", strata, periods, row, what
            )
            return [*split, *((*line[: len(strata) + len(periods)], None, *line[-2:]) for line in plain)]

        names = (*strata, *periods, *([row] if row else []))
        return self._remember(("facts", name, names), ask, names)

    def _cube(self, source: str, strata: tuple[str, ...], periods: tuple[str, ...], row: str, what: str) -> list[tuple]:
        columns = [*(f"{name}::VARCHAR" for name in strata), *(["period::VARCHAR"] if periods else [])]
        grouped = [f"GROUP BY CUBE ({', '.join(columns)})"] if columns else []
        if row:
            grouped = [f"GROUP BY {', '.join([row, *([f'CUBE ({chr(44).join(columns)})'] if columns else [])])}"]
            columns = [*columns, row]
        listed = ", ".join([*columns, what])
        return self.connection.sql(
            f"SELECT {listed} FROM ({source}) JOIN pop USING (person) {' '.join(grouped)}"
        ).fetchall()

    def _remember(
        self, key: tuple[str, str, tuple[str, ...]], ask: Callable[[], list[tuple]], names: tuple[str, ...]
    ) -> dict:
        if key not in self._cubes:
            self._cubes[key] = {
                frozenset((name, level) for name, level in zip(names, line, strict=False) if level is not None): line[
                    len(names) :
                ]
                for line in ask()
            }
        return self._cubes[key]


def levels_of(counted: CountedTable) -> dict[str, tuple[str, ...]]:
    """Levels of each dimension of a table."""
    cubes = [*counted.person_cubes, *counted.sum_cubes]
    return {axis.name: axis.levels for cube in cubes for axis in cube.dimensions}


def counted_cells(counted: CountedTable) -> dict[Cell, Numbers]:
    """Our numbers for each cell of each line, before protection."""
    persons = {
        (cube.persons_key, tuple(d.name for d in cube.dimensions)): cube.persons for cube in counted.person_cubes
    }
    sums = {(cube.sum_key, tuple(d.name for d in cube.dimensions)): cube for cube in counted.sum_cubes}
    levels = levels_of(counted)
    found: dict[Cell, Numbers] = {}
    for line in counted.lines:
        axes = line.dimensions
        total, time = sums.get((line.sum_key, axes)), sums.get((line.person_time_key, axes))
        for where in _places(axes, levels):
            chosen = dict(where)
            at = tuple(levels[name].index(chosen[name]) if name in chosen else -1 for name in axes)
            numbers = Numbers(
                numerator=int(persons[line.numerator_key, axes][at]) if line.numerator_key else None,
                denominator=int(persons[line.denominator_key, axes][at]) if line.denominator_key else None,
                total=Fraction(int(total.sums[at]), total.scale) if total else None,
                person_days=int(time.sums[at]) if time else None,
            )
            place = (line.indicator, line.parameters, line.statistic.value, where)
            assert found.setdefault(place, numbers) == numbers, place
    return found


def assert_the_same(answered: Answered, answers: SqlAnswers, *, minimum_cell: int) -> Counter[str]:
    """Every counted cell and every published one is what SQL says; returns published lines by status."""
    expected = answers.cells(answered.counted)
    ours = counted_cells(answered.counted)
    differing = {place: (ours[place], expected[place]) for place in expected if ours[place] != expected[place]}
    assert not differing, f"{len(differing)} of {len(expected)} cells differ, such as {list(differing.items())[:5]}"
    strata = [dimension.name for dimension in answered.protected.dimensions]
    published: Counter[Cell] = Counter()
    statuses: Counter[str] = Counter()
    for row in answered.protected.table.to_pylist():
        where = frozenset((name, row[name]) for name in strata if row[name] != "total")
        place = (row["indicator"], row["parameters"], row["statistic"], where)
        published[place] += 1
        statuses[row["status"]] += 1
        _assert_published(row, expected[place], minimum_cell=minimum_cell)
    unequal = {place for place in expected.keys() | published.keys() if published[place] != (place in expected)}
    assert not unequal, f"{len(unequal)} cells are not published once each, such as {sorted(unequal, key=str)[:5]}"
    return statuses


def _assert_published(row: dict, numbers: Numbers, *, minimum_cell: int) -> None:
    place = {name: row[name] for name in row if name not in ("value", "lower", "upper")}
    if row["status"] == "suppressed":
        hidden = ("value", "lower", "upper", "numerator", "denominator", "person_time")
        assert [row[name] for name in hidden] == [None] * 6, place
        return
    numerator = numbers.total if row["statistic"] == "mean" else numbers.numerator
    assert row["numerator"] == (None if numerator is None else float(numerator)), place
    assert row["denominator"] == numbers.denominator, place
    if numbers.person_days is not None:
        assert math.isclose(row["person_time"], numbers.person_days / 365.25), place
    for persons in (numbers.numerator, numbers.denominator):
        assert not persons or persons >= minimum_cell, place
    expected = _value(row["statistic"], numbers)
    if expected is None:
        assert row["status"] == "undefined"
        assert row["value"] is None, place
        return
    assert math.isclose(row["value"], expected, rel_tol=1e-12), place
    if row["lower"] is not None:
        assert row["lower"] <= row["value"] <= row["upper"], place


def _value(statistic: str, numbers: Numbers) -> float | None:
    if statistic == "persons":
        return float(numbers.numerator or 0)
    if statistic == "sum":
        return float(numbers.total or 0)
    if statistic == "rate_per_1000_person_years":
        return 1000 * (numbers.numerator or 0) / (numbers.person_days / 365.25) if numbers.person_days else None
    if not numbers.denominator:
        return None
    if statistic == "mean":
        return float((numbers.total or 0) / numbers.denominator)
    return (numbers.numerator or 0) / numbers.denominator * (1000 if statistic == "per_1000" else 1)


def _places(axes: tuple[str, ...], levels: dict[str, tuple[str, ...]]) -> list[frozenset[tuple[str, str]]]:
    named = [[(name, level) for level in (*levels[name], None)] for name in axes]
    return [frozenset((name, level) for name, level in place if level is not None) for place in product(*named)]

"""Treatment lines of a laboratory run: paths and their edges by cell of the strata, and the lines of each person.

Nothing here is protected.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from linkage_core.counted_table import TOTAL
from linkage_core.events import Population
from linkage_core.grids import counting_plan, crossings_of_persons
from linkage_core.indicators import PersonValues
from linkage_core.indicators.values import Bools, Int64s, LineList
from linkage_core.intervals import interval_of
from linkage_server.lab.cell_statistics import cells_of

_NONE = "none"
"""Stands where no line is."""


def paths(values: Sequence[PersonValues], *, population: Population, by: Sequence[Sequence[str]]) -> pa.Table | None:
    """How many persons go each path, and each edge of a Sankey diagram, of those of a cell; None where nobody asks.

    A path is a person's lines in order; an edge leads from line `line` - 1 to line `line`, or to none. Paths add up to
    the persons of their cell, the edges of one `line` to those who have the line before it.

    Args:
        by: crossings, as in `count_by`; crossings with a row variable are left out, for a person has one path.
    """
    asked = [(value, value.lines) for value in values if value.lines and value.indicator.laboratory_statistics]
    if not asked:
        return None
    plan = counting_plan(population, crossings_of_persons(by), age_on=None)
    names = [plan.rules[name].dimension.name for name in plan.rules]
    rows: dict[tuple[object, ...], dict[str, object]] = {}
    for crossing in plan.crossings:
        for levels, persons in cells_of(plan, crossing, population):
            place = {name: levels.get(name, TOTAL) for name in names}
            for value, lines in asked:
                words = {**_words(value), **place}
                interval = getattr(value.indicator, "interval", "none")
                for found in _of_cell(lines, np.flatnonzero(persons & value.has_value), interval):
                    rows.setdefault((*words.values(), *list(found.values())[:5]), {**words, **found})
    return pa.Table.from_pylist(list(rows.values()), schema=_schema(names))


def treatment_lines(values: Sequence[PersonValues], *, persons: pa.Array) -> pa.Table | None:
    """Every line of each person: number, treatment, first day and first day after it."""
    parts = [_lines_of(value, value.lines, persons) for value in values if value.lines]
    return pa.concat_tables(parts) if parts else None


def _lines_of(value: PersonValues, lines: LineList, persons: pa.Array) -> pa.Table:
    most = len(lines.treatment)
    has: Bools = (np.arange(most)[:, np.newaxis] < lines.lines) & value.has_value
    person, line = np.nonzero(has.T)
    words = {name: pa.array([text] * len(person), pa.string()) for name, text in _words(value).items()}
    names, place = _named(lines, lines.treatment[line, person])
    start, end = lines.start[line, person], lines.end[line, person]
    return pa.table(
        {
            **words,
            "person_id": persons.take(pa.array(person)),
            "line": pa.array(line + 1, pa.int32()),
            "treatment": pa.array(names, pa.string()).take(pa.array(place)),
            "start": pa.array(start, pa.int32()).cast(pa.date32()),
            "end": pa.array(end, pa.int32()).cast(pa.date32()),
            "days": pa.array(end - start, pa.int32()),
        }
    )


def _of_cell(lines: LineList, whose: Int64s, interval: str) -> Iterator[dict[str, object]]:
    most = len(lines.treatment)
    has = np.arange(most)[:, np.newaxis] < lines.lines[whose]
    # 0 is no treatment: behind the last line of a path only zeros stand.
    treatment = np.where(has, lines.treatment[:, whose], 0)
    for path, persons in _counted(treatment.T):
        text = " - ".join(_name(lines, one) for one in path if one) or _NONE
        yield _row("path", persons, len(whose), interval, path=text)
    for line in range(1, most):
        with_source = treatment[:, treatment[line - 1] > 0]
        for (source, target), persons in _counted(with_source[line - 1 : line + 1].T):
            ends = {"line": line + 1, "source": _name(lines, source), "target": _name(lines, target)}
            yield _row("edge", persons, len(whose), interval, **ends)


def _counted(rows: np.ndarray) -> list[tuple[tuple[int, ...], int]]:
    """Distinct rows and how often each comes, the most frequent first."""
    distinct, counts = np.unique(rows, axis=0, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return [(tuple(map(int, distinct[place])), int(counts[place])) for place in order]


def _row(statistic: str, persons: int, of: int, interval: str, **where: object) -> dict[str, object]:
    limits = interval_of(interval, np.array([persons], np.float64), np.array([of], np.float64))
    return {
        "statistic": statistic,
        "path": where.get("path"),
        "line": where.get("line"),
        "source": where.get("source"),
        "target": where.get("target"),
        "persons": persons,
        "of": of,
        "share": persons / of,
        "lower": float(limits.lower[0]),
        "upper": float(limits.upper[0]),
    }


def _named(lines: LineList, treatment: np.ndarray) -> tuple[list[str], Int64s]:
    distinct, place = np.unique(treatment, return_inverse=True)
    return [_name(lines, int(one)) for one in distinct], place.astype(np.int64)


def _name(lines: LineList, treatment: int) -> str:
    """The groups of a treatment, in the order of the definition."""
    return "+".join(name for bit, name in enumerate(lines.groups) if treatment >> bit & 1) or _NONE


def _words(value: PersonValues) -> dict[str, str]:
    return {"indicator": value.indicator.id, "parameters": value.parameters.removesuffix(";measure=lines")}


def _schema(strata: Sequence[str]) -> pa.Schema:
    texts = ("indicator", "parameters", *strata, "statistic", "path")
    return pa.schema(
        [
            *((name, pa.string()) for name in texts),
            ("line", pa.int32()),
            ("source", pa.string()),
            ("target", pa.string()),
            ("persons", pa.int64()),
            ("of", pa.int64()),
            *((name, pa.float64()) for name in ("share", "lower", "upper")),
        ]
    )

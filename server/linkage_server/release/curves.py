"""Which lines of the table are points of curves over days: a curve for all persons and for each level of a stratum."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from linkage.released_table import TOTAL, LineStatus, ReleasedTable
from linkage_server.release.context import ReleaseContext

CURVES = ("survival", "cumulative_incidence")
"""Statistics that are read at days."""

_DAY = "at_day="
_EVERYBODY = "All persons"


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """What is printed of a curve at the end of a day; `value` is None where it is kept back or undefined."""

    day: int
    value: float | None
    lower: float | None
    upper: float | None
    status: str

    @property
    def is_suppressed(self) -> bool:
        """The point is kept back."""
        return self.status == LineStatus.SUPPRESSED


@dataclass(frozen=True, slots=True)
class CurveLine:
    """The curve of one group of persons, days ascending."""

    title: str
    points: tuple[CurvePoint, ...]

    @property
    def is_hidden(self) -> bool:
        """None of its points is printed."""
        return all(point.value is None for point in self.points)


@dataclass(frozen=True, slots=True)
class Curve:
    """One statistic at one point of its other parameters.

    Args:
        parameters: without the day.
        days: on which it is printed, ascending; the same for all groups.
        overall: the curve of all persons.
        strata: title of a stratum and a line for each of its levels.
    """

    statistic: str
    parameters: str
    days: tuple[int, ...]
    overall: CurveLine
    strata: tuple[tuple[str, tuple[CurveLine, ...]], ...]

    @property
    def start(self) -> float:
        """Where it starts on day 0: everybody is without the event."""
        return 1.0 if self.statistic == "survival" else 0.0

    @property
    def lines(self) -> tuple[CurveLine, ...]:
        """All its lines, that of all persons first."""
        return (self.overall, *(line for _, lines in self.strata for line in lines))


def curves_of(released: ReleasedTable, context: ReleaseContext, lines: Iterable[dict[str, Any]]) -> tuple[Curve, ...]:
    """The curves of an indicator, in the order of the table.

    Args:
        lines: the indicator's own.
    """
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for line in lines:
        if line["statistic"] in CURVES and _DAY in line["parameters"]:
            found.setdefault((line["statistic"], _without_day(line["parameters"])), []).append(line)
    return tuple(_curve(released, context, key, own) for key, own in found.items())


def _curve(
    released: ReleasedTable, context: ReleaseContext, key: tuple[str, str], lines: Sequence[dict[str, Any]]
) -> Curve:
    strata = [dimension.name for dimension in released.dimensions]
    by_level: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for line in lines:
        told = [name for name in strata if line[name] != TOTAL]
        if len(told) <= 1:
            name = told[0] if told else ""
            by_level.setdefault((name, line[name] if name else TOTAL), []).append(line)
    groups = []
    for dimension in released.dimensions:
        levels = [level for level in dimension.levels if (dimension.name, level) in by_level]
        if levels:
            own = (
                _line(context.level_title(dimension.name, level), by_level[dimension.name, level]) for level in levels
            )
            groups.append((context.stratum_title(dimension.name), tuple(own)))
    return Curve(
        statistic=key[0],
        parameters=key[1],
        days=tuple(sorted({_day(line["parameters"]) for line in lines})),
        overall=_line(_EVERYBODY, by_level.get(("", TOTAL), [])),
        strata=tuple(groups),
    )


def _line(title: str, lines: Sequence[dict[str, Any]]) -> CurveLine:
    points = (
        CurvePoint(_day(line["parameters"]), line["value"], line["lower"], line["upper"], line["status"])
        for line in lines
    )
    return CurveLine(title, tuple(sorted(points, key=lambda point: point.day)))


def _day(parameters: str) -> int:
    return next(int(part.removeprefix(_DAY)) for part in parameters.split(";") if part.startswith(_DAY))


def _without_day(parameters: str) -> str:
    return ";".join(part for part in parameters.split(";") if not part.startswith(_DAY))

"""Which lines of the table become which chart: points, their order and their words, before anything is drawn."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from linkage.released_table import TIME_STRATA, TOTAL, LineStatus, ReleasedTable
from linkage_server.release.context import IndicatorText, ReleaseContext
from linkage_server.release.curves import CURVES, Curve, curves_of

# The first of these that an indicator has is the one that is drawn.
_DRAWN_FIRST = (
    "share",
    "rate_per_1000_person_years",
    "standardised_per_1000_inhabitants",
    "per_1000_inhabitants",
    "ddd_per_1000_inhabitants_per_day",
    "per_1000",
    "mean",
    "survival",
    "cumulative_incidence",
    "quantile",
    "sum",
    "persons",
)
# Parts of parameters that tell different things, not points of a grid.
_NO_GRID = ("measure", "line", "path", "quantile")
_FEWEST_FOR_FUNNEL = 5
_MOST_GROUPS = 6


@dataclass(frozen=True, slots=True)
class Point:
    """One cell of a chart; `value` is None where the line is kept back or undefined."""

    level: str
    title: str
    value: float | None
    lower: float | None
    upper: float | None
    numerator: float | None
    denominator: int | None
    status: str

    @property
    def is_suppressed(self) -> bool:
        """The cell is kept back."""
        return self.status == LineStatus.SUPPRESSED

    @property
    def is_incomplete(self) -> bool:
        """The cell will still change."""
        return self.status == LineStatus.INCOMPLETE


@dataclass(frozen=True, slots=True)
class Breakdown:
    """One indicator by one stratum."""

    stratum: str
    title: str
    points: tuple[Point, ...]
    is_time: bool


@dataclass(frozen=True, slots=True)
class GroupedBreakdown:
    """One indicator by two strata of few levels; one row of points for each level of the second."""

    title: str
    strata: tuple[str, str]
    groups: tuple[tuple[str, tuple[Point, ...]], ...]


@dataclass(frozen=True, slots=True)
class DrawnIndicator:
    """What the report shows of one indicator.

    Args:
        lines: all its lines, in the order of the table.
        overall: totals, one for each parameter point and statistic.
        statistic: the one that is drawn, at `parameters`.
        is_commonest_path: what is drawn is the path that most persons have, of those that are printed.
    """

    text: IndicatorText
    lines: tuple[dict[str, Any], ...]
    overall: tuple[tuple[str, str, Point], ...]
    statistic: str
    parameters: str
    total: Point | None
    breakdowns: tuple[Breakdown, ...]
    grouped: tuple[GroupedBreakdown, ...]
    curves: tuple[Curve, ...] = ()
    is_commonest_path: bool = False

    @property
    def overall_by_point(self) -> dict[str, dict[str, Point]]:
        """Totals but those of curves, which have a table of their own: parameter point -> statistic -> cell."""
        points: dict[str, dict[str, Point]] = {}
        for parameters, statistic, point in self.overall:
            if statistic not in CURVES:
                points.setdefault(parameters, {})[statistic] = point
        return points

    @property
    def funnel(self) -> Breakdown | None:
        """The breakdown that compares units of different size, if there is one."""
        if self.statistic != "share" or self.total is None or self.total.value is None:
            return None
        return next((one for one in self.breakdowns if _is_comparison(one)), None)


def drawn_indicators(released: ReleasedTable, context: ReleaseContext) -> list[DrawnIndicator]:
    """Every indicator of the table, in its order."""
    lines: dict[str, list[dict[str, Any]]] = {}
    for line in released.table.to_pylist():
        lines.setdefault(line["indicator"], []).append(line)
    return [_drawn(released, context, identifier, own) for identifier, own in lines.items()]


def _drawn(
    released: ReleasedTable, context: ReleaseContext, identifier: str, lines: list[dict[str, Any]]
) -> DrawnIndicator:
    strata = [dimension.name for dimension in released.dimensions]
    statistic = next((s for s in _DRAWN_FIRST if any(line["statistic"] == s for line in lines)), lines[0]["statistic"])
    of_it = [line for line in lines if line["statistic"] == statistic]
    commonest = _commonest_path(of_it, strata)
    parameters = _best_shown(of_it) if commonest is None else commonest
    drawn = [line for line in lines if line["statistic"] == statistic and line["parameters"] == parameters]
    totals = [line for line in lines if all(line[s] == TOTAL for s in strata)]
    own_total = next((line for line in drawn if all(line[s] == TOTAL for s in strata)), None)
    breakdowns = [_breakdown(released, context, name, drawn) for name in strata]
    crossings = {tuple(s for s in strata if line[s] != TOTAL) for line in drawn}
    pairs = [pair for pair in sorted(crossings) if len(pair) == 2]
    grouped = [_grouped(released, context, (pair[0], pair[1]), drawn) for pair in pairs]
    return DrawnIndicator(
        text=context.indicator(identifier),
        lines=tuple(lines),
        overall=tuple((line["parameters"], line["statistic"], _point(line, TOTAL, "All")) for line in totals),
        statistic=statistic,
        parameters=parameters,
        is_commonest_path=commonest is not None,
        total=_point(own_total, TOTAL, "All") if own_total else None,
        breakdowns=tuple(one for one in breakdowns if one.points),
        grouped=tuple(one for one in grouped if one is not None),
        curves=curves_of(released, context, lines),
    )


# A longer window is what targets speak of; it is passed over only where protection takes this much of it.
_ENOUGH_TO_SHOW = 0.75


def _best_shown(lines: list[dict[str, Any]]) -> str:
    """The last parameter point with about as many cells to show as the best: a chart of blanks helps nobody.

    Of what is no grid, such as the measures of a kind, the first: a chart of who stopped, not of who died meanwhile.
    """
    shown: dict[str, int] = {}
    for line in lines:
        shown[line["parameters"]] = shown.get(line["parameters"], 0) + (line["value"] is not None)
    enough = _ENOUGH_TO_SHOW * max(shown.values())
    points = [point for point in shown if shown[point] >= enough]
    return next(point for point in reversed(points) if _beside_a_grid(point) == _beside_a_grid(points[0]))


def _commonest_path(lines: list[dict[str, Any]], strata: list[str]) -> str | None:
    """Parameters of the path that most persons have, where a path is printed by its name; the first of equals."""
    paths = {
        line["parameters"]: line["value"]
        for line in lines
        if line["value"] is not None and _names_a_path(line["parameters"]) and all(line[s] == TOTAL for s in strata)
    }
    return max(paths, key=paths.__getitem__) if paths else None


def _names_a_path(parameters: str) -> bool:
    path = parameters.partition("path=")[2]
    return bool(path) and path not in ("any", "none") and not path.startswith("other of ")


def _beside_a_grid(parameters: str) -> list[str]:
    return [part for part in parameters.split(";") if part.partition("=")[0] in _NO_GRID]


def _breakdown(
    released: ReleasedTable, context: ReleaseContext, name: str, lines: Iterable[dict[str, Any]]
) -> Breakdown:
    others = [dimension.name for dimension in released.dimensions if dimension.name != name]
    levels = next(dimension.levels for dimension in released.dimensions if dimension.name == name)
    found = {line[name]: line for line in lines if line[name] != TOTAL and all(line[o] == TOTAL for o in others)}
    points = tuple(_point(found[x], x, context.level_title(name, x)) for x in levels if x in found)
    return Breakdown(name, context.stratum_title(name), points, name in TIME_STRATA)


def _grouped(
    released: ReleasedTable, context: ReleaseContext, pair: tuple[str, str], lines: Iterable[dict[str, Any]]
) -> GroupedBreakdown | None:
    levels = {dimension.name: dimension.levels for dimension in released.dimensions}
    # The stratum with fewer levels gives the groups: two colours, many rows.
    colour, row = sorted(pair, key=lambda name: (len(levels[name]), name))
    if len(levels[colour]) > 2 or len(levels[row]) > _MOST_GROUPS or row in TIME_STRATA:
        return None
    others = [name for name in levels if name not in pair]
    found = {(line[colour], line[row]): line for line in lines if all(line[o] == TOTAL for o in others)}
    # The first row is the margin: each colour over all levels of the rows.
    groups = tuple(
        (
            context.level_title(row, level),
            tuple(
                _point(found[own, level], own, context.level_title(colour, own))
                for own in levels[colour]
                if (own, level) in found
            ),
        )
        for level in (TOTAL, *levels[row])
    )
    title = f"{context.stratum_title(row)} and {context.stratum_title(colour).lower()}"
    return GroupedBreakdown(title, (row, colour), groups)


def _is_comparison(breakdown: Breakdown) -> bool:
    shown = [point for point in breakdown.points if point.value is not None]
    return not breakdown.is_time and breakdown.stratum not in {"sex", "age"} and len(shown) >= _FEWEST_FOR_FUNNEL


def _point(line: dict[str, Any], level: str, title: str) -> Point:
    return Point(
        level,
        title,
        line["value"],
        line["lower"],
        line["upper"],
        line["numerator"],
        line["denominator"],
        line["status"],
    )

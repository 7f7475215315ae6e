"""The table of totals at the head of an indicator: what all rows have in common is said once, above it."""

from __future__ import annotations

from dataclasses import dataclass

from linkage_server.release.figures import DrawnIndicator, Point
from linkage_server.release.wording import parameters_title


@dataclass(frozen=True, slots=True)
class OverallTable:
    """Totals of one indicator.

    Args:
        shared: parameters of every row.
        statistics: its columns.
        rows: title of a parameter point, whether the charts show it, and its cells by statistic.
    """

    shared: tuple[str, ...]
    statistics: tuple[str, ...]
    rows: tuple[tuple[str, bool, dict[str, Point]], ...]


def without(parameters: str, shared: tuple[str, ...]) -> str:
    """A parameter point in words, without what was said already."""
    return parameters_title(";".join(part for part in parameters.split(";") if part not in shared))


def overall_table(drawn: DrawnIndicator) -> OverallTable:
    """The totals of an indicator but those of curves, which have a table of their own."""
    by_point = drawn.overall_by_point
    parts = {point: point.split(";") if point else [] for point in by_point}
    first, *others = parts.values() or ([],)
    shared = tuple(part for part in first if others and all(part in other for other in others))
    rows = []
    for point, cells in by_point.items():
        rows.append((without(point, shared) or "overall", point == drawn.parameters, cells))
    statistics = dict.fromkeys(statistic for cells in by_point.values() for statistic in cells)
    return OverallTable(shared, tuple(statistics), tuple(rows))

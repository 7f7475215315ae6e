"""Points with intervals for two strata at once, such as age and sex."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from markupsafe import Markup

from linkage_server.release.chart_parts import SMALL, Axes, describe, quiet, value_axis, words, zoomed
from linkage_server.release.chart_svg import COLOUR, new_figure, to_svg
from linkage_server.release.figures import Breakdown, GroupedBreakdown, Point
from linkage_server.release.wording import PROTECTED_SYMBOL


def grouped_intervals(grouped: GroupedBreakdown, *, statistic: str, chart_id: str, title: str) -> Markup:
    """Points with intervals, one row for each level of one stratum, one colour and shape for each of the other."""
    everything = [point for _, points in grouped.groups for point in points]
    rows = len(grouped.groups)
    height = 40 * rows + 74
    figure = new_figure(height)
    axes = figure.add_axes((0.15, 30 / height, 0.83, 1 - 74 / height))
    low, high = zoomed(everything, statistic)
    axes.set_xlim(low, high)
    axes.set_ylim(rows - 0.5, -0.5)
    quiet(axes)
    value_axis(axes, low, high, statistic, along_x=True)
    axes.set_yticks(range(rows), [name for name, _ in grouped.groups])
    for row, (_, points) in enumerate(grouped.groups):
        for place, point in enumerate(points):
            _interval_mark(
                axes, point, y=row + (place - (len(points) - 1) / 2) * 0.34, place=place, left=low, high=high
            )
    _legend(axes, [point.title for point in max((p for _, p in grouped.groups), key=len)])
    breakdown = Breakdown(
        "",
        grouped.title,
        tuple(replace(point, title=f"{name}, {point.title}") for name, points in grouped.groups for point in points),
        is_time=False,
    )
    return to_svg(figure, chart_id=chart_id, title=title, description=describe(breakdown, statistic, None))


def _interval_mark(axes: Axes, point: Point, *, y: float, place: int, left: float, high: float) -> None:
    colour, shape = (COLOUR["mark"], "o") if place == 0 else (COLOUR["second"], "D")
    if point.value is None:
        x = left + 0.02 * (high - left)
        words(axes, x, y, f"{PROTECTED_SYMBOL} protected", ha="left", va="center", size=SMALL, colour="muted")
        return
    fill, edge = (COLOUR["surface"], colour) if point.is_incomplete else (colour, COLOUR["surface"])
    if point.lower is not None and point.upper is not None:
        axes.plot([point.lower, point.upper], [y, y], color=colour, lw=2, solid_capstyle="round", zorder=3)
    axes.plot([point.value], [y], ls="", marker=shape, ms=7, mfc=fill, mec=edge, mew=1.3, zorder=4)


def _legend(axes: Axes, names: Sequence[str]) -> None:
    high = 1 + 26 / (axes.figure.get_figheight() * 72 - 74)
    for place, name in enumerate(names):
        colour, shape = (COLOUR["mark"], "o") if place == 0 else (COLOUR["second"], "D")
        x = 0.02 + 0.28 * place
        axes.plot([x], [high], transform=axes.transAxes, ls="", marker=shape, ms=7, color=colour, clip_on=False)
        words(axes, x + 0.03, high, name, ha="left", va="center", transform=axes.transAxes)

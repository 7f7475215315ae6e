"""Bars with 95 % intervals against the target band; what is kept back is named and marked, never a number."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup
from matplotlib.patches import Rectangle

from linkage_server.release.chart_parts import (
    SMALL,
    Axes,
    axis_end,
    describe,
    judged,
    target_band,
    tick,
    ticks,
    words,
)
from linkage_server.release.chart_svg import COLOUR, new_figure, to_svg
from linkage_server.release.context import Target
from linkage_server.release.figures import Breakdown, Point
from linkage_server.release.wording import PROTECTED_SYMBOL, number

ADDITIVE = ("sum", "persons")
"""Statistics whose total is made of its levels."""

_ROW = 33
_LONGEST_NAME = 48
# The bars take this part of the width; what stands beside them takes the rest.
_BAR_SHARE = 0.68


def bars(
    breakdown: Breakdown, *, statistic: str, total: Point | None, target: Target | None, chart_id: str, title: str
) -> Markup:
    """One bar with its 95 % interval for each level, largest first, kept-back ones last."""
    points = _ranked(breakdown)
    height = _ROW * len(points) + 46
    figure = new_figure(height)
    largest = axis_end(points, statistic)
    axes = figure.add_axes((0.0, 28 / height, _BAR_SHARE, 1 - 46 / height))
    axes.set_xlim(0, largest)
    axes.set_ylim(len(points), 0)
    axes.axis("off")
    if target and statistic == "share":
        target_band(axes, target, largest, vertical=True)
    for row, point in enumerate(points):
        _bar(axes, point, row=row, largest=largest, statistic=statistic, target=target)
    # The total of a sum or a count is no yardstick for its parts.
    if total is not None and total.value is not None and statistic not in ADDITIVE:
        axes.plot([total.value] * 2, [0, len(points)], color=COLOUR["ink"], lw=1, ls=(0, (4, 2.5)), zorder=4)
        side = "right" if total.value > 0.7 * largest else "left"
        words(axes, total.value, -0.12, f"All {number(total.value, statistic)}", ha=side, va="bottom", size=SMALL)
    for place in ticks(0, largest):
        ha = "left" if place == 0 else "right" if place == largest else "center"
        words(axes, place, len(points) + 0.2, tick(place, statistic), ha=ha, va="top", size=SMALL, colour="muted")
    return to_svg(figure, chart_id=chart_id, title=title, description=describe(breakdown, statistic, total))


def _ranked(breakdown: Breakdown) -> list[Point]:
    if breakdown.stratum in {"sex", "age"}:
        return list(breakdown.points)
    # Kept-back cells follow in the order of their names: their place must not tell their size.
    shown = [point for point in breakdown.points if point.value is not None]
    hidden = [point for point in breakdown.points if point.value is None]
    return sorted(shown, key=lambda p: (-(p.value or 0), p.title)) + sorted(hidden, key=lambda p: p.title)


def _bar(axes: Axes, point: Point, *, row: int, largest: float, statistic: str, target: Target | None) -> None:
    name = point.title if len(point.title) <= _LONGEST_NAME else point.title[: _LONGEST_NAME - 1] + "…"
    words(axes, 0, row + 0.36, name, ha="left", va="baseline")
    middle, thick = row + 0.66, 0.3
    axes.add_patch(Rectangle((0, middle - thick / 2), largest, thick, fc=COLOUR["grid"], alpha=0.5, lw=0, zorder=-1))
    beside = largest * 1.035
    if point.value is None:
        said = f"{PROTECTED_SYMBOL} protected" if point.is_suppressed else "nobody to count"
        words(axes, beside, middle, said, ha="left", va="center_baseline", size=SMALL, colour="muted")
        axes.plot([0, largest], [middle] * 2, color=COLOUR["muted"], lw=1.2, ls=(0, (1, 4)), zorder=2)
        return
    said = number(point.value, statistic)
    words(axes, beside, middle, said, ha="left", va="center_baseline", weight="bold")
    if _has_counts(point, statistic):
        counts = f"{point.numerator:.0f}/{point.denominator}"
        words(axes, largest / _BAR_SHARE, middle, counts, ha="right", va="center_baseline", size=SMALL, colour="muted")
    colour = COLOUR[judged(point.value, target if statistic == "share" else None)]
    axes.add_patch(Rectangle((0, middle - thick / 2), point.value, thick, zorder=3, **_filling(point, colour)))
    if point.lower is not None and point.upper is not None:
        upper = min(point.upper, largest)
        # A halo in the colour of the page keeps the whisker visible inside the bar.
        axes.plot([point.lower, upper], [middle] * 2, color=COLOUR["surface"], lw=3.6, zorder=5, solid_capstyle="butt")
        axes.plot([point.lower, upper], [middle] * 2, color=COLOUR["ink"], lw=1.3, zorder=6, solid_capstyle="butt")
        for end in (point.lower, upper):
            axes.plot([end] * 2, [middle - 0.1, middle + 0.1], color=COLOUR["ink"], lw=1.3, zorder=6)


def _filling(point: Point, colour: str) -> dict[str, Any]:
    """Pale with a broken outline where the number will still change."""
    if point.is_incomplete:
        return {"fc": (colour, 0.4), "ec": colour, "lw": 1, "ls": (0, (3, 2))}
    return {"fc": colour, "lw": 0}


def _has_counts(point: Point, statistic: str) -> bool:
    return statistic == "share" and point.numerator is not None and point.denominator is not None

"""A monthly series: incomplete months hollow on a shaded ground, months that are kept back left out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from markupsafe import Markup

from linkage_server.release.chart_parts import SMALL, Axes, describe, quiet, target_band, value_axis, words, zoomed
from linkage_server.release.chart_svg import COLOUR, new_figure, to_svg
from linkage_server.release.context import Target
from linkage_server.release.figures import Breakdown, Point
from linkage_server.release.wording import PROTECTED_SYMBOL

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MOST_TICKS = 8


def series(
    breakdown: Breakdown, *, statistic: str, total: Point | None, target: Target | None, chart_id: str, title: str
) -> Markup:
    """A line over months with its interval; incomplete months hollow on a shaded ground, kept-back ones left out."""
    points = breakdown.points
    figure = new_figure(236)
    axes = figure.add_axes((0.115, 0.17, 0.87, 0.70))
    low, high = zoomed([p for p in points if p.value is not None] or list(points), statistic, target)
    axes.set_xlim(-0.6, len(points) - 0.4)
    axes.set_ylim(low, high)
    quiet(axes)
    value_axis(axes, low, high, statistic, along_x=False)
    if target and statistic == "share":
        target_band(axes, target, high, vertical=False, start=low)
    _incomplete_ground(axes, points, high)
    _line(axes, points)
    for place, point in enumerate(points):
        if point.is_suppressed:
            words(axes, place, low + 0.03 * (high - low), PROTECTED_SYMBOL, ha="center", va="bottom", colour="muted")
    places, names = _period_ticks([point.title for point in points])
    axes.set_xticks(places, names)
    return to_svg(figure, chart_id=chart_id, title=title, description=describe(breakdown, statistic, total))


def _incomplete_ground(axes: Axes, points: Sequence[Point], top: float) -> None:
    places = [place for place, point in enumerate(points) if point.is_incomplete]
    if not places:
        return
    axes.axvspan(places[0] - 0.5, places[-1] + 0.5, fc=COLOUR["grid"], alpha=0.6, lw=0, zorder=0)
    words(axes, places[-1] + 0.45, top, "not complete", ha="right", va="bottom", size=SMALL, colour="muted")


def _line(axes: Axes, points: Sequence[Point]) -> None:
    complete = [p.value if p.value is not None and not p.is_incomplete else float("nan") for p in points]
    places = list(range(len(points)))
    if any(point.lower is not None for point in points):
        lower = [p.lower if p.lower is not None and p.value is not None else float("nan") for p in points]
        upper = [p.upper if p.upper is not None and p.value is not None else float("nan") for p in points]
        axes.fill_between(places, lower, upper, color=COLOUR["mark"], alpha=0.16, lw=0, zorder=2)
    axes.plot(places, complete, color=COLOUR["mark"], lw=2, marker="o", ms=4.5, mew=0, zorder=4)
    _lone_intervals(axes, points)
    # Broken line into and between incomplete months, never across a month that is kept back.
    after = [place for place, p in enumerate(points) if p.is_incomplete]
    late = [
        p.value if p.value is not None and (p.is_incomplete or place + 1 in after) else float("nan")
        for place, p in enumerate(points)
    ]
    if any(not math.isnan(one + next_one) for one, next_one in pairwise(late)):
        axes.plot(places, late, color=COLOUR["mark"], lw=1.3, ls=(0, (2, 2)), zorder=3)
    hollow = [(place, points[place].value) for place in after if points[place].value is not None]
    for place, value in hollow:
        axes.plot(
            [place], [value], ls="", marker="o", ms=5.5, mfc=COLOUR["surface"], mec=COLOUR["mark"], mew=1.5, zorder=5
        )


def _lone_intervals(axes: Axes, points: Sequence[Point]) -> None:
    """A month between two that are kept back has no band to lie in: its interval is drawn as a line."""
    shown = [point.value is not None for point in points]
    for place, point in enumerate(points):
        alone = not any(shown[max(0, place - 1) : place] + shown[place + 1 : place + 2])
        if shown[place] and alone and point.lower is not None:
            axes.plot([place] * 2, [point.lower, point.upper], color=COLOUR["mark"], lw=1.6, alpha=0.5, zorder=2)


def _period_ticks(periods: Sequence[str]) -> tuple[list[int], list[str]]:
    """Places and labels of at most eight ticks; the year stands under the first month that is labelled in it."""
    step = -(-len(periods) // _MOST_TICKS)
    step = next(round_step for round_step in (1, 2, 3, 4, 6, 12, step) if round_step >= step)
    places = list(range(0, len(periods), step))
    labels, year_said = [], ""
    for place in places:
        year, _, rest = periods[place].partition("-")
        name = _MONTHS[int(rest) - 1] if rest.isdigit() and 1 <= int(rest) <= 12 else rest
        labels.append(f"{name}\n{year}" if name and year != year_said else name or year)
        year_said = year
    return places, labels

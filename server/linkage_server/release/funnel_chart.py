"""A funnel plot: does a unit differ from the whole by more than chance at its size would give?

Limits are exact binomial at 95 and 99.8 %, interpolated between whole persons (Spiegelhalter, Stat Med 2005;24:1185,
appendix A.1), around the overall share.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from linkage_core.comparisons import funnel_limits, place_in_funnel
from linkage_server.release.chart_parts import SMALL, Axes, quiet, value_axis, words, zoomed
from linkage_server.release.chart_svg import COLOUR, new_figure, to_svg
from linkage_server.release.figures import Breakdown, Point
from linkage_server.release.wording import number

_SMALLEST_DRAWN = 5
_MOST_NAMES = 6
_LONGEST_NAME = 30
# Outside which limits: colour and shape, so that the chart reads without colour too.
# The shape tells; orange and magenta mean other things in the charts beside it.
_MARKS = {"inside": ("mark", "o", 6.0), "95": ("ink", "D", 6.5), "99.8": ("ink", "^", 8.5)}


def funnel(breakdown: Breakdown, *, overall: float, chart_id: str, title: str) -> Markup:
    """Share against the number of persons behind it, one mark a unit.

    Args:
        overall: the share of all persons, between 0 and 1.
    """
    points = [p for p in breakdown.points if p.value is not None and p.denominator]
    figure = new_figure(300)
    axes = figure.add_axes((0.115, 0.15, 0.87, 0.82))
    largest = max((p.denominator or 0 for p in points), default=1) * 1.1
    low, high = zoomed([*points], "share")
    low, high = max(0.0, min(low, overall - 0.12)), min(1.0, max(high, overall + 0.12))
    axes.set_xlim(0, largest)
    axes.set_ylim(low, high)
    quiet(axes)
    value_axis(axes, low, high, "share", along_x=False)
    value_axis(axes, 0, largest, "persons", along_x=True)
    _limits(axes, overall, largest)
    judged = {point: place_of(point, overall) for point in points}
    for point, place in judged.items():
        colour, shape, size = _MARKS[place]
        axes.plot(
            [_x(point)],
            [_y(point)],
            ls="",
            marker=shape,
            ms=size,
            mfc=COLOUR["surface"] if point.is_incomplete else COLOUR[colour],
            mec=COLOUR[colour] if point.is_incomplete else COLOUR["surface"],
            mew=1.4 if point.is_incomplete else 1,
            zorder=4,
            clip_on=False,
        )
    _names(axes, [point for point, place in judged.items() if place != "inside"], points, largest, overall)
    words(axes, largest, low - 0.13 * (high - low), "persons", ha="right", va="top", size=SMALL, colour="muted")
    return to_svg(figure, chart_id=chart_id, title=title, description=_told(judged, breakdown, overall))


def place_of(point: Point, overall: float) -> str:
    """Where a unit lies: "inside" both limits, outside the "95" or outside the "99.8" per cent limits."""
    if not 0 < overall < 1 or point.value is None or not point.denominator:
        return "inside"
    return place_in_funnel(point.value, point.denominator, overall).rpartition(" ")[2]


def _limits(axes: Axes, overall: float, largest: float) -> None:
    axes.axhline(overall, color=COLOUR["ink"], lw=1, zorder=2)
    if not 0 < overall < 1:
        return
    persons = np.unique(np.round(np.geomspace(_SMALLEST_DRAWN, max(largest, _SMALLEST_DRAWN + 1), 160)))
    wide_low, wide_high = funnel_limits(persons, overall, level=0.998)
    low, high = funnel_limits(persons, overall, level=0.95)
    axes.fill_between(persons, wide_low, wide_high, color=COLOUR["grid"], alpha=0.45, lw=0, zorder=0.5)
    axes.fill_between(persons, low, high, color=COLOUR["grid"], alpha=0.75, lw=0, zorder=0.6)
    bottom, top = axes.get_ylim()
    for edge, said, side in ((low, "95 %", "top"), (wide_high, "99.8 %", "bottom")):
        if bottom < edge[-1] < top:
            words(axes, largest * 0.995, edge[-1], said, ha="right", va=side, size=10, colour="muted")


def _names(axes: Axes, outside: list[Point], drawn: list[Point], largest: float, overall: float) -> None:
    """Names of the units outside, farthest first; each where it hides no mark and no other name, or nowhere."""
    bottom, top = axes.get_ylim()
    taken = [_Box(_x(p), _y(p), 0.01 * largest, 0.015 * (top - bottom)) for p in drawn]
    for point in sorted(outside, key=lambda p: (-abs(_y(p) - overall), p.title))[:_MOST_NAMES]:
        name = point.title if len(point.title) <= _LONGEST_NAME else point.title[: _LONGEST_NAME - 1] + "…"
        wide, high = 0.0085 * len(name) * largest, 0.028 * (top - bottom)
        for side in (1, -1):
            box = _Box(_x(point) + side * (wide + 0.022 * largest), _y(point), wide, high)
            if box.x - wide >= 0 and box.x + wide <= largest and not any(box.meets(other) for other in taken):
                words(
                    axes, box.x - side * wide, box.y, name, ha="left" if side == 1 else "right", va="center", size=SMALL
                )
                taken.append(box)
                break


@dataclass(frozen=True, slots=True)
class _Box:
    """A rectangle on the chart: its middle and half its sides."""

    x: float
    y: float
    half_width: float
    half_height: float

    def meets(self, other: _Box) -> bool:
        near_x = abs(self.x - other.x) < self.half_width + other.half_width
        return near_x and abs(self.y - other.y) < self.half_height + other.half_height


def _x(point: Point) -> float:
    return float(point.denominator or 0)


def _y(point: Point) -> float:
    return point.value or 0.0


def _told(judged: dict[Point, str], breakdown: Breakdown, overall: float) -> str:
    outside = sorted(point.title for point, place in judged.items() if place == "99.8")
    parts = [f"{len(judged)} units around an overall {number(overall, 'share')}."]
    parts.append(f"Outside the 99.8 % limits: {', '.join(outside)}." if outside else "None outside the 99.8 % limits.")
    if kept_back := sum(point.is_suppressed for point in breakdown.points):
        parts.append(f"{kept_back} kept back to protect persons and not drawn.")
    return " ".join(parts)

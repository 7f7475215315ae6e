"""What the charts share: axes without clutter, ticks, the target band, and a chart told in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from linkage_server.release.chart_svg import COLOUR
from linkage_server.release.context import Target
from linkage_server.release.figures import Breakdown, Point
from linkage_server.release.wording import SHARES, number

SMALL = 11.5
"""Size of the second line of text, in points."""

Axes = Any  # Matplotlib ships no types for its axes that mypy could follow here.


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawn chart with its caption; `is_tall` for those that fill a column by themselves."""

    title: str
    caption: str
    svg: Markup
    is_tall: bool = False


def describe(breakdown: Breakdown, statistic: str, total: Point | None) -> str:
    """The chart in a sentence or two, for those who do not see it."""
    shown = sorted((p for p in breakdown.points if p.value is not None), key=lambda p: p.value or 0)
    kept_back = sum(point.is_suppressed for point in breakdown.points)
    parts = []
    if shown:
        low, high = shown[0], shown[-1]
        parts.append(
            f"From {number(low.value, statistic)} ({low.title}) to {number(high.value, statistic)} ({high.title})."
        )
    if total is not None and total.value is not None:
        parts.append(f"Overall {number(total.value, statistic)}.")
    if kept_back:
        parts.append(f"{kept_back} of {len(breakdown.points)} kept back to protect persons.")
    if incomplete := sum(point.is_incomplete for point in breakdown.points):
        parts.append(f"{incomplete} not complete yet.")
    return " ".join([*parts, "The same numbers stand in the table below."])


def words(axes: Axes, x: float, y: float, text: str, *, colour: str = "ink", size: float = 13, **where: Any) -> None:
    """Put a text on a chart; never cut off at the edge of the axes."""
    axes.text(x, y, text, color=COLOUR[colour], fontsize=size, clip_on=False, **where)


def quiet(axes: Axes) -> None:
    """Take away frame and tick marks; leave the labels."""
    for side in axes.spines.values():
        side.set_visible(False)
    axes.tick_params(length=0, pad=5, colors=COLOUR["ink"], labelsize=SMALL)
    axes.patch.set_visible(False)


def value_axis(axes: Axes, low: float, high: float, statistic: str, *, along_x: bool) -> None:
    """Ticks with units and fine lines for the axis that carries values."""
    places = [place for place in ticks(low, high) if low <= place <= high]
    names = [tick(place, statistic) for place in places]
    (axes.set_xticks if along_x else axes.set_yticks)(places, names)
    (axes.xaxis if along_x else axes.yaxis).grid(visible=True, color=COLOUR["grid"], lw=0.8)
    axes.set_axisbelow(True)


def axis_end(points: Sequence[Point], statistic: str) -> float:
    """Where an axis that starts at 0 ends: 1 for shares above a third, else a round number."""
    return round_end(max((max(p.value or 0, p.upper or 0) for p in points), default=0.0), statistic)


def round_end(largest: float, statistic: str) -> float:
    """A round number that is not below the largest value, 1 for shares above a third."""
    largest = largest or 1.0
    if statistic in SHARES and largest > 1 / 3:
        return 1.0
    step = 10.0 ** math.floor(math.log10(largest)) / 2
    return math.ceil(largest / step) * step


def zoomed(points: Sequence[Point], statistic: str, target: Target | None = None) -> tuple[float, float]:
    """Both ends of an axis that need not start at 0, with the intervals and a near target inside."""
    ends = [end for p in points for end in (p.value, p.lower, p.upper) if end is not None]
    if not ends:
        return 0.0, 1.0
    if target and statistic == "share":
        ends += [end for end in (target.lower, target.upper) if end is not None]
    low, high = min(ends), max(ends)
    room = 0.08 * (high - low or abs(high) or 1)
    return max(0.0, low - room), min(1.0, high + room) if statistic in SHARES else high + room


def ticks(low: float, high: float) -> list[float]:
    """Three to six round numbers between two ends."""
    rough = (high - low) / 4 or 1.0
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(place * step, 10) for place in range(first, math.floor(high / step + 1e-9) + 1)]


def tick(place: float, statistic: str) -> str:
    """A tick's label."""
    if statistic in SHARES:
        return f"{100 * place:.4g} %"
    return (
        f"{place:,.4g}".replace(",", "\N{NARROW NO-BREAK SPACE}")
        if place < 1000
        else f"{place:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}")
    )


def judged(value: float, target: Target | None) -> str:
    """Name of the colour of a value: below, within or beyond its target band; grey where there is none."""
    if target is None:
        return "muted"
    ends = [end for end in (target.lower, target.upper) if end is not None]
    if not ends:
        return "muted"
    first, best = (min(ends), max(ends)) if target.better == "high" else (-max(ends), -min(ends))
    signed = value if target.better == "high" else -value
    return "below" if signed < first else "mark" if signed >= best else "mark-soft"


def target_band(axes: Axes, target: Target, end: float, *, vertical: bool, start: float = 0.0) -> None:
    """Shade where a value should lie."""
    ends = [value for value in (target.lower, target.upper) if value is not None]
    if not ends:
        return
    low, high = (min(ends), max(ends)) if len(ends) == 2 else (ends[0], end)
    span = axes.axvspan if vertical else axes.axhspan
    line = axes.axvline if vertical else axes.axhline
    span(max(low, start), min(high, end), fc=COLOUR["band"], lw=0, zorder=0)
    for value in ends:
        if start <= value <= end:
            line(value, color=COLOUR["band-edge"], lw=1, zorder=0.5)

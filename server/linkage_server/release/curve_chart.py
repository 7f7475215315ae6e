"""Curves over days as steps between the printed points; what is kept back is left out, never bridged.

A printed point stands for its day alone. From it the curve runs level to the next printed day and steps there; where
that day is kept back, the curve breaks off and begins again at the next day that is printed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from markupsafe import Markup

from linkage_server.release.chart_parts import SMALL, Axes, quiet, round_end, tick, value_axis, words
from linkage_server.release.chart_svg import COLOUR, new_figure, to_svg
from linkage_server.release.curves import Curve, CurveLine
from linkage_server.release.wording import number

_HEIGHT = 236
MOST_TOGETHER = 2
"""As many levels share one chart; more have a panel each."""

_PANELS_A_ROW = 3
_PANEL = 112
_SMALLEST = 10
_LONGEST_NAME = 22
# Ticks closer than this part of the axis would write over each other.
_NEAREST_TICKS = 0.11
_STYLES = (("mark", "solid"), ("second", (0, (5, 2))))


def curve_chart(curve: Curve, *, chart_id: str, title: str) -> Markup:
    """The curve of all persons with its 95 % interval."""
    figure = new_figure(_HEIGHT)
    axes = _axes(figure.add_axes((0.115, 0.17, 0.855, 0.75)), curve)
    for day, last, lower, upper in _bands(curve.overall):
        axes.fill_between([day, last], [lower] * 2, [upper] * 2, color=COLOUR["mark"], alpha=0.16, lw=0, zorder=2)
    _draw(axes, curve, curve.overall, colour="mark", style="solid")
    return to_svg(figure, chart_id=chart_id, title=title, description=_described(curve, (curve.overall,)))


def stratum_chart(curve: Curve, lines: Sequence[CurveLine], *, chart_id: str, title: str) -> Markup:
    """The curves of a stratum's levels: two together, more in a panel each with that of all persons in grey."""
    described = _described(curve, lines)
    if len(lines) <= MOST_TOGETHER:
        figure = new_figure(_HEIGHT)
        axes = _axes(figure.add_axes((0.115, 0.17, 0.855, 0.70)), curve)
        for place, (line, (colour, style)) in enumerate(zip(lines, _STYLES, strict=False)):
            _draw(axes, curve, line, colour=colour, style=style)
            _key(axes, place, line, colour=colour, style=style)
        return to_svg(figure, chart_id=chart_id, title=title, description=described)
    rows = -(-len(lines) // _PANELS_A_ROW)
    height = _PANEL * rows
    figure = new_figure(height)
    for place, line in enumerate(lines):
        row, column = divmod(place, _PANELS_A_ROW)
        left = 0.085 + column * 0.32
        bottom = 1 - ((row + 1) * _PANEL - 24) / height
        axes = figure.add_axes((left, bottom, 0.255, (_PANEL - 48) / height))
        _small_axes(axes, curve, has_values=column == 0)
        _draw(axes, curve, curve.overall, colour="muted", style="solid", is_faint=True)
        _draw(axes, curve, line, colour="mark", style="solid")
        _name(axes, line)
    return to_svg(figure, chart_id=chart_id, title=title, description=described)


def steps(curve: Curve, line: CurveLine) -> list[list[tuple[int, float]]]:
    """Corners of each unbroken part of a line: (day, value), the first part from day 0 on."""
    parts: list[list[tuple[int, float]]] = [[(0, curve.start)]]
    for point in line.points:
        part = parts[-1]
        if point.value is None:
            if part:
                parts.append([])
            continue
        if part:
            part.append((point.day, part[-1][1]))
        part.append((point.day, point.value))
    return [part for part in parts if part]


def _ends(curve: Curve) -> tuple[float, float]:
    """Ends of the axis of values, the same for all charts of a curve: shares without the event start at 0."""
    if curve.statistic == "survival":
        return 0.0, 1.0
    ends = [point.upper or point.value or 0.0 for line in curve.lines for point in line.points]
    return 0.0, round_end(max(ends, default=0.0), "share")


def _axes(axes: Axes, curve: Curve) -> Axes:
    low, high = _ends(curve)
    last = curve.days[-1] or 1
    quiet(axes)
    axes.set_xlim(0, last)
    axes.set_ylim(low, high + 0.02 * (high - low))
    value_axis(axes, low, high, "share", along_x=False)
    axes.set_xticks(_day_ticks(curve.days))
    words(axes, 1, -0.16, "days", ha="right", va="top", size=SMALL, colour="muted", transform=axes.transAxes)
    return axes


def _small_axes(axes: Axes, curve: Curve, *, has_values: bool) -> None:
    low, high = _ends(curve)
    quiet(axes)
    axes.set_xlim(0, curve.days[-1] or 1)
    axes.set_ylim(low, high + 0.02 * (high - low))
    axes.set_yticks([low, high], [tick(low, "share"), tick(high, "share")] if has_values else ["", ""])
    axes.yaxis.grid(visible=True, color=COLOUR["grid"], lw=0.8)
    axes.set_axisbelow(True)
    axes.set_xticks([0, curve.days[-1] or 1])
    for label, side in zip(axes.get_xticklabels(), ("left", "right"), strict=True):
        label.set_horizontalalignment(side)
    axes.tick_params(pad=2, labelsize=_SMALLEST)


def _day_ticks(days: Sequence[int]) -> list[int]:
    """Day 0 and printed days, the last first, as far as they do not stand too close."""
    chosen = [days[-1]]
    for day in reversed((0, *days[:-1])):
        if min(abs(day - other) for other in chosen) >= _NEAREST_TICKS * days[-1]:
            chosen.append(day)
    return sorted({0, *chosen})


def _draw(axes: Axes, curve: Curve, line: CurveLine, *, colour: str, style: object, is_faint: bool = False) -> None:
    width, alpha = (1.2, 0.55) if is_faint else (2, 1)
    for part in steps(curve, line):
        days, values = zip(*part, strict=True)
        axes.plot(days, values, color=COLOUR[colour], lw=width, ls=style, alpha=alpha, zorder=4, clip_on=False)
    if is_faint:
        return
    shown = [point for point in line.points if point.value is not None]
    axes.plot(
        [point.day for point in shown],
        [point.value for point in shown],
        color=COLOUR[colour],
        ls="",
        marker="o",
        ms=4.5,
        mew=0,
        zorder=5,
        clip_on=False,
    )


def _bands(line: CurveLine) -> Iterator[tuple[int, int, float, float]]:
    """Interval of each printed point, up to the next day that is printed."""
    for point, following in zip(line.points, line.points[1:], strict=False):
        if following.value is not None and point.lower is not None and point.upper is not None:
            yield point.day, following.day, point.lower, point.upper


def _key(axes: Axes, place: int, line: CurveLine, *, colour: str, style: object) -> None:
    x, high = 0.02 + 0.49 * place, 1.1
    across = {"transform": axes.transAxes, "clip_on": False}
    axes.plot([x, x + 0.06], [high] * 2, color=COLOUR[colour], lw=2, ls=style, **across)
    words(axes, x + 0.08, high, _named(line), ha="left", va="center", size=SMALL, transform=axes.transAxes)


def _name(axes: Axes, line: CurveLine) -> None:
    words(axes, 0, 1.08, _named(line), ha="left", va="bottom", size=_SMALLEST, transform=axes.transAxes)


def _named(line: CurveLine) -> str:
    return line.title if len(line.title) <= _LONGEST_NAME else line.title[: _LONGEST_NAME - 1] + "…"


def _described(curve: Curve, lines: Sequence[CurveLine]) -> str:
    """The lines in a sentence each, for those who do not see them."""
    parts = [f"Step curves over {curve.days[-1]} days."]
    for line in lines:
        shown = [point for point in line.points if point.value is not None]
        if not shown:
            parts.append(f"{line.title}: kept back.")
            continue
        said = [
            f"{number(point.value, curve.statistic)} at day {point.day}"
            for point in dict.fromkeys((shown[0], shown[-1]))
        ]
        gaps = sum(point.is_suppressed for point in line.points)
        hidden = f"; {gaps} of {len(line.points)} points kept back" if gaps else ""
        parts.append(f"{line.title}: {', '.join(said)}{hidden}.")
    return " ".join([*parts, "The same numbers stand in the table below."])

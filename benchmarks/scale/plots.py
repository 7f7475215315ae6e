"""The figures as plots: times of every side, a register that grows, populations of every size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator

from linkage_server.benchmark.results import OURS, CaseResult
from linkage_server.benchmark.rounds import Measured

FOLDER = Path(__file__).resolve().parent.parent / "plots"
COLOURS = {
    OURS: "#0b5d8a",
    "DuckDB": "#c98a00",
    "Polars": "#8a5bb5",
    "DataFusion": "#3f8f5b",
    "pyarrow and numpy": "#8c8c8c",
}
"""One colour a program, in every plot; ours is the only blue."""

_STYLE: Any = {  # matplotlib types it by the names of all its settings
    "svg.hashsalt": "linkage",  # equal figures, equal bytes
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
}
_SECONDS = FuncFormatter(lambda value, _: f"{value * 1000:,.0f} ms" if value < 0.9995 else f"{value:,.0f} s")
_MANY = FuncFormatter(lambda value, _: f"{value / 1e6:.3g} M" if value >= 1e6 else f"{value:,.0f}")


def write_plots(results: Sequence[CaseResult], folder: Path = FOLDER) -> list[Path]:
    """Every plot that the results are enough for."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    with mpl.rc_context(_STYLE):
        for task in dict.fromkeys(result.task for result in results):
            of_task = [result for result in results if result.task == task]
            axis = series_axis(of_task)
            figure = _lines(of_task, axis) if axis else _dots(of_task)
            path = folder / f"{task.lower()}.svg"
            figure.savefig(path, metadata={"Date": None, "Title": f"{task}: {of_task[0].title}"}, bbox_inches="tight")
            written.append(path)
    return written


def series_axis(results: Sequence[CaseResult]) -> str | None:
    """The parameter that grows through a task's cases; None where they are few."""
    growing = [name for name in ("rows", "persons") if len({result.parameters.get(name) for result in results}) >= 3]
    return growing[0] if growing else None


def _ticks(*, between: tuple[int, ...]) -> LogLocator:
    """Labels also where the figures span less than a power of ten: at it and at its multiples `between`."""
    return LogLocator(base=10, subs=(1, *between))


def _dots(results: Sequence[CaseResult]) -> Figure:
    """One panel a temperature: the median of each side as a dot, fastest to slowest as a line."""
    sides = list(dict.fromkeys(side for result in results for side in result.sides))
    figure = Figure(figsize=(9, 0.9 + 0.34 * len(sides)))
    panels = figure.subplots(1, len(results), sharey=True, sharex=True, squeeze=False)[0]
    seconds = [second for result in results for figures in result.sides.values() for second in figures.seconds]
    # Two panels share the width: labels between powers of ten would lie on top of each other.
    between = (3,) if max(seconds) < 30 * min(seconds) else ()
    for panel, result in zip(panels, results, strict=True):
        for place, side in enumerate(sides):
            if side in result.sides:
                _dot(panel, place, side, result)
        panel.set_yticks(range(len(sides)), sides)
        panel.set_ylim(len(sides) - 0.4, -0.6)
        panel.set_xscale("log")
        panel.xaxis.set_major_locator(_ticks(between=between))
        panel.xaxis.set_major_formatter(_SECONDS)
        panel.xaxis.set_minor_formatter("")
        panel.grid(axis="x", which="major", color="#dddddd", linewidth=0.8)
        panel.set_axisbelow(True)
        panel.margins(x=0.18)
        panel.set_title("cold page cache" if result.cold else "warm page cache")
    figure.subplots_adjust(wspace=0.08)
    return figure


def _dot(panel: Any, place: int, side: str, result: CaseResult) -> None:
    figures, colour = result.sides[side], _colour(side)
    panel.plot([min(figures.seconds), max(figures.seconds)], [place, place], color=colour, linewidth=2, alpha=0.45)
    panel.plot(figures.median, place, "o", color=colour, markersize=7)
    words = (
        ""
        if side == OURS
        else f"{result.ratio(side):.0f}x"
        if result.ratio(side) >= 10
        else f"{result.ratio(side):.1f}x"
    )
    panel.annotate(
        words,
        (max(figures.seconds), place),
        (6, 0),
        textcoords="offset points",
        va="center",
        fontsize=8,
        color="#444444",
    )


def _lines(results: Sequence[CaseResult], axis: str) -> Figure:
    """One panel a question: medians along what grows, both axes logarithmic, so that a straight line is a power."""
    questions = list(dict.fromkeys(str(result.parameters.get("question", "")) for result in results))
    figure = Figure(figsize=(max(3.6 * len(questions), 6.5) + 1.6, 3.8))
    panels = figure.subplots(1, len(questions), sharey=True, squeeze=False)[0]
    for panel, question in zip(panels, questions, strict=True):
        cases = [result for result in results if str(result.parameters.get("question", "")) == question]
        for side in dict.fromkeys(side for result in cases for side in result.sides):
            points = [(result.parameters[axis], result.sides[side]) for result in cases if side in result.sides]
            _line(panel, side, points)
        panel.set_xscale("log")
        panel.set_yscale("log")
        panel.set_xticks(sorted({int(result.parameters[axis]) for result in cases}))
        panel.xaxis.set_major_formatter(_MANY)
        panel.xaxis.set_minor_formatter("")
        panel.minorticks_off()
        panel.yaxis.set_major_locator(_ticks(between=(2, 5)))
        panel.yaxis.set_major_formatter(_SECONDS)
        panel.grid(color="#dddddd", linewidth=0.8)
        panel.set_xlabel("rows of the register" if axis == "rows" else "persons asked about")
        panel.set_title(question or results[0].task)
    panels[-1].legend(loc="center left", bbox_to_anchor=(1.02, 0.5), frameon=False, fontsize=9)
    return figure


def _line(panel: Any, side: str, points: Sequence[tuple[Any, Measured]]) -> None:
    style = "--" if "Parquet" in side and side.startswith("DuckDB") else "-"
    across, up = [place for place, _ in points], [figures.median for _, figures in points]
    panel.plot(across, up, style, marker="o", markersize=4, color=_colour(side), label=side, linewidth=2)


def _colour(side: str) -> str:
    return COLOURS.get(side.partition(",")[0], "#000000")

"""The report: one HTML file that needs nothing else, for the screen, the telephone and paper.

It runs no script and loads nothing: its content security policy forbids both, so that a reader behind any wall sees
what we saw. Charts are drawn by `bar_chart`, `funnel_chart`, `series_chart` and `interval_chart`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from linkage.release_manifest import FileEntry
from linkage.released_table import TOTAL, LineStatus, ReleasedTable
from linkage_server.release.bar_chart import ADDITIVE, bars
from linkage_server.release.chart_parts import Chart, judged
from linkage_server.release.context import ReleaseContext
from linkage_server.release.curve_section import ShownCurve, shown_curves
from linkage_server.release.delivery_file import DeliveryFile
from linkage_server.release.figures import Breakdown, DrawnIndicator, GroupedBreakdown, drawn_indicators
from linkage_server.release.funnel_chart import funnel
from linkage_server.release.interval_chart import grouped_intervals
from linkage_server.release.overall_table import OverallTable, overall_table
from linkage_server.release.series_chart import series
from linkage_server.release.wording import (
    PROTECTED_SYMBOL,
    interval,
    number,
    parameters_title,
    row_part,
    row_question,
    sentence,
    statistic_title,
    whole,
)

_MOST_TABLE_LINES = 300
_MOST_BARS = 120


@dataclass(frozen=True, slots=True)
class Section:
    """One indicator of the report."""

    anchor: str
    drawn: DrawnIndicator
    charts: tuple[Chart, ...]
    curves: tuple[ShownCurve, ...]
    headers: tuple[str, ...]
    rows: tuple[dict[str, Any], ...]
    rows_left_out: int
    target_words: str
    judgement: str
    overall: OverallTable


def report_files(
    released: ReleasedTable, context: ReleaseContext, *, other_files: tuple[FileEntry, ...] = ()
) -> list[DeliveryFile]:
    """`report.html`.

    Args:
        other_files: the delivery's other files, listed with their hashes.
    """
    text = (
        _environment()
        .get_template("report.html")
        .render(
            released=released,
            context=context,
            sections=[
                _section(released, context, drawn, place)
                for place, drawn in enumerate(drawn_indicators(released, context), 1)
            ],
            statuses=Counter(released.table["status"].to_pylist()),
            files=other_files,
            symbol=PROTECTED_SYMBOL,
        )
    )
    return [DeliveryFile("report.html", "text/html; charset=utf-8", text.encode(), released.table.num_rows)]


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("linkage_server.release"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "statistic_title": statistic_title,
        "parameters_title": parameters_title,
        "whole": whole,
        "sentence": sentence,
        "row_question": row_question,
        "row_part": row_part,
    }
    environment.globals |= {"number": number, "interval": interval}
    return environment


def _section(released: ReleasedTable, context: ReleaseContext, drawn: DrawnIndicator, place: int) -> Section:
    anchor = f"indicator-{place}"
    rows = _rows(released, context, drawn)
    overall = overall_table(drawn)
    return Section(
        anchor=anchor,
        drawn=drawn,
        charts=tuple(_charts(drawn, anchor)),
        curves=shown_curves(drawn.curves, anchor=anchor, title=drawn.text.title.en, shared=overall.shared),
        headers=tuple(context.stratum_title(dimension.name) for dimension in released.dimensions),
        rows=tuple(rows[:_MOST_TABLE_LINES]),
        rows_left_out=max(0, len(rows) - _MOST_TABLE_LINES),
        target_words=_target_words(drawn),
        judgement=_judgement(drawn),
        overall=overall,
    )


def _charts(drawn: DrawnIndicator, anchor: str) -> list[Chart]:
    charts: list[Chart] = []
    target = drawn.text.target
    paired = {stratum for grouped in drawn.grouped for stratum in grouped.strata}
    for place, breakdown in enumerate(drawn.breakdowns):
        if breakdown.stratum in paired & {"sex", "age"}:
            continue  # the chart of the pair shows it too
        common: dict[str, Any] = {
            "statistic": drawn.statistic,
            "total": drawn.total,
            "target": target,
            "chart_id": f"{anchor}-{place}",
            "title": f"{drawn.text.title.en}, by {breakdown.title.lower()}",
        }
        if breakdown.is_time:
            charts.append(
                Chart(f"By {breakdown.title.lower()}", _series_caption(breakdown), series(breakdown, **common))
            )
        elif len(breakdown.points) <= _MOST_BARS:
            svg = bars(breakdown, **common)
            is_tall = len(breakdown.points) > 8
            charts.append(Chart(f"By {breakdown.title.lower()}", _bars_caption(breakdown, drawn), svg, is_tall))
    if (compared := drawn.funnel) is not None and drawn.total is not None and drawn.total.value is not None:
        title = f"Funnel plot by {compared.title.lower()}"
        svg = funnel(
            compared, overall=drawn.total.value, chart_id=f"{anchor}-funnel", title=f"{drawn.text.title.en}, {title}"
        )
        charts.append(Chart(title, _funnel_caption(compared), svg))
    for place, grouped in enumerate(drawn.grouped):
        svg = grouped_intervals(
            grouped,
            statistic=drawn.statistic,
            chart_id=f"{anchor}-pair-{place}",
            title=f"{drawn.text.title.en}, by {grouped.title.lower()}",
        )
        charts.append(Chart(f"By {grouped.title.lower()}", _grouped_caption(grouped), svg))
    return sorted(charts, key=lambda chart: not chart.is_tall)


def _funnel_caption(breakdown: Breakdown) -> str:
    words = (
        "Each mark is a unit. Within the darker funnel (95 %) differences are what chance alone gives; a triangle lies "
        "outside the 99.8 % limits, a diamond outside the 95 % limits."
    )
    return f"{words} Hollow marks are not complete." if any(p.is_incomplete for p in breakdown.points) else words


def _bars_caption(breakdown: Breakdown, drawn: DrawnIndicator) -> str:
    parts = ["Bars with 95 % intervals." if any(p.lower is not None for p in breakdown.points) else "Bars."]
    if drawn.total is not None and drawn.total.value is not None and drawn.statistic not in ADDITIVE:
        parts.append("The dashed line is the overall value.")
    if drawn.text.target is not None and drawn.statistic == "share":
        parts.append("The shaded band is the target.")
    if any(point.is_incomplete for point in breakdown.points):
        parts.append("Pale bars with a broken outline are not complete: somebody's window is not over yet.")
    if hidden := sum(point.is_suppressed for point in breakdown.points):
        parts.append(f"{hidden} marked {PROTECTED_SYMBOL}: kept back to protect persons, not zero.")
    return " ".join(parts)


def _grouped_caption(grouped: GroupedBreakdown) -> str:
    points = [point for _, row in grouped.groups for point in row]
    parts = ["Points with 95 % intervals." if any(point.lower is not None for point in points) else "Points."]
    if any(point.is_incomplete for point in points):
        parts.append("Hollow marks are not complete.")
    return " ".join(parts)


def _series_caption(breakdown: Breakdown) -> str:
    parts = ["The light band is the 95 % interval."] if any(p.lower is not None for p in breakdown.points) else []
    if any(point.is_incomplete for point in breakdown.points):
        parts.append("Hollow marks on the shaded ground are not complete and will still change.")
    if any(point.is_suppressed for point in breakdown.points):
        parts.append(f"{PROTECTED_SYMBOL} marks a period that is kept back.")
    return " ".join(parts)


def _rows(released: ReleasedTable, context: ReleaseContext, drawn: DrawnIndicator) -> list[dict[str, Any]]:
    """Lines as table rows: totals first, then by how many strata they are broken down."""
    strata = [dimension.name for dimension in released.dimensions]

    def depth(line: dict[str, Any]) -> tuple[int, list[bool]]:
        return sum(line[s] != TOTAL for s in strata), [line[s] == TOTAL for s in strata]

    return [_row(context, strata, line) for line in sorted(drawn.lines, key=depth)]


def _row(context: ReleaseContext, strata: list[str], line: dict[str, Any]) -> dict[str, Any]:
    statistic = line["statistic"]
    return {
        "levels": [context.level_title(s, line[s]) for s in strata],
        "what": ", ".join(part for part in (statistic_title(statistic), parameters_title(line["parameters"])) if part),
        "value": number(line["value"], statistic),
        "interval": interval(line["lower"], line["upper"], statistic) or "–",
        "numerator": whole(line["numerator"]),
        "denominator": whole(line["denominator"]),
        "suppressed": line["status"] == LineStatus.SUPPRESSED,
        "incomplete": line["status"] == LineStatus.INCOMPLETE,
    }


def _target_words(drawn: DrawnIndicator) -> str:
    target = drawn.text.target
    if target is None:
        return ""
    ends = [f"{100 * end:.4g} %" for end in (target.lower, target.upper) if end is not None]
    return f"Target {' to '.join(ends)}, {'higher' if target.better == 'high' else 'lower'} is better"


def _judgement(drawn: DrawnIndicator) -> str:
    """CSS class of the key figure's gauge, the same judgement as the bars'."""
    if drawn.total is None or drawn.total.value is None:
        return ""
    return {"below": " below", "mark-soft": " mid", "muted": " plain"}.get(
        judged(drawn.total.value, drawn.text.target), ""
    )

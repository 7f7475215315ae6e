"""The curves of an indicator as the report shows them: charts with their captions, and a table beneath."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from linkage.released_table import LineStatus
from linkage_server.release.chart_parts import Chart
from linkage_server.release.curve_chart import MOST_TOGETHER, curve_chart, stratum_chart
from linkage_server.release.curves import Curve, CurveLine
from linkage_server.release.overall_table import without
from linkage_server.release.wording import PROTECTED_SYMBOL, statistic_title

_MOST_PANELS = 60


@dataclass(frozen=True, slots=True)
class ShownCurve:
    """A curve, drawn.

    Args:
        groups: heading and lines of each part of the table, all persons first.
    """

    curve: Curve
    title: str
    caption: str
    charts: tuple[Chart, ...]
    groups: tuple[tuple[str, tuple[CurveLine, ...]], ...]


def shown_curves(
    curves: tuple[Curve, ...], *, anchor: str, title: str, shared: tuple[str, ...]
) -> tuple[ShownCurve, ...]:
    """Every curve of an indicator with its charts.

    Args:
        anchor: of the indicator on the page.
        title: of the indicator.
        shared: parameters that the section has told already.
    """
    return tuple(_shown(curve, f"{anchor}-curve-{place}", title, shared) for place, curve in enumerate(curves))


def _shown(curve: Curve, chart_id: str, title: str, shared: tuple[str, ...]) -> ShownCurve:
    name = ", ".join(part for part in (statistic_title(curve.statistic), without(curve.parameters, shared)) if part)
    overall = curve_chart(curve, chart_id=chart_id, title=f"{title}, {name}")
    charts = [Chart(curve.overall.title, "The light band is the 95 % interval.", overall)]
    for place, (stratum, lines) in enumerate(curve.strata):
        printed = [line for line in lines if not line.is_hidden]
        if not printed or len(printed) > _MOST_PANELS:
            continue
        by = f"By {stratum.lower()}"
        svg = stratum_chart(curve, printed, chart_id=f"{chart_id}-{place}", title=f"{title}, {name}, {by.lower()}")
        charts.append(Chart(by, _stratum_caption(lines, printed), svg))
    return ShownCurve(curve, name, _caption(curve), tuple(charts), (("", (curve.overall,)), *curve.strata))


def _stratum_caption(lines: Sequence[CurveLine], printed: Sequence[CurveLine]) -> str:
    parts = ["The grey curve is that of all persons."] if len(printed) > MOST_TOGETHER else []
    if hidden := len(lines) - len(printed):
        parts.append(f"{hidden} of {len(lines)} are kept back as a whole ({PROTECTED_SYMBOL} in the table).")
    return " ".join(parts)


def _caption(curve: Curve) -> str:
    parts = ["Computed from the printed counts of each interval: read at the dots, the end of an interval."]
    points = [point for line in curve.lines for point in line.points]
    if any(point.is_suppressed for point in points):
        parts.append(f"A curve breaks off where a point is kept back ({PROTECTED_SYMBOL} in the table).")
    if any(point.status == LineStatus.INCOMPLETE for point in points):
        parts.append("Not complete yet: the numbers will change.")
    return " ".join(parts)

"""Curves of a report: steps between printed points, a gap where a point is kept back, and a table beneath."""

from __future__ import annotations

import re
from typing import Any

import pyarrow as pa
import pytest

from linkage.released_table import TOTAL, LineStatus, ReleasedDimension, ReleasedTable, schema_of
from linkage_server.release.context import IndicatorText, Text
from linkage_server.release.curve_chart import steps, stratum_chart
from linkage_server.release.figures import DrawnIndicator, drawn_indicators
from linkage_server.release.report import report_files
from tests.support.released_example import example_context

HOSPITALS = ("Almby", "Björkhamn", "Ekensund", "Granliden")
SEXES = ("man", "woman")
DIMENSIONS = (ReleasedDimension("hospital", HOSPITALS), ReleasedDimension("sex", SEXES))
CONTEXT = example_context(indicators=(IndicatorText(id="stop", title=Text(en="Stopping")),))
# Share without the event at days 30, 90, 180 and 365; None is kept back.
SURVIVAL = {
    (TOTAL, TOTAL): (0.9, 0.8, 0.75, 0.7),
    (TOTAL, "man"): (0.91, None, 0.77, 0.72),
    (TOTAL, "woman"): (0.89, 0.78, 0.73, None),
    ("Almby", TOTAL): (0.9, 0.8, 0.7, 0.6),
    ("Björkhamn", TOTAL): (None, None, None, None),
    ("Ekensund", TOTAL): (None, 0.7, 0.6, 0.5),
    ("Granliden", TOTAL): (0.95, 0.9, 0.85, 0.8),
}


def line(parameters: str, statistic: str, value: float | None, at: tuple[str, str] = (TOTAL, TOTAL)) -> dict[str, Any]:
    shown = value is not None
    return dict.fromkeys(schema_of(DIMENSIONS).names) | {
        "indicator": "stop",
        "parameters": parameters,
        "period": TOTAL,
        "hospital": at[0],
        "sex": at[1],
        "statistic": statistic,
        "value": value,
        "lower": value - 0.05 if shown else None,
        "upper": value + 0.05 if shown else None,
        "status": LineStatus.OK if shown else LineStatus.SUPPRESSED,
        "reason": "" if shown else "small_cell_protection",
    }


def table_of(lines: list[dict[str, Any]]) -> ReleasedTable:
    return ReleasedTable(pa.Table.from_pylist(lines, schema=schema_of(DIMENSIONS)), DIMENSIONS)


def of_stopping() -> ReleasedTable:
    lines = [line(f"gap_days=60;measure={measure}", "share", 0.3) for measure in ("discontinued", "died")]
    for at, values in SURVIVAL.items():
        lines += [
            line(f"gap_days=60;at_day={day}", "survival", value, at)
            for day, value in zip((30, 90, 180, 365), values, strict=True)
        ]
    lines += [
        line(f"gap_days=60;measure=died;at_day={day}", "cumulative_incidence", value)
        for day, value in ((90, 0.1), (365, 0.2))
    ]
    return table_of(lines)


@pytest.fixture(scope="module")
def drawn() -> DrawnIndicator:
    (drawn,) = drawn_indicators(of_stopping(), CONTEXT)
    return drawn


@pytest.fixture(scope="module")
def page() -> str:
    return report_files(of_stopping(), CONTEXT)[0].content.decode()


def test_each_statistic_and_measure_is_a_curve_with_a_line_for_each_level(drawn: DrawnIndicator) -> None:
    survival, incidence = drawn.curves
    assert (survival.parameters, survival.days) == ("gap_days=60", (30, 90, 180, 365))
    assert [(title, [one.title for one in lines]) for title, lines in survival.strata] == [
        ("Hospital", list(HOSPITALS)),
        ("Sex", ["Men", "Women"]),
    ]
    assert (incidence.parameters, incidence.days) == ("gap_days=60;measure=died", (90, 365))


def test_a_curve_steps_at_printed_days_and_is_never_drawn_across_a_point_that_is_kept_back(
    drawn: DrawnIndicator,
) -> None:
    survival, incidence = drawn.curves
    men, women = survival.strata[1][1]
    assert steps(survival, survival.overall) == [
        [(0, 1.0), (30, 1.0), (30, 0.9), (90, 0.9), (90, 0.8), (180, 0.8), (180, 0.75), (365, 0.75), (365, 0.7)]
    ]
    # Nothing between day 30 and day 180: where the curve runs there is what day 90 would tell.
    assert steps(survival, men) == [[(0, 1.0), (30, 1.0), (30, 0.91)], [(180, 0.77), (365, 0.77), (365, 0.72)]]
    assert steps(survival, women)[-1][-1] == (180, 0.73)
    assert steps(survival, survival.strata[0][1][1]) == [[(0, 1.0)]]
    assert steps(incidence, incidence.overall)[0][:3] == [(0, 0.0), (90, 0.0), (90, 0.1)]


def test_charts_are_told_in_words_and_lines_that_are_kept_back_as_a_whole_have_no_panel(page: str) -> None:
    charts = re.findall(r'<svg class="chart".*?</svg>', page, flags=re.DOTALL)
    told = {
        re.search(r"<title[^>]*>([^<]*)", chart)[1]: re.search(r"<desc[^>]*>([^<]*)", chart)[1]  # type: ignore[index]
        for chart in charts
    }
    by_sex = told["Stopping, Share without the event, by sex"]
    assert "Men: 91.0 % at day 30, 72.0 % at day 365; 1 of 4 points kept back." in by_sex
    by_hospital = next(chart for chart in charts if "by hospital</title>" in chart)
    assert "Ekensund" in by_hospital
    assert "Björkhamn" not in by_hospital
    assert "1 of 4 are kept back as a whole" in page
    assert "#0" not in "".join(charts)


def test_a_table_beneath_has_every_point(page: str) -> None:
    tables = re.findall(r'<table class="curve">.*?</table>', page, flags=re.DOTALL)
    assert len(tables) == 2
    rows = {
        cells[0]: cells[1:]
        for row in re.findall(r"<tr>(.*?)</tr>", tables[0], flags=re.DOTALL)
        if (cells := [re.sub(r"<[^>]*>", "", one).strip() for one in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)])
    }
    assert rows["Share without the event"] == ["Day 30", "Day 90", "Day 180", "Day 365"]
    assert rows["Men"] == ["91.0 % 86.0–96.0 %", "×", "77.0 % 72.0–82.0 %", "72.0 % 67.0–77.0 %"]
    assert rows["Björkhamn"] == ["×"] * 4


def test_the_table_of_totals_leaves_curves_to_their_own_and_says_shared_parameters_once(page: str) -> None:
    overall = re.search(r'<table class="overall">.*?</table>', page, flags=re.DOTALL)
    assert overall is not None
    assert "Share without the event" not in overall[0]
    assert "Cumulative incidence" not in overall[0]
    assert "Gaps of up to 60 days permitted:</p>" in page
    assert "gaps of up to 60 days" not in overall[0].lower()


def test_two_levels_share_a_chart_and_differ_in_more_than_colour(drawn: DrawnIndicator) -> None:
    survival = drawn.curves[0]
    chart = stratum_chart(survival, survival.strata[1][1], chart_id="x", title="x")
    assert {"var(--mark)", "var(--second)"} <= set(re.findall(r"var\(--[a-z-]+\)", chart))
    assert "stroke-dasharray" in chart


def test_an_indicator_of_a_curve_alone_has_its_last_day_as_key_figure() -> None:
    lines = [line(f"at_day={day}", "survival", value) for day, value in ((90, 0.8), (365, 0.7))]
    lines.append(line("ended=any", "persons", 100))
    (drawn,) = drawn_indicators(table_of(lines), CONTEXT)
    assert (drawn.statistic, drawn.parameters) == ("survival", "at_day=365")


PATHS = {"path=any": None, "path=none": 0.4, "path=statin": 0.1, "path=asa - statin": 0.2, "path=other of 2": 0.3}


def test_the_key_figure_of_treatment_lines_is_the_commonest_path_that_is_printed_by_name() -> None:
    lines = [line(f"measure=reached;line={number}", "share", value) for number, value in ((1, 0.6), (2, 0.3))]
    (drawn,) = drawn_indicators(table_of(lines), CONTEXT)
    assert (drawn.parameters, drawn.is_commonest_path) == ("measure=reached;line=1", False)
    lines += [line(point, "share", value) for point, value in PATHS.items()]
    (drawn,) = drawn_indicators(table_of(lines), CONTEXT)
    assert (drawn.parameters, drawn.is_commonest_path) == ("path=asa - statin", True)
    page = report_files(table_of(lines), CONTEXT)[0].content.decode()
    assert "commonest printed: path asa - statin</span>" in page
    hidden = [one | {"value": None} if "asa" in one["parameters"] else one for one in lines]
    (drawn,) = drawn_indicators(table_of(hidden), CONTEXT)
    assert drawn.parameters == "path=statin"


def test_a_rest_of_rare_paths_is_told_by_how_many_lines_they_have() -> None:
    lines = [line(f"path=other of {number}", "share", 0.1) for number in range(3)]
    page = report_files(table_of(lines), CONTEXT)[0].content.decode()
    assert {"No line", "Other paths of 1 line", "Other paths of 2 lines"} <= set(
        re.findall(r'<th scope="row">([^<]*)</th>', page)
    )

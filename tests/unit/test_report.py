"""The report needs nothing but itself, and never draws a kept-back cell as a number."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from scipy.stats import binom

from linkage.released_table import NUMBER_COLUMNS, LineStatus
from linkage_core.comparisons import funnel_limits
from linkage_server.release.bar_chart import bars
from linkage_server.release.figures import drawn_indicators
from linkage_server.release.funnel_chart import funnel, place_of
from linkage_server.release.report import report_files
from linkage_server.release.series_chart import series
from tests.support.released_example import example_context, example_table

HTML = report_files(example_table(), example_context())[0].content.decode()
DRAWN = drawn_indicators(example_table(), example_context())


class Page(HTMLParser):
    """Tags with their attributes, and whether every tag is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in {"meta", "br", "link", "img"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def page() -> Page:
    page = Page()
    page.feed(HTML)
    return page


def test_nothing_outside_the_file_is_referred_to(page: Page) -> None:
    assert "http" not in HTML.replace('http-equiv="Content-Security-Policy"', "")
    assert "//" not in re.sub(r"</?[a-z]", "", HTML)
    for tag, attributes in page.tags:
        assert tag not in {"script", "link", "img", "iframe", "object", "embed", "base", "form"}
        for name in ("src", "href", "xlink:href", "srcset", "action", "data", "poster"):
            assert (attributes.get(name) or "#").startswith("#")
        assert not any(name.startswith("on") for name in attributes)
    assert all(target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", HTML))
    assert "@import" not in HTML


def test_a_content_security_policy_forbids_all_loading_and_all_scripts(page: Page) -> None:
    policy = next(a["content"] for tag, a in page.tags if tag == "meta" and a.get("http-equiv"))
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def test_tags_close_and_identifiers_are_unique_and_found(page: Page) -> None:
    assert page.open == []
    identifiers = [a["id"] for _, a in page.tags if "id" in a]
    assert len(set(identifiers)) == len(identifiers)
    links = [a["href"] for _, a in page.tags if a.get("href")]
    referred = {link[1:] for link in links if link} | set(re.findall(r"url\(#([^)]*)\)", HTML))
    assert referred <= set(identifiers)


def test_every_chart_has_a_title_a_description_and_a_table(page: Page) -> None:
    charts = [a for tag, a in page.tags if tag == "svg" and a.get("class") == "chart"]
    assert len(charts) == 9
    identifiers = {a["id"] for _, a in page.tags if "id" in a}
    for chart in charts:
        assert chart["role"] == "img"
        assert set((chart["aria-labelledby"] or "").split()) <= identifiers
    assert sum(tag == "details" for tag, _ in page.tags) == len(DRAWN)


def test_colours_come_from_the_page_so_that_dark_and_paper_work() -> None:
    drawings = "".join(re.findall(r"<svg class=\"chart\".*?</svg>", HTML, flags=re.DOTALL))
    assert not re.findall(r"#[0-9a-f]{6}\b", drawings)
    assert {"var(--mark)", "var(--below)", "var(--ink)", "var(--surface)"} <= set(
        re.findall(r"var\(--[a-z-]+\)", drawings)
    )


def test_a_kept_back_hospital_is_named_and_marked_and_has_no_bar() -> None:
    by_hospital = DRAWN[0].breakdowns[0]
    assert {point.title for point in by_hospital.points if point.is_suppressed} >= {"Helsingborg", "Visby"}
    only_hidden = replace(by_hospital, points=tuple(p for p in by_hospital.points if p.is_suppressed))
    svg = bars(only_hidden, statistic="share", total=None, target=None, chart_id="x", title="x")
    assert svg.count("× protected") == len(only_hidden.points)
    assert "var(--mark)" not in svg
    assert "var(--below)" not in svg
    assert "0.0 %" not in svg


def test_a_sum_has_no_overall_line_since_it_lies_beyond_every_part() -> None:
    mean = DRAWN[2]
    assert mean.total is not None
    with_line, without = (
        bars(mean.breakdowns[0], statistic=one, total=mean.total, target=None, chart_id="x", title="x")
        for one in ("mean", "sum")
    )
    assert "All 298" in with_line
    assert "All 298" not in without


def test_kept_back_cells_stand_last_and_in_the_order_of_their_names() -> None:
    svg = bars(DRAWN[0].breakdowns[0], statistic="share", total=None, target=None, chart_id="x", title="x")
    places = [svg.index(f">{point.title}<") for point in DRAWN[0].breakdowns[0].points]
    order = [
        p.title for _, p in sorted(zip(places, DRAWN[0].breakdowns[0].points, strict=True), key=lambda pair: pair[0])
    ]
    hidden = [p.title for p in DRAWN[0].breakdowns[0].points if p.is_suppressed]
    assert order[-len(hidden) :] == sorted(hidden)


def test_the_funnel_draws_a_mark_for_each_shown_unit_and_none_for_kept_back_ones() -> None:
    compared = DRAWN[0].funnel
    assert compared is not None
    shown = [point for point in compared.points if point.value is not None]
    hidden = [point for point in compared.points if point.is_suppressed]
    svg = funnel(compared, overall=0.9, chart_id="x", title="x")
    assert all(f">{point.title}<" not in svg for point in hidden)
    assert svg.count("stroke: var(--surface)") >= len(shown)
    assert f"{len(shown)} units" in svg
    assert f"{len(hidden)} kept back" in svg


@pytest.mark.parametrize("level", [0.95, 0.998])
@pytest.mark.parametrize("overall", [0.03, 0.5, 0.9])
def test_funnel_limits_are_the_interpolated_binomial_ones(level: float, overall: float) -> None:
    persons = np.array([10.0, 57.0, 400.0, 12000.0])
    low, high = funnel_limits(persons, overall, level=level)
    for n, lower, upper in zip(persons, low, high, strict=True):
        for tail, limit in (((1 - level) / 2, lower), (1 - (1 - level) / 2, upper)):
            quantile = binom.ppf(tail, n, overall)
            step = (binom.cdf(quantile, n, overall) - tail) / binom.pmf(quantile, n, overall)
            assert limit == pytest.approx(np.clip((quantile - step) / n, 0, 1), abs=1e-9)


def test_a_unit_is_judged_by_the_limits_at_its_own_size() -> None:
    point = next(p for p in DRAWN[0].breakdowns[0].points if p.value is not None)
    assert place_of(replace(point, value=0.85, denominator=20), 0.9) == "inside"
    assert place_of(replace(point, value=0.85, denominator=200), 0.9) == "95"
    assert place_of(replace(point, value=0.85, denominator=2000), 0.9) == "99.8"
    assert place_of(replace(point, value=0.85, denominator=2000), 1.0) == "inside"


def test_the_series_marks_incomplete_months_and_leaves_a_gap_for_a_kept_back_one() -> None:
    months = next(one for one in DRAWN[0].breakdowns if one.is_time)
    svg = series(months, statistic="share", total=None, target=None, chart_id="x", title="x")
    assert "not complete" in svg
    assert svg.count(">×<") == sum(point.is_suppressed for point in months.points) == 1
    assert sum(point.is_incomplete for point in months.points) == 3
    assert svg.count("fill: var(--surface)") >= 3


def test_no_line_runs_across_a_month_that_is_kept_back() -> None:
    months = next(one for one in DRAWN[0].breakdowns if one.is_time)
    hidden = [replace(p, value=None, lower=None, upper=None, status="suppressed") for p in months.points]
    lonely = replace(months, points=(months.points[0], *hidden[1:-1], months.points[-1]))
    svg = series(lonely, statistic="share", total=None, target=None, chart_id="x", title="x")
    assert months.points[-1].is_incomplete
    assert "stroke-dasharray" not in svg
    neighbours = replace(months, points=(*hidden[:-4], *months.points[-4:]))
    assert "stroke-dasharray" in series(neighbours, statistic="share", total=None, target=None, chart_id="x", title="x")


def test_the_report_says_what_a_reader_must_know() -> None:
    for words in (
        "quality assurance",
        "Found in the registers",
        "98–100 %",
        "lmed-2025-02-03-7f3a9c",
        "3f" * 32,
        "a5" * 32,
        "Kept back",
        "linkage verify",
        "Andel personer som hämtade ut en statin",
        "C10AA, C10BA, C10BX; not C10BA10",
        "Target 85 % to 95 %, higher is better",
        "excluded: not alive at 90",
    ):
        assert words in HTML


def test_a_table_cell_that_is_kept_back_shows_the_symbol_and_no_number() -> None:
    rows = re.findall(r"<tr>(.*?)</tr>", HTML, flags=re.DOTALL)
    kept_back = [row for row in rows if "× kept back" in row and "colspan" in row]
    expected = sum(line["status"] == LineStatus.SUPPRESSED for line in example_table().table.to_pylist())
    assert len(kept_back) == expected
    assert not any('class="n"' in row for row in kept_back)


@pytest.mark.parametrize(
    ("hidden", "drawn"),
    [({"within_days=90"}, "within_days=30"), ({"within_days=30"}, "within_days=90"), (None, "within_days=90")],
)
def test_the_parameter_point_with_most_cells_to_show_is_drawn_the_last_of_equals(
    hidden: set[str] | None, drawn: str
) -> None:
    table = example_table()
    rows = table.table.to_pylist()
    for row in rows:
        if hidden is None or (row["parameters"] in hidden and row["hospital"] != "total"):
            row.update(dict.fromkeys(NUMBER_COLUMNS), status="suppressed")
    less = replace(table, table=type(table.table).from_pylist(rows, schema=table.table.schema))
    assert drawn_indicators(less, example_context())[0].parameters == drawn


def test_an_indicator_that_is_wholly_kept_back_still_gets_a_section() -> None:
    table = example_table()
    names = {"value", "lower", "upper", "numerator", "denominator", "person_time"}
    rows = [line | dict.fromkeys(names) | {"status": "suppressed"} for line in table.table.to_pylist()]
    hidden = replace(table, table=type(table.table).from_pylist(rows, schema=table.table.schema))
    html = report_files(hidden, example_context())[0].content.decode()
    assert html.count("Kept back to protect persons") >= len(DRAWN)
    assert "0.0 %" not in html
    assert "Funnel plot" not in html


def test_of_two_measures_of_a_kind_the_first_is_drawn() -> None:
    """Who discontinued is the indicator; who died meanwhile stands beside it."""
    table = example_table()
    rows = table.table.to_pylist()
    for row in rows:
        row["parameters"] = {
            "within_days=30": "gap_days=60;measure=discontinued",
            "within_days=90": "gap_days=60;measure=died",
        }.get(row["parameters"], row["parameters"])
    measured = replace(table, table=type(table.table).from_pylist(rows, schema=table.table.schema))
    assert drawn_indicators(measured, example_context())[0].parameters == "gap_days=60;measure=discontinued"

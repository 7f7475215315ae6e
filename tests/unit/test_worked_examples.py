"""Worked examples: made-up rows that the core evaluates, drawn as text and SVG, and the pages they stand on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from linkage.catalogue_page import as_page
from linkage.indicator_definition import IndicatorSet, load_indicator_set, shipped_sets
from linkage.indicator_kinds import Indicator
from linkage.kind_words import example_set, kind_words
from linkage.register_catalogue import shipped_registers
from linkage_server.__main__ import app
from linkage_server.examples.draw_svg import as_svg
from linkage_server.examples.draw_text import as_text
from linkage_server.examples.entries import entries_of
from linkage_server.examples.worked_example import WorkedExample, worked_example

STATIN = "swedeheart-secondary-prevention@1.0.0"


def example_of(definition: IndicatorSet, identifier: str) -> WorkedExample:
    (indicator,) = [one for one in definition.indicators if one.id == identifier]
    found = worked_example(definition, indicator, registers=shipped_registers())
    assert found is not None
    return found


def outcomes(example: WorkedExample) -> dict[str, tuple[str, ...]]:
    return {person.name: person.outcomes for person in example.persons}


def test_an_example_tells_what_the_core_said_of_each_person() -> None:
    example = example_of(shipped_sets()[STATIN], "statin_initiation")
    assert example.points == ("within_days=30", "within_days=90")
    # Anna begins on day 5, Bo collects on day 80 (day -10 lies before), David on day 40, Eva on day 10.
    assert outcomes(example) == {
        "Anna": ("1", "1"),
        "Bo": ("0", "1"),
        "Cilla": ("0 no_rows", "0 no_rows"),
        "David": ("0", "1"),
        "Eva": ("1", "1"),
    }


def test_supply_is_drawn_as_the_model_of_the_set_gives_it_and_what_was_taken_back_has_none() -> None:
    example = example_of(example_set("proportion_of_days_covered"), "pdc")
    lanes = {person.name: person.lanes for person in example.persons}
    assert [(bar.first, bar.end) for bar in lanes["Anna"][0].bars] == [(5, 103), (95, 193), (190, 288), (330, 428)]
    assert [(mark.day, mark.kind) for mark in lanes["Bo"][0].marks][2:] == [
        (80, "dispensed"), (170, "taken_back"), (172, "taken_back"),
    ]  # fmt: skip
    # Anna: 98 + 98 + 98 days from day 5 on without a day between, which is day 5 to 298, and day 330 to 364.
    assert outcomes(example)["Anna"] == ("329/365 = 0.901", "1")


def test_episodes_are_drawn_as_the_core_found_them() -> None:
    example = example_of(example_set("treatment_episodes"), "episodes")
    (anna, *_) = example.persons
    assert [(bar.first, bar.end) for bar in anna.lanes[1].bars] == [(5, 299), (330, 370)]


def test_an_indicator_that_looks_back_has_rows_before_its_day() -> None:
    definition = load_indicator_set("""
[set]
id = "before"
version = "1.0.0"
[codes.nsaid]
atc_include = ["M01A"]
atc_exclude = ["M01AX05"]
[[indicator]]
id = "use"
kind = "drugs_at_date"
codes = "nsaid"
at_day = 0
rule = "dispensed"
dispensed_within_days = 120
at_least = 1
statistic = ["count", "share"]
""")
    example = example_of(definition, "use")
    assert outcomes(example)["Eva"][1] == "1"
    assert all(row[3].startswith("M01A") for row in example.rows if row[2] == "lmed")


@pytest.mark.parametrize("name", sorted(shipped_sets()))
def test_every_shipped_indicator_has_an_example(name: str) -> None:
    entries = entries_of(shipped_sets()[name], registers=shipped_registers())
    assert [entry.id for entry in entries if not entry.example_text] == []
    assert [entry.id for entry in entries if not (entry.formula_sv and entry.formula_en and entry.facts)] == []


def kinds() -> list[str]:
    models = get_args(get_args(Indicator)[0])
    return sorted(get_args(model.model_fields["kind"].annotation)[0] for model in models)


@pytest.mark.parametrize("kind", kinds())
def test_every_kind_has_words_and_an_example_of_its_own(kind: str) -> None:
    assert kind in kind_words(), f"write linkage/definitions/kinds/{kind}.toml: title, formula, edge cases, example"
    definition = example_set(kind)
    (indicator,) = definition.indicators
    assert indicator.kind == kind
    assert example_of(definition, indicator.id).points


def test_the_drawing_as_text_shows_marks_supply_and_values() -> None:
    text = as_text(example_of(example_set("proportion_of_days_covered"), "pdc"))
    assert "Anna   C10AA01" in text
    assert "●───────────●" in text
    assert "a = 329/365 = 0.901" in text
    assert "b: over 365 days, at least 80 % of days" in text


def test_the_drawing_as_svg_is_well_formed_and_runs_nothing() -> None:
    svg = as_svg(example_of(example_set("initiation"), "start"), title="<script>alert(1)</script> & more")
    root = ElementTree.fromstring(svg)
    shapes = {"svg", "title", "rect", "line", "text", "circle", "path"}
    assert {element.tag.rpartition("}")[2] for element in root.iter()} == shapes
    assert root[0].text == "<script>alert(1)</script> & more"
    assert "href" not in svg


def test_the_page_tells_definitions_in_both_languages_and_what_awaits_review() -> None:
    entries = entries_of(shipped_sets()[STATIN], registers=shipped_registers(), only=["statin_initiation", "death"])
    page = as_page(entries, title="A <page>")
    for words in (
        "A &lt;page&gt;",
        "Uttag av statin efter utskrivning",
        "Dispensed statin after discharge",
        "C10AA",
        "default-src 'none'",
        "data:image/svg+xml;base64,",
    ):
        assert words in page
    assert page.count("Not signed off: codes") == 1
    assert "<script" not in page


def test_what_cannot_be_ordered_is_told() -> None:
    laboratory = shipped_sets()["swedeheart-laboratory@1.0.0"]
    entries = entries_of(laboratory, registers=shipped_registers())
    told = {entry.id for entry in entries if "Laboratory" in dict(entry.facts)}
    assert told == {indicator.id for indicator in laboratory.indicators if indicator.unprotected}
    assert "statin_persistence" in told
    orders = entries_of(shipped_sets()["swedeheart-secondary-prevention@2.0.0"], registers=shipped_registers())
    assert not any("Laboratory" in dict(entry.facts) for entry in orders)


def test_the_laboratory_prints_and_writes_the_catalogue(tmp_path: Path) -> None:
    arguments = ["lab", "catalogue", STATIN, "--only", "statin_initiation"]
    printed = CliRunner().invoke(app, arguments)
    assert (printed.exit_code, "NOT SIGNED OFF" in printed.stdout, "● dispensed" in printed.stdout) == (0, True, True)
    assert CliRunner().invoke(app, [*arguments, "--html", str(tmp_path / "page.html")]).exit_code == 0
    assert "Dispensed statin" in (tmp_path / "page.html").read_text(encoding="utf-8")
    (entry,) = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)
    assert entry["facts"][0] == ["Kind", "collected within a window after the index day"]

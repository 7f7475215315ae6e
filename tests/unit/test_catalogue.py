"""Codes in the catalogue: lists that are shipped, lists of the holder's, and what registers say of their own codes."""

from __future__ import annotations

import asyncio
from importlib import resources
from pathlib import Path
from typing import Any, cast

import pytest

from linkage.code_lists import load_code_lists
from linkage.wire.v1 import catalogue_pb2
from linkage_server.api.catalogue import Catalogue
from linkage_server.orders.offer import load_offer

OWN_CODES = """
[[variables]]
name = "place"
title = { sv = "Plats", en = "Place" }
source_names = ["PLATS"]
type = "code"
role = "dimension"
code_system = "county"
codes = [
    { code = "01", title = { sv = "Huvudstadens län", en = "County of the capital" } },
    { code = "99", title = { sv = "Okänt län", en = "County not known" } },
]
"""


@pytest.fixture
def definitions(tmp_path: Path) -> Path:
    (tmp_path / "registers").mkdir()
    (tmp_path / "codes").mkdir()
    return tmp_path


def listed(definitions: Path, **asked: Any) -> tuple[dict[str, str], str]:
    """English titles by code, and the token of the next page."""
    catalogue = Catalogue(
        lambda: load_offer(definitions, standard_policy="standard@1.0.0", minimum_policy="standard@1.0.0"),
        lambda: load_code_lists(definitions / "codes"),
        dict,
    )
    request = catalogue_pb2.ListCodesRequest(**asked)
    # Any: a servicer's context is not used here.
    answer = asyncio.run(catalogue.ListCodes(request, cast(Any, None)))
    return {code.code: code.title.en for code in answer.codes}, answer.next_page_token


def test_shipped_lists_are_listed_in_the_order_of_their_codes(definitions: Path) -> None:
    counties, rest = listed(definitions, code_system="county")
    assert len(counties) == 21
    assert not rest
    assert list(counties) == sorted(counties)
    assert counties["12"] == "Skåne län"


def test_long_lists_come_in_pages_without_a_gap(definitions: Path) -> None:
    found: dict[str, str] = {}
    token, pages = "", 0
    while pages == 0 or token:
        page, token = listed(definitions, code_system="municipality", page_size=100, page_token=token)
        assert not page.keys() & found.keys()
        found |= page
        pages += 1
    assert (pages, len(found)) == (3, 290)


def test_a_prefix_chooses_the_municipalities_of_a_county(definitions: Path) -> None:
    of_skane, _ = listed(definitions, code_system="municipality", prefix="12")
    assert len(of_skane) == 33
    assert all(code.startswith("12") for code in of_skane)


def test_a_list_that_the_holder_adds_counts_at_once(definitions: Path) -> None:
    assert listed(definitions, code_system="atc")[0] == {}
    (definitions / "codes" / "atc.csv").write_text("code,title_sv,title_en\nC10AA05,atorvastatin,atorvastatin\n")
    assert listed(definitions, code_system="atc") == ({"C10AA05": "atorvastatin"}, "")


def test_what_a_register_says_of_its_codes_stands_before_the_list(definitions: Path) -> None:
    shipped = (resources.files("linkage") / "definitions" / "registers" / "lmed.toml").read_text(encoding="utf-8")
    (definitions / "registers" / "lmed.toml").write_text(shipped + OWN_CODES, encoding="utf-8")
    counties, _ = listed(definitions, code_system="county")
    assert (counties["01"], counties["99"], counties["03"]) == (
        "County of the capital",
        "County not known",
        "Uppsala län",
    )


def indicators(definitions: Path, **asked: Any) -> catalogue_pb2.ListIndicatorsResponse:
    catalogue = Catalogue(
        lambda: load_offer(definitions, standard_policy="standard@1.0.0", minimum_policy="standard@1.0.0"),
        dict,
        dict,
    )
    return asyncio.run(catalogue.ListIndicators(catalogue_pb2.ListIndicatorsRequest(**asked), cast(Any, None)))


def test_definitions_come_with_formula_facts_and_a_drawn_example(definitions: Path) -> None:
    (told,) = indicators(definitions, id="cost_by_year", with_definitions=True).indicators
    assert {fact.name: fact.text for fact in told.facts}["Register"] == "lmed"
    assert "kronor" in told.formula.sv
    assert "● dispensed" in told.example_text
    assert told.example_svg.startswith("<svg")
    (listed_alone,) = indicators(definitions, id="cost_by_year").indicators
    assert not listed_alone.example_svg


def test_definitions_come_in_small_pages(definitions: Path) -> None:
    asked = {"set": "swedeheart-secondary-prevention@1.0.0", "page_size": 7}
    first = indicators(definitions, with_definitions=True, **asked)
    rest = indicators(definitions, with_definitions=True, page_token=first.next_page_token, **asked)
    assert len(first.indicators) == 7
    assert not {one.id for one in first.indicators} & {one.id for one in rest.indicators}


def test_a_broken_file_is_told_beside_what_is_on_offer(definitions: Path) -> None:
    (definitions / "indicators").mkdir()
    (definitions / "indicators" / "mine.toml").write_text("[set", encoding="utf-8")
    answer = indicators(definitions)
    assert [(one.file, "is not TOML" in one.message) for one in answer.refused] == [("mine.toml", True)]
    assert answer.indicators

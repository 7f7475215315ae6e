"""Curves, medians and paths are ordered, delivered in every format, and reproduced."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from linkage_client.home import ClientHome
from linkage_server.access.certificates import Caller
from linkage_server.access.permits import Role
from linkage_server.demo.made_up_registers import MadeUpRegisters
from linkage_server.reviews.explained import hidden_cells, witnesses
from linkage_server.runs.reproduce import reproduce
from tests.support.loaded_service import LoadedService
from tests.support.whole_journey import fetched

INDICATORS = """
[set]
id = "classes"
version = "1.0.0"
[codes.statins]
atc_include = ["C10AA"]
[codes.asa]
atc_include = ["B01AC06"]
[supply.fixed]
steps = ["fixed:90"]
[[indicator]]
id = "start"
kind = "time_to_initiation"
codes = "statins"
follow_up_days = 365
at_days = [30, 90, 365]
statistic = ["count", "share", "km", "cif", "median"]
[[indicator]]
id = "covered"
kind = "proportion_of_days_covered"
codes = "statins"
supply = "fixed"
observe = { from = 0, to = 365 }
threshold = 0.8
statistic = ["share", "median"]
[[indicator]]
id = "lines"
kind = "treatment_lines"
codes = ["statins", "asa"]
supply = "fixed"
observe = { from = 0, to = 365 }
statistic = ["share", "paths"]
"""


@pytest.fixture(scope="module")
def client(running: LoadedService, tmp_path_factory: pytest.TempPathFactory) -> ClientHome:
    return running.enrol(tmp_path_factory.mktemp("classes") / "client", organisation="classes")


def test_counts_by_class_are_delivered_and_reproduced(
    running: LoadedService, client: ClientHome, made: MadeUpRegisters, tmp_path: Path
) -> None:
    lines = fetched(
        running,
        client,
        tmp_path,
        population=made.population,
        indicators=INDICATORS,
        by=[["sex"]],
        registers=["lmed", "dors"],
    ).to_pylist()
    found = {(line["statistic"], line["parameters"]): line for line in lines if line["sex"] == "total"}
    curve = [line for (statistic, _), line in found.items() if statistic == "survival"]
    assert any(line["status"] == "ok" for line in curve)
    for line in curve:
        if line["status"] == "ok":
            assert 0 <= line["lower"] <= line["value"] <= line["upper"] <= 1
    by_class = [words for statistic, words in found if statistic == "persons"]
    assert any("ended=" in words for words in by_class)
    assert any("path=" in words for words in by_class)
    assert found["quantile", "observe_days=365;quantile=0.5"]["status"] in ("ok", "suppressed")
    everybody = found["persons", "ended=any"]["value"]
    own = [line["value"] for (_, words), line in found.items() if ";ended=" in words and line["statistic"] == "persons"]
    assert None in own or sum(own) == everybody
    manifest = json.loads((tmp_path / "delivery" / "manifest.json").read_text())
    assert "Share without the event" in (tmp_path / "delivery" / "report.html").read_text()
    _told_to_officers(running, manifest["order"])
    again = reproduce(running.service.run_desk, manifest["order"], delivered=tmp_path / "delivery")
    assert not again.differing


def _told_to_officers(running: LoadedService, order: str) -> None:
    """Every hidden cell, and what else it could be, in words that hold no key of ours."""
    officer = Caller("holder", Role.OFFICER, "", name="Anna")
    opened = running.service.review_desk.open(officer, order)
    cells = list(hidden_cells(opened, "en"))
    by_class = [cell for cell in cells if cell.what.startswith("persons in ")]
    assert by_class
    told = [text for cell in cells for text in (cell.what, cell.where, *cell.holds)]
    told += [sentence for cell in by_class[:10] for sentence in witnesses(opened, cell.mark, "en", counts=False)]
    for text in told:
        assert not re.search(r"[cC]lass/|ended=|path=|value=|days=|/denominator|;measure", text), text

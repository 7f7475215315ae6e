"""Findings that say the same are told once; an order that is wrong is refused before anything is sent."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from linkage.indicator_lint import Finding, Severity
from linkage.inline_sets import inline_findings
from linkage.lint_words import grouped
from linkage.order import load_order
from linkage_client import commands_orders
from linkage_client.__main__ import run
from linkage_server.demo.test_numbers import read_test_numbers

SET = """
[set]
id = "own"
version = "1.0.0"
[codes.statins]
atc_include = ["C10AA"]
{indicators}
"""
INDICATOR = '[[indicator]]\nid = "{name}"\nkind = "users"\ncodes = "statins"\nobserve = {{ from = 0, to = 90 }}\n'
ORDER = """
title = "Statins"
purpose = "quality assurance"
registers = ["lmed"]
{choices}
[population]
index_date = true
[contact]
name = "Test"
email = "test@example.org"
[legal_basis]
text = "Made-up persons."
"""
CHOICE = "[[indicators]]\ninline = '''{text}'''\n{more}\n"
TODAY = date(2026, 11, 1)


def finding(place: str, message: str = "the title is missing.") -> Finding:
    return Finding(Severity.WARNING, place, "no_words", message, "Write it.")


def of_indicators(number: int) -> str:
    return SET.format(indicators="".join(INDICATOR.format(name=f"i{one}") for one in range(number)))


def test_what_is_said_of_one_place_names_it_and_what_is_said_of_many_counts_them() -> None:
    found = [finding("a.title"), finding("set.owner", "nobody."), *(finding(f"i{n}.title") for n in range(9_999))]
    assert [str(group) for group in grouped(found)] == [
        "warning: 10,000 places (a.title, i0.title, i1.title and 9,997 more): the title is missing. Write it.",
        "warning: set.owner: nobody. Write it.",
    ]
    assert [group.where for group in grouped(found[:1] * 2)] == ["a.title"]
    assert [group.where for group in grouped([finding("a"), finding("b"), finding("c")])] == ["3 places (a, b, c)"]


def test_a_set_that_is_written_out_twice_is_told_of_once() -> None:
    text = of_indicators(2)
    choices = "".join(CHOICE.format(text=text, more=f'only = ["{name}"]') for name in ("i0", "i1"))
    document = load_order(ORDER.format(choices=choices), ordered_on=TODAY)
    found = inline_findings(document, today=TODAY)
    assert len(found) == len(set(found))
    assert {one.place.partition(",")[0] for one in found} == {"indicators[0].inline"}


def test_a_large_set_has_a_line_for_each_thing_that_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    order = tmp_path / "order.toml"
    order.write_text(ORDER.format(choices=CHOICE.format(text=of_indicators(400), more="")))
    assert run(["check", str(order)]) == 0
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 4
    assert sum("401 places" in line and "and 398 more" in line for line in told) == 2


def test_a_set_with_errors_is_refused_once_and_nothing_is_sent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    order, population = tmp_path / "order.toml", tmp_path / "population.csv"
    text = of_indicators(1).replace("observe", "obsrve")
    order.write_text(ORDER.format(choices=CHOICE.format(text=text, more="")))
    population.write_text(f"personnummer,index_date\n{read_test_numbers()[0]},2024-01-01\n")
    monkeypatch.setattr(commands_orders, "days_left", lambda _: 300)
    monkeypatch.setattr(commands_orders.ClientHome, "enrolment", lambda _: None)
    monkeypatch.setattr(commands_orders, "Linkage", lambda *_: pytest.fail("the service was asked"))
    assert run(["submit", str(order), "--population", str(population), "--home", str(tmp_path)]) == 3
    told = capsys.readouterr().err
    assert told.count("unknown field") == 1

"""What an order may ask of indicator sets: sound inline sets, and one length of a code at a time."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from linkage.order import OrderFaults
from linkage_client.__main__ import run
from linkage_server.orders.check_order import CheckedOrder, check_order
from linkage_server.orders.offer import load_offer

ORDER = """
title = "Drugs"
purpose = "statistics"
registers = ["lmed", "dors"]
formats = ["csv"]
by = {by}
[[indicators]]
{indicators}
[population]
index_date = true
[contact]
name = "Test"
email = "test@example.org"
[legal_basis]
text = "Made-up persons."
"""
NATIONAL = 'set = "national-drug-statistics"\nversion = "2.0.0"\nonly = {}'
INLINE = """inline = '''
[set]
id = "mine"
version = "1.0.0"
[codes.statin]
atc_include = ["{}"]
[[indicator]]
id = "start"
kind = "initiation"
codes = "statin"
window = {{ from = 0, to = 90 }}
'''"""


def checked(indicators: str, *, by: str = "[]") -> CheckedOrder:
    offer = load_offer(None, standard_policy="standard@1.0.0", minimum_policy="standard@1.0.0")
    return check_order(ORDER.format(indicators=indicators, by=by), offer=offer, ordered_on=date(2026, 1, 15))


def faults(indicators: str, *, by: str = "[]") -> list[str]:
    with pytest.raises(OrderFaults) as refused:
        checked(indicators, by=by)
    return [str(fault) for fault in refused.value.faults]


def test_a_whole_level_of_the_national_statistics_can_be_ordered() -> None:
    one_level = [f"{what}_{step}_atc3" for what in ("users", "ddd", "cost") for step in ("year", "month")]
    assert checked(NATIONAL.format(one_level)).sets[0].name == "national-drug-statistics@2.0.0"


def test_two_lengths_of_a_code_in_one_order_are_refused() -> None:
    (fault,) = faults(NATIONAL.format(["ddd_year_atc3", "ddd_year_atc5"]))
    assert "split rows by atc:3 and atc:5" in fault
    (fault,) = faults(NATIONAL.format(["ddd_year_atc3"]), by='[["row:atc"]]')
    assert "split rows by atc and atc:3" in fault


def test_an_inline_set_with_errors_is_refused_with_place_and_mend() -> None:
    (fault,) = faults(INLINE.format("K10"))
    assert "indicators[0].inline" in fault
    assert "codes.statin.atc_include[1]: no code begins with 'K10'" in fault
    assert checked(INLINE.format("C10AA")).sets[0].name == "mine@1.0.0"


def order_file(tmp_path: Path, inline: str) -> Path:
    file = tmp_path / "order.toml"
    file.write_text(ORDER.format(indicators=inline, by="[]"), encoding="utf-8")
    return file


def test_checking_an_order_shows_warnings_of_its_inline_sets_and_refuses_errors(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["check", str(order_file(tmp_path, INLINE.format("C10AA")))]) == 0
    assert "warning: indicators[0].inline, set.owner: nobody stands behind the set." in capsys.readouterr().err
    assert run(["check", str(order_file(tmp_path, INLINE.format("K10")))]) == 3
    assert "indicators[0].inline, codes.statin.atc_include[1]: no code begins with" in capsys.readouterr().err
    assert run(["check", str(order_file(tmp_path, INLINE.format("C10AA"))), "--json"]) == 0
    assert {one["rule"] for one in json.loads(capsys.readouterr().out)["findings"]} == {
        "no_owner",
        "no_review",
        "no_words",
    }

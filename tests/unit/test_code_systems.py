"""How codes are written: accepted and refused, system by system."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from linkage.code_lists import load_code_lists
from linkage.code_systems import passes_verhoeff, written_correctly
from linkage.errors import DefinitionRejected

REASONS = ("195658003", "68890003", "50591000052105", "55731000052109", "54601000052109", "48371000052102")


@pytest.mark.parametrize(
    ("system", "right", "wrong"),
    [
        ("atc", "A|C10|C10A|C10AA|C10AA05|Y75|Y20AA01|Z|X01", "W01|C1|C10AA5|c10aa05|C10AA055|C10 AA05"),
        ("icd-10-se", "I21|I219|I21.9|F03-|U071|464,01|410A|591,99|E812|410,-", "I2|I|21|I21 9|ABC|4100000"),
        ("icd-o-3-topography", "C500|C50.0|D45|C50", "C5|500|8500/3"),
        ("icd-o-morphology", "8500/3|85003|M8500|8500", "C500|85|44054006"),
        ("kva", "FNG05|AF037|AAF00|4321", "FNG5|F05|FNG0555"),
        ("npl-pack-id", "20040607001234", "2004060700123|2004060700123A"),
        ("varunr", "012345", "12345|1234567"),
        ("county", "01|25", "1|001"),
        ("municipality", "0180", "180|01800"),
        ("parish", "018001", "18001|TRUE"),
        ("hospital", "11001", "1101"),
    ],
)
def test_codes_are_judged_by_their_form(system: str, right: str, wrong: str) -> None:
    assert written_correctly(pa.array(right.split("|")), code_system=system).all()
    assert not written_correctly(pa.array(wrong.split("|")), code_system=system).any()


def test_an_empty_value_is_no_code() -> None:
    assert not written_correctly(pa.array([None, ""], pa.string()), code_system="atc").any()


@pytest.mark.parametrize("reason", REASONS)
def test_the_six_prescribing_reasons_of_the_founding_report_pass_verhoeff(reason: str) -> None:
    assert passes_verhoeff(reason)
    assert written_correctly(pa.array([reason]), code_system="snomed-ct").all()


@pytest.mark.parametrize("reason", REASONS)
def test_every_change_of_one_digit_and_every_swap_of_neighbours_is_found(reason: str) -> None:
    changed = [
        reason[:place] + digit + reason[place + 1 :]
        for place in range(len(reason))
        for digit in "0123456789"
        if digit != reason[place]
    ]
    swapped = [
        reason[:place] + reason[place + 1] + reason[place] + reason[place + 2 :]
        for place in range(len(reason) - 1)
        if reason[place] != reason[place + 1]
    ]

    assert not written_correctly(pa.array(changed + swapped), code_system="snomed-ct").any()


def test_four_of_the_six_reasons_lie_in_the_swedish_namespace() -> None:
    assert sum(reason[-10:-3] == "1000052" for reason in REASONS) == 4


def test_counties_and_municipalities_are_listed_with_leading_zeros() -> None:
    lists = load_code_lists()

    assert len(lists["county"].codes) == 21
    assert len(lists["municipality"].codes) == 290
    assert lists["county"].codes["01"].title_sv == "Stockholms län"
    assert written_correctly(lists["municipality"].as_arrow(), code_system="municipality").all()


def test_the_holder_adds_a_code_list_as_a_file(tmp_path: Path) -> None:
    (tmp_path / "atc.csv").write_text("code,title_sv,title_en\nC10AA05,atorvastatin,atorvastatin\n", encoding="utf-8")

    assert list(load_code_lists(tmp_path)["atc"].codes) == ["C10AA05"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("klingon.csv", "code,title_sv,title_en\n"),
        ("atc.csv", "kod,titel\n"),
        ("atc.csv", "code,title_sv,title_en\nA,a\n"),
        ("atc.csv", "code,title_sv,title_en\nA,a,a\nA,b,b\n"),
        ("atc.csv", ""),
    ],
)
def test_a_wrong_code_list_is_refused_by_name(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")

    with pytest.raises(DefinitionRejected, match=name):
        load_code_lists(tmp_path)

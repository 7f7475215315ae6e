"""A table of manufacturers is read whole or refused with row, column and mend; one company is never taken for two."""

from __future__ import annotations

import hashlib

import pytest

from linkage.errors import InputRefused
from linkage.manufacturer_table import read_manufacturers
from tests.support.manufacturers import HEADER, table_text

GOOD = "2024-12,20000101000001,20000101100001,100001,C10AA05,Nordbolaget AB,"


def test_companies_are_told_by_code_with_month_and_hash() -> None:
    text = table_text({"C10AA05": ["Nord", "Syd", "Ost"], "C10AA07": ["Nord"]})
    table = read_manufacturers(text.encode(), source="npl.csv", month="2024-12")
    assert table.month == "2024-12"
    assert table.sha256 == hashlib.sha256(text.encode()).hexdigest()
    assert len(table.companies["C10AA05"]) == 3
    assert table.of_codes(["C10AA07"]) == {"nord"}
    assert len(table.of_codes(["C10AA05", "C10AA07"])) == 3
    assert table.of_codes(["N02BE01"]) == frozenset()


def test_companies_of_one_group_are_one_company() -> None:
    table = read_manufacturers(table_text({"C10AA05": ["Nord/Holding", "Syd/Holding"]}).encode(), source="npl.csv")
    assert table.companies["C10AA05"] == {"holding"}


def test_two_spellings_of_a_company_are_one_company() -> None:
    table = read_manufacturers(table_text({"C10AA05": ["Nord AB", "NORD  ab"]}).encode(), source="npl.csv")
    assert table.companies["C10AA05"] == {"nord ab"}


def test_packages_without_a_code_and_a_table_without_groups_are_read() -> None:
    text = f"{HEADER.removesuffix(',company_group')}\n{GOOD[:-1]}\n2024-12,20000101000002,20000101100002,,,Nord\n"
    assert read_manufacturers(text.encode("utf-8-sig"), source="npl.csv").codes == ("C10AA05",)


def test_a_table_of_another_month_is_refused_with_both_months() -> None:
    text = table_text({"C10AA05": ["Nord"]}, month="2024-11")
    with pytest.raises(InputRefused, match="of 2024-11, and 2024-12 was asked for") as refused:
        read_manufacturers(text.encode(), source="npl.csv", month="2024-12")
    assert refused.value.mend == "Load the table of 2024-12."


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "wrong columns"),
        ("atc,manufacturer\nC10AA05,Nord\n", "wrong columns"),
        (f"{HEADER}\n", "no rows"),
        (f"{HEADER}\n{GOOD}\n{GOOD}\n", "row 2, column 'nplpackid': the package stands in the table already"),
        (f"{HEADER}\n{GOOD}\n{GOOD.replace('2024-12', '2024-11').replace('1100001', '1100002')}\n", "two months"),
        (f"{HEADER}\n{GOOD.replace('2024-12', '2024-13')}\n", "column 'month'"),
        (f"{HEADER}\n{GOOD.replace('C10AA05', 'statin')}\n", "column 'atc'"),
        (f"{HEADER}\n{GOOD.replace('20000101100001', '1')}\n", "column 'nplpackid'"),
        (f"{HEADER}\n{GOOD.replace(',100001,', ',1,')}\n", "column 'varunr'"),
        (f"{HEADER}\n{GOOD.replace('Nordbolaget AB', '')}\n", "column 'manufacturer'"),
        (f"{HEADER}\n{GOOD},more\n", "another number of fields"),
        (f'{HEADER}\n"{GOOD}\n', "not CSV"),
    ],
)
def test_a_table_that_is_not_in_the_layout_names_row_and_column(text: str, words: str) -> None:
    with pytest.raises(InputRefused, match=words) as refused:
        read_manufacturers(text.encode(), source="npl.csv")
    assert refused.value.mend
    assert "npl.csv" in refused.value.message


def test_a_table_with_an_identity_number_is_refused_without_repeating_it() -> None:
    text = f"{HEADER}\n{GOOD.replace('Nordbolaget AB', 'Eva 19121212-1212')}\n"
    with pytest.raises(InputRefused, match="identity number") as refused:
        read_manufacturers(text.encode(), source="npl.csv")
    assert "1212" not in str(refused.value)


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(InputRefused, match="UTF-8"):
        read_manufacturers(b"\xff\xfe", source="npl.csv")

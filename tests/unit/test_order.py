"""What an order file may say, and that all its faults are told at once."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from linkage.errors import InputRefused, NotFound
from linkage.order import PURPOSES, OrderFaults, load_order
from linkage.order_states import order_name, parse_order_name
from linkage_server.demo.test_numbers import read_test_numbers
from tests.support.orders import ORDER, order_text


def faults_of(text: str, *, ordered_on: date | None = None) -> dict[str, str]:
    with pytest.raises(OrderFaults) as caught:
        load_order(text, ordered_on=ordered_on)
    for fault in caught.value.faults:
        assert fault.rule
        assert fault.mend
        assert fault.mend.endswith((".", "."))
    return {fault.field: fault.rule for fault in caught.value.faults}


def test_a_complete_order_is_read_with_its_crossings_and_strata() -> None:
    order = load_order(ORDER)
    assert order.by == (("hospital",), ("sex", "age:<65,65-74,75-84,85+"), ("index:month",))
    assert order.population.strata == ("hospital",)
    assert order.population.index_date
    assert order.policy is None


def test_a_flat_list_of_names_is_one_crossing() -> None:
    assert load_order(order_text(by=["hospital", "sex"])).by == (("hospital", "sex"),)


def test_an_order_without_a_split_asks_for_one_total() -> None:
    assert load_order(order_text(by=[])).by == ()
    assert load_order(order_text(by=None)).by == ()


def test_every_fault_is_told_at_once() -> None:
    found = faults_of(
        order_text(
            title="",
            purpose="curiosity",
            registers=[],
            formats=["docx"],
            policy="standard",
            indicators=[{"set": "x"}, {"inline": "a", "set": "b", "version": "1.0.0"}],
            by=[["hospital", "shoe_size"], ["age:65-74,70-80"]],
            contact={"name": "A", "email": "nobody"},
            legal_basis=None,
            colour="red",
        )
    )
    assert set(found) == {
        "title",
        "purpose",
        "registers",
        "formats",
        "policy",
        "indicators[0]",
        "indicators[1]",
        "by[0]",
        "by[1]",
        "contact.email",
        "legal_basis",
        "colour",
    }


@pytest.mark.parametrize("field", ["title", "purpose", "registers", "indicators", "contact", "legal_basis"])
def test_a_missing_field_is_named(field: str) -> None:
    assert faults_of(order_text(**{field: None})) == {field: "is missing."}


@pytest.mark.parametrize("purpose", ["follow-up", "follow_up", "evaluation", "quality assurance"])
def test_the_purposes_of_2018_are_refused_the_day_before_and_taken_on_the_day(purpose: str) -> None:
    text = order_text(purpose=purpose)
    assert "lawful from 2018-01-01" in faults_of(text, ordered_on=date(2017, 12, 31))["purpose"]
    assert load_order(text, ordered_on=date(2018, 1, 1)).purpose == purpose.replace("_", "-")


@pytest.mark.parametrize("purpose", ["statistics", "epidemiological studies"])
def test_the_first_purposes_were_always_lawful(purpose: str) -> None:
    assert load_order(order_text(purpose=purpose), ordered_on=date(2017, 12, 31)).purpose == purpose


def test_the_list_of_purposes_is_the_law() -> None:
    assert set(PURPOSES) == {
        "statistics",
        "research",
        "epidemiological studies",
        "follow-up",
        "evaluation",
        "quality assurance",
    }


def test_research_needs_an_ethics_approval() -> None:
    assert "legal_basis.ethics" in faults_of(order_text(purpose="research"))
    basis = {"text": "GDPR art. 6.1 e, 9.2 j", "ethics": "2026-01234-01, 2026-05-04, registers and period as ordered"}
    assert load_order(order_text(purpose="research", legal_basis=basis)).purpose == "research"


@pytest.mark.parametrize(
    ("by", "rule"),
    [
        ([["index:week"]], "not declared"),
        ([["hospital", "hospital"]], "twice"),
        ([["age", "age:<65,65+"]], "twice"),
        ([["age:old"]], "cannot be read"),
        ([["age:<65,66+"]], "gap"),
        ([["age:65+,<65"]], "overlap"),
        ([["hospital", "sex", "age", "index:month", "row:a", "row:b", "row:c"]], "7 dimensions"),
    ],
)
def test_a_crossing_that_cannot_be_counted_is_refused(by: list[list[str]], rule: str) -> None:
    assert rule in faults_of(order_text(by=by))["by[0]"]


def test_two_sets_of_age_bands_in_one_order_are_refused() -> None:
    assert "two sets" in faults_of(order_text(by=[["age"], ["sex", "age:<50,50+"]]))["by"]
    same = load_order(order_text(by=[["age"], ["sex", "age:<65,65-74,75-84,85+"]]))
    assert same.by == (("age:<65,65-74,75-84,85+",), ("sex", "age:<65,65-74,75-84,85+"))


def test_periods_of_the_index_date_need_an_index_date() -> None:
    found = faults_of(order_text(by=[["index:month"]], population={"strata": ["hospital"], "index_date": False}))
    assert "no index date" in found["by[0]"]


@pytest.mark.parametrize("name", ["personnummer", "sex", "status", "parameters", "month", "Hospital", "a b", "9lives"])
def test_a_stratum_cannot_take_a_name_of_the_service_or_a_name_that_is_no_column(name: str) -> None:
    assert "population.strata" in faults_of(order_text(by=[], population={"strata": [name], "index_date": True}))


def test_two_files_of_one_meaning_have_one_hash() -> None:
    other = order_text().replace("\n\n", "\n# a comment\n\n")
    assert load_order(ORDER).canonical_sha256() == load_order(other).canonical_sha256()
    assert load_order(ORDER).canonical_sha256() != load_order(order_text(title="Another")).canonical_sha256()


@pytest.mark.parametrize("text", ["", "title = ", "\x00\x01", "a = 1\na = 2", "[[" * 2000])
def test_what_is_no_order_file_is_refused(text: str) -> None:
    assert faults_of(text)


def test_an_order_file_has_a_largest_size() -> None:
    assert "larger than 256 KiB" in faults_of("# " + "x" * 300_000)["the file"]


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    latin = tmp_path / "latin.toml"
    latin.write_bytes('title = "Sjukhus på Öland"'.encode("latin-1"))
    for path in (latin, tmp_path, tmp_path / "absent.toml"):
        with pytest.raises(InputRefused):
            load_order(path)
    marked = tmp_path / "bom.toml"
    marked.write_bytes(b"\xef\xbb\xbf" + ORDER.encode())
    assert load_order(marked) == load_order(ORDER)


@pytest.mark.parametrize("field", ["title", "purpose", "registers", "by", "contact", "inline"])
def test_an_identity_number_anywhere_in_an_order_is_refused_by_its_line_alone(field: str) -> None:
    for number in [*read_test_numbers()[::9001], *read_test_numbers()[-2:]]:
        for written in (number, f"{number[:8]}-{number[8:]}", number[2:], f"{number[2:8]}+{number[8:]}"):
            text = order_text(**{field: f"patient {written}"})
            with pytest.raises(OrderFaults, match=r"line [0-9]+: holds what looks like") as caught:
                load_order(text)
            assert written not in str(caught.value)


def test_an_identity_number_behind_escapes_is_refused_by_its_field_alone() -> None:
    number = read_test_numbers()[0]
    escaped = "".join(f"\\u{ord(digit):04x}" for digit in number)
    text = order_text(title="TITLE", contact={"name": "NAME", "email": "a@b.example"}, registers=["lmed", "REGISTER"])
    for place, field in (("TITLE", "title"), ("NAME", "contact.name"), ("REGISTER", "registers[1]")):
        faults = faults_of(text.replace(place, f"a {escaped}"))
        assert faults == {field: "holds what looks like a personal identity number."}
    assert faults_of(text.replace("title", f'"{escaped}"')) == {
        "?": "holds what looks like a personal identity number."
    }
    broken = text.replace('"TITLE"', f'"""a {number[:6]}\\\n   {number[6:]}"""')
    assert faults_of(broken) == {"title": "holds what looks like a personal identity number."}


def test_a_null_character_is_refused() -> None:
    assert faults_of(order_text(title="TITLE").replace("TITLE", "a\\u0000b")) == {"title": "holds a null character."}


def test_telephone_numbers_codes_and_days_are_no_identity_numbers() -> None:
    load_order(order_text(title="Call 08-123 45 67 or 0812345678 on 2026-11-22 about 50591000052105, 195658003"))


def test_a_name_leads_back_to_its_parts() -> None:
    assert parse_order_name(order_name("swedeheart", "bcdf-ghjk-mnpq")) == ("swedeheart", "bcdf-ghjk-mnpq")
    for name in ("", "orders/x", "organisations/a/orders/", "organisations/A/orders/bcdfghjk", "x" * 10_000):
        with pytest.raises(NotFound):
            parse_order_name(name)

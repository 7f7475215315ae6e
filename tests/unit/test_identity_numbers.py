"""What an identity number may look like, and where other libraries see it differently.

docs/decisions/identity-numbers.md lists the differences; each has a test here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from unittest import mock

import numpy as np
import pyarrow as pa
import pytest
from personnummer import personnummer
from stdnum.se import personnummer as stdnum_personnummer

from linkage.errors import InputRefused
from linkage.personal_identity_number import (
    CheckedNumbers,
    NumberKind,
    NumberProblem,
    birth_date_of,
    check_numbers,
    sex_of,
)
from linkage_core.pseudonyms import Pepper, pseudonymise
from linkage_server.demo.test_numbers import read_test_numbers
from tests.support.dates import REFERENCE_DATE

NUMBERS = read_test_numbers()
PERSONNUMMER = [number for number in NUMBERS if int(number[6:8]) < 60]
COORDINATION = [number for number in NUMBERS if int(number[6:8]) >= 60]
PEPPER = Pepper(1, bytes(range(32)))


def check(*written: object, reference_date: date = REFERENCE_DATE) -> CheckedNumbers:
    """The column reader's answer, after the kernel has given the same."""
    column = pa.array(written)
    checked = check_numbers(column, reference_date=reference_date)
    kernel = pseudonymise(column, reference_date=reference_date, pepper=PEPPER)
    assert kernel.kinds.tolist() == checked.kinds.tolist()
    assert kernel.problems.tolist() == checked.problems.tolist()
    return checked


def judged(written: object, reference_date: date = REFERENCE_DATE) -> tuple[NumberKind, NumberProblem]:
    checked = check(written, reference_date=reference_date)
    return NumberKind(checked.kinds[0]), NumberProblem(checked.problems[0])


def canonical(*written: object, reference_date: date = REFERENCE_DATE) -> list[str | None]:
    found = check(*written, reference_date=reference_date).canonical.to_pylist()
    return [None if one is None else one.decode() for one in found]


def with_check_digit(digits: str) -> str:
    return next(digits + last for last in "0123456789" if luhn(digits + last))


def luhn(digits: str) -> bool:
    doubled = [int(digit) * (2 - place % 2) for place, digit in enumerate(digits)]
    return sum(value // 10 + value % 10 for value in doubled) % 10 == 0


# Every official number, every written form


def test_all_official_numbers_are_accepted_with_their_kind() -> None:
    checked = check(*NUMBERS)
    assert canonical(*NUMBERS) == NUMBERS
    assert (checked.problems == NumberProblem.OK).all()
    assert (checked.kinds == [NumberKind.PERSONNUMMER] * 41_127 + [NumberKind.COORDINATION] * 2_264).all()


@pytest.mark.parametrize(
    "form",
    [
        lambda number: f"{number[:8]}-{number[8:]}",
        lambda number: f"{number[:8]}+{number[8:]}",
        lambda number: f"{number[:8]} {number[8:]}",
        lambda number: f"  {number}\t",
        lambda number: f"{number[:4]}\u00a0{number[4:6]}\u00a0{number[6:8]} - {number[8:]}",
        lambda number: f"{number[2:8]}{'-' if 2025 - int(number[:4]) < 100 else '+'}{number[8:]}",
        int,
    ],
    ids=["hyphen", "plus", "space", "spaces around", "spaces within", "ten digits and sign", "whole number"],
)
def test_every_written_form_gives_the_same_canonical_number(form) -> None:
    assert canonical(*map(form, NUMBERS)) == NUMBERS


def test_ten_digits_without_a_sign_are_the_youngest_person_there_can_be() -> None:
    young = [number for number in NUMBERS if int(number[:4]) >= 1926]
    assert canonical(*(number[2:] for number in young)) == young
    assert canonical(*(int(number[2:]) for number in young)) == young


def test_a_numeric_column_gives_back_its_lost_zeros() -> None:
    number = next(number for number in NUMBERS if number.startswith("2000"))
    value = int(number[2:])
    assert value < 10**8
    assert canonical(value) == [number]
    assert canonical(float(value), None) == [number, None]
    assert judged(str(value)) == (NumberKind.INVALID, NumberProblem.WRONG_LENGTH)


def test_a_column_of_text_does_not_guess_zeros_that_a_typing_error_may_have_lost() -> None:
    assert "text" in NumberProblem.WRONG_LENGTH.mend


# The reference date


def test_a_minus_is_somebody_younger_than_a_hundred_that_year_and_a_plus_an_older_one() -> None:
    hundred = next(number for number in PERSONNUMMER if number.startswith("1925"))
    written = hundred[2:8], hundred[8:]
    assert canonical("+".join(written), reference_date=date(2025, 1, 1)) == [hundred]
    assert canonical("-".join(written), reference_date=date(2024, 12, 31)) == [hundred]
    assert canonical("+".join(written), reference_date=date(2024, 12, 31)) != [hundred]


def test_nobody_is_born_after_the_reference_date() -> None:
    newborn = next(number for number in PERSONNUMMER if number.startswith("202302"))
    birth = date.fromisoformat(newborn[:8])
    before = date.fromordinal(birth.toordinal() - 1)
    assert judged(newborn, birth) == (NumberKind.PERSONNUMMER, NumberProblem.OK)
    assert judged(newborn, before) == (NumberKind.INVALID, NumberProblem.BORN_AFTER_REFERENCE)
    assert judged(f"{newborn[2:8]}-{newborn[8:]}", before)[1] is NumberProblem.BORN_AFTER_REFERENCE


def test_a_coordination_number_without_a_known_date_can_be_born_from_the_first_day_it_may_mean() -> None:
    unknown = next(number for number in COORDINATION if number[4:6] == "00" and number[6:8] == "60")
    first = date(int(unknown[:4]), 1, 1)
    assert judged(unknown, first) == (NumberKind.COORDINATION, NumberProblem.OK)
    assert judged(unknown, date.fromordinal(first.toordinal() - 1))[1] is NumberProblem.BORN_AFTER_REFERENCE


# What is refused, and why


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        (None, NumberProblem.EMPTY),
        ("", NumberProblem.EMPTY),
        (" \t\u00a0", NumberProblem.EMPTY),
        ("19900101", NumberProblem.WRONG_LENGTH),
        ("1" * 11, NumberProblem.WRONG_LENGTH),
        ("1" * 40, NumberProblem.WRONG_LENGTH),
        ("199013011234", NumberProblem.NO_SUCH_DATE),
        ("199002301234", NumberProblem.NO_SUCH_DATE),
        ("190002291234", NumberProblem.NO_SUCH_DATE),
        ("179912311234", NumberProblem.NO_SUCH_DATE),
        ("000000000000", NumberProblem.NO_SUCH_DATE),
        ("19900101_123", NumberProblem.WRONG_CHARACTER),
        ("1990010112-34", NumberProblem.WRONG_CHARACTER),
        ("199O01011234", NumberProblem.WRONG_CHARACTER),
        ("1990-01-01-1234", NumberProblem.WRONG_LENGTH),
        (-1, NumberProblem.WRONG_CHARACTER),
        (1.5, NumberProblem.WRONG_CHARACTER),
        (0, NumberProblem.NO_SUCH_DATE),
        (12_345_678_901, NumberProblem.WRONG_LENGTH),
        (2**62, NumberProblem.WRONG_LENGTH),
    ],
)
def test_a_number_is_refused_for_what_is_wrong_with_it(written: object, problem: NumberProblem) -> None:
    assert judged(written) == (NumberKind.INVALID, problem)


def test_every_wrong_digit_in_the_last_place_is_found() -> None:
    number = NUMBERS[0]
    others = [number[:-1] + digit for digit in "0123456789" if digit != number[-1]]
    assert check(*others).problems.tolist() == [NumberProblem.CHECK_DIGIT] * 9


def test_a_zero_typed_as_the_letter_o_is_a_wrong_character_and_no_reserve_number() -> None:
    number = next(number for number in NUMBERS if number[9] == "0")
    for letter in "Oo":
        assert judged(number[:9] + letter + number[10:]) == (NumberKind.INVALID, NumberProblem.WRONG_CHARACTER)


def test_a_type_that_cannot_hold_numbers_is_refused() -> None:
    with pytest.raises(InputRefused, match="bool"):
        check_numbers(pa.array([True]), reference_date=REFERENCE_DATE)


def test_every_problem_says_its_rule_and_its_mend() -> None:
    for problem in NumberProblem:
        assert problem.rule
        assert problem.mend or problem is NumberProblem.OK


@pytest.mark.parametrize(
    "arrow_type", [pa.string(), pa.large_string(), pa.binary(), pa.large_binary(), pa.binary(12), pa.string_view()]
)
def test_every_kind_of_text_column_is_read(arrow_type: pa.DataType) -> None:
    written = pa.array([*NUMBERS[:50], None]).cast(pa.binary())
    column = pa.array(written.to_pylist(), arrow_type) if arrow_type == pa.binary(12) else written.cast(arrow_type)
    pieces = pa.chunked_array([column.slice(0, 20), column.slice(20)])
    for form in (column, pieces, pieces.dictionary_encode() if arrow_type == pa.string() else pieces):
        checked = check_numbers(form, reference_date=REFERENCE_DATE)
        assert checked.kinds.tolist() == [NumberKind.PERSONNUMMER] * 50 + [NumberKind.INVALID]
        assert pseudonymise(form, reference_date=REFERENCE_DATE, pepper=PEPPER).kinds.tolist() == checked.kinds.tolist()


def test_nothing_of_a_refused_number_lies_under_its_null() -> None:
    wrong = NUMBERS[0][:-1] + ("0" if NUMBERS[0][-1] != "0" else "1")
    values = check(NUMBERS[1], wrong).canonical.buffers()[1].to_pybytes()
    assert values == NUMBERS[1].encode() + bytes(12)


# Numbers that nobody can link


def test_interim_numbers_of_the_shared_list_are_recognised_in_every_form(shared_data: Path) -> None:
    cases = json.loads((shared_data / "data/skatteverket-test-numbers/interim.json").read_text())
    for form in ("long_format", "short_format", "separated_format", "separated_long"):
        for case in cases:
            expected = NumberKind.INTERIM if case["valid"] else NumberKind.RESERVE
            assert judged(case[form]) == (expected, NumberProblem.OK)
            assert judged(case[form].lower()) == (expected, NumberProblem.OK)


def test_reserve_numbers_of_regions_and_the_national_ones_are_counted_and_never_linked() -> None:
    born = NUMBERS[0][:8]
    stockholm = "99" + "2016" + "12345"
    forms = {
        "Skåne, four characters after a date": f"{born}AB12",
        "Västra Götaland, sex letter after a date": f"{born}-K073",
        "Värmland, region and type after a date": f"{born}SF2B",
        "national, century raised, letters before sex and check digit": f"22{born[2:]}AB12",
        "Stockholm, 99 and a check digit over places 5 to 11": stockholm[:4] + with_check_digit(stockholm[4:]),
        "Inera Carelink, day from 32 to 59": born[:2] + with_check_digit(f"{born[2:6]}45001"),
    }
    for form in forms.values():
        assert judged(form) == (NumberKind.RESERVE, NumberProblem.OK)
    assert canonical(*forms.values()) == [None] * len(forms)


def test_organisation_numbers_are_refused_as_persons(shared_data: Path) -> None:
    cases = json.loads((shared_data / "data/skatteverket-test-numbers/orgnumber.json").read_text())
    for case in cases:
        forms = case["short_format"], case["separated_format"], f"16{case['short_format']}", case["integer"]
        for written in forms:
            assert judged(written) == (NumberKind.ORGANISATION, NumberProblem.ORGANISATION_NUMBER)


def test_the_shared_lists_of_right_and_wrong_numbers_are_judged_as_they_say(shared_data: Path) -> None:
    groups = json.loads((shared_data / "data/skatteverket-test-numbers/structured.json").read_text())
    kinds = {"ssn": NumberKind.PERSONNUMMER, "con": NumberKind.COORDINATION}
    for name, kind in kinds.items():
        for written in groups[name]["string"]["valid"] + groups[name]["integer"]["valid"]:
            if len(str(written)) != 10:  # The list takes ten digits without a sign for 1909; we ask the reference date.
                assert judged(written) == (kind, NumberProblem.OK), written
        for written in groups[name]["string"]["invalid"] + groups[name]["integer"]["invalid"]:
            if " " not in str(written):  # The list refuses a space in a right number; we read it.
                assert judged(written)[0] is NumberKind.INVALID


# Sex and date of birth


def test_the_last_digit_but_one_tells_the_sex() -> None:
    men = [number for number in NUMBERS if int(number[10]) % 2]
    assert set(sex_of(check(*men).canonical).to_pylist()) == {1}
    assert set(sex_of(check(*(set(NUMBERS) - set(men))).canonical).to_pylist()) == {2}


def test_dates_of_birth_are_those_of_the_number() -> None:
    births = birth_date_of(check(*PERSONNUMMER).canonical).to_pylist()
    assert births == [date.fromisoformat(number[:8]) for number in PERSONNUMMER]


def test_an_unknown_month_or_day_counts_as_the_first_and_a_day_too_many_as_the_months_last() -> None:
    for number, birth in zip(COORDINATION, birth_date_of(check(*COORDINATION).canonical).to_pylist(), strict=True):
        year, month, day = int(number[:4]), max(int(number[4:6]), 1), max(int(number[6:8]) - 60, 1)
        assert (birth.year, birth.month) == (year, month)
        assert birth.day == day or (day > birth.day and birth.month != date.fromordinal(birth.toordinal() + 1).month)


def test_the_kernel_tells_sex_and_birth_as_the_column_reader_does() -> None:
    pseudonyms = pseudonymise(pa.array(NUMBERS), reference_date=REFERENCE_DATE, pepper=PEPPER)
    checked = check(*NUMBERS)
    assert pseudonyms.birth_date.equals(birth_date_of(checked.canonical))
    assert pseudonyms.sex.equals(sex_of(checked.canonical))


# Where other libraries differ


@pytest.fixture
def same_today() -> Iterator[None]:
    """Both libraries ask the clock for today; here it is the reference date."""

    class Frozen(date):
        @classmethod
        def today(cls) -> date:
            return REFERENCE_DATE

    with (
        mock.patch.object(personnummer, "_get_current_date", return_value=REFERENCE_DATE),
        mock.patch.object(stdnum_personnummer.datetime, "date", Frozen),
    ):
        yield


@pytest.mark.usefixtures("same_today")
def test_both_libraries_accept_every_official_personnummer_as_we_do() -> None:
    assert all(personnummer.valid(number) for number in PERSONNUMMER)
    assert all(stdnum_personnummer.is_valid(number) for number in PERSONNUMMER)


@pytest.mark.usefixtures("same_today")
def test_both_libraries_agree_with_us_on_every_wrong_digit_of_a_thousand_numbers() -> None:
    random = np.random.default_rng(1)
    written = []
    for number in random.choice(PERSONNUMMER, 1000):
        place = random.integers(2, 12)
        written.append(number[:place] + str((int(number[place]) + random.integers(1, 10)) % 10) + number[place + 1 :])
    checked = check(*written)
    refused = np.isin(checked.problems, [NumberProblem.NO_SUCH_DATE, NumberProblem.CHECK_DIGIT])
    assert refused.sum() > 900
    for number, is_refused in zip(written, refused, strict=True):
        if is_refused:
            assert not personnummer.valid(number)
            assert not stdnum_personnummer.is_valid(number)


@pytest.mark.usefixtures("same_today")
def test_personnummer_refuses_194_official_coordination_numbers_that_we_accept() -> None:
    refused = [number for number in COORDINATION if not personnummer.valid(number)]
    month_unknown = [number for number in refused if number[4:6] == "00"]
    day_unknown = [number for number in refused if number[4:6] != "00" and number[6:8] == "60"]
    not_in_its_month = set(refused) - set(month_unknown) - set(day_unknown)
    assert (len(refused), len(month_unknown), len(day_unknown), len(not_in_its_month)) == (194, 132, 38, 24)
    assert set(check(*refused).kinds.tolist()) == {NumberKind.COORDINATION}


@pytest.mark.usefixtures("same_today")
def test_stdnum_refuses_every_coordination_number() -> None:
    assert not any(stdnum_personnummer.is_valid(number) for number in COORDINATION)


@pytest.mark.usefixtures("same_today")
def test_personnummer_refuses_spaces_that_stdnum_and_we_read() -> None:
    written = f"{NUMBERS[0][:8]} {NUMBERS[0][8:]}"
    assert not personnummer.valid(written)
    assert stdnum_personnummer.is_valid(written)
    assert canonical(written) == [NUMBERS[0]]


@pytest.mark.usefixtures("same_today")
def test_personnummer_accepts_someone_not_yet_born_whom_we_refuse() -> None:
    newborn = next(number for number in PERSONNUMMER if number.startswith("2023"))
    with mock.patch.object(personnummer, "_get_current_date", return_value=date(2020, 1, 1)):
        assert personnummer.valid(newborn)
    assert judged(newborn, date(2020, 1, 1))[1] is NumberProblem.BORN_AFTER_REFERENCE


@pytest.mark.usefixtures("same_today")
def test_both_libraries_accept_the_year_9990_that_we_refuse() -> None:
    number = "99" + NUMBERS[0][2:]
    assert personnummer.valid(number)
    assert stdnum_personnummer.is_valid(number)
    assert judged(number)[1] is NumberProblem.NO_SUCH_DATE


@pytest.mark.usefixtures("same_today")
def test_personnummer_accepts_digits_of_other_scripts_and_a_line_end_that_we_refuse() -> None:
    eastern = NUMBERS[0].translate(str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩"))
    assert personnummer.valid(eastern)
    assert personnummer.valid(NUMBERS[0] + "\n")
    assert judged(eastern)[0] is NumberKind.INVALID
    assert judged(NUMBERS[0] + "\n")[0] is NumberKind.INVALID


@pytest.mark.usefixtures("same_today")
def test_stdnum_accepts_the_birth_number_000_that_personnummer_and_we_refuse() -> None:
    number = "19" + with_check_digit(NUMBERS[0][2:8] + "000")
    assert stdnum_personnummer.is_valid(number)
    assert not personnummer.valid(number)
    assert judged(number)[1] is NumberProblem.NO_SUCH_BIRTH_NUMBER


@pytest.mark.usefixtures("same_today")
def test_stdnum_accepts_signs_anywhere_that_personnummer_and_we_refuse() -> None:
    number = NUMBERS[0]
    written = f"{number[:4]}-{number[4:6]}-{number[6:8]}-{number[8:]}"
    assert stdnum_personnummer.is_valid(written)
    assert not personnummer.valid(written)
    assert judged(written)[0] is NumberKind.INVALID


@pytest.mark.usefixtures("same_today")
def test_neither_library_knows_interim_numbers(shared_data: Path) -> None:
    cases = json.loads((shared_data / "data/skatteverket-test-numbers/interim.json").read_text())
    for case in cases:
        assert not personnummer.valid(case["long_format"])
        assert not stdnum_personnummer.is_valid(case["long_format"])

"""Identity numbers, one at a time, written to be obviously right: twin of the kernel identity_number and its reader."""

from __future__ import annotations

import calendar
import re
from datetime import date
from typing import NamedTuple

from linkage.personal_identity_number import NumberKind, NumberProblem

INTERIM_LETTERS = set("TRSUWXJKLMN")


class Parsed(NamedTuple):
    kind: NumberKind
    problem: NumberProblem
    canonical: str | None = None
    birth_date: date | None = None
    sex: int | None = None


def parse(written: bytes | int | None, *, reference_date: date) -> Parsed:
    if written is None:
        return invalid(NumberProblem.EMPTY)
    if isinstance(written, int):
        return parse_whole_number(written, reference_date)
    text = written.replace(b"\xc2\xa0", b"").replace(b" ", b"").replace(b"\t", b"").decode("latin-1")
    if text == "":
        return invalid(NumberProblem.EMPTY)
    if not 10 <= len(text) <= 13:
        return invalid(NumberProblem.WRONG_LENGTH)
    sign = ""
    if len(text) in (11, 13):
        sign = text[-5]
        if sign not in ("-", "+"):
            problem = NumberProblem.WRONG_CHARACTER
            if re.fullmatch("[0-9A-Za-z]*", text):
                problem = NumberProblem.WRONG_LENGTH
            return invalid(problem)
        text = text[:-5] + text[-4:]
    if not re.fullmatch("[0-9]*", text[:-4]) or not re.fullmatch("[0-9A-Za-z]{4}", text[-4:]):
        return invalid(NumberProblem.WRONG_CHARACTER)
    if re.fullmatch("[0-9]{4}", text[-4:]):
        return parse_digits(text, sign, reference_date)
    return parse_letters(text, sign, reference_date)


def parse_whole_number(value: int, reference_date: date) -> Parsed:
    if value < 0:
        return invalid(NumberProblem.WRONG_CHARACTER)
    if value < 10**10:
        return parse_digits(f"{value:010d}", "", reference_date)
    if len(str(value)) != 12:
        return invalid(NumberProblem.WRONG_LENGTH)
    return parse_digits(str(value), "", reference_date)


def parse_digits(text: str, sign: str, reference_date: date) -> Parsed:
    ten = text[-10:]
    year = resolve_year(text, sign, reference_date)
    month, day = int(ten[2:4]), int(ten[4:6])
    known = 1800 <= year <= 2099
    if len(text) == 12 and text.startswith("99") and 1980 <= int(text[2:6]) <= 2299 and luhn(text[4:]):
        return Parsed(NumberKind.RESERVE, NumberProblem.OK)
    if known and 1 <= month <= 12 and 32 <= day <= 59 and luhn(ten):
        return Parsed(NumberKind.RESERVE, NumberProblem.OK)
    if month >= 20 and luhn(ten) and (len(text) == 10 or text.startswith("16")):
        return Parsed(NumberKind.ORGANISATION, NumberProblem.ORGANISATION_NUMBER)
    coordination = known and 0 <= month <= 12 and 60 <= day <= 91
    if not coordination and not (known and is_date(year, month, day)):
        return invalid(NumberProblem.NO_SUCH_DATE)
    if ten[6:9] == "000":
        return invalid(NumberProblem.NO_SUCH_BIRTH_NUMBER)
    if not luhn(ten):
        return invalid(NumberProblem.CHECK_DIGIT)
    if earliest(year, month, day) > (reference_date.year, reference_date.month, reference_date.day):
        return invalid(NumberProblem.BORN_AFTER_REFERENCE)
    if day >= 60:
        day -= 60
    month = max(month, 1)
    birth = date(year, month, min(max(day, 1), calendar.monthrange(year, month)[1]))
    kind = NumberKind.COORDINATION if coordination else NumberKind.PERSONNUMMER
    return Parsed(kind, NumberProblem.OK, f"{year}{ten[2:]}", birth, 1 if int(ten[8]) % 2 else 2)


def parse_letters(text: str, sign: str, reference_date: date) -> Parsed:
    text = text.upper()
    letters = {character for character in text[-4:] if character.isalpha()}
    if letters <= {"O", "I"}:
        return invalid(NumberProblem.WRONG_CHARACTER)
    if text[-4] in INTERIM_LETTERS and text[-3:].isdigit():
        digits = text[:-4] + "1" + text[-3:]
        year = resolve_year(digits, sign, reference_date)
        exists = 1800 <= year <= 2099 and is_date(year, int(digits[-8:-6]), int(digits[-6:-4]))
        if exists and luhn(digits[-10:]):
            return Parsed(NumberKind.INTERIM, NumberProblem.OK)
    return Parsed(NumberKind.RESERVE, NumberProblem.OK)


def resolve_year(text: str, sign: str, reference_date: date) -> int:
    if len(text) == 12:
        return int(text[:4])
    in_century, month, day = int(text[:2]), int(text[2:4]), int(text[4:6])
    youngest = reference_date.year - 100 if sign == "+" else reference_date.year
    year = max(year for year in range(youngest - 99, youngest + 1) if year % 100 == in_century)
    today = (reference_date.year, reference_date.month, reference_date.day)
    if sign == "" and earliest(year, month, day) > today:
        year -= 100
    return year


def earliest(year: int, month: int, day: int) -> tuple[int, int, int]:
    return year, max(month, 1), max(day - 60 if day >= 60 else day, 1)


def is_date(year: int, month: int, day: int) -> bool:
    return 1 <= month <= 12 and 1 <= day <= calendar.monthrange(year, month)[1]


def luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (2 if place % 2 else 1)
        total += doubled // 10 + doubled % 10
    return total % 10 == 0


def invalid(problem: NumberProblem) -> Parsed:
    return Parsed(NumberKind.INVALID, problem)

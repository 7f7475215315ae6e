"""Dosage texts: read where they leave no doubt, else not at all."""

from __future__ import annotations

import random
import re
import sys
from collections.abc import Iterator
from fractions import Fraction

import pytest
from pydantic import ValidationError

from linkage.indicator_kinds import SupplyModel
from linkage_core.dosage_texts import read_dosage
from linkage_core.dosage_texts.lexemes import LONGEST_TEXT
from linkage_core.indicators.days_of_supply import days_of_supply
from linkage_core.indicators.dispensings import Dispensings
from linkage_core.indicators.reversals import net
from tests.dosage_coverage import Phrase, refused, report, stated
from tests.support.indicator_tables import register


@pytest.mark.parametrize("phrase", stated(), ids=lambda phrase: repr(phrase.text))
def test_a_text_says_what_a_pharmacist_reads_in_it(phrase: Phrase) -> None:
    assert read_dosage(phrase.text) == phrase.expected


@pytest.mark.parametrize("phrase", refused(), ids=lambda phrase: repr(phrase.text))
def test_a_text_that_leaves_a_doubt_is_not_understood(phrase: Phrase) -> None:
    assert read_dosage(phrase.text) is None


def test_each_text_stands_once_in_the_lists() -> None:
    texts = [phrase.text for phrase in [*stated(), *refused()]]
    assert len(set(texts)) == len(texts)


def test_the_manual_tells_the_share_that_is_read(pytestconfig: pytest.Config) -> None:
    manual = (pytestconfig.rootpath / "docs" / "manual" / "dosage-texts.md").read_text(encoding="utf-8")
    said: list[str] = []
    assert report(said.append) == 0
    assert "".join(said) in manual


def _examples_of_the_manual(page: str) -> Iterator[tuple[str, Fraction]]:
    for line in page.split("## ", 1)[0].splitlines():
        _, _, texts, numbers, *_ = [*line.split("|"), "", "", ""]
        amounts = [part.strip() for part in numbers.split(",")]
        if re.fullmatch(r"[\d/, ]+", numbers) and numbers.strip():
            found = re.findall(r"`([^`]+)`", texts)
            for text, amount in zip(found, amounts * len(found), strict=False):
                yield text, Fraction(amount)


def test_the_examples_of_the_manual_are_read_as_it_says(pytestconfig: pytest.Config) -> None:
    manual = (pytestconfig.rootpath / "docs" / "manual" / "dosage-texts.md").read_text(encoding="utf-8")
    examples = list(_examples_of_the_manual(manual))
    assert len(examples) >= 20
    for text, amount in examples:
        dosage = read_dosage(text)
        assert dosage is not None, text
        assert dosage.units_per_day() == amount, text


@pytest.mark.parametrize(
    ("step", "days"),
    [
        ("dosage_text", [30, None, 60]),
        ("dosage_text:low", [30, 30, 60]),
        ("dosage_text:mid", [30, 20, 60]),
        ("dosage_text:high", [30, 15, 60]),
    ],
)
def test_a_range_lasts_as_the_step_says(step: str, days: list[int | None]) -> None:
    texts = ["1 tablett dagligen", "1-2 tabletter dagligen", "1 tablett varannan dag"]
    rows = [
        {"person": "A", "day": day, "atc": "C10AA05", "packages": 1, "units_per_package": 30, "dosage_text": text}
        for day, text in enumerate(texts)
    ]
    dispensings = Dispensings(register(["A"], rows, date_column="dispensing_date"), "lmed")
    supply = days_of_supply(dispensings, SupplyModel(steps=[step]), net(dispensings, "net"))
    assert supply.supply_64ths.tolist() == [(one or 0) * 64 for one in days]
    assert supply.unserved.tolist() == [one is None for one in days]


@pytest.mark.parametrize("step", ["dosage_text:", "dosage_text:mean", "dosage_text:1"])
def test_other_rules_for_ranges_are_refused(step: str) -> None:
    with pytest.raises(ValidationError):
        SupplyModel(steps=[step])


HOSTILE = {
    "digits": "1" * 100_000,
    "nested fractions": "1/" * 50_000,
    "nested ranges": "1-" * 50_000,
    "brackets": "(" * 100_000,
    "words": "tablett " * 12_500,
    "sums": "1+" * (LONGEST_TEXT // 2),
    "halves": "en och " * (LONGEST_TEXT // 7),
    "nearly words": "tabeltts " * (LONGEST_TEXT // 9),
    "long words": "a" * LONGEST_TEXT,
    "marks without letters": "\u0301" * LONGEST_TEXT,
    "right to left": "\u202e1 tablett dagligen",
    "no characters": "\ud800 1 tablett dagligen",
    "zeros": "\x00" * LONGEST_TEXT,
    "whole clause again": "1 tablett dagligen " * (LONGEST_TEXT // 19),
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_text_is_refused_in_bounded_steps(text: str) -> None:
    calls = 0

    def count(*_: object) -> None:
        nonlocal calls
        calls += 1

    read_dosage("1 tablett dagligen")
    sys.setprofile(count)
    try:
        assert read_dosage(text) is None
    finally:
        sys.setprofile(None)
    assert calls < 100_000


def test_any_piece_of_the_listed_texts_is_read_or_refused_without_an_error() -> None:
    drawn = random.Random(20260801)
    words = sorted({word for phrase in [*stated(), *refused()] for word in phrase.text.split()})
    for _ in range(20_000):
        dosage = read_dosage(" ".join(drawn.choices(words, k=drawn.randint(1, 8))))
        if dosage is not None and dosage.low is not None and dosage.high is not None:
            assert 0 < dosage.low <= dosage.high

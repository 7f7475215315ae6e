"""How much of the dosage phrases in tests/vectors/dosage_texts is read as it should be.

    .venv/bin/python -m tests.dosage_coverage

`stated.tsv` holds texts with what a pharmacist reads in them, `refused.tsv` texts that leave a doubt, with the doubt. A
text that is read otherwise than it should be is an error, one that is not read only a gap. Leaves with 1 on an error.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from linkage_core.dosage_texts import Dosage, DoseStep, read_dosage

PHRASES = Path(__file__).parent / "vectors" / "dosage_texts"


@dataclass(frozen=True)
class Phrase:
    """A text and what it states; None where it must be refused."""

    text: str
    expected: Dosage | None


def stated() -> list[Phrase]:
    """Texts that state a dosage."""
    return [
        Phrase(row["text"], _dosage(row["unit"], row["a_day"], row["flags"].split())) for row in _rows("stated.tsv")
    ]


def refused() -> list[Phrase]:
    """Texts that must not be understood."""
    return [Phrase(row["text"], None) for row in _rows("refused.tsv")]


def _rows(name: str) -> Iterator[dict[str, str]]:
    with (PHRASES / name).open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)


def _dosage(unit: str, a_day: str, flags: list[str]) -> Dosage:
    """A dosage, from `1..2` and flags such as `as_needed max=8 course=7 taper=2*1,1`."""
    named = dict(flag.partition("=")[::2] for flag in flags)
    low, high = _range(a_day) if a_day else (None, None)
    return Dosage(
        low=low,
        high=high,
        unit=unit,
        as_needed="as_needed" in named,
        has_maximum="max" in named,
        maximum=Fraction(named["max"]) if named.get("max") else None,
        course_days=int(named["course"]) if "course" in named else None,
        steps=tuple(_step(part) for part in named["taper"].split(",")) if "taper" in named else (),
    )


def _range(text: str) -> tuple[Fraction, Fraction]:
    low, _, high = text.partition("..")
    return Fraction(low), Fraction(high or low)


def _step(text: str) -> DoseStep:
    amount, _, days = text.partition("*")
    return DoseStep(*_range(amount), int(days) if days else None)


def report(write: Callable[[str], object]) -> int:
    """Tell the shares, what is not read, and what is read wrongly; how many are."""
    readings = [(phrase, read_dosage(phrase.text)) for phrase in [*stated(), *refused()]]
    for name, states in (("stated", True), ("refused", False)):
        own = [(phrase, found) for phrase, found in readings if (phrase.expected is not None) is states]
        right = sum(found == phrase.expected for phrase, found in own)
        write(f"{name}: {right} of {len(own)} as they should be ({right / len(own):.1%})\n")
    wrong = [(phrase, found) for phrase, found in readings if found not in (None, phrase.expected)]
    for phrase, found in readings:
        if found is None and phrase.expected is not None:
            write(f"not read: {phrase.text}\n")
    write(f"read wrongly: {len(wrong)}\n")
    for phrase, found in wrong:
        write(f"  {phrase.text}: {found}\n")
    return len(wrong)


if __name__ == "__main__":
    sys.exit(report(sys.stdout.write) > 0)

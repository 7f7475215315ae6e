"""What an officer reads of a class of persons."""

from __future__ import annotations

import pytest

from linkage_core.class_table import ClassKind
from linkage_server.reviews.class_words import class_words


@pytest.mark.parametrize(
    ("kind", "words", "english", "swedish"),
    [
        (
            ClassKind.TIMES,
            "days=31..90;ended=discontinued",
            "who discontinued on days 31 to 90",
            "som avslutade behandlingen dag 31 till 90",
        ),
        (
            ClassKind.TIMES,
            "days=0..365;ended=left_or_died",
            "who left observation or died on days 0 to 365",
            "som lämnade observationen eller avled dag 0 till 365",
        ),
        (
            ClassKind.TIMES,
            "days=365..;ended=still_followed",
            "who were followed to the end without the event from day 365 on",
            "som följdes till slutet utan händelsen från dag 365",
        ),
        (
            ClassKind.TIMES,
            "days=0..;ended=still_followed_or_left",
            "who were followed to the end without the event or left observation",
            "som följdes till slutet utan händelsen eller lämnade observationen",
        ),
        (ClassKind.TIMES, "days=0..30;ended=own_end", "who own end on days 0 to 30", "som own end dag 0 till 30"),
        (
            ClassKind.VALUES,
            "value=0.5..0.7",
            "with a value from 0.5 to below 0.7",
            "med ett värde från 0.5 till under 0.7",
        ),
        (ClassKind.VALUES, "value=500..", "with a value from 500 on", "med ett värde från 500"),
        (ClassKind.VALUES, "value=..5", "with a value below 5", "med ett värde under 5"),
        (ClassKind.PATHS, "path=a - a+b", "on the path a - a+b", "med vägen a - a+b"),
        (ClassKind.PATHS, "path=none", "without any line", "utan någon linje"),
        (ClassKind.PATHS, "path=other of 0", "without any line", "utan någon linje"),
        (ClassKind.PATHS, "path=other of 2", "on a rarer path of 2 lines", "med en ovanligare väg av 2 linjer"),
    ],
)
def test_a_class_is_a_clause(kind: ClassKind, words: str, english: str, swedish: str) -> None:
    assert class_words(kind, words, "en") == english
    assert class_words(kind, words, "sv") == swedish

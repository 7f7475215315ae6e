"""All questions about spans of days, answered at once from a table, agree with one question at a time."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage.indicator_definition import IndicatorSet
from linkage.indicator_kinds import CodeSet
from linkage_core.events import PersonEvents
from linkage_core.indicators.dispensed import answer
from linkage_core.indicators.dispensings import Dispensings
from linkage_core.indicators.follow_up import EPOCH, FAR, FollowUp
from linkage_core.indicators.observed_time import ObservedTime
from linkage_core.indicators.spans import Question, Span
from tests.reference.drug_indicators import dispensed_in
from tests.support.kernel_calls import int32, offsets_of

CODES = ["A01", "A02", "B01", "C", ""]
PREFIXES = {"a": "A", "a01": "A01", "b": "B", "c": "C"}
DAYS = st.none() | st.integers(-5, 40)
ROWS = st.lists(st.tuples(DAYS, st.none() | st.sampled_from(CODES), st.integers(-1, 2)), max_size=20)
NAMES = st.none() | st.sampled_from(sorted(PREFIXES))
SPANS = st.builds(Span, st.integers(-6, 20), st.integers(-6, 45), st.sampled_from([None, True, False]))
QUESTIONS = st.lists(
    st.builds(Question, st.lists(NAMES, min_size=1, max_size=3, unique=True).map(tuple), st.none() | SPANS),
    min_size=1,
    max_size=9,
    unique=True,
)
VALID = st.tuples(st.none() | st.integers(-5, 10), st.none() | st.integers(10, 45))


def code_set(prefix: str, valid: tuple[int | None, int | None]) -> CodeSet:
    bounds = {name: day for name, day in zip(("from", "until"), valid, strict=True) if day is not None}
    dates = {name: EPOCH + timedelta(days=day) for name, day in bounds.items()}
    return CodeSet.model_validate({"system": "atc", "include": [prefix], "valid": dates})


def register(histories: list[list[tuple[int | None, str | None, int]]], *, before: int) -> Dispensings:
    """Rows as slices of longer columns, as a segment lends them."""
    rows = [(7, "A01", 1)] * before + [row for history in histories for row in history]
    dates = [None if day is None else EPOCH + timedelta(days=day) for day, _, _ in rows]
    columns = {
        "dispensing_date": pa.array(dates, pa.date32()),
        "atc": pa.array([code for _, code, _ in rows], pa.string()).dictionary_encode(),
    }
    offsets = offsets_of(histories)
    return Dispensings(
        PersonEvents(offsets, pa.RecordBatch.from_pydict(columns).slice(before), offsets[1:] > offsets[:-1]), "lmed"
    )


@settings(max_examples=300)
@given(st.lists(ROWS, min_size=1, max_size=4), QUESTIONS, st.data())
def test_questions_answered_at_once_are_each_answered_rightly(histories, questions, data):
    valid = {name: data.draw(VALID) for name in PREFIXES}
    definition = IndicatorSet.model_construct(codes={name: code_set(PREFIXES[name], valid[name]) for name in PREFIXES})
    indices = [data.draw(st.none() | st.integers(-3, 20)) for _ in histories]
    deaths = [data.draw(st.none() | st.integers(-3, 40)) for _ in histories] if data.draw(st.booleans()) else None
    until = data.draw(st.none() | st.integers(-3, 60))
    follow_up = FollowUp(
        index=int32(FAR if day is None else day for day in indices),
        death=None if deaths is None else int32(FAR if day is None else day for day in deaths),
        emigration=None,
        complete_until={} if until is None else {"lmed": until},
    )
    rows = register(histories, before=data.draw(st.integers(0, 2)))
    left = int32(left for history in histories for _, _, left in history)
    # Others before them: their bits lie in the first word, in the second, or in both.
    others = [Question((None,), Span(100 + day, 101 + day)) for day in range(data.draw(st.sampled_from([0, 60, 64])))]
    answers = answer([*others, *questions], definition, rows, left, ObservedTime(follow_up))
    assert list(answers) == [*others, *questions]
    for question in questions:
        sets = [
            ("", -int(FAR), int(FAR))
            if name is None
            else (PREFIXES[name], -int(FAR) if valid[name][0] is None else valid[name][0], valid[name][1] or int(FAR))
            for name in question.codes
        ]
        for person, history in enumerate(histories):
            ends = [until] if question.span is not None and question.span.ends is not None else []
            if deaths is not None and question.span is not None and question.span.ends:
                ends.append(deaths[person])
            assert answers[question][person] == dispensed_in(
                [(day, code or "-", left) for day, code, left in history],
                [("", *bounds) if prefix == "" else (prefix, *bounds) for prefix, *bounds in sets],
                index=indices[person],
                span=None if question.span is None else (question.span.from_day, question.span.until_day),
                cut=min((end for end in ends if end is not None), default=None),
            )


@pytest.mark.parametrize("number", [64, 65, 128, 200])
def test_more_questions_than_a_word_has_bits_are_answered_all(number):
    histories = [[(day, "A01", 1)] for day in range(number)]
    questions = [Question(("a",), Span(day, day + 1)) for day in range(number)]
    definition = IndicatorSet.model_construct(codes={"a": code_set("A", (None, None))})
    follow_up = FollowUp(index=np.zeros(number, np.int32), death=None, emigration=None, complete_until={})
    rows = register(histories, before=0)
    answers = answer(questions, definition, rows, np.ones(number, np.int32), ObservedTime(follow_up))
    assert (np.array([answers[question] for question in questions]) == np.eye(number)).all()


def test_a_span_longer_than_the_calendar_holds_every_day():
    histories = [[((date.max - EPOCH).days, "A01", 1)]]
    forever = Question(("a",), Span(-(10**9), 10**9))
    definition = IndicatorSet.model_construct(codes={"a": code_set("A", (None, None))})
    follow_up = FollowUp(int32([(date.min - EPOCH).days]), death=None, emigration=None, complete_until={})
    answers = answer([forever], definition, register(histories, before=0), int32([1]), ObservedTime(follow_up))
    assert answers[forever].tolist() == [1]

"""First days of code sets in windows: the questions of all indicators of a register, answered in one pass over rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from linkage.indicator_definition import IndicatorSet
from linkage.indicator_kinds import DrugsAtDate, Indicator, Initiation, ProportionOfDaysCovered, Reversals
from linkage_core.indicators.codes import CodedColumn, validity
from linkage_core.indicators.dispensings import Dispensings
from linkage_core.indicators.follow_up import FAR
from linkage_core.indicators.observed_time import Moment, ObservedTime
from linkage_core.indicators.values import Int32s
from linkage_core.kernels.first_dispensing import first_dispensings

_BITS = 64


@dataclass(frozen=True, slots=True)
class Span:
    """Days after the index day, half-open; `ends` cuts them at the exit (True) or the register's end (False)."""

    from_day: int
    until_day: int
    ends: bool | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """On which day does a person first have a row of a code set (None: any row) in a span (None: ever)?"""

    codes: str | None
    span: Span | None


def reversals_of(definition: IndicatorSet, indicator: Initiation | ProportionOfDaysCovered | DrugsAtDate) -> Reversals:
    """The rule for reversed rows of an indicator: that of its supply model where it has one."""
    model = None if isinstance(indicator, Initiation) else indicator.supply
    if model is not None:
        return definition.supply[model].reversals
    assert not isinstance(indicator, ProportionOfDaysCovered)  # It always has a supply model.
    return indicator.reversals


def window_span(indicator: Initiation) -> Span:
    """From the first day of an initiation's window to the end of its longest."""
    return Span(indicator.window.from_day, max(indicator.window.to_days) + 1, indicator.end_at_exit)


def washout_span(indicator: Initiation) -> Span | None:
    """Its washout."""
    return Span(indicator.washout.from_day, indicator.washout.to_day + 1) if indicator.washout else None


def questions_of(indicator: Indicator) -> list[Question]:
    """All that an indicator asks for first days."""
    if isinstance(indicator, Initiation):
        spans = [window_span(indicator), None, *([washout] if (washout := washout_span(indicator)) else [])]
        return [Question(name, span) for name in indicator.codes for span in spans]
    if isinstance(indicator, ProportionOfDaysCovered):
        return [Question(name, None) for name in indicator.codes]
    return [Question(indicator.codes, None)] if isinstance(indicator, DrugsAtDate) else []


def first_days(
    questions: Iterable[Question],
    definition: IndicatorSet,
    rows: Dispensings,
    left: Int32s,
    time: ObservedTime,
) -> Mapping[Question, Int32s]:
    """Answer questions about the rows of a register that have something left: a day for each person, FAR for never."""
    of_set: dict[str | None, list[Question]] = {}
    for question in dict.fromkeys(questions):
        of_set.setdefault(question.codes, []).append(question)
    ordered = [question for asked in of_set.values() for question in asked]
    spans = list(dict.fromkeys(question.span for question in ordered if question.span is not None))
    starts, ends = (np.empty((len(spans), rows.persons), np.int32) for _ in range(2))
    for place, span in enumerate(spans):
        starts[place] = time.at(Moment(span.from_day))
        ends[place] = _end(span, rows.register, time)
    needs_code = any(name is not None for name in of_set)
    code = rows.atc if needs_code else None
    sets_of_code, sets_of_every_row = _bits(of_set, definition, code)
    bounds = np.array(
        [validity(None if name is None else definition.codes[name]) for name in of_set], np.int32
    ).reshape(-1, 2)
    first = np.empty((len(ordered), rows.persons), np.int32)
    first_dispensings(
        rows.offsets,
        rows.day,
        code.code if code is not None else np.full(rows.rows, -1, np.int32),
        left,
        sets_of_code,
        sets_of_every_row,
        np.ascontiguousarray(bounds[:, 0]),
        np.ascontiguousarray(bounds[:, 1]),
        np.cumsum([0, *(len(asked) for asked in of_set.values())]).astype(np.int64),
        np.array([-1 if question.span is None else spans.index(question.span) for question in ordered], np.int32),
        starts,
        ends,
        first,
        none=int(FAR),
    )
    return dict(zip(ordered, first, strict=True))


def _end(span: Span, register: str, time: ObservedTime) -> Int32s:
    if span.ends is None:
        return time.at(Moment(span.until_day))
    return time.window_end(register, Moment(span.until_day), ends=span.ends)


def _bits(
    of_set: Iterable[str | None], definition: IndicatorSet, code: CodedColumn | None
) -> tuple[np.ndarray[tuple[int, int], np.dtype[np.uint64]], np.ndarray[tuple[int], np.dtype[np.uint64]]]:
    """Code sets of each code, and those to which every row belongs, as bits."""
    names = list(of_set)
    words = max((len(names) + _BITS - 1) // _BITS, 1)
    of_code = np.zeros((max(len(code.names), 1) if code is not None else 1, words), np.uint64)
    of_every_row = np.zeros(words, np.uint64)
    for place, name in enumerate(names):
        word, bit = place // _BITS, np.uint64(place % _BITS)
        if name is None or code is None:
            of_every_row[word] |= np.uint64(1) << bit
        else:
            of_code[:, word] |= code.facts.membership(definition.codes[name]).astype(np.uint64) << bit
    return of_code, of_every_row

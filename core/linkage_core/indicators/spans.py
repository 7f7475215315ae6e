"""Questions about spans of days around the index day, and the table from which all of them are answered at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from linkage.indicator_definition import IndicatorSet
from linkage.indicator_kinds import (
    AtHandTogether,
    Combination,
    DoseAboveLimit,
    DrugBurden,
    DrugsAtDate,
    HighIntensity,
    Incidence,
    Indicator,
    Initiation,
    MedicationPossessionRatio,
    NewOrContinuing,
    OnTreatment,
    Polypharmacy,
    Prevalence,
    ProportionOfDaysCovered,
    Reversals,
    TimeToInitiation,
    TreatmentLines,
)
from linkage_core.indicators.codes import CodedColumn, validity
from linkage_core.indicators.follow_up import FAR
from linkage_core.indicators.reversal_rule import reversal_rule
from linkage_core.indicators.values import Bools, Int32s, UInt8s

MOST_DAYS = 4_000_000
"""More days than lie between any two dates of the calendar."""

QUESTIONS_A_WORD = 64


@dataclass(frozen=True, slots=True)
class Span:
    """Days after the index day, half-open; `ends` cuts them at the exit (True) or the register's end (False)."""

    from_day: int
    until_day: int
    ends: bool | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """Does a person have a row of any of some code sets (None: any row) in a span (None: ever)?"""

    codes: tuple[str | None, ...]
    span: Span | None


_Held = DrugsAtDate | DrugBurden | DoseAboveLimit | Polypharmacy | AtHandTogether | TreatmentLines
_Plain = ProportionOfDaysCovered | HighIntensity | Incidence | MedicationPossessionRatio | TimeToInitiation
Asking = Initiation | Combination | NewOrContinuing | OnTreatment | Prevalence | _Plain | _Held
"""Kinds whose questions are answered in one pass."""


def reversals_of(definition: IndicatorSet, indicator: Asking) -> Reversals:
    """The rule for reversed rows that an indicator's questions are asked by."""
    if isinstance(indicator, OnTreatment):
        # Dispensings have a rule of their own beside that of the supply model.
        return indicator.reversals
    rule = reversal_rule(definition, indicator)
    assert rule is not None, "each has a supply model or a rule of its own"
    assert rule != "sum", "users are no such kind"
    return rule


def window_questions(indicator: Initiation, last_day: int) -> list[Question]:
    """What decides an initiation by a last day: all of these must be answered with yes."""
    span = Span(indicator.window.from_day, last_day + 1, indicator.end_at_exit)
    together = [tuple(indicator.codes)] if indicator.combine == "any" else [(name,) for name in indicator.codes]
    return [Question(names, span) for names in together]


def washout_question(indicator: Initiation) -> Question | None:
    """Whether any of its groups was dispensed in its washout."""
    washout = indicator.washout
    return Question(tuple(indicator.codes), Span(washout.from_day, washout.to_day + 1)) if washout else None


def group_questions(indicator: Combination, last_day: int) -> list[Question]:
    """Whether each group was dispensed by a last day."""
    span = Span(indicator.window.from_day, last_day + 1, indicator.end_at_exit)
    return [Question((name,), span) for name in indicator.codes]


def start_question(indicator: NewOrContinuing, last_day: int) -> Question:
    """Whether treatment started, or went on, by a last day."""
    return Question(tuple(indicator.codes), Span(indicator.window.from_day, last_day + 1, ends=True))


def lookback_question(indicator: NewOrContinuing, days: int) -> Question:
    """Whether there was treatment in the days before the index day."""
    return Question(tuple(indicator.codes), Span(-days, 0))


def on_treatment_question(indicator: OnTreatment, month: int) -> Question:
    """Whether there was a dispensing on the day of a month, or shortly before."""
    day = indicator.day_of(month)
    return Question(tuple(indicator.codes), Span(day - indicator.days_before, day + 1, ends=True))


def use_questions(indicator: Prevalence) -> list[Question]:
    """Whether there was a dispensing in each window after the index day."""
    if indicator.rule != "dispensed" or indicator.observe is None:
        return []
    window = indicator.observe
    return [Question(tuple(indicator.codes), Span(window.from_day, last, ends=True)) for last in window.to_days]


def questions_of(indicator: Indicator) -> list[Question]:
    """All that an indicator asks; whether there is a row at all is asked by each."""
    if isinstance(indicator, Initiation):
        by_window = [one for last in indicator.window.to_days for one in window_questions(indicator, last)]
        washout = washout_question(indicator)
        return [*by_window, *([washout] if washout else []), Question(tuple(indicator.codes), None)]
    if isinstance(indicator, Combination):
        by_group = [one for last in indicator.window.to_days for one in group_questions(indicator, last)]
        return [*by_group, Question(tuple(indicator.codes), None)]
    if isinstance(indicator, NewOrContinuing):
        starts = [start_question(indicator, last) for last in indicator.window.to_days]
        before = [lookback_question(indicator, days) for days in indicator.lookback_days]
        return [*starts, *before, Question(tuple(indicator.codes), None)]
    if isinstance(indicator, OnTreatment):
        by_month = [on_treatment_question(indicator, month) for month in indicator.month]
        return [*(by_month if "dispensed" in indicator.rule else []), Question(tuple(indicator.codes), None)]
    if isinstance(indicator, Prevalence):
        return [*use_questions(indicator), Question(tuple(indicator.codes), None)]
    if isinstance(indicator, _Plain):
        return [Question(tuple(indicator.codes), None)]
    if isinstance(indicator, _Held):
        return [Question(tuple(indicator.own_code_sets) or (None,), None)]
    return []


@dataclass(frozen=True, slots=True)
class AnswerTable:
    """What a row answers, by the class of its code, its day after the index day and its date.

    Args:
        class_of_code: int32, codes + 1: class of a row without a code, then of each code.
        calendar: int32, ascending: days on which code sets begin or cease to apply.
        part_of_day: uint8: part of the days around the index day, from day `first_day` after it on.
        answers: uint64, calendar parts x classes x parts x words: bits of questions, 64 a word.
    """

    class_of_code: Int32s
    calendar: Int32s
    first_day: int
    part_of_day: UInt8s
    answers: npt.NDArray[np.uint64]


def answer_table(questions: Sequence[Question], definition: IndicatorSet, code: CodedColumn | None) -> AnswerTable:
    """The table of some questions; without codes every row is like one without a code."""
    names = list(dict.fromkeys(name for question in questions for name in question.codes))
    classes, class_of_code = np.unique(_members(names, definition, code), axis=1, return_inverse=True)
    calendar, applies = _calendar(names, definition)
    first_day, part_of_day, holds = _parts(questions)
    words = max(-(-len(questions) // QUESTIONS_A_WORD), 1)
    answers = np.zeros((len(applies), classes.shape[1], holds.shape[1], words), np.uint64)
    for place, question in enumerate(questions):
        own = [names.index(name) for name in question.codes]
        of_class: Bools = np.logical_or.reduce(applies[:, own, np.newaxis] & classes[own], axis=1)
        word, bit = divmod(place, QUESTIONS_A_WORD)
        answers[..., word] |= (of_class[:, :, np.newaxis] & holds[place]).astype(np.uint64) << np.uint64(bit)
    return AnswerTable(class_of_code.reshape(-1).astype(np.int32), calendar, first_day, part_of_day, answers)


def _members(names: Sequence[str | None], definition: IndicatorSet, code: CodedColumn | None) -> Bools:
    """bool, code sets x (codes + 1): a row without a code, then each code, is of the set."""
    members = np.zeros((len(names), 1 if code is None else len(code.names) + 1), np.bool_)
    for own, name in zip(members, names, strict=True):
        if name is None:
            own[:] = True
        elif code is not None:
            own[1:] = code.facts.membership(definition.codes[name])[: len(code.names)]
    return members


def _calendar(names: Sequence[str | None], definition: IndicatorSet) -> tuple[Int32s, Bools]:
    """Days on which a code set begins or ceases to apply, and whether each applies in each part between them."""
    bounds = [validity(None if name is None else definition.codes[name]) for name in names]
    days = sorted({day for both in bounds for day in both if abs(day) < FAR})
    starts = np.array([-int(FAR), *days])[:, np.newaxis]
    from_day, until_day = np.array(bounds).reshape(-1, 2).T
    return np.array(days, np.int32), np.asarray(np.less_equal(from_day, starts) & np.less(starts, until_day), np.bool_)


def _parts(questions: Sequence[Question]) -> tuple[int, UInt8s, Bools]:
    """First day of the table of parts, the table, and bool, questions x parts: the span holds the part."""
    spans = [_within_calendar(question.span) for question in questions]
    bounds = sorted({day for span in spans if span is not None for day in span})
    starts = np.array([-MOST_DAYS - 1, *bounds])
    holds = np.array(
        [[True] * len(starts) if span is None else (span[0] <= starts) & (starts < span[1]) for span in spans]
    )
    if not bounds:
        return 0, np.zeros(1, np.uint8), holds
    days = np.arange(bounds[0] - 1, bounds[-1] + 1)
    return int(days[0]), (np.searchsorted(bounds, days, side="right")).astype(np.uint8), holds


def _within_calendar(span: Span | None) -> tuple[int, int] | None:
    if span is None:
        return None
    return max(min(span.from_day, MOST_DAYS), -MOST_DAYS), max(min(span.until_day, MOST_DAYS), -MOST_DAYS)

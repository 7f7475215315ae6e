"""Answers to questions about spans of days: those of all indicators of a register in one pass over its rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from linkage.indicator_definition import IndicatorSet
from linkage_core.indicators.dispensings import Dispensings
from linkage_core.indicators.follow_up import FAR
from linkage_core.indicators.observed_time import Moment, ObservedTime
from linkage_core.indicators.spans import QUESTIONS_A_WORD, AnswerTable, Question, answer_table
from linkage_core.indicators.values import Int32s, UInt8s
from linkage_core.kernels.dispensed_in_spans import dispensed_in_spans

AT_ONCE = 2 * QUESTIONS_A_WORD


def answer(
    questions: Sequence[Question], definition: IndicatorSet, rows: Dispensings, left: Int32s, time: ObservedTime
) -> Mapping[Question, UInt8s]:
    """uint8, one a person, by question: 1 where a row that has something left answers it with yes.

    Args:
        left: int32, one a row: packages left, in hundredths.
    """
    answers: dict[Question, UInt8s] = {}
    for first in range(0, len(questions), AT_ONCE):
        together = questions[first : first + AT_ONCE]
        answers.update(zip(together, _answer_together(together, definition, rows, left, time), strict=True))
    return answers


def _answer_together(
    questions: Sequence[Question], definition: IndicatorSet, rows: Dispensings, left: Int32s, time: ObservedTime
) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    needs_code = any(name is not None for question in questions for name in question.codes)
    table = _table(questions, definition, rows, needs_code=needs_code)
    dispensed = np.empty((len(questions), rows.persons), np.uint8)
    dispensed_in_spans(
        rows.events.with_rows,
        rows.offsets,
        rows.day,
        rows.atc.code if needs_code else None,
        left,
        time.follow_up.index,
        table.class_of_code,
        table.calendar,
        table.part_of_day,
        table.answers,
        _cuts(questions, rows.register, time),
        dispensed,
        first_day=table.first_day,
        none=int(FAR),
    )
    return dispensed


def _table(
    questions: Sequence[Question], definition: IndicatorSet, rows: Dispensings, *, needs_code: bool
) -> AnswerTable:
    """The table of the questions, kept with the dictionary of codes."""
    if not needs_code:
        return answer_table(questions, definition, None)
    names = dict.fromkeys(name for question in questions for name in question.codes if name is not None)
    sets = [definition.codes[name] for name in names]
    content = tuple((*one.include, None, *one.exclude, None, one.valid.from_date, one.valid.until) for one in sets)
    return rows.atc.facts.remember(
        ("answers", tuple(questions), content), lambda: answer_table(questions, definition, rows.atc)
    )


def _cuts(questions: Sequence[Question], register: str, time: ObservedTime) -> list[tuple[Int32s, int]]:
    """The days from which on rows no longer answer some questions; nothing where everybody's spans end before."""
    cuts = []
    for ends in (True, False):
        cut = {
            place: question.span.until_day
            for place, question in enumerate(questions)
            if question.span is not None and question.span.ends is ends
        }
        if not cut:
            continue
        exit_day = time.exit_day(register, ends=ends)
        if isinstance(exit_day, np.ndarray) or time.latest(Moment(max(cut.values()))) > exit_day:
            cuts.append((np.atleast_1d(exit_day), sum(1 << place for place in cut)))
    return cuts

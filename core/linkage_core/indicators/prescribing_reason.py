"""Persons by the reason that their prescriptions tell: any indicator may be asked for each of some sets of reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from linkage.indicator_kinds import ByReason, Indicator, Reversals
from linkage.released_table import NOT_RECORDED
from linkage_core.indicators.dictionary_facts import membership, plain
from linkage_core.indicators.follow_up import FAR
from linkage_core.indicators.observed_time import Moment
from linkage_core.indicators.reasons import among, somebody
from linkage_core.indicators.reversal_rule import reversal_rule
from linkage_core.indicators.row_dimensions import OTHER, row_levels
from linkage_core.indicators.run_context import RunContext
from linkage_core.indicators.set_rows import SetRows
from linkage_core.indicators.values import Bools, Int32s, Int64s, Measure, PersonValues


def persons_by_reason(context: RunContext, indicator: Indicator, asked: ByReason) -> Mapping[str, Bools]:
    """bool, one a person, by class: each of the sets, another reason, and rows that tell none.

    A row may tell several reasons and a day have several rows, so that a person may stand under several sets. Who has
    no row of the indicator's codes stands under none.

    Raises:
        EventsRejected: the register does not tell reasons.
    """
    register = indicator.register_name
    names: Sequence[str | None] = indicator.own_code_sets or [None]
    picked = context.set_rows(register, *names)
    person = np.repeat(np.arange(context.persons, dtype=np.int64), np.diff(picked.offsets))
    decides = _deciding(picked.day, person, _rows_that_count(context, indicator, names, picked, person), asked)
    levels = row_levels(context.dispensings(register), asked.column)
    row, level = _levels_of(levels.of_rows(picked.places), one_a_row=levels.partitions_rows)
    row, level = row[decides[row]], level[decides[row]]
    whose = person[row]
    codes = [plain(code) for code in levels.names[:-1]]
    found: dict[str, Bools] = {}
    for name in asked.sets:
        own = np.append(membership(codes, context.code_set(name))[: len(codes)], 0).astype(np.bool_)
        found[name] = among(context.persons, whose[own[level]])
    told = level < len(codes)
    recorded = among(context.persons, whose[told])
    in_sets = np.logical_or.reduce(list(found.values()))
    found[OTHER] = recorded & ~in_sets
    found[NOT_RECORDED] = among(context.persons, whose) & ~recorded
    return found


ANY_SET = "any_of_the_sets"
NO_DISPENSING = "no_dispensing"


def parts_of_everybody(asked: ByReason) -> tuple[str, ...]:
    """Classes of which each person is in exactly one."""
    told = asked.sets[0] if len(asked.sets) == 1 else ANY_SET
    return (told, OTHER, NOT_RECORDED, NO_DISPENSING)


def told_apart(asked: ByReason, persons: Mapping[str, Bools]) -> dict[str, Bools]:
    """The classes, and two more that make them add up to everybody.

    Args:
        persons: as `persons_by_reason` gives them.
    """
    in_sets = np.logical_or.reduce([persons[name] for name in asked.sets])
    none = ~np.logical_or.reduce(list(persons.values()))
    return {**persons, **({ANY_SET: in_sets} if len(asked.sets) > 1 else {}), NO_DISPENSING: none}


def _rows_that_count(
    context: RunContext, indicator: Indicator, names: Sequence[str | None], picked: SetRows, person: Int64s
) -> Bools:
    """bool, one a picked row: dispensed and not reversed, of a set in force, in the window, before the exit."""
    register, asked = indicator.register_name, indicator.by_reason
    assert asked is not None  # The indicator is asked for by reason.
    counts = context.netted(register, _reversals(context, indicator)).left[picked.places] > 0
    named = [name for name in names if name is not None]
    if len(named) == len(names):
        counts &= context.in_force(register, named, picked)
    counts &= picked.day < np.minimum(context.time.exit(register), FAR)[person]
    if asked.window is not None:
        (last,) = asked.window.to_days
        start, end = (context.time.at(Moment(day)) for day in (asked.window.from_day, last + 1))
        counts &= (picked.day >= start[person]) & (picked.day < end[person])
    return np.asarray(counts, np.bool_)


def _reversals(context: RunContext, indicator: Indicator) -> Reversals:
    # Whom a reason is of must be the same persons at every point of a grid: by the first rule of it.
    rule = reversal_rule(context.definition, indicator)
    return "net" if rule is None or rule == "sum" else rule


def _deciding(day: Int32s, person: Int64s, counts: Bools, asked: ByReason) -> Bools:
    """Of the rows that count those of the first or of the latest day of each person, or all."""
    if asked.rule == "any" or not len(person):
        return counts
    persons = int(person[-1]) + 1
    chosen = np.full(persons, FAR if asked.rule == "first" else -FAR, np.int32)
    pick = np.minimum if asked.rule == "first" else np.maximum
    pick.at(chosen, person[counts], day[counts])
    return np.asarray(counts & (day == chosen[person]), np.bool_)


def _levels_of(levels: tuple[Int32s | Int64s, Int32s, int], *, one_a_row: bool) -> tuple[Int64s, Int32s]:
    """Row and level of each reason; a row without one has the last level."""
    where, level, _ = levels
    if one_a_row:
        return np.arange(len(where)), level[where]
    return np.repeat(np.arange(len(where) - 1), np.diff(where)), level


def reason_missing(
    context: RunContext, indicator: Indicator, asked: ByReason, persons: Mapping[str, Bools]
) -> PersonValues:
    """Whose deciding dispensings tell no reason, of the persons who have any."""
    has_rows = np.logical_or.reduce(list(persons.values()))
    reasons = context.reasons.settle([("excluded:no_rows", somebody(~has_rows))], no_rows=None)
    return PersonValues(
        indicator=indicator,
        parameters=f"{asked.rule}_reason_missing",
        measure=Measure.YES_NO,
        value=reasons.counted_with(persons[NOT_RECORDED]).view(np.uint8),
        reason=reasons.reason,
        reasons=reasons.names,
        counted=reasons.counted,
    )

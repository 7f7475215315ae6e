"""Who has rows of which of two sources in each calendar period: the standard report of a population."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from linkage.errors import EventsRejected
from linkage.indicator_kinds.criteria import Criterion
from linkage.indicator_kinds.membership import BOTH, EITHER, ONLY, InRegisters
from linkage_core.indicators.counted_rows import CountedRows, counted_rows
from linkage_core.indicators.follow_up import FAR
from linkage_core.indicators.observed_time import Moment
from linkage_core.indicators.periods import periods
from linkage_core.indicators.reasons import Persons, somebody
from linkage_core.indicators.run_context import RunContext, joined
from linkage_core.indicators.values import Bools, Measure, PersonValues


def evaluate_in_registers(context: RunContext, indicator: InRegisters) -> list[PersonValues]:
    """Six values for each period: in each source, both, either, and in one alone.

    A period is a parameter and no axis of the table: who was in one source alone in one year and in both in another
    would be counted in two parts of the years' total, and the parts of a total must not overlap.
    """
    rows = {name: [_rows(context, one) for one in source] for name, source in indicator.sources.items()}
    first, second = rows
    has_rows = np.logical_or.reduce([one.anybody(one.meets) for own in rows.values() for one in own])
    no_rows = somebody(~np.asarray(has_rows, np.bool_))
    values = []
    for period, first_day, until in periods(indicator.calendar):
        found = {name: _within(own, first_day, until) for name, own in rows.items()}
        told = {
            first: found[first],
            second: found[second],
            BOTH: found[first] & found[second],
            EITHER: found[first] | found[second],
            ONLY.format(first): found[first] & ~found[second],
            ONLY.format(second): found[second] & ~found[first],
        }
        late = _late(context, indicator, until)
        reasons = context.reasons.settle(context.excluded_as_incomplete(late), no_rows=no_rows)
        when = "" if indicator.calendar.step == "whole" else f"{period.dimension}={period.label}"
        for membership, parts in indicator.memberships.items():
            values.append(
                PersonValues(
                    indicator=indicator,
                    parameters=joined(when, f"in={membership}"),
                    measure=Measure.YES_NO,
                    value=reasons.counted_with(told[membership]).view(np.uint8),
                    reason=reasons.reason,
                    reasons=reasons.names,
                    incomplete=reasons.any_counted(late),
                    counted=reasons.counted,
                    parts=tuple(joined(when, f"in={part}") for part in parts),
                )
            )
    return values


def _rows(context: RunContext, criterion: Criterion) -> CountedRows:
    events = context.register_events(criterion.register_name)
    if missing := sorted(criterion.needed_columns - set(events.rows.schema.names)):
        raise EventsRejected(
            f"register {criterion.register_name!r} has no column {missing[0]!r}.",
            mend="Name a column that the register delivers.",
        )
    return counted_rows(criterion, context.definition.codes, events)


def _within(rows: Sequence[CountedRows], first_day: int, until: int) -> Bools:
    found = [one.anybody(one.meets & (one.day >= first_day) & (one.day < min(until, int(FAR)))) for one in rows]
    return np.asarray(np.logical_or.reduce(found), np.bool_)


def _late(context: RunContext, indicator: InRegisters, until: int) -> Persons:
    """Persons whose period reaches past what any of the registers holds in full."""
    end = Moment(until, of_index=False)
    late = [context.time.incomplete(name, end) for name in {one.register_name for one in indicator.criteria}]
    known = [persons for persons in late if persons is not None]
    return somebody(np.asarray(np.logical_or.reduce(known), np.bool_)) if known else None

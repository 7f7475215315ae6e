"""Observations in which supply is looked at day by day, and who cannot be judged in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from linkage.indicator_kinds import AtHandTogether, Denominator, TreatmentLines
from linkage_core.indicators.faulty_rows import persons_with_faulty
from linkage_core.indicators.observed_time import Moment, ObservedTime
from linkage_core.indicators.reasons import Persons, Reasons, somebody
from linkage_core.indicators.run_context import RunContext
from linkage_core.indicators.spans import reversals_of
from linkage_core.indicators.values import NO_TIME, Int32s


@dataclass(frozen=True, slots=True)
class SuppliedObservation:
    """An observation of each person.

    Args:
        words: of the parameter point.
        start: int32, one a person; `end`: int32: the exit where that comes before the planned end.
        planned_end: a day after the index day, or int32, one a person.
        late: who is observed past what the register holds in full.
        left_out: who cannot be observed, and why.
    """

    words: str
    start: Int32s
    end: Int32s
    planned_end: Moment | Int32s
    late: Persons
    left_out: list[tuple[str, Persons]] = field(default_factory=list)

    def reasons(
        self,
        context: RunContext,
        indicator: AtHandTogether | TreatmentLines,
        names: Sequence[str | None],
        denominator: Denominator,
        *,
        also: Sequence[tuple[str, Persons]] = (),
    ) -> Reasons:
        """The reason of each person; `names` are the code sets of the drugs."""
        register = indicator.register_name
        first = self.start - np.int32(indicator.lookback_days)
        faulty = {
            "error:packages": context.dispensings(register).without_quantity,
            "error:days_supply": context.supply(register, indicator.supply, *names).unserved_at,
        }
        rules = [
            ("error:index_date", context.time.without_index()),
            *self.left_out,
            *(
                (name, persons_with_faulty(context, register, names, places, first=first, after=self.end))
                for name, places in faulty.items()
            ),
            (NO_TIME, somebody(np.asarray(self.end <= self.start, np.bool_))),
            *self._alive_rule(context.time, denominator),
            *context.excluded_as_incomplete(self.late),
            *also,
        ]
        no_rows = context.without_rows(register, names, rule=reversals_of(context.definition, indicator))
        return context.reasons.settle(rules, no_rows=no_rows)

    def _alive_rule(self, time: ObservedTime, denominator: Denominator) -> list[tuple[str, Persons]]:
        if isinstance(self.planned_end, Moment):
            return time.alive_rule(denominator, self.planned_end, at=str(self.planned_end.day))
        return time.alive_at_end_rule(denominator, self.planned_end)


def after_index(context: RunContext, indicator: AtHandTogether | TreatmentLines) -> list[SuppliedObservation]:
    """One for each end of observation, counted from the index day."""
    register, time, observe = indicator.register_name, context.time, indicator.observe
    return [
        SuppliedObservation(
            words=f"observe_days={last - observe.from_day}",
            start=time.at(Moment(observe.from_day)),
            end=time.window_end(register, Moment(last)),
            planned_end=Moment(last),
            late=time.incomplete(register, Moment(last)),
        )
        for last in observe.to_days
    ]

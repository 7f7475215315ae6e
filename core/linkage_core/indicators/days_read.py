"""Single days on which something is read: after the index day, or the last of calendar periods."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from linkage.indicator_kinds import Denominator, DoseAboveLimit, DrugBurden, DrugsAtDate
from linkage_core.indicators.drugs_held import Held
from linkage_core.indicators.observed_time import Moment
from linkage_core.indicators.periods import periods
from linkage_core.indicators.reasons import Persons, Reasons
from linkage_core.indicators.run_context import RunContext
from linkage_core.indicators.spans import reversals_of
from linkage_core.indicators.values import NO_TIME, Period

AtDate = DrugsAtDate | DrugBurden | DoseAboveLimit
"""Kinds that are read on single days."""


@dataclass(frozen=True, slots=True)
class DayRead:
    """One day of each person.

    Args:
        words: of the parameter point; `at` is the N of `alive_at_N`.
    """

    words: str
    at: str
    moment: Moment
    period: Period | None

    @property
    def after(self) -> Moment:
        """The day after it."""
        return self.moment._replace(day=self.moment.day + 1)

    def late(self, context: RunContext, register: str) -> Persons:
        """Who is observed on it past what the register holds in full."""
        return context.time.incomplete(register, self.after)

    def reasons(
        self,
        context: RunContext,
        indicator: AtDate,
        names: Sequence[str | None],
        denominator: Denominator,
        *,
        faults: Sequence[tuple[str, Persons]],
    ) -> Reasons:
        """The reason of each person.

        Args:
            names: code sets of the drugs; [None] for all.
            faults: who cannot be judged, and why.
        """
        register, time = indicator.register_name, context.time
        rules = [
            *([("error:index_date", time.without_index())] if self.period is None else []),
            *faults,
            *time.alive_rule(denominator, self.after, at=self.at),
            # With the denominator `all` the dead stay in with what they had; who emigrated is not observed.
            (NO_TIME, time.without_time(register, self.moment, death_ends=False)),
            *context.excluded_as_incomplete(self.late(context, register)),
        ]
        no_rows = context.without_rows(register, names, rule=reversals_of(context.definition, indicator))
        return context.reasons.settle(rules, no_rows=no_rows)

    def with_faulty_row(
        self, context: RunContext, indicator: AtDate, names: Sequence[str | None], held: Held
    ) -> tuple[str, Persons]:
        """Persons with a faulty row that lies so near before the day that it might count, and the reason."""
        rows = context.dispensings(indicator.register_name)
        found = held.faulty
        if not len(found):
            return held.fault, None
        on_day = context.time.at(self.moment)[rows.person_at(found)]
        near = (rows.day[found] <= on_day) & (rows.day[found] > on_day - np.int32(held.longest))
        return held.fault, context.persons_with(indicator.register_name, names, found[near])


def days_read(indicator: AtDate) -> Iterator[DayRead]:
    """The days of an indicator, those of periods in their order."""
    for day in indicator.at_day:
        yield DayRead(f"at_day={day}", str(day), Moment(day), None)
    for period, _, after in periods(indicator.calendar) if indicator.calendar else ():
        yield DayRead("", period.label, Moment(after - 1, of_index=False), period)

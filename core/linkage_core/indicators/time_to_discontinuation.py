"""Time from the first dispensing to the end of the first episode, with the exit as censoring or as competing death."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from linkage.indicator_kinds import Restart, TimeToDiscontinuation
from linkage_core.indicators.follow_up import FAR
from linkage_core.indicators.from_first_dispensing import Followed
from linkage_core.indicators.grid_episodes import followed_by_gaps
from linkage_core.indicators.reasons import Reasons
from linkage_core.indicators.run_context import RunContext, joined
from linkage_core.indicators.treatment_episodes import (
    DAY_SCALE,
    gap_rule,
    gap_words,
    in_units,
    settled,
    value_of,
)
from linkage_core.indicators.values import Bools, Float64s, Int64s, Measure, PersonValues, TimesToEvent, UInt8s
from linkage_core.survival import Ending


def evaluate_time_to_discontinuation(context: RunContext, indicator: TimeToDiscontinuation) -> list[PersonValues]:
    """For each permissible gap and way of censoring: the time, whether it ended in discontinuation, and in death.

    Raises:
        EventsRejected: death shall compete and no register tells it.
    """
    rule = gap_rule(indicator)
    # Rows after the exit may still fill a gap that began before it; what counts is where the episode ends.
    followed = followed_by_gaps(context, indicator, rule, past_exit=True)
    exits = exits_of(followed, indicator)
    values = []
    for place, gap in enumerate(rule.gaps):
        for censoring in indicator.censoring:
            stopped = followed.ended_before_room(place, known=censoring == "strict")
            words = joined(gap_words(rule, gap), f"censoring={censoring}")
            values.append(_days(_Time(followed, place, stopped, exits), words))
            values += _how_it_ended(followed, stopped, words, exits)
    return values


@dataclass(frozen=True, slots=True)
class Exits:
    """Who died at the end of her observation; None where that is no matter."""

    died: Bools | None

    def ending(self, stopped: Bools) -> UInt8s:
        """uint8, one a person: `Ending`."""
        ending = stopped * np.uint8(Ending.EVENT)
        if self.died is not None:
            ending[self.died & ~stopped] = Ending.COMPETING
        return np.asarray(ending, np.uint8)


@dataclass(frozen=True)
class _Time:
    """Days of each person from her start to the end of her time by one of the gaps; 0 of who is not counted."""

    followed: Followed
    place: int
    stopped: Bools
    exits: Exits

    @cached_property
    def reasons(self) -> Reasons:
        """Curves censor whom the register's end cuts short, so nobody is left out for it."""
        return settled(self.followed, self.followed.of_starters, None)

    @cached_property
    def days(self) -> Float64s:
        """float64, one a person."""
        time = np.where(self.stopped, self.followed.outcome.first_days[self.place], self.followed.room)
        return np.where(self.reasons.counted, time, 0.0)

    def in_units(self) -> Int64s:
        """The same in units of 1 / `DAY_SCALE` days."""
        return in_units(self.days)

    def to_event(self) -> TimesToEvent:
        """When it began, its whole days, and how it ended."""
        outcome = self.followed.outcome
        start = np.where(outcome.started, outcome.start, FAR).astype(np.int32)
        return TimesToEvent(start, np.floor(self.days).astype(np.int64), self.exits.ending(self.stopped))


def _days(time: _Time, words: str) -> PersonValues:
    # Tables count who discontinued; lengths are of the laboratory, and worked out where it reads them.
    return value_of(
        time.followed,
        time.reasons,
        joined(words, "measure=days"),
        time.in_units,
        late=None,
        scale=DAY_SCALE,
        number=lambda: time.days,
        times=time.to_event,
    )


def _how_it_ended(followed: Followed, stopped: Bools, words: str, exits: Exits) -> list[PersonValues]:
    """Yes or no for discontinuation and, where it competes, for death during follow-up."""
    late = followed.late(followed.supply.indicator.follow_up_days)
    reasons = settled(followed, followed.of_starters, late)
    measures = {"discontinued": stopped}
    if exits.died is not None:
        measures["died"] = exits.died & ~stopped
    return [
        value_of(
            followed,
            reasons,
            joined(words, f"measure={name}"),
            reasons.counted_with(whether).view(np.uint8),
            late=late,
            measure=Measure.YES_NO,
        )
        for name, whether in measures.items()
    ]


def exits_of(followed: Followed, indicator: TimeToDiscontinuation | Restart) -> Exits:
    """How observation ends.

    Raises:
        EventsRejected: death shall compete and no register tells it.
    """
    if indicator.competing == "none":
        return Exits(None)
    death = followed.supply.context.follow_up.competing_death()

    def died() -> Bools:
        outcome = followed.outcome
        return np.asarray(outcome.started & (death == outcome.begun + followed.room), np.bool_)

    return Exits(followed.remember("died", died))

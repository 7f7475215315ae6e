"""Time from the first dispensing to the end of the first episode, with the exit as censoring or as competing death."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from linkage.indicator_kinds import Restart, TimeToDiscontinuation
from linkage_core.indicators.follow_up import FAR
from linkage_core.indicators.from_first_dispensing import Followed
from linkage_core.indicators.grid_episodes import followed_by_gaps
from linkage_core.indicators.run_context import RunContext, joined
from linkage_core.indicators.treatment_episodes import (
    DAY_SCALE,
    gap_rule,
    gap_words,
    in_units,
    settled,
    value_of,
)
from linkage_core.indicators.values import Bools, Float64s, Measure, PersonValues, TimesToEvent, UInt8s
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
            days = followed.outcome.first_days[place]
            grace = followed.outcome.first_grace[place] if censoring == "strict" else 0.0
            stopped = np.asarray(days + grace < followed.room, np.bool_)
            words = joined(gap_words(rule, gap), f"censoring={censoring}")
            time = np.where(stopped, days, followed.room)
            values.append(_days(followed, time, exits.ending(stopped), words))
            values += _how_it_ended(followed, exits.ending(stopped), words, competing=exits.died is not None)
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


def _days(followed: Followed, time: Float64s, ending: UInt8s, words: str) -> PersonValues:
    # Curves censor whom the register's end cuts short, so nobody is left out for it.
    reasons = settled(followed, followed.of_starters, None)
    time = np.where(reasons.counted, time, 0.0)
    start = np.where(followed.outcome.started, followed.outcome.start, FAR).astype(np.int32)
    return value_of(
        followed,
        reasons,
        joined(words, "measure=days"),
        in_units(time),
        late=None,
        scale=DAY_SCALE,
        number=time,
        contributes=time > 0,
        times=TimesToEvent(start, np.floor(time).astype(np.int64), ending),
    )


def _how_it_ended(followed: Followed, ending: UInt8s, words: str, *, competing: bool) -> list[PersonValues]:
    """Yes or no for discontinuation and, where it competes, for death during follow-up."""
    late = followed.late(followed.supply.indicator.follow_up_days)
    reasons = settled(followed, followed.of_starters, late)
    measures = {"discontinued": Ending.EVENT, **({"died": Ending.COMPETING} if competing else {})}
    return [
        value_of(
            followed,
            reasons,
            joined(words, f"measure={name}"),
            reasons.counted_with(ending == which).astype(np.int64),
            late=late,
            measure=Measure.YES_NO,
        )
        for name, which in measures.items()
    ]


def exits_of(followed: Followed, indicator: TimeToDiscontinuation | Restart) -> Exits:
    """How observation ends.

    Raises:
        EventsRejected: death shall compete and no register tells it.
    """
    if indicator.competing == "none":
        return Exits(None)
    death = followed.supply.context.follow_up.competing_death()
    started = followed.outcome.started
    return Exits(
        np.asarray(started & (death == np.where(started, followed.outcome.start + followed.room, -1)), np.bool_)
    )

"""Time from a landmark to an outcome, by the class of the proportion of days covered before the landmark."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from linkage.indicator_kinds import LandmarkOutcome, Observation, ProportionOfDaysCovered
from linkage_core.indicators.observed_time import Moment
from linkage_core.indicators.proportion_of_days_covered import at_least, evaluate_proportion_of_days_covered
from linkage_core.indicators.reasons import Persons, somebody, together
from linkage_core.indicators.register_outcome import events_of, first_event, is_death, washout_rule, without_events
from linkage_core.indicators.run_context import RunContext, joined
from linkage_core.indicators.values import (
    NO_ROWS,
    OK,
    Bools,
    Groups,
    Int64s,
    Measure,
    PersonValues,
    TimesToEvent,
    UInt8s,
)
from linkage_core.survival import Ending


def evaluate_landmark_outcome(context: RunContext, indicator: LandmarkOutcome) -> list[PersonValues]:
    """Of all at the landmark and of each class: days until the outcome, whether it came, and whether death did.

    Raises:
        EventsRejected: a register or column is missing, or death shall compete and no register tells it.
    """
    covered = _covered(context, indicator)
    reached = [at_least(*_days(covered), threshold) for threshold in indicator.threshold]
    place: Int64s = np.asarray(np.sum(reached, axis=0), np.int64)
    after = _after_landmark(context, indicator, covered)
    everybody = Groups("pdc", len(reached) + 1, place)
    values = _values(context, indicator, after, groups=everybody)
    bounds = ["0", *(f"{threshold:g}" for threshold in indicator.threshold), "1"]
    for number, (lower, upper) in enumerate(pairwise(bounds)):
        others = somebody(place != number)
        values += _values(context, indicator, after, words=f"pdc={lower}..{upper}", others=others)
    return values


@dataclass(frozen=True, slots=True)
class _AfterLandmark:
    """What happened from the landmark on.

    Args:
        times: to the outcome; `late`: persons whose follow-up reaches past the end of a register.
        rules: who is not at the landmark, and why.
        no_outcome: persons without any outcome, whenever.
    """

    times: TimesToEvent
    late: Persons
    rules: list[tuple[str, Persons]]
    no_outcome: Persons


def _covered(context: RunContext, indicator: LandmarkOutcome) -> PersonValues:
    """Days covered of the days before the landmark."""
    before = ProportionOfDaysCovered(
        id=indicator.id,
        kind="proportion_of_days_covered",
        register_name=indicator.register_name,
        codes=indicator.codes,
        combine=indicator.combine,
        supply=[indicator.supply],
        observe=Observation(from_day=0, to_days=[indicator.landmark_day]),
        lookback_days=indicator.lookback_days,
        carry_over=[indicator.carry_over],
        stock_cap_days=indicator.stock_cap_days,
    )
    return evaluate_proportion_of_days_covered(context, before)[0]


def _days(covered: PersonValues) -> tuple[np.ndarray, np.ndarray]:
    assert covered.of is not None  # It is a fraction.
    return np.asarray(covered.value, np.int32), np.asarray(covered.of, np.int32)


def _after_landmark(context: RunContext, indicator: LandmarkOutcome, covered: PersonValues) -> _AfterLandmark:
    outcome, time = indicator.outcome, context.time
    is_event = events_of(context, outcome)
    own_death = is_death(context, outcome)
    exit_day = np.minimum(
        time.exit(indicator.register_name, death_ends=not own_death),
        time.exit(outcome.register_name, death_ends=not own_death),
    )
    landmark, planned_end = (
        time.at(Moment(day)) for day in (indicator.landmark_day, indicator.landmark_day + indicator.follow_up_days)
    )
    end = np.minimum(planned_end, exit_day)
    first = first_event(context, outcome, is_event, start=landmark, end=end)
    # With the outcome death itself who dies before the landmark has not reached it either.
    at_landmark = np.asarray(time.exit(indicator.register_name) > landmark, np.bool_) & (end > landmark)
    rules: list[tuple[str, Persons]] = [
        *((name, somebody(covered.reason == place)) for place, name in _left_out(covered)),
        (f"excluded:not_observed_at_{indicator.landmark_day}", somebody(~at_landmark)),
        *washout_rule(context, outcome, is_event, indicator.washout),
    ]
    happened = np.asarray(first < end, np.bool_) & at_landmark
    room = np.where(at_landmark, end.astype(np.int64) - landmark, 0)
    days: Int64s = np.where(happened, first.astype(np.int64) - landmark, room)
    late = _late(context, indicator)
    ending = _ending(context, indicator, happened, at_landmark & (end < planned_end), end)
    times = TimesToEvent(landmark, days, ending)
    return _AfterLandmark(times, late, rules, without_events(context, outcome, is_event))


def _left_out(covered: PersonValues) -> list[tuple[int, str]]:
    return [(place, name) for place, name in enumerate(covered.reasons) if name not in (OK, NO_ROWS)]


def _ending(context: RunContext, indicator: LandmarkOutcome, happened: Bools, left: Bools, end: np.ndarray) -> UInt8s:
    """uint8, one a person: `Ending`; who dies where death competes has left on that day."""
    ending = np.where(happened, np.uint8(Ending.EVENT), np.uint8(Ending.CENSORED))
    if indicator.competing == "death":
        death = context.follow_up.competing_death()
        ending[left & ~happened & (death == end)] = Ending.COMPETING
    return np.asarray(ending, np.uint8)


def _late(context: RunContext, indicator: LandmarkOutcome) -> Persons:
    """Persons whose follow-up reaches past the last complete day of a register."""
    until = Moment(indicator.landmark_day + indicator.follow_up_days)
    registers = dict.fromkeys((indicator.register_name, indicator.outcome.register_name))
    return together([context.time.incomplete(register, until) for register in registers])


def _values(
    context: RunContext,
    indicator: LandmarkOutcome,
    after: _AfterLandmark,
    *,
    words: str = "",
    others: Persons = None,
    groups: Groups | None = None,
) -> list[PersonValues]:
    """Days, and yes or no for outcome and competing death, of those who are not others."""
    of_class = [("excluded:other_class", others)] if words else []
    landmark = f"landmark_day={indicator.landmark_day}"
    point = joined(landmark, words)
    # Curves censor whom a register's end cuts short, so nobody is left out for it.
    reasons = context.reasons.settle([*after.rules, *of_class], no_rows=None)
    days = reasons.value_of_counted(after.times.day)
    found = [
        PersonValues(
            indicator=indicator,
            parameters=joined(point, "measure=days"),
            part_of=joined(landmark, "measure=days") if words else "",
            measure=Measure.AMOUNT,
            value=days,
            reason=reasons.reason,
            reasons=reasons.names,
            contributes=days > 0,
            counted=reasons.counted,
            times=TimesToEvent(after.times.start, days, after.times.ending, groups),
        )
    ]
    measures = [("outcome", Ending.EVENT, after.no_outcome)]
    if indicator.competing == "death":
        measures.append(("died", Ending.COMPETING, None))
    left_out = [*after.rules, *context.excluded_as_incomplete(after.late), *of_class]
    for name, which, no_rows in measures:
        reasons = context.reasons.settle(left_out, no_rows=no_rows)
        found.append(
            PersonValues(
                indicator=indicator,
                parameters=joined(point, f"measure={name}"),
                part_of=joined(landmark, f"measure={name}") if words else "",
                measure=Measure.YES_NO,
                value=reasons.counted_with(after.times.ending == which).view(np.uint8),
                reason=reasons.reason,
                reasons=reasons.names,
                incomplete=reasons.any_counted(after.late),
                counted=reasons.counted,
            )
        )
    return found

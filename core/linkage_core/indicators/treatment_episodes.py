"""Treatment episodes: how many, how long the first lasts, and who is still in it on a day after its start."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from linkage.indicator_kinds import CoveredOnDay, TreatmentEpisodes, WithChanges, WithGaps
from linkage_core.indicators.from_first_dispensing import IN_HOSPITAL, Followed, GapRule, supply_from_start
from linkage_core.indicators.grid_episodes import followed_by_gaps
from linkage_core.indicators.reasons import Persons, Reasons, somebody
from linkage_core.indicators.run_context import RunContext, joined
from linkage_core.indicators.values import Bools, Float64s, Int64s, Measure, PersonValues, UInt8s

DAY_SCALE = 1_000_000
"""Units per day of a length: an episode may end within a day."""


def gap_rule(indicator: WithGaps) -> GapRule:
    """What ends an episode."""
    changes = indicator.new_episode_on if isinstance(indicator, WithChanges) else []
    return GapRule(
        gaps=indicator.gap_days or indicator.gap_percent,
        percent=bool(indicator.gap_percent),
        drug_starts="medication_change" in changes,
        # AdhereR compares the name of the column with itself, so a dose never starts an episode there.
        dose_starts=indicator.needs_dose and "dosage_change" in changes,
        append_gap=isinstance(indicator, TreatmentEpisodes) and indicator.append_gap,
    )


def gap_words(rule: GapRule, gap: int) -> str:
    """`gap_days=90` or `gap_percent=100`."""
    return f"gap_percent={gap}" if rule.percent else f"gap_days={gap}"


def evaluate_treatment_episodes(context: RunContext, indicator: TreatmentEpisodes) -> list[PersonValues]:
    """For each permissible gap: the measures that are asked for."""
    rule = gap_rule(indicator)
    followed = followed_by_gaps(context, indicator, rule, exits=indicator.end_at_exit)
    values = []
    for place, gap in enumerate(rule.gaps):
        words = gap_words(rule, gap)
        if "episodes" in indicator.measure:
            values.append(_number(followed, rule, place, words))
        if "first_days" in indicator.measure:
            values.append(_first_days(followed, place, words))
        if "in_first" in indicator.measure:
            values += [_in_first(followed, place, words, day) for day in indicator.at_days]
    return values


def evaluate_covered_on_day(context: RunContext, indicator: CoveredOnDay) -> list[PersonValues]:
    """For each day after the first dispensing: whether a whole day's supply was at hand on it."""
    supply = supply_from_start(context, indicator, past_exit=True)
    followed = supply.followed(GapRule(), at_days=indicator.at_days)
    return [
        on_day(
            followed,
            followed.outcome.covered[place] == 1,
            f"day_of_treatment={day}",
            day,
            away=somebody(np.asarray(followed.outcome.covered[place] == IN_HOSPITAL, np.bool_)),
        )
        for place, day in enumerate(indicator.at_days)
    ]


def _number(followed: Followed, rule: GapRule, place: int, words: str) -> PersonValues:
    late = followed.late(followed.supply.indicator.follow_up_days)
    reasons = settled(followed, followed.rules, late)
    episodes = followed.outcome.episodes[place]
    counted = np.where(reasons.counted, episodes, np.int32(0))
    return value_of(
        followed,
        reasons,
        joined(words, "measure=episodes"),
        counted.astype(np.int64),
        late=late,
        contributes=counted > 0,
        episodes=partial(followed.supply.listed, rule, rule.gaps[place], episodes),
    )


def _first_days(followed: Followed, place: int, words: str) -> PersonValues:
    late = followed.late(followed.supply.indicator.follow_up_days)
    reasons = settled(followed, followed.of_starters, late)
    days = np.where(reasons.counted, followed.outcome.first_days[place], 0.0)
    return value_of(
        followed,
        reasons,
        joined(words, "measure=first_days"),
        in_units(days),
        late=late,
        scale=DAY_SCALE,
        number=days,
        contributes=days != 0,
    )


def _in_first(followed: Followed, place: int, words: str, day: int) -> PersonValues:
    still = followed.outcome.lasts_longer(place, day)
    return on_day(followed, still, joined(words, "measure=in_first", f"day_of_treatment={day}"), day)


def on_day(followed: Followed, yes: Bools, words: str, day: int, *, away: Persons = None) -> PersonValues:
    """Yes or no on a day after the first dispensing, of those who are still observed on it and not away in hospital."""
    rules = [*followed.of_starters, (f"excluded:not_observed_at_{day}", followed.gone_at(day))]
    if followed.supply.frozen:
        rules.append((f"excluded:in_hospital_at_{day}", away))
    late = followed.late(day + 1)
    reasons = settled(followed, rules, late)
    return value_of(
        followed,
        reasons,
        words,
        reasons.counted_with(yes).view(np.uint8),
        late=late,
        measure=Measure.YES_NO,
    )


def settled(followed: Followed, rules: list[tuple[str, Persons]], late: Persons) -> Reasons:
    """The reason of each person; `late` are those whom the register's end cuts short."""
    context = followed.supply.context
    return context.reasons.settle([*rules, *context.excluded_as_incomplete(late)], no_rows=followed.without_rows)


def in_units(days: Float64s) -> Int64s:
    """Lengths in units of 1 / `DAY_SCALE` days, rounded half up."""
    return np.floor(days * DAY_SCALE + 0.5).astype(np.int64)


# Any: the fields of a value that differ from measure to measure.
def value_of(
    followed: Followed,
    reasons: Reasons,
    words: str,
    value: Int64s | UInt8s | Callable[[], Int64s],
    *,
    late: Persons,
    **fields: Any,
) -> PersonValues:
    """A value of one measure with what all of them have in common."""
    return PersonValues(
        indicator=followed.supply.indicator,
        parameters=words,
        value=value,
        reason=reasons.reason,
        reasons=reasons.names,
        incomplete=reasons.any_counted(late),
        account=followed.account,
        counted=reasons.counted,
        **{"measure": Measure.AMOUNT, **fields},
    )

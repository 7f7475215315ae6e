"""What becomes of a treatment: begun again, changed for another drug, another added, its dose raised or lowered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from linkage.indicator_kinds import AddOn, DoseChange, Restart, Switch
from linkage_core.indicators.first_rows import first_days_ever
from linkage_core.indicators.follow_up import FAR
from linkage_core.indicators.from_first_dispensing import Followed, GapRule, SupplyFromStart, supply_from_start
from linkage_core.indicators.reasons import Persons, somebody
from linkage_core.indicators.run_context import RunContext, joined
from linkage_core.indicators.set_supply import dispensed_of_sets, drugs_of_sets
from linkage_core.indicators.time_to_discontinuation import exits_of
from linkage_core.indicators.treatment_episodes import gap_rule, gap_words, settled, value_of
from linkage_core.indicators.values import Bools, Float64s, Int32s, Measure, PersonValues, TimesToEvent
from linkage_core.kernels.first_drugs import begins_another_drug, supply_of_first_drugs

NOT_DISCONTINUED = "excluded:not_discontinued"


def evaluate_restart(context: RunContext, indicator: Restart) -> list[PersonValues]:
    """For each permissible gap: days until the next dispensing, and whether it comes within each number of days."""
    rule = gap_rule(indicator)
    followed = supply_from_start(context, indicator, past_exit=True).followed(rule, second=True)
    exits = exits_of(followed, indicator)
    values = []
    for place, gap in enumerate(rule.gaps):
        outcome = followed.outcome
        stopped = _stopped(followed, place)
        rules = [*followed.of_starters, (NOT_DISCONTINUED, _others(followed, stopped))]
        # Whole days from here on: the day on which supply ends is the first without a whole day's.
        after = np.where(stopped, np.floor(outcome.first_days[place]), 0).astype(np.int64)
        again = outcome.second_start[place] - outcome.begun.astype(np.int64)
        restarted = np.asarray(stopped & (again < followed.room), np.bool_)
        time = np.where(restarted, again, followed.room) - after
        words = gap_words(rule, gap)
        start = np.where(outcome.started, outcome.start + after, FAR).astype(np.int32)
        times = TimesToEvent(start, time, exits.ending(restarted))
        values.append(_days(followed, rules, times, joined(words, "measure=days")))
        for within in indicator.within_days:
            gone = somebody(np.asarray(stopped & (followed.room - after <= within), np.bool_))
            observed = [*rules, (f"excluded:not_observed_for_{within}", gone)]
            point = joined(words, f"restarted_within_days={within}")
            values.append(_yes_no(followed, observed, np.asarray(restarted & (time <= within), np.bool_), point))
    return values


def _days(followed: Followed, rules: list[tuple[str, Persons]], times: TimesToEvent, words: str) -> PersonValues:
    reasons = settled(followed, rules, None)
    days = np.where(reasons.counted, times.day, 0)
    return value_of(followed, reasons, words, days, late=None, contributes=days > 0, times=replace(times, day=days))


def evaluate_switch(context: RunContext, indicator: Switch) -> list[PersonValues]:
    """For each permissible gap: whether another drug took the place of the first one."""
    rule, register = gap_rule(indicator), indicator.register_name
    supply = supply_from_start(context, indicator, past_exit=True)
    everything = supply.followed(GapRule())
    start = everything.outcome.start
    own = (supply.picked.offsets, supply.picked.day, drugs_of_sets(context, register, indicator.codes), supply.supply)
    of_first_drugs = np.empty_like(supply.supply)
    supply_of_first_drugs(*own, start, of_first_drugs)
    followed = replace(supply, supply=of_first_drugs).followed(rule)
    to = indicator.to or indicator.codes
    stopped = np.stack([_stopped(followed, place) for place in range(len(rule.gaps))])
    end = np.where(stopped, start + followed.outcome.first_days, np.inf)
    others = context.set_rows(register, *to)
    reversals = context.definition.supply[indicator.supply_model].reversals
    dispensed = dispensed_of_sets(context, register, to, reversals)
    switched = np.empty(stopped.shape, np.uint8)
    begins_another_drug(
        own,
        (others.offsets, others.day, drugs_of_sets(context, register, to), dispensed),
        start,
        _whole_days(np.ceil(end - indicator.before_days)),
        _whole_days(np.where(stopped, np.floor(end + followed.outcome.first_grace), -np.inf)),
        switched,
    )
    rules = [*everything.of_starters, *_without_packages(context, register, to)]
    values = []
    for place, gap in enumerate(rule.gaps):
        judged = [*rules, (NOT_DISCONTINUED, _others(followed, stopped[place]))]
        values.append(_yes_no(followed, judged, switched[place].view(np.bool_), gap_words(rule, gap)))
    return values


def _whole_days(days: Float64s) -> Int32s:
    return np.clip(days, -int(FAR), int(FAR)).astype(np.int32)


def evaluate_add_on(context: RunContext, indicator: AddOn) -> list[PersonValues]:
    """For each permissible gap: whether another treatment was added to the first episode."""
    rule = gap_rule(indicator)
    supply = supply_from_start(context, indicator)
    followed = supply.followed(rule)
    reversals = context.definition.supply[indicator.supply_model].reversals
    first = first_days_ever(context, indicator.register_name, indicator.to, reversals)
    start = followed.outcome.begun
    before = somebody(followed.outcome.started & (first <= start))
    without_packages = _without_packages(context, indicator.register_name, indicator.to)
    rules = [*followed.of_starters, *without_packages, ("excluded:used_before", before)]
    together = first + indicator.together_days <= start + followed.outcome.first_days
    if indicator.starts == "covered":
        added = followed.outcome.started & (first > start) & together.any(axis=0)
        together &= _covered_on(supply, np.where(added, first, FAR))
    return [_yes_no(followed, rules, yes, gap_words(rule, gap)) for gap, yes in zip(rule.gaps, together, strict=True)]


def _covered_on(supply: SupplyFromStart, day: Int32s) -> Bools:
    """Who has a whole day's supply at hand on a day of her own."""
    # Where no gap is permitted, an episode is a stretch of days covered.
    no_gap = GapRule(gaps=[0])
    # Who has no such day is not followed.
    supply = replace(supply, until_day=np.where(day < FAR, supply.until_day, supply.from_day))
    stretches = supply.listed(no_gap, 0, supply.followed(no_gap).outcome.episodes[0])
    holds = (stretches.start <= day[stretches.person]) & (day[stretches.person] + 1 <= stretches.end)
    covered = np.zeros(supply.context.persons, np.bool_)
    covered[stretches.person[holds]] = True
    return covered


def evaluate_dose_change(context: RunContext, indicator: DoseChange) -> list[PersonValues]:
    """Whether the dose of a drug rose, and whether it fell."""
    supply = supply_from_start(context, indicator)
    followed = supply.followed(GapRule())
    risen, fallen = _dose_steps(followed, indicator.least_percent)
    steps = {"increase": risen, "decrease": fallen}
    return [_yes_no(followed, followed.of_starters, steps[name], f"measure={name}") for name in indicator.measure]


def _dose_steps(followed: Followed, least_percent: int) -> tuple[Bools, Bools]:
    """Who has a step up, and who one down, from one day of a drug to its next."""
    supply, outcome = followed.supply, followed.outcome
    picked, persons = supply.picked, supply.context.persons
    person = np.repeat(np.arange(persons), np.diff(picked.offsets))
    code = supply.context.dispensings(supply.indicator.register_name).atc.code[picked.places]
    inside = (supply.supply > 0) & (picked.day >= outcome.start[person]) & (picked.day < outcome.end[person])
    keys = np.stack([person[inside], code[inside], picked.day[inside]]).astype(np.int64)
    dose = supply.dose[inside]
    order = np.lexsort((dose, keys[2], keys[1], keys[0]))
    keys, dose = keys[:, order], dose[order]
    same_day = np.zeros(len(dose), np.bool_)
    same_day[1:] = (keys[:, 1:] == keys[:, :-1]).all(axis=0)
    repeated = np.zeros(len(dose), np.bool_)
    repeated[1:] = same_day[1:] & (dose[1:] == dose[:-1])
    first = np.flatnonzero(~same_day)
    # Doses that are told to four decimals add up to such ones.
    daily = np.round(np.add.reduceat(np.where(repeated, 0.0, dose), first), 6) if len(first) else np.zeros(0)
    who, drug = keys[0][first], keys[1][first]
    same_drug = (who[1:] == who[:-1]) & (drug[1:] == drug[:-1])
    before, now = 100 * daily[:-1], 100 * daily[1:]
    step = before * least_percent / 100
    risen, fallen = np.zeros((2, persons), np.bool_)
    risen[who[1:][same_drug & (now > before) & (now - before >= step)]] = True
    fallen[who[1:][same_drug & (now < before) & (before - now >= step)]] = True
    return risen, fallen


def _stopped(followed: Followed, place: int) -> Bools:
    """Who discontinued, and the permitted gap had passed before the exit."""
    waited = followed.outcome.first_days[place] + followed.outcome.first_grace[place]
    return np.asarray(followed.outcome.started & (waited < followed.room), np.bool_)


def _without_packages(context: RunContext, register: str, names: Sequence[str]) -> list[tuple[str, Persons]]:
    """Who has a row of the other treatment, whenever, that may be none."""
    return [("error:packages", context.without_packages(register, names))]


def _others(followed: Followed, persons: Bools) -> Persons:
    """Who began and is not among the persons."""
    return somebody(np.asarray(followed.outcome.started & ~persons, np.bool_))


def _yes_no(followed: Followed, rules: list[tuple[str, Persons]], yes: Bools, words: str) -> PersonValues:
    late = followed.late(followed.supply.indicator.follow_up_days)
    reasons = settled(followed, rules, late)
    counted = reasons.counted_with(yes).astype(np.int64)
    return value_of(followed, reasons, words, counted, late=late, measure=Measure.YES_NO)

"""Episodes at every point of a sensitivity grid: each row is walked once for all supply models and rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from linkage.indicator_kinds import TimeToDiscontinuation, TreatmentEpisodes
from linkage_core.indicators.days_of_supply import DAY
from linkage_core.indicators.from_first_dispensing import (
    CARRY,
    Followed,
    GapRule,
    Outcome,
    SupplyFromStart,
    supply_from_start,
)
from linkage_core.indicators.run_context import RunContext
from linkage_core.indicators.set_supply import drugs_of_sets
from linkage_core.indicators.values import Int32s
from linkage_core.kernels.episode_grid import episode_grid

_MOST_GAPS = 8
_LANES = 8

WithGrid = TreatmentEpisodes | TimeToDiscontinuation


def followed_by_gaps(
    context: RunContext, indicator: WithGrid, rule: GapRule, *, exits: bool = True, past_exit: bool = False
) -> Followed:
    """Episodes of an indicator for each permissible gap, walked with the other points of its grid where it has one."""

    def supply_of(point: WithGrid) -> SupplyFromStart:
        key = ("supply of a grid", indicator.id, point.supply_model)
        return context.remember(key, lambda: supply_from_start(context, point, exits=exits, past_exit=past_exit))

    found = context.episode_grids
    if (indicator.id, indicator.supply_model, indicator.carry_rule) not in found:
        points = [one for one in context.indicators if one.id == indicator.id and isinstance(one, WithGrid)]
        if len(points) < 2 or not _walks_together(context, points, rule):
            return supply_from_start(context, indicator, exits=exits, past_exit=past_exit).followed(rule)
        supplies = {one.supply_model: supply_of(one) for one in points}
        carried = list(dict.fromkeys(one.carry_rule for one in points))
        models = list(supplies)
        for first in range(0, len(models), _LANES):
            some = models[first : first + _LANES]
            for (model, carry), outcome in _walk([supplies[model] for model in some], some, carried, rule).items():
                found[indicator.id, model, carry] = outcome
    # What another point read is read for all of its supply model; reasons are those of this run.
    supply = replace(supply_of(indicator), context=context, indicator=indicator)
    return Followed(supply, found[indicator.id, indicator.supply_model, indicator.carry_rule])


def _walks_together(context: RunContext, points: list[WithGrid], rule: GapRule) -> bool:
    """Whether the kernel of grids knows all that the points ask for: days, and no changes of treatment."""
    return (
        all(one.mode == "corrected" and not one.needs_dose for one in points)
        and all(context.definition.supply[one.supply_model].hospital == "ignore" for one in points)
        and not (rule.percent or rule.drug_starts or rule.dose_starts)
        and len(rule.gaps) <= _MOST_GAPS
    )


def _walk(
    supplies: list[SupplyFromStart], models: Sequence[str], carried: Sequence[str], rule: GapRule
) -> dict[tuple[str, str], Outcome]:
    one = supplies[0]
    persons, indicator = one.context.persons, one.indicator
    start, end = np.empty((2, len(models), persons), np.int32)

    def tables() -> list[list[Int32s]]:
        return [[np.empty((len(rule.gaps), persons), np.int32) for _ in models] for _ in carried]

    counts = isinstance(indicator, TreatmentEpisodes) and "episodes" in indicator.measure
    episodes, first = tables() if counts else [], tables()
    gaps = np.array(rule.gaps, np.int32)
    episode_grid(
        one.picked.offsets,
        one.picked.day,
        drugs_of_sets(one.context, indicator.register_name, indicator.codes),
        [supply.supply for supply in supplies],
        one.from_day,
        one.until_day,
        one.last_day,
        gaps * np.int32(DAY),
        np.array([CARRY[name] for name in carried], np.int32),
        start,
        end,
        episodes,
        first,
        days=indicator.follow_up_days,
        append_gap=rule.append_gap,
    )
    found = {}
    for lane, model in enumerate(models):
        # What follows from the start alone is the same whatever is carried over.
        facts: dict[str, object] = {}
        for place, carry in enumerate(carried):
            found[model, carry] = Outcome(
                start=start[lane],
                end=end[lane],
                episodes=episodes[place][lane] if counts else _none(persons),
                first=first[place][lane],
                first_grace=gaps[:, np.newaxis].astype(np.float64),
                covered=np.zeros((0, persons), np.uint8),
                units=DAY,
                facts=facts,
            )
    return found


def _none(persons: int) -> Int32s:
    return np.zeros((0, persons), np.int32)

"""Episodes at every point of a sensitivity grid: each row is walked once for all supply models and rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np

from linkage.indicator_kinds import FromFirstDispensing, TimeToDiscontinuation, TreatmentEpisodes
from linkage_core.indicators.days_of_supply import DAY
from linkage_core.indicators.from_first_dispensing import (
    CARRY,
    Asked,
    FirstEpisode,
    Followed,
    GapRule,
    Outcome,
    SupplyFromStart,
    supply_from_start,
)
from linkage_core.indicators.run_context import RunContext
from linkage_core.indicators.set_supply import drugs_of_sets
from linkage_core.indicators.values import Int32s, UInt8s
from linkage_core.kernels.episode_grid import episode_grid

_MOST_GAPS = 8
_MOST_QUESTIONS = 64
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
    asked = _asked_of_first(supplies[0].indicator, rule)
    walk = _Walk(supplies, carried, rule)
    start, end, episodes, answers = walk.of_persons(asked)
    gaps = np.array(rule.gaps, np.float64)[:, np.newaxis]
    shared = _first_alike(start)
    # What follows from the start alone is the same whatever is carried over, and for models with the same starts.
    facts: dict[int, dict[str, object]] = {lane: {} for lane in shared}
    return {
        (model, carry): Outcome(
            start=start[shared[lane]],
            end=end[shared[lane]],
            episodes=episodes[place][lane] if episodes else np.zeros((0, start.shape[1]), np.int32),
            lengths=partial(walk.first_of, place, lane),
            first_grace=gaps,
            covered=np.zeros((0, start.shape[1]), np.uint8),
            units=DAY,
            facts=facts[shared[lane]],
            answers={question: answers[place, lane, number] for number, question in enumerate(asked)},
        )
        for lane, model in enumerate(models)
        for place, carry in enumerate(carried)
    }


def _asked_of_first(indicator: FromFirstDispensing, rule: GapRule) -> list[FirstEpisode]:
    """What the values of an indicator ask of each first episode; nothing where its length is asked for anyway."""
    if isinstance(indicator, TimeToDiscontinuation):
        grace = [*dict.fromkeys(censoring == "strict" for censoring in indicator.censoring)]
        asked = [
            FirstEpisode(place, Asked.ENDED_BEFORE, gap * known)
            for place, gap in enumerate(rule.gaps)
            for known in grace
        ]
    elif isinstance(indicator, TreatmentEpisodes) and "first_days" not in indicator.measure:
        days = indicator.at_days if "in_first" in indicator.measure else []
        asked = [FirstEpisode(place, Asked.LASTS_LONGER, day) for place in range(len(rule.gaps)) for day in days]
    else:
        return []
    asked = [*dict.fromkeys(asked)]
    return asked if len(asked) <= _MOST_QUESTIONS else []


def _first_alike(start: Int32s) -> list[int]:
    """For each model the first that has the same starts."""
    return [
        next(first for first in range(lane + 1) if np.array_equal(start[first], start[lane]))
        for lane in range(len(start))
    ]


@dataclass
class _Walk:
    """One pass over the rows for some supply models; another where somebody asks how long first episodes are."""

    supplies: Sequence[SupplyFromStart]
    carried: Sequence[str]
    rule: GapRule

    def of_persons(self, asked: Sequence[FirstEpisode]) -> tuple[Int32s, Int32s, list[list[Int32s]], UInt8s]:
        """Start and end of follow-up (models x persons), episodes, answers (rules x models x questions x persons)."""
        persons, indicator = self.supplies[0].context.persons, self.supplies[0].indicator
        start, end = np.empty((2, len(self.supplies), persons), np.int32)
        counts = isinstance(indicator, TreatmentEpisodes) and "episodes" in indicator.measure
        episodes = self._tables() if counts else []
        answers = np.empty((len(self.carried), len(self.supplies), len(asked), persons), np.uint8)
        if not asked:
            self._first = self._tables()
        self._go((start, end), (episodes, [] if asked else self._first), asked, answers)
        return start, end, episodes, answers

    def first_of(self, place: int, lane: int) -> Int32s:
        """int32, gaps x persons: lengths of first episodes by a rule of carry-over and a model."""
        return self._first[place][lane]

    @cached_property
    def _first(self) -> list[list[Int32s]]:
        models, persons = len(self.supplies), self.supplies[0].context.persons
        first = self._tables()
        start, end = np.empty((2, models, persons), np.int32)
        self._go((start, end), ([], first), [], np.empty((len(self.carried), models, 0, persons), np.uint8))
        return first

    def _tables(self) -> list[list[Int32s]]:
        shape = (len(self.rule.gaps), self.supplies[0].context.persons)
        return [[np.empty(shape, np.int32) for _ in self.supplies] for _ in self.carried]

    def _go(
        self,
        days: tuple[Int32s, Int32s],
        tables: tuple[list[list[Int32s]], list[list[Int32s]]],
        asked: Sequence[FirstEpisode],
        answers: UInt8s,
    ) -> None:
        one = self.supplies[0]
        indicator = one.indicator
        episode_grid(
            one.picked.offsets,
            one.picked.day,
            drugs_of_sets(one.context, indicator.register_name, indicator.codes),
            [supply.supply for supply in self.supplies],
            one.from_day,
            one.until_day,
            one.last_day,
            np.array(self.rule.gaps, np.int32) * np.int32(DAY),
            np.array([CARRY[name] for name in self.carried], np.int32),
            *days,
            *tables,
            one.exit_day,
            np.array(asked, np.int32).reshape(-1, 3),
            answers,
            days=indicator.follow_up_days,
            append_gap=self.rule.append_gap,
        )

"""Supply of each person from her first dispensing on: what kinds of persistence read, and who cannot be judged."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np

from linkage.indicator_kinds import AddOn, FromFirstDispensing, SupplyModel, TreatmentEpisodes
from linkage_core.indicators.daily_dose import daily_dose
from linkage_core.indicators.days_of_supply import DAY, DaysOfSupply
from linkage_core.indicators.follow_up import FAR
from linkage_core.indicators.observed_time import Moment
from linkage_core.indicators.reasons import Persons, somebody
from linkage_core.indicators.run_context import RunContext
from linkage_core.indicators.set_rows import SetRows
from linkage_core.indicators.set_supply import drugs_of_sets, supply_of_sets
from linkage_core.indicators.side_by_side import side_by_side
from linkage_core.indicators.values import NO_TIME, Bools, EpisodeList, Float64s, Int32s, Int64s, UInt8s
from linkage_core.kernels.episodes_side_by_side import MOST_GAPS, episodes_side_by_side
from linkage_core.kernels.treatment_episodes import treatment_episodes

Fact = TypeVar("Fact")
_NEVER = np.iinfo(np.int32).max
CARRY = {"none": 0, "pooled": 1, "per_drug": 2}
_HOSPITAL = {"ignore": 0, "freeze": 1, "credit": 2, "shift": 3}
IN_HOSPITAL = 2
"""What coverage says of a day in hospital that counts as nothing."""
_NO_DAYS = np.zeros(0, np.int32)
_NO_PLACES = np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class GapRule:
    """Permissible gaps and what else starts an episode; none where only coverage is asked for."""

    gaps: list[int] = field(default_factory=list)
    percent: bool = False
    drug_starts: bool = False
    dose_starts: bool = False
    append_gap: bool = False


class Asked(IntEnum):
    """What is asked of the first episode: as the kernel of grids numbers it."""

    ENDED_BEFORE = 0
    LASTS_LONGER = 1


class FirstEpisode(NamedTuple):
    """Whether a first episode, by one of the gaps, ended more than some days before the room did, or lasts longer."""

    place: int
    asked: Asked
    days: int


@dataclass(frozen=True)
class Outcome:
    """What the kernel found.

    Args:
        start, end: int32, one a person: follow-up.
        episodes: int32, gaps x persons; empty where nobody asks.
        lengths: gaps x persons: length of the first episode in 1 / `units` days, or how these are found.
        first_grace: float64, gaps x persons or gaps x 1: days that must pass until its end is known.
        second_start: int32, gaps x persons: first day of the second episode, a day after every day without one; empty
            where nobody asks.
        covered: uint8, days x persons; `IN_HOSPITAL` where she is there and its days count as nothing.
        facts: what was worked out from the start and end, by name; outcomes that share them share it.
        answers: uint8, one a person: what the walk already said of the first episode.
    """

    start: Int32s
    end: Int32s
    episodes: Int32s
    lengths: Float64s | Int32s | Callable[[], Int32s]
    first_grace: Float64s
    covered: UInt8s
    units: int = 1
    second_start: Int32s = field(default_factory=lambda: _NO_DAYS)
    facts: dict[str, Any] = field(default_factory=dict)
    answers: Mapping[FirstEpisode, UInt8s] = field(default_factory=dict)

    @cached_property
    def first(self) -> Float64s | Int32s:
        """Gaps x persons: length of the first episode in 1 / `units` days."""
        return self.lengths() if callable(self.lengths) else self.lengths

    @cached_property
    def first_days(self) -> Float64s:
        """float64, gaps x persons: length of the first episode."""
        return np.asarray(self.first, np.float64) if self.units == 1 else self.first / np.float64(self.units)

    def lasts_longer(self, place: int, days: int) -> Bools:
        """Whose first episode, by one of the gaps, lasts longer than some days."""
        told = self.answers.get(FirstEpisode(place, Asked.LASTS_LONGER, days))
        if told is not None:
            return told.view(np.bool_)
        return np.asarray(self.first[place] > days * self.units, np.bool_)

    @cached_property
    def started(self) -> Bools:
        """Who has a first dispensing."""
        return np.asarray(self.start < _NEVER, np.bool_)

    @cached_property
    def begun(self) -> Int32s:
        """int32, one a person: her start; 0 of who has none."""
        return np.asarray(self.start * self.started, np.int32)


@dataclass(frozen=True)
class SupplyFromStart:
    """Rows of an indicator's code sets with their supply, and the window in which its first may fall.

    Args:
        supply: int32, one a picked row, in 1/64 days; 0 where the row is no dispensing of the sets.
        dose: float64, one a picked row; empty where the indicator reads none.
        from_day, until_day: int32, one a person: the first dispensing lies in [from_day, until_day).
        last_day: int32, one a person: follow-up ends here at the latest.
        open_until: int32, one a person: the first day on which, her exit being what it is, nothing begins any more.
        exit_day: int32, one a person: the day of exit, of death and emigration where `exits` says that they count.
    """

    context: RunContext
    indicator: FromFirstDispensing
    picked: SetRows
    supply: Int32s
    dose: Float64s
    from_day: Int32s
    until_day: Int32s
    last_day: Int32s
    open_until: Int32s
    exit_day: Int32s
    exits: bool

    def followed(self, rule: GapRule, *, at_days: Sequence[int] = (), second: bool = False) -> Followed:
        """Start and end of follow-up, episodes for each gap, coverage on each day: one pass for all of them.

        Args:
            second: tell when the second episode starts.
        """
        persons, gaps = self.context.persons, len(rule.gaps)
        start, end = np.empty((2, persons), np.int32)
        if not at_days and self._by_gaps_alone(rule):
            return Followed(self, self._walked_side_by_side(rule, start, end, second=second))
        episodes = np.empty((gaps, persons), np.int32)
        first_days, first_grace = np.empty((2, gaps, persons))
        second_start = np.empty((gaps if second else 0, persons), np.int32)
        ascending = np.argsort(at_days, kind="stable")
        covered = np.empty((len(at_days), persons), np.uint8)
        self._run(
            rule,
            rule.gaps,
            np.array(at_days, np.int32)[ascending],
            (
                start,
                end,
                episodes.reshape(-1),
                first_days.reshape(-1),
                first_grace.reshape(-1),
                second_start.reshape(-1),
                covered.reshape(-1),
            ),
            (_NO_PLACES, _NO_DAYS, np.zeros(0), np.zeros(0)),
        )
        in_order = np.empty_like(covered)
        in_order[ascending] = covered
        return Followed(
            self, Outcome(start, end, episodes, first_days, first_grace, in_order, second_start=second_start)
        )

    def _by_gaps_alone(self, rule: GapRule) -> bool:
        """Whether nothing but gaps in days ends an episode, so that eight persons are walked at once."""
        changes = rule.percent or rule.drug_starts or rule.dose_starts or self.indicator.dosage_change
        plain = self.indicator.mode == "corrected" and self._model.hospital == "ignore"
        return plain and not changes and len(rule.gaps) <= MOST_GAPS

    def _walked_side_by_side(self, rule: GapRule, start: Int32s, end: Int32s, *, second: bool) -> Outcome:
        indicator, shape = self.indicator, (len(rule.gaps), self.context.persons)
        rows = side_by_side(self.context, indicator.register_name, indicator.codes)
        first = np.empty(shape, np.int32)
        counts = isinstance(indicator, AddOn) or (
            isinstance(indicator, TreatmentEpisodes) and "episodes" in indicator.measure
        )
        episodes = np.empty(shape if counts else (0, shape[1]), np.int32)
        second_start = np.empty(shape if second else (0, shape[1]), np.int32)
        gaps = np.array(rule.gaps, np.int32)
        episodes_side_by_side(
            rows.person,
            rows.drugs,
            rows.block_at,
            rows.day,
            rows.drug,
            rows.laid(self.supply),
            self.from_day,
            self.until_day,
            self.last_day,
            gaps * np.int32(DAY),
            start,
            end,
            first,
            episodes,
            second_start,
            days=indicator.follow_up_days,
            carry=CARRY[indicator.carry_rule],
            append_gap=rule.append_gap,
        )
        grace = gaps[:, np.newaxis].astype(np.float64)
        nothing = np.zeros((0, shape[1]), np.uint8)
        return Outcome(start, end, episodes, first, grace, nothing, units=DAY, second_start=second_start)

    def listed(self, rule: GapRule, gap: int, episodes: Int32s) -> EpisodeList:
        """Every episode for one of the gaps; `episodes` tells how many each person has."""
        persons = self.context.persons
        places = np.concatenate(([0], np.cumsum(episodes, dtype=np.int64)))
        start, lost, end = np.empty(places[-1], np.int32), np.empty(places[-1]), np.empty(places[-1])
        days, counts, numbers = np.empty((2, persons), np.int32), np.empty(persons, np.int32), np.empty((2, persons))
        self._run(
            rule,
            [gap],
            _NO_DAYS,
            (days[0], days[1], counts, numbers[0], numbers[1], _NO_DAYS, np.zeros(0, np.uint8)),
            (places, start, lost, end),
        )
        person = np.repeat(np.arange(persons), episodes)
        return EpisodeList(person, np.arange(places[-1]) - places[person] + 1, start, lost, end)

    @property
    def without_dose(self) -> Int64s:
        """Positions in the register of dispensings whose dose is asked for and not told."""
        if not len(self.dose):
            return _NO_PLACES
        return self.picked.at(np.flatnonzero(np.isnan(self.dose) & (self.supply > 0)))

    def _run(
        self,
        rule: GapRule,
        gaps: list[int],
        at_days: Int32s,
        out: tuple[Int32s, Int32s, Int32s, Float64s, Float64s, Int32s, UInt8s],
        listing: tuple[Int64s, Int32s, Float64s, Float64s],
    ) -> None:
        indicator = self.indicator
        treatment_episodes(
            self.picked.offsets,
            self.picked.day,
            drugs_of_sets(self.context, indicator.register_name, indicator.codes),
            self.supply,
            self.dose,
            self.from_day,
            self.until_day,
            self.last_day,
            np.array(gaps, np.float64),
            at_days,
            *out,
            *listing,
            self._stays(),
            days=indicator.follow_up_days,
            longest=max(int(np.diff(self.picked.offsets).max(initial=1)), 1),
            carry=CARRY[indicator.carry_rule],
            percent=rule.percent,
            convert_dose=indicator.dosage_change,
            drug_starts=rule.drug_starts,
            dose_starts=rule.dose_starts,
            append_gap=rule.append_gap,
            compatible=indicator.mode == "compat",
            hospital=_HOSPITAL[self._model.hospital],
        )

    @property
    def days_of_supply(self) -> DaysOfSupply:
        """Of the picked rows."""
        indicator = self.indicator
        return self.context.supply(indicator.register_name, indicator.supply_model, *indicator.codes)

    @property
    def frozen(self) -> bool:
        """Days in hospital count as nothing."""
        return self._model.hospital == "freeze"

    @property
    def _model(self) -> SupplyModel:
        return self.context.definition.supply[self.indicator.supply_model]

    def _stays(self) -> tuple[Int64s, Int32s, Int32s] | None:
        if self._model.hospital == "ignore":
            return None
        stays = self.context.stays(self._model)
        return stays.offsets, stays.admitted, stays.discharged


@dataclass(frozen=True)
class Followed:
    """What was found, and who cannot be judged."""

    supply: SupplyFromStart
    outcome: Outcome

    @property
    def rules(self) -> list[tuple[str, Persons]]:
        """Who has no value, and why; who never began is not among them."""
        return self.remember(f"rules {self.supply.indicator.supply_model}", self._rules)

    def _rules(self) -> list[tuple[str, Persons]]:
        supply = self.supply
        register, time = supply.indicator.register_name, supply.context.time
        without_quantity = supply.context.dispensings(register).without_quantity
        unserved = supply.days_of_supply.unserved_at
        return [
            ("error:index_date", time.without_index()),
            ("error:packages", self._with_faulty(without_quantity)),
            ("error:days_supply", self._with_faulty(unserved)),
            ("error:daily_dose", self._with_faulty(supply.without_dose)),
            (NO_TIME, self.remember("no time", self._without_time)),
        ]

    def _without_time(self) -> Persons:
        return somebody(np.asarray(self.supply.open_until <= self.supply.from_day, np.bool_))

    @property
    def of_starters(self) -> list[tuple[str, Persons]]:
        """The same, and who never began."""
        not_started = self.remember("not_started", lambda: somebody(~self.outcome.started))
        return [*self.rules, ("excluded:not_started", not_started)]

    @property
    def room(self) -> Int32s:
        """Days from the start to the end of follow-up, the exit, or the end of the register; 0 for who never began."""
        return self.remember("room", self._room)

    def _room(self) -> Int32s:
        begun = self.outcome.begun
        ends = np.minimum(begun + np.int32(self.supply.indicator.follow_up_days), self.supply.exit_day)
        return np.asarray((ends - begun) * self.outcome.started, np.int32)

    def ended_before_room(self, place: int, *, known: bool) -> Bools:
        """Whose first episode, by one of the gaps, ended before her room did.

        Args:
            known: and whose end was known by then.
        """
        outcome = self.outcome
        grace = int(outcome.first_grace[place, 0]) if known and outcome.answers else 0
        told = outcome.answers.get(FirstEpisode(place, Asked.ENDED_BEFORE, grace))
        if told is not None:
            return told.view(np.bool_)
        if outcome.units == 1:
            ends = outcome.first[place] + outcome.first_grace[place] if known else outcome.first[place]
            return np.asarray(ends < self.room, np.bool_)
        # Whole units, as the grid has them, compare in half the time of numbers with fractions.
        limit = self.remember(f"limit {place} {known}", lambda: self._limit(place, known=known))
        return np.asarray(outcome.first[place] < limit, np.bool_)

    def _limit(self, place: int, *, known: bool) -> Int32s:
        # Lengths in parts of a day come with gaps in whole days.
        grace = self.outcome.first_grace[place].astype(np.int32) if known else np.int32(0)
        return np.asarray((self.room - grace) * np.int32(self.outcome.units), np.int32)

    @cached_property
    def without_rows(self) -> Persons:
        """Persons without any dispensing of the code sets, whenever."""
        indicator, context = self.supply.indicator, self.supply.context
        model = context.definition.supply[indicator.supply_model]
        return context.without_dispensings(indicator.register_name, indicator.codes, rule=model.reversals)

    @cached_property
    def account(self) -> dict[str, int]:
        """Rows by the step that told their supply."""
        return self.supply.days_of_supply.account

    def late(self, days: int) -> Persons:
        """Persons who are still observed where the register ends, before so many days have passed."""
        return self.remember(f"late {days}", lambda: self._late(days))

    def _late(self, days: int) -> Persons:
        context, planned = self.supply.context, self.outcome.begun + np.int32(days)
        observed = np.minimum(planned, context.time.exit("", ends=self.supply.exits))
        past = observed > context.follow_up.register_end(self.supply.indicator.register_name)
        return somebody(np.asarray(past & self.outcome.started, np.bool_))

    def gone_at(self, day: int) -> Persons:
        """Persons who began and whose observation has ended on a day after it."""
        return self.remember(f"gone {day}", lambda: self._gone_at(day))

    def _gone_at(self, day: int) -> Persons:
        gone = self.supply.exit_day <= self.outcome.begun + np.int32(day)
        return somebody(np.asarray(gone & self.outcome.started, np.bool_))

    def _with_faulty(self, faulty: Int64s) -> Persons:
        """Persons with a faulty row of the code sets where the first dispensing may lie, or in the follow-up.

        Args:
            faulty: positions of rows of the register.
        """
        if not len(faulty):
            return None
        supply, outcome, context = self.supply, self.outcome, self.supply.context
        rows = context.dispensings(supply.indicator.register_name)
        own = faulty[context.belong(rows.register, supply.indicator.codes, faulty)]
        person, day = rows.person_at(own), rows.day[own]
        until = np.where(outcome.started, outcome.end, supply.until_day)[person]
        found = np.zeros(context.persons, np.bool_)
        found[person[(day >= supply.from_day[person]) & (day < until)]] = True
        return somebody(found)

    def remember(self, name: str, work_out: Callable[[], Fact]) -> Fact:
        """What follows from the start and end of follow-up, worked out once for all outcomes that share them."""
        if name not in self.outcome.facts:
            self.outcome.facts[name] = work_out()
        return cast(Fact, self.outcome.facts[name])


def supply_from_start(
    context: RunContext, indicator: FromFirstDispensing, *, exits: bool = True, past_exit: bool = False
) -> SupplyFromStart:
    """Read what an indicator needs.

    Args:
        exits: death and emigration end observation; else the end of the register alone does.
        past_exit: who began no later than the day of exit is followed as if she had stayed.

    Raises:
        EventsRejected: a column is missing.
    """
    register, time = indicator.register_name, context.time
    picked = context.set_rows(register, *indicator.codes)
    exit_day = time.exit(register, ends=exits)
    open_until, last_day = exit_day, exit_day
    if past_exit:
        open_until = context.remember(
            ("day after exit", register, exits), lambda: np.minimum(exit_day, FAR - 1) + np.int32(1)
        )
        last_day = context.remember(("never",), lambda: np.full(context.persons, FAR, np.int32))
    until = open_until
    if indicator.first_within_days != "any":
        window_end = Moment(indicator.first_from_day + indicator.first_within_days + 1)
        until = np.minimum(until, time.at(window_end))
    dose = daily_dose(context.dispensings(register))[picked.places] if indicator.needs_dose else np.zeros(0)
    return SupplyFromStart(
        context=context,
        indicator=indicator,
        picked=picked,
        supply=supply_of_sets(context, register, indicator.codes, indicator.supply_model),
        dose=np.ascontiguousarray(dose),
        from_day=time.at(Moment(indicator.first_from_day)),
        until_day=np.ascontiguousarray(until, np.int32),
        last_day=last_day,
        open_until=open_until,
        exit_day=exit_day,
        exits=exits,
    )

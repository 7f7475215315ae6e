"""Days and persons that indicators share: moments, ends of observation, and who has none; each worked out once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import numpy as np

from linkage.errors import EventsRejected
from linkage_core.indicators.follow_up import FAR, FollowUp
from linkage_core.indicators.reasons import Persons, somebody
from linkage_core.indicators.values import Int32s

Fact = TypeVar("Fact")


@dataclass(frozen=True, slots=True)
class Moment:
    """A day after the index day of each person or, with `of_index` false, the same day for all."""

    day: int
    of_index: bool = True


@dataclass
class ObservedTime:
    """Who is observed when. What is asked for again is the same object."""

    follow_up: FollowUp
    _known: dict[tuple[object, ...], Any] = field(default_factory=dict)

    def at(self, moment: Moment) -> Int32s:
        """int32, one a person."""

        def days() -> Int32s:
            if moment.of_index and self.without_index() is None:
                return self.follow_up.index + np.int32(moment.day)
            if moment.of_index:
                return self.follow_up.from_index(moment.day)
            return np.full(self.follow_up.persons, moment.day, np.int32)

        return self._remember(("at", moment), days)

    def exit(self, register: str, *, ends: bool = True, death_ends: bool = True) -> Int32s:
        """Day on which observation ends; only the end of the register where death and emigration shall not count."""

        def days() -> Int32s:
            if ends:
                return self.follow_up.exit(register, death_ends=death_ends)
            return np.full(self.follow_up.persons, self.follow_up.register_end(register), np.int32)

        return self._remember(("exit", register, ends, death_ends), days)

    def window_end(self, register: str, end: Moment, *, ends: bool = True) -> Int32s:
        """The end of a window, or the exit where that comes first."""
        return self._remember(
            ("window_end", register, end, ends),
            lambda: np.minimum(self.at(end), self.exit(register, ends=ends)),
        )

    def without_index(self) -> Persons:
        """Persons without an index day."""
        return self._remember(("without_index",), lambda: somebody(~self.follow_up.has_index))

    def without_time(self, register: str, start: Moment, *, ends: bool = True, death_ends: bool = True) -> Persons:
        """Persons whose observation ends before a window starts."""
        return self._remember(
            ("without_time", register, start, ends, death_ends),
            lambda: somebody(self.exit(register, ends=ends, death_ends=death_ends) <= self._day(start)),
        )

    def incomplete(self, register: str, end: Moment) -> Persons:
        """Persons whose window reaches past what the register holds in full while they are still under observation."""

        def late() -> Persons:
            observed = self.exit("", death_ends=True)
            return somebody(np.minimum(self._day(end), observed) > self.follow_up.register_end(register))

        return self._remember(("incomplete", register, end), late)

    def alive_rule(self, denominator: str, end: Moment, *, at: str) -> list[tuple[str, Persons]]:
        """The reason and the persons that a denominator leaves out; nothing for all.

        `end` is the first day after the window: who dies on the last day of it is not alive at its end.

        Raises:
            EventsRejected: the denominator needs dates of death and no register tells them.
        """
        if denominator == "all":
            return []
        death = self._death()
        dead = self._remember(("dead", end), lambda: somebody(death < self._day(end)))
        return [(f"excluded:not_alive_at_{at}", dead)]

    def alive_at_end_rule(self, denominator: str, end: Int32s) -> list[tuple[str, Persons]]:
        """As `alive_rule` for windows that end on each person's own day."""
        if denominator == "all":
            return []
        return [("excluded:not_alive_at_end", somebody((self._death() < end) & (end < FAR)))]

    def _death(self) -> Int32s:
        if self.follow_up.death is None:
            raise EventsRejected(
                "denominator 'alive_at_N' needs dates of death, and no register of the run tells them.",
                mend="Add the cause-of-death register to the order, or use the denominator 'all'.",
            )
        return self.follow_up.death

    def _day(self, moment: Moment) -> Int32s | np.int32:
        return self.at(moment) if moment.of_index else np.int32(moment.day)

    def _remember(self, key: tuple[object, ...], work_out: Callable[[], Fact]) -> Fact:
        if key not in self._known:
            self._known[key] = work_out()
        return cast(Fact, self._known[key])

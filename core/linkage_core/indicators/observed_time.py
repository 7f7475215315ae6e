"""Days and persons that indicators share: moments, ends of observation, and who has none; each worked out once.

Most questions about time have one answer for everybody, which the last index day gives away: nobody's window reaches
past the end of the register, say. Persons are compared one by one only where it does not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple, TypeVar, cast

import numpy as np

from linkage.errors import EventsRejected
from linkage_core.indicators.follow_up import FAR, FollowUp
from linkage_core.indicators.reasons import Persons, somebody
from linkage_core.indicators.values import Int32s

Fact = TypeVar("Fact")


class Moment(NamedTuple):
    """A day after the index day of each person or, with `of_index` false, the same day for all."""

    day: int
    of_index: bool = True


@dataclass
class ObservedTime:
    """Who is observed when. What is asked for again is the same object, and nobody writes to it."""

    follow_up: FollowUp
    _known: dict[tuple[object, ...], Any] = field(default_factory=dict)

    def at(self, moment: Moment) -> Int32s:
        """int32, one a person."""

        def days() -> Int32s:
            if not moment.of_index:
                return np.full(self.follow_up.persons, moment.day, np.int32)
            if self.without_index() is not None:
                return self.follow_up.from_index(moment.day)
            return self.follow_up.index + np.int32(moment.day) if moment.day else self.follow_up.index

        return self._remember(("at", moment), days)

    def latest(self, moment: Moment) -> int:
        """The last of everybody's days, or a later one."""
        if not moment.of_index:
            return moment.day
        return min(self._last_index + moment.day, int(FAR)) if self._last_index < FAR else int(FAR)

    @cached_property
    def _last_index(self) -> int:
        return int(self.follow_up.index.max(initial=-int(FAR)))

    def exit(self, register: str, *, ends: bool = True, death_ends: bool = True) -> Int32s:
        """Day on which observation ends; only the end of the register where death and emigration shall not count."""

        def days() -> Int32s:
            exit_day = self.exit_day(register, ends=ends, death_ends=death_ends)
            return exit_day if isinstance(exit_day, np.ndarray) else np.full(self.follow_up.persons, exit_day, np.int32)

        return self._remember(("exit", register, ends, death_ends), days)

    def exit_day(self, register: str, *, ends: bool = True, death_ends: bool = True) -> Int32s | np.int32:
        """The same, or one day where it is everybody's."""
        return self._remember(
            ("exit_day", register, ends, death_ends),
            lambda: self.follow_up.exit(register, ends=ends, death_ends=death_ends),
        )

    def window_end(self, register: str, end: Moment, *, ends: bool = True) -> Int32s:
        """The end of a window, or the exit where that comes first."""

        def days() -> Int32s:
            exit_day = self.exit_day(register, ends=ends)
            if not isinstance(exit_day, np.ndarray) and self.latest(end) <= exit_day:
                return self.at(end)
            return np.minimum(self.at(end), exit_day)

        return self._remember(("window_end", register, end, ends), days)

    def without_index(self) -> Persons:
        """Persons without an index day."""
        return self._remember(
            ("without_index",), lambda: None if self._last_index < FAR else somebody(~self.follow_up.has_index)
        )

    def without_time(self, register: str, start: Moment, *, ends: bool = True, death_ends: bool = True) -> Persons:
        """Persons whose observation ends before a window starts."""

        def persons() -> Persons:
            exit_day = self.exit_day(register, ends=ends, death_ends=death_ends)
            if not isinstance(exit_day, np.ndarray) and exit_day > self.latest(start):
                return None
            own = self.exit(register, ends=ends, death_ends=death_ends)
            return somebody(own <= self._day(start))

        return self._remember(("without_time", register, start, ends, death_ends), persons)

    def incomplete(self, register: str, end: Moment) -> Persons:
        """Persons whose window reaches past what the register holds in full while they are still under observation."""

        def late() -> Persons:
            register_end = self.follow_up.register_end(register)
            if self.latest(end) <= register_end:
                return None
            beyond = np.minimum(self._day(end), self.exit_day("", death_ends=True)) > register_end
            if beyond.ndim:
                return somebody(beyond)
            return np.ones(self.follow_up.persons, np.bool_) if beyond else None

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
                facts={"missing_column": "death_date"},
            )
        return self.follow_up.death

    def _day(self, moment: Moment) -> Int32s | np.int32:
        return self.at(moment) if moment.of_index else np.int32(moment.day)

    def _remember(self, key: tuple[object, ...], work_out: Callable[[], Fact]) -> Fact:
        found = self._known.get(key, self)
        if found is self:
            found = self._known[key] = work_out()
        return cast(Fact, found)

"""What an indicator says about each person: a value and the reason for it, for one parameter point."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, NamedTuple, Protocol, TypeVar, cast

import numpy as np
import numpy.typing as npt

from linkage.indicator_kinds import Indicator
from linkage_core.indicators.listed_drug_use import ListedDrugUse

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
UInt8s = npt.NDArray[np.uint8]
Bools = npt.NDArray[np.bool_]
Float64s = npt.NDArray[np.float64]
Given = TypeVar("Given")

OK = "ok"
NO_ROWS = "no_rows"
NO_TIME = "no_time"


class Measure(StrEnum):
    """What a value is."""

    YES_NO = "yes_no"  # value is 0 or 1
    AMOUNT = "amount"  # value is an exact sum in units of 1 / scale
    FRACTION = "fraction"  # value is value / of


@dataclass(frozen=True, slots=True)
class Period:
    """One calendar period; `dimension` is year, quarter, month or calendar (one period of any length)."""

    dimension: str
    label: str
    last_day: int


class RowValues(Protocol):
    """Values by a property of rows, such as ATC code or prescribing reason: listed, or still to be added up."""

    @property
    def levels(self) -> tuple[str, ...]:
        """Codes in display order; some may be nobody's."""

    @property
    def partitions_rows(self) -> bool:
        """A row has exactly one level, so that sums over levels add up."""

    def entries(self) -> RowEntries:
        """The values, one by one."""


@dataclass(frozen=True, slots=True)
class RowEntries:
    """Values by a property of rows; one entry a person and level.

    Args:
        levels: codes in display order; some may be nobody's.
        person, level: int32, positions; each pair once.
        value: int64, the person's value from rows of that level.
        partitions_rows: a row has exactly one level, so that sums over levels add up.
    """

    levels: tuple[str, ...]
    person: Int32s
    level: Int32s
    value: Int64s
    partitions_rows: bool

    def entries(self) -> RowEntries:
        """Itself."""
        return self


@dataclass(frozen=True, slots=True)
class TimesToEvent:
    """When each person's time began and how it ended, for survival statistics; of those who have a value.

    Args:
        start: int32, one a person: day number of the start.
        day: int64, one a person: whole days from it to the end of the time.
        ending: uint8, one a person, as `linkage_core.survival.Ending`: censored, the event, or the competing end.
        groups: what a log-rank test compares besides the strata of an order; None for nothing.
    """

    start: Int32s
    day: Int64s
    ending: UInt8s
    groups: Groups | None = None


class Groups(NamedTuple):
    """Persons in groups: what the groups are by, how many there are, and int64, one a person, the group of each."""

    by: str
    groups: int
    of: Int64s


class CellStatistic(NamedTuple):
    """One number about some persons that is neither a share nor a sum of them, for the laboratory.

    NaN is unknown. `interval` names the kind of the limits, `note` says in words what a limit or value cannot.
    """

    statistic: str
    value: float
    lower: float = np.nan
    upper: float = np.nan
    numerator: float = np.nan
    denominator: float = np.nan
    person_years: float = np.nan
    interval: str = ""
    note: str = ""


class Threshold(NamedTuple):
    """Which amount of the same indicator, by its parameters, and how much of it; 0 where it is no number of things."""

    of: str
    least: int = 0


class RowsTold(NamedTuple):
    """How the rows behind a value fall apart: by the step that told their supply, say.

    Args:
        question: by what.
        parts: their names, the same in every block of persons.
        counts: int64, 2 x parts: rows, and persons with such a row.
    """

    question: str
    parts: tuple[str, ...]
    counts: Int64s


class EpisodeList(NamedTuple):
    """Episodes of all persons, by person and number; one entry an episode.

    Args:
        person: int64, position in the population; `number`: int64, from 1.
        start: int32, day number; `gap`: float64, days without supply after its last dispensing.
        end: float64, day number: the first day that no longer belongs to it.
    """

    person: Int64s
    number: Int64s
    start: Int32s
    gap: Float64s
    end: Float64s


class LineList(NamedTuple):
    """Treatment lines of all persons, by number; nothing is told where a person has fewer.

    Args:
        groups: names of the groups, in the order of the bits of `treatment`.
        lines: int32, one a person: how many.
        treatment, start, end: int32, lines x persons: groups as bits, first day, first day after it.
    """

    groups: tuple[str, ...]
    lines: Int32s
    treatment: Int32s
    start: Int32s
    end: Int32s


class EventList(NamedTuple):
    """Events of all persons inside follow-up, by person and day; one entry an event.

    Args:
        person: int64, position in the population; `day`: int32, day number.
        supply: float64, days of supply of a row or, in corrected mode, of a day.
        interval: float64, days until the next event or the end of observation; NaN outside observation.
        gap, carry_in: float64, days of the interval without supply, and of supply carried in; NaN after observation.
    """

    person: Int64s
    day: Int32s
    supply: Float64s
    interval: Float64s
    gap: Float64s
    carry_in: Float64s


class CellSums(Protocol):
    """Amounts in several windows that can be added up by cell without any person's value."""

    @property
    def windows(self) -> int:
        """Number of windows."""

    def by_cell(self, among: npt.NDArray[np.uint64], cell: Int32s, *, cells: int) -> Int64s:
        """int64, amounts x windows x cells: of some persons by window (uint64, windows x words of 64 persons).

        `cell` is int32, one a person.
        """


@dataclass(frozen=True, slots=True)
class Summed:
    """Which amount in which window."""

    source: CellSums
    weight: int
    window: int


class _WorkedOut(Generic[Given]):
    """A field of a `PersonValues`; given as a function, it is worked out when somebody asks for it."""

    def __set_name__(self, owner: type[PersonValues], name: str) -> None:
        self._name = name

    def __get__(self, values: PersonValues | None, owner: type[PersonValues]) -> Given:
        if values is None:
            raise AttributeError("the field has no default.")
        given = values.__dict__[self._name]
        if callable(given):
            given = values.__dict__[self._name] = given()
        return cast(Given, given)

    def __set__(self, values: PersonValues, given: Given | Callable[[], Given]) -> None:
        values.__dict__[self._name] = given


class _WorkedOutIfGiven(_WorkedOut[Given | None]):
    """The same of a field that may be left out."""

    def __get__(self, values: PersonValues | None, owner: type[PersonValues]) -> Given | None:
        return None if values is None else super().__get__(values, owner)


@dataclass(frozen=True)
class PersonValues:
    """One indicator at one parameter point, for every person of the population.

    Args:
        indicator: its definition.
        parameters: the parameter point, such as "within_days=90"; several are joined by ";".
        measure: what the values are.
        value: int64, int32 for days or uint8 for yes or no, one a person, in units of 1 / `scale`; 0 where there is
            none. Or a function that gives them, called when somebody reads them.
        reason: uint8, one a person: position in `reasons`.
        reasons: ok, no_rows, no_time, excluded:<rule>, error:<field>.
        scale: units per whole of an amount.
        of: int32 or int64, one a person: days that a fraction is of.
        contributes: bool, one a person: she has rows in an amount, even if they sum to 0.
        person_days: int64, one a person: time at risk, for rates.
        period: calendar period that the value belongs to.
        rows: values by properties of rows, by dimension name.
        incomplete: somebody's window reaches past the last complete day of the register.
        account: counts of rows behind the value: netted, unmatched, without a measure, by supply step.
        counted: bool, one a person: who is in the denominator, where whoever made the value knows; values that share
            it share the object.
        parts: parameters of the values of the same indicator into which the persons with yes fall apart, each in one.
        summed: what an amount is added up from, where cells need no person's value; `contributes` is then of counted
            persons only.
        number: float64, one a person: the full value where `value` holds whole units only; 0 where there is none. A
            person for whom a definition gives NaN or infinity has that here, is not counted, and has a reason. Or a
            function, as for `value`.
        times: times to an event, where the value is one; or a function, as for `value`.
        part_of: parameters of the value of the same indicator whose persons this one and others share out between them;
            where there is no such value, every counted person has yes in exactly one of them.
        threshold: what the persons with yes have enough of, where that is a value of its own.
        episodes: lists the episodes that the value counts; for the laboratory, nothing else may call it.
        events: lists the events of the value's indicator, given with its first value alone; for the laboratory too.
        drug_use: lists its drug use periods, in the same way.
        rows_told: how the rows of its indicator fall apart; values of one indicator and supply model share the object.
        statistics: works out the statistics of some persons (bool, one a person); for the laboratory too.
        lines: treatment lines, where the value is their number; for the laboratory too.
        decimals: of each person's ratio that are added up; None adds it up in full.
    """

    indicator: Indicator
    parameters: str
    measure: Measure
    value: _WorkedOut[Int64s | Int32s | UInt8s] = _WorkedOut()
    reason: UInt8s  # type: ignore[misc]  # The checker takes the descriptor for a default of `value`.
    reasons: tuple[str, ...]  # type: ignore[misc]
    scale: int = 1
    of: Int64s | Int32s | None = None
    contributes: Bools | None = None
    person_days: Int64s | None = None
    period: Period | None = None
    rows: Mapping[str, RowValues] = field(default_factory=dict)
    incomplete: bool = False
    account: Mapping[str, int] = field(default_factory=dict)
    counted: Bools | None = None
    parts: tuple[str, ...] = ()
    summed: Summed | None = None
    number: _WorkedOutIfGiven[Float64s] = _WorkedOutIfGiven()
    times: _WorkedOutIfGiven[TimesToEvent] = _WorkedOutIfGiven()
    part_of: str = ""
    threshold: Threshold | None = None
    episodes: Callable[[], EpisodeList] | None = None
    events: Callable[[], EventList] | None = None
    drug_use: Callable[[], ListedDrugUse] | None = None
    rows_told: tuple[RowsTold, ...] = ()
    statistics: Callable[[Bools], list[CellStatistic]] | None = None
    lines: LineList | None = None
    decimals: int | None = None

    # Any: the fields of a value.
    def but_for(self, **fields: Any) -> PersonValues:
        """The same but for some fields; what is worked out when it is read stays so."""
        own = object.__new__(PersonValues)
        own.__dict__.update(self.__dict__, **fields)
        return own

    def under(self, words: str) -> PersonValues:
        """The same at a parameter point that begins with more words, and so does what it names of its own indicator."""

        def longer(parameters: str) -> str:
            return ";".join(part for part in (words, parameters) if part)

        return self.but_for(
            parameters=longer(self.parameters),
            part_of=longer(self.part_of) if self.part_of else "",
            parts=tuple(map(longer, self.parts)),
            threshold=self.threshold._replace(of=longer(self.threshold.of)) if self.threshold else None,
        )

    @property
    def has_value(self) -> Bools:
        """Who is in the denominator: a person without rows is, with 0."""
        if self.counted is not None:
            return self.counted
        counted = np.array([reason in (OK, NO_ROWS) for reason in self.reasons], np.bool_)
        if counted.all():
            return np.ones(len(self.reason), np.bool_)
        return np.asarray(counted[self.reason], np.bool_)

    @property
    def says_yes(self) -> Bools:
        """Who is in the numerator of a yes-or-no value."""
        return self.has_value & (self.value > 0)

    @property
    def name(self) -> str:
        """Identifier with its parameter point."""
        return self.named(self.parameters)

    def named(self, parameters: str) -> str:
        """Name of the value of the same indicator at a parameter point."""
        return f"{self.indicator.id}/{parameters}" if parameters else self.indicator.id

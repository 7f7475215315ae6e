"""A worked example: an indicator's own definition on made-up rows, evaluated by the core, ready to be drawn."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from linkage.errors import LinkageError
from linkage.indicator_definition import IndicatorSet
from linkage.indicator_kinds import Calendar, Indicator, Observation, OnTreatment, Washout, Window
from linkage.register_catalogue import RegisterDefinition
from linkage_core.events import PersonEvents, Population, days_of
from linkage_core.indicators import Measure, PersonValues, evaluate
from linkage_core.indicators.days_of_supply import DAY
from linkage_core.indicators.follow_up import follow
from linkage_core.indicators.run_context import RunContext
from linkage_server.examples.made_up_rows import (
    PERSONS,
    STAY_DAYS,
    ExampleRows,
    Row,
    events_of,
    population_of,
    rows_for,
)

_MOST_POINTS = 6
_MOST_PERIODS = 2
_MOST_WINDOWS = 4


@dataclass(frozen=True, slots=True)
class Mark:
    """What happened on a day: `dispensed`, `taken_back` (a reversed row and what it cancels), `event` or `died`."""

    day: int
    kind: str


@dataclass(frozen=True, slots=True)
class Bar:
    """A time, half-open: `supply` of one dispensing, a `stay` in hospital, an `episode`, or a `window` of the set."""

    first: int
    end: int
    kind: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Lane:
    """The rows of one person with one code."""

    label: str
    marks: tuple[Mark, ...]
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class ExamplePerson:
    """One person: what happened, and what the core said of it.

    Args:
        outcomes: value and reason in words, one for each of the example's points.
    """

    name: str
    lanes: tuple[Lane, ...]
    outcomes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WorkedExample:
    """A whole example; days are counted from day 0.

    Args:
        windows: times that the definition names.
        points: parameter points and periods of the values, as results write them.
        rows: what the registers hold, as table rows: person, day, register, code, packages.
    """

    first_day: int
    end_day: int
    windows: tuple[Bar, ...]
    points: tuple[str, ...]
    persons: tuple[ExamplePerson, ...]
    rows: tuple[tuple[str, int, str, str, str], ...]


def worked_example(
    definition: IndicatorSet,
    indicator: Indicator,
    *,
    registers: Mapping[str, RegisterDefinition],
    rows: ExampleRows | None = None,
) -> WorkedExample | None:
    """Evaluate an indicator on made-up rows.

    Args:
        registers: the definitions of registers, for types of columns.
        rows: rows to take; those that suit any indicator, if not given.

    Returns:
        The example; None where the registers here lack what the indicator reads.
    """
    indicator = _few_periods(indicator)
    names = indicator.code_sets
    alone = definition.model_copy(
        update={"indicators": [indicator], "codes": {name: definition.codes[name] for name in names}}
    )
    rows = rows or rows_for(alone, indicator)
    population = population_of(rows)
    try:
        events = events_of(rows, alone, registers=registers)
        values = evaluate(alone, population=population, events=events, data_until={})
        drawn = _Drawn(alone, indicator, population, events, rows, values)
    except LinkageError:
        return None
    return drawn.example()


def _few_periods(indicator: Indicator) -> Indicator:
    """The indicator with its first calendar periods only: a drawing has room for two."""
    calendar = getattr(indicator, "calendar", None)
    if not isinstance(calendar, Calendar) or calendar.step == "whole":
        return indicator
    months = {"month": 1, "quarter": 3, "year": 12}[calendar.step] * _MOST_PERIODS
    place = calendar.from_date.year * 12 + calendar.from_date.month - 1 + months
    until = min(calendar.until, date(place // 12, place % 12 + 1, 1))
    return indicator.model_copy(update={"calendar": calendar.model_copy(update={"until": until})})


@dataclass(frozen=True)
class _Drawn:
    """What was evaluated, on its way to a drawing."""

    definition: IndicatorSet
    indicator: Indicator
    population: Population
    events: Mapping[str, PersonEvents]
    rows: ExampleRows
    values: Sequence[PersonValues]

    def example(self) -> WorkedExample:
        """The drawing's content."""
        outcomes = self._outcomes()
        lanes = self._lanes()
        persons = tuple(
            ExamplePerson(name, tuple(lanes[place]), tuple(words[place] for words in outcomes.values()))
            for place, name in enumerate(PERSONS)
        )
        windows = tuple(_windows(self.indicator, self.rows.day_0))
        days = [mark.day for one in persons for lane in one.lanes for mark in lane.marks]
        days += [day for window in windows for day in (window.first, window.end)]
        first, end = min([*days, 0]) - 10, max([*days, 30]) + 10
        return WorkedExample(first, end, windows, tuple(outcomes), persons, tuple(self._table()))

    def _outcomes(self) -> dict[str, tuple[str, ...]]:
        """What was said of each person, by parameter point and period."""
        found: dict[str, tuple[str, ...]] = {}
        for value in self.values[:_MOST_POINTS]:
            point = ";".join(
                part for part in (value.parameters, f"period={value.period.label}" if value.period else "") if part
            )
            found[point] = tuple(_said(value))
        return found

    def _lanes(self) -> dict[int, list[Lane]]:
        lanes: dict[int, list[Lane]] = {place: [] for place in range(len(PERSONS))}
        if "lmed" in self.events:
            for place, lane in self._drug_lanes():
                lanes[place].append(lane)
        for place, episodes in self._episodes():
            lanes[place].append(Lane("episodes", (), tuple(episodes)))
        for register, rows in self.rows.events.items():
            died = self.definition.exits.death and register == self.definition.exits.death.register_name
            for place, name in enumerate(PERSONS):
                days = [row.day for row in rows if row.person == name]
                if not days:
                    continue
                coded = register in self.events and any(
                    not name.endswith("_date") for name in self.events[register].rows.schema.names
                )
                marks = tuple(Mark(day, "died" if died else "event") for day in days if died or coded)
                stays = register in self.events and "discharge_date" in self.events[register].rows.schema.names
                bars = tuple(Bar(day, day + STAY_DAYS, "stay") for day in days) if stays else ()
                lanes[place].append(Lane("died" if died else register, marks, bars))
        return lanes

    def _drug_lanes(self) -> Iterator[tuple[int, Lane]]:
        events = self.events["lmed"]
        origin = self.rows.day_0.toordinal() - date(1970, 1, 1).toordinal()
        day = days_of(events.rows.column("dispensing_date")).astype(np.int64) - origin
        code = events.rows.column("atc").cast("string").to_pylist()
        context = RunContext(
            self.definition,
            [self.indicator],
            self.events,
            follow(self.definition, population=self.population, events=self.events, data_until={}),
            (),
            self.population.strata,
        )
        # Of a grid of models the first.
        model = next(iter(self.indicator.supply_models), None)
        supply = context.supply("lmed", model).supply_64ths if model else np.zeros(len(day), np.int32)
        rule = self.definition.supply[model].reversals if model else "net"
        left = context.netted("lmed", rule).left
        for place in range(len(PERSONS)):
            own = range(int(events.offsets[place]), int(events.offsets[place + 1]))
            for label in dict.fromkeys(code[row] for row in own):
                mine = [row for row in own if code[row] == label]
                marks = tuple(Mark(int(day[row]), "dispensed" if left[row] > 0 else "taken_back") for row in mine)
                bars = tuple(
                    Bar(int(day[row]), int(day[row]) + round(int(supply[row]) / DAY), "supply")
                    for row in mine
                    if supply[row] > 0
                )
                yield place, Lane(str(label), marks, bars)

    def _episodes(self) -> Iterator[tuple[int, list[Bar]]]:
        listing = next((value for value in self.values if value.episodes is not None), None)
        if listing is None or listing.episodes is None:
            return
        found = listing.episodes()
        origin = self.rows.day_0.toordinal() - date(1970, 1, 1).toordinal()
        for place in range(len(PERSONS)):
            bars = [
                Bar(int(start) - origin, round(float(end)) - origin, "episode", str(int(number)))
                for person, number, start, end in zip(found.person, found.number, found.start, found.end, strict=True)
                if person == place
            ]
            if bars:
                yield place, bars

    def _table(self) -> Iterator[tuple[str, int, str, str, str]]:
        for row in self.rows.dispensings:
            if "lmed" in self.events:
                yield row.person, row.day, "lmed", row.code, f"{row.says.get('packages', 1)}"
        for register, rows in self.rows.events.items():
            if register in self.events:
                yield from ((row.person, row.day, register, self._code(register, row), "") for row in rows)

    def _code(self, register: str, row: Row) -> str:
        if row.code:
            return row.code
        events = self.events[register].rows
        for name in events.schema.names:
            values = events.column(name)
            if len(values) and not name.endswith("_date") and str(values.type).startswith(("dict", "list")):
                first = values[0].as_py()
                return str(first[0] if isinstance(first, list) and first else first or "")
        return ""


def _said(value: PersonValues) -> Iterator[str]:
    of = value.of if value.of is not None else np.full(len(value.reason), value.scale, np.int64)
    for place in range(len(value.reason)):
        reason = value.reasons[value.reason[place]]
        if not value.has_value[place]:
            yield f"– {reason}"
            continue
        whole, parts = int(value.value[place]), int(of[place])
        if value.measure is Measure.FRACTION:
            words = f"{whole}/{parts} = {whole / parts:.3f}" if parts else "0"
        elif value.number is not None:
            words = f"{float(value.number[place]):.4g}"
        else:
            words = f"{whole / parts:.10g}"
        yield words if reason == "ok" else f"{words} {reason}"


def _windows(indicator: Indicator, day_0: date) -> Iterator[Bar]:
    """Times that a definition names in days from the index day, the longest of each grid."""
    if isinstance(window := getattr(indicator, "window", None), Window):
        end = max(window.to_days)
        yield Bar(window.from_day, end + 1, "window", f"window, day {window.from_day} to {end}")
    if isinstance(observe := getattr(indicator, "observe", None), Observation):
        end = max(observe.to_days)
        yield Bar(observe.from_day, end, "window", f"observed, day {observe.from_day} to {end - 1}")
    if isinstance(washout := getattr(indicator, "washout", None), Washout):
        yield Bar(
            washout.from_day, washout.to_day + 1, "window", f"washout, day {washout.from_day} to {washout.to_day}"
        )
    within = max(getattr(indicator, "dispensed_within_days", None) or [1])
    for day in (getattr(indicator, "at_day", None) or [])[:_MOST_WINDOWS]:
        yield Bar(day - within + 1, day + 1, "window", f"at day {day}")
    if isinstance(indicator, OnTreatment):
        for month in indicator.month[:_MOST_WINDOWS]:
            day = indicator.day_of(month)
            yield Bar(day, day + 1, "window", f"month {month}, day {day}")
    if isinstance(calendar := getattr(indicator, "calendar", None), Calendar):
        first = (calendar.from_date - day_0) // timedelta(days=1)
        end = (calendar.until - day_0) // timedelta(days=1)
        yield Bar(first, end, "window", f"{calendar.from_date} up to, not including, {calendar.until}")

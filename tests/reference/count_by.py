"""Counting of a whole population at once, set by set in plain numpy: the twin of the counting by blocks.

Its strata are those of `tests.reference.strata`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np

from linkage.errors import EventsRejected
from linkage.released_table import NOT_RECORDED
from linkage_core.counted_table import CountedTable, Dimension, Line, PersonCube, Split, Statistic, SumCube
from linkage_core.events import Population
from linkage_core.indicators.follow_up import day_number
from linkage_core.indicators.row_dimensions import dimension_name
from linkage_core.indicators.values import (
    NO_ROWS,
    OK,
    Bools,
    Int32s,
    Int64s,
    Measure,
    PersonValues,
    RowEntries,
    RowValues,
    UInt8s,
)
from tests.reference.strata import Stratum, nestings, stratum

FRACTION_SCALE = 1_000_000
"""A mean of fractions is a sum of whole millionths, so that sums of parts are sums of wholes to the last digit."""

ROW_PREFIX = "row:"

_STATISTICS = {
    "count": Statistic.PERSONS,
    "share": Statistic.SHARE,
    "per_1000": Statistic.PER_1000,
    "sum": Statistic.SUM,
    "mean": Statistic.MEAN,
    "rate": Statistic.RATE_PER_1000_PERSON_YEARS,
}
_OF_MEASURE = {
    Measure.YES_NO: ("count", "share", "per_1000", "rate"),
    Measure.AMOUNT: ("sum", "mean"),
    Measure.FRACTION: ("mean",),
}
POPULATION = "population"


@dataclass(frozen=True, slots=True)
class Crossing:
    """Some strata crossed.

    Args:
        dimensions: their dimensions.
        cell: int64, one a person: position of her cell in the cube without margins.
    """

    dimensions: tuple[Dimension, ...]
    cell: Int64s

    @classmethod
    def of(cls, strata: Sequence[Stratum], *, persons: int) -> Crossing:
        """Cross strata; none gives one cell that holds everybody."""
        cell = np.zeros(persons, np.int64)
        for part in strata:
            cell = cell * len(part.dimension.levels) + part.level
        return cls(tuple(part.dimension for part in strata), cell)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Levels by axis."""
        return tuple(len(dimension.levels) for dimension in self.dimensions)


@dataclass(frozen=True, slots=True)
class ExtraAxes:
    """A period and a row axis beside the strata; either may be absent."""

    period: Dimension | None = None
    row: Dimension | None = None

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """Those that are present, period first."""
        return tuple(dimension for dimension in (self.period, self.row) if dimension is not None)

    def only_present(self, cube: Int64s) -> Int64s:
        """Take the total of an axis that is absent from a cube with both axes last."""
        if self.row is None:
            cube = cube[..., -1]
            return cube if self.period is not None else cube[..., -1]
        return cube if self.period is not None else cube[..., -1, :]


@dataclass(frozen=True, slots=True)
class PeriodSlice:
    """What one period adds: its place on the period axis, and values by row level where the cube has a row axis."""

    place: int
    persons: Bools
    value: Int64s
    rows: RowEntries | None = None


def person_cube(
    crossing: Crossing, slices: Sequence[PeriodSlice], extra: ExtraAxes, *, every_level: bool = False
) -> Int64s:
    """Count each person once a cell.

    Args:
        every_level: the set is not split by rows (a denominator): it stands whole under every row level.
    """
    periods, levels = _sizes(extra)
    cube = _empty(crossing, periods, levels)
    everybody = np.flatnonzero(np.logical_or.reduce([part.persons for part in slices]))
    cube[..., periods, levels] = _count(crossing, everybody)
    seen: list[Int64s] = []
    for part in slices:
        cube[..., part.place, levels] = _count(crossing, np.flatnonzero(part.persons))
        if part.rows is not None and levels and not every_level:
            # A level may hold a person whose rows cancel over all levels: she is not in the set.
            among = part.persons[part.rows.person]
            person, level = part.rows.person[among], part.rows.level[among]
            cube[..., part.place, :levels] = _count_levels(crossing, person, level, levels)
            seen.append(person.astype(np.int64) * levels + level)
    if every_level and levels:
        cube[..., :levels] = cube[..., levels:]
    elif seen:
        pairs = np.unique(np.concatenate(seen))
        cube[..., periods, :levels] = _count_levels(crossing, pairs // levels, pairs % levels, levels)
    return extra.only_present(cube)


def sum_cube(crossing: Crossing, slices: Sequence[PeriodSlice], extra: ExtraAxes) -> Int64s:
    """Add values exactly; the total over periods is their sum."""
    periods, levels = _sizes(extra)
    cube = _empty(crossing, periods, levels)
    for part in slices:
        persons = np.flatnonzero(part.persons)
        cube[..., part.place, levels] = _sum(crossing, persons, part.value[persons])
        if part.rows is not None and levels:
            among = part.persons[part.rows.person]
            person, level = part.rows.person[among], part.rows.level[among]
            cube[..., part.place, :levels] = _sum_levels(crossing, person, level, levels, part.rows.value[among])
    cube[..., periods, :] = cube[..., :periods, :].sum(axis=-2)
    return extra.only_present(cube)


def _sizes(extra: ExtraAxes) -> tuple[int, int]:
    return (len(extra.period.levels) if extra.period else 1), (len(extra.row.levels) if extra.row else 0)


def _empty(crossing: Crossing, periods: int, levels: int) -> Int64s:
    return np.zeros((*(size + 1 for size in crossing.sizes), periods + 1, levels + 1), np.int64)


def _count(crossing: Crossing, persons: Int64s) -> Int64s:
    cells = int(np.prod(crossing.sizes, dtype=np.int64))
    return _with_margins(np.bincount(crossing.cell[persons], minlength=cells).reshape(crossing.sizes), crossing)


def _sum(crossing: Crossing, persons: Int64s, value: Int64s) -> Int64s:
    sums = np.zeros(int(np.prod(crossing.sizes, dtype=np.int64)), np.int64)
    np.add.at(sums, crossing.cell[persons], value)
    return _with_margins(sums.reshape(crossing.sizes), crossing)


def _count_levels(crossing: Crossing, person: Int32s | Int64s, level: Int32s | Int64s, levels: int) -> Int64s:
    return _sum_levels(crossing, person, level, levels, np.ones(len(person), np.int64))


def _sum_levels(
    crossing: Crossing, person: Int32s | Int64s, level: Int32s | Int64s, levels: int, value: Int64s
) -> Int64s:
    sums = np.zeros(int(np.prod(crossing.sizes, dtype=np.int64)) * levels, np.int64)
    np.add.at(sums, crossing.cell[person] * levels + level, value)
    return _with_margins(sums.reshape(*crossing.sizes, levels), crossing)


def _with_margins(cells: Int64s, crossing: Crossing) -> Int64s:
    for axis in range(len(crossing.dimensions)):
        cells = np.concatenate((cells, cells.sum(axis=axis, keepdims=True)), axis=axis)
    return np.asarray(cells, np.int64)


class PersonSets:
    """Sets met so far, as bits.

    Two sets that are equal share one name. Sets of one family (the numerators of one indicator, the denominators of
    all) are compared with each other: a set that lies inside another, such as "within 30 days" in "within 90 days", is
    a part of it, and the rest of the whole is a set that anybody can compute. A set over several periods has one mask a
    period; a family holds sets over the same periods only.
    """

    def __init__(self, persons: int) -> None:
        self._name_of_content: dict[tuple[bytes, ...], str] = {}
        self._families: dict[str, dict[str, UInt8s]] = defaultdict(dict)
        self.shared_name(POPULATION, [np.ones(persons, np.bool_)], family="")

    def shared_name(self, name: str, masks: Sequence[Bools], *, family: str) -> str:
        """Name of a set; the name of an equal set where there is one already."""
        content = (family.encode(), *(np.packbits(mask).tobytes() for mask in masks))
        shared = self._name_of_content.setdefault(content, name)
        self.add(shared, masks, family=family)
        return shared

    def add(self, name: str, masks: Sequence[Bools], *, family: str) -> None:
        """Remember a set under its own name."""
        self._families[family][name] = np.concatenate([np.packbits(mask) for mask in masks])

    def splits(self) -> tuple[Split, ...]:
        """Each set and the smallest sets of its family around it, as whole and part; equal sets that have somebody."""
        found: list[Split] = []
        for family in self._families.values():
            first: dict[bytes, str] = {}
            equal = [(first.setdefault(bits.tobytes(), name), name) for name, bits in family.items() if bits.any()]
            found.extend(Split(whole, (name,)) for whole, name in sorted(equal, key=_whole_of(equal)) if whole != name)
            for name, bits in family.items():
                found.extend(Split(whole, (name, f"{whole} without {name}")) for whole in _around(name, bits, family))
        return tuple(found)


def _whole_of(equal: Sequence[tuple[str, str]]) -> Callable[[tuple[str, str]], int]:
    """Sets that are equal to one stand together, in the order of the first of them."""
    order = {whole: place for place, whole in reversed(list(enumerate(whole for whole, _ in equal)))}
    return lambda pair: order[pair[0]]


def _around(name: str, bits: UInt8s, family: dict[str, UInt8s]) -> list[str]:
    """Sets that hold all of `bits` and more, without those that hold another such set."""
    holders = {
        other: others_bits
        for other, others_bits in family.items()
        if other != name and _holds(others_bits, bits) and not _holds(bits, others_bits)
    }
    return [
        holder
        for holder, holder_bits in holders.items()
        if not any(
            _holds(holder_bits, between_bits) and not _holds(between_bits, holder_bits)
            for between, between_bits in holders.items()
            if between != holder
        )
    ]


def _holds(whole: UInt8s, part: UInt8s) -> bool:
    return len(whole) == len(part) and not bool((part & ~whole).any())


def count_by(
    values: Sequence[PersonValues],
    *,
    population: Population,
    by: Sequence[Sequence[str]],
    age_on: date | None = None,
) -> CountedTable:
    """Count persons and sum amounts for every value, overall and by each crossing with all its margins.

    Args:
        values: as `evaluate` returns them, for this population.
        population: the persons.
        by: crossings such as [["hospital"], ["sex", "age:<65,65+"], ["row:prescribing_reason"]]. Values of other
            registers, without the row variable of a crossing, are left out of it.
        age_on: day on which ages are taken where the population has no index date; by default the last day of the
            last calendar period.

    Raises:
        EventsRejected: a stratum does not exist; names it and what there is.
    """
    days = [value.period.last_day for value in values if value.period is not None]
    ages = day_number(age_on) if age_on is not None else max(days, default=None)
    persons = len(population.hashed_ids)
    counting = _Counting(PersonSets(persons), _row_dimensions(values), _period_dimensions(values))
    points = _points(values)
    for wanted in dict.fromkeys([(), *(tuple(crossing) for crossing in by)]):
        plain = [spec for spec in wanted if not spec.startswith(ROW_PREFIX)]
        rows = [dimension_name(spec.removeprefix(ROW_PREFIX)) for spec in wanted if spec.startswith(ROW_PREFIX)]
        _refuse_unless_possible(rows, known=counting.row_dimensions)
        strata = [stratum(population, spec, age_on=ages) for spec in plain]
        counting.strata.update((one.dimension.name, one) for one in strata)
        crossing = Crossing.of(strata, persons=persons)
        counting.count_population(crossing, persons)
        for point in points:
            for row in _row_axes(point[0], rows):
                counting.count_point(point, crossing, row)
    for point in points:
        counting.count_reasons(point)
    return counting.table()


def _points(values: Sequence[PersonValues]) -> list[list[PersonValues]]:
    """Values of one indicator at one parameter point together: all its periods."""
    points: dict[str, list[PersonValues]] = {}
    for value in values:
        points.setdefault(value.name, []).append(value)
    return list(points.values())


def _row_axes(value: PersonValues, ordered: Sequence[str]) -> list[str | None]:
    """Row dimensions to cross with: the order's, or none and each that the definition itself asks for."""
    if ordered:
        return [name for name in ordered if name in value.rows]
    own = [dimension_name(spec) for spec in getattr(value.indicator, "row_strata", ())]
    return [None, *(name for name in own if name in value.rows)]


def _refuse_unless_possible(rows: Sequence[str], *, known: Mapping[str, Dimension]) -> None:
    if len(rows) > 1:
        raise EventsRejected("a crossing has two row variables.", mend="Cross at most one row variable with strata.")
    for name in rows:
        if name not in known:
            raise EventsRejected(
                f"no indicator has values by the row variable {name!r}, only by: {', '.join(sorted(known)) or 'none'}.",
                mend="Name it when the indicators are evaluated, or leave it out of `by`.",
            )


def _row_dimensions(values: Sequence[PersonValues]) -> dict[str, Dimension]:
    """One dimension for each row variable of the table, with the levels that any value has."""
    found: dict[str, set[str]] = {}
    for value in values:
        for name, rows in value.rows.items():
            found.setdefault(name, set()).update(rows.levels)
    return {
        name: Dimension(name, tuple(sorted(levels, key=lambda level: (level == NOT_RECORDED, level))), True)
        for name, levels in found.items()
    }


def _period_dimensions(values: Sequence[PersonValues]) -> dict[str, Dimension]:
    found: dict[str, set[str]] = {}
    for value in values:
        if value.period is not None:
            found.setdefault(value.period.dimension, set()).add(value.period.label)
    return {name: Dimension(name, tuple(sorted(labels)), True) for name, labels in found.items()}


@dataclass
class _Counting:
    """The table while it grows; cubes and lines once each."""

    sets: PersonSets
    row_dimensions: Mapping[str, Dimension]
    period_dimensions: Mapping[str, Dimension]
    person_cubes: dict[tuple[str, tuple[str, ...]], PersonCube] = field(default_factory=dict)
    sum_cubes: dict[tuple[str, tuple[str, ...]], SumCube] = field(default_factory=dict)
    lines: dict[Line, None] = field(default_factory=dict)
    splits: dict[Split, None] = field(default_factory=dict)
    left_out: dict[Split, None] = field(default_factory=dict)
    denominators: dict[str, str] = field(default_factory=dict)
    reasons: dict[tuple[str, str, str], None] = field(default_factory=dict)
    strata: dict[str, Stratum] = field(default_factory=dict)

    def count_population(self, crossing: Crossing, persons: int) -> None:
        """Count everybody, whatever is asked about them."""
        everybody = PeriodSlice(0, np.ones(persons, np.bool_), np.ones(persons, np.int64))
        self._persons(POPULATION, crossing, [everybody], ExtraAxes())

    def count_point(self, point: Sequence[PersonValues], crossing: Crossing, row: str | None) -> None:
        """Count one parameter point of one indicator (all its periods) over one crossing."""
        first = point[0]
        extra = ExtraAxes(
            self.period_dimensions[first.period.dimension] if first.period else None,
            self.row_dimensions[row] if row else None,
        )
        who = self._slices(point, extra, [value.has_value for value in point])
        masks = [part.persons for part in who]
        labels = tuple(value.period.label for value in point if value.period is not None)
        denominator = self.sets.shared_name(f"{first.name}/denominator", masks, family="/".join(labels))
        self.denominators[first.name] = denominator
        if labels:
            self.splits[Split(POPULATION, (denominator, f"{POPULATION} without {denominator}"))] = None
        self._persons(denominator, crossing, who, extra, every_level=True)
        for name in (name for name in first.indicator.statistic if name in _OF_MEASURE[first.measure]):
            self._statistic(name, point, crossing, extra, denominator)

    def _statistic(
        self, name: str, point: Sequence[PersonValues], crossing: Crossing, extra: ExtraAxes, denominator: str
    ) -> None:
        first = point[0]
        line = Line(
            indicator=first.indicator.id,
            parameters=first.parameters,
            statistic=_STATISTICS[name],
            dimensions=tuple(axis.name for axis in (*crossing.dimensions, *extra.dimensions)),
            denominator_key="" if name in ("count", "sum") else denominator,
            incomplete=any(value.incomplete for value in point),
        )
        if first.measure is Measure.YES_NO:
            line = self._count_yes(name, point, crossing, extra, line)
        else:
            line = self._add_up(point, crossing, extra, line, denominator)
        self.lines[line] = None

    def _count_yes(
        self, name: str, point: Sequence[PersonValues], crossing: Crossing, extra: ExtraAxes, line: Line
    ) -> Line:
        first = point[0]
        key = f"{first.name}/yes"
        slices = self._slices(point, extra, [value.says_yes for value in point])
        self.sets.add(key, [part.persons for part in slices], family=first.indicator.id)
        self._persons(key, crossing, slices, extra, every_level=not first.rows)
        interval = getattr(first.indicator, "interval", "none")
        line = replace(line, numerator_key=key, interval="" if name == "count" or interval == "none" else interval)
        if name == "rate" and first.person_days is not None:
            at_risk = [
                replace(part, persons=value.has_value, value=value.person_days)
                for part, value in zip(slices, point, strict=True)
                if value.person_days is not None
            ]
            sum_key = f"{first.name}/person_days"
            self._sums(sum_key, crossing, at_risk, extra, scale=1, contributors=line.denominator_key)
            line = replace(line, person_time_key=sum_key, interval="poisson" if interval != "none" else "")
        return line

    def _add_up(
        self, point: Sequence[PersonValues], crossing: Crossing, extra: ExtraAxes, line: Line, denominator: str
    ) -> Line:
        first = point[0]
        sum_key = f"{first.name}/sum"
        if first.measure is Measure.FRACTION:
            millionths = [replace(value, value=_millionths(value)) for value in point]
            slices = self._slices(millionths, extra, [value.has_value for value in point])
            self._sums(sum_key, crossing, slices, extra, scale=FRACTION_SCALE, contributors=denominator)
            return replace(line, sum_key=sum_key)
        contributors = f"{first.name}/contributors"
        slices = self._slices(point, extra, [_contributors(value) for value in point])
        self.sets.add(contributors, [part.persons for part in slices], family=first.indicator.id)
        self.splits[Split(denominator, (contributors, f"{denominator} without {contributors}"))] = None
        self._persons(contributors, crossing, slices, extra, every_level=not first.rows)
        self._sums(sum_key, crossing, slices, extra, scale=first.scale, contributors=contributors)
        return replace(line, sum_key=sum_key)

    def count_reasons(self, point: Sequence[PersonValues]) -> None:
        """Count why persons have no value, or a 0 for lack of rows, over everybody only."""
        first = point[0]
        nowhere = Crossing.of([], persons=len(first.reason))
        left_out = []
        for reason in dict.fromkeys(reason for value in point for reason in value.reasons if reason != OK):
            whose = np.logical_or.reduce([_has_reason(value, reason) for value in point])
            if whose.any():
                key = self.sets.shared_name(f"{first.name}/reason/{reason}", [whose], family="")
                self._persons(key, nowhere, [PeriodSlice(0, whose, np.zeros(len(whose), np.int64))], ExtraAxes())
                self.reasons[first.name, reason, key] = None
                left_out += [key] if reason != NO_ROWS else []
        # Everybody has a value or one reason for none.
        parts = (self.denominators[first.name], *left_out)
        if first.period is None and POPULATION not in parts:
            self.left_out[Split(POPULATION, parts)] = None

    def table(self) -> CountedTable:
        """All that was counted."""
        return CountedTable(
            person_cubes=tuple(self.person_cubes.values()),
            sum_cubes=tuple(self.sum_cubes.values()),
            splits=tuple(dict.fromkeys([*self.sets.splits(), *self.splits, *self.left_out])),
            lines=tuple(self.lines),
            reasons=tuple(self.reasons),
            nestings=nestings(list(self.strata.values())),
        )

    def _slices(self, point: Sequence[PersonValues], extra: ExtraAxes, masks: Sequence[Bools]) -> list[PeriodSlice]:
        return [
            PeriodSlice(
                place=extra.period.levels.index(value.period.label) if extra.period and value.period else 0,
                persons=mask,
                value=value.value,
                rows=_on_axis(value.rows.get(extra.row.name), extra.row) if extra.row else None,
            )
            for value, mask in zip(point, masks, strict=True)
        ]

    def _persons(
        self,
        key: str,
        crossing: Crossing,
        slices: Sequence[PeriodSlice],
        extra: ExtraAxes,
        *,
        every_level: bool = False,
    ) -> None:
        dimensions = (*crossing.dimensions, *extra.dimensions)
        place = (key, tuple(dimension.name for dimension in dimensions))
        if place not in self.person_cubes:
            counts = person_cube(crossing, slices, extra, every_level=every_level)
            self.person_cubes[place] = PersonCube(key, dimensions, counts)

    def _sums(
        self,
        key: str,
        crossing: Crossing,
        slices: Sequence[PeriodSlice],
        extra: ExtraAxes,
        *,
        scale: int,
        contributors: str,
    ) -> None:
        # Persons may stand under several periods and levels; an amount stands under one, unless a row has several.
        partition = all(part.rows is None or part.rows.partitions_rows for part in slices)
        axes = tuple(self._sum_axis(axis, partition=partition or axis is extra.period) for axis in extra.dimensions)
        dimensions = (*crossing.dimensions, *axes)
        place = (key, tuple(dimension.name for dimension in dimensions))
        if place not in self.sum_cubes:
            self.sum_cubes[place] = SumCube(key, dimensions, sum_cube(crossing, slices, extra), scale, contributors)

    @staticmethod
    def _sum_axis(axis: Dimension, *, partition: bool) -> Dimension:
        return replace(axis, multi_response=not partition)


def _on_axis(split: RowValues | None, axis: Dimension) -> RowEntries | None:
    if split is None:
        return None
    rows = split.entries()
    place = np.array([axis.levels.index(level) for level in rows.levels] or [0], np.int32)
    return replace(rows, levels=axis.levels, level=place[rows.level])


def _contributors(value: PersonValues) -> Bools:
    return value.has_value & (value.contributes if value.contributes is not None else value.value != 0)


def _has_reason(value: PersonValues, reason: str) -> Bools:
    if reason not in value.reasons:
        return np.zeros(len(value.reason), np.bool_)
    return np.asarray(value.reason == value.reasons.index(reason), np.bool_)


def _millionths(value: PersonValues) -> Int64s:
    of = np.maximum(value.of if value.of is not None else 1, 1)
    return np.asarray((2 * FRACTION_SCALE * value.value + of) // (2 * of), np.int64)

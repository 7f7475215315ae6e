"""What a table has whoever is counted: its points, the sets of each, and the columns that they are counted in.

It follows from the question alone, so it is worked out once a run and every block of persons is counted by it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from linkage_core.indicators.values import PersonValues
from linkage_core.points import Point, point_of
from linkage_core.set_relations import POPULATION


@dataclass(frozen=True, slots=True)
class RowsAsked:
    """What is told of the rows of an indicator: by what they fall apart, into which parts, and where it stands.

    Args:
        parameters: of the points that it is told of, as far as they have them in common; "" for all points.
        value, place: position of a value that has it, and its position among those of the value.
    """

    indicator: str
    parameters: str
    question: str
    parts: tuple[str, ...]
    value: int
    place: int


@dataclass(frozen=True, slots=True)
class Layout:
    """Points, sets and columns.

    Args:
        points: indicators at their parameter points.
        places: for each point, the positions of its values among all, one a period.
        person_columns: which columns of counts belong to which set: one a period and one for all of them.
        sum_columns: which columns of sums belong to which sum: one a period, or one.
        rows_told: what is told of the rows of each indicator, once where all its points have the same.
        families: by name, the sets that are compared with each other: the numerators of an indicator, the denominators
            over some periods; under "" the sets without periods, among them the population and all reasons.
    """

    points: tuple[Point, ...]
    places: tuple[tuple[int, ...], ...]
    person_columns: Mapping[str, slice]
    sum_columns: Mapping[str, slice]
    families: Mapping[str, tuple[str, ...]]
    rows_told: tuple[RowsAsked, ...] = ()


def layout_of(values: Sequence[PersonValues]) -> Layout:
    """The layout of a table.

    Args:
        values: as `evaluate` returns them, for any persons.
    """
    together: dict[str, list[int]] = {}
    for place, value in enumerate(values):
        together.setdefault(value.name, []).append(place)
    points = tuple(point_of([values[place] for place in places]) for places in together.values())
    counted = {name: len(point.periods) + 1 for point in points for name in (point.denominator, point.counted) if name}
    added = {name: max(len(point.periods), 1) for point in points for name in (point.added, point.at_risk) if name}
    return Layout(
        points=points,
        places=tuple(map(tuple, together.values())),
        person_columns=_columns({POPULATION: 1, **counted}),
        sum_columns=_columns(added),
        families=_families(points),
        rows_told=tuple(_rows_asked(values)),
    )


def _rows_asked(values: Sequence[PersonValues]) -> Iterator[RowsAsked]:
    told: dict[tuple[str, str], dict[int, list[tuple[int, int]]]] = {}
    for value, one in enumerate(values):
        for place, rows in enumerate(one.rows_told):
            same = told.setdefault((one.indicator.id, rows.question), {})
            same.setdefault(id(rows), []).append((value, place))
    for (indicator, question), groups in told.items():
        for own in groups.values():
            value, place = own[0]
            words = _in_common([values[one].parameters for one, _ in own]) if len(groups) > 1 else ""
            yield RowsAsked(indicator, words, question, values[value].rows_told[place].parts, value, place)


def _in_common(parameters: Sequence[str]) -> str:
    parts = [words.split(";") for words in parameters]
    return ";".join(part for part in parts[0] if all(part in other for other in parts))


def _columns(sizes: Mapping[str, int]) -> dict[str, slice]:
    columns, first = {}, 0
    for name, size in sizes.items():
        columns[name] = slice(first, first + size)
        first += size
    return columns


def _families(points: Sequence[Point]) -> dict[str, tuple[str, ...]]:
    families = {"": [POPULATION]}
    for point in points:
        families.setdefault("/".join(point.periods), []).append(point.denominator)
        if point.counted:
            families.setdefault(point.indicator, []).append(point.counted)
    for point in points:
        families[""].extend(point.reason_sets)
    return {name: tuple(sets) for name, sets in families.items()}

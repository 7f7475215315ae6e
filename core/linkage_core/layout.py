"""What a table has whoever is counted: its points, the sets of each, and the columns that they are counted in.

It follows from the question alone, so it is worked out once a run and every block of persons is counted by it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from linkage_core.indicators.values import PersonValues
from linkage_core.points import Point, point_of
from linkage_core.set_relations import POPULATION


@dataclass(frozen=True, slots=True)
class Layout:
    """Points, sets and columns.

    Args:
        points: indicators at their parameter points.
        places: for each point, the positions of its values among all, one a period.
        person_columns: which columns of counts belong to which set: one a period and one for all of them.
        sum_columns: which columns of sums belong to which sum: one a period, or one.
        families: by name, the sets that are compared with each other: the numerators of an indicator, the denominators
            over some periods; under "" the sets without periods, among them the population and all reasons.
    """

    points: tuple[Point, ...]
    places: tuple[tuple[int, ...], ...]
    person_columns: Mapping[str, slice]
    sum_columns: Mapping[str, slice]
    families: Mapping[str, tuple[str, ...]]


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
    )


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

"""Which persons of a block are in the sets of each point: who has a value, whom it counts, and who has which reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from linkage_core.indicators.values import NO_ROWS, OK, Measure, PersonValues
from linkage_core.layout import Layout
from linkage_core.person_sets import NOBODY, PersonSets
from linkage_core.points import Point


@dataclass(frozen=True, slots=True)
class PointSets:
    """The sets of one point in a block, as rows of its `PersonSets`.

    Args:
        denominator: one a period.
        counted: one a period; the denominator where only a sum is formed.
        reasons: who has each of the point's reasons in any period.
    """

    denominator: tuple[int, ...]
    counted: tuple[int, ...]
    reasons: tuple[int, ...]

    def among(self, measure: Measure) -> tuple[int, ...]:
        """Whose values are added up: days at risk of the whole denominator, an amount of its contributors."""
        return self.denominator if measure is Measure.YES_NO else self.counted


def sets_of_points(layout: Layout, values: Sequence[PersonValues], sets: PersonSets) -> list[PointSets]:
    """Pack the sets of all points.

    Args:
        values: of the block, in the order of the layout.
        sets: those of the block; added to.
    """
    reasons = _reasons(values, sets)
    counted = _counted(layout, values, reasons, sets)
    found = []
    # Points without periods share their reasons more often than not.
    of_reasons: dict[tuple[tuple[int, ...], tuple[str, ...]], tuple[int, ...]] = {}
    for point, places in zip(layout.points, layout.places, strict=True):
        known = [reasons[place] for place in places]
        denominator = tuple(one.has_value for one in known)
        key = (tuple(map(id, known)), point.reasons)
        if key not in of_reasons:
            of_reasons[key] = tuple(
                sets.union([one.rows.get(reason, NOBODY) for one in known]) for reason in point.reasons
            )
        counted_too = tuple(counted[place] for place in places) if point.counted else denominator
        found.append(PointSets(denominator, counted_too, of_reasons[key]))
    return found


@dataclass(frozen=True, slots=True)
class _Reasons:
    """Who has which reason, and who has a value, once for all values that share their reasons."""

    rows: Mapping[str, int]
    has_value: int


def _reasons(values: Sequence[PersonValues], sets: PersonSets) -> list[_Reasons]:
    """For each value."""
    keys = [(id(value.reason), value.reasons) for value in values]
    different = dict(zip(keys, values, strict=True))
    asked = [
        (value.reason, place, key, name)
        for key, value in different.items()
        for place, name in enumerate(value.reasons)
        if name != OK
    ]
    packed = sets.of_codes([code for code, *_ in asked], [place for _, place, *_ in asked])
    rows: dict[tuple[int, tuple[str, ...]], dict[str, int]] = {key: {} for key in different}
    for (_, _, key, name), row in zip(asked, packed, strict=True):
        rows[key][name] = row
    known = {
        key: _Reasons(of_reason, sets.without([row for name, row in of_reason.items() if name != NO_ROWS]))
        for key, of_reason in rows.items()
    }
    return [known[key] for key in keys]


def _counted(
    layout: Layout, values: Sequence[PersonValues], reasons: Sequence[_Reasons], sets: PersonSets
) -> dict[int, int]:
    """For the position of each value of a point that counts persons beside its denominator: the set of them."""
    asked: dict[tuple[int, int], tuple[npt.NDArray[np.generic], int]] = {}
    keys: dict[int, tuple[int, int]] = {}
    for point, places in zip(layout.points, layout.places, strict=True):
        for place in places if point.counted else ():
            says_so, within = _says_so(point, values[place]), reasons[place].has_value
            # Amounts of the same rows hold the same objects: their contributors are one set.
            keys[place] = (id(says_so), within)
            asked.setdefault(keys[place], (says_so, within))
    packed = sets.of_positive([says_so for says_so, _ in asked.values()], [within for _, within in asked.values()])
    rows = dict(zip(asked, packed, strict=True))
    return {place: rows[key] for place, key in keys.items()}


def _says_so(point: Point, value: PersonValues) -> npt.NDArray[np.generic]:
    """More than 0 where a person is counted if she has a value."""
    if point.measure is Measure.YES_NO:
        return value.value
    return value.contributes if value.contributes is not None else value.value != 0

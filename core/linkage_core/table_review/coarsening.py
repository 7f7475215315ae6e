"""A counted table with one dimension fewer, or with coarser levels: from the counts, without the registers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from linkage.errors import InputRefused
from linkage_core.counted_table import (
    AGE_GROUP,
    CountedTable,
    Dimension,
    Line,
    Meeting,
    PersonCube,
    PublicCube,
    SumCube,
)
from linkage_core.nestings import nestings_of

Number = TypeVar("Number", np.int64, np.float64)


@dataclass(frozen=True, slots=True)
class Coarsening:
    """One step.

    Args:
        dimension: name of the dimension.
        levels: (level, coarser level) for every level; empty where the dimension is dropped.
        name: what the dimension is called afterwards.
    """

    dimension: str
    levels: tuple[tuple[str, str], ...] = ()
    name: str = ""

    @property
    def drops(self) -> bool:
        """Whether the dimension goes."""
        return not self.levels


def coarsened(table: CountedTable, step: Coarsening) -> CountedTable:
    """The same persons counted coarser.

    Raises:
        InputRefused: the table does not have the dimension or a level, or its counts do not add up along it.
    """
    dimensions = dimensions_of(table)
    if step.dimension not in dimensions:
        raise InputRefused(
            f"the table has no dimension {step.dimension!r}.", mend=f"It has: {', '.join(dimensions) or 'none'}."
        )
    _require_additive(table, step, dimensions)
    new = None if step.drops else _new_dimension(dimensions[step.dimension], step)
    if new is not None and new.name != step.dimension and new.name in dimensions:
        raise InputRefused(f"the table has {new.name!r} beside {step.dimension!r}.", mend="Drop the finer one.")
    meetings = _meetings(table.meetings, step)
    # Of tables whose meetings are not known; their levels stay as they are.
    kept = tuple(one for one in table.nestings if step.dimension not in (one.fine, one.coarse))
    others = {name: axis for name, axis in dimensions.items() if name != step.dimension}
    strata = {name for one in table.meetings for name in (one.one, one.other)}
    known = {axis.name: axis for name in dimensions if name in strata and (axis := others.get(name, new)) is not None}
    return replace(
        table,
        person_cubes=_once([_persons(cube, step, new) for cube in table.person_cubes], lambda cube: cube.persons_key),
        sum_cubes=_once([_sums(cube, step, new) for cube in table.sum_cubes], lambda cube: cube.sum_key),
        public=_once_public([_public(cube, step, dimensions, new) for cube in table.public]),
        lines=tuple(dict.fromkeys(_line(line, step, new) for line in table.lines)),
        rates=tuple(dict.fromkeys(replace(rate, line=_line(rate.line, step, new)) for rate in table.rates)),
        classes=tuple(
            dict.fromkeys(replace(one, dimensions=_names(one.dimensions, step, new)) for one in table.classes)
        ),
        meetings=meetings,
        nestings=nestings_of(meetings, known) if table.meetings else kept,
    )


def dimensions_of(table: CountedTable) -> dict[str, Dimension]:
    """The dimensions of a table, in the order in which its counts of persons have them; classes are none."""
    classes = {one.axis for one in table.classes}
    return {axis.name: axis for axis in _all_axes(table) if axis.name not in classes}


def _all_axes(table: CountedTable) -> list[Dimension]:
    of_persons = [axis for cube in table.person_cubes for axis in cube.dimensions]
    return of_persons + [axis for cube in table.sum_cubes for axis in cube.dimensions]


def _require_additive(table: CountedTable, step: Coarsening, dimensions: dict[str, Dimension]) -> None:
    name = step.dimension
    if any(part.dimension == name for part in table.period_parts) or any(
        line.period[0] == name for line in table.lines
    ):
        raise InputRefused(f"rates are told for each {name}.", mend="Order other periods.")
    if any(name in (*rate.others, AGE_GROUP) for rate in table.rates):
        raise InputRefused(f"rates are standardised by {name}.", mend="Order them without it.")
    if step.drops:
        return
    several = any(axis.name == name and axis.multi_response for axis in _all_axes(table))
    if several:
        raise InputRefused(
            f"a person may stand under several levels of {name}, so its counts do not add up to coarser ones.",
            mend="Drop it, or let it be ordered coarser.",
        )
    if table.nestings and not table.meetings:
        raise InputRefused("the counts do not tell which levels meet.", mend="Drop the dimension, or run anew.")
    given = [level for level, _ in step.levels]
    if sorted(given) != sorted(dimensions[name].levels):
        raise InputRefused(f"every level of {name} must be told once.", mend="List the levels of the table.")


def _new_dimension(old: Dimension, step: Coarsening) -> Dimension:
    coarser = dict(step.levels)
    return Dimension(step.name or old.name, tuple(dict.fromkeys(coarser[level] for level in old.levels)))


def _axes(axes: Sequence[Dimension], step: Coarsening, new: Dimension | None) -> tuple[Dimension, ...]:
    changed = (new if axis.name == step.dimension else axis for axis in axes)
    return tuple(axis for axis in changed if axis is not None)


def _names(names: Sequence[str], step: Coarsening, new: Dimension | None) -> tuple[str, ...]:
    changed = ((new.name if new else "") if name == step.dimension else name for name in names)
    return tuple(name for name in changed if name)


def _along(
    numbers: npt.NDArray[Number], axes: Sequence[Dimension], step: Coarsening, new: Dimension | None
) -> npt.NDArray[Number]:
    """Counts with all margins, one dimension dropped or its levels added up."""
    names = [axis.name for axis in axes]
    if step.dimension not in names:
        return numbers
    place = names.index(step.dimension)
    if new is None:
        return np.asarray(np.take(numbers, -1, axis=place))
    old = _places(axes[place], new, step)
    shape = [*numbers.shape]
    shape[place] = len(new.levels) + 1
    found = np.zeros(shape, numbers.dtype)
    np.add.at(np.moveaxis(found, place, 0), old, np.moveaxis(numbers, place, 0))
    return found


def _places(old: Dimension, new: Dimension, step: Coarsening) -> list[int]:
    """Where each old level, and the total, lies on the new axis."""
    coarser = dict(step.levels)
    return [*(new.levels.index(coarser[level]) for level in old.levels), len(new.levels)]


def _persons(cube: PersonCube, step: Coarsening, new: Dimension | None) -> PersonCube:
    counts = _along(cube.persons, cube.dimensions, step, new)
    return PersonCube(cube.persons_key, _axes(cube.dimensions, step, new), counts)


def _sums(cube: SumCube, step: Coarsening, new: Dimension | None) -> SumCube:
    sums = _along(cube.sums, cube.dimensions, step, new)
    return replace(cube, dimensions=_axes(cube.dimensions, step, new), sums=sums)


def _public(cube: PublicCube, step: Coarsening, dimensions: dict[str, Dimension], new: Dimension | None) -> PublicCube:
    axes = [dimensions[name] for name in cube.dimensions]
    return PublicCube(cube.key, _names(cube.dimensions, step, new), _along(cube.numbers, axes, step, new))


Cube = TypeVar("Cube", PersonCube, SumCube)


def _once(cubes: Sequence[Cube], key: Callable[[Cube], str]) -> tuple[Cube, ...]:
    """Cubes that became alike stand once."""
    found: dict[tuple[str, frozenset[str]], Cube] = {}
    for cube in cubes:
        found.setdefault((key(cube), frozenset(axis.name for axis in cube.dimensions)), cube)
    return tuple(found.values())


def _once_public(cubes: Sequence[PublicCube]) -> tuple[PublicCube, ...]:
    return tuple({(cube.key, cube.dimensions): cube for cube in cubes}.values())


def _line(line: Line, step: Coarsening, new: Dimension | None) -> Line:
    return replace(line, dimensions=_names(line.dimensions, step, new))


def _meetings(meetings: Sequence[Meeting], step: Coarsening) -> tuple[Meeting, ...]:
    coarser, found = dict(step.levels), []
    for one in meetings:
        if step.dimension not in (one.one, one.other):
            found.append(one)
        elif not step.drops:
            first, second = one.one == step.dimension, one.other == step.dimension
            pairs = dict.fromkeys((coarser[a] if first else a, coarser[b] if second else b) for a, b in one.pairs)
            name = step.name or step.dimension
            found.append(Meeting(name if first else one.one, name if second else one.other, tuple(pairs)))
    return tuple(found)

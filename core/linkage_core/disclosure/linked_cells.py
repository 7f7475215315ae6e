"""Numbers every cell of a counted table once, however many cubes and lines show it, and collects what ties cells.

A cell is named by what it counts and by its coordinates that are not totals. Cubes over other strata of the same
persons therefore share their common margins, and linked tables become one system.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from linkage.errors import InputRefused
from linkage_core.counted_table import Dimension, Nesting, PeriodPart, Split
from linkage_core.disclosure.calendar_strata import calendar_nestings
from linkage_core.disclosure.cell_system import Flags, Ints, Relations

Strata = tuple[str, ...]
"""Names of strata in alphabetical order: the part of a cell's name that all cells of a block share."""


@dataclass(frozen=True, slots=True)
class Numbered:
    """Cells of all cubes of one kind.

    Args:
        values: the cells, by number.
        blocks: cell numbers by (key, strata), one axis per stratum, totals left out.
        dimensions: each stratum, by name.
    """

    values: Ints
    blocks: Mapping[tuple[str, Strata], Ints]
    dimensions: Mapping[str, Dimension]

    @property
    def strata(self) -> Ints:
        """In how many strata each cell has a level."""
        found = np.zeros(self.values.size, dtype=np.int64)
        for (_, strata), block in self.blocks.items():
            found[block] = len(strata)
        return found

    def cube(self, key: str, names: tuple[str, ...]) -> Ints:
        """Cell numbers over `names` with all margins, the total last on each axis.

        Raises:
            InputRefused: no cube of that name has these strata.
        """
        if (key, tuple(sorted(names))) not in self.blocks:
            raise InputRefused(f"No cube {key!r} over {list(names)}.", mend="Count it before it is printed.")
        shape = tuple(len(self.dimensions[name].levels) + 1 for name in names)
        numbers = np.empty(shape, dtype=np.int64)
        for strata in _subsets(names):
            block = self.blocks[key, tuple(sorted(strata))]
            own_order = np.argsort(np.argsort(np.array(strata, dtype=np.str_)))
            numbers[_place(names, strata)] = np.transpose(block, own_order)
        return numbers


def number_cells(cubes: Iterable[tuple[str, tuple[Dimension, ...], Ints]]) -> Numbered:
    """Number the cells of cubes given as (key, dimensions, counts with margins).

    Raises:
        InputRefused: a cube has the wrong shape, two cubes disagree about a cell or about the levels of a stratum.
    """
    dimensions: dict[str, Dimension] = {}
    blocks: dict[tuple[str, Strata], Ints] = {}
    counted: dict[tuple[str, Strata], Ints] = {}
    used = 0
    for key, axes, counts in cubes:
        names = tuple(axis.name for axis in axes)
        _check_cube(key, axes, counts, dimensions)
        for strata in _subsets(names):
            ordered = tuple(sorted(strata))
            part = np.transpose(counts[_place(names, strata)], np.argsort(np.array(strata, dtype=np.str_)))
            if (key, ordered) not in blocks:
                blocks[key, ordered] = np.arange(used, used + part.size).reshape(part.shape)
                counted[key, ordered] = part.astype(np.int64)
                used += part.size
            elif not np.array_equal(counted[key, ordered], part):
                raise InputRefused(
                    f"Two cubes of {key!r} disagree about the same cells.",
                    mend="Count all cubes from the same persons.",
                )
    values = np.concatenate([np.empty(0, dtype=np.int64), *(part.ravel() for part in counted.values())])
    return Numbered(values, blocks, dimensions)


def tie_margins(cells: Numbered, relations: Relations, *, negative: bool = False) -> None:
    """Add one relation per total: the sum of its levels, or for multi-response strata no less than each level.

    Args:
        cells: the cells.
        relations: receives the relations.
        negative: values may be negative, so that a level may exceed its total.
    """
    for (key, strata), block in cells.blocks.items():
        for axis, name in enumerate(strata):
            totals = cells.blocks[key, strata[:axis] + strata[axis + 1 :]]
            levels = np.moveaxis(block, axis, -1)
            if cells.dimensions[name].multi_response:
                if negative:
                    continue
                wholes = np.broadcast_to(totals[..., np.newaxis], levels.shape)
                relations.add(wholes.ravel(), levels.reshape(-1, 1), implied=True)
            else:
                relations.add(totals.ravel(), levels.reshape(totals.size, -1), implied=False)


def tie_splits(cells: Numbered, splits: Iterable[Split], relations: Relations) -> None:
    """Add one relation per cell of each split, as far as its sets are counted over the same strata."""
    for split in splits:
        for (key, strata), wholes in cells.blocks.items():
            if key != split.whole_key:
                continue
            parts = [cells.blocks[part, strata] for part in split.part_keys if (part, strata) in cells.blocks]
            if parts:
                columns = np.stack([part.ravel() for part in parts], axis=1)
                relations.add(wholes.ravel(), columns, implied=len(parts) < len(split.part_keys))


def tie_far_parts(
    cells: Numbered, splits: Iterable[Split], relations: Relations, small: Callable[[Ints], Flags]
) -> None:
    """Add relations between a set and those around it that others lie between, where few persons are in the rest.

    Each set is tied to the smallest around it. Where that one is blank, and the set and an outer one are printed, the
    rest of the outer one is told: of those within 30, 90 and 365 days who began after 30.

    Args:
        small: which counts of persons are few.
    """
    around: dict[str, list[str]] = {}
    for split in splits:
        # A set with the rest, or equal sets; parts that are all counted have relations of their own.
        if len(split.part_keys) == 1 or split.part_keys[-1] == f"{split.whole_key} without {split.part_keys[0]}":
            around.setdefault(split.part_keys[0], []).append(split.whole_key)
    by_key: dict[str, dict[tuple[str, ...], Ints]] = {}
    for (key, strata), block in cells.blocks.items():
        by_key.setdefault(key, {})[strata] = block.ravel()
    for part, nearest in around.items():
        for whole in _beyond(nearest, around):
            for strata in by_key.get(part, {}).keys() & by_key.get(whole, {}).keys():
                inner, outer = by_key[part][strata], by_key[whole][strata]
                few = small(cells.values[outer] - cells.values[inner])
                relations.add(outer[few], inner[few], implied=True)


def _beyond(nearest: Iterable[str], around: Mapping[str, Sequence[str]]) -> list[str]:
    """Sets around the nearest ones, or within them, near and far."""
    seen = dict.fromkeys(nearest)
    left, found = list(seen), []
    while left:
        for name in around.get(left.pop(), ()):
            if name not in seen:
                seen[name] = None
                left.append(name)
                found.append(name)
    return found


def tie_everybody(
    cells: Numbered, everybody: str, splits: Sequence[Split], relations: Relations, small: Callable[[Ints], Flags]
) -> None:
    """Add relations between all persons and sets that no split ties to them there, where few are not in the set.

    All persons are not counted by period or by property of rows: those of one period lie in the persons of the other
    strata, and who knows how many these are subtracts.

    Args:
        everybody: name of the set of all persons.
        small: which counts of persons are few.
    """
    parts: dict[str, list[str]] = {}
    for one in splits:
        parts.setdefault(one.whole_key, []).extend(one.part_keys)
    inside = {everybody, *_beyond([everybody], parts)}
    by_strata = {strata: block for (key, strata), block in cells.blocks.items() if key == everybody}
    counted = {name for strata in by_strata for name in strata}
    for (key, strata), block in cells.blocks.items():
        around = tuple(name for name in strata if name in counted)
        if around not in by_strata or (key in inside and around == strata):
            continue
        apart = [axis for axis, name in enumerate(strata) if name not in counted]
        wholes = np.broadcast_to(np.expand_dims(by_strata[around], apart), block.shape)
        few = small(cells.values[wholes] - cells.values[block])
        relations.add(wholes[few], block[few], implied=True)


def tie_nestings(cells: Numbered, nestings: Iterable[Nesting], relations: Relations) -> None:
    """Add relations between coarse levels and the fine levels they consist of, also for the calendar."""
    for nesting in (*nestings, *calendar_nestings(cells.dimensions.values())):
        parent_of = dict(nesting.parents)
        for (key, strata), fine in cells.blocks.items():
            if nesting.fine not in strata or nesting.coarse in strata:
                continue
            other = tuple(sorted({*strata, nesting.coarse} - {nesting.fine}))
            if (key, other) not in cells.blocks or cells.dimensions[nesting.fine].multi_response:
                continue
            coarse = np.moveaxis(cells.blocks[key, other], other.index(nesting.coarse), 0)
            parts = np.moveaxis(fine, strata.index(nesting.fine), 0)
            for place, level in enumerate(cells.dimensions[nesting.coarse].levels):
                children = [
                    i for i, code in enumerate(cells.dimensions[nesting.fine].levels) if parent_of.get(code) == level
                ]
                if children:
                    columns = parts[children].reshape(len(children), -1).T
                    relations.add(coarse[place].ravel(), columns, implied=False)


def tie_periods(cells: Numbered, parts: Iterable[PeriodPart], relations: Relations) -> None:
    """Add one relation per cell of a set of one period: it is part of its whole at that period.

    Amounts are left out where the rest is negative: reversed rows may take away more than there is.
    """
    for part in parts:
        for (key, strata), own in cells.blocks.items():
            around = tuple(sorted((*strata, part.dimension)))
            if key != part.part_key or (part.whole_key, around) not in cells.blocks:
                continue
            level = cells.dimensions[part.dimension].levels.index(part.label)
            wholes = np.take(cells.blocks[part.whole_key, around], level, axis=around.index(part.dimension)).ravel()
            within = cells.values[wholes] >= cells.values[own.ravel()]
            relations.add(wholes[within], own.ravel()[within], implied=True)


def _check_cube(key: str, axes: tuple[Dimension, ...], counts: Ints, known: dict[str, Dimension]) -> None:
    if len({axis.name for axis in axes}) < len(axes) or counts.shape != tuple(len(a.levels) + 1 for a in axes):
        raise InputRefused(
            f"The cube {key!r} does not have the shape of its strata.", mend="One axis per stratum, the total last."
        )
    for axis in axes:
        if known.setdefault(axis.name, axis) != axis:
            raise InputRefused(
                f"The stratum {axis.name!r} is grouped in two ways in one table.",
                mend="Order one grouping of it, or send two orders.",
            )


def _subsets(names: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for size in range(len(names) + 1):
        yield from combinations(names, size)


def _place(names: tuple[str, ...], strata: tuple[str, ...]) -> tuple[slice | int, ...]:
    """Index of the cells with a level in `strata` and the total elsewhere."""
    return tuple(slice(0, -1) if name in strata else -1 for name in names)

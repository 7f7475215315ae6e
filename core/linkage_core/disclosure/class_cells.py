"""Counts by class as cells: what ties them, who prints them, which may not be known besides small ones."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from linkage_core.class_table import ClassSum, ClassTable
from linkage_core.counted_table import CountedTable
from linkage_core.disclosure.cell_system import Flags, Ints, Relations
from linkage_core.disclosure.linked_cells import Numbered
from linkage_core.disclosure.primary_rules import all_in_one


def class_cube(cells: Numbered, told: ClassTable) -> Ints:
    """Cell numbers over the strata with margins, and last classes with their total."""
    return cells.cube(told.persons_key, (*told.dimensions, told.axis))


def tie_classes(cells: Numbered, sums: Iterable[ClassSum], relations: Relations) -> None:
    """Add one relation per cell of a set that some classes make up."""
    for told in sums:
        levels = cells.dimensions[told.axis].levels if told.axis in cells.dimensions else ()
        own = [levels.index(words) for words in told.inside]
        for (key, strata), block in cells.blocks.items():
            by_class = tuple(sorted((*strata, told.axis)))
            if key != told.set_key or (told.persons_key, by_class) not in cells.blocks or not own:
                continue
            parts = np.moveaxis(cells.blocks[told.persons_key, by_class], by_class.index(told.axis), -1)
            relations.add(block.ravel(), parts[..., own].reshape(block.size, -1), implied=False)


def class_prints(table: CountedTable, cells: Numbered) -> Ints:
    """Numbers of the cells that lines by class print, as often as they do."""
    found = [class_cube(cells, told).ravel() for told in table.classes]
    return np.concatenate([*found, np.empty(0, np.int64)])


def full_class_cells(table: CountedTable, cells: Numbered, small: Flags) -> Flags:
    """Classes that hold everybody of a total that is shown, and the zeros beside them."""
    marked = np.zeros(cells.values.size, np.bool_)
    for told in table.classes:
        cube = class_cube(cells, told).reshape(-1, len(told.classes) + 1)
        wholes, parts = cube[:, -1], cube[:, :-1]
        full = ~small[wholes] & all_in_one(cells.values[wholes], cells.values[parts])
        marked[parts[full]] = True
    return marked


def sums_beside_classes(table: CountedTable, sums: Numbered, persons: Numbered, hidden: Flags) -> Flags:
    """Sums of amounts of which a bin is hidden: a sum tells about the one bin that is not known."""
    found = np.zeros(sums.values.size, np.bool_)
    for told in table.classes:
        if told.sum_key and (told.sum_key, tuple(sorted(told.dimensions))) in sums.blocks:
            closed = hidden[class_cube(persons, told)[..., :-1]].any(axis=-1)
            found[sums.cube(told.sum_key, told.dimensions)] |= closed
    return found

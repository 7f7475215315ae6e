"""Dimensions of a layout, with codes numbered, and the sums they promise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from linkage_client.certificate_check.fault import CheckFailed

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Family:
    """A code and those that add up to it."""

    parent: int
    children: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Dimension:
    """One dimension.

    Args:
        name: its column.
        codes: in the order of their first mention.
        families: every sum of every hierarchy.
        total: the code of all.
        covers: (whole, part) of every hierarchy, where a person may stand under several codes, which then add up to
            nothing.
    """

    name: str
    codes: tuple[str, ...]
    families: tuple[Family, ...]
    total: int
    covers: tuple[tuple[int, int], ...] = ()

    @property
    def leaves(self) -> tuple[int, ...]:
        """Codes that no other codes add up to."""
        parents = {family.parent for family in self.families}
        return tuple(code for code in range(len(self.codes)) if code not in parents)

    def above(self) -> list[list[int]]:
        """For each code, itself and all that it counts in."""
        parents: list[set[int]] = [set() for _ in self.codes]
        for family in self.families:
            for child in family.children:
                parents[child].add(family.parent)
        found = [{code} for code in range(len(self.codes))]
        grows = True
        while grows:
            wider = [own.union(*(parents[code] for code in own)) for own in found]
            found, grows = wider, wider != found
        return [sorted(own) for own in found]


def read_dimensions(layout: Mapping[str, Any], policy: Mapping[str, Any]) -> list[Dimension]:
    """The dimensions of a layout, in its order; layout and policy name those whose codes do not add up."""
    overlapping = {*layout.get("attacker", {}).get("multi_response", ()), *policy.get("multi_response", ())}
    return [_dimension(name, content, adds_up=name not in overlapping) for name, content in layout["dims"].items()]


def shown_cells(layout: Mapping[str, Any], dimensions: list[Dimension]) -> npt.NDArray[np.bool_]:
    """Cells that some table of the layout shows, flat; all of them where it names no tables.

    Raises:
        CheckFailed: a table names a dimension or a code that the layout does not have.
    """
    if tables := layout.get("tables"):
        return _cells_of(tables, dimensions)
    return np.ones(int(np.prod([len(dimension.codes) for dimension in dimensions])), dtype=np.bool_)


def known_cells(layout: Mapping[str, Any], dimensions: list[Dimension]) -> npt.NDArray[np.bool_]:
    """Cells whose numbers a reader has already, flat; raises as `shown_cells`."""
    return _cells_of(layout.get("attacker", {}).get("known", {}), dimensions)


def _cells_of(tables: Mapping[str, Any], dimensions: list[Dimension]) -> npt.NDArray[np.bool_]:
    shown = np.zeros([len(dimension.codes) for dimension in dimensions], dtype=np.bool_)
    for name, table in tables.items():
        if not set(table) <= {dimension.name for dimension in dimensions}:
            raise CheckFailed(f"layout, table {name!r}: names a dimension that is not there")
        places: list[list[int]] = []
        for dimension in dimensions:
            codes = table.get(dimension.name, [dimension.codes[dimension.total]])
            codes = dimension.codes if codes == "all" else codes
            if not set(codes) <= set(dimension.codes):
                raise CheckFailed(f"layout, table {name!r}: shows a code that {dimension.name!r} does not have")
            places.append([dimension.codes.index(code) for code in codes])
        shown[np.ix_(*places)] = True
    return shown.ravel()


def add_totals(leaves: Ints, dimensions: list[Dimension]) -> Ints:
    """All cells from the leaf cells; every sum of every hierarchy holds in the result.

    Args:
        leaves: all cells, one axis a dimension, filled at the leaves.

    Raises:
        CheckFailed: two hierarchies of a dimension do not agree.
    """
    cells = leaves.copy()
    for axis, dimension in enumerate(dimensions):
        along = np.moveaxis(cells, axis, 0)
        known = set(dimension.leaves)
        left = list(dimension.families)
        while left:
            ready = [family for family in left if known.issuperset(family.children)]
            if not ready:
                raise CheckFailed(f"layout, dimension {dimension.name!r}: a hierarchy does not end in leaves")
            for family in ready:
                total = along[list(family.children)].sum(axis=0)
                if family.parent in known and not np.array_equal(along[family.parent], total):
                    raise CheckFailed(f"layout, dimension {dimension.name!r}: two hierarchies do not agree")
                along[family.parent] = total
                known.add(family.parent)
                left.remove(family)
    return cells


def above_leaves(leaf: Ints, dimensions: list[Dimension]) -> tuple[Ints, Ints]:
    """Each leaf cell once for each cell that it counts in: (which of them, position of the cell)."""
    row, cell = np.arange(leaf.size), np.zeros(leaf.size, dtype=np.int64)
    stride = int(np.prod([len(dimension.codes) for dimension in dimensions]))
    for dimension in dimensions:
        stride //= len(dimension.codes)
        above = dimension.above()
        code = leaf[row] // stride % len(dimension.codes)
        sizes = np.array([len(codes) for codes in above])
        starts, every = np.cumsum(sizes) - sizes, np.concatenate([np.array(codes) for codes in above])
        many = sizes[code]
        step = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
        cell = np.repeat(cell * len(dimension.codes), many) + every[np.repeat(starts[code], many) + step]
        row = np.repeat(row, many)
    return row, cell


def _dimension(name: str, content: Mapping[str, Any], *, adds_up: bool) -> Dimension:
    number: dict[str, int] = {}
    families: dict[Family, None] = {}
    for tree in content["hierarchies"]:
        for parent, children in tree.items():
            codes = [number.setdefault(code, len(number)) for code in (parent, *children)]
            families[Family(codes[0], tuple(codes[1:]))] = None
    total = number[content["total"]]
    if adds_up:
        return Dimension(name, tuple(number), tuple(families), total)
    covers = dict.fromkeys((family.parent, child) for family in families for child in family.children)
    return Dimension(name, tuple(number), (), total, tuple(covers))

"""Who moved: people of the releases of one table, who joined and left each cell between two of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from linkage_client.certificate_check.dimensions import Dimension, Family, Ints, above_leaves
from linkage_client.certificate_check.fault import CheckFailed
from linkage_client.certificate_check.files import column_of, read_table
from linkage_client.certificate_check.release_tables import leaves_of
from linkage_client.certificate_check.rules import Flags


@dataclass(frozen=True, slots=True)
class Apart:
    """By whom the cells of two releases differ: each cell and person once.

    Args:
        cell, person: flat position, number of the person.
        change: 1 if the later release alone counts the person in this cell, -1 if the earlier one alone does.
        people: numbers are below this.
        alike: how many persons each number stands for; None for one each.
    """

    cell: Ints
    person: Ints
    change: Ints
    people: int
    alike: Ints | None = None

    def moved(self, cells: int) -> Ints:
        """How many different people joined or left each cell."""
        return self.counted(self.cell, self.person, places=cells)

    def counted(self, place: Ints, person: Ints, *, places: int) -> Ints:
        """How many people there are at each place, of entries of a place and a person, each once."""
        if self.alike is None:
            return np.bincount(place, minlength=places)
        # Exact: numbers of persons are far below what a float holds.
        return np.bincount(place, self.alike[person], minlength=places).astype(np.int64)

    def moved_in_lines(self, axis: int, family: Family, terms: Flags, shape: tuple[int, ...]) -> Ints:
        """By how many different people the sums of some cells of each line differ: whole less parts, as far as named.

        Args:
            axis: along which the lines run.
            family: the whole and the parts of each line.
            terms: cells that are in the sums, flat.
            shape: of the table.

        Returns:
            One number a line.
        """
        stride = int(np.prod(shape[axis + 1 :]))
        sign = np.zeros(shape[axis], dtype=np.int64)
        sign[family.parent], sign[list(family.children)] = 1, -1
        code = self.cell // stride % shape[axis]
        own = (sign[code] != 0) & terms[self.cell]
        cell, code = self.cell[own], code[own]
        line = cell // (stride * shape[axis]) * stride + cell % stride
        lines = terms.size // shape[axis]
        key, net = net_of(line * self.people + self.person[own], sign[code] * self.change[own])
        people = max(self.people, 1)
        return self.counted(key[net != 0] // people, key[net != 0] % people, places=lines)


class Movement:
    """All that moved, release by release.

    Args:
        files: one a release from the second on: leaf dimensions, `person`, `move` (joined or left).
        dimensions: of the table.

    Raises:
        CheckFailed: a file does not hold moves, or somebody joins a cell twice or stands in two.
    """

    def __init__(self, files: Sequence[Path], dimensions: list[Dimension]) -> None:
        persons: list[pa.Array] = []
        releases: list[Ints] = []
        leaves: list[Ints] = []
        changes: list[Ints] = []
        for number, path in enumerate(files, 1):
            rows = read_table(path, dimensions)
            move = column_of(rows, "move", path).cast(pa.string())
            if rows.num_rows and not pc.all(pc.is_in(move, value_set=pa.array(["joined", "left"]))).as_py():
                raise CheckFailed(f"{path}: column 'move' holds another word than joined and left")
            persons += column_of(rows, "person", path).cast(pa.string()).chunks
            leaves.append(leaves_of(rows, dimensions, path))
            joined = pc.equal(move, "joined").to_numpy().astype(np.bool_)
            changes.append(np.where(joined, 1, -1))
            releases.append(np.full(rows.num_rows, number, dtype=np.int64))
        named = pa.chunked_array(persons, pa.string()).combine_chunks().dictionary_encode()
        if named.null_count:
            raise CheckFailed("moves: a person is missing")
        self._person = np.asarray(named.indices, dtype=np.int64)
        self._people = len(named.dictionary)
        none = np.empty(0, dtype=np.int64)
        self._release, self._leaf, self._change = (
            np.concatenate([none, *parts]) for parts in (releases, leaves, changes)
        )
        self._releases, self._dimensions = len(files), dimensions
        self._shape = tuple(len(one.codes) for one in dimensions)

    @property
    def releases(self) -> int:
        """How many releases there are after the first."""
        return self._releases

    def of(self, release: int) -> Ints:
        """By how many more each leaf cell counts in a release than in the one before, one axis a dimension."""
        change = np.zeros(self._shape, dtype=np.int64)
        now = self._release == release
        np.add.at(change.reshape(-1), self._leaf[now], self._change[now])
        return change

    def between(self, earlier: int, later: int) -> Apart:
        """By whom two releases differ."""
        within = (self._release > earlier) & (self._release <= later)
        cells = int(np.prod(self._shape))
        key, net = net_of(self._person[within] * cells + self._leaf[within], self._change[within])
        key, net = key[net != 0], net[net != 0]
        person, leaf = key // cells, key % cells
        twice = np.diff(np.sort(2 * person + (net > 0)), prepend=-1) == 0
        if np.any(np.abs(net) > 1) or np.any(twice):
            raise CheckFailed("moves: somebody joins or leaves a cell twice, or stands in two")
        row, cell = above_leaves(leaf, self._dimensions)
        key, net = net_of(cell * max(self._people, 1) + person[row], net[row])
        key, net = key[net != 0], net[net != 0]
        return Apart(key // max(self._people, 1), key % max(self._people, 1), net, self._people)


def net_of(key: Ints, change: Ints) -> tuple[Ints, Ints]:
    """Each key once, ascending, with what its changes come to."""
    order = np.argsort(key, kind="stable")
    key, change = key[order], change[order]
    first = np.flatnonzero(np.diff(key, prepend=-1))
    return key[first], np.add.reduceat(change, first) if first.size else change

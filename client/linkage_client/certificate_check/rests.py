"""Who is not under a code: where a person may stand under several codes, readers take each code from its whole."""

from __future__ import annotations

import numpy as np

from linkage_client.certificate_check.dimensions import Dimension, Ints
from linkage_client.certificate_check.fault import CheckFailed
from linkage_client.certificate_check.rules import CountRules, Flags


class Rests:
    """The rest of each whole beside each of its codes, along dimensions whose codes do not add up.

    Args:
        counts: true counts, one axis a dimension.
        dimensions: of the table.

    Raises:
        CheckFailed: a code counts more persons than its whole.

    Attributes:
        values: the rests, flat, pair of codes after pair.
        wholes: the count that each is a rest of.
    """

    def __init__(self, counts: Ints, dimensions: list[Dimension]) -> None:
        self._pairs = [(axis, *pair) for axis, own in enumerate(dimensions) for pair in own.covers]
        self._shape = counts.shape
        values, wholes = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
        for axis, whole, part in self._pairs:
            along = np.moveaxis(counts, axis, 0)
            values.append((along[whole] - along[part]).ravel())
            wholes.append(along[whole].ravel())
        self.values, self.wholes = np.concatenate(values), np.concatenate(wholes)
        if np.any(self.values < 0):
            raise CheckFailed("truth: a code counts more persons than the code above it")

    def changes(self, move: Ints, cell: Ints, change: Ints) -> tuple[Ints, Ints, Ints]:
        """What moves do to rests: (move, number of the rest, change), one an entry.

        Args:
            move, cell, change: entries of the moves.
        """
        keys, changes = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
        first = 0
        for axis, whole, part in self._pairs:
            stride = int(np.prod(self._shape[axis + 1 :]))
            code = cell // stride % self._shape[axis]
            line = cell // (stride * self._shape[axis]) * stride + cell % stride
            for own, sign in ((whole, 1), (part, -1)):
                at = code == own
                keys.append(move[at] * max(self.values.size, 1) + first + line[at])
                changes.append(sign * change[at])
            first += int(np.prod(self._shape)) // self._shape[axis]
        key, place = np.unique(np.concatenate(keys), return_inverse=True)
        net = np.zeros(key.size, dtype=np.int64)
        np.add.at(net, place, np.concatenate(changes))
        key, net = key[net != 0], net[net != 0]
        return key // max(self.values.size, 1), key % max(self.values.size, 1), net

    def small(self, rules: CountRules) -> tuple[Flags, Flags]:
        """Rests that readers may not know, and those of them that must reach the threshold.

        Among few persons everybody knows that the rest is small: it has to be uncertain there, not large.
        """
        small = (self.values >= rules.smallest_shown) & (self.values < rules.threshold)
        return small, small & (self.wholes >= 2 * rules.threshold) & rules.reach

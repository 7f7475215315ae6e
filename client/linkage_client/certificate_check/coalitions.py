"""Looks for contributors who, with what they know of their own, come too close to another's part of a sum.

A coalition knows what its members give to each cell, which is the least that the cell can be where nothing is negative,
and knows a cell exactly that nobody else gives to. It comes too close to a target if it rules out every move that the
target is proved by: each asks for a multiple that takes the target as far up as the p per cent rule demands against
this coalition.

The search is complete. A coalition that rules out one certain move has a member who does so alone, or two who do so
together in one of its cells; few do, and each of these few is tried against all other moves.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from linkage_client.certificate_check.contributors import Given
from linkage_client.certificate_check.dimensions import Ints
from linkage_client.certificate_check.rules import Flags

Coalition = frozenset[int]


@dataclass(frozen=True, slots=True)
class Proof:
    """A move as the proof of one target.

    Args:
        cells, changes: of the move, turned so that the target rises.
        step: how far the target rises with each multiple.
        most: the largest multiple that every reader holds possible.
    """

    cells: tuple[int, ...]
    changes: tuple[int, ...]
    step: int
    most: int


class Coalitions:
    """What contributors know.

    Args:
        given: who gives what.
        values: true sums, flat.
        tells: cells that cannot be negative, of which an own part tells the least.
        p_percent: how closely nobody may be estimated.
        size: so many pool what they know, 1 or 2.
    """

    def __init__(self, given: Given, values: Ints, *, tells: Flags, p_percent: int, size: int) -> None:
        self._given, self._values, self._tells = given, values, tells
        self._p_percent, self._size = p_percent, size
        self._own = cache(self._own_parts)

    def too_close(self, target: int, proofs: Sequence[Proof]) -> bool:
        """Whether some coalition rules out all proofs of a target."""
        sizes = sorted((abs(amount) for amount in self._own(target).values()), reverse=True)
        between = sum(sizes[self._size + 1 :])
        most = -(-self._p_percent * sizes[0] // 100) - between if sizes else 0
        if most <= 0:
            return False
        far = [proof for proof in proofs if proof.step * proof.most >= most]
        if not far:
            return True
        for coalition in self._candidates(target, proofs, far, most):
            needed = self._needed(target, coalition)
            if needed > 0 and not any(self._holds(proof, coalition, needed) for proof in proofs):
                return True
        return False

    def _candidates(self, target: int, proofs: Sequence[Proof], far: Sequence[Proof], most: int) -> Iterator[Coalition]:
        """Every coalition that rules out the first of the far proofs, and possibly all proofs."""
        first = far[0]
        for one in self._breakers(first, most, ()):
            alone = frozenset((one,))
            yield alone
            if self._size == 1:
                continue
            reach = most
            partners: list[int] = []
            if not any(self._holds(proof, alone, reach) for proof in far):
                # Another may take its own part of the target away, or the shorter way that is left to this one.
                partners, reach = list(self._own(target)), self._needed(target, alone)
            left = next((proof for proof in proofs if self._holds(proof, alone, reach)), None)
            if left is not None and reach > 0:
                partners += self._breakers(left, reach, (one,))
            yield from (frozenset((one, other)) for other in partners if other != one)
        if self._size > 1:
            yield from self._pairs(first, most)

    def _breakers(self, proof: Proof, reach: int, inside: tuple[int, ...]) -> Iterator[int]:
        """Contributors who rule out a proof together with those who are inside already."""
        for cell, left in self._left(proof, reach):
            own = self._own(cell)
            others = [who for who in own if who not in inside]
            if len(others) == 1:
                yield others[0]
            known = sum(own.get(who, 0) for who in inside)
            for who in others if left is not None else ():
                if left is None or own[who] + known <= left:
                    break
                yield who

    def _pairs(self, proof: Proof, reach: int) -> Iterator[Coalition]:
        """Two contributors who rule out a proof together in one cell."""
        for cell, left in self._left(proof, reach):
            own = list(self._own(cell).items())
            if len(own) == 2:
                yield frozenset((own[0][0], own[1][0]))
            for place, (who, amount) in enumerate(own if left is not None else ()):
                for other, another in own[place + 1 :]:
                    if left is None or amount + another <= left:
                        break
                    yield frozenset((who, other))

    def _left(self, proof: Proof, reach: int) -> Iterator[tuple[int, int | None]]:
        """The cells of a proof, each with what is left of it if it falls, where own parts tell anything."""
        times = -(-reach // proof.step)
        for cell, change in zip(proof.cells, proof.changes, strict=True):
            falls = change < 0 and self._tells[cell]
            yield cell, int(self._values[cell]) + times * change if falls else None

    def _holds(self, proof: Proof, coalition: Coalition, reach: int) -> bool:
        if proof.step * proof.most < reach:
            return False
        for cell, left in self._left(proof, reach):
            own = self._own(cell)
            if coalition.issuperset(own):
                return False
            if left is not None and left < sum(own.get(who, 0) for who in coalition):
                return False
        return True

    def _needed(self, target: int, coalition: Coalition) -> int:
        others = [abs(amount) for who, amount in self._own(target).items() if who not in coalition]
        if not others:
            return 0
        return -(-self._p_percent * max(others) // 100) - (sum(others) - max(others))

    def _own_parts(self, cell: int) -> dict[int, int]:
        """What each contributor gives to a cell, the most first."""
        entries = slice(self._given.start[cell], self._given.start[cell + 1])
        who, amount = self._given.who[entries], self._given.amount[entries]
        order = np.argsort(-amount, kind="stable")
        return dict(zip(who[order].tolist(), amount[order].tolist(), strict=True))

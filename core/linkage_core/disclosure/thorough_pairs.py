"""Which two contributors together rule out every move that a sum is proved by, whoever they are.

Two rule out a move if what they give to a cell that it lowers is more than it leaves there, or if nobody else gives to
one of its cells. So whoever rules out a first move holds much of one of its cells: few do, and only they are tried.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from linkage_core.disclosure.cell_system import CellSystem, Ints
from linkage_core.disclosure.evidence import Move
from linkage_core.disclosure.insiders import Coalition, Insiders, Wanted
from linkage_core.disclosure.sum_witnesses import KeptMoves


def further_pairs(system: CellSystem, targets: Ints, insiders: Insiders, kept: KeptMoves) -> Wanted:
    """Pairs that rule out all that is kept for a target, one a target, and how far up they should hold it possible."""
    pairs = _ThoroughPairs(system, insiders)
    found: Wanted = {}
    for target in targets.tolist() if insiders.coalition > 1 else ():
        if (left := pairs.left(target, kept.moves_of(target))) is not None:
            found.setdefault(left[0], {})[target] = left[1]
    return found


class _ThoroughPairs:
    """Pairs against whom moves prove nothing.

    Args:
        system: sums as any reader sees them.
        insiders: who knows what.
    """

    def __init__(self, system: CellSystem, insiders: Insiders) -> None:
        self._system, self._insiders = system, insiders
        self._parts: dict[int, dict[int, int]] = {}

    def left(self, target: int, moves: Sequence[Move]) -> tuple[Coalition, int] | None:
        """A pair that rules out all moves of a target, and how far up it should hold the target possible."""
        sizes = {who: abs(amount) for who, amount in self._of(target).items()}
        largest = sorted(sizes, key=lambda who: -sizes[who])[1:3]
        furthest = self._insiders.needed(sizes, tuple(largest))
        if furthest <= 0 or not moves:
            return None
        shortest = sorted(moves, key=lambda move: move.names.size)
        for pair in self._suspects(target, shortest, furthest):
            needed = self._insiders.needed(sizes, pair)
            if needed > 0 and not any(self._leaves(move, target, needed, pair) for move in shortest):
                return pair, needed
        return None

    def _suspects(self, target: int, moves: Sequence[Move], furthest: int) -> Iterator[Coalition]:
        """Every pair that rules out the first move that goes far enough."""
        first = next((move for move in moves if _times(move, target, furthest)), moves[0])
        seen: set[Coalition] = set()
        alone: set[int] = set()
        for cell, rest in self._lowered(first, target, furthest):
            own = sorted(self._of(cell).items(), key=lambda one: -one[1])
            for place, (who, amount) in enumerate(own):
                if len(own) > 2 and (rest is None or amount + own[0 if place else 1][1] <= rest):
                    break
                if who not in alone and (len(own) == 1 or (rest is not None and amount > rest)):
                    alone.add(who)
                    seen.update(_pair(who, other) for other in self._partners(who, target, moves, furthest))
                for other, another in own[place + 1 :]:
                    if len(own) > 2 and (rest is None or amount + another <= rest):
                        break
                    seen.add(_pair(who, other))
        yield from sorted(seen)

    def _partners(self, who: int, target: int, moves: Sequence[Move], furthest: int) -> set[int]:
        """Those with whom a contributor may rule out all moves: they rule out the first that is left without them."""
        left = next((move for move in moves if self._leaves(move, target, furthest, (who,))), None)
        if left is None:
            return self._insiders.everybody - {who}
        found: set[int] = set()
        for cell, rest in self._lowered(left, target, furthest):
            own = self._of(cell)
            known = own.get(who, 0)
            others = own.keys() - {who}
            found |= others if len(others) == 1 else set()
            found |= {one for one in others if rest is not None and own[one] + known > rest}
        return found

    def _leaves(self, move: Move, target: int, reach: int, pair: Coalition) -> bool:
        if not _times(move, target, reach):
            return False
        for cell, rest in self._lowered(move, target, reach):
            own = self._of(cell)
            if set(own) <= set(pair) or (rest is not None and rest < sum(own.get(who, 0) for who in pair)):
                return False
        return True

    def _lowered(self, move: Move, target: int, reach: int) -> Iterator[tuple[int, int | None]]:
        """Cells of a move; with what is left of those that it lowers, where a part tells of the whole."""
        times = _times(move, target, reach)
        for cell, step in zip(move.names.tolist(), move.step.tolist(), strict=True):
            lowers = times * step < 0 and self._system.at_least[cell] >= 0
            yield cell, int(self._system.values[cell]) + times * step if lowers else None

    def _of(self, cell: int) -> dict[int, int]:
        if cell not in self._parts:
            self._parts[cell] = self._insiders.parts(cell)
        return self._parts[cell]


def _times(move: Move, target: int, reach: int) -> int:
    """The multiple of a move that raises a target so far; 0 where the move does not."""
    step = int(move.step[move.names == target][0])
    times = -(-reach // abs(step)) * (1 if step > 0 else -1)
    return times if move.factors[0] <= times <= move.factors[-1] else 0


def _pair(one: int, other: int) -> Coalition:
    return (one, other) if one < other else (other, one)

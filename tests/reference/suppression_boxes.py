"""Twin of kernels/suppression_boxes.pyx: every box is written out, and the cheapest is picked.

Slow, and with nothing pruned; follows the definitions of the kernel's stub.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import prod

FINE = 5040
MANY_PAIRS, MOST_PICKED, MOST_BOXES, MOST_BENT, DETOURS = 1024, 4, 8, 96, 3
FAR = (1 << 14) - 1
Change = dict[int, int]


@dataclass
class Move:
    lowest: int
    highest: int
    change: Change


@dataclass
class Twin:
    """The search of boxes in one table.

    Args:
        below: for each axis, for each code, the leaves under it; leaves first.
        room, price, sensitive, reach: one a cell.
        blank: one a cell, changed.
        candidates, keep, bends: as in the kernel.
    """

    below: Sequence[Sequence[Sequence[int]]]
    room: Sequence[int]
    price: Sequence[int]
    reach: Sequence[int]
    blank: list[bool]
    candidates: int
    keep: int
    bends: int = 0
    moves: list[Move] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sizes = [len(axis) for axis in self.below]
        self.strides = [prod(self.sizes[place + 1 :]) for place in range(len(self.sizes))]
        self.up = [0] * prod(self.sizes)
        self.down, self.high = self.up.copy(), self.up.copy()

    def prove(self, targets: Iterable[int], *, opening: bool) -> None:
        for target in targets:
            if self.blank[target] and self.unmet(target):
                self._prove_one(target, opening=opening)

    def unmet(self, cell: int) -> bool:
        return self.reach[cell] >= 0 and (self.high[cell] < self.reach[cell] or self._missing(cell) > 0)

    def _missing(self, cell: int) -> int:
        return self.candidates - 1 - self.up[cell] - self.down[cell] - (self.high[cell] > self.up[cell])

    def _prove_one(self, target: int, *, opening: bool) -> None:
        moved: Change = {}
        total = 0
        if self.room[target] < 0:
            return
        for number in range(MOST_BOXES):
            if not self.unmet(target):
                break
            missing, rest = self._missing(target), 0
            if self.high[target] < self.reach[target]:
                rest = max(self.reach[target] - total, 0)
                if rest == 0 and total > self.up[target] and self.high[target] <= self.up[target]:
                    missing -= 1
            if rest == 0 and missing <= 0:
                break
            wanted = _Wanted(rest, max(rest, missing), self.up[target], self.down[target], number == MOST_BOXES - 1)
            box = self._found(target, wanted, moved if rest else {}, opening=opening)
            if box is None:
                break
            for cell in box:
                self.blank[cell] = True
            rise, fall = self._rooms(box, {})
            if rest:
                amount = min(rest, self._rooms(box, moved)[0])
                for cell, change in box.items():
                    moved[cell] = moved.get(cell, 0) + amount * change
                total += amount
            self._record(Move(-fall, rise, box))
        if self.high[target] < self.reach[target] <= total:
            self._record(Move(0, 1, {cell: change for cell, change in moved.items() if change}))

    def _record(self, move: Move) -> None:
        self.moves.append(move)
        for cell, change in move.change.items():
            ends = sorted((change * move.lowest, change * move.highest))
            self.high[cell] = max(self.high[cell], ends[1])
            if abs(change) == 1:
                self.up[cell] = max(self.up[cell], ends[1])
                self.down[cell] = max(self.down[cell], -ends[0])

    def _rooms(self, change: Change, moved: Change) -> tuple[int, int]:
        """How many times a change can be added and taken away."""
        rise = [(min(self.room[c], FAR - 1) + min(moved.get(c, 0), 0)) // -by for c, by in change.items() if by < 0]
        fall = [min(self.room[c], FAR - 1) // by for c, by in change.items() if by > 0]
        return min(rise, default=FAR), min(fall, default=FAR)

    def _key(
        self, change: Change, wanted: _Wanted, moved: Change, *, opening: bool, rest: _Rest | None = None
    ) -> int | None:
        """What a change costs for what it gives; None where it is not allowed or gives nothing."""
        if any(self.room[cell] < 0 or not (opening or self.blank[cell]) for cell in change):
            return None
        if rest and rest.target in change:
            return None
        rise, fall = self._rooms(change, moved)
        paid: Change = {}
        cost = 0
        if rest:
            rise, fall = (fall, rise) if rest.against else (rise, fall)
            rise, fall = min(rise, rest.rise), min(fall, rest.fall)
            paid, cost = rest.box, rest.cost
        gain = wanted.gain(rise, fall)
        cost += self._cost(set(change) - set(paid))
        return (cost + 1) * FINE // gain if gain > 0 else None

    def _cost(self, cells: Iterable[int]) -> int:
        return sum(self.price[cell] for cell in cells if not self.blank[cell])

    def _found(self, target: int, wanted: _Wanted, moved: Change, *, opening: bool) -> Change | None:
        """The cheapest box bent, or a better one without the dearest cell of that, and so on."""
        best = self._cheapest(target, wanted, moved, opening=opening)
        if best is None or not opening or not self.bends or len(best) > MOST_BENT:
            return best
        best = self._bent(target, best, wanted, moved)
        key = self._key(best, wanted, moved, opening=True)
        room = self.room
        for _ in range(DETOURS):
            dear = [(self.price[cell], cell) for cell in best if not self.blank[cell] and self.room[cell] >= 0]
            if not dear:
                break
            self.room = [-1 if cell == max(dear)[1] else own for cell, own in enumerate(self.room)]
            other = self._cheapest(target, wanted, moved, opening=True)
            if other is None or len(other) > MOST_BENT:
                break
            other = self._bent(target, other, wanted, moved)
            new = self._key(other, wanted, moved, opening=True)
            if key is not None and new is not None and new < key:
                best, key = other, new
        self.room = room
        return best

    def _bent(self, target: int, box: Change, wanted: _Wanted, moved: Change) -> Change:
        """Lead the box around its dear corners, each by a second box that takes the corner out."""
        limit = None
        for _ in range(self.bends):
            dear = [(self.price[c], c) for c, by in box.items() if not self.blank[c] and c != target and abs(by) == 1]
            dear = [one for one in dear if limit is None or one < limit]
            if not dear:
                break
            _, corner = max(dear)
            other = {cell: by for cell, by in box.items() if cell != corner}
            old = self._key(box, wanted, moved, opening=True)
            assert old is not None, "it was found by its key"
            rooms = self._rooms(other, moved)
            rest = _Rest(target, box, self._cost(other), *rooms, against=box[corner] > 0, below=old)
            second = self._cheapest(corner, wanted, moved, opening=True, rest=rest)
            limit = max(dear)
            if second is None or len(second) > MOST_BENT:
                continue
            both = {c: box.get(c, 0) - box[corner] * second.get(c, 0) for c in {*box, *second}}
            both = {cell: by for cell, by in both.items() if by}
            new = self._key(both, wanted, moved, opening=True)
            if len(both) <= MOST_BENT and new is not None and new < old:
                box, limit = both, None
        return box

    def _cheapest(
        self, target: int, wanted: _Wanted, moved: Change, *, opening: bool, rest: _Rest | None = None
    ) -> Change | None:
        per_axis = []
        for axis in range(len(self.sizes)):
            code = target // self.strides[axis] % self.sizes[axis]
            line = target - code * self.strides[axis]
            ranked: list[tuple[int, bool, dict[int, int]]] = []
            for leaf, partner in self._pairs(axis, code, line):
                step = self._step(axis, leaf, partner)
                on_line = {line + c * self.strides[axis]: sign for c, sign in step.items() if c != code}
                key = self._key(on_line, wanted, moved, opening=opening, rest=rest)
                if key is not None:
                    ranked.append((key, partner is None, step))
            ranked.sort(key=lambda one: one[0])
            steps = [step for _, _, step in ranked[: self.keep]]
            alone = [step for _, is_alone, step in ranked if is_alone]
            if len(steps) == self.keep and alone:
                steps.append(alone[0])
            per_axis.append((len(steps), axis, steps))
        best: tuple[int, Change] | None = None
        per_axis.sort(key=lambda one: one[:2])
        for choice in product(*(steps for _, _, steps in per_axis)):
            box = {0: 1}
            for (_, axis, _), step in zip(per_axis, choice, strict=True):
                box = {
                    cell + c * self.strides[axis]: sign * own for cell, sign in box.items() for c, own in step.items()
                }
            # A corner that is led around stays as it is, so its own room does not count.
            moving = {cell: by for cell, by in box.items() if not rest or cell != target}
            key = self._key(moving, wanted, moved, opening=opening, rest=rest)
            if key is not None and (best is None or key < best[0]) and (rest is None or key < rest.below):
                best = key, box
        return best[1] if best else None

    def _pairs(self, axis: int, code: int, line: int) -> list[tuple[int, int | None]]:
        under = list(self.below[axis][code])
        leaves = [c for c, own in enumerate(self.below[axis]) if list(own) == [c]]
        outside = [leaf for leaf in leaves if leaf not in under]
        alone: list[tuple[int, int | None]] = [(leaf, None) for leaf in under]
        if len(under) * len(outside) > MANY_PAIRS:
            cells = {leaf: line + leaf * self.strides[axis] for leaf in under}
            under = [leaf for leaf in under if self.room[cells[leaf]] >= 0]
            under.sort(key=lambda leaf: 0 if self.blank[cells[leaf]] else self.price[cells[leaf]])
            under = under[:MOST_PICKED]
        return alone + [(leaf, partner) for leaf in under for partner in outside]

    def _step(self, axis: int, leaf: int, partner: int | None) -> dict[int, int]:
        """Codes that change when one leaf rises by one and another falls by one."""
        change: dict[int, int] = {}
        for code, under in enumerate(self.below[axis]):
            if by := (leaf in under) - (partner in under):
                change[code] = by
        return change


@dataclass(frozen=True)
class _Wanted:
    rest: int
    goal: int
    have_up: int
    have_down: int
    whole: bool

    def gain(self, rise: int, fall: int) -> int:
        if self.rest and rise < self.rest:
            return 0 if self.whole else rise
        if self.rest:
            return min(rise + fall, self.goal)
        new = max(rise, self.have_up) + max(fall, self.have_down) - self.have_up - self.have_down
        return min(new, self.goal)


@dataclass(frozen=True)
class _Rest:
    """A box around a target without the corner that is led around: cost, room that is left, and the key to undercut."""

    target: int
    box: Change
    cost: int
    rise: int
    fall: int
    against: bool
    below: int

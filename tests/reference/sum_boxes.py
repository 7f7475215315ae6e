"""Twin of kernels/sum_boxes.pyx: all boxes around a cell, and what a coalition leaves of one.

Slow, and with nothing pruned; knows every contribution, where the kernel knows the largest of each cell.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from math import prod

Box = dict[int, int]
Contributions = Mapping[int, Mapping[int, int]]
"""For each cell, what each contributor gives to it."""


def boxes(below: Sequence[Sequence[Sequence[int]]], target: int) -> Iterator[Box]:
    """Every box around a cell, as changes of cells: on each axis a leaf goes up, and another down or none.

    Args:
        below: for each axis, for each code, the leaves under it; leaves first.
        target: cell that rises by one.
    """
    sizes = [len(axis) for axis in below]
    strides = [prod(sizes[place + 1 :]) for place in range(len(sizes))]
    steps = [list(_steps(axis, target // stride % len(axis))) for axis, stride in zip(below, strides, strict=True)]
    for choice in product(*steps):
        box = {0: 1}
        for step, stride in zip(choice, strides, strict=True):
            box = {cell + code * stride: sign * own for cell, sign in box.items() for code, own in step.items()}
        yield box


def _steps(axis: Sequence[Sequence[int]], code: int) -> Iterator[dict[int, int]]:
    for leaf in axis[code]:
        others = [None, *(own[0] for own in axis if len(own) == 1 and own[0] not in axis[code])]
        for other in dict.fromkeys(others):
            step = {c: (leaf in own) - (other in own) for c, own in enumerate(axis)}
            yield {c: sign for c, sign in step.items() if sign}


def room_of(box: Box, room: Sequence[int]) -> tuple[int, int] | None:
    """How far a box may be added and taken away; None where a cell must not move."""
    if any(room[cell] < 0 for cell in box):
        return None
    far = 1 << 60
    rise = min((room[cell] for cell, sign in box.items() if sign < 0), default=far)
    return rise, min((room[cell] for cell, sign in box.items() if sign > 0), default=far)


def leaves_room(box: Box, coalition: Sequence[int], reach: int, *, room: Sequence[int], given: Contributions) -> bool:
    """Whether a box can be added `reach` times as far as a coalition knows."""
    for cell, sign in box.items():
        if room[cell] < 0 or set(given[cell]) <= set(coalition):
            return False
        if sign < 0 and room[cell] - sum(given[cell].get(who, 0) for who in coalition) < reach:
            return False
    return True

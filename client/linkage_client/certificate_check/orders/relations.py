"""What every reader knows of cells beside their numbers: totals and levels, sets within sets, the calendar, classes.

A relation says: whole - part - part - ... = rest. The rest is 0 where the parts make up the whole; else it is a number
that nobody prints and anybody may work out, and it is not negative.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from linkage_client.certificate_check.dimensions import Ints
from linkage_client.certificate_check.fault import CheckFailed
from linkage_client.certificate_check.orders.evidence import Side
from linkage_client.certificate_check.rules import Flags


@dataclass(frozen=True, slots=True)
class Relations:
    """All relations of one kind of cells, one after the other.

    Args:
        whole: cell of each relation.
        starts, parts: relation r has the parts [starts[r], starts[r + 1]).
        rest: of each; `may_rest` where it need not be 0.
    """

    whole: Ints
    starts: Ints
    parts: Ints
    rest: Ints
    may_rest: Flags

    def by_cell(self, cells: int) -> tuple[Ints, Ints, Ints]:
        """For each cell the relations that it is in: (starts, relation, sign), + of wholes and - of parts."""
        of_part = np.repeat(np.arange(self.whole.size), np.diff(self.starts))
        cell = np.concatenate([self.whole, self.parts])
        order = np.argsort(cell, kind="stable")
        relation = np.concatenate([np.arange(self.whole.size), of_part])[order]
        sign = np.concatenate([np.ones(self.whole.size, np.int64), np.full(self.parts.size, -1, np.int64)])[order]
        return np.concatenate([[0], np.cumsum(np.bincount(cell, minlength=cells))]), relation, sign

    def changes(self, move: Ints, cell: Ints, change: Ints, *, cells: int) -> tuple[Ints, Ints, Ints]:
        """What moves do to rests: (move, relation, change), each pair once and only where something changes.

        Args:
            move, cell, change: which move changes which cell by how much; one an entry.
            cells: how many there are.
        """
        starts, relation_of, sign = self.by_cell(cells)
        many = starts[cell + 1] - starts[cell]
        entry = np.repeat(np.arange(cell.size), many)
        within = np.arange(entry.size) - np.repeat(np.cumsum(many) - many, many)
        place = starts[cell[entry]] + within
        key = move[entry] * max(self.rest.size, 1) + relation_of[place]
        different, number = np.unique(key, return_inverse=True)
        net = np.zeros(different.size, np.int64)
        np.add.at(net, number, sign[place] * change[entry])
        different, net = different[net != 0], net[net != 0]
        return different // max(self.rest.size, 1), different % max(self.rest.size, 1), net

    def rest_of(self, values: Ints) -> Ints:
        """What is left of each whole beside its parts, by other numbers of the cells."""
        return _rests(values, self.whole, np.diff(self.starts), self.parts)

    def everywhere(self, cells: Flags) -> Flags:
        """Relations of which every member is one of some cells."""
        inside = np.zeros(self.whole.size, np.int64)
        np.add.at(inside, np.repeat(np.arange(self.whole.size), np.diff(self.starts)), cells[self.parts])
        return np.asarray((inside == np.diff(self.starts)) & cells[self.whole])


EVERYBODY = "population"
"""Name of the set of all persons."""

_Found = Iterator[tuple[Ints, Ints, bool]]
"""Wholes, parts (one row a whole), and whether something may be left over."""


def relations_of_persons(side: Side, plan: Mapping[str, Any], small: Callable[[Ints], Flags]) -> Relations:
    """Everything that ties counts of persons.

    Args:
        small: which counts are few: such a rest between sets far apart counts too.

    Raises:
        CheckFailed: the counts do not add up.
    """
    splits = [(one["whole_key"], tuple(one["part_keys"])) for one in plan["splits"]]
    splits += _within_lines(plan, splits)
    found = [
        *_margins(side, negative=False),
        *_splits(side, splits),
        *_far(side, splits, small),
        *_everybody(side, splits, small),
        *_nestings(side, plan["nestings"]),
        *_periods(side, plan["period_parts"]),
        *_classes(side, plan["class_sums"]),
    ]
    return _together(side, found)


def relations_of_sums(side: Side, plan: Mapping[str, Any]) -> Relations:
    """Everything that ties sums.

    Raises:
        CheckFailed: the sums do not add up.
    """
    splits = [(one["whole_key"], tuple(one["part_keys"])) for one in plan["splits"]]
    found = [
        *_margins(side, negative=bool(np.any(side.values < 0))),
        *_splits(side, splits),
        *_nestings(side, plan["nestings"]),
        *_periods(side, plan["period_parts"]),
    ]
    return _together(side, found)


def _together(side: Side, found: Sequence[tuple[Ints, Ints, bool]]) -> Relations:
    none = np.empty(0, np.int64)
    whole = np.concatenate([none, *(own for own, _, _ in found)])
    parts = np.concatenate([none, *(own.ravel() for _, own, _ in found)])
    sizes = np.concatenate([none, *(np.full(len(own), own.shape[1]) for _, own, _ in found)])
    may_rest = np.concatenate([np.empty(0, np.bool_), *(np.full(len(own), may) for own, _, may in found)])
    starts = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    rest = _rests(side.values, whole, sizes, parts)
    wrong = np.flatnonzero(np.where(may_rest, rest < 0, rest != 0))
    if wrong.size:
        raise CheckFailed(f"{side.in_words(int(whole[wrong[0]]))}: its parts do not add up to it")
    return Relations(whole, starts, parts, rest, may_rest)


def _rests(values: Ints, whole: Ints, sizes: Ints, parts: Ints) -> Ints:
    rest = values[whole].copy()
    np.subtract.at(rest, np.repeat(np.arange(whole.size), sizes), values[parts])
    return rest


def _margins(side: Side, *, negative: bool) -> _Found:
    for (key, names), block in side.blocks.items():
        for axis, name in enumerate(names):
            total = side.blocks[key, names[:axis] + names[axis + 1 :]]
            levels = np.moveaxis(block, axis, -1).reshape(total.size, -1)
            if not side.strata[name].several:
                yield total.ravel(), levels, False
            elif not negative:
                yield np.repeat(total.ravel(), levels.shape[1]), levels.reshape(-1, 1), True


def _splits(side: Side, splits: Sequence[tuple[str, tuple[str, ...]]]) -> _Found:
    for whole, parts in splits:
        for (key, names), block in side.blocks.items():
            counted = [side.blocks[part, names].ravel() for part in parts if (part, names) in side.blocks]
            if key == whole and counted:
                yield block.ravel(), np.stack(counted, axis=1), len(counted) < len(parts)


def _within_lines(
    plan: Mapping[str, Any], stated: Sequence[tuple[str, tuple[str, ...]]]
) -> list[tuple[str, tuple[str, ...]]]:
    """Who is counted is one of those who are counted among, and so is who gives to a sum that is divided by them."""
    known = {(whole, part) for whole, parts in stated for part in parts}
    givers = {one["sum_key"]: one["contributors_key"] for one in plan["sums"]}
    pairs = {
        (line["denominator_key"], part): None
        for line in plan["lines"]
        for part in (line["numerator_key"], givers.get(line["sum_key"], ""))
        if part and line["denominator_key"] not in ("", part)
    }
    return [(whole, (part, f"{whole} without {part}")) for whole, part in pairs if (whole, part) not in known]


def _far(side: Side, splits: Sequence[tuple[str, tuple[str, ...]]], small: Callable[[Ints], Flags]) -> _Found:
    """Sets within sets within sets, as far as few are in the outer and not in the inner one."""
    counted = {key for key, _ in side.blocks}
    around: dict[str, set[str]] = {}
    for whole, parts in splits:
        # With parts that are all counted there is no rest that nobody prints.
        if len(parts) == 1 or (len(parts) == 2 and parts[1] not in counted):
            around.setdefault(parts[0], set()).add(whole)
    for part, nearest in around.items():
        seen, left = set(nearest), list(nearest)
        while left:
            for farther in around.get(left.pop(), set()) - seen:
                seen.add(farther)
                left.append(farther)
                for (key, names), block in side.blocks.items():
                    if key == part and (farther, names) in side.blocks:
                        outer, inner = side.blocks[farther, names].ravel(), block.ravel()
                        few = small(side.values[outer] - side.values[inner])
                        yield outer[few], inner[few].reshape(-1, 1), True


def _everybody(side: Side, splits: Sequence[tuple[str, tuple[str, ...]]], small: Callable[[Ints], Flags]) -> _Found:
    """Sets within all persons that nothing stated ties to them: of one period, of one property of rows, of inhabitants.

    All persons stand under every period and property, so that few who are not in such a set are told by its number.
    """
    tied, parts_of = set[str](), dict[str, set[str]]()
    for whole, parts in splits:
        parts_of.setdefault(whole, set()).update(parts)
    left = [EVERYBODY]
    while left:
        if (whole := left.pop()) not in tied:
            tied.add(whole)
            left += parts_of.get(whole, ())
    strata = {name for key, names in side.blocks if key == EVERYBODY for name in names}
    for (key, names), block in side.blocks.items():
        shared = tuple(name for name in names if name in strata)
        if (EVERYBODY, shared) in side.blocks and not (key in tied and shared == names):
            persons = side.blocks[EVERYBODY, shared]
            outer = np.broadcast_to(
                persons.reshape([block.shape[axis] if name in strata else 1 for axis, name in enumerate(names)]),
                block.shape,
            ).ravel()
            inner = block.ravel()
            few = small(side.values[outer] - side.values[inner])
            yield outer[few], inner[few].reshape(-1, 1), True


def _nestings(side: Side, stated: Sequence[Mapping[str, Any]]) -> _Found:
    nestings = [(one["fine"], one["coarse"], dict(one["parents"])) for one in stated]
    for fine, coarse, parent in [*nestings, *_calendars(side)]:
        for (key, names), block in side.blocks.items():
            other = tuple(sorted({*names, coarse} - {fine}))
            if fine not in names or coarse in names or (key, other) not in side.blocks or side.strata[fine].several:
                continue
            parts = np.moveaxis(block, names.index(fine), 0)
            wholes = np.moveaxis(side.blocks[key, other], other.index(coarse), 0)
            for place, level in enumerate(side.strata[coarse].levels):
                within = [i for i, code in enumerate(side.strata[fine].levels) if parent.get(code) == level]
                if within:
                    yield wholes[place].ravel(), parts[within].reshape(len(within), -1).T, False


def _calendars(side: Side) -> Iterator[tuple[str, str, dict[str, str]]]:
    """Months within quarters and years, quarters within years, of strata that are named alike but for the unit."""
    for fine in side.strata.values():
        prefix, _, unit = fine.name.rpartition("_")
        for larger in {"month": ("quarter", "year"), "quarter": ("year",)}.get(unit, ()):
            coarse = side.strata.get(f"{prefix}_{larger}" if prefix else larger)
            if coarse is not None:
                spans = {level: _months(level) for level in coarse.levels}
                yield (
                    fine.name,
                    coarse.name,
                    {
                        inner: outer
                        for inner in fine.levels
                        for outer, (start, end) in spans.items()
                        if start <= _months(inner)[0] and _months(inner)[1] <= end and end > 0 < _months(inner)[0]
                    },
                )


def _months(code: str) -> tuple[int, int]:
    """First and last month of a period, from year 0; (0, 0) of what is none."""
    found = re.fullmatch(r"(\d{4})(?:-?(?:[QK]([1-4])|(\d{2})))?", code)
    if not found:
        return 0, 0
    january = int(found[1]) * 12 + 1
    if found[3]:
        return january + int(found[3]) - 1, january + int(found[3]) - 1
    return (january + 3 * int(found[2]) - 3, january + 3 * int(found[2]) - 1) if found[2] else (january, january + 11)


def _periods(side: Side, stated: Sequence[Mapping[str, Any]]) -> _Found:
    """Sets and sums of one period, within the whole at that period; amounts may exceed it where rows are reversed."""
    for one in stated:
        name = one["dimension"]
        for (key, names), block in side.blocks.items():
            around = tuple(sorted((*names, name)))
            if key == one["part_key"] and (one["whole_key"], around) in side.blocks:
                level = side.strata[name].levels.index(one["label"])
                whole = np.take(side.blocks[one["whole_key"], around], level, axis=around.index(name)).ravel()
                within = side.values[whole] >= side.values[block.ravel()]
                yield whole[within], block.ravel()[within].reshape(-1, 1), True


def _classes(side: Side, stated: Sequence[Mapping[str, Any]]) -> _Found:
    for one in stated:
        for (key, names), block in side.blocks.items():
            by_class = tuple(sorted((*names, one["axis"])))
            if key == one["set_key"] and one["inside"] and (one["persons_key"], by_class) in side.blocks:
                levels = side.strata[one["axis"]].levels
                classes = np.moveaxis(side.blocks[one["persons_key"], by_class], by_class.index(one["axis"]), -1)
                own = classes[..., [levels.index(words) for words in one["inside"]]]
                yield block.ravel(), own.reshape(block.size, -1), False

"""Classes that few persons are in are folded into their neighbours, before anything is hidden.

Decided by the counts of all strata together, so that classes are the same in every cell. What is folded may be nobody
or as many as twice the least count that is shown: that two classes are told as one does not prove either small.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from linkage.disclosure_policy import DisclosurePolicy
from linkage_core.class_table import ENDLESS, ClassKind, ClassSum, ClassTable, Ended, PersonClass, value_words
from linkage_core.counted_table import CountedTable, Dimension, PersonCube, Split

LEAST_SHARE_OF_A_BIN = 20
"""A bin of values has one in so many persons, or more."""

_ORDER = (Ended.EVENT, Ended.COMPETING, Ended.CENSORED, Ended.STILL_FOLLOWED)

Members = list[int]
"""Positions of the classes that are folded into one."""


def folded(table: CountedTable, policy: DisclosurePolicy) -> CountedTable:
    """The table with classes folded, and with sets that some classes make up tied to these."""
    if not table.classes:
        return table
    first = {one.axis: one for one in reversed(table.classes) if not one.dimensions}
    folds = {axis: _fold(one, _totals(table, one), policy) for axis, one in first.items()}
    cubes = tuple(_cube(cube, folds) for cube in table.person_cubes)
    sums: list[ClassSum] = []
    further: list[PersonCube] = []
    splits: list[Split] = []
    for one in table.class_sums:
        told = _told(one, folds[one.axis])
        if told.exact and told.inside == told.touching:
            sums.append(told)
            continue
        # Some of what these classes have, and all of what those have: two sets that nobody prints bound it.
        around = told._replace(set_key=f"{told.set_key}/at most", inside=told.touching)
        ends = [(around, Split(around.set_key, (told.set_key, f"{around.set_key} without {told.set_key}")))]
        if told.exact and told.inside:
            within = told._replace(set_key=f"{told.set_key}/at least")
            ends.append((within, Split(told.set_key, (within.set_key, f"{told.set_key} without {within.set_key}"))))
        for end, split in ends:
            if end.inside:
                sums.append(end._replace(touching=end.inside))
                splits.append(split)
                further += _added_up(end, cubes)
    return replace(
        table,
        person_cubes=(*cubes, *further),
        splits=(*table.splits, *splits),
        classes=tuple(replace(one, classes=folds[one.axis].classes) for one in table.classes),
        class_sums=tuple(sums),
    )


@dataclass(frozen=True, slots=True)
class _Fold:
    """What becomes of the classes of an axis: for each new class those that it takes in."""

    axis: str
    before: tuple[PersonClass, ...]
    classes: tuple[PersonClass, ...]
    members: tuple[Members, ...]


def _totals(table: CountedTable, told: ClassTable) -> list[int]:
    cube = next(
        cube
        for cube in table.person_cubes
        if cube.persons_key == told.persons_key and [axis.name for axis in cube.dimensions] == [told.axis]
    )
    return [int(persons) for persons in cube.persons[:-1]]


def _cube(cube: PersonCube, folds: dict[str, _Fold]) -> PersonCube:
    fold = folds.get(cube.dimensions[-1].name) if cube.dimensions else None
    if fold is None:
        return cube
    columns = [cube.persons[..., own].sum(axis=-1) for own in fold.members]
    axis = Dimension(fold.axis, tuple(one.words for one in fold.classes))
    persons = np.stack([*columns, cube.persons[..., -1]], axis=-1)
    return PersonCube(cube.persons_key, (*cube.dimensions[:-1], axis), persons)


def _told(one: ClassSum, fold: _Fold) -> ClassSum:
    words = [{fold.before[place].words for place in own} for own in fold.members]
    inside, touching = set(one.inside), set(one.touching)
    return one._replace(
        inside=tuple(new.words for new, own in zip(fold.classes, words, strict=True) if own and own <= inside),
        touching=tuple(new.words for new, own in zip(fold.classes, words, strict=True) if own & touching),
    )


def _added_up(told: ClassSum, cubes: Iterable[PersonCube]) -> Iterator[PersonCube]:
    for cube in cubes:
        if cube.persons_key == told.persons_key and cube.dimensions and cube.dimensions[-1].name == told.axis:
            own = [cube.dimensions[-1].levels.index(words) for words in told.inside]
            yield PersonCube(told.set_key, cube.dimensions[:-1], cube.persons[..., own].sum(axis=-1))


def _fold(told: ClassTable, totals: Sequence[int], policy: DisclosurePolicy) -> _Fold:
    enough = 2 * policy.minimum_cell
    if told.kind is ClassKind.PATHS:
        found = list(_paths(told.classes, totals, enough))
    elif told.kind is ClassKind.VALUES:
        enough = max(enough, -(-sum(totals) // LEAST_SHARE_OF_A_BIN))
        found = list(_values(told.classes, totals, enough, zero_shown=policy.zero_shown))
    else:
        found = _times(told, totals, enough, zero_shown=policy.zero_shown)
    return _Fold(told.axis, told.classes, tuple(one for one, _ in found), tuple(own for _, own in found))


def _values(
    classes: Sequence[PersonClass], totals: Sequence[int], enough: int, *, zero_shown: bool
) -> Iterator[tuple[PersonClass, Members]]:
    # That nobody is below 0 is no secret where zero is shown, and a median among few bins wants their ends known.
    places = [place for place, one in enumerate(classes) if one.upper > 0 or totals[place] or not zero_shown]
    for own in _gathered(places, classes, totals, enough):
        lower, upper = classes[own[0]].lower, classes[own[-1]].upper
        yield PersonClass(value_words(lower, upper), lower, upper, keep_upper=classes[own[-1]].keep_upper), own


def _gathered(
    places: Sequence[int],
    classes: Sequence[PersonClass],
    totals: Sequence[int],
    enough: int,
    *,
    zero_alone: bool = False,
) -> list[Members]:
    """Neighbours together until they have enough; the last go with those before. None across an end that is kept.

    Args:
        zero_alone: the last stand alone where nobody is in them.
    """
    found: list[Members] = []
    segment: list[Members] = []
    own: Members = []
    for place in places:
        own.append(place)
        if sum(totals[one] for one in own) >= enough:
            segment.append(own)
            own = []
        if classes[place].keep_upper or place == places[-1]:
            if own and segment and (not zero_alone or any(totals[one] for one in own)):
                segment[-1] += own
            elif own:
                segment.append(own)
            found += segment
            segment, own = [], []
    return found


def _times(
    told: ClassTable, totals: Sequence[int], enough: int, *, zero_shown: bool
) -> list[tuple[PersonClass, Members]]:
    """Each way to end in intervals of its own; the few who died go with those who left, and these with who stayed."""
    of: dict[Ended, Members] = {ended: [] for ended in Ended}
    for place, one in enumerate(told.classes):
        of[one.ended].append(place)
    names = {
        Ended.EVENT: told.event,
        Ended.COMPETING: "died",
        Ended.CENSORED: "left",
        Ended.STILL_FOLLOWED: "still_followed",
    }
    for few, into in ((Ended.COMPETING, Ended.CENSORED), (Ended.CENSORED, Ended.STILL_FOLLOWED)):
        # Nobody is few as well: that two are told as one does not prove that somebody is.
        if of[few] and sum(totals[place] for place in of[few]) < enough:
            of[into] = sorted(of[into] + of[few])
            names[into] = f"{names[into]}_or_{names[few]}"
            of[few] = []
    found = []
    for ended, places in of.items():
        gathered = [places]
        if ended is not Ended.STILL_FOLLOWED:
            gathered = _by_interval(places, told.classes, totals, enough, zero_shown=zero_shown)
        for own in gathered:
            lower, upper = min(told.classes[one].lower for one in own), max(told.classes[one].upper for one in own)
            last = "" if upper == ENDLESS else f"{upper:g}"
            words = f"days={lower:g}..{last};ended={names[ended]}"
            found.append((PersonClass(words, lower, upper, ended), own))
    return sorted(found, key=lambda one: (one[0].upper, one[0].lower, _ORDER.index(one[0].ended)))


def _by_interval(
    places: Sequence[int], classes: Sequence[PersonClass], totals: Sequence[int], enough: int, *, zero_shown: bool
) -> list[Members]:
    if not places:
        return []
    # Ways to end that go together have an interval each: whole intervals are gathered.
    intervals = [list(own) for _, own in groupby(places, key=lambda place: classes[place].upper)]
    ends = [classes[own[0]]._replace(keep_upper=any(classes[one].keep_upper for one in own)) for own in intervals]
    counts = [sum(totals[one] for one in own) for own in intervals]
    return [
        [place for interval in own for place in intervals[interval]]
        for own in _gathered(range(len(intervals)), ends, counts, enough, zero_alone=zero_shown)
    ]


def _paths(classes: Sequence[PersonClass], totals: Sequence[int], enough: int) -> Iterator[tuple[PersonClass, Members]]:
    """Rare paths together, those of each number of lines: how many reach a line is told as well."""
    for lines, group in groupby(range(len(classes)), key=lambda place: classes[place].lower):
        own = sorted(group, key=lambda place: (-totals[place], classes[place].words))
        rare = [place for place in own if totals[place] < enough]
        common = own[: len(own) - len(rare)]
        if rare and common and sum(totals[place] for place in rare) < enough:
            rare.insert(0, common.pop())
        yield from ((classes[place], [place]) for place in common)
        if rare:
            yield PersonClass(f"path=other of {lines:g}", lines, lines, rest=True), rare

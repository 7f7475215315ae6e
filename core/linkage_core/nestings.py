"""Which levels of one stratum fall apart into levels of another, read off the levels in which somebody is.

A reader who knows which hospital lies in which region adds up hospitals to find a hidden region, although nobody
crossed the two. What is so by accident in a small population is stated as well: it hides a little more and gives
nothing away.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain

from linkage_core.counted_table import Dimension, Meeting, Nesting


def nestings_of(meetings: Iterable[Meeting], dimensions: Mapping[str, Dimension]) -> tuple[Nesting, ...]:
    """The nestings of strata, both ways round.

    Args:
        meetings: of each two strata.
        dimensions: the strata, by name.
    """
    order = {name: place for place, name in enumerate(dimensions)}
    both = chain.from_iterable(map(_both_ways, meetings))
    found = (
        _nesting(dimensions[fine], dimensions[coarse], inner, outer)
        for fine, coarse, inner, outer in sorted(both, key=lambda one: (order[one[0]], order[one[1]]))
    )
    return tuple(nesting for nesting in found if nesting is not None)


def _both_ways(meeting: Meeting) -> Iterator[tuple[str, str, Sequence[str], Sequence[str]]]:
    """Names of a stratum and of the other, and their levels pair by pair."""
    one, other = zip(*meeting.pairs, strict=True) if meeting.pairs else ((), ())
    yield meeting.one, meeting.other, one, other
    yield meeting.other, meeting.one, other, one


def _nesting(
    fine: Dimension, coarse: Dimension, fine_levels: Sequence[str], coarse_levels: Sequence[str]
) -> Nesting | None:
    parents: dict[str, str] = {}
    # A fine level in two coarse ones does not tell; neither does a coarse level that has such a part.
    torn: set[str] = set()
    for inner, outer in zip(fine_levels, coarse_levels, strict=True):
        if parents.setdefault(inner, outer) != outer:
            torn |= {outer, parents[inner]}
    if torn.issuperset(coarse.levels):
        return None
    place = {level: number for number, level in enumerate(fine.levels)}
    pairs = zip(fine_levels, coarse_levels, strict=True)
    kept = sorted(((inner, outer) for inner, outer in pairs if outer not in torn), key=lambda one: place[one[0]])
    return Nesting(fine.name, coarse.name, tuple(kept)) if kept and len(coarse.levels) > 1 else None

"""Which sets of persons lie in which, block by block: the names that equal sets share, and wholes with their parts.

Sets of one family (the numerators of one indicator, the denominators of all) are compared with each other: a set that
lies inside another, such as "within 30 days" in "within 90 days", is a part of it, and the rest of the whole is a set
that anybody can compute. A set lies in another exactly where it does so in every block, so that no block's bits are
kept. A set over several periods has one mask a period; a family holds sets over the same periods only.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from linkage_core.counted_table import Split
from linkage_core.indicators.values import Bools
from linkage_core.kernels.person_sets import find_subsets
from linkage_core.person_sets import PersonSets

POPULATION = "population"


@dataclass(frozen=True, slots=True)
class Family:
    """Sets that are compared with each other.

    Args:
        names: of the sets, in the order in which they were met.
        content: position of each set's content among the distinct ones.
        inside: bool, distinct x distinct: whether everybody of the row's content is in the column's.
        empty: bool, one a distinct content: nobody is in it.
    """

    names: tuple[str, ...]
    content: npt.NDArray[np.intp]
    inside: Bools
    empty: Bools

    def merge(self, other: Family) -> Family:
        """The same sets over both blocks."""
        assert self.names == other.names
        if np.array_equal(self.content, other.content):
            return Family(self.names, self.content, self.inside & other.inside, self.empty & other.empty)
        both = self.content * len(other.inside) + other.content
        pairs, content = np.unique(both, return_inverse=True)
        here, there = pairs // max(len(other.inside), 1), pairs % max(len(other.inside), 1)
        inside = self.inside[np.ix_(here, here)] & other.inside[np.ix_(there, there)]
        return Family(self.names, np.asarray(content, np.intp), inside, self.empty[here] & other.empty[there])

    def shared_names(self, left_out: Collection[str]) -> dict[str, str]:
        """For each set, the name of the first that is equal to it."""
        equal = self.inside & self.inside.T
        first: dict[int, str] = {}
        shared = {}
        for name, content in zip(self.names, np.argmax(equal, axis=0)[self.content].tolist(), strict=True):
            if name not in left_out:
                shared[name] = first.setdefault(content, name)
        return shared

    def splits(self, names: Collection[str]) -> list[Split]:
        """Each of the sets and the smallest of them around it, as whole and part; equal sets are one another's whole.

        Where a set lies in another and all of it is printed as many, a reader knows that they are equal everywhere.
        """
        content = dict(zip(self.names, self.content.tolist(), strict=True))
        own = [content[name] for name in names]
        # By distinct content: a grid of thousands of days has as many sets, most of them equal or in a chain.
        strictly = self.inside & ~self.inside.T
        asked = np.zeros(len(strictly), np.bool_)
        asked[own] = True
        by_size = np.argsort(strictly.sum(axis=0), kind="stable")
        smallest = {part: _smallest_around(part, strictly, asked, by_size) for part in dict.fromkeys(own)}
        places: dict[int, list[int]] = {}
        for place, part in enumerate(own):
            places.setdefault(part, []).append(place)
        named = list(names)
        # That nobody is in two sets is known from their zeros.
        equal = [
            Split(named[own[0]], (named[other],))
            for which, own in places.items()
            if not self.empty[which]
            for other in own[1:]
        ]
        return equal + [
            Split(named[whole], (name, f"{named[whole]} without {name}"))
            for name, part in zip(named, own, strict=True)
            for whole in sorted(place for around in smallest[part] for place in places[around])
        ]


def _smallest_around(part: int, strictly: Bools, asked: Bools, by_size: npt.NDArray[np.intp]) -> list[int]:
    """Contents that hold all of a part and more, without those that hold another such content.

    Args:
        strictly: bool, distinct x distinct: everybody of the row's content is in the column's, which has others, too.
        asked: bool, one a content: whether it is among those asked about.
        by_size: contents, none before one that lies in it.
    """
    left = strictly[part] & asked
    found = []
    for content in by_size[left[by_size]].tolist():
        if left[content]:
            found.append(content)
            left &= ~strictly[content]
    return found


def family(names: tuple[str, ...], rows: Sequence[tuple[int, ...]], sets: PersonSets) -> Family:
    """Compare the sets of one family in a block.

    Args:
        names: of the sets, in order.
        rows: for each name its sets, one a period.
    """
    contents = {which: place for place, which in enumerate(dict.fromkeys(rows))}
    inside = find_subsets(np.array(list(contents), np.int64), sets.bits, sets.persons, everybody=sets.everybody)
    empty = np.array([not sets.persons[list(which)].any() for which in contents], np.bool_)
    return Family(names, np.array([contents[which] for which in rows], np.intp), inside.view(np.bool_), empty)

"""Names of the sets of persons in a table, and which set holds which."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from linkage_core.counted_table import Split
from linkage_core.indicators.values import Bools, UInt8s

POPULATION = "population"


class PersonSets:
    """Sets met so far, as bits.

    Two sets that are equal share one name. Sets of one family (the numerators of one indicator, the denominators of
    all) are compared with each other: a set that lies inside another, such as "within 30 days" in "within 90 days", is
    a part of it, and the rest of the whole is a set that anybody can compute. A set over several periods has one mask a
    period; a family holds sets over the same periods only.
    """

    def __init__(self, persons: int) -> None:
        self._name_of_content: dict[tuple[bytes, ...], str] = {}
        self._families: dict[str, dict[str, UInt8s]] = defaultdict(dict)
        self.shared_name(POPULATION, [np.ones(persons, np.bool_)], family="")

    def shared_name(self, name: str, masks: Sequence[Bools], *, family: str) -> str:
        """Name of a set; the name of an equal set where there is one already."""
        content = (family.encode(), *(np.packbits(mask).tobytes() for mask in masks))
        shared = self._name_of_content.setdefault(content, name)
        self.add(shared, masks, family=family)
        return shared

    def add(self, name: str, masks: Sequence[Bools], *, family: str) -> None:
        """Remember a set under its own name."""
        self._families[family][name] = np.concatenate([np.packbits(mask) for mask in masks])

    def splits(self) -> tuple[Split, ...]:
        """Each set and the smallest sets of its family around it, as whole and part."""
        found: list[Split] = []
        for family in self._families.values():
            for name, bits in family.items():
                found.extend(Split(whole, (name, f"{whole} without {name}")) for whole in _around(name, bits, family))
        return tuple(found)


def _around(name: str, bits: UInt8s, family: dict[str, UInt8s]) -> list[str]:
    """Sets that hold all of `bits` and more, without those that hold another such set."""
    holders = {
        other: others_bits
        for other, others_bits in family.items()
        if other != name and _holds(others_bits, bits) and not _holds(bits, others_bits)
    }
    return [
        holder
        for holder, holder_bits in holders.items()
        if not any(
            _holds(holder_bits, between_bits) and not _holds(between_bits, holder_bits)
            for between, between_bits in holders.items()
            if between != holder
        )
    ]


def _holds(whole: UInt8s, part: UInt8s) -> bool:
    return len(whole) == len(part) and not bool((part & ~whole).any())

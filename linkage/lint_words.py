"""Findings for people: those that say the same of many places are told once, with a count and the first places."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from linkage.indicator_lint import Finding

MOST_PLACES = 3


@dataclass(frozen=True, slots=True)
class FindingGroup:
    """Findings that differ in their place alone; `first` is the first of them."""

    first: Finding
    places: tuple[str, ...]

    @property
    def where(self) -> str:
        """The place, or how many they are and the first of them."""
        if len(self.places) == 1:
            return self.places[0]
        more = len(self.places) - MOST_PLACES
        named = ", ".join(self.places[:MOST_PLACES])
        return f"{len(self.places):,} places ({named}{f' and {more:,} more' if more > 0 else ''})"

    def __str__(self) -> str:
        return f"{self.first.severity.value}: {self.where}: {self.first.message} {self.first.mend}"


def grouped(findings: Iterable[Finding]) -> Iterator[FindingGroup]:
    """Groups in the order of their first finding."""
    found: dict[tuple[str, str, str, str], list[Finding]] = {}
    for finding in findings:
        found.setdefault((finding.severity, finding.rule, finding.message, finding.mend), []).append(finding)
    for own in found.values():
        yield FindingGroup(own[0], tuple(dict.fromkeys(finding.place for finding in own)))

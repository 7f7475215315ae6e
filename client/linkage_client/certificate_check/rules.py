"""The rules that a count is under: those of the policy file, made stricter by the layout's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from linkage_client.certificate_check.dimensions import Dimension, Ints
from linkage_client.certificate_check.fault import CheckFailed

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class CountRules:
    """What is demanded of one count.

    Args:
        threshold: counts below it are small.
        candidates: so many whole numbers must fit each blank.
        lowest: the smallest number a reader holds possible for a blank.
        smallest_shown: counts from here to below the threshold must be blank.
        reach: small counts must be shown to fit the threshold or more.
        full_classes: where one of several parts holds all of a shown whole, all parts must be blank.
        smallest_population: the grand total is at least so large.
    """

    threshold: int
    candidates: int
    lowest: int
    smallest_shown: int
    reach: bool
    full_classes: bool
    smallest_population: int


def rules_of(measure: str, layout: Mapping[str, Any], policy: Mapping[str, Any]) -> CountRules:
    """The rules of a measure; what a policy leaves out has the values of the standard policy."""
    own = layout.get("rules", {}).get(measure, {})
    zeros = policy.get("zero_shown", True) and not own.get("zero_sensitive", False)
    zeros = zeros and layout.get("attacker", {}).get("zeros_published", True)
    full_classes = bool(policy.get("class_disclosure", False))
    may_be_absent = layout.get("attacker", {}).get("absent", "zero") == "unknown"
    return CountRules(
        threshold=max(policy.get("minimum_cell", 10), own.get("min_count", 0)),
        candidates=max(policy.get("minimum_candidates", 3), own.get("min_width", 0) + 1),
        lowest=int(zeros and not full_classes and not may_be_absent),
        smallest_shown=int(zeros),
        reach=bool(policy.get("reach_threshold", True) or own.get("reach_threshold", False)),
        full_classes=full_classes,
        smallest_population=policy.get("minimum_population", 50),
    )


def small_cells(counts: Ints, rules: CountRules) -> Flags:
    """Counts that are small by themselves."""
    small: Flags = (counts >= rules.smallest_shown) & (counts < rules.threshold)
    return small


def full_class_cells(counts: Ints, rules: CountRules, dimensions: list[Dimension], *, shown: Flags) -> Flags:
    """All shown parts of a shown whole that is not small and that one of its parts holds all of."""
    found = np.zeros(counts.shape, dtype=np.bool_)
    small = small_cells(counts, rules)
    for axis, dimension in enumerate(dimensions if rules.full_classes else ()):
        along, marked, hidden = (np.moveaxis(each, axis, 0) for each in (counts, found, small | ~shown))
        for family in dimension.families:
            whole, parts = along[family.parent], list(family.children)
            full = (whole > 0) & ~hidden[family.parent] & (along[parts] == whole).any(axis=0)
            if len(parts) > 1:
                marked[parts] |= full
    return found & shown


def excepted_cells(measure: str, policy: Mapping[str, Any], dimensions: list[Dimension]) -> dict[str, Flags]:
    """By rule, the cells that the policy takes out of it; a stratum that is not named is at its total."""
    shape = [len(dimension.codes) for dimension in dimensions]
    found: dict[str, Flags] = {}
    for exception in policy.get("exceptions", ()):
        levels = dict(exception["cell"])
        if levels.pop("measure", measure) != measure:
            continue
        flags = found.setdefault(exception["rule"], np.zeros(shape, dtype=np.bool_))
        if set(levels) - {one.name for one in dimensions}:
            raise CheckFailed("policy: an exception names a dimension that the layout does not have")
        at: list[int | slice] = [slice(None)] * len(dimensions)
        for axis, one in enumerate(dimensions if levels else ()):
            code = levels.get(one.name, one.codes[one.total])
            if code not in one.codes:
                raise CheckFailed("policy: an exception names a code that the layout does not have")
            at[axis] = one.codes.index(code)
        flags[tuple(at)] = True
    return {rule: flags.ravel() for rule, flags in found.items()}

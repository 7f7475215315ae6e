"""The rules that a sum is under, and the sums that they mark: shares are compared as products of whole numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from linkage_client.certificate_check.contributors import Given
from linkage_client.certificate_check.dimensions import Dimension, Ints
from linkage_client.certificate_check.rules import Flags


@dataclass(frozen=True, slots=True)
class SumRules:
    """What is demanded of one sum.

    Args:
        fewest: contributors that a printed sum has, where it has any.
        dominance: (n, k): the n largest give no more than k per cent.
        p_percent: nobody is estimated more closely than to within so many per cent.
        coalition: so many contributors pool what they know.
        width: per cent of a sum that it stays uncertain by.
    """

    fewest: int
    dominance: tuple[tuple[int, int], ...]
    p_percent: int
    coalition: int
    width: int


@dataclass(frozen=True, slots=True)
class MarkedSums:
    """What the rules say of each cell.

    Args:
        by_rule: the cells that each rule marks, by the officer's word for it.
        upper: how far above its truth each cell must be held possible.
    """

    by_rule: dict[str, Flags]
    upper: Ints

    @property
    def any_rule(self) -> Flags:
        """Cells that some rule marks."""
        return np.asarray(np.logical_or.reduce(list(self.by_rule.values())))


def sum_rules_of(measure: str, layout: Mapping[str, Any], policy: Mapping[str, Any]) -> SumRules:
    """The rules of a measure; what a policy leaves out has the values of the standard policy."""
    own = layout.get("rules", {}).get(measure, {})
    dominance = [*policy.get("dominance", ()), *own.get("nk", ())]
    return SumRules(
        fewest=max(policy.get("minimum_contributors", 10), own.get("min_contributors", 0)),
        dominance=tuple((n, k) for n, k in dominance),
        p_percent=max(policy.get("p_percent", 0), own.get("p_percent", 0)),
        coalition=policy.get("coalition", 1),
        width=policy.get("sum_width_percent", 10),
    )


def mark(given: Given, rules: SumRules, excepted: Mapping[str, Flags] | None = None) -> MarkedSums:
    """Apply the rules: (n, k) dominance and the p per cent rule as in the Handbook on Statistical Disclosure Control.

    Args:
        given: who gives what; a correction counts by its size.
        rules: of the sum.
        excepted: by rule, cells that are free of it.
    """
    cells, size = given.contributors.size, np.abs(given.amount)
    largest = np.lexsort((-size, given.cell))
    rank = np.arange(size.size) - given.start[given.cell]
    total = np.zeros(cells, dtype=np.int64)
    np.add.at(total, given.cell, size)
    top = np.zeros((max([rules.coalition + 1, *(n for n, _ in rules.dominance)]), cells), dtype=np.int64)
    named = rank < top.shape[0]
    top[rank[named], given.cell[named]] = size[largest][named]
    free, none = excepted or {}, np.zeros(cells, dtype=np.bool_)
    upper = np.zeros(cells, dtype=np.int64)
    dominated = none.copy()
    for n, k in rules.dominance:
        several = top[:n].sum(axis=0)
        breaks = (100 * several > k * total) & ~free.get("dominance", none)
        dominated |= breaks
        upper = np.maximum(upper, np.where(breaks, -(-100 * several // k) - total, 0))
    rest = total - top[: rules.coalition + 1].sum(axis=0)
    close = (100 * rest < rules.p_percent * top[0]) & ~free.get("p_percent", none)
    upper = np.maximum(upper, np.where(close, -(-rules.p_percent * top[0] // 100) - rest, 0))
    number = given.contributors
    few = (number > 0) & (number < rules.fewest)
    return MarkedSums({"few_contributors": few, "dominance": dominated, "p_percent": close}, upper)


def told_unions(blank: Flags, known: Flags, dimensions: list[Dimension], shape: tuple[int, ...]) -> list[Ints]:
    """The blank parts of each printed whole that are told together, where an open part could still hide them.

    Args:
        blank: cells, flat.
        known: cells that nobody gives to, which every reader knows to be 0.
        dimensions, shape: of the table.
    """
    place = np.arange(blank.size).reshape(shape)
    unions: list[Ints] = []
    for axis, dimension in enumerate(dimensions):
        along = np.moveaxis(place, axis, 0)
        for family in dimension.families:
            whole, parts = along[family.parent].ravel(), along[list(family.children)].reshape(len(family.children), -1)
            told = ~blank[whole] & (blank[parts].sum(axis=0) > 1) & (~blank[parts] & ~known[parts]).any(axis=0)
            unions += [line[blank[line]] for line in parts.T[told]]
    return unions

"""Counts of persons by a dimension in which one person may stand under several codes, such as drugs.

The codes do not add up to their total, so every code of the dimension stands in the table, the total too. A reader
still knows that no code counts more persons than the code above it, and learns from both how many are not under it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from linkage.disclosure_policy import DisclosurePolicy
from linkage.errors import DisclosureRefused
from linkage_core.disclosure.cell_system import CellSystem, Ints, Relations
from linkage_core.disclosure.count_witnesses import count_witnesses
from linkage_core.disclosure.evidence import Demand
from linkage_core.disclosure.person_cells import is_small
from linkage_core.disclosure.primary_rules import Mark
from linkage_core.disclosure.sum_witnesses import SumWitnesses
from linkage_core.disclosure.suppression import Pattern, suppress_with_proof
from linkage_server.lab.layout import Codes


def hide_overlapping_counts(
    counts: Ints, marks: Ints, dimensions: Sequence[Codes], policy: DisclosurePolicy
) -> tuple[Pattern, SumWitnesses]:
    """Suppress a table of persons of whom some stand under several codes; returns also the moves that prove it.

    Raises:
        DisclosureRefused: too few persons, or no safe pattern.
        InputRefused: a code counts more persons than the code above it, or codes that add up do not.
    """
    if counts[(-1,) * counts.ndim] < policy.minimum_population:
        raise DisclosureRefused(
            f"The table has fewer persons than the {policy.minimum_population} that policy {policy.name} demands.",
            mend="Use a larger population.",
        )
    system = _system(counts, marks, dimensions, policy)
    demand = Demand(policy.minimum_candidates, np.zeros(counts.size, dtype=np.int64))
    pattern, evidence = suppress_with_proof(system, demand, furthest=3 * policy.minimum_cell)
    guarded = np.flatnonzero(system.remainder_sensitive) + counts.size
    targets = np.concatenate([np.flatnonzero(pattern.suppressed), guarded])
    return pattern, count_witnesses(evidence, targets, cells=counts.size)


def _system(counts: Ints, marks: Ints, dimensions: Sequence[Codes], policy: DisclosurePolicy) -> CellSystem:
    values = counts.ravel()
    numbers = np.arange(values.size).reshape(counts.shape)
    relations = Relations()
    for axis, dimension in enumerate(dimensions):
        along = np.moveaxis(numbers, axis, 0)
        for parent, children in dimension.families:
            if dimension.adds_up:
                relations.add(along[parent].ravel(), along[list(children)].reshape(len(children), -1).T, implied=False)
                continue
            for child in children:
                relations.add(along[parent].ravel(), along[child].reshape(-1, 1), implied=True)
    starts, members, remainder, implied = relations.build(values)
    small = (marks & Mark.SMALL_CELL) != 0
    threshold = policy.minimum_cell if policy.reach_threshold else 0
    left = implied & is_small(remainder, policy)
    # Among few persons everybody knows that the rest is small: there the rest has to be uncertain, not large.
    roomy = left & (values[members[starts[:-1]]] >= 2 * policy.minimum_cell)
    lowest = int(policy.zero_shown and not policy.class_disclosure)
    return CellSystem(
        values=values,
        printed=np.ones(values.size, dtype=np.bool_),
        at_least=np.full(values.size, lowest, dtype=np.int64),
        uses=np.ones(values.size, dtype=np.int64),
        strata=np.sum(np.array(counts.shape) - 1 != np.indices(counts.shape).T, axis=-1).T.ravel(),
        sensitive=marks != 0,
        reach=np.where(small, threshold, 0).astype(np.int64),
        starts=starts,
        members=members,
        remainder=remainder,
        implied=implied,
        remainder_sensitive=left,
        remainder_reach=np.where(roomy, threshold, 0).astype(np.int64),
        pairs=np.empty((0, 2), dtype=np.int64),
    )

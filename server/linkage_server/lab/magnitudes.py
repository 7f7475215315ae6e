"""Hides the sums of a laboratory table: the policy's marks, unions of blanks, and what contributors know."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from linkage.disclosure_policy import DisclosurePolicy
from linkage_core.disclosure.cell_system import Ints
from linkage_core.disclosure.evidence import Demand
from linkage_core.disclosure.lattice_sum_witnesses import witnesses_of_boxes
from linkage_core.disclosure.lattice_sums import hide_sums_in_lattice
from linkage_core.disclosure.magnitude_suppression import HiddenSums, hide_sums
from linkage_core.disclosure.primary_rules import Contributions, Mark, Marked
from linkage_core.disclosure.sum_witnesses import SumWitnesses
from linkage_server.lab.lattice import lattice_axes, lattice_grids, lattice_system
from linkage_server.lab.layout import Codes

_ANY_SIGN = -(1 << 50)
_SMALL_TABLE = 400
"""Cells up to which a solver is asked, which hides fewer sums; it takes seconds there and hours for large tables."""


def hide_magnitudes(
    amounts: Ints, given: Contributions, marked: Marked, dimensions: Sequence[Codes], policy: DisclosurePolicy
) -> tuple[HiddenSums, SumWitnesses]:
    """Suppress a table of sums, so that no marked one can be known more closely than its rule allows.

    Returns also the moves that prove every blank.

    Args:
        amounts: the sums.
        given: who gives what to each cell.
        marked: which sums are sensitive, and up to where they must be held possible.
        dimensions: of the table.
        policy: the rules.

    Raises:
        DisclosureRefused: no safe pattern.
    """
    values = amounts.ravel()
    contributors = np.bincount(given.cell, minlength=values.size)
    # Nobody contributes: known to be 0.
    lowest = np.where(contributors == 0, values + 1, 0 if values.min(initial=0) >= 0 else _ANY_SIGN)
    system = lattice_system(
        amounts.shape,
        dimensions,
        values=values,
        sensitive=marked.sensitive,
        at_least=lowest,
        reach=values + marked.upper,
    )
    spans = np.maximum(-(-np.abs(values) * policy.sum_width_percent // 100), 1)
    furthest = 2 * max(int(spans.max(initial=1)), int(marked.upper.max(initial=0)))
    if values.size > _SMALL_TABLE:
        axes = lattice_axes(dimensions)
        hidden, moves = hide_sums_in_lattice(
            system, amounts.shape, axes, upper=marked.upper, spans=spans, given=given, policy=policy
        )
        return hidden, witnesses_of_boxes(moves, hidden.pattern.suppressed, spans)
    grids = lattice_grids(amounts.shape, dimensions)
    return hide_sums(system, Demand(1, spans), given, policy, furthest=furthest, grids=grids)


def all_marks(marked: Marked, hidden: HiddenSums) -> Ints:
    """The marks, with those of cells that were blanked for the sake of unions and against insiders."""
    partners = np.where(hidden.for_unions, Mark.UNION_OF_BLANKS, 0) | np.where(hidden.for_insiders, Mark.INSIDER, 0)
    return np.where(hidden.pattern.suppressed, marked.marks | partners, marked.marks)

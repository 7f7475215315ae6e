"""How many cells would be hidden if a table were coarser: each step protected by itself, the least loss first."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from linkage.disclosure_policy import DisclosurePolicy
from linkage.errors import DisclosureRefused, InputRefused
from linkage_core.counted_table import CountedTable
from linkage_core.disclosure.protect import protect
from linkage_core.disclosure.withheld import WithheldIndicators
from linkage_core.table_review.coarsening import Coarsening, coarsened
from linkage_core.table_review.coarser_levels import coarser_steps

Secrets = Callable[[CountedTable], WithheldIndicators]


@dataclass(frozen=True, slots=True)
class Proposal:
    """One step and what it would come to.

    Args:
        cells: distinct cells of the table; `hidden` of them would be blank. None where nothing could be told.
        refusal: why the step is not possible, or why its table could not leave; "" where it could.
    """

    step: Coarsening
    cells: int | None
    hidden: int | None
    refusal: str = ""


def proposals(table: CountedTable, policy: DisclosurePolicy, *, secrets: Secrets) -> list[Proposal]:
    """Every step that the table offers: the one that hides fewest cells first, at equal the one that keeps most.

    Args:
        table: exact counts.
        policy: the rules.
        secrets: what company secrecy keeps back of a table.
    """
    found = [_proposal(table, step, policy, secrets) for step in coarser_steps(table)]
    return sorted(found, key=_rank)


def _proposal(table: CountedTable, step: Coarsening, policy: DisclosurePolicy, secrets: Secrets) -> Proposal:
    try:
        coarse = coarsened(table, step)
        protected = protect(coarse, policy, secret=secrets(coarse))
    except (InputRefused, DisclosureRefused) as refusal:
        return Proposal(step, None, None, refusal.message)
    return Proposal(step, protected.cells, hidden_cells(protected.suppressed_by_reason))


def hidden_cells(by_reason: Mapping[str, int]) -> int:
    """Hidden cells of a table; company secrecy is told besides and counted in the others."""
    return sum(cells for reason, cells in by_reason.items() if reason != "company_secrecy")


def _rank(one: Proposal) -> tuple[bool, int, int, str, int]:
    kept = (one.cells or 0) - (one.hidden or 0)
    return one.hidden is None, one.hidden or 0, -kept, one.step.dimension, len(one.step.levels)

"""Checks a pattern of blanks as it stands: every hidden cell and every small rest must be shown to fit enough values.

It uses nothing of the search that chose the blanks, so that a table which an officer changed is proved anew.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from linkage_core.disclosure.cell_system import Ints
from linkage_core.disclosure.components import components
from linkage_core.disclosure.evidence import Evidence, multiples_within
from linkage_core.disclosure.witnesses import ComponentProof
from linkage_core.table_review.reviewed_table import CellSide, ReviewedTable
from linkage_core.table_review.witness import Change, WitnessSearch

_LARGEST_PROVED_WHOLE = 1000
_ENOUGH_FAILURES = 5
"""A table that fails so often fails; the rest is not tried one by one."""


@dataclass(frozen=True, slots=True)
class AuditOutcome:
    """What was checked.

    Args:
        checked: hidden cells and small rests.
        open_although_sensitive: printed cells that should be hidden.
        unproved: what is not hidden well enough.
    """

    checked: int
    open_although_sensitive: int
    unproved: int

    @property
    def holds(self) -> bool:
        """Whether the table may leave."""
        return not self.open_although_sensitive and not self.unproved


def audit(table: ReviewedTable) -> AuditOutcome:
    """Check a whole table: counts of persons and sums."""
    outcomes = [_audit_side(side) for side in (table.persons, table.sums)]
    return AuditOutcome(
        sum(one.checked for one in outcomes),
        sum(one.open_although_sensitive for one in outcomes),
        sum(one.unproved for one in outcomes),
    )


def evidence_of(side: CellSide, *, most_failures: int | None = None) -> tuple[Evidence, Ints]:
    """Other values that fit all that is printed, looked for anew, and what has to have them.

    Args:
        side: the cells of one kind.
        most_failures: after so many targets without enough of them the rest is not tried one by one; None for all.

    Returns:
        What was found; and the targets: hidden cells, and relations with a small rest, numbered after the cells.
    """
    system, size = side.system, side.system.values.size
    needy = np.flatnonzero(side.blank & (system.printed | system.sensitive))
    guarded = np.flatnonzero(system.remainder_sensitive) + size
    targets = np.concatenate([needy, guarded])
    evidence = Evidence(system, side.demand)
    furthest = 2 * int(max(side.demand.spans.max(initial=1), (system.reach - system.values).max(initial=1)))
    for cells, rows, matrix in components(system, side.blank, targets):
        if cells.size <= _LARGEST_PROVED_WHOLE:
            ComponentProof(system, cells, rows, matrix, evidence=evidence, furthest=furthest).run(patient=True)
    search = WitnessSearch(system, side.blank)
    order = np.argsort(evidence.truth[targets], kind="stable")
    failures = 0
    for target in targets[order].tolist():
        if failures == most_failures:
            break
        for change in _wanted(evidence, target, size=size, lowest=system.at_least):
            if not evidence.unmet(np.array([target]))[0]:
                break
            if (found := search.change(target, change)) is not None:
                _record(evidence, side, found)
        failures += int(evidence.unmet(np.array([target]))[0])
    return evidence, targets


def _audit_side(side: CellSide) -> AuditOutcome:
    system = side.system
    exposed = int(np.count_nonzero(system.sensitive & system.printed & ~side.blank))
    evidence, targets = evidence_of(side, most_failures=_ENOUGH_FAILURES)
    return AuditOutcome(int(targets.size), exposed, int(np.count_nonzero(evidence.unmet(targets))))


def _wanted(evidence: Evidence, target: int, *, size: int, lowest: Ints) -> list[int]:
    """Changes that would prove a target, the farthest first: its multiples may prove the rest."""
    name = np.array([target])
    if not evidence.unmet(name)[0]:
        return []
    rise, span = int(evidence.missing_rise(name)[0]), int(evidence.spans[target])
    lower = int(lowest[target]) if target < size else 0
    fall = int(evidence.truth[target]) - lower
    steps = range(1, evidence.candidates + 1)
    near = [change for step in steps for change in (step, -step if step <= fall else 0)]
    # A width may be made of a fall and a rise.
    widths = [span, -span if span <= fall else -fall, span - fall] if span else []
    return list(dict.fromkeys(change for change in (rise, *widths, *near) if change))


def _record(evidence: Evidence, side: CellSide, change: Change) -> None:
    """Note a change, and its multiples as far as they stay in bounds, for all cells that it moves."""
    system, size = side.system, side.system.values.size
    names = np.concatenate([change.cells, change.rows + size])
    step = np.concatenate([change.by, change.by_rows])
    floor = np.concatenate(
        [
            np.minimum(system.at_least[change.cells] - system.values[change.cells], 0),
            np.where(system.implied[change.rows], -system.remainder[change.rows], 0),
        ]
    )
    furthest = max(int(np.abs(step).max()), int((evidence.reach - evidence.truth).max(initial=1)), 8)
    evidence.record(names, step, [1, *multiples_within(step, floor, limit=furthest)])

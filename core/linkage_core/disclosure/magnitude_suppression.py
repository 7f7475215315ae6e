"""Hides sums of contributors: single cells, unions of blanks that are told implicitly, and from insiders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from linkage.disclosure_policy import DisclosurePolicy
from linkage.errors import DisclosureRefused
from linkage_core.disclosure.blank_unions import cells_that_mend_unions
from linkage_core.disclosure.boxes import Grid
from linkage_core.disclosure.cell_system import CellSystem, Flags, Ints
from linkage_core.disclosure.evidence import Demand
from linkage_core.disclosure.insiders import Coalition, Insiders, breached
from linkage_core.disclosure.primary_rules import Contributions
from linkage_core.disclosure.sum_witnesses import KeptMoves, SumWitnesses
from linkage_core.disclosure.suppression import Pattern, suppress, suppress_with_proof
from linkage_core.disclosure.thorough_pairs import further_pairs

_MOST_ROUNDS = 40


@dataclass(frozen=True, slots=True)
class HiddenSums:
    """The outcome.

    Args:
        pattern: what stays blank.
        for_unions: cells that were blanked because a union of blanks would have broken a rule.
        for_insiders: cells that were blanked because a contributor would have come too close to another.
    """

    pattern: Pattern
    for_unions: Flags
    for_insiders: Flags


def hide_sums(
    system: CellSystem,
    demand: Demand,
    given: Contributions,
    policy: DisclosurePolicy,
    *,
    furthest: int,
    grids: Sequence[Grid] = (),
) -> tuple[HiddenSums, SumWitnesses]:
    """Find a pattern in which no sensitive sum, no union of blanks of a printed total and no contributor is given away.

    Unions and insiders are asked after each pattern; what they need becomes blank, and the pattern is looked for again.

    Args:
        system: sums; `sensitive` and `reach` by the primary rules.
        demand: width of each blank.
        given: who gives what to each cell.
        policy: the rules; insiders are reckoned with where it has p_percent.
        furthest, grids: as in `suppress`.

    Returns:
        The pattern, and the moves that prove it.

    Raises:
        DisclosureRefused: no such pattern was found; nothing may be released.
    """
    targets = np.flatnonzero(system.sensitive)
    for_unions = np.zeros(system.values.size, dtype=np.bool_)
    for_insiders = for_unions.copy()
    insiders = Insiders.of(given, cells=system.values.size, p_percent=policy.p_percent, coalition=policy.coalition)
    for _ in range(_MOST_ROUNDS):
        forced = replace(system, sensitive=system.sensitive | for_unions | for_insiders)
        pattern, evidence = suppress_with_proof(forced, demand, furthest=furthest, grids=grids)
        further, _broken = cells_that_mend_unions(system, pattern.blank, given, policy)
        if further.size:
            for_unions[further] = True
            continue
        kept = KeptMoves()
        if policy.p_percent:
            wanted = _wanted_by_insiders(system, pattern.blank, targets, insiders, grids=grids, kept=kept)
            if np.any(wanted & ~pattern.blank):
                for_insiders |= wanted
                continue
        kept.keep_evidence(evidence, np.flatnonzero(pattern.blank))
        return HiddenSums(pattern, for_unions, for_insiders), kept.witnesses()
    raise DisclosureRefused(
        "No way was found to hide these sums from their contributors, so none of them is released.",
        mend="Use fewer or coarser dimensions.",
    )


def hide_from_contributors(
    system: CellSystem,
    demand: Demand,
    given: Contributions,
    *,
    percent: int,
    furthest: int,
    grids: Sequence[Grid] = (),
) -> Pattern:
    """Find a pattern in which no single contributor comes to within so many per cent of another's sum.

    Args:
        system: sums; those of `given` that are sensitive are protected from each other's contributors.
        demand: width of each blank.
        given: sums of which it is known who makes them up, alone.
        percent: how closely nobody may be estimated.
        furthest, grids: as in `suppress`.

    Raises:
        DisclosureRefused: no such pattern was found; nothing may be released.
    """
    insiders = Insiders.of(given, cells=system.values.size, p_percent=percent, coalition=1)
    targets = np.unique(given.cell[system.sensitive[given.cell]])
    wanted = np.zeros(system.values.size, dtype=np.bool_)
    for _ in range(_MOST_ROUNDS):
        pattern = suppress(replace(system, sensitive=system.sensitive | wanted), demand, furthest=furthest, grids=grids)
        if not targets.size:
            return pattern
        more = (
            _wanted_by_insiders(system, pattern.blank, targets, insiders, grids=grids, kept=KeptMoves())
            & ~pattern.blank
        )
        if not more.any():
            return pattern
        wanted |= more
    raise DisclosureRefused(
        "No way was found to hide the sales of companies from each other, so none of this is released.",
        mend="Order fewer or coarser codes.",
    )


def _wanted_by_insiders(
    system: CellSystem,
    blank: Flags,
    targets: Ints,
    insiders: Insiders,
    *,
    grids: Sequence[Grid],
    kept: KeptMoves,
) -> Flags:
    """Cells that must be blank so that no coalition comes too close; `kept` takes the moves that answer one."""
    blanks = np.zeros(system.values.size, dtype=np.bool_)
    no_spans = Demand(1, np.zeros(system.values.size, dtype=np.int64))
    wanted = insiders.wanted(blank, targets)
    asked: set[tuple[Coalition, int]] = set()
    while wanted:
        for view in breached(system, blank, wanted, insiders, kept):
            reach = int((view.reach - view.values).max())
            pattern, evidence = suppress_with_proof(view, no_spans, furthest=2 * reach, grids=grids)
            kept.keep_evidence(evidence, np.flatnonzero(view.sensitive))
            blanks |= pattern.suppressed
        asked |= {(coalition, target) for coalition, rooms in wanted.items() for target in rooms}
        # One that is asked and still not kept from it needs further blanks, with which all is asked again.
        wanted = {
            coalition: left
            for coalition, rooms in further_pairs(system, targets, insiders, kept).items()
            if (left := {target: room for target, room in rooms.items() if (coalition, target) not in asked})
        }
    return blanks

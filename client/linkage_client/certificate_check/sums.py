"""Checks one sum of a release: what the rules mark is blank, and every blank is proved, against contributors too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from linkage_client.certificate_check.coalitions import Coalitions, Proof
from linkage_client.certificate_check.company import company_cells
from linkage_client.certificate_check.contributors import Behind, Given, given_by
from linkage_client.certificate_check.dimensions import Dimension, Ints
from linkage_client.certificate_check.fault import CheckFailed
from linkage_client.certificate_check.move_batches import Batch, places_of_proofs
from linkage_client.certificate_check.release import CheckedMeasure, Release
from linkage_client.certificate_check.release_tables import blanks_of, reasons_of, says, true_cells
from linkage_client.certificate_check.rules import Flags, excepted_cells
from linkage_client.certificate_check.sum_moves import moves_of_sums
from linkage_client.certificate_check.sum_rules import SumRules, mark, sum_rules_of, told_unions

_HUNDREDTHS = 100
_ANY_SIGN = -(1 << 50)


def check_sum(
    name: str, release: Release, moves: pa.Table, *, behind: Behind, counts: Mapping[str, CheckedMeasure]
) -> CheckedMeasure:
    """Check one sum.

    Args:
        name, release, moves: as in `check_count`.
        behind: who contributes.
        counts: those of the same release, of which sums are blank where they follow them.

    Raises:
        CheckFailed: the first thing that does not fit.
    """
    plan, policy, dimensions, tables = release.plan, release.policy, release.dimensions, release.tables
    rules = sum_rules_of(name, plan, policy)
    amounts = true_cells(name, tables, dimensions, scale=_HUNDREDTHS)
    values = amounts.ravel()
    measured = bool(rules.dominance or rules.p_percent)
    given = given_by(behind, name if measured else None, policy, cells=values.size)
    if measured and not np.array_equal(_added(given, values.size), values):
        raise CheckFailed(f"{behind.path}: the contributions to {name!r} do not add up to the truth")
    excepted = excepted_cells(name, policy, dimensions)
    marked = mark(given, rules, excepted)
    secret = company_cells(name, "magnitude", policy, dimensions, release.suppliers) & (given.contributors > 0)
    secret &= ~excepted.get("company_secrecy", np.zeros(values.size, dtype=np.bool_))
    blank = blanks_of(name, tables, amounts, scale=_HUNDREDTHS)
    sensitive = marked.any_rule | secret | release.few_behind | _following(name, plan, given, counts)
    if np.any(sensitive & ~blank):
        raise CheckFailed(f"{tables.released_file}: a cell of {name!r} breaks a rule and is printed")
    reason = reasons_of(name, tables, blank)
    for rule, cells in (marked.by_rule | {"company_secrecy": secret}).items():
        if not np.array_equal(says(reason, rule), cells[tables.place]):
            raise CheckFailed(f"{tables.officer_file}: does not say {rule} exactly where it is so")
    _check_unions(given, blank, rules, dimensions, amounts.shape)
    room, tells = _room(values, given)
    batch = moves_of_sums(moves, room, movable=blank & (room >= 0), dimensions=dimensions, shape=amounts.shape,
                          row_place=tables.place)  # fmt: skip
    at = places_of_proofs(batch, values.size)
    _check_widths(batch, at, values, blank=blank, upper=marked.upper, percent=rules.width)
    if rules.p_percent:
        insiders = Coalitions(given, values, tells=tells, p_percent=rules.p_percent, size=rules.coalition)
        _check_insiders(insiders, batch, at, np.flatnonzero(sensitive))
    return CheckedMeasure(values, sensitive, blank)


def _following(name: str, plan: dict[str, Any], given: Given, counts: Mapping[str, CheckedMeasure]) -> Flags:
    """Sums that somebody gives to where a count is blank that they are divided by, or that counts those who give."""
    number = given.contributors
    follows = np.zeros(number.size, dtype=np.bool_)
    means = [one for one in plan.get("derived", {}).values() if one["kind"] == "mean" and one["sum"] == name]
    for count, own in counts.items():
        if np.array_equal(own.values, number) or any(one["count"] == count for one in means):
            follows |= own.blank & (number > 0)
    return follows


def _room(values: Ints, given: Given) -> tuple[Ints, Flags]:
    """How far each cell may fall as any reader knows, -1 where it is known; and where own parts tell the least."""
    tells = values.min(initial=0) >= 0
    room = values - (0 if tells else _ANY_SIGN)
    return np.where(given.contributors == 0, -1, room), np.full(values.size, tells)


def _check_unions(
    given: Given, blank: Flags, rules: SumRules, dimensions: list[Dimension], shape: tuple[int, ...]
) -> None:
    unions = told_unions(blank, given.contributors == 0, dimensions, shape)
    if not unions:
        return
    union = np.repeat(np.arange(len(unions)), [cells.size for cells in unions])
    if np.any(mark(given.merged(np.concatenate(unions), union, len(unions)), rules).any_rule):
        raise CheckFailed("released table: a printed sum less its printed parts tells a sum that breaks a rule")


def _check_widths(batch: Batch, at: Ints, values: Ints, *, blank: Flags, upper: Ints, percent: int) -> None:
    """Check that the moves take each blank as far up as its rules ask, and show it wide enough."""
    ends = np.stack(
        [batch.change[at] * batch.lowest[batch.proof_move], batch.change[at] * batch.highest[batch.proof_move]]
    )
    rise, fall = np.zeros((2, values.size), dtype=np.int64)
    np.maximum.at(rise, batch.proof_cell, ends.max(axis=0, initial=0))
    np.minimum.at(fall, batch.proof_cell, ends.min(axis=0, initial=0))
    width = np.maximum(-(-np.abs(values) * percent // 100), 1)
    for wrong, what in (
        (blank & (rise - fall < width), "is blank and not shown to be uncertain enough"),
        (rise < upper, "breaks a rule and is not shown to reach where it would not"),
    ):
        if np.any(wrong):
            raise CheckFailed(f"released table, cell {int(np.flatnonzero(wrong)[0])}: {what}")


def _check_insiders(insiders: Coalitions, batch: Batch, at: Ints, targets: Ints) -> None:
    starts = np.searchsorted(batch.move, np.arange(batch.lowest.size + 1))
    order = np.argsort(batch.proof_cell, kind="stable")
    kept = np.searchsorted(batch.proof_cell[order], [targets, targets + 1])
    for target, first, last in zip(targets.tolist(), *kept.tolist(), strict=True):
        proofs: list[Proof] = []
        for proof in order[first:last].tolist():
            move, change = int(batch.proof_move[proof]), int(batch.change[at[proof]])
            sign, most = (1, batch.highest[move]) if change > 0 else (-1, -batch.lowest[move])
            entries = slice(starts[move], starts[move + 1])
            cells, changes = batch.cell[entries].tolist(), (sign * batch.change[entries]).tolist()
            proofs.append(Proof(tuple(cells), tuple(changes), abs(change), int(most)))
        if insiders.too_close(target, proofs):
            raise CheckFailed(f"released table, cell {target}: contributors are not shown to be kept from each other")


def _added(given: Given, cells: int) -> Ints:
    sums = np.zeros(cells, dtype=np.int64)
    np.add.at(sums, given.cell, given.amount)
    return sums

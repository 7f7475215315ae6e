"""The door between exact counts and everything that may leave."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from linkage.disclosure_policy import DisclosurePolicy, canonical_sha256
from linkage.errors import DisclosureRefused, InputRefused
from linkage_core.counted_table import CountedTable, Dimension
from linkage_core.disclosure.boxes import Grid
from linkage_core.disclosure.cell_names import CellName, flagged
from linkage_core.disclosure.cell_system import CellSystem, Flags
from linkage_core.disclosure.evidence import Demand
from linkage_core.disclosure.linked_cells import Numbered
from linkage_core.disclosure.magnitude_suppression import hide_from_contributors
from linkage_core.disclosure.person_cells import all_splits, number_persons, person_system
from linkage_core.disclosure.printed_lines import Numbers, officer_table, printed_table, reasons_table
from linkage_core.disclosure.protected_table import SEAL, Hidden, ProtectedTable
from linkage_core.disclosure.row_shares import row_shares_table
from linkage_core.disclosure.sum_cells import number_sums, sum_system
from linkage_core.disclosure.suppression import Pattern, suppress
from linkage_core.disclosure.withheld import WithheldIndicators, sold_by_one, withheld_persons, withheld_sums


def protect(
    table: CountedTable,
    policy: DisclosurePolicy,
    *,
    secret: WithheldIndicators | None = None,
    by_hand: Sequence[CellName] = (),
    known: Sequence[CellName] = (),
) -> ProtectedTable:
    """Suppress what must not be known and what would let it be computed; print the rest.

    Whoever reads the result, knows the policy and knows this program still finds, for each suppressed count of
    persons, at least `minimum_candidates` whole numbers that fit everything printed, reaching up to `minimum_cell`
    where the count is small. Sums follow their contributors. The same input gives the same bytes.

    Args:
        table: exact counts and sums.
        policy: the rules.
        secret: what may not be known whatever the counts are, by company secrecy; partners are hidden for its sake.
        by_hand: cells that an officer hides besides; partners are hidden for their sake too.
        known: counts of persons that readers have already: they are no partners.

    Raises:
        NotFound: the table does not have a cell that is named.
        DisclosureRefused: the population is too small, or no safe pattern was found: nothing may leave.
        InputRefused: the table contradicts itself, or the policy demands more than hiding.
    """
    if policy.mechanism is not None:
        raise InputRefused(f"policy {policy.name} perturbs, and this door hides.", mend="Use a policy that hides.")
    persons = number_persons(table)
    counts = person_system(table, persons, policy, withheld=secret, by_hand=by_hand, known=known)
    no_spans = np.zeros(counts.values.size, dtype=np.int64)
    hidden_as = Demand(policy.minimum_candidates, no_spans)
    kept = suppress(counts, hidden_as, furthest=3 * policy.minimum_cell, grids=person_grids(table, persons))
    sums = number_sums(table)
    amounts, withheld, without_thresholds = _protected_sums(
        table, sums, persons, counts.sensitive | kept.suppressed, policy, secret=secret, by_hand=by_hand
    )
    scales = {cube.sum_key: cube.scale for cube in table.sum_cubes}
    company = (
        withheld_persons(table, persons, secret or {}, policy.exceptions),
        withheld_sums(table, sums, secret or {}, policy.exceptions),
    )
    flags = (persons, counts.sensitive, kept.blank, sums, amounts.sensitive, withheld.blank)
    numbers = Numbers(*flags, scales, *company, fewest_for_quantiles=3 * policy.minimum_cell)
    dimensions = dimensions_of(table)
    printed, inputs = printed_table(table, dimensions, numbers)
    hand = (flagged(by_hand, "persons", persons), flagged(by_hand, "sum", sums))
    small = int(np.count_nonzero(counts.sensitive & counts.printed & ~hand[0]))
    partners = int(np.count_nonzero(kept.suppressed & ~hand[0])) - small
    return ProtectedTable(
        table=printed,
        dimensions=dimensions,
        reasons=reasons_table(table, numbers),
        row_shares=row_shares_table(table, policy),
        officer_reasons=officer_table(inputs),
        cells=int(np.count_nonzero(counts.printed) + np.count_nonzero(amounts.printed)),
        suppressed_by_reason={
            "small_cell": small,
            "protects_small_cell": partners,
            "sum": int(np.count_nonzero(withheld.suppressed & ~hand[1])),
            **({"hidden_by_hand": sum(map(int, map(np.count_nonzero, hand)))} if by_hand else {}),
            **({"company_secrecy": _kept_back(counts, company[0]) + _kept_back(amounts, company[1])} if secret else {}),
        },
        policy_id=policy.id,
        policy_version=policy.version,
        policy_sha256=canonical_sha256(policy),
        hidden=Hidden(kept.blank, withheld.blank, without_thresholds),
        seal=SEAL,
    )


def match_rate_band(matched: int, total: int, policy: DisclosurePolicy) -> str:
    """Return the band of the match rate, e.g. "95-98 %" or "98-100 %".

    Bands are merged downwards until each holds at least `minimum_cell` whole numbers of persons, so that a band
    never says that only a few persons were missing. Which bands are merged depends on `total` alone.

    Args:
        matched: persons found in the register.
        total: persons sent in.
        policy: the rules.

    Raises:
        InputRefused: not 0 <= matched <= total, or nobody was sent in.
    """
    if not 0 <= matched <= total or total == 0:
        raise InputRefused("A match rate needs persons, and no more matched than sent in.")
    ends = [100]
    above = total + 1
    for low in reversed(policy.match_rate_bands):
        fewest = -(-total * low // 100)
        if above - fewest >= policy.minimum_cell or low == 0:
            ends.append(low)
            above = fewest
    lowest_persons = -(-total * ends[-2] // 100)
    if len(ends) > 2 and lowest_persons < policy.minimum_cell:
        del ends[-2]
    low, high = next((low, high) for high, low in pairwise(ends) if matched * 100 >= low * total)
    return f"{low}-{high} %"


def _protected_sums(
    table: CountedTable,
    sums: Numbered,
    persons: Numbered,
    hidden_persons: Flags,
    policy: DisclosurePolicy,
    *,
    secret: WithheldIndicators | None,
    by_hand: Sequence[CellName],
) -> tuple[CellSystem, Pattern, bool]:
    """The system of all sums, which of them stay blank, and whether all that have thresholds do.

    A mean is worth less than a table: where hiding some of the sums that have thresholds is not proved, all of them go.
    """
    for without_thresholds in (False, True):
        amounts, demand = sum_system(
            table,
            sums,
            persons,
            hidden_persons=hidden_persons,
            policy=policy,
            withheld=secret,
            by_hand=by_hand,
            without_thresholds=without_thresholds,
        )
        # A rest beside thresholds is a count, and moves as far as counts do.
        furthest = 2 * int(max(demand.spans.max(initial=1), (amounts.reach - amounts.values).max(initial=1)))
        try:
            pattern = hide_from_contributors(
                amounts,
                demand,
                sold_by_one(table, sums, secret or {}),
                percent=policy.sum_width_percent,
                furthest=furthest,
                grids=_sum_grids(table, sums),
            )
            return amounts, pattern, without_thresholds
        except DisclosureRefused:
            if without_thresholds or not table.thresholds:
                raise
    raise AssertionError("the second attempt returns or raises")


def _kept_back(system: CellSystem, company: Flags) -> int:
    """How many printed cells are kept back by company secrecy itself."""
    return int(np.count_nonzero(system.sensitive & system.printed & company))


def person_grids(table: CountedTable, cells: Numbered) -> list[Grid]:
    """The cubes of persons, in which moves are looked for first."""
    whole_of = {part: split.whole_key for split in all_splits(table) for part in split.part_keys}
    grids: list[Grid] = []
    for cube in table.person_cubes:
        names = tuple(axis.name for axis in cube.dimensions)
        whole = whole_of.get(cube.persons_key, "")
        wholes = cells.cube(whole, names) if (whole, tuple(sorted(names))) in cells.blocks else None
        several = tuple(axis.multi_response for axis in cube.dimensions)
        grids.append(Grid(cells.cube(cube.persons_key, names), several, wholes))
    return grids


def _sum_grids(table: CountedTable, cells: Numbered) -> list[Grid]:
    return [
        Grid(
            cells.cube(cube.sum_key, tuple(axis.name for axis in cube.dimensions)),
            tuple(axis.multi_response for axis in cube.dimensions),
        )
        for cube in table.sum_cubes
    ]


def dimensions_of(table: CountedTable) -> tuple[Dimension, ...]:
    """Strata of all lines, in the order in which lines name them."""
    axes = [cube.dimensions for cube in table.person_cubes] + [cube.dimensions for cube in table.sum_cubes]
    known = {axis.name: axis for own in axes for axis in own}
    names = dict.fromkeys(name for line in table.lines for name in (*line.dimensions, line.period[0]))
    names |= dict.fromkeys(name for told in table.classes for name in told.dimensions)
    return tuple(known[name] for name in names if name in known)

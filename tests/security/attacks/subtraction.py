"""Subtraction within one table: margins, hierarchies, several groupings, codes that overlap, linked crossings."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, product

import numpy as np

from tests.security.attacks.attack import attack
from tests.security.attacks.count_tables import Between, CountsRead, count_table, leaves_below
from tests.security.attacks.order_tables import OrderRead, order_table
from tests.security.attacks.overlapping_tables import DRUGS, REGIONS, overlapping_table, regions_add_up, within_any
from tests.support.attackers import subtract as subtract_order
from tests.support.table_attackers import Cell, Equations, Sum, subtract


def one_at_a_time(read: CountsRead, sums: list[Sum]) -> Iterator[Between]:
    """What comes back along these sums, one unknown after the other."""
    for cell, value in subtract(read.cells, sums).items():
        yield Between.of([cell], value)


def blanks_of(read: CountsRead, cells: list[Cell], value: int) -> Between | None:
    """The claim that the blanks among cells add up to what the printed ones leave of a value."""
    blanks = [cell for cell in cells if read.cells[cell] is None]
    if not blanks:
        return None
    return Between.of(blanks, value - sum(read.cells[cell] or 0 for cell in cells))


@attack(on=count_table, family="subtraction", naive="thresholds_only")
def a_margin_less_its_other_cells(read: CountsRead) -> Iterator[Between]:
    """Handbook on Statistical Disclosure Control, 2nd ed., ch. 4: the total less all cells but one is that cell."""
    for whole, parts in read.sums:
        unknown = [cell for cell in parts if read.cells[cell] is None]
        total = read.cells[whole]
        if total is not None and len(unknown) == 1:
            yield Between.of(unknown, total - sum(read.cells[cell] or 0 for cell in parts))


@attack(on=count_table, family="subtraction", naive="thresholds_only")
def subtraction_until_nothing_moves(read: CountsRead) -> Iterator[Between]:
    """Cox 1980, Suppression methodology: what was found is subtracted further, along every sum."""
    return one_at_a_time(read, read.sums)


@attack(on=count_table, family="subtraction", naive="thresholds_only")
def down_a_nested_hierarchy(read: CountsRead) -> Iterator[Between]:
    """Castro 2012 on hierarchical tables: country, part, county, municipality; the first grouping alone."""
    first = {name: {**dim, "hierarchies": dim["hierarchies"][:1]} for name, dim in read.layout["dims"].items()}
    known = CountsRead({"dims": first}, read.policy, read.cells, b"").sums
    return one_at_a_time(read, [(w, p) for w, p in known if w in read.cells and all(x in read.cells for x in p)])


@attack(on=count_table, family="subtraction", naive="thresholds_only")
def down_a_second_grouping(read: CountsRead) -> Iterator[Between]:
    """De Wolf and Giessing 2009 on linked tables: health regions group the same municipalities another way."""
    last = {name: {**dim, "hierarchies": dim["hierarchies"][-1:]} for name, dim in read.layout["dims"].items()}
    known = CountsRead({"dims": last}, read.policy, read.cells, b"").sums
    return one_at_a_time(read, [(w, p) for w, p in known if w in read.cells and all(x in read.cells for x in p)])


@attack(on=count_table, family="subtraction", naive="thresholds_only")
def a_group_less_a_group_of_another_grouping(read: CountsRead) -> Iterator[Between]:
    """Duke-Williams and Rees 1998 on overlapping areas: what one area has beyond another within it."""
    for axis, dim in enumerate(read.layout["dims"].values()):
        below = leaves_below(dim)
        for large, small in product(below, below):
            if not set(below[small]) < set(below[large]):
                continue
            outside = [leaf for leaf in below[large] if leaf not in below[small]]
            for cell, value in read.cells.items():
                other = read.cells[(*cell[:axis], small, *cell[axis + 1 :])]
                if cell[axis] == large and value is not None and other is not None:
                    rest = [(*cell[:axis], leaf, *cell[axis + 1 :]) for leaf in outside]
                    if claim := blanks_of(read, rest, value - other):
                        yield claim


@attack(on=count_table, family="subtraction", naive="thresholds_only")
def who_is_in_neither_of_two_margins(read: CountsRead) -> Iterator[Between]:
    """Inclusion and exclusion (Denning 1982, ch. 6): all - A - B + (A and B) are those who are neither."""
    below = [leaves_below(dim) for dim in read.layout["dims"].values()]
    totals = [dim["total"] for dim in read.layout["dims"].values()]
    for (i, j), cell in product(combinations(range(len(below)), 2), read.cells):
        if cell[i] == totals[i] or cell[j] == totals[j]:
            continue
        corners = [cell, at(cell, {i: totals[i]}), at(cell, {j: totals[j]}), at(cell, {i: totals[i], j: totals[j]})]
        found = [read.cells[corner] for corner in corners]
        if None in found:
            continue
        value = sum(sign * (number or 0) for sign, number in zip((1, -1, -1, 1), found, strict=True))
        here = [leaf for leaf in below[i][totals[i]] if leaf not in below[i][cell[i]]]
        there = [leaf for leaf in below[j][totals[j]] if leaf not in below[j][cell[j]]]
        if claim := blanks_of(read, [at(cell, {i: a, j: b}) for a in here for b in there], value):
            yield claim


@attack(on=count_table, family="subtraction", naive="thresholds_only")
def a_total_less_every_printed_leaf(read: CountsRead) -> Iterator[Between]:
    """The implied aggregate: the grand total less all printed leaves is what the blank ones have together."""
    below = [leaves_below(dim) for dim in read.layout["dims"].values()]
    for cell, value in read.cells.items():
        if value is not None:
            leaves = list(product(*(own[code] for own, code in zip(below, cell, strict=True))))
            if len(leaves) > 1 and (claim := blanks_of(read, leaves, value)):
                yield claim


@attack(on=count_table, family="subtraction", naive="thresholds_only")
def a_total_less_its_largest_printed_blocks(read: CountsRead) -> Iterator[Between]:
    """As before, where a leaf is blank but a county with it is printed: blocks are taken off, largest first."""
    below = [leaves_below(dim) for dim in read.layout["dims"].values()]
    blocks = {cell: set(product(*(own[code] for own, code in zip(below, cell, strict=True)))) for cell in read.cells}
    for cell, value in read.cells.items():
        if value is None:
            continue
        left, rest = set(blocks[cell]), value
        for other in sorted(read.cells, key=lambda one: -len(blocks[one])):
            number = read.cells[other]
            if other != cell and number is not None and blocks[other] <= left and blocks[other] != blocks[cell]:
                left, rest = left - blocks[other], rest - number
        if left:
            yield Between.of(sorted(left), rest)


@attack(on=count_table, family="subtraction", naive="thresholds_only")
def whatever_the_equations_determine(read: CountsRead) -> Iterator[Between]:
    """Linear algebra over all sums at once, as GaussSuppression's own check does: blanks that have one solution."""
    equations = Equations(read.cells, read.sums, lowest=read.lowest)
    matrix = equations.matrix.toarray()
    if not equations.blanks:
        return
    solution = np.linalg.lstsq(matrix, equations.right, rcond=None)[0]
    _, sizes, right = np.linalg.svd(matrix)
    free = right[int((sizes > 1e-9).sum()) :]
    for place, cell in enumerate(equations.blanks):
        if not free.size or np.abs(free[:, place]).max() < 1e-9:
            yield Between.of([cell], round(solution[place]))


def at(cell: Cell, codes: dict[int, str]) -> Cell:
    """The cell with other codes in some dimensions."""
    return tuple(codes.get(axis, code) for axis, code in enumerate(cell))


@attack(on=overlapping_table, family="subtraction", naive="thresholds_only")
def those_who_do_not_have_a_drug(read: CountsRead) -> Iterator[Between]:
    """UMC Utrecht ConcePTION level 3, report 17: who has any drug less who has this one are the few who do not."""
    for whole, part in within_any(read):
        number, other = read.cells[whole], read.cells[part]
        if number is not None and other is not None:
            yield Between(((whole, 1), (part, -1)), number - other, number - other)


@attack(on=overlapping_table, family="subtraction", naive="thresholds_only")
def one_region_of_a_drug(read: CountsRead) -> Iterator[Between]:
    """Drugs do not add up, but regions do: of each drug all regions but one."""
    return one_at_a_time(read, regions_add_up(read))


@attack(on=overlapping_table, family="subtraction", naive="small_rests_too")
def those_without_a_drug_in_the_last_region(read: CountsRead) -> Iterator[Between]:
    """The rests add up over regions too: who lacks a drug in all, less who lacks it in every other region."""
    for drug in DRUGS:
        rests = {}
        for region in (*REGIONS, "all"):
            whole, part = read.cells[region, "any"], read.cells[region, drug]
            rests[region] = None if whole is None or part is None else whole - part
        unknown = [region for region in REGIONS if rests[region] is None]
        if rests["all"] is not None and len(unknown) == 1:
            value = rests["all"] - sum(rests[region] or 0 for region in REGIONS)
            yield Between((((unknown[0], "any"), 1), ((unknown[0], drug), -1)), value, value)


@attack(on=order_table, family="subtraction", naive="numbers_blank_figures_left")
def crossings_share_their_margins(read: OrderRead) -> Iterator[Between]:
    """De Wolf and Giessing 2009: hospital by sex, region, month and quarter are tables of the same people."""
    for cell, value in subtract_order(read.printed).items():
        yield Between.of([cell], value)


@attack(on=order_table, family="subtraction", naive="without_the_map")
def hospitals_of_a_region(read: OrderRead) -> Iterator[Between]:
    """Linked geographies again, in an order: nobody crossed hospital and region, but everybody owns a map."""
    for cell, value in subtract_order(read.printed).items():
        if any(part.startswith(("hospital=", "region=")) for part in cell[1]):
            yield Between.of([cell], value)


@attack(on=order_table, family="subtraction", naive="numbers_blank_figures_left")
def months_of_a_quarter(read: OrderRead) -> Iterator[Between]:
    """Calendar sums: a quarter less its printed months is the rest."""
    for whole, parts in read.printed.relations:
        unknown = [part for part in parts if part in read.printed.blank]
        if whole[1] and whole[1][0].startswith("index_quarter") and unknown and whole in read.printed.known:
            value = read.printed.known[whole] - sum(read.printed.known.get(part, 0) for part in parts)
            yield Between.of(unknown, value)


@attack(on=order_table, family="subtraction", naive="numbers_blank_figures_left")
def a_denominator_less_its_numerator(read: OrderRead) -> Iterator[Between]:
    """The complement (ACRO 198, dsBase 250): who did not start are all less who did."""
    for whole, part in read.printed.subsets:
        if whole in read.printed.known and part in read.printed.known:
            value = read.printed.known[whole] - read.printed.known[part]
            yield Between(((whole, 1), (part, -1)), value, value)


@attack(on=order_table, family="subtraction", naive="numbers_blank_figures_left")
def complements_add_up_too(read: OrderRead) -> Iterator[Between]:
    """Who did not start, of all, less who did not of every other stratum: complements are a table of their own."""
    known = read.printed.known
    pairs = {(w[0], p[0]) for w, p in read.printed.subsets}
    for over, under in sorted(pairs):
        for whole, parts in read.printed.relations:
            if whole[0] != under:
                continue
            rests = {x: known.get((over, x[1])) for x in (whole, *parts)}
            rest = {x: None if n is None or x not in known else n - known[x] for x, n in rests.items()}
            unknown = [x for x in parts if rest[x] is None]
            total = rest[whole]
            if total is not None and len(unknown) == 1 and (over, unknown[0][1]) in {*known, *read.printed.blank}:
                value = total - sum(rest[x] or 0 for x in parts)
                yield Between((((over, unknown[0][1]), 1), (unknown[0], -1)), value, value)

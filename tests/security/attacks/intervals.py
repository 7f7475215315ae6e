"""Intervals: what whole numbers fit all that is printed; by propagation, by programmes, for cells and for unions."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, linprog, milp

from tests.security.attacks.attack import attack
from tests.security.attacks.count_tables import Between, CountsRead, count_table, zero_table
from tests.security.attacks.order_tables import OrderRead, order_table
from tests.security.attacks.order_tables import some as few_of
from tests.security.attacks.overlapping_tables import overlapping_table, regions_add_up, within_any
from tests.support.attackers import Programme
from tests.support.table_attackers import Cell, Equations, Sum, implied_sums

SOLVED = 6
"""Blanks of a table that programmes are solved for: each takes two of some milliseconds."""
UNLIMITED = 1e6
ROUNDS = 60
"""Of propagation: blanks without an upper end would creep for ever."""


def some(cells: list[Cell]) -> list[Cell]:
    """Some blanks, the same ones each time."""
    return [cells[i] for i in np.random.default_rng(len(cells)).permutation(len(cells))[:SOLVED].tolist()]


def whole_ranges(read: CountsRead, *, lowest: int) -> Iterator[tuple[Cell, int, int]]:
    """The smallest and the largest whole number of some blanks."""
    equations = Equations(read.cells, read.sums, lowest=lowest)
    for cell in some(equations.blanks):
        yield cell, *equations.whole_range(cell)


def propagated(read: CountsRead, sums: list[Sum], *, lowest: int) -> dict[Cell, tuple[float, float]]:
    """Bounds that follow from bounds along each sum, until nothing moves."""
    bounds = {c: (float(lowest), UNLIMITED) if v is None else (float(v), float(v)) for c, v in read.cells.items()}
    for _ in range(ROUNDS):
        moved = False
        for whole, parts in sums:
            low, high = (sum(bounds[part][end] for part in parts) for end in (0, 1))
            moved |= narrow(bounds, whole, low, high)
            for part in parts:
                most = bounds[whole][1] - (low - bounds[part][0])
                least = bounds[whole][0] - (high - bounds[part][1])
                moved |= narrow(bounds, part, least, most)
        if not moved:
            break
    return {cell: bounds[cell] for cell in read.blanks}


def narrow(bounds: dict[Cell, tuple[float, float]], cell: Cell, low: float, high: float) -> bool:
    """Intersect; True if that told something."""
    before = bounds[cell]
    bounds[cell] = max(before[0], low), min(before[1], high)
    return bounds[cell] != before


@attack(on=count_table, family="intervals", naive="thresholds_only")
def bounds_by_propagation(read: CountsRead) -> Iterator[Between]:
    """Buzzigoli and Giusti 1999, the shuttle algorithm: bounds of parts give bounds of wholes and back."""
    for cell, (low, high) in propagated(read, read.sums, lowest=read.lowest).items():
        yield Between.of([cell], low, high)


@attack(on=count_table, family="intervals", naive="two_blanks_a_line")
def bounds_by_propagation_of_two_blanks_a_line(read: CountsRead) -> Iterator[Between]:
    """The same against a heuristic that leaves no blank alone in its line, which is what most offices did by hand."""
    return bounds_by_propagation(read)


@attack(on=count_table, family="intervals", naive="thresholds_only")
def a_single_whole_number_fits(read: CountsRead) -> Iterator[Between]:
    """Handbook ch. 4 and UserSupport 160: a whole-number programme of both ends finds them equal."""
    for cell, low, high in whole_ranges(read, lowest=read.lowest):
        if low == high:
            yield Between.of([cell], low, high)


@attack(on=count_table, family="intervals", naive="thresholds_only")
def two_whole_numbers_fit(read: CountsRead) -> Iterator[Between]:
    """Dobra and Fienberg 2000: a cell narrowed to two candidates is told to whoever knows which is likelier."""
    for cell, low, high in whole_ranges(read, lowest=read.lowest):
        if high - low <= 1:
            yield Between.of([cell], low, high)


@attack(on=count_table, family="intervals", naive="two_blanks_a_line")
def provably_below_the_threshold(read: CountsRead) -> Iterator[Between]:
    """Approximate disclosure: the largest number that fits is itself a small count."""
    for cell, low, high in whole_ranges(read, lowest=read.lowest):
        if high < read.policy.minimum_cell:
            yield Between.of([cell], low, high)


@attack(on=count_table, family="intervals", naive="thresholds_only")
def blanks_of_a_line_together(read: CountsRead) -> Iterator[Between]:
    """Handbook ch. 4 on implied aggregates: a printed whole less its printed parts is few people, wherever they are."""
    for value, blanks in implied_sums(read.cells, read.sums):
        yield Between.of(blanks, value)


@attack(on=count_table, family="intervals", naive="thresholds_only")
def what_two_unions_of_blanks_differ_by(read: CountsRead) -> Iterator[Between]:
    """Two lines with the same blanks but some: the difference of both unions is the rest."""
    unions = [(value, set(blanks)) for value, blanks in implied_sums(read.cells, read.sums)]
    for (value, cells), (other, inner) in combinations(unions, 2):
        if inner < cells:
            yield Between.of(sorted(cells - inner), value - other)
        elif cells < inner:
            yield Between.of(sorted(inner - cells), other - value)


@attack(on=count_table, family="intervals", naive="thresholds_only")
def pairs_of_blanks_by_programme(read: CountsRead) -> Iterator[Between]:
    """Fischetti and Salazar 2000 on the attacker's problem, for the sum of two blanks instead of one."""
    equations = Equations(read.cells, read.sums, lowest=read.lowest)
    chosen = some(equations.blanks)
    for pair in list(combinations(chosen, 2))[:SOLVED]:
        cost = np.zeros(len(equations.blanks))
        cost[[equations.blanks.index(cell) for cell in pair]] = 1
        ends = []
        for sign in (1, -1):
            found = milp(
                sign * cost,
                constraints=LinearConstraint(equations.matrix, equations.right, equations.right),
                bounds=Bounds(equations.lowest, UNLIMITED),
                integrality=np.ones(cost.size),
            )
            ends.append(round(sign * found.fun))
        yield Between.of(pair, ends[0], ends[1])


@attack(on=count_table, family="intervals", naive="thresholds_only")
def fractions_bound_what_whole_numbers_do(read: CountsRead) -> Iterator[Between]:
    """sdcTable's attack(): linear programmes, fractions allowed, ends rounded inwards."""
    equations = Equations(read.cells, read.sums, lowest=read.lowest)
    for cell in some(equations.blanks):
        cost = np.zeros(len(equations.blanks))
        cost[equations.blanks.index(cell)] = 1
        ends = [
            sign
            * linprog(sign * cost, A_eq=equations.matrix, b_eq=equations.right, bounds=(read.lowest, UNLIMITED)).fun
            for sign in (1, -1)
        ]
        yield Between.of([cell], np.ceil(ends[0] - 1e-6), np.floor(ends[1] + 1e-6))


@attack(on=zero_table, family="intervals", naive="thresholds_only")
def hidden_zeros_by_programme(read: CountsRead) -> Iterator[Between]:
    """Where zeros are hidden too, a blank may be 0: the ends are sought from there, and a proved 0 is a leak."""
    for cell, low, high in whole_ranges(read, lowest=0):
        yield Between.of([cell], low, high)


@attack(on=overlapping_table, family="intervals", naive="thresholds_only")
def drugs_within_any_by_programme(read: CountsRead) -> Iterator[Between]:
    """Overlapping codes are inequalities: who has a drug has any. Ends of blanks and of small rests."""
    blanks = read.blanks
    if not blanks:
        return
    rows, low, high = [], [], []
    limits = [(w, p, 0.0, 0.0) for w, p in regions_add_up(read)]
    limits += [(w, [p], 0.0, UNLIMITED) for w, p in within_any(read)]
    for whole, parts, least, most in limits:
        row, known = np.zeros(len(blanks)), 0
        for cell, sign in [(whole, 1), *((part, -1) for part in parts)]:
            if read.cells[cell] is None:
                row[blanks.index(cell)] += sign
            else:
                known += sign * (read.cells[cell] or 0)
        if row.any():
            rows, low, high = [*rows, row], [*low, least - known], [*high, most - known]
    wanted: list[tuple[tuple[Cell, int], ...]] = [((cell, 1),) for cell in some(blanks)]
    wanted += [((w, 1), (p, -1)) for w, p in within_any(read) if read.cells[p] is None or read.cells[w] is None][
        :SOLVED
    ]
    for terms in wanted:
        cost, known = np.zeros(len(blanks)), 0
        for cell, sign in terms:
            if read.cells[cell] is None:
                cost[blanks.index(cell)] = sign
            else:
                known += sign * (read.cells[cell] or 0)
        ends = []
        for sign in (1, -1):
            found = milp(
                sign * cost,
                constraints=LinearConstraint(np.array(rows), low, high) if rows else (),
                bounds=Bounds(1, UNLIMITED),
                integrality=np.ones(len(blanks)),
            )
            ends.append(round(sign * found.fun) + known)
        yield Between(terms, ends[0], ends[1])


@attack(on=order_table, family="intervals", naive="numbers_blank_figures_left")
def small_counts_of_an_order_by_programme(read: OrderRead) -> Iterator[Between]:
    """Handbook ch. 4: all crossings, windows and complements of a delivery in one whole-number programme."""
    if read.printed.blank:
        programme = Programme(read.printed)
        for cell in few_of(sorted(read.printed.blank), SOLVED):
            yield Between.of([cell], *programme.range_of([(cell, 1)]))


@attack(on=order_table, family="intervals", naive="numbers_blank_figures_left")
def rests_of_an_order_by_programme(read: OrderRead) -> Iterator[Between]:
    """The same for persons of a whole outside its part, which no line prints."""
    rests = [(w, p) for w, p in read.printed.subsets if w in read.printed.blank or p in read.printed.blank]
    if rests:
        programme = Programme(read.printed)
        for whole, part in few_of(sorted(rests), SOLVED):
            terms = [(whole, 1), (part, -1)]
            yield Between(tuple(terms), *programme.range_of(terms))

"""Sums: what a reader, a company among the contributors, or two of them learn of what another gives."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scipy.optimize import linprog

from tests.security.attacks.attack import attack
from tests.security.attacks.magnitude_tables import Estimate, SumsRead, company_table, sum_table
from tests.security.attacks.order_tables import Amount, OrderRead, order_table
from tests.support.table_attackers import Cell, Equations, implied_sums, subtract

SOLVED = 4
NOBODY: tuple[str, ...] = ()


def unions(read: SumsRead) -> Iterator[tuple[list[Cell], int]]:
    """Leaf cells whose sum everybody can work out: printed cells, what subtraction gives, blanks of a line together."""
    for cell, value in subtract(read.cells, read.sums).items():
        yield read.leaves(cell), value
    for value, blanks in implied_sums(read.cells, read.sums):
        yield [leaf for cell in blanks for leaf in read.leaves(cell)], value
    for cell, printed in read.cells.items():
        if printed is not None:
            yield read.leaves(cell), printed


def known_to(read: SumsRead, insiders: Sequence[str]) -> Iterator[Estimate]:
    """What is left of every sum that can be worked out when insiders take their own away."""
    for leaves, value in unions(read):
        own = sum(read.given(company, leaves) for company in insiders)
        if own or not insiders:
            yield Estimate(tuple(leaves), tuple(insiders), value - own, value - own)


def by_size(read: SumsRead, leaves: list[Cell]) -> list[str]:
    """Companies that give to leaf cells, largest first: each knows its own place about."""
    return sorted((who for who in read.own if read.given(who, leaves)), key=lambda who: -read.given(who, leaves))


@attack(on=sum_table, family="magnitudes", naive="marked_only")
def a_hidden_sum_by_subtraction(read: SumsRead) -> Iterator[Estimate]:
    """Cox 1980: a sum that the rules hide is the total less the others."""
    return known_to(read, NOBODY)


@attack(on=sum_table, family="magnitudes", naive="two_blanks_a_line")
def a_union_of_blanks_that_one_dominates(read: SumsRead) -> Iterator[Estimate]:
    """Handbook ch. 4: blanks of a line together are a cell that nobody checked against (n, k)."""
    for value, blanks in implied_sums(read.cells, read.sums):
        yield Estimate(tuple(leaf for cell in blanks for leaf in read.leaves(cell)), NOBODY, value, value)


@attack(on=sum_table, family="magnitudes", naive="two_blanks_a_line")
def the_largest_contributor_as_insider(read: SumsRead) -> Iterator[Estimate]:
    """Jewett 1993: the largest takes its own away and has the second largest and little else."""
    for leaves, value in unions(read):
        for company in by_size(read, leaves)[:1]:
            yield Estimate(tuple(leaves), (company,), value - read.given(company, leaves))


@attack(on=sum_table, family="magnitudes", naive="two_blanks_a_line")
def the_second_largest_on_the_largest(read: SumsRead) -> Iterator[Estimate]:
    """The p % rule as it is defined: the second largest takes its own away and estimates the largest."""
    for leaves, value in unions(read):
        for company in by_size(read, leaves)[1:2]:
            yield Estimate(tuple(leaves), (company,), value - read.given(company, leaves))


@attack(on=sum_table, family="magnitudes", naive="two_blanks_a_line")
def a_coalition_of_two(read: SumsRead) -> Iterator[Estimate]:
    """Handbook ch. 4, coalitions: two contributors pool what they know against a third."""
    for leaves, value in unions(read):
        for pair in combinations(by_size(read, leaves)[:5], 2):
            yield Estimate(tuple(leaves), pair, value - sum(read.given(one, leaves) for one in pair))


@attack(on=sum_table, family="magnitudes", naive="two_blanks_a_line")
def any_contributor_of_a_union(read: SumsRead) -> Iterator[Estimate]:
    """The same by everybody: also the smallest contributor may be all that keeps a sum apart from one company's."""
    for company in read.own:
        yield from known_to(read, [company])


@attack(on=sum_table, family="magnitudes", naive="two_blanks_a_line")
def one_who_is_alone_in_a_blank(read: SumsRead) -> Iterator[Estimate]:
    """Giessing 2004 on singletons: who is alone in one blank of a line knows it, and so the others of that line."""
    for value, blanks in implied_sums(read.cells, read.sums):
        for company in read.own:
            alone = [cell for cell in blanks if by_size(read, read.leaves(cell)) == [company]]
            others = tuple(leaf for cell in blanks if cell not in alone for leaf in read.leaves(cell))
            if alone and others:
                rest = value - sum(read.given(company, read.leaves(cell)) for cell in alone)
                yield Estimate(others, (company,), rest - read.given(company, others))


@attack(on=sum_table, family="magnitudes", naive="marked_only")
def a_hidden_sum_by_programme(read: SumsRead) -> Iterator[Estimate]:
    """Fischetti and Salazar 2000: ends of a hidden sum, amounts not being negative."""
    for cell, low, high in ends(read, NOBODY):
        yield Estimate(tuple(read.leaves(cell)), NOBODY, high, low)


@attack(on=sum_table, family="magnitudes", naive="two_blanks_a_line")
def an_insider_with_a_programme(read: SumsRead) -> Iterator[Estimate]:
    """Both together: what an insider gave is the least of a blank; the upper end less that is the others'."""
    for company in sorted(read.own)[:SOLVED]:
        for cell, _, high in ends(read, (company,)):
            leaves = read.leaves(cell)
            yield Estimate(tuple(leaves), (company,), high - read.given(company, leaves))


@attack(on=sum_table, family="magnitudes", naive="printed_beside")
def digits_of_a_hidden_sum_in_the_file(read: SumsRead) -> Iterator[Estimate]:
    """A sum with hundredths is found again wherever it stands: in other columns, statistics, metadata."""
    table = pq.read_table(pa.BufferReader(read.file))
    columns = [name for name in table.column_names if pa.types.is_floating(table.schema.field(name).type)]
    printed = {value for value in read.cells.values() if value is not None}
    for name in columns:
        for cell, value in zip(read.cells, table[name].to_pylist(), strict=True):
            if value is not None and read.cells[cell] is None and round(100 * value) not in printed:
                yield Estimate(tuple(read.leaves(cell)), NOBODY, round(100 * value), round(100 * value))


@attack(on=company_table, family="magnitudes", naive="marked_only")
def sales_of_a_company_that_is_alone_under_a_code(read: SumsRead) -> Iterator[Estimate]:
    """Kammarrätten Stockholm 2359-18: a code with one company is that company; its sales by subtraction."""
    return known_to(read, NOBODY)


@attack(on=company_table, family="magnitudes", naive="two_blanks_a_line")
def two_companies_that_are_alone_under_their_codes(read: SumsRead) -> Iterator[Estimate]:
    """Giessing 2004 once more: two codes of one company each hide each other from all but these two."""
    for value, blanks in implied_sums(read.cells, read.sums):
        for company in read.own:
            own = [cell for cell in blanks if read.sellers.get(cell[1]) == (company,)]
            others = tuple(leaf for cell in blanks if cell not in own for leaf in read.leaves(cell))
            if own and others:
                rest = value - sum(read.given(company, read.leaves(cell)) for cell in own)
                yield Estimate(others, (company,), rest, rest)


@attack(on=company_table, family="magnitudes", naive="marked_only")
def a_company_among_several_under_a_code(read: SumsRead) -> Iterator[Estimate]:
    """A company takes its own sales out of every sum that can be worked out, and looks whether one other is left."""
    alone = {code for code, companies in read.sellers.items() if len(companies) == 1}
    for company in read.own:
        for claim in known_to(read, [company]):
            # Of two companies under a code each knows the other's sales: the rule is about codes of one.
            if any(cell[1] in alone for cell in claim.cells):
                yield claim


@attack(on=order_table, family="magnitudes", naive="numbers_blank_figures_left")
def a_mean_times_those_whom_it_is_of(read: OrderRead) -> Iterator[Amount]:
    """A sum that is hidden is the mean beside it times its persons, where both are printed somewhere."""
    for line in read.lines:
        persons = read.printed.known.get((line["denominator_key"], line["place"]))
        if line["statistic"] == "mean" and line["value"] is not None:
            counts = [persons] if persons is not None else range(1, read.policy.minimum_cell)
            for count in counts:
                value = round(100 * line["value"] * count)
                if abs(100 * line["value"] * count - value) < 0.01:
                    yield Amount(line["sum_key"], line["place"], value, value)


@attack(on=order_table, family="magnitudes", naive="numbers_blank_figures_left")
def sums_of_an_order_by_subtraction(read: OrderRead) -> Iterator[Amount]:
    """Costs add up over the same strata as persons do: all of a row less its printed cells."""
    known = {
        line["place"]: round(100 * line["value"])
        for line in read.lines
        if line["statistic"] == "sum" and line["value"] is not None
    }
    known |= {
        line["place"]: round(100 * line["value"] * line["denominator"])
        for line in read.lines
        if line["statistic"] == "mean" and line["value"] is not None and line["denominator"] is not None
    }
    for whole, parts in read.printed.relations:
        if whole[0] != "within365" or whole[1] not in known:
            continue
        unknown = [part[1] for part in parts if part[1] not in known]
        if len(unknown) <= 1:
            rest = known[whole[1]] - sum(known.get(part[1], 0) for part in parts)
            for place in unknown:
                yield Amount("cost", place, rest, rest)
    for place, value in known.items():
        yield Amount("cost", place, value, value)


def ends(read: SumsRead, insiders: tuple[str, ...]) -> Iterator[tuple[Cell, float, float]]:
    """Both ends of some blanks; what insiders gave is at least there, and all there is where they are alone."""
    equations = Equations(read.cells, read.sums, lowest=0)
    blanks = equations.blanks
    bounds: list[tuple[float, float | None]] = []
    for cell in blanks:
        leaves = read.leaves(cell)
        own = sum(read.given(company, leaves) for company in insiders)
        alone = bool(insiders) and set(by_size(read, leaves)) <= set(insiders)
        bounds.append((own, own if alone else None))
    for place in np.random.default_rng(len(blanks)).permutation(len(blanks))[:SOLVED].tolist():
        cost = np.zeros(len(blanks))
        cost[place] = 1
        found = [linprog(sign * cost, A_eq=equations.matrix, b_eq=equations.right, bounds=bounds) for sign in (1, -1)]
        low, high = (
            sign * one.fun if one.status == 0 else sign * -np.inf for sign, one in zip((1, -1), found, strict=True)
        )
        yield blanks[place], low, high

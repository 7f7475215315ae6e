"""What an attacker knows beside the numbers: the rules, the zero policy, status codes, the file, and the program."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.security.attacks.attack import attack
from tests.security.attacks.count_tables import (
    Between,
    CountsRead,
    CountTable,
    count_table,
    leaves_of,
    three_by_three,
    zero_table,
)
from tests.security.attacks.intervals import propagated
from tests.support.table_attackers import Cell, implied_sums, subtract


@attack(on=count_table, family="knowledge", naive="two_blanks_a_line")
def zeros_are_printed_so_blanks_are_not(read: CountsRead) -> Iterator[Between]:
    """Zero policy (Handbook ch. 4; sdcTable forgets it): what follows only because no blank is 0."""
    ignorant = propagated(read, read.sums, lowest=0)
    for cell, (low, high) in propagated(read, read.sums, lowest=1).items():
        if (low, high) != ignorant[cell]:
            yield Between.of([cell], low, high)


@attack(on=zero_table, family="knowledge", naive="thresholds_only")
def a_hidden_zero_is_the_rest_of_a_line(read: CountsRead) -> Iterator[Between]:
    """Where zeros are hidden, a line whose printed cells make up the whole tells that its blanks are 0."""
    for value, blanks in implied_sums(read.cells, read.sums):
        for cell in blanks:
            if not value:
                yield Between.of([cell], 0)
    for cell, value in subtract(read.cells, read.sums).items():
        yield Between.of([cell], value)


@attack(on=count_table, family="knowledge", naive="thresholds_only")
def every_group_of_blanks_holds_a_small_count(read: CountsRead) -> Iterator[Between]:
    """Nothing is blank without cause: of blanks that hang together, all but one of them large, that one is small."""
    bounds = propagated(read, read.sums, lowest=read.lowest)
    for group in groups(read):
        perhaps = [cell for cell in group if bounds[cell][0] < read.policy.minimum_cell]
        if len(perhaps) == 1:
            yield Between.of(perhaps, bounds[perhaps[0]][0], read.policy.minimum_cell - 1)


@attack(
    on=three_by_three,
    family="knowledge",
    naive="two_blanks_a_line",
    succeeds="what is blanked follows from the counts: docs/manual/disclosure.md, What attackers find",
)
def what_the_program_would_have_blanked_alike(read: CountsRead) -> Iterator[Between]:
    """Wong et al. 2007, the minimality attack: all that fits is tried, and what would look otherwise is out.

    The program is public and gives the same bytes for the same table, so the attacker runs it.
    """
    leaves = list(product(*(leaves_of(dim) for dim in read.layout["dims"].values())))
    possible = fillings(read, leaves)
    if not possible:
        return
    shape = [len(leaves_of(dim)) for dim in read.layout["dims"].values()]
    alike = []
    for filling in possible:
        guess = np.array([filling.get(leaf, read.cells[leaf] or 0) for leaf in leaves]).reshape(shape)
        other = getattr(CountTable(read.policy, read.layout["dims"], guess), read.program)
        if set(other.blanks) == set(read.blanks):
            alike.append(filling)
    for cell in read.blanks:
        if cell in possible[0]:
            values = [filling[cell] for filling in alike]
            yield Between.of([cell], min(values), max(values))


MOST_FILLINGS = 40
"""A table that fits more is left: trying only some of them would prove nothing."""


def fillings(read: CountsRead, leaves: list[Cell]) -> list[dict[Cell, int]]:
    """All whole numbers that fit the blank leaves; empty where there are too many, or none is blank."""
    blanks = [leaf for leaf in leaves if read.cells[leaf] is None]
    bounds = propagated(read, read.sums, lowest=read.lowest)
    if not blanks or any(high - low > MOST_FILLINGS for low, high in (bounds[cell] for cell in blanks)):
        return []
    found: list[dict[Cell, int]] = [{}]
    for place, cell in enumerate(blanks):
        low, high = (int(end) for end in bounds[cell])
        open_yet = set(blanks[place + 1 :])
        found = [
            longer
            for filling in found
            for value in range(low, high + 1)
            if fits(read, longer := {**filling, cell: value}, open_yet)
        ]
        if len(found) > 20 * MOST_FILLINGS:
            return []
    return found if len(found) <= MOST_FILLINGS else []


def fits(read: CountsRead, filling: dict[Cell, int], open_yet: set[Cell]) -> bool:
    """Whether printed wholes are the sums of their parts, where all parts are told or guessed."""
    for whole, parts in read.sums:
        total = read.cells[whole]
        if total is None or open_yet & {*parts}:
            continue
        told = all(part in filling or read.cells[part] is not None for part in parts)
        if told and sum(filling.get(part, read.cells[part] or 0) for part in parts) != total:
            return False
    return True


@attack(on=count_table, family="knowledge", naive="primary_told_from_partners")
def a_column_that_parts_the_blanks(read: CountsRead) -> Iterator[Between]:
    """Handbook ch. 4: primary and secondary blanks must look alike. Any column by which they fall into groups tells."""
    rows = as_table(read.file).to_pylist()
    names = list(read.layout["dims"])
    for column in rows[0].keys() - {*names, "n"}:
        labels: dict[object, list[Cell]] = {}
        for row in rows:
            cell = tuple(row[name] for name in names)
            if read.cells[cell] is None:
                labels.setdefault(row[column], []).append(cell)
        if len(labels) > 1:
            for cells in labels.values():
                yield from (Between.of([cell], 1, read.policy.minimum_cell - 1) for cell in cells)


@attack(on=count_table, family="knowledge", naive="rows_by_size")
def rows_sorted_by_their_count(read: CountsRead) -> Iterator[Between]:
    """The order of rows is information: between two printed neighbours of a sorted file lies what is blank."""
    rows = list(read.cells.items())
    printed = [value for _, value in rows if value is not None]
    if len(printed) < 5 or printed not in (sorted(printed), sorted(printed, reverse=True)):
        return
    for place, (cell, value) in enumerate(rows):
        if value is None:
            before = [v for _, v in rows[:place] if v is not None][-1:]
            after = [v for _, v in rows[place + 1 :] if v is not None][:1]
            near = [*before, *after]
            yield Between.of([cell], min(near) if len(near) == 2 else 1, max(near) - 1 if max(near) else 1)


@attack(on=count_table, family="knowledge", naive="numbers_under_blanks")
def statistics_in_the_footer_of_a_file(read: CountsRead) -> Iterator[Between]:
    """Parquet keeps the least and the largest value of each column: numbers that no printed cell has are blank ones."""
    footer = pq.ParquetFile(pa.BufferReader(read.file)).metadata
    for group in range(footer.num_row_groups):
        for column in range(footer.num_columns):
            kept = footer.row_group(group).column(column)
            if kept.statistics is not None and kept.path_in_schema.startswith("n"):
                for value in (kept.statistics.min, kept.statistics.max):
                    if isinstance(value, int) and value not in read.cells.values():
                        yield from (Between.of([cell], value) for cell in read.blanks)


@attack(on=count_table, family="knowledge", naive="numbers_under_the_mask")
def numbers_that_a_null_covers(read: CountsRead) -> Iterator[Between]:
    """Arrow marks a value as missing and may leave the value where it was: what lies under the mask."""
    column = as_table(read.file)["n"].combine_chunks()
    beneath = np.frombuffer(column.buffers()[1], dtype=np.int64)[column.offset :][: len(column)]
    for (cell, value), left in zip(read.cells.items(), beneath.tolist(), strict=True):
        if value is None:
            yield Between.of([cell], left)


@attack(on=count_table, family="knowledge", naive="numbers_under_blanks")
def words_about_the_file(read: CountsRead) -> Iterator[Between]:
    """Key-value metadata, other columns, other row counts: a file larger than its cells need says something."""
    table = as_table(read.file)
    known = {*read.layout["dims"], "n", "n_status"}
    odd = [name for name in table.column_names if name not in known]
    if table.num_rows != len(read.cells) or odd or table.schema.metadata:
        for value in table["n"].to_pylist() if "n" in table.column_names else []:
            yield from (Between.of([cell], value) for cell in read.blanks if isinstance(value, int))


def as_table(file: bytes) -> pa.Table:
    """A Parquet or Arrow file."""
    if file.startswith(b"PAR1"):
        return pq.read_table(pa.BufferReader(file))
    return pa.ipc.open_file(pa.BufferReader(file)).read_all()


def groups(read: CountsRead) -> list[list[Cell]]:
    """Blanks that hang together by sums."""
    own = {cell: cell for cell in read.blanks}

    def first(cell: Cell) -> Cell:
        while own[cell] != cell:
            cell = own[cell]
        return cell

    for whole, parts in read.sums:
        blanks = [cell for cell in (whole, *parts) if cell in own]
        for cell in blanks[1:]:
            own[first(cell)] = first(blanks[0])
    found: dict[Cell, list[Cell]] = {}
    for cell in own:
        found.setdefault(first(cell), []).append(cell)
    return list(found.values())

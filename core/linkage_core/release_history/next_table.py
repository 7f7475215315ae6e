"""The next table of an order beside earlier ones of nearly the same people, line by line.

Counts of persons and what is formed of them are counted anew where `hold_back` allows it. A line of which any cell
is held back says again what it said before, number for number. So do all lines that cannot be held back cell by cell:
sums, means, rates, lines by properties of rows, why persons had no value, and what the rows were.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa

from linkage.disclosure_policy import DisclosurePolicy, canonical_sha256
from linkage.released_table import AS_OF, NUMBER_COLUMNS, TOTAL, LineStatus, ReleasedDimension, schema_of
from linkage_core.counted_table import CountedTable, Dimension, PersonCube
from linkage_core.disclosure.linked_cells import Numbered
from linkage_core.disclosure.person_cells import number_persons, person_system, printed_keys
from linkage_core.disclosure.printed_lines import PROTECTED, Numbers, officer_table, printed_table
from linkage_core.disclosure.protect import dimensions_of, person_grids
from linkage_core.disclosure.protected_table import SEAL, ProtectedTable
from linkage_core.disclosure.sum_cells import number_sums
from linkage_core.disclosure.withheld import WithheldIndicators, withheld_persons
from linkage_core.release_history.cell_states import CellStates
from linkage_core.release_history.hold_back import Next, hold_back
from linkage_core.release_history.members import Members, differences
from linkage_core.release_history.movement import Incidence
from linkage_core.release_history.printed import Printed
from linkage_core.release_history.published_cells import Flags


@dataclass(frozen=True, slots=True)
class EarlierTable:
    """An earlier release, of the same table or of another that has cells in common with it.

    Args:
        name: of the release.
        members: who stood where.
        states: what it said of each cell.
        printed: what it printed; None for another table.
    """

    name: str
    members: Members
    states: CellStates
    printed: ProtectedTable | None = None


@dataclass(frozen=True, slots=True)
class NextTable:
    """A table, and what the ledger keeps of its cells."""

    protected: ProtectedTable
    states: CellStates


def first_states(table: CountedTable, protected: ProtectedTable, *, members: Members, name: str) -> CellStates:
    """What a release says of its cells that no other came before.

    Args:
        table: the counts.
        protected: what `protect` made of them.
        members: who stands where.
        name: of the release.
    """
    assert protected.hidden is not None
    cells = number_persons(table)
    blank = protected.hidden.persons
    known = {block: numbers for block, numbers in cells.blocks.items() if members.knows(*block)}
    said = Printed(np.where(blank, 0, cells.values), np.where(blank, -1, 0), ~blank, blank)
    return CellStates.of(replace(cells, blocks=known), said, names=(name,))


def next_table(
    table: CountedTable,
    policy: DisclosurePolicy,
    *,
    members: Members,
    earlier: Sequence[EarlierTable],
    name: str,
    secret: WithheldIndicators | None = None,
) -> NextTable:
    """Protect a table beside earlier releases of it.

    Args:
        table: exact counts now.
        policy: the rules.
        members: who stands where.
        earlier: releases with people in common. The last is of the same table and nearly the same people: what is held
            back says again what it said.
        name: of this release.
        secret: what may not be known whatever the counts are.

    Raises:
        DisclosureRefused: the population is too small.
        InputRefused: the table contradicts itself.
    """
    counted = decided_by_cell(table, members, earlier)
    cells = number_persons(counted)
    system = person_system(counted, cells, policy, withheld=secret)
    closed = _named_otherwise(cells, members, earlier)
    numbers = {one.name: number for number, one in enumerate(earlier)}
    said = [
        one.states.beside(
            cells, number=number, numbers=numbers, alike=one.members.named_alike, same_table=one.printed is not None
        )
        for number, one in enumerate(earlier)
    ]
    since: list[Incidence] = [differences(cells, now=members, earlier=one.members) for one in earlier]
    grids = person_grids(counted, cells)
    kinds = np.zeros(cells.values.size, dtype=np.int64)
    for number, block in enumerate(cells.blocks.values()):
        kinds[block] = number
    decided = hold_back(system, earlier=said, since=since, kinds=kinds, grids=grids, policy=policy, closed=closed)
    lines = _Lines(counted, cells, decided, withheld_persons(counted, cells, secret or {}, policy.exceptions))
    before = _Before.of(earlier[-1])
    small = int(np.count_nonzero(decided.sensitive & system.printed))
    blank = int(np.count_nonzero(decided.printed.blank & system.printed))
    printed, why = _put_together(lines, before, name=name)
    protected = ProtectedTable(
        table=printed,
        dimensions=_joint_dimensions(before, lines),
        reasons=before.reasons,
        row_shares=before.row_shares,
        officer_reasons=officer_table(why),
        cells=int(np.count_nonzero(system.printed)) + number_sums(table).values.size,
        suppressed_by_reason={"small_cell": small, "protects_small_cell": blank - small, "sum": before.other_blanks},
        policy_id=policy.id,
        policy_version=policy.version,
        policy_sha256=canonical_sha256(policy),
        seal=SEAL,
    )
    return NextTable(protected, CellStates.of(cells, decided.printed, names=(*numbers, name)))


def decided_by_cell(table: CountedTable, members: Members, earlier: Sequence[EarlierTable]) -> CountedTable:
    """The part of a table that is decided cell by cell: counts of persons of whom it is known where they stand.

    Levels that earlier releases of it had besides are there too, and nobody is in them.
    """
    return _with_levels(_held_back_by_cell(table, members), earlier)


def _held_back_by_cell(table: CountedTable, members: Members) -> CountedTable:
    lines = tuple(
        line
        for line in table.lines
        if not (line.sum_key or line.person_time_key or line.inhabitants_key or line.period[0])
        and all(members.knows(key, line.dimensions) for key in printed_keys(line))
    )
    cubes = tuple(
        cube
        for cube in table.person_cubes
        if members.knows(cube.persons_key, tuple(axis.name for axis in cube.dimensions))
    )
    return CountedTable(cubes, (), table.splits, lines, nestings=table.nestings, persons_known=table.persons_known)


def _with_levels(table: CountedTable, earlier: Sequence[EarlierTable]) -> CountedTable:
    known: dict[str, Dimension] = {axis.name: axis for cube in table.person_cubes for axis in cube.dimensions}
    wide = {
        name: replace(
            axis,
            levels=tuple(
                dict.fromkeys(
                    chain(
                        axis.levels,
                        *(one.states.dimensions.get(name, ()) for one in earlier if one.printed is not None),
                    )
                )
            ),
        )
        for name, axis in known.items()
    }
    return replace(table, person_cubes=tuple(_wider(cube, wide) for cube in table.person_cubes))


def _wider(cube: PersonCube, wide: dict[str, Dimension]) -> PersonCube:
    axes = tuple(wide[axis.name] for axis in cube.dimensions)
    persons = np.zeros([len(axis.levels) + 1 for axis in axes], dtype=np.int64)
    places = [[*range(len(axis.levels)), len(own.levels)] for axis, own in zip(cube.dimensions, axes, strict=True)]
    persons[np.ix_(*places) if places else ()] = cube.persons
    return PersonCube(cube.persons_key, axes, persons)


def _named_otherwise(cells: Numbered, members: Members, earlier: Sequence[EarlierTable]) -> Flags:
    """Cells of sets that bear the name of another now, or did then: their numbers were of different people."""
    closed = np.zeros(cells.values.size, dtype=np.bool_)
    for key, strata in cells.blocks:
        alike = members.named_alike(key)
        if any(_fell_apart(one.members, alike) for one in earlier):
            closed[cells.blocks[key, strata]] = True
    return closed


def _fell_apart(members: Members, names: Iterable[str]) -> bool:
    """Whether sets of some names had not all the same members."""
    sets = [members.sets[name] for name in names if name in members.sets]
    return any(one != sets[0] for one in sets[1:])


class _Lines:
    """The lines that are decided cell by cell, laid out as they are printed.

    Attributes:
        table: the lines, those blank of which a cell is not known now.
        is_open, is_blank, is_still: lines that tell of this release, that have to stay blank, in which nobody moved.
        why: for officers, what is blank of each line that has to stay blank: rule and input.
    """

    def __init__(self, table: CountedTable, cells: Numbered, decided: Next, company: Flags) -> None:
        self.dimensions = dimensions_of(table)
        sums, none = number_sums(table), np.zeros(0, dtype=np.bool_)

        def printed(blank: Flags) -> tuple[pa.Table, list[tuple[int, str, str]]]:
            numbers = Numbers(cells, decided.sensitive, blank, sums, none, none, {}, company, none)
            return printed_table(table, self.dimensions, numbers)

        self.table, _ = printed(~decided.printed.current)
        blank, why = printed(decided.printed.blank)
        still, _ = printed(~decided.still)
        self.is_open, self.is_blank, self.is_still = _is_open(self.table), ~_is_open(blank), _is_open(still)
        self.why = _by_line(why)


@dataclass(frozen=True, slots=True)
class _Before:
    """What was said before, line by line.

    Args:
        lines: with `as_of`.
        why: as in `_Lines`.
        other_blanks: sums that are blank.
    """

    lines: list[dict[str, Any]]
    dimensions: tuple[Dimension, ...]
    reasons: pa.Table
    row_shares: pa.Table
    why: Mapping[int, list[tuple[str, str]]]
    other_blanks: int

    @classmethod
    def of(cls, earlier: EarlierTable) -> _Before:
        """What an earlier release said."""
        printed = earlier.printed
        assert printed is not None
        lines = printed.table.to_pylist()
        for line in lines:
            line.setdefault(AS_OF, "" if line["status"] == LineStatus.SUPPRESSED else earlier.name)
        why = zip(*(printed.officer_reasons[name].to_pylist() for name in ("row", "rule", "input")), strict=True)
        return cls(
            lines,
            printed.dimensions,
            printed.reasons,
            printed.row_shares,
            _by_line(why),
            printed.suppressed_by_reason["sum"],
        )


def _put_together(lines: _Lines, before: _Before, *, name: str) -> tuple[pa.Table, list[tuple[int, str, str]]]:
    """The whole table, and for officers (row, rule, input) of each blank input."""
    dimensions = _joint_dimensions(before, lines)
    schema = schema_of([ReleasedDimension(d.name, d.levels, d.multi_response) for d in dimensions], as_of=True)
    words = [field.name for field in schema if field.name not in {*NUMBER_COLUMNS, "status", "reason", AS_OF}]
    now = [dict.fromkeys(words, TOTAL) | line for line in lines.table.to_pylist()]
    place = {tuple(line[word] for word in words): number for number, line in enumerate(now)}
    told: list[dict[str, Any]] = []
    why: list[tuple[int, str, str]] = []
    for number, line_before in enumerate(before.lines):
        said = dict.fromkeys(words, TOTAL) | line_before
        own = place.pop(tuple(said[word] for word in words), None)
        was_told = said["status"] != LineStatus.SUPPRESSED
        if own is None:
            line, reasons = said, before.why.get(number, [])
        elif lines.is_open[own] and not (lines.is_still[own] and was_told):
            line, reasons = now[own] | {AS_OF: name}, []
        elif lines.is_blank[own] and not lines.is_open[own]:
            line, reasons = _blank(said), lines.why.get(own, [])
        else:
            line, reasons = said, before.why.get(number, [])
        why += [(len(told), rule, given) for rule, given in reasons]
        told.append(line)
    # A level that is new: while it is not told of, nobody is to learn that somebody has it.
    told += [now[own] | {AS_OF: name} for own in place.values() if lines.is_open[own]]
    return pa.Table.from_pylist(told, schema=schema), why


def _blank(line: dict[str, Any]) -> dict[str, Any]:
    return (
        line
        | dict.fromkeys(NUMBER_COLUMNS)
        | {
            "status": LineStatus.SUPPRESSED.value,
            "reason": PROTECTED,
            AS_OF: "",
        }
    )


def _joint_dimensions(before: _Before, lines: _Lines) -> tuple[Dimension, ...]:
    """The strata in their order, with the levels of both."""
    own = {axis.name: axis.levels for axis in lines.dimensions}
    return tuple(
        replace(axis, levels=tuple(dict.fromkeys((*axis.levels, *own.get(axis.name, ())))))
        for axis in before.dimensions
    )


def _by_line(why: Iterable[tuple[int, str, str]]) -> dict[int, list[tuple[str, str]]]:
    found: dict[int, list[tuple[str, str]]] = {}
    for line, rule, given in why:
        found.setdefault(line, []).append((rule, given))
    return found


def _is_open(table: pa.Table) -> Flags:
    return np.array([status != LineStatus.SUPPRESSED for status in table["status"].to_pylist()], dtype=np.bool_)

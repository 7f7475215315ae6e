"""What is kept back whatever the counts are: sums, and if so ruled persons, that tell what one company sells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from linkage.policy_exceptions import SignedException
from linkage_core.class_table import ClassKind
from linkage_core.counted_table import CountedTable, Line
from linkage_core.disclosure.cell_system import Flags
from linkage_core.disclosure.class_cells import class_cube
from linkage_core.disclosure.excepted_cells import excepted_cells
from linkage_core.disclosure.linked_cells import Numbered
from linkage_core.disclosure.primary_rules import Contributions


@dataclass(frozen=True, slots=True)
class Withheld:
    """What may not be known of one indicator.

    Args:
        everywhere: all its cells.
        levels: levels of strata at which it may not be known, by stratum.
        sums: its sums are kept back, and what is formed from them.
        persons: so are its numbers of persons.
        companies: the company that alone supplies what a level is about, by stratum and level: it knows that sum.
    """

    everywhere: bool = False
    levels: Mapping[str, frozenset[str]] = field(default_factory=dict)
    sums: bool = True
    persons: bool = False
    companies: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


WithheldIndicators = Mapping[str, Withheld]
"""By the indicator's identifier."""


def withheld_sums(
    table: CountedTable, sums: Numbered, withheld: WithheldIndicators, exceptions: Iterable[SignedException] = ()
) -> Flags:
    """Which sum cells may not be known, but for those that an officer excepted."""
    found = np.zeros(sums.values.size, dtype=np.bool_)
    for line, own in _lines(table, withheld):
        if line.sum_key and own.sums:
            _mark(found, sums, line.sum_key, line, own)
    free = excepted_cells(exceptions, "company_secrecy", table, sums, key_of=lambda line: line.sum_key)
    kept_back: Flags = found & ~free
    return kept_back


def sold_by_one(table: CountedTable, sums: Numbered, withheld: WithheldIndicators) -> Contributions:
    """The sums that a single company makes up, each with that company as its contributor."""
    numbers: dict[str, int] = {}
    seller = np.full(sums.values.size, -1, dtype=np.int64)
    for line, own in _lines(table, withheld):
        cube = sums.cube(line.sum_key, line.dimensions) if line.sum_key else None
        for axis, name in enumerate(line.dimensions if cube is not None else ()):
            assert cube is not None
            for place, level in enumerate(sums.dimensions[name].levels):
                if company := own.companies.get(name, {}).get(level):
                    seller[np.take(cube, place, axis=axis)] = numbers.setdefault(company, len(numbers))
    cells = np.flatnonzero(seller >= 0)
    return Contributions(cells, seller[cells], sums.values[cells])


def withheld_persons(
    table: CountedTable, persons: Numbered, withheld: WithheldIndicators, exceptions: Iterable[SignedException] = ()
) -> Flags:
    """Which person cells may not be known, but for those that an officer excepted; one without persons tells none."""
    found = _withheld_classes(table, persons, withheld)
    for line, own in _lines(table, withheld):
        if line.numerator_key and own.persons:
            _mark(found, persons, line.numerator_key, line, own)
    free = excepted_cells(exceptions, "company_secrecy", table, persons, key_of=lambda line: line.numerator_key)
    kept_back: Flags = found & ~free & (persons.values > 0)
    return kept_back


def _withheld_classes(table: CountedTable, cells: Numbered, withheld: WithheldIndicators) -> Flags:
    """Classes that tell what one company sells: numbers of its patients, or what its sums are made of."""
    found = np.zeros(cells.values.size, np.bool_)
    for told in table.classes:
        own = withheld.get(told.indicator)
        if own is None or not (own.persons or (own.sums and told.kind is ClassKind.VALUES)):
            continue
        cube = class_cube(cells, told)[..., :-1]
        if own.everywhere:
            found[cube] = True
        for axis, name in enumerate(told.dimensions):
            levels = cells.dimensions[name].levels
            places = [place for place, level in enumerate(levels) if level in own.levels.get(name, ())]
            found[np.take(cube, places, axis=axis)] = True
    return found


def _lines(table: CountedTable, withheld: WithheldIndicators) -> list[tuple[Line, Withheld]]:
    return [(line, withheld[line.indicator]) for line in table.lines if line.indicator in withheld]


def _mark(found: Flags, cells: Numbered, key: str, line: Line, own: Withheld) -> None:
    cube = cells.cube(key, line.dimensions)
    if own.everywhere or line.period[1] in own.levels.get(line.period[0], ()):
        found[cube] = True
        return
    for axis, name in enumerate(line.dimensions):
        levels = cells.dimensions[name].levels
        places = [place for place, level in enumerate(levels) if level in own.levels.get(name, ())]
        found[np.take(cube, places, axis=axis)] = True

"""What a reader of any order's table has: read from the lines, and from what everybody knows about such tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations

import numpy as np

from linkage_core.counted_table import CountedTable, PersonCube
from linkage_core.disclosure import ProtectedTable
from tests.support.attackers import TOTAL, Cell, Printed, subtract

Place = tuple[str, ...]


def truth_of(counted: CountedTable) -> dict[Cell, int]:
    """Exact counts by (set, levels written stratum=level, totals left out)."""
    return {cell: count for cube in counted.person_cubes for cell, count in _cells(cube).items()}


def read_order(counted: CountedTable, protected: ProtectedTable, *, lies_in: dict[str, str] | None = None) -> Printed:
    """Numbers, blanks, and sums that hold; `counted` tells which sets a line is about, never a count.

    Args:
        counted: what was protected.
        protected: the release.
        lies_in: hospital -> region, where the reader owns a map and the order has both.
    """
    rows = {_line_of(row): row for row in protected.table.to_pylist()}
    strata = [dimension.name for dimension in protected.dimensions]
    cubes = {(cube.persons_key, tuple(a.name for a in cube.dimensions)): cube for cube in counted.person_cubes}
    known: dict[Cell, int] = {}
    named: set[Cell] = set()
    for line in counted.lines:
        columns = {line.denominator_key: "denominator"}
        columns |= {line.numerator_key: "numerator"} if line.statistic != "mean" else {}
        period = dict([line.period]) if line.period[0] else {}
        for key, column in columns.items():
            for cell in _cells(cubes[key, line.dimensions]) if key else ():
                levels = dict(part.split("=", 1) for part in cell[1]) | period
                place = tuple(levels.get(name, TOTAL) for name in strata)
                row = rows[line.indicator, line.parameters, line.statistic.value, place]
                named.add(cell)
                if row[column] is not None:
                    known[cell] = int(row[column])
    for (indicator, reason, key), row in zip(counted.reasons, protected.reasons.to_pylist(), strict=True):
        assert (indicator, reason) == (row["indicator"], row["reason"])
        named.add((key, ()))
        if row["persons"] is not None:
            known[key, ()] = row["persons"]
    for cell, words in _printed_classes(counted):
        indicator, parameters, levels = words
        place = tuple(levels.get(name, TOTAL) for name in strata)
        row = rows[indicator, parameters, "persons", place]
        named.add(cell)
        if row["numerator"] is not None:
            known[cell] = int(row["numerator"])
    if counted.persons_known and ("population", ()) in cubes:
        # Whoever sent them knows how many they are, whether or not a line says so.
        named.add(("population", ()))
        known["population", ()] = int(cubes["population", ()].persons)
    made_up = list(_made_up_of_classes(counted, cubes))
    named |= {cell for cell, _ in made_up}
    relations, subsets = _ties(counted, named)
    relations += made_up
    relations += _complete_splits(counted, cubes, named)
    relations += _map(named, lies_in or {})
    if ("population", ()) in known:
        # What follows from it and from zeros is no secret either: all are of the only hospital.
        sure = {cell: value for cell, value in known.items() if value == 0 or cell == ("population", ())}
        known |= subtract(Printed(sure, named - set(sure), relations, []))
    return Printed(known, named - set(known), relations, subsets)


def _printed_classes(counted: CountedTable) -> Iterator[tuple[Cell, tuple[str, str, dict[str, str]]]]:
    """Each cell by class, and how its line is named: indicator, parameters, levels of the strata."""
    cubes = {(cube.persons_key, tuple(a.name for a in cube.dimensions)): cube for cube in counted.person_cubes}
    for told in counted.classes:
        cube = cubes[told.persons_key, (*told.dimensions, told.axis)]
        everybody = {"times": "ended=any", "values": "value=any", "paths": "path=any"}[told.kind.value]
        for cell in _cells(cube):
            levels = dict(part.split("=", 1) for part in cell[1])
            words = levels.pop(told.axis, everybody)
            yield cell, (told.indicator, ";".join(part for part in (told.parameters, words) if part), levels)


def _made_up_of_classes(
    counted: CountedTable, cubes: dict[tuple[str, tuple[str, ...]], PersonCube]
) -> Iterator[tuple[Cell, list[Cell]]]:
    """Sets that classes add up to, whether or not anybody prints them."""
    for one in counted.class_sums:
        for (key, names), cube in cubes.items():
            if key == one.set_key and (one.persons_key, (*names, one.axis)) in cubes:
                for _, place in _cells(cube):
                    parts = [(one.persons_key, tuple(sorted((*place, f"{one.axis}={words}")))) for words in one.inside]
                    yield (key, place), parts


def _complete_splits(
    counted: CountedTable, cubes: dict[tuple[str, tuple[str, ...]], PersonCube], named: set[Cell]
) -> list[tuple[Cell, list[Cell]]]:
    """Wholes of which every part is counted, in cells that somebody prints or that these tie together."""
    found = []
    for split in counted.splits:
        for (key, names), cube in cubes.items():
            if key == split.whole_key and all((part, names) in cubes for part in split.part_keys):
                for _, place in _cells(cube):
                    cells = {(key, place), *((part, place) for part in split.part_keys)}
                    # Equal sets that nobody prints tell nothing of others.
                    if len(cells) > 2 or cells <= named:
                        named |= cells
                        found.append(((key, place), [(part, place) for part in split.part_keys]))
    return found


def _line_of(row: dict[str, str]) -> tuple[str, str, str, Place]:
    skipped = {"indicator", "parameters", "period", "statistic", "value", "lower", "upper", "numerator"}
    skipped |= {"denominator", "person_time", "status", "reason"}
    place = tuple(level for name, level in row.items() if name not in skipped)
    return row["indicator"], row["parameters"], row["statistic"], place


def _cells(cube: PersonCube) -> dict[Cell, int]:
    found: dict[Cell, int] = {}
    for place in np.ndindex(cube.persons.shape):
        at = [f"{d.name}={d.levels[i]}" for d, i in zip(cube.dimensions, place, strict=True) if i < len(d.levels)]
        found[cube.persons_key, tuple(sorted(at))] = int(cube.persons[place])
    return found


def _ties(counted: CountedTable, named: set[Cell]) -> tuple[list[tuple[Cell, list[Cell]]], list[tuple[Cell, Cell]]]:
    relations: list[tuple[Cell, list[Cell]]] = []
    subsets: dict[tuple[Cell, Cell], None] = {}
    for cube in counted.person_cubes:
        for cell in _cells(cube):
            for axis in cube.dimensions:
                if any(part.startswith(f"{axis.name}=") for part in cell[1]):
                    continue
                parts = [(cell[0], tuple(sorted((*cell[1], f"{axis.name}={level}")))) for level in axis.levels]
                if cell not in named or not all(part in named for part in parts):
                    continue
                if axis.multi_response:
                    subsets.update(((cell, part), None) for part in parts)
                else:
                    relations.append((cell, parts))
    for part in counted.period_parts:
        for key, place in sorted(named):
            whole = (part.whole_key, tuple(sorted((*place, f"{part.dimension}={part.label}"))))
            if key == part.part_key and whole in named:
                subsets[whole, (key, place)] = None
    inside = {(split.whole_key, split.part_keys[0]) for split in counted.splits}
    inside |= {(line.denominator_key, line.numerator_key) for line in counted.lines}
    for whole, part in sorted(inside):
        if whole and part and whole != part:
            places = [place for key, place in named if key == part and (whole, place) in named]
            subsets.update((((whole, place), (part, place)), None) for place in sorted(places))
    for key, place in sorted(named):
        # Everybody who is counted is one of all persons, under every level that these are not counted by.
        for size in range(len(place), -1, -1):
            if around := [("population", own) for own in combinations(place, size) if ("population", own) in named]:
                subsets.update(((whole, (key, place)), None) for whole in around if key != "population")
                break
    return relations, list(subsets)


def _map(named: set[Cell], lies_in: dict[str, str]) -> list[tuple[Cell, list[Cell]]]:
    by_region: dict[Cell, list[Cell]] = defaultdict(list)
    for key, place in sorted(named):
        for part in place:
            if part.startswith("hospital=") and not any(other.startswith("region=") for other in place):
                region = f"region={lies_in.get(part.removeprefix('hospital='))}"
                other = tuple(sorted((*(p for p in place if p != part), region)))
                by_region[key, other].append((key, place))
    return [(whole, parts) for whole, parts in by_region.items() if whole in named]

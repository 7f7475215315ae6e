"""Attackers who hold a released table and know the rules: what can they still find out?

Written from the literature on table attacks, not from the protector; they read the printed lines and nothing else.
Unknowns are all counts a reader can name: (set of persons, stratum by stratum level or "total").
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import pyarrow as pa
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

TOTAL = "total"
STRATA = ("hospital", "sex", "age", "index_month")
Cell = tuple[str, tuple[str, ...]]


@dataclass
class Printed:
    """What a reader has: numbers, blanks, and the sums that everybody knows must hold."""

    known: dict[Cell, int]
    blank: set[Cell]
    relations: list[tuple[Cell, list[Cell]]]  # whole = sum of parts
    subsets: list[tuple[Cell, Cell]]  # whole >= part


def read(table: pa.Table) -> Printed:
    """Collect person counts from the lines: values, numerators, denominators of every line that prints them."""
    known: dict[Cell, int] = {}
    named: set[Cell] = set()
    levels: dict[str, set[str]] = {}
    for line in table.to_pylist():
        place = tuple(line.get(name, TOTAL) for name in STRATA)
        for name, level in zip(STRATA, place, strict=True):
            levels.setdefault(name, set()).add(level)
        keys = {
            "population": {"population": "numerator"},
            "early": {"early": "numerator", "population": "denominator"},
            "late": {"late": "numerator", "population": "denominator"},
            "cost": {"late": "denominator"} if line["statistic"] == "mean" else {},
        }[line["indicator"]]
        for key, column in keys.items():
            named.add((key, place))
            if line[column] is not None:
                known[key, place] = int(line[column])
            for also in ("value", "lower", "upper"):
                assert line[column] is not None or line[also] is None, "a figure beside a blank"
    relations: list[tuple[Cell, list[Cell]]] = []
    for key, place in sorted(named):
        for axis, name in enumerate(STRATA):
            if place[axis] == TOTAL:
                parts = [(key, (*place[:axis], lv, *place[axis + 1 :])) for lv in sorted(levels[name] - {TOTAL})]
                if parts and all(part in named for part in parts):
                    relations.append(((key, place), parts))
    pairs = (("population", "late"), ("population", "early"), ("late", "early"))
    subsets = [
        ((whole, place), (part, place))
        for (whole, part), place in product(pairs, sorted({p for _, p in named}))
        if (whole, place) in named and (part, place) in named
    ]
    return Printed(known, named - set(known), relations, subsets)


def subtract(printed: Printed) -> dict[Cell, int]:
    """Blanks that come back by adding and subtracting, one unknown at a time."""
    known = dict(printed.known)
    moved = True
    while moved:
        moved = False
        for whole, parts in printed.relations:
            unknown = [cell for cell in (whole, *parts) if cell not in known]
            if len(unknown) == 1:
                total = sum(known[p] for p in parts if p in known)
                known[unknown[0]] = total if unknown[0] == whole else known[whole] - total
                moved = True
    return {cell: value for cell, value in known.items() if cell in printed.blank}


class Programme:
    """Whole-number programme over the blanks; zeros are printed, so each blank is at least 1."""

    def __init__(self, printed: Printed) -> None:
        self._printed = printed
        self._cells = sorted(printed.blank)
        self._place = {cell: i for i, cell in enumerate(self._cells)}
        rows: list[tuple[dict[int, float], float, float]] = []
        for whole, parts in printed.relations:
            weights, constant = self._sum([(whole, 1), *((part, -1) for part in parts)])
            if weights:
                rows.append((weights, -constant, -constant))
        for whole, part in printed.subsets:
            weights, constant = self._sum([(whole, 1), (part, -1)])
            if weights:
                rows.append((weights, -constant, np.inf))
        data = [(i, j, v) for i, (weights, _, _) in enumerate(rows) for j, v in weights.items()]
        shape = (len(rows), len(self._cells))
        matrix = sparse.csr_array(
            ([v for _, _, v in data], ([i for i, _, _ in data], [j for _, j, _ in data])), shape=shape
        )
        self._constraints = LinearConstraint(matrix, [low for _, low, _ in rows], [high for _, _, high in rows])

    def range_of(self, terms: list[tuple[Cell, int]]) -> tuple[int, int]:
        """Smallest and largest whole value of a signed sum of cells, given all that is printed (up to 10^6)."""
        weights, constant = self._sum(terms)
        cost = np.zeros(len(self._cells))
        for place, weight in weights.items():
            cost[place] = weight
        ends: list[int] = []
        for sign in (1, -1):
            found = milp(
                sign * cost,
                constraints=self._constraints,
                bounds=Bounds(1, 1e6),
                integrality=np.ones(len(self._cells)),
            )
            assert found.status == 0, found.message
            ends.append(round(sign * found.fun) + constant)
        return ends[0], ends[1]

    def _sum(self, terms: list[tuple[Cell, int]]) -> tuple[dict[int, float], int]:
        weights: dict[int, float] = {}
        constant = 0
        for cell, sign in terms:
            if cell in self._place:
                weights[self._place[cell]] = weights.get(self._place[cell], 0) + sign
            else:
                constant += sign * self._printed.known[cell]
        return {place: weight for place, weight in weights.items() if weight}, constant

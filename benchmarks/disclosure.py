"""Secondary suppression: what it hides beyond the small cells, and how long it takes on one core.

T1 and T3s have the dimensions of the tables that reference tools were measured on (threshold 5, zeros shown); the
counts are our own skewed ones, so hidden cells compare in kind and not cell by cell. The last row is an order: 45
indicators by 12 hospitals x 2 sexes x 4 age groups with all margins, and by 36 months.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import numpy.typing as npt

from linkage.disclosure_policy import DisclosurePolicy, shipped_policies
from linkage_core.counted_table import CountedTable, Dimension, Line, PersonCube, Statistic
from linkage_core.disclosure import protect

TITLE = "Disclosure control: cells hidden to protect small cells, and time"
POLICY = shipped_policies()["standard@1.0.0"]
FIVE = POLICY.model_copy(update={"id": "five", "minimum_cell": 5, "minimum_contributors": 5})

Ints = npt.NDArray[np.int64]


def run() -> list[dict[str, Any]]:
    """Protect each table once; its margins and its small cells are asserted before the clock is read."""
    tables = [
        ("T1: 20 x 5 x 2, threshold 5", _skewed((20, 5, 2), seed=1), FIVE),
        ("T3s: 60 x 10 x 2, threshold 5", _skewed((60, 10, 2), seed=2), FIVE),
        ("order: 45 indicators, threshold 10", _order(indicators=45, persons=20_000, seed=3), POLICY),
    ]
    return [_measured(name, table, policy) for name, table, policy in tables]


def _measured(name: str, table: CountedTable, policy: DisclosurePolicy) -> dict[str, Any]:
    started = time.process_time()
    protected = protect(table, policy)
    seconds = time.process_time() - started
    small = protected.suppressed_by_reason["small_cell"]
    partners = protected.suppressed_by_reason["protects_small_cell"]
    shown = [n for n in protected.table["numerator"].to_pylist() if n is not None]
    assert not [n for n in shown if 0 < n < policy.minimum_cell]
    return {
        "table": name,
        "cells": protected.cells,
        "small cells (primary only)": small,
        "hidden for their sake": partners,
        "hidden per small cell": round((small + partners) / max(small, 1), 2),
        "CPU s": round(seconds, 2),
    }


def _with_margins(counts: Ints) -> Ints:
    for axis in range(counts.ndim):
        counts = np.concatenate([counts, counts.sum(axis=axis, keepdims=True)], axis=axis)
    return counts


def _axes(sizes: dict[str, int]) -> tuple[Dimension, ...]:
    return tuple(Dimension(name, tuple(f"{name}-{i:02}" for i in range(size))) for name, size in sizes.items())


def _skewed(shape: tuple[int, ...], *, seed: int) -> CountedTable:
    random = np.random.default_rng(seed)
    counts = random.negative_binomial(0.8, 0.02, shape).astype(np.int64)
    axes = _axes(dict(zip(("municipality", "age", "sex"), shape, strict=True)))
    line = Line("persons", "", Statistic.PERSONS, tuple(axis.name for axis in axes), numerator_key="population")
    return CountedTable((PersonCube("population", axes, _with_margins(counts)),), (), (), (line,))


def _order(*, indicators: int, persons: int, seed: int) -> CountedTable:
    random = np.random.default_rng(seed)
    sizes = random.pareto(1.2, 12) + 0.15
    codes = [
        random.choice(12, persons, p=sizes / sizes.sum()),
        random.choice(2, persons, p=[0.68, 0.32]),
        random.choice(4, persons, p=[0.35, 0.3, 0.25, 0.1]),
    ]
    crossings = [
        (_axes({"hospital": 12, "sex": 2, "age": 4}), codes),
        (
            (Dimension("index_month", tuple(f"{2022 + i // 12}-{i % 12 + 1:02}" for i in range(36))),),
            [random.integers(0, 36, persons)],
        ),
    ]
    sets = {"population": np.ones(persons, dtype=np.bool_)}
    sets |= {f"indicator-{i}": random.random(persons) < random.beta(1, 1.5) for i in range(indicators)}
    cubes: list[PersonCube] = []
    lines: list[Line] = []
    for axes, own in crossings:
        names = tuple(axis.name for axis in axes)
        for key, members in sets.items():
            counts = np.zeros([len(axis.levels) for axis in axes], np.int64)
            np.add.at(counts, tuple(code[members] for code in own), 1)
            cubes.append(PersonCube(key, axes, _with_margins(counts)))
            share = Line(key, "", Statistic.SHARE, names, key, "population", interval="wilson")
            alone = Line(key, "", Statistic.PERSONS, names, numerator_key=key)
            lines.append(alone if key == "population" else share)
    return CountedTable(tuple(cubes), (), (), tuple(lines))

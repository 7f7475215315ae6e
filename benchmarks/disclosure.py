"""Secondary suppression: what it hides beyond the small cells, and how long it takes on one core.

T1 and T3s have the dimensions of the tables that reference tools were measured on (threshold 5, zeros shown); the
counts are our own skewed ones, so hidden cells compare in kind and not cell by cell. The order has 45 indicators by 12
hospitals x 2 sexes x 4 age groups with all margins, and by 36 months. The tables of the laboratory have the dimensions
of the reference's, counties among them, and go from file to file: `lab protect` with certificates, then the checker.
*Eliminated* is what an elimination hides of the same table that guards against linear recovery alone, and *alike* what
we hide at that guarantee, with all zeros printed as the elimination has them, or where zeros may be blank too. Sums are
hidden from pairs of contributors. Seconds are of the processor; all of it is on one core.
"""

from __future__ import annotations

import json
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import tomli_w
from scipy import sparse

from benchmarks.suppression_yardsticks import cheapest_cost, eliminated
from linkage.disclosure_policy import DisclosurePolicy, shipped_policies
from linkage_client.certificate_check import check_release
from linkage_core.counted_table import CountedTable, Dimension, Line, PersonCube, Statistic
from linkage_core.disclosure import protect
from linkage_core.disclosure.lattice import Axis, lattice_totals
from linkage_core.disclosure.lattice_suppression import count_prices, hide_in_lattice
from linkage_server.lab.protect import protect_file

TITLE = "Disclosure control: cells hidden to protect small cells, and time"
POLICY = shipped_policies()["standard@1.0.0"]
FIVE = POLICY.model_copy(update={"id": "five", "minimum_cell": 5, "minimum_contributors": 5})

Ints = npt.NDArray[np.int64]


COLUMNS = (
    "table",
    "cells",
    "small cells (primary only)",
    "hidden for their sake",
    "hidden per small cell",
    "CPU s",
    "check CPU s",
    "peak GiB",
    "eliminated",
    "alike",
    "value alike / eliminated",
    "alike, zeros too",
    "value alike, zeros too / eliminated",
)

LABORATORY = {
    "T1: 20 x 5 x 2": ((20, 5, 2), 3, 2_900),
    "T3s: 60 x 10 x 2": ((60, 10, 2), 8, 15_500),
    "T2: 290 x 5 x 2": ((290, 5, 2), 21, 42_000),
    "T5s: 60 x 5 x 2 x 10": ((60, 5, 2, 10), 8, 63_000),
    "T3: 290 x 20 x 2": ((290, 20, 2), 21, 195_000),
    "T4: 290 x 2 x 100": ((290, 2, 100), 21, 600_000),
    "T5: 290 x 5 x 2 x 20": ((290, 5, 2, 20), 21, 600_000),
    "T7: 290 x 20 x 2 x 100": ((290, 20, 2, 100), 21, 14_000_000),
}
"""Leaves of each dimension, counties above the first, persons."""
_LARGEST_ELIMINATED = 6_000


def run() -> list[dict[str, Any]]:
    """Protect each table once; its margins and its small cells are asserted before the clock is read."""
    tables = [
        ("T1: 20 x 5 x 2, threshold 5", _skewed((20, 5, 2), seed=1), FIVE),
        ("T3s: 60 x 10 x 2, threshold 5", _skewed((60, 10, 2), seed=2), FIVE),
        ("order: 45 indicators, threshold 10", _order(indicators=45, persons=20_000, seed=3), POLICY),
    ]
    rows = [_measured(name, table, policy) for name, table, policy in tables]
    rows += [_alone(_laboratory, f"laboratory {name}", *shape) for name, shape in LABORATORY.items()]
    rows += [_alone(_sums, f"sums {' x '.join(map(str, shape))}", shape) for shape in ((60, 10, 2), (290, 20, 2))]
    rows.append(_against_optimum(tables=12))
    return [{column: row.get(column, "") for column in COLUMNS} for row in rows]


def _alone(measure: Callable[..., dict[str, Any]], *arguments: Any) -> dict[str, Any]:
    """In a process of its own, whose peak of memory is told."""
    with get_context("spawn").Pool(1) as pool:
        return pool.apply(measure, arguments)


def _laboratory(name: str, shape: tuple[int, ...], counties: int, persons: int) -> dict[str, Any]:
    """From file to file: protect with certificates, check, and compare with elimination where that is possible."""
    axes, codes = _counties_first(shape, counties)
    leaves = _people(shape, persons)
    with tempfile.TemporaryDirectory() as given:
        folder = Path(given)
        table, layout, policy = folder / "table.parquet", folder / "layout.json", folder / "policy.toml"
        _write_leaves(table, leaves, codes)
        measures = {"n": {"kind": "count"}}
        layout.write_text(json.dumps({"dims": _dims(codes, axes), "measures": measures}))
        policy.write_text(tomli_w.dumps(FIVE.model_dump(mode="json", exclude_none=True)))
        started = time.process_time()
        summary = protect_file(FIVE, table, layout=layout, out=folder / "out")["n"]
        seconds = time.process_time() - started
        started = time.process_time()
        checked = check_release(folder / "out", truth=table, layout=layout, policy=policy)
        checking = time.process_time() - started
    assert checked.blank["n"] == summary["suppressed"]
    small, hidden = int(summary["sensitive"]), int(summary["suppressed"])
    return {
        "table": name,
        "cells": int(summary["cells"]),
        "small cells (primary only)": small,
        "hidden for their sake": hidden - small,
        "hidden per small cell": round(hidden / small, 3),
        "CPU s": round(seconds, 2),
        "check CPU s": round(checking, 2),
        "peak GiB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
        **_at_linear_guarantee(leaves, axes),
    }


def _at_linear_guarantee(leaves: Ints, axes: Sequence[Axis]) -> dict[str, Any]:
    """What elimination hides, and what we hide where readers know no bounds and two values are enough."""
    counts = lattice_totals(leaves, axes)
    if counts.size > _LARGEST_ELIMINATED:
        return {}
    values = counts.ravel()
    small = (values > 0) & (values < FIVE.minimum_cell)
    theirs = eliminated(counts, axes, small)
    none = np.zeros(values.size, dtype=np.int64)
    found: dict[str, Any] = {"eliminated": int(np.count_nonzero(theirs))}
    for title, known in (("alike", values == 0), ("alike, zeros too", None)):
        pattern, _ = hide_in_lattice(counts, axes, sensitive=small, reach=none, lowest=-1000, candidates=2, known=known)
        ours = pattern.suppressed & ~small
        found[title] = int(np.count_nonzero(ours))
        found[f"value {title} / eliminated"] = round(float(values[ours].sum() / values[theirs].sum()), 3)
    return found


def _sums(name: str, shape: tuple[int, ...]) -> dict[str, Any]:
    """Costs by town, drug and sex of companies of very different size, hidden from any two of them."""
    axes, codes = _counties_first(shape, max(1, shape[0] // 14))
    random = np.random.default_rng(3)
    firms = 10 * shape[0] // 5
    number = random.poisson(4, shape)
    cell = np.repeat(np.arange(number.size), number.ravel())
    share = random.pareto(1.1, firms) + 0.1
    who = random.choice(firms, cell.size, p=share / share.sum())
    amount = (random.lognormal(5, 1.2, cell.size) * 100).astype(np.int64)
    two = POLICY.model_copy(update={"id": "two", "minimum_contributors": 4, "coalition": 2})
    rules = {"cost": {"nk": [[1, 75], [2, 90]], "p_percent": 10}}
    plan = {"dims": _dims(codes, axes), "measures": {"cost": {"kind": "magnitude"}}, "rules": rules}
    with tempfile.TemporaryDirectory() as given:
        folder = Path(given)
        (folder / "layout.json").write_text(json.dumps(plan))
        leaves = np.bincount(cell, amount, number.size).astype(np.int64).reshape(shape)
        _write_leaves(folder / "table.parquet", leaves, codes, measure="cost", scale=100)
        places = np.unravel_index(cell, shape)
        columns = {key: pa.array(own).take(pa.array(at)) for (key, own), at in zip(codes.items(), places, strict=True)}
        columns |= {"contributor": pa.array(who).cast(pa.string()), "cost": pa.array(amount / 100)}
        pq.write_table(pa.table(columns), folder / "given.parquet")
        started = time.process_time()
        found = protect_file(
            two,
            folder / "table.parquet",
            layout=folder / "layout.json",
            out=folder / "out",
            contributions=folder / "given.parquet",
        )["cost"]
        seconds = time.process_time() - started
    small, hidden = int(found["sensitive"]), int(found["suppressed"])
    return {
        "table": name,
        "cells": int(found["cells"]),
        "small cells (primary only)": small,
        "hidden for their sake": hidden - small,
        "hidden per small cell": round(hidden / small, 3),
        "CPU s": round(seconds, 2),
        "peak GiB": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
    }


def _against_optimum(tables: int) -> dict[str, Any]:
    """Small tables of two dimensions: what our blanks cost beside the least that an exact programme finds."""
    random = np.random.default_rng(7)
    ratios: list[float] = []
    cells = small = hidden = 0
    started = time.process_time()
    for _ in range(tables):
        shape = (int(random.integers(4, 7)), int(random.integers(4, 7)))
        leaves = random.negative_binomial(0.9, 0.05, shape).astype(np.int64)
        axes = [_flat(size) for size in shape]
        counts = lattice_totals(leaves, axes)
        values = counts.ravel()
        own = (values > 0) & (values < FIVE.minimum_cell)
        if not own.any():
            continue
        price = count_prices(values, counts.shape).astype(np.int64)
        reach = np.where(own, FIVE.minimum_cell, 0)
        pattern, _ = hide_in_lattice(counts, axes, sensitive=own, reach=reach, lowest=1, candidates=3)
        least = cheapest_cost(
            _sums_of(counts.shape),
            price=price,
            room=values - 1,
            sensitive=own,
            reach=np.maximum(reach - values, 0),
            candidates=3,
            seconds=20,
        )
        if least is None:
            continue
        ratios.append(float(price[pattern.suppressed].sum()) / least)
        cells, small, hidden = cells + values.size, small + int(own.sum()), hidden + int(pattern.suppressed.sum())
    told = f"cost {np.mean(ratios):.3f} times the optimum, at most {max(ratios):.2f}"
    return {
        "table": f"{len(ratios)} small tables: {told}",
        "cells": cells,
        "small cells (primary only)": small,
        "hidden for their sake": hidden - small,
        "hidden per small cell": round(hidden / small, 3),
        "CPU s": round(time.process_time() - started, 2),
    }


def _sums_of(shape: tuple[int, ...]) -> sparse.csr_array:
    """The sums of a table of two dimensions: wholes +1, parts -1."""
    numbers = np.arange(int(np.prod(shape))).reshape(shape)
    lines = [*numbers, *numbers.T]
    matrix = np.zeros((len(lines), numbers.size))
    for row, line in enumerate(lines):
        matrix[row, line[-1]], matrix[row, line[:-1]] = 1, -1
    return sparse.csr_array(matrix)


def _flat(leaves: int) -> Axis:
    return Axis((*((leaf,) for leaf in range(leaves)), tuple(range(leaves))), leaves)


def _counties_first(shape: tuple[int, ...], counties: int) -> tuple[list[Axis], dict[str, list[str]]]:
    """Towns in counties of different size, other dimensions flat; codes by dimension, the total last."""
    random = np.random.default_rng(5)
    cuts = np.sort(random.choice(np.arange(1, shape[0]), counties - 1, replace=False))
    groups = [tuple(part.tolist()) for part in np.split(np.arange(shape[0]), cuts)]
    towns = Axis((*((leaf,) for leaf in range(shape[0])), *groups, tuple(range(shape[0]))), shape[0])
    axes = [towns, *map(_flat, shape[1:])]
    codes = {f"d{i}": [f"{i}-{code:03}" for code in range(len(axis.below))] for i, axis in enumerate(axes)}
    return axes, codes


def _dims(codes: dict[str, list[str]], axes: Sequence[Axis]) -> dict[str, Any]:
    """The dimensions as a layout writes them."""
    dims: dict[str, Any] = {}
    for (name, own), axis in zip(codes.items(), axes, strict=True):
        inner = range(axis.leaves, len(own) - 1)
        tree = {own[code]: [own[leaf] for leaf in axis.below[code]] for code in inner}
        top = [own[code] for code in inner] or own[: axis.leaves]
        dims[name] = {"total": own[-1], "hierarchies": [{own[-1]: top, **tree}]}
    return dims


def _people(shape: tuple[int, ...], persons: int) -> Ints:
    """Skewed counts: towns of very different size, ages around the middle, few common drugs and many rare ones."""
    random = np.random.default_rng(1)
    weights = np.ones(1)
    for place, size in enumerate(shape):
        if place == 0:
            own = np.exp(random.normal(0, 1, size))
        elif size == 2:
            own = random.uniform(0.8, 1.2, size)
        elif place == len(shape) - 1:
            own = random.permutation(1 / np.arange(1, size + 1) ** 1.1)
        else:
            own = np.exp(-(((np.arange(size) - 0.45 * size) / (0.4 * size)) ** 2))
        weights = np.multiply.outer(weights, own / own.sum())
    drawn: Ints = random.poisson(persons * weights[0] * random.gamma(2, 0.5, shape)).astype(np.int64)
    return drawn


def _write_leaves(path: Path, leaves: Ints, codes: dict[str, list[str]], *, measure: str = "n", scale: int = 1) -> None:
    places = np.indices(leaves.shape).reshape(leaves.ndim, -1)
    columns = {name: pa.array(own).take(pa.array(at)) for (name, own), at in zip(codes.items(), places, strict=True)}
    values = leaves.ravel() if scale == 1 else leaves.ravel() / scale
    pq.write_table(pa.table({**columns, measure: pa.array(values)}), path)


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

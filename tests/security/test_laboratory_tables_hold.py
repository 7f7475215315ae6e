"""Whoever holds a table of the laboratory, its layout, its rules and a solver learns no small count."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest

from linkage.disclosure_policy import shipped_policies
from linkage_server.lab.protect import protect_file
from tests.support.table_attackers import Cell, Equations, implied_sums, subtract, sums_of

STANDARD = shipped_policies()["standard@1.0.0"]
FIVE = STANDARD.model_copy(update={"id": "five", "minimum_cell": 5, "minimum_contributors": 5})
SEEDS = int(os.environ.get("LINKAGE_ATTACK_SEEDS", "12"))


def random_layout(random: np.random.Generator, most_leaves: int) -> dict[str, Any]:
    """Two to four dimensions, one with a hierarchy, one with a second grouping of the same leaves."""
    dims = {}
    for place in range(int(random.integers(2, 5))):
        name, total = f"d{place}", f"d{place}-all"
        leaves = [f"d{place}-{i:02}" for i in range(int(random.integers(2, most_leaves if place == 0 else 5)))]
        trees: list[dict[str, list[str]]] = [{total: leaves}]
        for kind in range(max(0, 2 - place)):
            group = random.integers(0, 3, len(leaves)).tolist()
            named = {
                f"d{place}-{'gh'[kind]}{g}": [x for x, y in zip(leaves, group, strict=True) if y == g]
                for g in set(group)
            }
            tree = {total: list(named), **named}
            trees = [tree] if kind == 0 else [*trees, tree]
        dims[name] = {"total": total, "hierarchies": trees}
    return {"dims": dims, "measures": {"n": {"kind": "count"}}}


def leaves_of(dim: dict[str, Any]) -> list[str]:
    parents = {parent for tree in dim["hierarchies"] for parent in tree}
    return [c for kids in dim["hierarchies"][0].values() for c in kids if c not in parents]


def write_table(folder: Path, layout: dict[str, Any], random: np.random.Generator, mean: float) -> Path:
    names = list(layout["dims"])
    leaves = [leaves_of(dim) for dim in layout["dims"].values()]
    shape = tuple(map(len, leaves))
    weight = random.gamma(0.6, 1 / 0.6, shape) * mean
    counts = random.poisson(weight)
    counts[(0,) * counts.ndim] += 60
    rows = [[*(own[i] for own, i in zip(leaves, at, strict=True)), int(counts[at])] for at in np.ndindex(shape)]
    path = folder / "table.csv"
    path.write_text(",".join([*names, "n"]) + "\n" + "".join(",".join(map(str, row)) + "\n" for row in rows))
    (folder / "layout.json").write_text(json.dumps(layout))
    return path


def protected(folder: Path, seed: int, *, most_leaves: int = 7, mean: float = 12) -> tuple[Any, ...]:
    random = np.random.default_rng(seed)
    layout = random_layout(random, most_leaves)
    table = write_table(folder, layout, random, mean)
    policy = FIVE if seed % 2 else STANDARD
    protect_file(policy, table, layout=folder / "layout.json", out=folder / "out")
    names = list(layout["dims"])
    as_text = pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()))
    rows = pyarrow.csv.read_csv(folder / "out" / "released.csv", convert_options=as_text).to_pylist()
    released: dict[Cell, int | None] = {tuple(row[name] for name in names): row["n"] for row in rows}
    given = pyarrow.csv.read_csv(table, convert_options=as_text).to_pylist()
    inner: dict[Cell, int] = {tuple(row[name] for name in names): row["n"] for row in given}
    truth = dict(inner)
    sums = list(sums_of(layout))
    while len(truth) < len(released):
        for whole, parts in sums:
            if whole not in truth and all(part in truth for part in parts):
                truth[whole] = sum(truth[part] for part in parts)
    return layout, released, truth, sums, policy


@pytest.mark.parametrize("seed", range(SEEDS))
def test_no_attacker_learns_a_small_count(seed: int, tmp_path: Path) -> None:
    _, released, truth, sums, policy = protected(tmp_path, seed)
    assert all(value in (None, truth[cell]) for cell, value in released.items())
    assert not [cell for cell, value in released.items() if value and value < policy.minimum_cell]
    assert not subtract(released, sums)
    assert not [blanks for total, blanks in implied_sums(released, sums) if total < policy.minimum_cell]
    equations = Equations(released, sums, lowest=1)
    small = [cell for cell in equations.blanks if truth[cell] < policy.minimum_cell]
    if len(equations.blanks) < 150:
        assert not equations.solved()
    for pick in np.random.default_rng(seed).permutation(len(equations.blanks))[:8].tolist():
        low, high = equations.whole_range(equations.blanks[pick])
        assert high - low >= policy.minimum_candidates - 1
        assert high >= policy.minimum_cell
    for pick in np.random.default_rng(seed).permutation(len(small))[:8].tolist():
        low, high = equations.whole_range(small[pick])
        assert high - low >= policy.minimum_candidates - 1
        assert high >= policy.minimum_cell


def test_a_table_of_thousands_of_cells_holds_against_linear_programmes_on_a_sample(tmp_path: Path) -> None:
    _, released, truth, sums, policy = protected(tmp_path, 5, most_leaves=60, mean=9)
    assert len(released) > 500
    assert not subtract(released, sums)
    equations = Equations(released, sums, lowest=1)
    small = [cell for cell in equations.blanks if truth[cell] < policy.minimum_cell]
    for pick in np.random.default_rng(1).permutation(len(small))[:25].tolist():
        low, high = equations.range(small[pick])
        assert high - low >= policy.minimum_candidates - 1 - 1e-6
        assert high >= policy.minimum_cell - 1e-6


def test_the_attackers_break_a_protector_that_blanks_small_cells_only(tmp_path: Path) -> None:
    broken = 0
    for seed in range(8):
        (folder := tmp_path / str(seed)).mkdir()
        _, released, truth, sums, policy = protected(folder, seed)
        weak = {cell: None if 1 <= truth[cell] < policy.minimum_cell else truth[cell] for cell in released}
        if subtract(weak, sums):
            broken += 1
            blank = sorted(subtract(weak, sums))[0]
            equations = Equations(weak, sums, lowest=1)
            assert equations.whole_range(blank) == (truth[blank], truth[blank])
    assert broken > 4

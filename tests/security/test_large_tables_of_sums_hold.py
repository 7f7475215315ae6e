"""Companies that hold a large table of sums, know their own part and pool it in twos, come close to nobody else's."""

from __future__ import annotations

import json
from collections import defaultdict
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
from scipy import sparse

from linkage.disclosure_policy import DisclosurePolicy, shipped_policies
from linkage_server.lab.protect import protect_file
from tests.support.table_attackers import Cell, Equations, implied_sums, subtract, sums_of

STANDARD = shipped_policies()["standard@1.0.0"]
P_PERCENT, NK, FIRMS = 10, [[1, 75], [2, 90]], 60
TWO = STANDARD.model_copy(update={"id": "two", "minimum_contributors": 4, "coalition": 2})
ONE = STANDARD.model_copy(update={"id": "one", "minimum_contributors": 3})


class Released:
    """A table of more sums than a solver is asked for, as its readers have it, and what companies know besides."""

    def __init__(self, folder: Path, seed: int, policy: DisclosurePolicy, *, dominance: bool = True) -> None:
        random = np.random.default_rng(seed)
        towns = [f"t{i:02}" for i in range(24)]
        county = {f"c{i}": towns[i * 6 : i * 6 + 6] for i in range(4)}
        dims = {
            "town": {"total": "SE", "hierarchies": [{"SE": list(county), **county}]},
            "drug": {"total": "all", "hierarchies": [{"all": [f"d{i}" for i in range(6)]}]},
            "sex": {"total": "both", "hierarchies": [{"both": ["men", "women"]}]},
        }
        self.layout = {
            "dims": dims,
            "measures": {"cost": {"kind": "magnitude"}},
            "rules": {"cost": {"nk": NK if dominance else [], "p_percent": P_PERCENT}},
        }
        share = random.pareto(1.1, FIRMS) + 0.5
        rows: list[tuple[str, ...]] = []
        self.given: dict[Cell, dict[int, int]] = defaultdict(lambda: defaultdict(int))
        for town in towns:
            for drug in dims["drug"]["hierarchies"][0]["all"]:
                for sex in ("men", "women"):
                    number = int(random.integers(1, 3) if random.random() < 0.15 else 9 + random.poisson(6))
                    for who in random.choice(FIRMS, number, replace=False, p=share / share.sum()).tolist():
                        amount = int(random.lognormal(9, 0.8))
                        rows.append((town, drug, sex, f"F{who}", f"{amount / 100:.2f}"))
                        self.given[town, drug, sex][who] += amount
        self.sums = list(sums_of(self.layout))
        self.given |= self._totals()
        self._write(folder, rows)
        files = {"layout": folder / "layout.json", "out": folder / "out", "contributions": folder / "given.csv"}
        self.summary = protect_file(policy, folder / "table.csv", **files)["cost"]
        names = list(dims)
        as_text = pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()))
        read = pyarrow.csv.read_csv(folder / "out" / "released.csv", convert_options=as_text).to_pylist()
        self.shown: dict[Cell, int | None] = {
            tuple(row[name] for name in names): None if row["cost"] is None else round(100 * row["cost"])
            for row in read
        }
        self.truth = {cell: sum(self.given[cell].values()) if cell in self.given else 0 for cell in self.shown}
        officer = pyarrow.csv.read_csv(folder / "out" / "officer.csv", convert_options=as_text).to_pylist()
        self.reason = {tuple(row[name] for name in names): row["cost_reason"] for row in officer}

    def _totals(self) -> dict[Cell, dict[int, int]]:
        found: dict[Cell, dict[int, int]] = {}
        leaves = dict(self.given)
        above: dict[str, set[str]] = defaultdict(set)
        for dim in self.layout["dims"].values():
            for tree in dim["hierarchies"]:
                for parent, children in tree.items():
                    for child in children:
                        above[child].add(parent)

        def line(code: str) -> list[str]:
            return [code, *(up for parent in sorted(above[code]) for up in line(parent))]

        for (town, drug, sex), own in leaves.items():
            for cell in [(t, d, s) for t in line(town) for d in line(drug) for s in line(sex)]:
                if cell not in leaves:
                    total = found.setdefault(cell, defaultdict(int))
                    for who, amount in own.items():
                        total[who] += amount
        return found

    def _write(self, folder: Path, rows: list[tuple[str, ...]]) -> None:
        (folder / "layout.json").write_text(json.dumps(self.layout))
        (folder / "given.csv").write_text(
            "town,drug,sex,contributor,cost\n" + "".join(",".join(r) + "\n" for r in rows)
        )
        leaf = {cell: sum(own.values()) for cell, own in self.given.items() if cell[0].startswith("t")}
        leaf = {cell: total for cell, total in leaf.items() if cell[1] != "all" and cell[2] != "both"}
        table = "".join(f"{','.join(cell)},{total / 100:.2f}\n" for cell, total in leaf.items())
        (folder / "table.csv").write_text("town,drug,sex,cost\n" + table)


def breaks_a_rule(own: dict[int, int], coalition: int) -> bool:
    sizes = sorted(own.values(), reverse=True)
    total = sum(sizes)
    dominated = any(100 * sum(sizes[:n]) > k * total for n, k in NK)
    return dominated or 100 * (total - sum(sizes[: coalition + 1])) < P_PERCENT * sizes[0]


@pytest.fixture(scope="module", params=[1, 2])
def released(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Released, int]:
    policy = TWO if request.param == 2 else ONE
    return Released(tmp_path_factory.mktemp("sums"), request.param, policy), request.param


def test_no_sum_that_breaks_a_rule_is_printed_or_comes_back_by_subtraction(released: tuple[Released, int]) -> None:
    table, coalition = released
    assert len(table.shown) > 400
    for cell, own in table.given.items():
        assert table.shown[cell] is None or not breaks_a_rule(own, coalition), cell
    assert not subtract(table.shown, table.sums)
    assert {"protects_small_cell"} < set(table.reason.values())


def test_no_union_of_blanks_of_a_printed_total_breaks_a_rule(released: tuple[Released, int]) -> None:
    table, coalition = released
    checked = 0
    for _, blanks in implied_sums(table.shown, table.sums):
        together: dict[int, int] = defaultdict(int)
        for cell in blanks:
            for who, amount in table.given.get(cell, {}).items():
                together[who] += amount
        assert not breaks_a_rule(together, coalition)
        checked += 1
    assert checked > 20


@pytest.mark.parametrize("most", [1, 2])
def test_pairs_of_companies_with_a_linear_programme_estimate_nobody_to_within_p_percent(
    most: int, tmp_path: Path
) -> None:
    # Without dominance, which asks for more room than companies can take away.
    table = Released(tmp_path, 3, TWO if most == 2 else ONE, dominance=False)
    random = np.random.default_rng(1)
    # Where nobody gives, the table prints 0.
    equations = Equations(table.shown, table.sums, lowest=0)
    blanks = equations.blanks
    targets = [cell for cell in blanks if len(table.given[cell]) < 3 and breaks_a_rule(table.given[cell], most)]
    for target in [targets[place] for place in random.permutation(len(targets))[:12].tolist()]:
        own = table.given[target]
        largest = sorted(own, key=lambda who: -own[who])[:3]
        coalitions: list[tuple[int, ...]] = [(), *((who,) for who in largest)]
        if most == 2:
            coalitions += combinations(largest, 2)
        # Those who know a blank of the same lines.
        beside = [cell for cell in blanks if sum(a != b for a, b in zip(cell, target, strict=True)) == 1]
        alone = sorted({who for cell in beside if len(table.given[cell]) == 1 for who in table.given[cell]} - {*own})
        coalitions += [(who,) for who in alone]
        coalitions += [*combinations(alone, 2), *product(largest, alone)] if most == 2 else []
        for coalition in coalitions:
            left = {who: amount for who, amount in own.items() if who not in coalition}
            if not left:
                continue
            victim = max(left.values())
            needed = -(-P_PERCENT * victim // 100) - (sum(left.values()) - victim)
            if needed <= 0:
                continue
            lowest = np.array([sum(table.given[cell].get(who, 0) for who in coalition) for cell in blanks])
            known = [place for place, cell in enumerate(blanks) if set(table.given[cell]) <= set(coalition)]
            _, high = with_known(equations, table, known).range(target, lowest=lowest)
            assert high >= table.truth[target] + needed - 1


def with_known(equations: Equations, table: Released, known: list[int]) -> Any:
    """The same equations, and those blanks told that a coalition makes up alone."""
    if not known:
        return equations
    other = Equations.__new__(Equations)
    own = sparse.csr_array((np.ones(len(known)), (range(len(known)), known)), shape=(len(known), len(equations.blanks)))
    other.blanks, other.lowest = equations.blanks, equations.lowest
    other.matrix = sparse.csr_array(sparse.vstack([equations.matrix, own]))
    other.right = np.concatenate([equations.right, [float(table.truth[equations.blanks[place]]) for place in known]])
    return other

"""Scenes of dimensions whose codes do not add up to people: drugs, of which a person may have several."""

from __future__ import annotations

import json
import tempfile
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from linkage.errors import DisclosureRefused
from linkage_server.lab.protect import protect_file
from tests.security.attacks.attack import SEEDS_A_BLOCK
from tests.security.attacks.count_tables import FIVE, STANDARD, Between, CountsRead, as_file
from tests.support.table_attackers import Cell

REGIONS = ("north", "south", "west", "east")
DRUGS = ("a", "b", "c", "d")


class OverlappingTable:
    """Persons by region who have some of four drugs; the table tells who has each, and who has any."""

    def __init__(self, seed: int) -> None:
        random = np.random.default_rng([seed, 11])
        self.policy = FIVE if seed % 2 else STANDARD
        self.layout: dict[str, Any] = {
            "dims": {
                "region": {"total": "all", "hierarchies": [{"all": list(REGIONS)}]},
                "drug": {"total": "any", "hierarchies": [{"any": list(DRUGS)}]},
            },
            "measures": {"n": {"kind": "count"}},
            "attacker": {"multi_response": ["drug"]},
        }
        odds = random.choice([0.05, 0.3, 0.6, 0.95], size=len(DRUGS))
        self.truth: dict[Cell, int] = {}
        for region in REGIONS:
            has = random.random((int(random.integers(15, 120)), len(DRUGS))) < odds
            self.truth |= {(region, drug): int(has[:, i].sum()) for i, drug in enumerate(DRUGS)}
            self.truth[region, "any"] = int(has.any(axis=1).sum())
        for drug in (*DRUGS, "any"):
            self.truth["all", drug] = sum(self.truth[region, drug] for region in REGIONS)

    def leaks(self, claim: Between) -> bool:
        """True, about few people or few without a drug, and narrower than promised."""
        value = sum(sign * self.truth[cell] for cell, sign in claim.terms)
        if not (1 <= value < self.policy.minimum_cell and claim.low <= value <= claim.high):
            return False
        few = claim.high - claim.low + 1 < self.policy.minimum_candidates
        # Of a rest it is promised that it is not told, not that it could be large: the whole may be small.
        return few or (len(claim.terms) == 1 and claim.high < self.policy.minimum_cell)

    @cached_property
    def ours(self) -> CountsRead:
        """What `lab protect` releases; nothing where it refuses, such as of too few persons for a population."""
        given = {cell: value for cell, value in self.truth.items() if cell[0] != "all"}
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "layout.json").write_text(json.dumps(self.layout), encoding="utf-8")
            columns = {dim: [cell[i] for cell in given] for i, dim in enumerate(("region", "drug"))}
            pq.write_table(pa.table({**columns, "n": list(given.values())}), folder / "table.parquet")
            try:
                protect_file(self.policy, folder / "table.parquet", layout=folder / "layout.json", out=folder / "out")
            except DisclosureRefused:
                return self._holding(dict.fromkeys(self.truth))
            rows = pq.read_table(folder / "out" / "released.parquet").to_pylist()
        return self._holding({(row["region"], row["drug"]): row["n"] for row in rows})

    @cached_property
    def thresholds_only(self) -> CountsRead:
        """Small cells blank, everything else printed."""
        return self._holding(
            {cell: None if 1 <= value < self.policy.minimum_cell else value for cell, value in self.truth.items()}
        )

    @cached_property
    def small_rests_too(self) -> CountsRead:
        """Small cells blank, and drugs that few of a region lack; everything else printed."""
        few = range(1, self.policy.minimum_cell)
        cells = dict(self.thresholds_only.cells)
        for region, drug in self.truth:
            if self.truth[region, "any"] - self.truth[region, drug] in few:
                cells[region, drug] = None
        return self._holding(cells)

    def _holding(self, cells: dict[Cell, int | None]) -> CountsRead:
        return CountsRead(self.layout, self.policy, cells, as_file(pa.table({"n": list(cells.values())})))


@lru_cache(maxsize=SEEDS_A_BLOCK)
def overlapping_table(seed: int) -> OverlappingTable:
    """A table in which persons stand under several drugs."""
    return OverlappingTable(seed)


def regions_add_up(read: CountsRead) -> list[tuple[Cell, list[Cell]]]:
    """What a reader knows to add up: regions, for each drug and for any."""
    return [(("all", drug), [(region, drug) for region in REGIONS]) for drug in (*DRUGS, "any")]


def within_any(read: CountsRead) -> list[tuple[Cell, Cell]]:
    """Who has a drug has any."""
    return [((region, "any"), (region, drug)) for region in (*REGIONS, "all") for drug in DRUGS]

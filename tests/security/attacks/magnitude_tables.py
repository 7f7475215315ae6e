"""Scenes of sums in laboratory tables: companies of very different size, and codes that one supplies alone."""

from __future__ import annotations

import json
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from linkage.company_secrecy import CompanySecrecy
from linkage.disclosure_policy import DisclosurePolicy, shipped_policies
from linkage_server.lab.protect import protect_file
from tests.security.attacks.attack import SEEDS_A_BLOCK
from tests.security.attacks.count_tables import as_file, leaves_below
from tests.support.manufacturers import write_table
from tests.support.table_attackers import Cell, Sum, sums_of

REGIONS = ("north", "south", "west")
CODES = ("C10AA01", "C10AA04", "C10AA05", "C10AA07")
DIMS: dict[str, Any] = {
    "region": {"total": "land", "hierarchies": [{"land": list(REGIONS)}]},
    "atc": {"total": "C10AA", "hierarchies": [{"C10AA": list(CODES)}]},
}
Giving = dict[str, dict[Cell, int]]
"""By company: what it gives to each leaf cell, in hundredths."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A claim of companies that pool what they know: nobody else gives more than `most` to these leaf cells.

    Args:
        cells: leaf cells.
        insiders: those who claim; nobody for a reader from outside.
        most: upper end, in hundredths.
        least: lower end of what all others give together.
    """

    cells: tuple[Cell, ...]
    insiders: tuple[str, ...]
    most: float
    least: float = 0


@dataclass(frozen=True, slots=True)
class SumsRead:
    """What a reader holds; each company also knows what itself gave.

    Args:
        policy: the rules.
        cells: released sums in hundredths, None where blank.
        own: what each company knows of itself.
        sellers: companies by code, which the product register prints; empty where contributors are no companies.
        file: the released file, byte for byte.
    """

    policy: DisclosurePolicy
    cells: dict[Cell, int | None]
    own: Giving
    sellers: Mapping[str, tuple[str, ...]]
    file: bytes

    @property
    def sums(self) -> list[Sum]:
        """Every whole and its parts."""
        return list(sums_of({"dims": DIMS}))

    def leaves(self, cell: Cell) -> list[Cell]:
        """The leaf cells of a cell."""
        below = [leaves_below(dim) for dim in DIMS.values()]
        return list(product(*(own[code] for own, code in zip(below, cell, strict=True))))

    def given(self, company: str, cells: tuple[Cell, ...] | list[Cell]) -> int:
        """What a company gave to leaf cells."""
        return sum(self.own[company].get(cell, 0) for cell in cells)


class SumTable:
    """Sums of companies by region and code."""

    def __init__(self, policy: DisclosurePolicy, giving: Giving, sellers: dict[str, tuple[str, ...]]) -> None:
        self.policy, self.giving, self.sellers = policy, giving, sellers
        self.leaf = {cell: sum(own.get(cell, 0) for own in giving.values()) for cell in product(REGIONS, CODES)}
        empty = SumsRead(policy, {}, giving, sellers, b"")
        names = product((*REGIONS, "land"), (*CODES, "C10AA"))
        self.truth = {cell: sum(self.leaf[leaf] for leaf in empty.leaves(cell)) for cell in names}

    def leaks(self, claim: Estimate) -> bool:
        """True, and closer to what another company gives than the rules allow."""
        others: dict[str, int] = defaultdict(int)
        for company, own in self.giving.items():
            if company not in claim.insiders and (amount := sum(own.get(cell, 0) for cell in claim.cells)):
                others[company] += amount
        together = sum(others.values())
        if not others or not claim.least <= together <= claim.most:
            return False
        largest = sorted(others.values(), reverse=True)
        if not self.policy.p_percent:
            # Sales of a code that one company supplies: told by any reader, or by one who is alone elsewhere.
            narrow = 100 * (claim.most - claim.least) < self.policy.sum_width_percent * together
            return narrow and len(others) == 1
        close = 100 * (claim.most - largest[0]) < self.policy.p_percent * largest[0]
        if claim.insiders:
            return close
        narrow = 100 * (claim.most - claim.least) < self.policy.sum_width_percent * together
        few = len(others) < self.policy.minimum_contributors
        dominated = any(100 * sum(largest[:n]) > k * together for n, k in self.policy.dominance)
        return close or (narrow and (few or dominated))

    @cached_property
    def ours(self) -> SumsRead:
        """What `lab protect` releases."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            layout = {"dims": DIMS, "measures": {"cost": {"kind": "magnitude"}}}
            (folder / "layout.json").write_text(json.dumps(layout), encoding="utf-8")
            rows = list(self.leaf.items())
            columns = {dim: [cell[i] for cell, _ in rows] for i, dim in enumerate(DIMS)}
            pq.write_table(pa.table({**columns, "cost": [x / 100 for _, x in rows]}), folder / "table.parquet")
            given = [(*cell, who, x / 100) for who, own in self.giving.items() for cell, x in own.items()]
            lines = "".join(f"{r},{c},{who},{x:.2f}\n" for r, c, who, x in given)
            (folder / "who.csv").write_text("region,atc,contributor,cost\n" + lines, encoding="utf-8")
            sold = write_table(folder / "sold.csv", self.sellers, month="2026-10") if self.sellers else None
            protect_file(
                self.policy, folder / "table.parquet", layout=folder / "layout.json", out=folder / "out",
                contributions=folder / "who.csv", manufacturers=sold, month="2026-10" if sold else "",
            )  # fmt: skip
            path = folder / "out" / "released.parquet"
            found = {(row["region"], row["atc"]): row["cost"] for row in pq.read_table(path).to_pylist()}
            file = path.read_bytes()
        cells = {cell: None if value is None else round(100 * value) for cell, value in found.items()}
        return SumsRead(self.policy, cells, self.giving, self.sellers, file)

    @cached_property
    def marked_only(self) -> SumsRead:
        """Blank is what the rules mark by itself, and nothing else."""
        return self._holding({cell: None if self._marked(cell) else value for cell, value in self.truth.items()})

    @cached_property
    def two_blanks_a_line(self) -> SumsRead:
        """No blank is alone in its line, whoever stands behind the other: nobody outside can subtract."""
        blank = {cell for cell in self.truth if self._marked(cell)}
        moved = True
        while moved:
            moved = False
            for whole, parts in sums_of({"dims": DIMS}):
                if sum(cell in blank for cell in (whole, *parts)) == 1:
                    open_yet = [cell for cell in parts if cell not in blank and self.truth[cell]]
                    partner = min(open_yet, key=lambda cell: self.truth[cell], default=whole)
                    moved = moved or partner not in blank
                    blank.add(partner)
        return self._holding({cell: None if cell in blank else value for cell, value in self.truth.items()})

    @cached_property
    def printed_beside(self) -> SumsRead:
        """Ours, in a file with a column of sums that nobody blanked."""
        table = pa.table({"cost": list(self.ours.cells.values()), "all": [x / 100 for x in self.truth.values()]})
        return SumsRead(self.policy, self.ours.cells, self.giving, self.sellers, as_file(table))

    def _marked(self, cell: Cell) -> bool:
        code = cell[1]
        if self.sellers:
            return len(self.sellers.get(code, ("", ""))) < 2
        empty = SumsRead(self.policy, {}, self.giving, {}, b"")
        amounts = sorted((empty.given(who, empty.leaves(cell)) for who in self.giving), reverse=True)
        behind = [amount for amount in amounts if amount]
        total = sum(behind)
        rest = total - sum(behind[: 1 + self.policy.coalition])
        return bool(behind) and (
            len(behind) < self.policy.minimum_contributors
            or any(100 * sum(behind[:n]) > k * total for n, k in self.policy.dominance)
            or 100 * rest < self.policy.p_percent * behind[0]
        )

    def _holding(self, cells: dict[Cell, int | None]) -> SumsRead:
        file = as_file(pa.table({"cost": [None if x is None else x / 100 for x in cells.values()]}))
        return SumsRead(self.policy, cells, self.giving, self.sellers, file)


def policy(**fields: Any) -> DisclosurePolicy:
    """The standard policy with other rules."""
    standard = shipped_policies()["standard@1.0.0"].model_dump()
    return DisclosurePolicy.model_validate({**standard, "id": "sums", **fields})


@lru_cache(maxsize=SEEDS_A_BLOCK)
def sum_table(seed: int) -> SumTable:
    """Sums of up to twelve companies, some of them far larger than others."""
    random = np.random.default_rng([seed, 17])
    size = random.pareto(0.9, 12) + 0.1
    giving: Giving = {f"company{i}": {} for i in range(12)}
    for cell in product(REGIONS, CODES):
        for i in random.choice(12, size=int(random.choice([1, 2, 4, 8, 10])), replace=False).tolist():
            giving[f"company{i}"][cell] = int(size[i] * random.uniform(10_00, 900_00)) + 1
    rules = {"minimum_contributors": 4, "dominance": ((1, 75), (2, 90)), "p_percent": 10, "coalition": 2}
    return SumTable(policy(**rules), giving, {})


@lru_cache(maxsize=SEEDS_A_BLOCK)
def company_table(seed: int) -> SumTable:
    """Sales by code; one or two codes have one company each."""
    random = np.random.default_rng([seed, 19])
    companies = ["Nord", "Syd", "Ost", "Vest"]
    sellers: dict[str, tuple[str, ...]] = {}
    for place, code in enumerate(CODES):
        many = 1 if place < 1 + seed % 2 else int(random.integers(2, 5))
        sellers[code] = tuple(random.choice(companies, many, replace=False).tolist())
    sellers[CODES[0]] = ("Nord",)
    if seed % 2:
        sellers[CODES[1]] = ("Syd",)
    giving: Giving = {company: {} for company in companies}
    for (region, code), own in product(product(REGIONS, CODES), (sellers,)):
        for company in own[code]:
            giving[company][region, code] = int(random.uniform(5_000_00, 90_000_00))
    rule = CompanySecrecy(minimum_manufacturers=2, measures=("cost",), patients_shown=True)
    return SumTable(policy(company_secrecy=rule.model_dump(), minimum_contributors=3), giving, sellers)

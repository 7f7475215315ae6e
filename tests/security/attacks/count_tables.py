"""Scenes of counts in laboratory tables: hierarchies of three steps, second groupings, one to three dimensions."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from linkage.disclosure_policy import DisclosurePolicy, shipped_policies
from linkage_server.lab.protect import protect_file
from tests.security.attacks.attack import SEEDS_A_BLOCK
from tests.support.table_attackers import Cell, Sum, sums_of

STANDARD = shipped_policies()["standard@1.0.0"]
FIVE = STANDARD.model_copy(update={"id": "five", "minimum_cell": 5, "minimum_contributors": 5})


@dataclass(frozen=True, slots=True)
class Between:
    """A claim: the signed sum of these cells is a whole number from `low` to `high`."""

    terms: tuple[tuple[Cell, int], ...]
    low: float
    high: float

    @classmethod
    def of(cls, cells: Iterable[Cell], low: float, high: float | None = None) -> Between:
        """A claim about the plain sum of cells, which is `low` if nothing else is said."""
        return cls(tuple((cell, 1) for cell in cells), low, low if high is None else high)


@dataclass(frozen=True, slots=True)
class CountsRead:
    """What a reader of a released table holds.

    Args:
        layout: dimensions and hierarchies, which are printed with every table.
        policy: the rules, which the delivery names.
        cells: number of each released cell, None where blank, in the order of the file.
        file: the released file, byte for byte.
        program: the protection that made it, as an attribute of its scene: everybody can run it.
    """

    layout: Mapping[str, Any]
    policy: DisclosurePolicy
    cells: dict[Cell, int | None]
    file: bytes
    program: str = "ours"

    @property
    def sums(self) -> list[Sum]:
        """Every whole and its parts."""
        return list(sums_of(self.layout))

    @property
    def blanks(self) -> list[Cell]:
        """Cells without a number."""
        return [cell for cell, value in self.cells.items() if value is None]

    @property
    def lowest(self) -> int:
        """What a blank is at least: zeros are printed, unless the policy says otherwise."""
        return 1 if self.policy.zero_shown else 0


class CountTable:
    """A table of counts, its policy and layout."""

    def __init__(self, policy: DisclosurePolicy, dims: Mapping[str, Any], inner: npt.NDArray[np.int64]) -> None:
        self.policy, self.dims, self.inner = policy, dims, inner
        self.layout: dict[str, Any] = {"dims": dims, "measures": {"n": {"kind": "count"}}}
        self.leaves = [leaves_of(dim) for dim in dims.values()]
        below = [
            {code: [own.index(leaf) for leaf in leaves] for code, leaves in leaves_below(dim).items()}
            for own, dim in zip(self.leaves, dims.values(), strict=True)
        ]
        self.truth: dict[Cell, int] = {
            cell: int(inner[np.ix_(*(own[code] for own, code in zip(below, cell, strict=True)))].sum())
            for cell in product(*below)
        }

    def leaks(self, claim: Between) -> bool:
        """True, about few people, and narrower than the policy promises."""
        value = sum(sign * self.truth[cell] for cell, sign in claim.terms)
        least = 1 if self.policy.zero_shown else 0
        if not (least <= value < self.policy.minimum_cell and claim.low <= value <= claim.high):
            return False
        few = claim.high - claim.low + 1 < self.policy.minimum_candidates
        return few or claim.high < self.policy.minimum_cell

    @cached_property
    def ours(self) -> CountsRead:
        """What `lab protect` releases."""
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            self.write(folder)
            protect_file(self.policy, folder / "table.parquet", layout=folder / "layout.json", out=folder / "out")
            return self.read(folder / "out" / "released.parquet")

    @cached_property
    def thresholds_only(self) -> CountsRead:
        """Small cells blank, everything else printed."""
        return self.printed(lambda value: not self.sensitive(value))

    @cached_property
    def two_blanks_a_line(self) -> CountsRead:
        """A blank never stands alone among the parts of a whole: the smallest other part, or the whole, goes too."""
        blank = {cell for cell, value in self.truth.items() if self.sensitive(value)}
        sums = list(sums_of(self.layout))
        moved = True
        while moved:
            moved = False
            for whole, parts in sums:
                line = [whole, *parts]
                if sum(cell in blank for cell in line) == 1:
                    others = [
                        cell for cell in parts if cell not in blank and (self.truth[cell] or not self.policy.zero_shown)
                    ]
                    partner = min(others, key=lambda cell: self.truth[cell], default=whole)
                    moved = moved or partner not in blank
                    blank.add(partner)
        read = self.holding({cell: None if cell in blank else value for cell, value in self.truth.items()})
        return replace(read, program="two_blanks_a_line")

    @cached_property
    def rows_by_size(self) -> CountsRead:
        """Small cells blank, rows sorted by the count."""
        cells = sorted(self.truth.items(), key=lambda item: -item[1])
        return self.holding({cell: None if self.sensitive(value) else value for cell, value in cells})

    @cached_property
    def numbers_under_blanks(self) -> CountsRead:
        """Ours on the screen, in a file whose statistics were made before the numbers were blanked."""
        table = pa.table(
            {"n": pa.array(sorted(value for value in self.truth.values() if self.sensitive(value)), pa.int64())}
        )
        return CountsRead(self.layout, self.policy, self.ours.cells, as_file(table))

    @cached_property
    def numbers_under_the_mask(self) -> CountsRead:
        """Small cells blank in an Arrow file whose column still holds what was masked."""
        values = np.array(list(self.truth.values()))
        column = pa.array(values, mask=np.array([self.sensitive(value) for value in values.tolist()]))
        sink = pa.BufferOutputStream()
        table = pa.table({"n": column})
        with pa.ipc.new_file(sink, table.schema) as file:
            file.write_table(table)
        return CountsRead(self.layout, self.policy, self.thresholds_only.cells, sink.getvalue().to_pybytes())

    @cached_property
    def primary_told_from_partners(self) -> CountsRead:
        """Ours, with a status of its own for small cells."""
        cells = self.ours.cells
        small = ["sup" if self.sensitive(self.truth[cell]) else "sec" for cell in cells]
        status = ["pub" if cells[cell] is not None else why for cell, why in zip(cells, small, strict=True)]
        columns = {name: [cell[i] for cell in cells] for i, name in enumerate(self.dims)}
        table = pa.table({**columns, "n": list(cells.values()), "n_status": status})
        return CountsRead(self.layout, self.policy, cells, as_file(table))

    def sensitive(self, value: int) -> bool:
        """Whether a count may not be told."""
        return (value > 0 or not self.policy.zero_shown) and value < self.policy.minimum_cell

    def printed(self, shown: Any) -> CountsRead:
        """A release that shows what the function says of the true count."""
        return self.holding({cell: value if shown(value) else None for cell, value in self.truth.items()})

    def holding(self, cells: dict[Cell, int | None]) -> CountsRead:
        """A release of these numbers."""
        columns = {name: [cell[i] for cell in cells] for i, name in enumerate(self.dims)}
        return CountsRead(self.layout, self.policy, cells, as_file(pa.table({**columns, "n": list(cells.values())})))

    def write(self, folder: Path) -> None:
        """Leaf cells and layout as files."""
        (folder / "layout.json").write_text(json.dumps(self.layout), encoding="utf-8")
        rows = list(product(*self.leaves))
        columns = {name: [row[i] for row in rows] for i, name in enumerate(self.dims)}
        pq.write_table(pa.table({**columns, "n": self.inner.ravel()}), folder / "table.parquet")

    def read(self, path: Path) -> CountsRead:
        """What a reader of a released file holds."""
        rows = pq.read_table(path).to_pylist()
        cells = {tuple(row[name] for name in self.dims): row["n"] for row in rows}
        return CountsRead(self.layout, self.policy, cells, path.read_bytes())


@lru_cache(maxsize=SEEDS_A_BLOCK)
def count_table(seed: int) -> CountTable:
    """A table in which zeros are printed."""
    random = np.random.default_rng([seed, 7])
    dims = drawn_dimensions(random)
    return CountTable(FIVE if seed % 2 else STANDARD, dims, drawn_counts(random, dims))


@lru_cache(maxsize=SEEDS_A_BLOCK)
def zero_table(seed: int) -> CountTable:
    """A table in which zeros are hidden like small counts."""
    table = count_table(seed)
    return CountTable(table.policy.model_copy(update={"zero_shown": False, "id": "no-zeros"}), table.dims, table.inner)


@lru_cache(maxsize=SEEDS_A_BLOCK)
def three_by_three(seed: int) -> CountTable:
    """A table so small that everything that it might have been can be tried."""
    random = np.random.default_rng([seed, 3])
    dims = {
        "region": {"total": "land", "hierarchies": [{"land": ["r0", "r1", "r2"]}]},
        "age": {"total": "all", "hierarchies": [{"all": ["a0", "a1", "a2"]}]},
    }
    inner = random.poisson(random.gamma(1, 12, (3, 3)))
    inner[0, 0] += 40
    return CountTable(FIVE, dims, inner)


def drawn_counts(random: np.random.Generator, dims: Mapping[str, Any]) -> npt.NDArray[np.int64]:
    """Skewed counts of leaf cells, many of them small."""
    shape = tuple(len(leaves_of(dim)) for dim in dims.values())
    inner = random.poisson(random.gamma(0.5, 2.0, shape) * random.choice([6, 15]))
    inner[(0,) * len(shape)] += 60
    return inner


def drawn_dimensions(random: np.random.Generator) -> dict[str, Any]:
    """One to three dimensions; the first has three steps and a second grouping of the same leaves."""
    leaves = [f"r{i:02}" for i in range(int(random.integers(4, 10)))]
    half = len(leaves) // 2
    counties = {"north": leaves[: half // 2 or 1], "middle": leaves[half // 2 or 1 : half], "south": leaves[half:]}
    counties = {county: own for county, own in counties.items() if own}
    country = {"land": ["upper", "south"], "upper": [c for c in counties if c != "south"], **counties}
    mixed = random.permutation(leaves).tolist()
    cut = int(random.integers(1, len(leaves) - 1))
    care = {"land": ["care1", "care2"], "care1": sorted(mixed[:cut]), "care2": sorted(mixed[cut:])}
    dims: dict[str, Any] = {"region": {"total": "land", "hierarchies": [country, care]}}
    if dimensions := int(random.integers(0, 3)):
        ages = [f"a{i}" for i in range(int(random.integers(2, 5)))]
        dims["age"] = {"total": "all", "hierarchies": [{"all": ages}]}
        if dimensions == 2:
            dims["sex"] = {"total": "both", "hierarchies": [{"both": ["men", "women"]}]}
    return dims


def leaves_of(dim: Mapping[str, Any]) -> list[str]:
    """Codes without parts."""
    parents = {parent for tree in dim["hierarchies"] for parent in tree}
    return [code for parts in dim["hierarchies"][0].values() for code in parts if code not in parents]


def leaves_below(dim: Mapping[str, Any]) -> dict[str, list[str]]:
    """The leaves of every code."""
    found = {leaf: [leaf] for leaf in leaves_of(dim)}
    waiting = [(parent, parts) for tree in dim["hierarchies"] for parent, parts in tree.items()]
    while waiting:
        parent, parts = waiting.pop(0)
        if all(part in found for part in parts):
            found.setdefault(parent, sorted({leaf for part in parts for leaf in found[part]}))
        else:
            waiting.append((parent, parts))
    return found


def as_file(table: pa.Table) -> bytes:
    """A Parquet file in memory."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return sink.getvalue().to_pybytes()

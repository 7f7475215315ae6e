"""Scenes of tables that are rounded or given noise: the same table asked for again, with rows in another order."""

from __future__ import annotations

import atexit
import tempfile
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from linkage.disclosure_policy import DisclosurePolicy
from linkage_core.perturbation.cell_keys import NoiseKey, cell_keys, record_keys
from linkage_core.perturbation.noise_table import count_table
from linkage_core.perturbation.perturb_counts import perturb_counts
from tests.security.attacks.attack import SEEDS_A_BLOCK
from tests.security.attacks.count_tables import STANDARD, Between
from tests.support.perturbed_tables import (
    AGES,
    LEAVES,
    Person,
    home_of,
    layout_of,
    made_up_persons,
    noise_policy,
    protect_persons,
    rounding_policy,
)
from tests.support.table_attackers import Cell, Sum, sums_of

BOUND = 5
REPEATS = 12
TABLE = count_table(bound=BOUND, variance=3, never_up_to=2)
BELOW: dict[str, tuple[str, ...]] = {
    **{leaf: (leaf,) for leaf in LEAVES},
    "SE": LEAVES,
    "north": LEAVES[:3],
    "south": LEAVES[3:],
}
Ends = dict[Cell, tuple[float, float]]


@dataclass(frozen=True, slots=True)
class IsIn:
    """A claim that a person is counted by a cell, or is not."""

    person: str
    cell: Cell
    counted: bool


@dataclass(frozen=True, slots=True)
class RoundedRead:
    """What a reader holds: for each answer the ends that the printed number and its status leave of each cell."""

    answers: list[Ends]
    sums: list[Sum]


@dataclass(frozen=True, slots=True)
class NoisyRead:
    """What a reader holds of tables with noise.

    Args:
        answers: printed numbers of each answer.
        sums: what adds up in truth.
        members: persons of whom everybody knows in which leaf cell they are: all but one.
        candidate: the one of whom the attacker would know whether she is in `asked`.
        asked: a leaf cell.
    """

    answers: list[dict[Cell, int]]
    sums: list[Sum]
    members: list[Person]
    candidate: str
    asked: Cell


class Perturbed:
    """Persons by region and age."""

    def __init__(self, seed: int, *, about: int = 12) -> None:
        self.random = np.random.default_rng([seed, 43])
        # Cells of a table without a crowd would be refused for its size.
        crowd: list[Person] = [("0101", "old", self.random.bytes(16).hex()) for _ in range(60)]
        self.persons = made_up_persons(seed, about=about) + crowd
        self.sums = list(sums_of(layout_of()))
        self.truth: dict[Cell, int] = {
            (region, age): sum(r in BELOW[region] and age in ("all", a) for r, a, _ in self.persons)
            for region, age in product([*BELOW], [*AGES, "all"])
        }

    def shuffled(self) -> list[Person]:
        """The persons in another order."""
        return [self.persons[i] for i in self.random.permutation(len(self.persons)).tolist()]

    def answer(self, policy: DisclosurePolicy, home: Path | None, **changes: Any) -> dict[Cell, dict[str, Any]]:
        """One answer of `lab protect`, which gets its rows in an order of their own."""
        with tempfile.TemporaryDirectory() as name:
            return protect_persons(Path(name) / "t", self.shuffled(), policy, home, **changes)  # type: ignore[return-value]


class Rounded(Perturbed):
    """A table that is rounded: on top of suppression, or controlled."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.kind = ("nearest", "up", "midpoint", "controlled")[seed % 4]
        self.base = 12 if self.kind == "controlled" else 6 if self.kind == "midpoint" else 5
        self.policy = rounding_policy("controlled", 12) if self.kind == "controlled" else STANDARD

    def leaks(self, claim: Between) -> bool:
        """True, about few, and narrower than the policy promises."""
        value = sum(sign * self.truth[cell] for cell, sign in claim.terms)
        if not (1 <= value < self.policy.minimum_cell and claim.low <= value <= claim.high):
            return False
        few = claim.high - claim.low + 1 < self.policy.minimum_candidates
        return few or claim.high < self.policy.minimum_cell

    @cached_property
    def ours(self) -> RoundedRead:
        """Two answers of `lab protect`, to rows in different orders."""
        changes = (
            {} if self.kind == "controlled" else {"mechanism": {"rounding": {"kind": self.kind, "base": self.base}}}
        )
        answers = [self.answer(self.policy, None, **changes) for _ in range(2)]
        return RoundedRead([{cell: self.ends(row) for cell, row in one.items()} for one in answers], self.sums)

    @cached_property
    def each_rounded(self) -> RoundedRead:
        """Every cell rounded by itself, nothing hidden."""
        return RoundedRead([{cell: self.of(self.nearest(value)) for cell, value in self.truth.items()}], self.sums)

    @cached_property
    def rounded_at_random(self) -> RoundedRead:
        """Every cell rounded up or down at random, each time anew."""

        def once() -> Ends:
            ends = {}
            for cell, value in self.truth.items():
                printed = self.base * (value // self.base + int(self.random.random() < value % self.base / self.base))
                ends[cell] = (max(0.0, printed - self.base + 1), printed + self.base - 1.0)
            return ends

        return RoundedRead([once() for _ in range(REPEATS)], self.sums)

    def ends(self, row: dict[str, Any]) -> tuple[float, float]:
        """What a printed cell leaves."""
        if row["n_status"] == "sup":
            return 1, 1e6
        if row["n_status"] == "pub":
            return row["n"], row["n"]
        return self.of(row["n"])

    def of(self, printed: int) -> tuple[float, float]:
        """What a rounded number leaves."""
        match self.kind:
            case "nearest":
                return max(0, printed - self.base // 2), printed + self.base // 2
            case "up":
                return (printed - self.base + 1, printed) if printed else (0, 0)
            case "midpoint":
                return (printed - self.base // 2 + 1, printed + self.base // 2) if printed else (0, 0)
            case _:
                return max(0, printed - self.base + 1), printed + self.base - 1

    def nearest(self, value: int) -> int:
        """A count rounded by the scene's rule."""
        match self.kind:
            case "up":
                return -(-value // self.base) * self.base
            case "midpoint":
                return (value - 1) // self.base * self.base + self.base // 2 if value else 0
            case _:
                return (value + self.base // 2) // self.base * self.base


class Noisy(Perturbed):
    """A table with noise by cell key."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        where = int(self.random.integers(len(self.persons)))
        self.asked = self.persons[where][:2]
        self.candidate = self.persons[where][2]
        self.members = self.persons[:where] + self.persons[where + 1 :]

    def leaks(self, claim: Between | IsIn) -> bool:
        """True, and about one number, one cell or one person."""
        if isinstance(claim, IsIn):
            return claim.counted == ((*claim.cell, claim.person) in self.persons)
        value = sum(sign * self.truth[cell] for cell, sign in claim.terms)
        return claim.low == claim.high == value and 1 <= value < STANDARD.minimum_cell

    @cached_property
    def ours(self) -> NoisyRead:
        """As many answers of `lab protect` under one key of the holder's home, to rows in different orders."""
        answers = [self.answer(noise_policy(), noise_home()) for _ in range(REPEATS)]
        return self.read([{cell: row["n"] for cell, row in one.items()} for one in answers])

    @cached_property
    def fresh_noise(self) -> NoisyRead:
        """Noise that is drawn anew for each answer."""
        probable = np.exp(-(np.arange(-BOUND, BOUND + 1) ** 2) / 6.0)

        def once() -> dict[Cell, int]:
            drawn = self.random.choice(np.arange(-BOUND, BOUND + 1), len(self.truth), p=probable / probable.sum())
            counted = zip(self.truth.items(), drawn.tolist(), strict=True)
            return {cell: value + change if value else 0 for (cell, value), change in counted}

        return self.read([once() for _ in range(40)])

    @cached_property
    def key_that_anybody_computes(self) -> NoisyRead:
        """Noise whose key follows from what an orderer knows."""
        return self.read([noise_of(self.persons, BELOW, NoiseKey(1, 1, bytes(32)))])

    def read(self, answers: list[dict[Cell, int]]) -> NoisyRead:
        """With what an attacker knows of the members."""
        return NoisyRead(answers, self.sums, self.members, self.candidate, self.asked)


def noise_of(persons: list[Person], below: dict[str, Any], key: NoiseKey) -> dict[Cell, int]:
    """The public program of noise: what it prints for these persons under a key."""
    found = {}
    for region, age in product([*BELOW], [*AGES, "all"]):
        ids = [bytes.fromhex(who) for r, a, who in persons if r in below[region] and age in ("all", a)]
        array = pa.array(ids, pa.binary(16))
        counts, keys = cell_keys(np.zeros(len(ids), np.int64), np.arange(len(ids)), record_keys(array, key), size=1)
        found[region, age] = int(perturb_counts(counts, keys, TABLE)[0])
    return found


@lru_cache(maxsize=1)
def noise_home() -> Path:
    """A home folder with a noise key, until the process ends."""
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    return home_of(Path(folder.name) / "home")


@lru_cache(maxsize=SEEDS_A_BLOCK)
def rounded(seed: int) -> Rounded:
    """A rounded table, of each way of rounding in turn."""
    return Rounded(seed)


@lru_cache(maxsize=SEEDS_A_BLOCK)
def noisy(seed: int) -> Noisy:
    """A table with noise."""
    return Noisy(seed)

"""Scenes of orders' tables: crossings that share margins, nested windows, months, quarters, means and rates."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import pairwise
from math import sqrt
from typing import Any

import numpy as np
from pyroaring import BitMap

from linkage.disclosure_policy import DisclosurePolicy
from linkage.errors import DisclosureRefused
from linkage_core.counted_table import (
    DAYS_A_YEAR,
    CountedTable,
    Dimension,
    Line,
    Nesting,
    PersonCube,
    Split,
    Statistic,
    SumCube,
)
from linkage_core.disclosure import ProtectedTable, protect
from linkage_core.release_history import EarlierTable, Members, first_states, table_beside_others
from tests.security.attacks.attack import SEEDS_A_BLOCK
from tests.security.attacks.count_tables import STANDARD, Between
from tests.support.attackers import Printed
from tests.support.order_attack import read_order, truth_of
from tests.support.random_tables import Ints, with_margins

WINDOWS = ("within30", "within90", "within180", "within365")
Z = 1.959963984540054
"""Of a 95 % interval."""


@dataclass(frozen=True, slots=True)
class Amount:
    """A claim: the sum of a key at a place lies between `low` and `high`, in its smallest units."""

    key: str
    place: tuple[str, ...]
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class OrderRead:
    """What a reader of a delivery holds.

    Args:
        printed: counts, blanks and the sums that hold; zeros are granted to the attacker.
        lines: printed lines, each with the names of what it is formed from and its place.
        policy: the rules, which the delivery names.
    """

    printed: Printed
    lines: list[dict[str, Any]]
    policy: DisclosurePolicy


class OrderTable:
    """Persons by hospital and sex, region, month and quarter; who started within each window, costs and follow-up."""

    def __init__(self, seed: int) -> None:
        random = np.random.default_rng([seed, 13])
        persons = int(random.integers(80, 500))
        hospitals = int(random.integers(3, 6))
        sizes = random.dirichlet(np.full(hospitals, 0.8))
        hospital = random.choice(hospitals, persons, p=sizes)
        hospital[:hospitals] = np.arange(hospitals)
        region_of = np.arange(hospitals) % 2
        months = int(random.integers(3, 7))
        month = random.choice(months, persons, p=random.dirichlet(np.full(months, 1.5)))
        sex = (random.random(persons) < 0.3).astype(int)
        axes = {
            "hospital": (hospital, [f"H{i}" for i in range(hospitals)]),
            "sex": (sex, ["man", "woman"]),
            "region": (region_of[hospital], ["north", "south"]),
            "index_month": (month, [f"2024-{i + 1:02}" for i in range(months)]),
            "index_quarter": (month // 3, [f"2024-Q{i + 1}" for i in range((months + 2) // 3)]),
        }
        self.map = {f"H{i}": ("north", "south")[region_of[i]] for i in range(hospitals)}
        started = (
            np.cumsum([random.random(persons) < share for share in random.dirichlet(np.full(5, 0.6))[:4] / 2], axis=0)
            > 0
        )
        sets = {"population": np.ones(persons, bool)} | dict(zip(WINDOWS, started, strict=True))
        event = random.random(persons) < random.beta(1, 4)
        sets["event/yes"] = event
        cost, days = random.integers(1, 90_000, persons), random.integers(20, 400, persons)
        self.members = Members(
            {key: (BitMap(np.flatnonzero(mask).tolist()),) for key, mask in sets.items()},
            dict.fromkeys(sets, ("", ())),
            {
                name: {level: BitMap(np.flatnonzero(codes == i).tolist()) for i, level in enumerate(levels)}
                for name, (codes, levels) in axes.items()
            },
        )
        self.counted = counted_table(axes, sets, {"cost": (cost, 100, "within365"), "days": (days, 1, "population")})
        nesting = Nesting("hospital", "region", tuple(self.map.items()))
        self.counted = replace(self.counted, nestings=(nesting,))
        self.truth = truth_of(self.counted)
        self.amounts = amounts_of(self.counted)
        self.policy = STANDARD

    def leaks(self, claim: Between | Amount) -> bool:
        """True, about few people, and narrower than promised."""
        if isinstance(claim, Amount):
            contributors, value = self.amounts[claim.key, claim.place]
            narrow = 100 * (claim.high - claim.low) < self.policy.sum_width_percent * abs(value)
            return narrow and 0 < contributors < self.policy.minimum_contributors and claim.low <= value <= claim.high
        value = sum(sign * self.truth[cell] for cell, sign in claim.terms)
        if not (1 <= value < self.policy.minimum_cell and claim.low <= value <= claim.high):
            return False
        if claim.high - claim.low + 1 < self.policy.minimum_candidates:
            return True
        # Of a rest it is promised that it may reach the threshold where its whole has twice as many.
        whole = max(self.truth[cell] for cell, _ in claim.terms)
        promised = len(claim.terms) == 1 or whole >= 2 * self.policy.minimum_cell
        return promised and claim.high < self.policy.minimum_cell

    @cached_property
    def ours(self) -> OrderRead:
        """What the service releases."""
        return self.read(protect(self.counted, self.policy))

    @cached_property
    def without_the_map(self) -> OrderRead:
        """Ours, had nobody told it which hospital lies in which region."""
        return self.read(protect(replace(self.counted, nestings=()), self.policy))

    def of_some_strata(self, wanted: Callable[[tuple[str, ...]], bool]) -> CountedTable:
        """What an order counts that has the crossings of strata that are wanted."""

        def of(cubes: Any) -> Any:
            return tuple(cube for cube in cubes if wanted(tuple(d.name for d in cube.dimensions)))

        return replace(
            self.counted,
            person_cubes=of(self.counted.person_cubes),
            sum_cubes=of(self.counted.sum_cubes),
            lines=tuple(line for line in self.counted.lines if wanted(line.dimensions)),
        )

    @cached_property
    def numbers_blank_figures_left(self) -> OrderRead:
        """Small numbers blank; shares, means, rates and limits of them printed, and everything else."""
        ours = self.ours
        few = range(1, self.policy.minimum_cell)
        named = {*ours.printed.known, *ours.printed.blank}
        blank = {cell for cell in named if self.truth[cell] in few}
        printed = replace(ours.printed, known={c: self.truth[c] for c in named - blank}, blank=blank)
        return OrderRead(printed, [self._figures(line) for line in ours.lines], self.policy)

    def read(self, protected: ProtectedTable, counted: CountedTable | None = None) -> OrderRead:
        """What a reader of a delivery holds."""
        printed = read_order(counted or self.counted, protected, lies_in=self.map)
        named = {*printed.known, *printed.blank}
        quarters = sorted({(key, place) for key, place in named if any(p.startswith("index_quarter") for p in place)})
        for key, place in quarters:
            quarter = int(place[0][-1])
            parts = [(key, (f"index_month=2024-{month:02}",)) for month in range(3 * quarter - 2, 3 * quarter + 1)]
            printed.relations.append(((key, place), [part for part in parts if part in named]))
        zeros = {cell: 0 for cell in printed.blank if self.truth[cell] == 0}
        printed = replace(printed, known={**printed.known, **zeros}, blank=printed.blank - set(zeros))
        lines = protected.table.to_pylist()
        return OrderRead(printed, [self._named(line) for line in lines], self.policy)

    def _named(self, line: dict[str, Any]) -> dict[str, Any]:
        known = next(
            x for x in self.counted.lines if (x.indicator, x.statistic.value) == (line["indicator"], line["statistic"])
        )
        strata = [d.name for d in self.counted_dimensions if line.get(d.name, "total") != "total"]
        place = tuple(sorted(f"{name}={line[name]}" for name in strata))
        names = {
            name: getattr(known, name) for name in ("numerator_key", "denominator_key", "sum_key", "person_time_key")
        }
        return {**line, **names, "place": place}

    def _figures(self, line: dict[str, Any]) -> dict[str, Any]:
        place = line["place"]
        number = self.truth.get((line["numerator_key"], place))
        whole = self.truth.get((line["denominator_key"], place))
        total = self.amounts.get((line["sum_key"], place), (0, 0))[1] / 100
        days = self.amounts.get((line["person_time_key"], place), (0, 0))[1]
        shown = {n for n in (number, whole) if n is not None and not 1 <= n < self.policy.minimum_cell}
        value: float | None
        match line["statistic"]:
            case "share":
                value = number / whole if whole and number is not None else None
            case "mean":
                value = total / whole if whole else None
            case "sum":
                value = total
            case "rate_per_1000_person_years":
                value = 1000 * DAYS_A_YEAR * number / days if days and number is not None else None
            case _:
                value = number if number in shown else None
        lower, upper = (
            wilson(number, whole) if line["statistic"] == "share" and whole and number is not None else (None, None)
        )
        first = total if line["statistic"] == "mean" else number if number in shown else None
        return {
            **line, "value": value, "lower": lower, "upper": upper, "numerator": first,
            "denominator": whole if whole in shown else None, "person_time": days / DAYS_A_YEAR if days else None,
        }  # fmt: skip

    @cached_property
    def counted_dimensions(self) -> list[Dimension]:
        """All strata."""
        return list({d.name: d for cube in self.counted.person_cubes for d in cube.dimensions}.values())


class OrdersOfTheSame:
    """The same people in two deliveries: by hospital and sex, and by the other strata."""

    def __init__(self, table: OrderTable) -> None:
        self.table, self.leaks = table, table.leaks
        self.first = table.of_some_strata(lambda names: "sex" in names)
        self.second = table.of_some_strata(lambda names: "sex" not in names)

    @cached_property
    def ours(self) -> list[OrderRead]:
        """As the service releases them: the second laid beside the first, or refused."""
        policy, members = self.table.policy, self.table.members
        one = protect(self.first, policy)
        states = first_states(self.first, one, members=members, name="0")
        earlier = [EarlierTable("0", members, states)]
        read = [self.table.read(one, self.first)]
        with suppress(DisclosureRefused):
            other = table_beside_others(self.second, policy, members=members, earlier=earlier, name="1").protected
            read.append(self.table.read(other, self.second))
        return read

    @cached_property
    def each_by_itself(self) -> list[OrderRead]:
        """Both protected well, and one by one."""
        return [self.table.read(protect(part, self.table.policy), part) for part in (self.first, self.second)]


@lru_cache(maxsize=SEEDS_A_BLOCK)
def orders_of_the_same(seed: int) -> OrdersOfTheSame:
    """Two orders about one population."""
    return OrdersOfTheSame(order_table(seed))


@lru_cache(maxsize=SEEDS_A_BLOCK)
def order_table(seed: int) -> OrderTable:
    """An order's table."""
    return OrderTable(seed)


def wilson(number: int, whole: int) -> tuple[float, float]:
    """Limits of a share."""
    share, square = number / whole, Z * Z / whole
    middle = (share + square / 2) / (1 + square)
    half = Z * sqrt(share * (1 - share) / whole + square / (4 * whole)) / (1 + square)
    return middle - half, middle + half


def counted_table(
    axes: dict[str, tuple[Any, list[str]]], sets: dict[str, Any], sums: dict[str, tuple[Any, int, str]]
) -> CountedTable:
    """Everything counted by hospital and sex, by region, by month and by quarter."""
    person_cubes, sum_cubes, lines = [], [], []
    for names in (("hospital", "sex"), ("region",), ("index_month",), ("index_quarter",)):
        dimensions = tuple(Dimension(name, tuple(axes[name][1])) for name in names)
        codes = tuple(axes[name][0] for name in names)
        shape = [len(dimension.levels) for dimension in dimensions]

        def cube(mask: Any, amount: Any = 1, codes: Any = codes, shape: Any = shape) -> Ints:
            cells = np.zeros(shape, np.int64)
            np.add.at(cells, tuple(code[mask] for code in codes), amount if np.isscalar(amount) else amount[mask])
            return with_margins(cells)

        person_cubes += [PersonCube(key, dimensions, cube(mask)) for key, mask in sets.items()]
        sum_cubes += [SumCube(key, dimensions, cube(sets[of], x), scale, of) for key, (x, scale, of) in sums.items()]
        lines += [Line("population", "", Statistic.PERSONS, names, numerator_key="population")]
        lines += [Line(w, "", Statistic.SHARE, names, w, "population", interval="wilson") for w in WINDOWS]
        lines += [
            Line("cost", "", Statistic.MEAN, names, denominator_key="within365", sum_key="cost"),
            Line("cost", "", Statistic.SUM, names, sum_key="cost"),
            Line("event", "", Statistic.RATE_PER_1000_PERSON_YEARS, names, "event/yes", "population",
                 person_time_key="days", interval="poisson"),
        ]  # fmt: skip
    chain = [*WINDOWS, "population"]
    splits = [Split(whole, (part, f"{whole} without {part}")) for part, whole in pairwise(chain)]
    splits.append(Split("population", ("event/yes", "population without event/yes")))
    return CountedTable(tuple(person_cubes), tuple(sum_cubes), tuple(splits), tuple(lines))


def amounts_of(counted: CountedTable) -> dict[tuple[str, tuple[str, ...]], tuple[int, int]]:
    """Contributors and sum of every cell of every sum."""
    persons = truth_of(counted)
    found = {}
    for cube in counted.sum_cubes:
        for at in np.ndindex(cube.sums.shape):
            levels = [f"{d.name}={d.levels[i]}" for d, i in zip(cube.dimensions, at, strict=True) if i < len(d.levels)]
            place = tuple(sorted(levels))
            found[cube.sum_key, place] = persons[cube.contributors_key, place], int(cube.sums[at])
    return found


def some(cells: list[Any], most: int) -> list[Any]:
    """Some of them, the same ones each time."""
    return [cells[i] for i in np.random.default_rng(len(cells)).permutation(len(cells))[:most].tolist()]

"""Scenes of releases over time: a table of nearly the same people again and again, and populations that are sent in."""

from __future__ import annotations

import csv
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv

from linkage.disclosure_policy import DisclosurePolicy
from linkage.errors import DisclosureRefused, InputRefused
from linkage_core.events import HASHED_ID, Population
from linkage_server.lab.protect import protect_file
from tests.security.attacks.attack import SEEDS_A_BLOCK
from tests.security.attacks.count_tables import FIVE, STANDARD, Between, leaves_below, leaves_of
from tests.support.table_attackers import Cell, Sum, sums_of

RELEASES = 5
AT_ONCE = STANDARD.model_copy(update={"expected_moves": 0})
"""Numbers are counted anew as soon as enough moved, so that there is most to compare."""
COUNTIES = {"land": ["north", "south"], "north": ["n0", "n1", "n2"], "south": ["s0", "s1"]}
DIMS: dict[str, Any] = {
    "region": {"total": "land", "hierarchies": [COUNTIES]},
    "sex": {"total": "both", "hierarchies": [{"both": ["men", "women"]}]},
}
LEAVES = list(product(*(leaves_of(dim) for dim in DIMS.values())))
Shown = dict[Cell, tuple[int, int] | None]
"""Number and release that it is of, None where blank."""


@dataclass(frozen=True, slots=True)
class Moved:
    """A claim: somebody, but fewer than the threshold, joined or left these cells between two releases."""

    cells: tuple[Cell, ...]
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Counted:
    """A claim about cells in one release."""

    release: int
    between: Between


@dataclass(frozen=True, slots=True)
class SeriesRead:
    """What a reader holds: every release, the policy and the layout; a refused release is not there."""

    policy: DisclosurePolicy
    releases: list[Shown]

    @property
    def sums(self) -> list[Sum]:
        """Every whole and its parts."""
        return list(sums_of({"dims": DIMS}))

    def few(self, difference: int) -> bool:
        """Whether a difference looks like few people."""
        return 0 < abs(difference) < self.policy.minimum_cell


class Series:
    """A population that changes from release to release."""

    def __init__(self, policy: DisclosurePolicy, people: list[dict[str, Cell]]) -> None:
        self.policy, self.people = policy, people
        self.below = [leaves_below(dim) for dim in DIMS.values()]

    def members(self, release: int, cells: Sequence[Cell]) -> set[str]:
        """Who is counted by any of the cells."""
        leaves = {leaf for cell in cells for leaf in product(*(b[c] for b, c in zip(self.below, cell, strict=True)))}
        return {who for who, leaf in self.people[release].items() if leaf in leaves}

    def leaks(self, claim: Moved | Counted) -> bool:
        """True, and about few people."""
        if isinstance(claim, Moved):
            moved = self.members(claim.before, claim.cells) ^ self.members(claim.after, claim.cells)
            return 0 < len(moved) < self.policy.minimum_cell
        value = sum(sign * len(self.members(claim.release, [cell])) for cell, sign in claim.between.terms)
        said = claim.between
        narrow = said.high - said.low + 1 < self.policy.minimum_candidates or said.high < self.policy.minimum_cell
        return 1 <= value < self.policy.minimum_cell and said.low <= value <= said.high and narrow

    @cached_property
    def ours(self) -> SeriesRead:
        """What `lab protect --earlier` releases."""
        return SeriesRead(self.policy, self._released(lambda _: self.policy, together=True))

    @cached_property
    def each_alone(self) -> SeriesRead:
        """Each release protected well, and by itself."""
        return SeriesRead(self.policy, self._released(lambda _: self.policy, together=False))

    @cached_property
    def each_cell_by_itself(self) -> SeriesRead:
        """Small counts blank; a cell keeps its number until enough moved in it, whatever its line tells."""
        few = self.policy.minimum_cell
        kept: Shown = {}
        found: list[Shown] = []
        for release in range(len(self.people)):
            for cell in product(*self.below):
                now, old = len(self.members(release, [cell])), kept.get(cell)
                then = self.members(old[1], [cell]) if old else set()
                moved = len(then ^ self.members(release, [cell]))
                if old is None or not 0 < moved < few:
                    kept[cell] = (now, release) if now == 0 or now >= few else None
            found.append(dict(kept))
        return SeriesRead(self.policy, found)

    def _released(self, policy_of: Callable[[int], DisclosurePolicy], *, together: bool) -> list[Shown]:
        found: list[Shown] = []
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "layout.json").write_text(json.dumps({"dims": DIMS, "measures": {"n": {"kind": "count"}}}))
            earlier: list[Path] = []
            for release in range(len(self.people)):
                out = folder / f"release{release}"
                _write(folder / "table.csv", (*DIMS, "n"), [(*c, len(self.members(release, [c]))) for c in LEAVES])
                moves = self._moves(release)
                _write(folder / "moved.csv", (*DIMS, "person", "move"), moves)
                try:
                    protect_file(
                        policy_of(release), folder / "table.csv", layout=folder / "layout.json", out=out,
                        earlier=earlier, moved=folder / "moved.csv" if earlier else None,
                    )  # fmt: skip
                except (InputRefused, DisclosureRefused):
                    continue
                found.append(read_release(out / "released.csv", release))
                earlier = [*earlier, out] if together else []
        return found

    def _moves(self, release: int) -> list[tuple[str, ...]]:
        if not release:
            return []
        before, after = self.people[release - 1], self.people[release]
        left = [(*leaf, who, "left") for who, leaf in before.items() if after.get(who) != leaf]
        return left + [(*leaf, who, "joined") for who, leaf in after.items() if before.get(who) != leaf]


class ChangedThreshold(Series):
    """A series whose second release asks for a lower threshold."""

    @cached_property
    def ours(self) -> SeriesRead:
        """What `lab protect --earlier` answers."""
        return SeriesRead(self.policy, self._released(lambda n: FIVE if n else self.policy, together=True))

    @cached_property
    def each_alone(self) -> SeriesRead:
        """Both answered."""
        return SeriesRead(self.policy, self._released(lambda n: FIVE if n else self.policy, together=False))


def _write(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def read_release(path: Path, release: int) -> Shown:
    """Numbers of a release, and which release each is of."""
    rows = pyarrow.csv.read_csv(path).to_pylist()
    return {
        tuple(row[name] for name in DIMS): (row["n"], row.get("n_as_of", release)) if row["n_status"] == "pub" else None
        for row in rows
    }


@lru_cache(maxsize=SEEDS_A_BLOCK)
def series(seed: int) -> Series:
    """One leaver, who may come again; a swap; a correction; a month of many; each in an order of its own."""
    random = np.random.default_rng([seed, 23])
    weight = random.dirichlet(np.full(len(LEAVES), 0.7))
    number = iter(range(10_000))

    def somebody() -> tuple[str, Cell]:
        return f"p{next(number)}", LEAVES[int(random.choice(len(LEAVES), p=weight))]

    now = dict(somebody() for _ in range(500))
    people = [now]
    gone: list[tuple[str, Cell]] = []
    happenings = random.permutation(["left", "left", "joined", "swap", "corrected", "many"]).tolist()[: RELEASES - 1]
    for what in happenings:
        now = dict(now)
        if gone and random.random() < 0.5:
            now |= dict([gone.pop()])
        someone = str(random.choice(sorted(now)))
        if what == "left":
            gone.append((someone, now.pop(someone)))
        elif what == "joined":
            now |= dict([somebody()])
        elif what == "swap":
            del now[someone]
            now |= dict([somebody()])
        elif what == "corrected":
            region, sex = now[someone]
            now[someone] = region, "men" if sex == "women" else "women"
        else:
            crowd = LEAVES[int(random.choice(len(LEAVES)))]
            now |= {f"p{next(number)}": crowd for _ in range(14)}
            del now[someone]
        people.append(now)
    return Series(AT_ONCE, people)


@lru_cache(maxsize=SEEDS_A_BLOCK)
def changed_pattern(seed: int) -> Series:
    """A small cell becomes large, so that others need not be blank for its sake; nothing else happens."""
    random = np.random.default_rng([seed, 37])
    weight = random.dirichlet(np.full(len(LEAVES), 0.7))
    places = random.choice(len(LEAVES), int(random.integers(100, 250)), p=weight).tolist()
    people = {f"p{number}": LEAVES[place] for number, place in enumerate(places)}
    sizes = {leaf: list(people.values()).count(leaf) for leaf in LEAVES}
    small = [leaf for leaf, size in sizes.items() if 0 < size < STANDARD.minimum_cell]
    crowd = small[int(random.integers(len(small)))] if small else LEAVES[0]
    return Series(AT_ONCE, [people, people | {f"q{number}": crowd for number in range(20)}])


@lru_cache(maxsize=SEEDS_A_BLOCK)
def changed_threshold(seed: int) -> Series:
    """The same people twice."""
    people = series(seed).people[0]
    return ChangedThreshold(STANDARD, [people, people])


@dataclass(frozen=True, slots=True)
class Sent:
    """A population that an organisation sent, and whether it got a table."""

    organisation: str
    persons: dict[int, str]
    answered: bool


@dataclass(frozen=True, slots=True)
class PopulationsRead:
    """What recipients hold who share: their own populations, and which were answered."""

    policy: DisclosurePolicy
    sent: list[Sent]
    allies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Isolated:
    """A claim: signed tables of answered populations add up to one of these few persons alone."""

    populations: tuple[tuple[int, int], ...]


class Populations:
    """Populations that organisations send one after the other, before the gate of the service."""

    def __init__(self, sent: list[tuple[str, dict[int, str]]], allies: tuple[str, ...]) -> None:
        self.policy, self.sent, self.allies = STANDARD, sent, allies

    def leaks(self, claim: Isolated) -> bool:
        """All were answered, and their signed sum is a few persons, each counted once."""
        weight: dict[tuple[int, str], int] = {}
        for place, sign in claim.populations:
            for person in self.sent[place][1].items():
                weight[person] = weight.get(person, 0) + sign
        left = {person: sign for person, sign in weight.items() if sign}
        persons = {person for person, _ in left}
        return 0 < len(persons) < self.policy.minimum_cell

    @cached_property
    def ours(self) -> PopulationsRead:
        """Asked of the real gate, which knows who shares."""
        return self._asked([self.allies])

    @cached_property
    def allies_not_told(self) -> PopulationsRead:
        """Asked of the real gate, which nobody told of the allies."""
        return self._asked([])

    @cached_property
    def everything_answered(self) -> PopulationsRead:
        """No gate."""
        return PopulationsRead(self.policy, [Sent(who, persons, True) for who, persons in self.sent], self.allies)

    def _asked(self, together: list[tuple[str, ...]]) -> PopulationsRead:
        with tempfile.TemporaryDirectory() as name:
            gate = Gate(Path(name), together)
            answers = [Sent(who, persons, gate.answers(who, persons)) for who, persons in self.sent]
            gate.close()
        return PopulationsRead(self.policy, answers, self.allies)


class Gate:
    """The service's gate on similar populations, over a database of its own."""

    def __init__(self, folder: Path, together: list[tuple[str, ...]]) -> None:
        from linkage_server.runs.similar_populations import SimilarPopulations
        from linkage_server.storage.database import Database

        self.folder, self.orders = folder, 0
        self.database = Database(f"sqlite:///{folder}/state.db")
        self.database.migrate()
        self.gate = SimilarPopulations(self.database, folder, together)

    def close(self) -> None:
        """Let go of the database."""
        self.database.close()

    def answers(self, organisation: str, persons: dict[int, str]) -> bool:
        """Whether a population gets a table; if so, it is remembered as released."""
        order = f"o{self.orders}"
        self.orders += 1
        self._file(order, organisation, persons)
        try:
            self.gate.refuse(order, SimpleNamespace(policy=STANDARD, earlier=()))
        except DisclosureRefused:
            self._end(order, "failed")
            return False
        self._end(order, "released")
        return True

    def _file(self, order: str, organisation: str, persons: dict[int, str]) -> None:
        import hashlib

        from linkage_server.intake.population_store import write_population
        from linkage_server.intake.pseudonymise import HashedPopulation
        from linkage_server.storage.database import now
        from linkage_server.storage.tables import OrderRow, OrganisationRow, PopulationRow

        who = sorted(persons)
        ids = pa.array([number.to_bytes(16, "big") for number in who], HASHED_ID)
        strata = {"hospital": pa.array([persons[number] for number in who]).dictionary_encode()}
        hashed = HashedPopulation(
            Population(hashed_ids=ids, index_date=None, strata=strata), len(who), {}, date(2026, 1, 1), 1
        )
        path = self.folder / f"{order}.arrow"
        with path.open("wb") as file:
            write_population(hashed, file)
        with self.database.transaction() as session:
            if session.get(OrganisationRow, organisation) is None:
                session.add(OrganisationRow(organisation=organisation, title="", created_at=now(session)))
                session.flush()
            session.add(OrderRow(
                order_id=order, organisation=organisation, document="", document_sha256=order, title="", purpose="",
                state="running", etag=order, policy="", policy_sha256="",
                created_at=now(session), updated_at=now(session),
            ))  # fmt: skip
            session.flush()
            session.add(PopulationRow(
                order_id=order, upload_id=order, file=path.name, sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
                rows=len(who), linkable=len(who), not_linkable={}, strata={"hospital": 3},
                reference_date=date(2026, 1, 1), has_index_date=False, pepper_version=1, manifest_sha256=order,
                accepted_at=now(session),
            ))  # fmt: skip

    def _end(self, order: str, state: str) -> None:
        from linkage_server.storage.tables import OrderRow

        with self.database.transaction() as session:
            session.get_one(OrderRow, order).state = state


def drawn_persons(random: np.random.Generator, first: int, many: int) -> dict[int, str]:
    """Persons by number, with a hospital each."""
    return {number: f"H{random.integers(3)}" for number in range(first, first + many)}


@lru_cache(maxsize=SEEDS_A_BLOCK)
def populations(seed: int) -> Populations:
    """A population; the same without a few; with a few more; with a few in another hospital; by an ally."""
    random = np.random.default_rng([seed, 29])
    everybody = drawn_persons(random, 0, int(random.integers(60, 120)))
    few = random.choice(sorted(everybody), int(random.integers(1, STANDARD.minimum_cell)), replace=False).tolist()
    subset = {who: place for who, place in everybody.items() if who not in few}
    more = everybody | drawn_persons(random, 1000, len(few))
    changed = everybody | {who: "H0" if everybody[who] != "H0" else "H1" for who in few}
    rest = [("north", one) for one in (subset, more, changed)] + [("south", one) for one in (subset, more, changed)]
    return Populations(
        [("north", everybody), *(rest[i] for i in random.permutation(len(rest)).tolist())], ("north", "south")
    )


@lru_cache(maxsize=SEEDS_A_BLOCK)
def trackers(seed: int) -> Populations:
    """Four populations that differ much from each other, of which a signed sum is one person."""
    random = np.random.default_rng([seed, 31])
    groups = [drawn_persons(random, 100 * i, int(random.integers(30, 60))) for i in range(4)]
    someone = drawn_persons(random, 900, 1)
    sent = [groups[0] | groups[1], groups[0] | groups[2], groups[1] | groups[3], groups[2] | groups[3] | someone]
    return Populations([("north", one) for one in sent], ("north",))


@lru_cache(maxsize=SEEDS_A_BLOCK)
def parted(seed: int) -> Populations:
    """A population and two parts of it, which leave out a few."""
    random = np.random.default_rng([seed, 41])
    one, other = (drawn_persons(random, 100 * i, int(random.integers(50, 90))) for i in range(2))
    few = drawn_persons(random, 900, int(random.integers(1, STANDARD.minimum_cell)))
    return Populations([("north", sent) for sent in (one | other | few, one, other)], ("north",))

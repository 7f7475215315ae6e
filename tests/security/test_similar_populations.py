"""Two tables of populations that differ by a few persons are never both computed for one recipient."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from linkage_client import Linkage
from linkage_client.home import ClientHome
from linkage_core.events import HASHED_ID, Population
from linkage_server.access.permits import Role
from linkage_server.demo.test_numbers import read_test_numbers
from linkage_server.runs.similar_populations import persons_apart
from tests.support.loaded_service import LoadedService
from tests.support.orders import order_text

PERSONS = 120
ENDED = {"awaiting_release", "failed"}


def population(persons: list[int], hospital: list[str | None], index: list[date | None] | None = None) -> Population:
    order = sorted(range(len(persons)), key=persons.__getitem__)
    persons, hospital = [persons[row] for row in order], [hospital[row] for row in order]
    ids = pa.array([number.to_bytes(16, "big") for number in persons], HASHED_ID)
    days = None if index is None else pa.array(index, pa.date32())
    return Population(hashed_ids=ids, index_date=days, strata={"hospital": pa.array(hospital).dictionary_encode()})


def test_persons_of_one_population_alone_are_apart() -> None:
    one = population([1, 2, 3], ["a", "a", "b"])
    assert persons_apart(one, one) == 0
    assert persons_apart(one, population([1, 2, 4], ["a", "a", "b"])) == 2
    assert persons_apart(one, population([1, 2], ["a", "a"])) == 1


def test_a_person_whose_facts_changed_is_apart_once() -> None:
    one = population([1, 2, 3], ["a", "a", None], [date(2024, 1, 1)] * 3)
    assert persons_apart(one, population([1, 2, 3], ["a", "a", None], [date(2024, 1, 1)] * 3)) == 0
    assert persons_apart(one, population([1, 2, 3], ["a", "b", None], [date(2024, 1, 1)] * 3)) == 1
    assert persons_apart(one, population([1, 2, 3], ["a", "b", "a"], [date(2024, 1, 2), None, date(2024, 1, 1)])) == 3
    # What only one of them tells is no difference.
    assert persons_apart(one, population([1, 2, 3], ["a", "a", None])) == 0


@pytest.mark.parametrize("seed", range(5))
def test_as_many_are_apart_as_sets_say(seed: int) -> None:
    random = np.random.default_rng(seed)
    ours, theirs = ({int(i): str(random.integers(3)) for i in random.integers(0, 60, 40)} for _ in range(2))
    changed = sum(ours.get(i) != theirs.get(i) for i in ours.keys() | theirs.keys())
    assert (
        persons_apart(population(list(ours), list(ours.values())), population(list(theirs), list(theirs.values())))
        == changed
    )


class Recipient:
    """An organisation that orders the same table again and again."""

    def __init__(self, service: LoadedService, home: ClientHome, folder: Path) -> None:
        self.service, self.home, self.folder = service, home, folder
        self.orders = 0

    def order(self, rows: list[int], *, moved: int = 0) -> tuple[str, str]:
        """State and reason of an order on some of the made-up persons; `moved` of them changed hospital."""
        self.orders += 1
        numbers = read_test_numbers()[20_000:21_000]
        lines = ["personnummer;index_date;hospital"]
        for place, row in enumerate(rows):
            hospital = row % 2 if place >= moved else 1 - row % 2
            lines.append(f"{numbers[row]};{date(2024, 6, 1) + timedelta(row % 200)};Hospital {hospital}")
        file = self.folder / f"population{self.orders}.csv"
        file.write_text("\n".join(lines) + "\n")
        document = self.folder / "order.toml"
        document.write_text(
            order_text(
                indicators=[
                    {"set": "swedeheart-secondary-prevention", "version": "1.0.0", "only": ["statin_initiation"]}
                ],
                registers=["lmed", "par_sv", "dors"],
                title=f"Order {self.orders} of {self.folder.name}"[:80],
            )
        )
        with Linkage(self.home.root) as linkage:
            name = linkage.submit(document, file).order.name
        self.service.wait_until(name, {"awaiting_approval"})
        self.service.approve(name)
        state = self.service.wait_until(name, ENDED)
        return state, self.service.service.order_book.get(self.service.person(Role.OFFICER), name).reason


def test_a_population_without_one_person_is_refused_and_the_refusal_tells_nothing(
    running: LoadedService, tmp_path: Path
) -> None:
    home = running.enrol(tmp_path / "north", organisation="north")
    recipient = Recipient(running, home, tmp_path)
    everybody = list(range(PERSONS))
    assert recipient.order(everybody)[0] == "awaiting_release"
    state, reason = recipient.order(everybody[1:])
    assert state == "failed"
    assert "too similar to that of an earlier order" in reason
    assert recipient.order(everybody, moved=3)[1] == reason
    # The same people, or enough others, are no difference that tells of few.
    assert recipient.order(everybody)[0] == "awaiting_release"
    assert recipient.order(list(range(5, PERSONS + 5)))[0] == "awaiting_release"
    # Another recipient is not told that somebody has such a population.
    other = Recipient(running, running.enrol(tmp_path / "south", organisation="south"), tmp_path)
    assert other.order(everybody[1:])[0] == "awaiting_release"

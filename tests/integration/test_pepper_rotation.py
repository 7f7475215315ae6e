"""After a rotation, populations hashed from identity numbers meet rows loaded before it and after it."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from typer.testing import CliRunner

from linkage.errors import StateConflict
from linkage_core.events import Population, join_ids, split_ids
from linkage_core.join import join_events
from linkage_core.pepper_chain import pseudonymise_through
from linkage_core.pseudonyms import Pepper
from linkage_server.commands_register import register_app
from linkage_server.demo.test_numbers import read_test_numbers
from linkage_server.keys.key_ring import KeyRing
from linkage_server.operations.home import HomeFolder
from linkage_server.registers.follow_peppers import follow_peppers
from linkage_server.registers.history import NumberHistoryStore
from linkage_server.registers.store import RegisterStore
from linkage_server.settings import DEFAULT_SETTINGS

PEPPERS = [Pepper(version, bytes([version]) * 32) for version in (1, 2, 3)]
NUMBERS = read_test_numbers()[:6]
DAY = date(2025, 1, 1)


def hashed(numbers: list[str], version: int) -> pa.FixedSizeBinaryArray:
    return pseudonymise_through(pa.array(numbers), reference_date=DAY, peppers=PEPPERS[:version]).hashed_ids


def load(store: RegisterStore, numbers: list[str], *, version: int, name: str) -> None:
    with store.begin_load(
        "lmed",
        definition_sha256="x",
        date_column="day",
        pepper_version=version,
        delivery_name=name,
        content_sha256=name,
    ) as session:
        rows = pa.record_batch({"day": pa.array([DAY] * len(numbers)), "delivery": pa.array([name] * len(numbers))})
        session.add(hashed(numbers, version), rows)
        session.publish()


def deliveries_of(
    store: RegisterStore, history: NumberHistoryStore, numbers: list[str], version: int
) -> list[list[str]]:
    ids = hashed(numbers, version)
    high, low = split_ids(ids)
    order = np.lexsort((low, high))
    found = join_events(
        Population(ids.take(pa.array(order))), store.partitions(store.current("lmed")), history=history.read()
    )
    names = found.rows["delivery"].to_pylist()
    by_person = [names[first:last] for first, last in zip(found.offsets, found.offsets[1:], strict=False)]
    return [by_person[place] for place in np.argsort(order).tolist()]


def test_a_population_meets_rows_of_before_and_after_two_rotations(tmp_path: Path) -> None:
    store, history = RegisterStore(tmp_path), NumberHistoryStore(tmp_path / "number-history")
    load(store, NUMBERS[:3], version=1, name="before")
    history.add(hashed(NUMBERS[:1], 1), hashed(NUMBERS[5:], 1), pepper_version=1)
    assert follow_peppers(store, history, peppers=PEPPERS) == {"lmed": 2}
    assert follow_peppers(store, history, peppers=PEPPERS) == {}
    load(store, NUMBERS[1:4], version=3, name="after")
    assert deliveries_of(store, history, NUMBERS[1:], 3) == [
        ["before", "after"],
        ["before", "after"],
        ["after"],
        [],
        ["before"],  # under her former number
    ]
    assert deliveries_of(store, history, NUMBERS, 2) == [[]] * 6


def test_a_register_that_was_not_moved_takes_no_delivery_under_the_new_pepper(tmp_path: Path) -> None:
    store = RegisterStore(tmp_path)
    load(store, NUMBERS, version=1, name="before")
    with pytest.raises(StateConflict, match="Re-hash the register first"):
        load(store, NUMBERS, version=2, name="after")


def test_an_operator_rotates_with_one_command_and_may_run_it_again(tmp_path: Path) -> None:
    home = HomeFolder.create(tmp_path / "home", settings=DEFAULT_SETTINGS)
    ring = KeyRing.create(home.keys)
    store, history = RegisterStore(home.store), NumberHistoryStore(home.store / "number-history")
    first = pseudonymise_through(pa.array(NUMBERS), reference_date=DAY, peppers=ring.peppers()).hashed_ids
    with store.begin_load(
        "lmed", definition_sha256="x", date_column="day", pepper_version=1, delivery_name="a", content_sha256="a"
    ) as session:
        session.add(first, pa.record_batch({"day": pa.array([DAY] * len(NUMBERS))}))
        session.publish()
    history.add(first[:1], first[1:2], pepper_version=1)

    for arguments, moved in ((["--new-pepper"], 1), ([], 0)):
        ran = CliRunner().invoke(register_app, ["rehash", "--home", str(home.root), "--json", *arguments])
        assert ran.exception is None
        assert json.loads(ran.stdout) == [{"register": "lmed", "pepper version": 2, "versions moved": moved}]
    now = pseudonymise_through(pa.array(NUMBERS), reference_date=DAY, peppers=ring.peppers()).hashed_ids
    (partition,) = store.partitions(store.current("lmed"))
    assert set(join_ids(partition.keys_hi, partition.keys_lo).to_pylist()) == set(now.to_pylist())
    assert history.read().old.equals(now[:1])

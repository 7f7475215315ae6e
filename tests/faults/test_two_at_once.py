"""Two processes at one register at once: two writers, or a reader of a snapshot that is retired under its hands."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from linkage.errors import LinkageError, NotFound, StateConflict
from linkage_server.registers.store import RegisterStore
from tests.faults.operations import FIRST, LEFT, OPERATIONS, PERSONS, SECOND, THIRD, store_in
from tests.reference.join import rows_by_person
from tests.support.register_loads import Line, events, load, rows_of

ROUNDS = 6


def answer(*deliveries: list[Line]) -> str:
    return repr(rows_by_person(PERSONS, deliveries))


def beside(*deeds: Callable[[RegisterStore], object], folder: Path) -> list[int]:
    """Exit statuses of processes that do these at once: 0 done, 1 refused as being written, another where it broke."""
    children = []
    for deed in deeds:
        child = os.fork()
        if child == 0:
            status = 2
            try:
                deed(store_in(folder))
                status = 0
            except StateConflict:
                status = 1
            finally:
                os._exit(status)
        children.append(child)
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[RegisterStore]:
    made = store_in(tmp_path)
    load(made, FIRST)
    yield made
    made.sweep()
    for line in made.snapshots("lmed"):
        made.verify(made.snapshot("lmed", line.snapshot_id))


def test_of_two_loads_at_once_each_is_stored_or_refused(store: RegisterStore) -> None:
    deliveries = {"second": SECOND, "third": THIRD}
    ended = beside(
        *(lambda store, name=name: load(store, deliveries[name], name=name) for name in deliveries), folder=store.folder
    )
    assert set(ended) <= {0, 1}
    for name, status in zip(deliveries, ended, strict=True):
        if status == 1:
            load(store, deliveries[name], name=name)
    assert {delivery.name for delivery in store.current("lmed").deliveries} == {"first", "second", "third"}
    assert store.current("lmed").rows == len(FIRST) + len(SECOND) + len(THIRD)


@pytest.mark.parametrize("name", ["a compaction", "hiding and erasing", "a re-hash", "forgetting snapshots"])
def test_a_load_beside_other_work_loses_neither(store: RegisterStore, name: str) -> None:
    load(store, SECOND, name="second")
    act = OPERATIONS[name].act
    for turn in range(ROUNDS):
        version = store.current("lmed").pepper_version
        ended = beside(
            lambda store, turn=turn, version=version: load(store, THIRD, name=f"{turn}", pepper_version=version),
            act,
            folder=store.folder,
        )
        assert set(ended) <= {0, 1}, ended
        if ended[0] == 1:
            load(store, THIRD, name=f"{turn}", pepper_version=store.current("lmed").pepper_version)
        if ended[1] == 1:
            act(store)
    erased = name == "hiding and erasing"
    added = [[line for line in THIRD if not (erased and line[0] == PERSONS[1])]] * ROUNDS
    served = repr(rows_of(events(store, PERSONS)))
    if not erased:
        assert served == answer(FIRST, SECOND, *added)
    else:
        # What was delivered after an erasure stays; the last one may have come before or after it.
        hers = rows_of(events(store, [PERSONS[1]]))[0]
        others = [one for one in PERSONS if one != PERSONS[1]]
        assert repr(rows_of(events(store, others))) == repr(rows_by_person(others, [*LEFT, *added]))
        assert all(row["atc"].startswith("C") for row in hers)


def test_a_snapshot_that_is_open_is_read_on_after_it_was_retired(store: RegisterStore) -> None:
    pinned = store.current("lmed")
    opened = store.partitions(pinned)
    load(store, THIRD, name="third", replace=True)
    store.forget("lmed", keep=set())
    assert [partition.rows.num_rows for partition in opened] == [len(FIRST)]
    assert sorted(row["packages"] or 0 for row in opened[0].rows.to_pylist()) == sorted(
        row["packages"] or 0 for _, row in FIRST
    )
    with pytest.raises(NotFound, match="forgotten"):
        store.partitions(pinned)


def test_readers_beside_retirement_get_a_whole_snapshot_or_hear_that_it_is_gone(store: RegisterStore) -> None:
    expected = {answer(FIRST), answer(THIRD)}

    def read(store: RegisterStore) -> None:
        for _ in range(60):
            try:
                assert repr(rows_of(events(store, PERSONS))) in expected
            except NotFound:
                continue  # retired between being named and being opened; the reader asks again
            except LinkageError as refusal:
                raise AssertionError(refusal.message) from refusal

    def retire(store: RegisterStore) -> None:
        for turn in range(10):
            load(store, THIRD if turn % 2 == 0 else FIRST, name=f"{turn}", replace=True)
            store.forget("lmed", keep=set())

    assert beside(read, retire, read, folder=store.folder) == [0, 0, 0]

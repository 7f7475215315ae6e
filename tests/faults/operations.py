"""What is disturbed: every way of writing to a register, each on a store that is made the same way each time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np

from linkage_core.events import Int64s, RegisterPartition, join_ids
from linkage_server.registers.store import RegisterStore
from tests.support.partitions import person
from tests.support.register_loads import Line, load

# Two by two in the same range of ids: what rewrites a register range by range has several steps.
PERSONS = [bytes([number // 2]) + person(number)[1:] for number in range(7)]
Deed = Callable[[RegisterStore], None]


def lines(code: str, *, persons: int, days: int) -> list[Line]:
    """Forty rows; several of a person on one day, and every kind of column with a null somewhere."""
    return [
        (
            PERSONS[number % persons],
            {
                "day": None if number == 39 else date(2024, 1, 1 + number % days),
                "atc": f"{code}{number % 4}",
                "causes": None if number % 5 else [code, "X"],
                "text": None if number % 3 else f"1x{number}",
                "packages": None if number % 7 == 3 else number,
            },
        )
        for number in range(40)
    ]


FIRST = lines("A", persons=5, days=9)
SECOND = lines("B", persons=6, days=7)
THIRD = lines("C", persons=4, days=3)


@dataclass(frozen=True)
class Operation:
    """One way of writing.

    Attributes:
        before: what the store holds when it begins.
        act: what is disturbed; done again after a fault, it must end as if nothing had been.
        rows_before, rows_after: deliveries whose rows are served before and after.
        memory_bytes: 1 lets every batch spill, and every person become a segment.
    """

    before: Deed
    act: Deed
    rows_before: tuple[list[Line], ...]
    rows_after: tuple[list[Line], ...]
    memory_bytes: int = 1 << 30


def store_in(folder: Path, *, memory_bytes: int = 1 << 30) -> RegisterStore:
    """The store of a folder, in which it is always the same moment."""
    return RegisterStore(folder, clock=lambda: datetime(2026, 11, 22, tzinfo=UTC), memory_bytes=memory_bytes)


def _nothing(store: RegisterStore) -> None:
    pass


def _first(store: RegisterStore) -> None:
    load(store, FIRST)


def _second(store: RegisterStore) -> None:
    load(store, SECOND, name="second", lines_at_once=20)


def _third(store: RegisterStore) -> None:
    load(store, THIRD, name="third", replace=True)


def _both(store: RegisterStore) -> None:
    _first(store)
    _second(store)


def _three_snapshots(store: RegisterStore) -> None:
    _both(store)
    _third(store)


def _compact(store: RegisterStore) -> None:
    store.compact("lmed")


def _rehash(store: RegisterStore) -> None:
    store.rehash("lmed", pepper_version=2, map_ids=lambda ids: ids)


def _one_hidden(store: RegisterStore) -> None:
    _both(store)
    store.hide("lmed", find=_find_the_second, reference="2026-1")


def _erase(store: RegisterStore) -> None:
    store.erase_hidden("lmed")


def _hide_and_erase(store: RegisterStore) -> None:
    store.hide("lmed", find=_find_the_second, reference="2026-1")
    store.erase_hidden("lmed")


def _find_the_second(partition: RegisterPartition, pepper_version: int) -> Int64s:
    wanted = join_ids(partition.keys_hi, partition.keys_lo).to_pylist()
    return np.array([place for place, one in enumerate(wanted) if one == PERSONS[1]], np.int64)


def _forget(store: RegisterStore) -> None:
    store.forget("lmed", keep=set())


def without_the_second(delivery: list[Line]) -> list[Line]:
    return [line for line in delivery if line[0] != PERSONS[1]]


LEFT = (without_the_second(FIRST), without_the_second(SECOND))
OPERATIONS = {
    "the first load": Operation(_nothing, _first, (), (FIRST,)),
    "a load": Operation(_first, _second, (FIRST,), (FIRST, SECOND)),
    "a load that spills": Operation(_first, _second, (FIRST,), (FIRST, SECOND), memory_bytes=1),
    "a load that replaces": Operation(_both, _third, (FIRST, SECOND), (THIRD,)),
    "a compaction": Operation(_both, _compact, (FIRST, SECOND), (FIRST, SECOND), memory_bytes=1),
    "a re-hash": Operation(_both, _rehash, (FIRST, SECOND), (FIRST, SECOND), memory_bytes=1),
    "an erasure": Operation(_one_hidden, _erase, LEFT, LEFT, memory_bytes=1),
    "hiding and erasing": Operation(_both, _hide_and_erase, (FIRST, SECOND), LEFT),
    "forgetting snapshots": Operation(_three_snapshots, _forget, (THIRD,), (THIRD,)),
}

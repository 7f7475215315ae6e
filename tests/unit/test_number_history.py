"""Persons whose number changed are one person, whichever number a row or a population names her by."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow as pa
import pytest

from linkage.errors import EventsRejected, InputRefused, NotFound, ServiceUnavailable, StateConflict
from linkage_core.events import HASHED_ID, NumberHistory, Population
from linkage_core.number_history import current_ids, merge_changed_numbers
from linkage_server.registers.history import NumberHistoryStore
from tests.support.partitions import ids, person


def history(*changes: tuple[int, int]) -> NumberHistory:
    return NumberHistory(ids([old for old, _ in changes]), ids([new for _, new in changes]))


def test_changes_are_followed_to_their_end() -> None:
    chain = history((1, 2), (2, 5), (3, 4))
    assert current_ids(ids([1, 2, 5, 3, 7]), chain).equals(ids([5, 5, 5, 4, 7]))


def test_a_circle_is_refused() -> None:
    with pytest.raises(EventsRejected, match="circle"):
        current_ids(ids([1]), history((1, 2), (2, 3), (3, 1)))


def test_an_old_number_with_two_successors_is_refused() -> None:
    with pytest.raises(EventsRejected, match="twice"):
        current_ids(ids([1]), history((1, 2), (1, 3)))


def test_a_population_names_a_person_once_under_her_current_number() -> None:
    population = Population(
        ids([1, 3, 5]),
        index_date=pa.array([date(2024, 1, 1), date(2024, 1, 3), date(2024, 1, 5)]),
        birth_date=pa.array([date(1950, 1, 1)] * 3),
        sex=pa.array([1, 2, 1], pa.uint8()),
        strata={"hospital": pa.array(["Almby", "Norrvik", "Sjöholm"]).dictionary_encode()},
    )
    merged, positions = merge_changed_numbers(population, history((1, 5), (3, 4)))
    assert merged.hashed_ids.equals(ids([4, 5]))
    assert merged.strata["hospital"].to_pylist() == ["Norrvik", "Sjöholm"]
    assert merged.index_date is not None
    assert merged.index_date.to_pylist() == [date(2024, 1, 3), date(2024, 1, 5)]
    assert positions.tolist() == [1, 0, 1]


def test_of_two_former_numbers_the_first_row_stands() -> None:
    population = Population(ids([1, 2]), sex=pa.array([1, 2], pa.uint8()))
    merged, positions = merge_changed_numbers(population, history((1, 6), (2, 6)))
    assert merged.hashed_ids.equals(ids([6]))
    assert merged.sex is not None
    assert merged.sex.to_pylist() == [1]
    assert positions.tolist() == [0, 0]


def test_without_changes_a_population_stays_as_it_is() -> None:
    population = Population(ids([1, 2]))
    merged, positions = merge_changed_numbers(population, history())
    assert merged.hashed_ids.equals(population.hashed_ids)
    assert positions.tolist() == [0, 1]


@pytest.fixture
def store(tmp_path: Path) -> NumberHistoryStore:
    return NumberHistoryStore(tmp_path)


def test_changes_are_kept_and_older_versions_can_be_pinned(store: NumberHistoryStore) -> None:
    assert store.current() is None
    assert len(store.read().old) == 0
    first = store.add(ids([1]), ids([2]), pepper_version=1)
    second = store.add(ids([3, 2, 1]), ids([4, 5, 2]), pepper_version=1)
    assert second.changes == 3
    assert store.current() == second
    assert current_ids(ids([1, 3]), store.read()).equals(ids([5, 4]))
    assert current_ids(ids([1, 3]), store.read(first.version)).equals(ids([2, 3]))


def test_the_same_changes_again_and_a_change_to_itself_change_nothing(store: NumberHistoryStore) -> None:
    first = store.add(ids([1, 1, 7]), ids([2, 2, 7]), pepper_version=1)
    assert (first.changes, store.add(ids([1]), ids([2]), pepper_version=1)) == (1, first)


def test_wrong_changes_are_refused_and_nothing_is_kept_of_them(store: NumberHistoryStore) -> None:
    kept = store.add(ids([1]), ids([2]), pepper_version=1)
    with pytest.raises(InputRefused, match="two different"):
        store.add(ids([1]), ids([3]), pepper_version=1)
    with pytest.raises(EventsRejected, match="circle"):
        store.add(ids([2]), ids([1]), pepper_version=1)
    with pytest.raises(InputRefused, match="both linkable"):
        store.add(pa.array([None], HASHED_ID), ids([1]), pepper_version=1)
    with pytest.raises(StateConflict, match="pepper version 1"):
        store.add(ids([4]), ids([5]), pepper_version=2)
    assert store.current() == kept


def test_the_history_moves_to_a_new_pepper_with_the_registers(store: NumberHistoryStore) -> None:
    def moved(hashed_ids: pa.FixedSizeBinaryArray) -> pa.FixedSizeBinaryArray:
        return pa.array([one[::-1] for one in hashed_ids.to_pylist()], HASHED_ID)

    assert store.rehash(pepper_version=2, map_ids=moved) is None
    store.add(ids([1]), ids([2]), pepper_version=1)
    version = store.rehash(pepper_version=2, map_ids=moved)
    assert version is not None
    assert version.pepper_version == 2
    assert store.read().old.to_pylist() == [person(1)[::-1]]
    assert store.rehash(pepper_version=2, map_ids=moved) == version
    with pytest.raises(StateConflict, match="one version at a time"):
        store.rehash(pepper_version=4, map_ids=moved)


def test_a_damaged_or_unknown_version_is_refused(store: NumberHistoryStore, tmp_path: Path) -> None:
    version = store.add(ids([1]), ids([2]), pepper_version=1).version
    for unknown in ("0" * 64, "../current"):
        with pytest.raises(NotFound):
            store.read(unknown)
    path = tmp_path / "changes" / f"{version}.arrow"
    path.write_bytes(path.read_bytes()[::-1])
    with pytest.raises(ServiceUnavailable, match="damaged"):
        store.read()

"""Files of the release ledger: persons keep their numbers, entries come back whole, and nothing is half written."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import sqlalchemy as sa
from pyroaring import BitMap

from linkage.errors import ServiceUnavailable, StateConflict
from linkage_core.events import HASHED_ID, NumberHistory
from linkage_core.pseudonyms import Pepper
from linkage_core.release_history import CellStates, Members
from linkage_server.ledger.entry_file import Entry, entry_from_bytes, entry_to_bytes
from linkage_server.ledger.person_numbers import LEDGER, PersonNumbers
from linkage_server.storage.database import Database
from linkage_server.storage.tables import PersonNumbersRow

ROOT = Path(__file__).resolve().parents[2]


def ids(*numbers: int) -> pa.FixedSizeBinaryArray:
    return pa.array([number.to_bytes(16, "big") for number in numbers], HASHED_ID)


@pytest.fixture
def persons(database: Database, tmp_path: Path) -> PersonNumbers:
    return PersonNumbers(database, tmp_path)


def numbers(persons: PersonNumbers, *asked: int, history: NumberHistory | None = None, keep: bool = True) -> list[int]:
    found: list[int] = persons.of(ids(*asked), pepper_version=1, history=history, keep=keep).tolist()
    return found


def test_a_person_keeps_her_number_and_new_ones_follow(persons: PersonNumbers) -> None:
    assert numbers(persons, 30, 10, 20) == [0, 1, 2]
    assert numbers(persons, 40, 20, 50, 30) == [3, 2, 4, 0]
    # What is not to be kept is not there the next time.
    assert numbers(persons, 60, keep=False) == [5]
    assert numbers(persons, 70, 60) == [5, 6]


def test_who_got_another_identity_number_keeps_the_first_one(persons: PersonNumbers) -> None:
    assert numbers(persons, 1, 2, 3) == [0, 1, 2]
    history = NumberHistory(ids(1), ids(9))
    assert numbers(persons, 2, 9, history=history) == [1, 0]
    # Two numbers that turn out to be one person's are one number, also in what was written before.
    both = NumberHistory(ids(1), ids(3))
    assert numbers(persons, 3, history=both) == [0]
    unite = persons.unite(pepper_version=1, history=both)
    assert unite(BitMap([1, 2])) == BitMap([0, 1])
    assert persons.unite(pepper_version=1, history=None)(BitMap([1, 2])) == BitMap([1, 2])


def test_the_ledger_follows_peppers_and_keeps_the_numbers(persons: PersonNumbers) -> None:
    peppers = [Pepper(version, bytes([version]) * 32) for version in (1, 2)]
    assert numbers(persons, 1, 2) == [0, 1]
    with pytest.raises(StateConflict, match="pepper version 2"):
        persons.of(ids(5), pepper_version=2, history=None)
    persons.follow(peppers)
    persons.follow(peppers)
    # Nobody is under the new pepper as she was under the old one; both are known.
    assert persons.of(ids(1), pepper_version=2, history=None, keep=False).tolist() == [2]
    assert numbers(persons, 2, 1, keep=False) == [1, 0]
    # The same two under another pepper are nobody else: whoever comes next is the third.
    assert numbers(persons, 7, keep=False) == [2]


@pytest.mark.skipif(os.name != "posix", reason="modes are a thing of POSIX systems")
def test_the_folder_of_persons_is_its_owners_alone(persons: PersonNumbers, tmp_path: Path) -> None:
    numbers(persons, 1)
    assert (tmp_path / LEDGER).stat().st_mode & 0o777 == 0o700


def test_a_damaged_file_of_persons_is_refused_by_name(persons: PersonNumbers, tmp_path: Path) -> None:
    numbers(persons, 1, 2)
    (file,) = (tmp_path / LEDGER).iterdir()
    content = file.read_bytes()
    file.write_bytes(content[:-1] + b"\xff")
    with pytest.raises(ServiceUnavailable, match="persons-0"):
        numbers(persons, 1)
    file.unlink()
    with pytest.raises(ServiceUnavailable, match="backup"):
        numbers(persons, 1)
    file.write_bytes(content)
    assert numbers(persons, 2) == [1]


KILLED_BETWEEN_FILE_AND_ROW = """
import os, signal, sys
from pathlib import Path
from linkage_server.ledger import person_numbers
from linkage_server.storage.database import Database
from tests.unit.test_release_ledger_files import ids
write = person_numbers.write_atomically
def write_and_die(*arguments, **named):
    write(*arguments, **named)
    os.kill(os.getpid(), signal.SIGKILL)
person_numbers.write_atomically = write_and_die
person_numbers.PersonNumbers(Database(sys.argv[1]), Path(sys.argv[2])).of(ids(8, 9), pepper_version=1, history=None)
"""


@pytest.mark.skipif(os.name != "posix", reason="kill -9 is a thing of POSIX systems")
def test_killed_between_file_and_row_nobody_got_a_number(
    persons: PersonNumbers, database: Database, database_url: str, tmp_path: Path
) -> None:
    assert numbers(persons, 1) == [0]
    search = os.pathsep.join(str(ROOT / part) for part in (".", "core", "server", "client"))
    done = subprocess.run(
        [sys.executable, "-c", KILLED_BETWEEN_FILE_AND_ROW, database_url, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": search},
        cwd=ROOT,
        check=False,
        capture_output=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert len(list((tmp_path / LEDGER).iterdir())) == 2
    with database.transaction() as session:
        persons.sweep(session)
        assert session.scalar(sa.select(sa.func.count()).select_from(PersonNumbersRow)) == 1
    assert len(list((tmp_path / LEDGER).iterdir())) == 1
    assert numbers(persons, 9, 1) == [1, 0]


def entry() -> Entry:
    members = Members(
        {"population": (BitMap([0, 1, 70_000]),), "x/yes": (BitMap([1]), BitMap(), BitMap([1]))},
        {"population": ("", ()), "x/yes": ("year", ("2024", "2025"))},
        {"sex": {"man": BitMap([0, 1]), "woman": BitMap([70_000])}},
    )
    some = np.array([3, 2, 1], dtype=np.int64)
    states = CellStates(
        {"sex": ("man", "woman")},
        (("population", ()), ("population", ("sex",))),
        ("a-1", "b-1"),
        some,
        np.array([3, 0, 1], dtype=np.int64),
        np.array([0, -1, 1], dtype=np.int64),
        np.array([True, False, True]),
        np.array([False, True, False]),
    )
    return Entry(members, states, "95-100 %")


def test_an_entry_comes_back_whole_and_its_bytes_are_the_same() -> None:
    written = entry_to_bytes(entry())
    assert written == entry_to_bytes(entry())
    read = entry_from_bytes(written)
    assert read.members == entry().members
    assert read.match_rate_band == "95-100 %"
    assert entry_to_bytes(read) == written
    assert read.states.names == ("a-1", "b-1")
    assert read.states.blank.tolist() == [False, True, False]
    assert read.members.knows("x/yes", ("sex", "year"))
    assert not read.members.knows("x/yes", ("region",))

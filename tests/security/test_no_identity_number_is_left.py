"""Promise 1: after the demo and the tests, no file, log, database or temporary folder holds an identity number."""

from __future__ import annotations

import csv
import hashlib
import hmac
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from linkage_server.demo.made_up_registers import MadeUpRegisters
from linkage_server.demo.test_numbers import read_test_numbers
from linkage_server.keys.key_ring import KeyRing
from tests.support.identity_search import IdentitySearch
from tests.support.loaded_service import PYTHONPATH

HASHES: tuple[Callable[[bytes], bytes], ...] = (
    lambda text: hashlib.md5(text).digest(),
    lambda text: hashlib.sha1(text).digest(),
    lambda text: hashlib.sha256(text).digest(),
    lambda text: hashlib.sha512(text).digest(),
    lambda text: hashlib.sha3_256(text).digest(),
    lambda text: hashlib.blake2b(text).digest(),
)
CONSTANTS_TRIED = 1_500


@pytest.fixture(scope="module")
def search() -> IdentitySearch:
    return IdentitySearch(read_test_numbers())


def test_the_demo_leaves_no_identity_number_anywhere(search: IdentitySearch, tmp_path: Path) -> None:
    demo, temporary, home = (tmp_path / name for name in ("demo", "temporary", "home"))
    temporary.mkdir()
    home.mkdir()
    command = [sys.executable, "-m", "linkage_server", "demo", "--to", str(demo), "--dispensings", "50000"]
    environment = {**os.environ, "PYTHONPATH": PYTHONPATH, "TMPDIR": str(temporary), "HOME": str(home)}
    done = subprocess.run(command, env=environment, check=False, capture_output=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr.decode()
    assert search.in_bytes(done.stdout + done.stderr, name="what the demo printed") == []
    assert search.in_folder(tmp_path) == []
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"demo", "temporary", "home"}
    assert (demo / "results" / "report.html").exists()
    assert list(temporary.iterdir()) == []


def test_the_services_of_the_other_tests_leave_none_either(
    search: IdentitySearch,
    loaded_home: tuple[Path, MadeUpRegisters],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    homes = sorted({*_homes(tmp_path_factory.getbasetemp()), loaded_home[0]})
    assert homes
    for home in homes:
        assert search.in_folder(home) == [], home


def _homes(base: Path) -> Iterator[Path]:
    """Home folders of services and of clients that tests have made in this session."""
    for pattern in ("*/settings.toml", "*/*/settings.toml", "*/enrolment-request.json", "*/*/enrolment-request.json"):
        yield from (path.parent for path in base.glob(pattern) if path.parent.parent.name != "inputs")


def test_without_the_pepper_no_stored_id_can_be_computed_from_a_number(
    loaded_home: tuple[Path, MadeUpRegisters], made: MadeUpRegisters
) -> None:
    home = loaded_home[0]
    stored = _stored_ids(home)
    with made.population.open() as file:
        numbers = [re.sub(r"\D", "", row["personnummer"]).encode() for row in csv.DictReader(file)]
    pepper = KeyRing(home / "keys").pepper()
    with_it = {hmac.digest(pepper.key, number, "sha256")[:16] for number in numbers}
    assert len(with_it & stored) > 0.9 * len(with_it), "the attack would find the ids if it had the key"
    every_number = [number.encode() for number in read_test_numbers()]
    for function in HASHES:
        assert not {_cut(function(form)) for number in every_number for form in (number, number[2:])} & stored
    constants = _constants(home)
    assert len(constants) > 100
    for constant in constants:
        assert not {hmac.digest(constant, number, "sha256")[:16] for number in numbers[:100]} & stored
    assert not any(pepper.key in path.read_bytes() for path in _files_without_keys(home))


def _cut(digest: bytes) -> bytes:
    return digest[:16]


def _stored_ids(home: Path) -> set[bytes]:
    """The hashed ids of every register, 16 bytes each."""
    ids: set[bytes] = set()
    for path in (home / "store").glob("*/segments/*/persons.arrow"):
        table = pa.ipc.open_file(path).read_all()
        pairs = np.stack([table.column("hi").to_numpy(), table.column("lo").to_numpy()], axis=1)
        ids.update(pair.tobytes() for pair in pairs.astype(">u8"))
    return ids


def _files_without_keys(home: Path) -> Iterator[Path]:
    for path in sorted(home.rglob("*")):
        if path.is_file() and "keys" not in path.relative_to(home).parts:
            yield path


def _constants(home: Path) -> list[bytes]:
    """Words and hexadecimal strings that lie about in the home folder; the keys' folder is what an attacker lacks."""
    found: dict[bytes, None] = {}
    for path in _files_without_keys(home):
        if path.stat().st_size < 300_000:
            words = re.findall(rb"[\w@.:-]{4,128}", path.read_bytes())
            found |= dict.fromkeys(words[:300])
            found |= dict.fromkeys(
                bytes.fromhex(word.decode()) for word in words[:300] if re.fullmatch(rb"([0-9a-f]{2}){8,64}", word)
            )
    return list(found)[:CONSTANTS_TRIED]

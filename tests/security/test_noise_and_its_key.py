"""Attacks on noise by cell key: asking again, adding up, other tables and registers, the key; and what it lets out."""

from __future__ import annotations

import base64
import hmac
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from linkage.errors import InputRefused, LinkageError
from linkage_core.perturbation.cell_keys import NoiseKey, cell_keys, record_keys
from linkage_core.perturbation.noise_table import count_table
from linkage_core.perturbation.perturb_counts import perturb_counts
from linkage_server.demo.test_numbers import read_test_numbers
from linkage_server.keys.key_ring import KeyRing
from linkage_server.lab.protect import protect_file
from tests.support.perturbed_tables import (
    AGES,
    LEAVES,
    Person,
    home_of,
    layout_of,
    made_up_persons,
    noise_policy,
    protect_persons,
    write_table,
)

KEY = NoiseKey(1, 1, bytes(range(32)))
TABLE = count_table(bound=5, variance=3, never_up_to=2)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return home_of(tmp_path_factory.mktemp("noise") / "home")


def ids_of(persons: int) -> pa.FixedSizeBinaryArray:
    random = np.random.default_rng(persons)
    return pa.array([random.bytes(16) for _ in range(persons)], pa.binary(16))


def printed(ids: pa.FixedSizeBinaryArray, cell: np.ndarray, *, size: int, key: NoiseKey = KEY) -> np.ndarray:
    counts, sums = cell_keys(cell, np.arange(len(ids)), record_keys(ids, key), size=size)
    return perturb_counts(counts, sums, TABLE)


def test_asking_36_times_tells_what_asking_once_does(home: Path, tmp_path: Path) -> None:
    persons = made_up_persons(3)
    answers = [
        protect_persons(tmp_path / str(month), persons[month:] + persons[:month], noise_policy(), home)
        for month in range(36)
    ]
    assert all(answer == answers[0] for answer in answers)


def test_the_same_persons_get_the_same_noise_in_every_table_and_register(home: Path, tmp_path: Path) -> None:
    young = [one for one in made_up_persons(4) if one[1] == "young" and one[0].startswith("01")]
    # In another table the same persons are the old ones of the south, and the whole table.
    moved: list[Person] = [("0201", "old", who) for _, _, who in young]
    one = protect_persons(tmp_path / "one", young + made_up_persons(9), noise_policy(minimum_population=10), home)
    other = protect_persons(tmp_path / "other", moved, noise_policy(minimum_population=10), home)
    alone = protect_persons(tmp_path / "alone", young, noise_policy(minimum_population=10), home)
    assert len({other["0201", "old"]["n"], other["SE", "all"]["n"], alone["north", "young"]["n"]}) == 1
    assert alone["SE", "all"]["n"] == alone["north", "all"]["n"]
    assert one["SE", "all"]["n"] > alone["SE", "all"]["n"]


def test_totals_minus_parts_do_not_give_a_part_exactly() -> None:
    # One hundred tables of a total and two parts: the total less the other part against the truth.
    random = np.random.default_rng(1)
    right = 0
    for _ in range(400):
        size = int(random.integers(3, 10))
        ids = ids_of(60 + size)
        part = printed(ids, (np.arange(60 + size) >= 60).astype(np.int64), size=2)
        total = printed(ids, np.zeros(60 + size, np.int64), size=1)
        right += int(total[0] - part[0] == size)
    # Variance 6 leaves about a sixth of the differences at 0.
    assert right < 400 / 4


def test_a_list_of_everybodys_ids_computes_no_key_without_the_secret(home: Path, tmp_path: Path) -> None:
    persons = made_up_persons(6)
    cells = protect_persons(tmp_path / "t", persons, noise_policy(), home)
    ring = KeyRing(home / "keys")
    guesses = {
        "no key": NoiseKey(1, 1, bytes(32)),
        "the pepper": NoiseKey(1, 1, ring.pepper().key),
        "derived from the pepper": NoiseKey(1, 1, hmac.digest(ring.pepper().key, b"noise", "sha256")),
    }
    for name, guess in guesses.items():
        wrong = 0
        for region, age in product(LEAVES, AGES):
            own = pa.array([bytes.fromhex(who) for r, a, who in persons if (r, a) == (region, age)], pa.binary(16))
            found = printed(own, np.zeros(len(own), np.int64), size=1, key=guess)
            wrong += int(found[0] != cells[region, age]["n"])
        assert wrong, name
    found = printed(
        pa.array([bytes.fromhex(who) for *_, who in persons], pa.binary(16)), np.zeros(len(persons), np.int64), size=1,
        key=ring.noise_key(1),
    )  # fmt: skip
    assert found[0] == cells["SE", "all"]["n"]


def test_a_month_with_one_person_less_is_told_by_noise_which_is_why_it_is_refused_for_series() -> None:
    # What the decision page says: cells that did not lose her print the same number, bit for bit.
    ids = ids_of(200)
    cell = np.arange(200) % 8
    before = printed(ids, cell, size=8)
    stays = np.arange(200) != 77
    after = printed(ids.filter(pa.array(stays)), cell[stays], size=8)
    moved = np.flatnonzero(before != after)
    assert set(moved.tolist()) <= {77 % 8}


def forms_of(key: bytes) -> Iterator[bytes]:
    yield key
    yield base64.b64encode(key)
    yield key.hex().encode()
    yield repr(key).encode()
    yield str(int.from_bytes(key, "big")).encode()


def test_the_key_is_in_no_file_message_or_log_but_its_own(
    home: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    key = KeyRing(home / "keys").noise_key(1).key
    table, layout, who = write_table(tmp_path / "t", made_up_persons(8), layout_of())
    protect_file(noise_policy(), table, layout=layout, out=tmp_path / "out", contributions=who, home=home)
    told = []
    who.write_text("region,age,contributor\n")
    for version in (1, 2):
        with pytest.raises(LinkageError) as refused:
            protect_file(
                noise_policy(key_version=version), table, layout=layout, out=tmp_path / "none",
                contributions=who, home=home,
            )  # fmt: skip
        told.append(f"{refused.value!r} {refused.value} {refused.value.facts}")
    shown = capfd.readouterr()
    heard = "".join([*told, shown.out, shown.err, caplog.text]).encode()
    places = [path for folder in (tmp_path, home) for path in folder.rglob("*") if path.is_file()]
    assert any(path.name == "noise-1.key" for path in places)
    for form in forms_of(key):
        assert form not in heard
        assert not [path for path in places if path.name != "noise-1.key" and form in path.read_bytes()]


def test_identity_numbers_in_place_of_hashed_ids_are_refused_by_row(home: Path, tmp_path: Path) -> None:
    number = read_test_numbers()[0]
    persons = made_up_persons(8)
    persons[3] = (*persons[3][:2], number)
    with pytest.raises(InputRefused, match="row 4: contributor is an identity number") as refused:
        protect_persons(tmp_path / "t", persons, noise_policy(), home)
    assert number not in str(refused.value)


def test_no_record_or_cell_key_is_in_a_result(home: Path, tmp_path: Path) -> None:
    persons = made_up_persons(8)
    protect_persons(tmp_path / "t", persons, noise_policy(), home)
    keys = record_keys(
        pa.array([bytes.fromhex(who) for *_, who in persons], pa.binary(16)), KeyRing(home / "keys").noise_key(1)
    )
    total = int(keys.sum())
    for path in (tmp_path / "t" / "out").iterdir():
        text = path.read_bytes()
        assert not [one for one in (*keys.tolist(), total) if str(one).encode() in text], path.name


def test_a_damaged_key_is_refused_and_what_is_left_of_it_is_not_repeated(home: Path, tmp_path: Path) -> None:
    own = home_of(tmp_path / "own")
    file = own / "keys" / "noise-1.key"
    document = json.loads(file.read_text())
    document["key"] = base64.b64encode(b"\x01" * 32).decode()
    file.write_text(json.dumps(document))
    run = subprocess.run(
        [sys.executable, "-m", "linkage_server", *_arguments(tmp_path, own)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == InputRefused.exit_code
    assert "damaged" in run.stdout + run.stderr
    assert document["key"] not in run.stdout + run.stderr
    assert document["check"] not in run.stdout + run.stderr


def _arguments(folder: Path, home: Path) -> list[str]:
    table, layout, who = write_table(folder / "t", made_up_persons(2), layout_of())
    policy = folder / "policy.toml"
    policy.write_text(
        'id = "open"\nversion = "1.0.0"\n[title]\nsv = "Brus"\nen = "Noise"\n[description]\nsv = "Brus"\nen = "Noise"\n'
        '[mechanism.noise]\nbound = 5\nvariance = 3\nkey_version = 1\nmonth_to_month = "not_protected"\n'
    )
    return [
        "lab", "protect", str(policy), str(table), "--layout", str(layout), "--contributions", str(who),
        "--out", str(folder / "out"), "--home", str(home),
    ]  # fmt: skip

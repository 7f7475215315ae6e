"""The key ring: made once, readable by its owner only, rotated by adding, and never silently wrong."""

from __future__ import annotations

import contextlib
import stat
from pathlib import Path

import pyarrow as pa
import pytest

from linkage.errors import Conflict, InputRefused, NotFound
from linkage_core.pepper_chain import next_ids, pseudonymise_through
from linkage_core.pseudonyms import Pepper
from linkage_server.demo.test_numbers import read_test_numbers
from linkage_server.keys.key_ring import KeyRing
from linkage_server.keys.pepper_file import fingerprint, load_pepper, save_pepper
from tests.support.dates import REFERENCE_DATE


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    return KeyRing.create(tmp_path / "keys")


def test_every_key_file_is_for_its_owner_only(ring: KeyRing, tmp_path: Path) -> None:
    ring.rotate_pepper()
    ring.rotate_envelope_key()
    files = sorted((tmp_path / "keys").iterdir())
    assert [file.name for file in files] == [
        "envelope-1.pem",
        "envelope-2.pem",
        "noise-1.key",
        "pepper-1.key",
        "pepper-2.key",
        "release-signing.pem",
    ]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700


def test_a_ring_is_not_made_twice(ring: KeyRing, tmp_path: Path) -> None:
    before = ring.pepper()
    with pytest.raises(Conflict):
        KeyRing.create(tmp_path / "keys")
    assert ring.pepper() == before


def test_two_rings_share_no_key(tmp_path: Path) -> None:
    one, other = KeyRing.create(tmp_path / "one"), KeyRing.create(tmp_path / "other")
    assert one.pepper().key != other.pepper().key
    assert one.envelope_key().key_id != other.envelope_key().key_id
    assert one.release_signing_key().key_id != other.release_signing_key().key_id


def test_rotation_adds_a_pepper_and_keeps_the_old_ones(ring: KeyRing) -> None:
    first = ring.pepper()
    second = ring.rotate_pepper()
    assert (first.version, second.version) == (1, 2)
    assert first.key != second.key
    assert ring.pepper() == second
    assert ring.pepper(1) == first
    assert ring.peppers() == [first, second]


def test_what_is_re_hashed_after_a_rotation_is_what_a_population_is_hashed_to(ring: KeyRing) -> None:
    numbers = pa.array(read_test_numbers()[:500])
    before = pseudonymise_through(numbers, reference_date=REFERENCE_DATE, peppers=ring.peppers()).hashed_ids
    second = ring.rotate_pepper()
    after = pseudonymise_through(numbers, reference_date=REFERENCE_DATE, peppers=ring.peppers()).hashed_ids
    assert next_ids(before, pepper=second).equals(after)
    assert not set(before.to_pylist()) & set(after.to_pylist())


def test_an_old_envelope_key_still_opens_and_the_newest_is_given_out(ring: KeyRing) -> None:
    old = ring.envelope_key()
    new = ring.rotate_envelope_key()
    assert ring.envelope_key().key_id == new.key_id
    assert ring.envelope_key(old.key_id).key_id == old.key_id
    assert [key.key_id for key in ring.envelope_keys()] == [new.key_id, old.key_id]


def test_an_unknown_version_or_key_is_not_found(ring: KeyRing) -> None:
    with pytest.raises(NotFound, match="version 7"):
        ring.pepper(7)
    with pytest.raises(NotFound):
        ring.envelope_key("0" * 64)


def test_a_gap_between_peppers_is_found_before_anything_is_hashed(ring: KeyRing, tmp_path: Path) -> None:
    ring.rotate_pepper()
    (tmp_path / "keys" / "pepper-1.key").unlink()
    with pytest.raises(NotFound, match="version 1"):
        ring.check()


def test_a_key_that_others_can_read_is_refused(ring: KeyRing, tmp_path: Path) -> None:
    ring.check()
    (tmp_path / "keys" / "pepper-1.key").chmod(0o640)
    with pytest.raises(InputRefused, match="open to other users"):
        ring.check()


def test_a_folder_that_others_can_read_is_refused(ring: KeyRing, tmp_path: Path) -> None:
    (tmp_path / "keys").chmod(0o750)
    with pytest.raises(InputRefused, match="folder of keys is open"):
        ring.check()


def test_a_damaged_pepper_is_refused_wherever_a_byte_is_changed(tmp_path: Path) -> None:
    pepper = Pepper(1, bytes(range(32)))
    save_pepper(pepper, tmp_path / "whole")
    content = (tmp_path / "whole").read_bytes()
    accepted = []
    for place in range(len(content) - 1):
        damaged = tmp_path / "damaged"
        damaged.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        damaged.chmod(0o600)
        with contextlib.suppress(InputRefused):
            accepted.append(load_pepper(damaged, version=1).key)
        damaged.unlink()
    assert all(key == pepper.key for key in accepted)


def test_a_pepper_of_another_version_is_refused(tmp_path: Path) -> None:
    save_pepper(Pepper(2, bytes(32)), tmp_path / "pepper")
    with pytest.raises(InputRefused, match="not pepper version 1"):
        load_pepper(tmp_path / "pepper", version=1)


def test_no_printed_form_of_a_pepper_holds_its_key() -> None:
    pepper = Pepper(1, b"\xab" * 32)
    assert "ab" * 4 not in repr(pepper).lower()
    assert "\\xab" not in repr(pepper)
    assert fingerprint(pepper) not in (pepper.key.hex()[:16], pepper.key.hex()[-16:])


def test_a_pepper_has_32_bytes_and_a_version_from_1() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Pepper(1, b"short")
    with pytest.raises(ValueError, match="version"):
        Pepper(0, bytes(32))

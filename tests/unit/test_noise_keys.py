"""Noise keys are made on purpose, named by version, bound to a pepper, and never shown."""

from __future__ import annotations

import contextlib
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from linkage.errors import InputRefused, NotFound, StateConflict
from linkage_core.perturbation.cell_keys import NoiseKey
from linkage_server.__main__ import app
from linkage_server.keys.key_ring import KeyRing
from linkage_server.keys.noise_key_file import load_noise_key, save_noise_key


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    return KeyRing.create(tmp_path / "keys")


def test_a_new_ring_has_one_noise_key_that_has_nothing_of_the_pepper(ring: KeyRing, tmp_path: Path) -> None:
    assert ring.noise_key_versions() == [1]
    assert ring.noise_key(1).key != ring.pepper().key
    assert stat.S_IMODE((tmp_path / "keys" / "noise-1.key").stat().st_mode) == 0o600


def test_a_key_is_taken_by_its_version_and_stays_when_another_is_added(ring: KeyRing) -> None:
    first = ring.noise_key(1)
    second = ring.add_noise_key()
    assert (second.version, second.pepper_version) == (2, 1)
    assert ring.noise_key(1) == first
    assert ring.noise_key(2) == second
    assert first.key != second.key
    ring.check()


def test_an_unknown_key_is_not_found(ring: KeyRing) -> None:
    with pytest.raises(NotFound, match="noise key version 7"):
        ring.noise_key(7)


def test_a_ring_from_before_noise_is_whole_and_has_none(ring: KeyRing, tmp_path: Path) -> None:
    (tmp_path / "keys" / "noise-1.key").unlink()
    ring.check()
    with pytest.raises(NotFound):
        ring.noise_key(1)
    assert ring.add_noise_key().version == 1


def test_a_new_pepper_does_not_make_fresh_noise_in_silence(ring: KeyRing) -> None:
    ring.rotate_pepper()
    with pytest.raises(StateConflict, match="fresh noise"):
        ring.noise_key(1)
    assert ring.noise_key(ring.add_noise_key().version).pepper_version == 2


def test_a_damaged_noise_key_is_refused_wherever_a_byte_is_changed(tmp_path: Path) -> None:
    key = NoiseKey(1, 1, bytes(range(32)))
    save_noise_key(key, tmp_path / "whole")
    content = (tmp_path / "whole").read_bytes()
    accepted = []
    for place in range(len(content) - 1):
        changed = tmp_path / "changed"
        changed.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        changed.chmod(0o600)
        with contextlib.suppress(InputRefused):
            accepted.append(load_noise_key(changed, version=1))
        changed.unlink()
    assert all(one == key for one in accepted)


def test_a_pepper_in_place_of_a_noise_key_is_refused(ring: KeyRing, tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    (folder / "noise-1.key").unlink()
    (folder / "pepper-1.key").rename(folder / "noise-1.key")
    with pytest.raises(InputRefused, match="not noise key version 1"):
        load_noise_key(folder / "noise-1.key", version=1)


def test_a_new_noise_key_needs_a_reason_and_is_in_the_audit_trail(tmp_path: Path) -> None:
    home = tmp_path / "home"
    run = CliRunner()
    assert run.invoke(app, ["init", str(home)]).exit_code == 0
    assert run.invoke(app, ["keys", "new-noise", "--home", str(home)]).exit_code == 2
    assert run.invoke(app, ["keys", "new-noise", "--home", str(home), "--reason", " "]).exit_code == 3
    made = run.invoke(app, ["keys", "new-noise", "--home", str(home), "--reason", "policy open 2.0.0", "--json"])
    assert made.exit_code == 0
    assert '"noise_key": 2' in made.output
    listed = run.invoke(app, ["keys", "list", "--home", str(home), "--json"])
    assert listed.output.count("noise_key") == 2
    trail = run.invoke(app, ["audit", "show", "--home", str(home), "--json"]).output
    assert "keys.new_noise" in trail
    assert "policy open 2.0.0" in trail
    for file in ("noise-1.key", "noise-2.key"):
        content = (home / "keys" / file).read_text()
        secret = content.split('"key": "')[1].split('"')[0]
        assert secret not in made.output + listed.output + trail

"""The real opener process: what it opens, what it refuses, and that it dies without a word."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import subprocess
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from linkage.envelope_manifest import EnvelopeFault, EnvelopeFaultFound
from linkage.errors import InputRefused, StorageFull
from linkage.signatures import SigningKeyPair
from linkage_core.pseudonyms import pseudonymise
from linkage_server.demo.test_numbers import read_test_numbers
from linkage_server.intake import opener
from linkage_server.intake.opener import OpenerLimits, open_in_a_process
from linkage_server.intake.population_store import load_population
from tests.support.identity_search import IdentitySearch
from tests.support.intake import PEPPER, opening_task, seal_default
from tests.support.sealing import NOW, Sealer, population

SEALER = Sealer()
LIMITS = OpenerLimits(wall_seconds=60)


def fault_in(folder: Path, container: Path, limits: OpenerLimits = LIMITS, **overrides: object) -> EnvelopeFault:
    with pytest.raises(EnvelopeFaultFound) as refusal:
        open_in_a_process(container, folder / "out.arrow", opening_task(SEALER, **overrides), limits=limits)
    return refusal.value.fault


def test_a_population_comes_out_hashed_sorted_and_counted(tmp_path: Path) -> None:
    container = seal_default(SEALER, tmp_path, rows=1_000)
    facts = open_in_a_process(container, tmp_path / "out.arrow", opening_task(SEALER), limits=LIMITS)
    assert (facts.rows, facts.linkable, facts.strata) == (1_000, 1_000, {"hospital": 2})
    assert facts.not_linkable == {"reserve": 0, "interim": 0}
    output = tmp_path / "out.arrow"
    assert output.stat().st_mode & 0o777 == 0o600
    stored = load_population(output, sha256=hashlib.sha256(output.read_bytes()).hexdigest())
    expected = pseudonymise(population(1_000).identity, reference_date=date(2025, 1, 1), pepper=PEPPER)
    by_id = {hashed: row for row, hashed in enumerate(expected.hashed_ids.to_pylist())}
    assert stored.population.hashed_ids.to_pylist() == sorted(by_id)
    rows = [by_id[hashed] for hashed in sorted(by_id)]
    assert stored.population.index_date is not None
    assert stored.population.index_date.to_pylist() == [date(2024, 1, 1) + timedelta(row % 365) for row in rows]
    assert stored.population.strata["hospital"].to_pylist() == [f"Hospital {row % 2}" for row in rows]
    assert stored.population.birth_date == expected.birth_date.take(pa.array(rows))
    assert stored.population.sex == expected.sex.take(pa.array(rows))
    assert IdentitySearch(read_test_numbers()).in_file(output) == []


def test_reserve_and_interim_numbers_are_counted_and_left_out(tmp_path: Path) -> None:
    content = population(3)
    content = dataclasses.replace(
        content, identity=pa.array([*content.identity.to_pylist()[:2], b"20250101-T001"], pa.binary())
    )
    container = SEALER.seal(tmp_path / "p.sealed", content).path
    facts = open_in_a_process(container, tmp_path / "out.arrow", opening_task(SEALER), limits=LIMITS)
    assert (facts.rows, facts.linkable, sum(facts.not_linkable.values())) == (3, 2, 1)


@pytest.mark.parametrize("text", [b"556036-0793", b"not a number", b"199013011234"])
def test_numbers_that_the_client_would_refuse_are_refused_here_too(tmp_path: Path, text: bytes) -> None:
    content = population(2)
    content = dataclasses.replace(content, identity=pa.array([content.identity[0].as_py(), text], pa.binary()))
    container = SEALER.seal(tmp_path / "p.sealed", content).path
    assert fault_in(tmp_path, container) is EnvelopeFault.PAYLOAD


def test_a_person_named_twice_counts_once_unless_her_rows_differ(tmp_path: Path) -> None:
    one = population(4)
    assert one.index_date is not None
    number = one.identity[0].as_py()
    written_otherwise = number[2:8] + (b"-" if number[:2] == b"20" else b"+") + number[8:]
    same = dataclasses.replace(
        one,
        identity=pa.array([number, written_otherwise], pa.binary()),
        index_date=pa.array([date(2024, 1, 1)] * 2),
        strata={"hospital": pa.array(["A", "A"]).dictionary_encode()},
    )
    container = SEALER.seal(tmp_path / "same.sealed", same).path
    assert open_in_a_process(container, tmp_path / "a", opening_task(SEALER), limits=LIMITS).linkable == 1
    differing = dataclasses.replace(same, strata={"hospital": pa.array(["A", "B"]).dictionary_encode()})
    container = SEALER.seal(tmp_path / "differing.sealed", differing).path
    assert fault_in(tmp_path, container) is EnvelopeFault.PAYLOAD


REFUSED: dict[str, tuple[dict[str, object], EnvelopeFault]] = {
    "another order": ({"order": "organisations/swedeheart/orders/other"}, EnvelopeFault.WRONG_ORDER),
    "another organisation": ({"organisation": "riksstroke"}, EnvelopeFault.WRONG_ORGANISATION),
    "another upload": ({"upload_id": "00000000-0000-4000-8000-000000000000"}, EnvelopeFault.WRONG_UPLOAD),
    "expired": ({"now": NOW + timedelta(days=8)}, EnvelopeFault.EXPIRED),
    "columns not ordered": ({"columns": ()}, EnvelopeFault.WRONG_ORDER),
    "a day not ordered": ({"reference_date": date(2020, 1, 1)}, EnvelopeFault.WRONG_ORDER),
    "too many rows": ({"rows_max": 9}, EnvelopeFault.MANIFEST_OUT_OF_BOUNDS),
    "no key of the holder": ({"recipients": ()}, EnvelopeFault.UNKNOWN_KEY),
    "a signature not known": ({"signing_keys": (SigningKeyPair.generate().public,)}, EnvelopeFault.UNKNOWN_KEY),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_was_not_expected_is_refused(tmp_path: Path, case: str) -> None:
    overrides, fault = REFUSED[case]
    assert fault_in(tmp_path, seal_default(SEALER, tmp_path), **overrides) is fault
    assert (tmp_path / "out.arrow").stat().st_size == 0


def test_a_key_of_an_earlier_rotation_still_opens(tmp_path: Path) -> None:
    container = seal_default(SEALER, tmp_path)
    task = opening_task(SEALER, recipients=(Sealer().recipient, SEALER.recipient))
    assert open_in_a_process(container, tmp_path / "out.arrow", task, limits=LIMITS).rows == 10


@pytest.mark.parametrize("content", [b"", b"\x00" * 5_000, b"personnummer\n" * 100])
def test_a_file_that_is_no_container_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "p.sealed").write_bytes(content)
    assert fault_in(tmp_path, tmp_path / "p.sealed") is EnvelopeFault.NOT_A_CONTAINER


@pytest.mark.parametrize(
    "limits",
    [
        OpenerLimits(memory_bytes=64 * 2**20, wall_seconds=60),
        OpenerLimits(cpu_seconds=0, wall_seconds=60),
        OpenerLimits(file_bytes=1_000, wall_seconds=60),
        OpenerLimits(wall_seconds=0),
    ],
    ids=["memory", "processor", "file", "clock"],
)
def test_a_limit_that_is_hit_is_a_refusal_without_a_word(
    tmp_path: Path, limits: OpenerLimits, capfd: pytest.CaptureFixture[str]
) -> None:
    container = seal_default(SEALER, tmp_path, rows=1_000)
    assert fault_in(tmp_path, container, limits) is EnvelopeFault.OPENER_DIED
    assert capfd.readouterr() == ("", "")


def test_the_shut_in_opener_can_open_no_file_no_socket_and_no_process(tmp_path: Path) -> None:
    """Tries all three after the door is shut, in a process of the same making."""
    import sys

    tries = """
import json, os, socket, sys
sys.path[:0] = sys.argv[1:]
from linkage_server.intake import open_envelope
from linkage_server.intake.opening import warm_up
warm_up()
open_envelope._limit_growth({"memory_bytes": 3 * 2**30, "cpu_seconds": 60, "file_bytes": 2**20})
open_envelope._shut_the_door()
refused = []
for name, attempt in (("file", lambda: open("/etc/hostname")), ("socket", lambda: socket.socket()), ("pipe", os.pipe)):
    try:
        attempt()
    except OSError:
        refused.append(name)
import ctypes
refused.append(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))
print(json.dumps(refused))
"""
    done = subprocess.run(
        [sys.executable, "-I", "-c", tries, *opener._import_roots()], capture_output=True, check=True, timeout=60
    )
    assert json.loads(done.stdout) == ["file", "socket", "pipe", 0]


def test_a_full_disk_is_no_fault_of_the_envelope(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = """
import errno, sys
sys.path[:0] = sys.argv[1:]
from linkage_server.intake import open_envelope, opening
write = opening.write_population
def no_room(hashed, file):
    if hasattr(file, "fileno") and hasattr(file, "name"):
        raise OSError(errno.ENOSPC, "no room")
    write(hashed, file)
opening.write_population = no_room
open_envelope.main()
"""
    monkeypatch.setattr(opener, "_START", full)
    with pytest.raises(StorageFull):
        open_in_a_process(seal_default(SEALER, tmp_path), tmp_path / "out.arrow", opening_task(SEALER), limits=LIMITS)


def test_no_key_is_in_the_openers_arguments_or_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[object, object]] = []
    real: Callable[..., subprocess.Popen[bytes]] = subprocess.Popen

    def watching(command: list[str], **keywords: object) -> subprocess.Popen[bytes]:
        seen.append((command, keywords["env"]))
        return real(command, **keywords)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(opener.subprocess, "Popen", watching)
    monkeypatch.setenv("SOME_SECRET", "inherited")
    open_in_a_process(seal_default(SEALER, tmp_path), tmp_path / "out.arrow", opening_task(SEALER), limits=LIMITS)
    (shown,) = seen
    assert "PRIVATE KEY" not in str(shown)
    assert PEPPER.key.hex() not in str(shown)
    assert "inherited" not in str(shown)


def test_a_stored_population_that_changed_is_not_read(tmp_path: Path) -> None:
    output = tmp_path / "out.arrow"
    open_in_a_process(seal_default(SEALER, tmp_path), output, opening_task(SEALER), limits=LIMITS)
    digest = hashlib.sha256(output.read_bytes()).hexdigest()
    with pytest.raises(InputRefused, match="has changed"):
        load_population(output, sha256=hashlib.sha256(b"").hexdigest())
    output.write_bytes(b"x")
    with pytest.raises(InputRefused, match="has changed"):
        load_population(output, sha256=digest)
    with pytest.raises(InputRefused, match="not a population"):
        load_population(output, sha256=hashlib.sha256(b"x").hexdigest())
    with pytest.raises(InputRefused, match="cannot be read"):
        load_population(tmp_path / "missing", sha256=digest)

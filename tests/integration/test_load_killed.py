"""Whatever a load is killed at, or runs out of, the register serves what it served before and can be loaded again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from linkage_server.registers.store import RegisterStore
from tests.reference.join import rows_by_person
from tests.support.load_until_killed import FIRST, SECOND, act
from tests.support.partitions import person
from tests.support.register_loads import Line, events, load, rows_of

ROOT = Path(__file__).resolve().parent.parent.parent
PERSONS = [person(number) for number in range(7)]


def completed(lines: list[Line]) -> list[Line]:
    return [(who, {"causes": None, "text": None, "packages": None} | row) for who, row in lines]


BEFORE = rows_by_person(PERSONS, [completed(FIRST)])
AFTER = rows_by_person(PERSONS, [completed(FIRST), completed(SECOND)])


def run_python(*arguments: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(str(ROOT / root) for root in (".", "core", "server"))
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("what", ["load", "compact", "rehash"])
def test_a_write_killed_at_any_step_leaves_the_old_snapshot_or_the_new_one(tmp_path: Path, what: str) -> None:
    base = load(RegisterStore(tmp_path / "base"), FIRST)
    if what == "compact":
        base = load(RegisterStore(tmp_path / "base"), SECOND, name="second")
    before = AFTER if what == "compact" else BEFORE
    after = BEFORE if what == "rehash" else AFTER
    ran = run_python("-m", "tests.support.load_until_killed", str(tmp_path), what)
    assert (ran.returncode, ran.stderr) == (0, "")
    attempts = sorted((path for path in tmp_path.iterdir() if path.name != "base"), key=lambda path: int(path.name))
    assert len(attempts) > 15
    finished = RegisterStore(attempts[-1]).current("lmed")
    assert finished != base
    for folder in attempts:
        store = RegisterStore(folder)
        served = store.current("lmed")
        assert served in (base, finished)
        assert rows_of(events(store, PERSONS)) == (after if served == finished else before)
        store.verify(served)
        if served == base:
            act(store, what)
        store.sweep()
        assert store.current("lmed") == finished
        assert rows_of(events(store, PERSONS)) == after
        # Nothing of the killed attempt is left.
        assert not list(folder.rglob(".*.partial"))
        assert not list((folder / "lmed" / "loading").glob("*"))
        used = {
            one.segment_id
            for line in store.snapshots("lmed")
            for one in store.snapshot("lmed", line.snapshot_id).segments
        }
        assert {path.name for path in (folder / "lmed" / "segments").iterdir()} == used


FULL_DISK = """
import resource, sys
from pathlib import Path
from linkage.errors import StorageFull
from linkage_server.registers.store import RegisterStore
from tests.support.load_until_killed import act

resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    act(RegisterStore(Path(sys.argv[1]), memory_bytes=int(sys.argv[3])), "load")
except StorageFull as refusal:
    print(refusal.reason)
"""


@pytest.mark.parametrize("memory_bytes", [1, 1 << 30])
@pytest.mark.parametrize("room", [0, 600, 1000, 2000])
def test_a_full_disk_is_refused_and_nothing_changes(tmp_path: Path, room: int, memory_bytes: int) -> None:
    store = RegisterStore(tmp_path)
    base = load(store, FIRST)
    before = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    ran = run_python("-c", FULL_DISK, str(tmp_path), str(room), str(memory_bytes))
    assert (ran.stdout.strip(), ran.stderr) == ("STORAGE_FULL", "")
    assert sorted(path for path in tmp_path.rglob("*") if path.is_file()) == before
    assert store.current("lmed") == base
    act(store, "load")
    assert rows_of(events(store, PERSONS)) == AFTER


def test_a_load_killed_while_it_waits_does_not_lock_the_register(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    load(RegisterStore(folder), FIRST)
    script = """
import os, signal, sys
from pathlib import Path
from linkage_server.registers.store import RegisterStore
store = RegisterStore(Path(sys.argv[1]))
with store.begin_load("lmed", definition_sha256="x", date_column="day", pepper_version=1, delivery_name="a",
                      content_sha256="a"):
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert run_python("-c", script, str(folder)).returncode == -9
    store = RegisterStore(folder)
    assert len(list((folder / "lmed" / "loading").iterdir())) == 1
    act(store, "load")
    assert list((folder / "lmed" / "loading").iterdir()) == []
    assert rows_of(events(store, PERSONS)) == AFTER

"""A disk that is full, or fails, at any call: a refusal that can be acted on, nothing lost, nothing left lying about.

At each call that needs room in turn the disk is full from there on, as a real one stays full; each call in turn fails
once with an input/output error, and each write comes back with half of it done. Of long operations an even choice of
calls is tried, with LINKAGE_FAULTS=all every one. One load runs into a real file system of 256 KiB, where the machine
lets us mount one.
"""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from linkage.errors import StorageFull
from tests.faults.operations import FIRST, OPERATIONS, PERSONS, SECOND, lines, store_in
from tests.faults.preload import Call, Fault, Mode
from tests.faults.trials import Laboratory, Undisturbed, is_old_or_new, points, without_lists
from tests.reference.join import rows_by_person
from tests.support.register_loads import events, load, rows_of

NEEDS_NO_ROOM = {"unlink", "rmdir"}
LISTED = "published.json"


def trials(laboratory: Laboratory, name: str, mode: Mode, error: int, chosen: set[str]) -> Iterator[tuple]:
    """Call, how the operation ended there, its words, and what the next process sees."""
    expected = laboratory.undisturbed(name)
    for number, call in points(expected.calls, most=12):
        if call.name in chosen:
            with laboratory.disturbed(name, expected.base, Fault(number, mode, error)) as (ended, folder):
                assert ended["status"] == 0
                yield (
                    call,
                    ended["outcome"],
                    ended["words"],
                    laboratory.ask("inspect", operation=name, folder=folder, sweep=False, again=True),
                )


def is_after_listing(call: Call) -> bool:
    """Whether only the last sync of the folder that holds the list was refused: then the new one holds already."""
    return call.name == "fsync" and Path(call.path).name == "lmed"


def may_fail_in_silence(call: Call) -> bool:
    """Whether nothing is lost: the next sweep takes away what was to be removed; a folder to be made was there."""
    return call.name in NEEDS_NO_ROOM or (call.name == "mkdir" and call.result < 0)


def untrue(words: str, seen: dict[str, Any], expected: Undisturbed) -> list[tuple[str, ...]]:
    """Words that promise what is not so: whoever reads them may do it all again, or never look."""
    changed = seen["found"]["listed"] != expected.before["listed"]
    return [("untrue", words)] if changed and "nothing was changed" in words else []


def calls_of(laboratory: Laboratory, name: str) -> set[str]:
    return {call.name for call in laboratory.undisturbed(name).calls}


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_disk_full_from_any_call_on_is_refused_and_nothing_is_left(laboratory: Laboratory, name: str) -> None:
    expected = laboratory.undisturbed(name)
    growing = calls_of(laboratory, name) - NEEDS_NO_ROOM
    wrong = []
    for call, outcome, words, seen in trials(laboratory, name, Mode.FAIL_FROM, errno.ENOSPC, growing):
        wrong += untrue(words, seen, expected)
        if outcome != "STORAGE_FULL":
            wrong.append((call.name, call.path, outcome))
        if not is_old_or_new(seen["found"], expected):
            wrong.append((call.name, call.path, "another snapshot is served"))
        elif not is_after_listing(call) and without_lists(seen["files"]) not in (
            without_lists(expected.files_before),
            without_lists(expected.files_after),
        ):
            wrong.append((call.name, call.path, "something was left, or is gone", sorted(seen["files"])))
        if (seen["again"], seen["left"]) != (expected.after, expected.files_after):
            wrong.append((call.name, call.path, "done again, it ends differently"))
    assert wrong == []


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_call_that_fails_once_leaves_the_old_snapshot_or_the_new_one(laboratory: Laboratory, name: str) -> None:
    expected = laboratory.undisturbed(name)
    wrong = []
    for call, outcome, words, seen in trials(laboratory, name, Mode.FAIL_ONCE, errno.EIO, calls_of(laboratory, name)):
        wrong += untrue(words, seen, expected)
        if outcome != "SERVICE_UNAVAILABLE" and not (outcome == "done" and may_fail_in_silence(call)):
            wrong.append((call.name, call.path, outcome))
        if outcome == "done" and seen["found"] != expected.after:
            wrong.append((call.name, call.path, "called done, and is not"))
        if not is_old_or_new(seen["found"], expected):
            wrong.append((call.name, call.path, "neither the old snapshot nor the new one is served"))
        if (seen["again"], seen["left"]) != (expected.after, expected.files_after):
            wrong.append((call.name, call.path, "done again, it ends differently"))
    assert wrong == []


@pytest.mark.parametrize("name", OPERATIONS)
def test_a_write_that_comes_back_half_done_is_finished(laboratory: Laboratory, name: str) -> None:
    expected = laboratory.undisturbed(name)
    writes = {"write", "pwrite", "sendfile"}
    for call, outcome, _, seen in trials(laboratory, name, Mode.SHORT, errno.EIO, writes):
        assert (call, outcome, seen["found"]) == (call, "done", expected.after)
        assert seen["left"] == expected.files_after


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "small"
    folder.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root may mount a file system of its own")
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("this machine mounts no file system for tests")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.mark.parametrize("memory_bytes", [1, 1 << 30])
def test_a_load_into_a_small_real_disk_is_refused_and_the_next_one_fits(small_disk: Path, memory_bytes: int) -> None:
    store = store_in(small_disk, memory_bytes=memory_bytes)
    base = load(store, FIRST)
    files = sorted(small_disk.rglob("*"))
    with pytest.raises(StorageFull, match="nothing was changed"):
        load(store, lines("L", persons=6, days=5) * 2000, name="large", lines_at_once=4000)
    assert sorted(small_disk.rglob("*")) == files
    assert store.current("lmed") == base
    load(store_in(small_disk), SECOND, name="second")
    assert rows_of(events(store, PERSONS)) == rows_by_person(PERSONS, [FIRST, SECOND])

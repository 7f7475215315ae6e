"""Killed at any call that changes the disk, a register serves what it served before or what was being made, whole.

Every load, compaction, re-hash, erasure and forgetting is done once to list its calls, and then again and again on a
fresh store, killed with SIGKILL before a call, or halfway through a write. A new process then looks at the store,
sweeps it, and does the same again. Where an operation makes many calls an even choice of them is tried; with
LINKAGE_FAULTS=all every call is, also right after it.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.faults.operations import OPERATIONS, PERSONS, store_in
from tests.faults.preload import Call, Fault, Mode
from tests.faults.trials import (
    EVERYTHING,
    KILLED,
    Laboratory,
    Undisturbed,
    faults_of_a_kill,
    is_old_or_new,
    points,
    without_lists,
)
from tests.reference.join import rows_by_person


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_killed_at_any_call_leaves_the_old_snapshot_or_the_new_one(
    laboratory: Laboratory, name: str
) -> None:
    expected = laboratory.undisturbed(name)
    operation = OPERATIONS[name]
    assert expected.before["rows"] == repr(rows_by_person(PERSONS, operation.rows_before))
    assert expected.after["rows"] == repr(rows_by_person(PERSONS, operation.rows_after))
    wrong = []
    for number, call in points(expected.calls, most=20):
        for fault in faults_of_a_kill(number, call):
            with laboratory.disturbed(name, expected.base, fault) as (ended, folder):
                assert ended["status"] == KILLED
                seen = laboratory.ask("inspect", operation=name, folder=folder, sweep=True, again=True)
            wrong += [(fault, call.name, call.path, what) for what in complaints(seen, expected)]
    assert wrong == []


@pytest.mark.parametrize("name", ["a load", "a compaction", "a re-hash"])
def test_a_segment_that_was_half_swept_is_not_taken_for_a_whole_one(tmp_path: Path, name: str) -> None:
    # Killed after its segments got their names, then the sweep killed amid their removal; now they are made anew.
    operation = OPERATIONS[name]
    finished, store = store_in(tmp_path / "finished"), store_in(tmp_path / "store")
    for one in (finished, store):
        operation.before(one)
    held = {path.name for path in (store.folder / "lmed" / "segments").iterdir()}
    operation.act(finished)
    made = [path for path in (finished.folder / "lmed" / "segments").iterdir() if path.name not in held]
    assert made
    for path in made:
        shutil.copytree(path, store.folder / "lmed" / "segments" / path.name)
        (store.folder / "lmed" / "segments" / path.name / "rows.arrow").unlink()
    operation.act(store)
    served = store.current("lmed")
    assert served == finished.current("lmed")
    store.verify(served)


@pytest.mark.parametrize("name", ["a compaction", "a re-hash", "an erasure"])
def test_a_rewriting_job_killed_at_a_step_goes_on_and_ends_in_the_same_snapshot(
    laboratory: Laboratory, name: str
) -> None:
    expected = laboratory.undisturbed(name)
    steps = [number for number, call in enumerate(expected.calls, 1) if is_finished_step(call)]
    assert len(steps) >= 3
    chosen = steps if EVERYTHING else steps[:: -(-len(steps) // 5)]
    for number in chosen:
        with laboratory.disturbed(name, expected.base, Fault(number, Mode.KILL_AFTER)) as (killed, folder):
            assert killed["status"] == KILLED
            again = laboratory.ask("disturb", operation=name, base="nowhere", folder=folder)
            seen = laboratory.ask("inspect", operation=name, folder=folder, sweep=False, again=False)
        assert (again["outcome"], seen["found"]) == ("done", expected.after)
        # What was finished is not done a second time.
        finished = steps.index(number) + 1
        assert len([one for one in again["calls"] if is_finished_step(Call(*one))]) == len(steps) - finished


def is_finished_step(call: Call) -> bool:
    return call.name == "rename" and call.result >= 0 and "/done/" in call.second


def complaints(seen: dict[str, Any], expected: Undisturbed) -> list[str]:
    """What is not as it must be after a kill."""
    if seen["status"] != 0:
        return ["the register cannot be read"]
    found = []
    if not is_old_or_new(seen["found"], expected):
        found.append("neither the old snapshot nor the new one is served")
    if without_lists(seen["swept"]) not in (without_lists(expected.files_before), without_lists(expected.files_after)):
        found.append("sweeping left something, or took too much")
    # What a job has copied is hers as well.
    if seen["found"]["erased"] and not seen["files"].keys() <= expected.files_after.keys():
        found.append("an erasure is called finished while rows of hers may be on the disk")
    if seen["again"] != expected.after:
        found.append("done again, it ends differently")
    if seen["left"] != expected.files_after:
        found.append("done again, it leaves other files")
    return found

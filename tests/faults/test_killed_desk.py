"""Killed at any call that changes the disk, an officer's act is done or not done, whole, and can be asked for again.

An approval of an order, a coarser table and a release are each done once to list their calls, and then again and again
on a fresh home folder, killed with SIGKILL before a call, halfway through a write, or after what gives a file its name.
Calls of the database are among them. Of many calls an even choice is tried, with LINKAGE_FAULTS=all every one.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.faults.desk_operations import DESK_OPERATIONS
from tests.faults.preload import Call
from tests.faults.trials import KILLED, Laboratory, faults_of_a_kill, points


@pytest.mark.parametrize("name", DESK_OPERATIONS)
def test_an_officers_act_killed_at_any_call_is_done_or_not_done(laboratory: Laboratory, name: str) -> None:
    base, trial = laboratory.folder / f"desk-{name}", laboratory.folder / "desk-trial"
    base.mkdir()
    assert laboratory.ask("prepare desk", operation=name, folder=base)["status"] == 0
    before = found_in(laboratory, name, base)
    done = laboratory.ask("disturb desk", operation=name, base=base, folder=trial)
    assert done["outcome"] == "done"
    after = found_in(laboratory, name, trial)
    shutil.rmtree(trial)
    assert before != after
    outcomes, wrong = set(), []
    for number, call in points([Call(*call) for call in done["calls"]], most=16):
        for fault in faults_of_a_kill(number, call):
            ended = laboratory.ask("disturb desk", operation=name, base=base, folder=trial, fault=fault)
            seen = laboratory.ask("inspect desk", operation=name, folder=trial, again=True)
            shutil.rmtree(trial)
            outcomes.add("new" if seen.get("found") == after else "old")
            if (ended["status"], seen["status"]) != (KILLED, 0):
                wrong.append((fault, call.name, call.path, "the home folder cannot be read", seen))
            elif seen["found"] not in (before, after):
                wrong.append((fault, call.name, call.path, "neither done nor not done", seen["found"]))
            elif seen["again"] != after:
                wrong.append((fault, call.name, call.path, "asked again, it ends differently", seen["again"]))
    assert wrong == []
    assert outcomes == {"old", "new"}


def test_a_release_is_replayed_byte_for_byte(laboratory: Laboratory) -> None:
    base, trial = laboratory.folder / "replayed", laboratory.folder / "desk-trial"
    base.mkdir()
    assert laboratory.ask("prepare desk", operation="a release", folder=base)["status"] == 0
    assert laboratory.ask("disturb desk", operation="a release", base=base, folder=trial)["outcome"] == "done"
    replayed = found_in(laboratory, "a release", trial)["replayed"]
    shutil.rmtree(trial)
    assert (replayed["table_alike"], replayed["differing"]) == (True, [])
    assert replayed["files"] > 3


def found_in(laboratory: Laboratory, name: str, folder: Path) -> dict[str, Any]:
    seen = laboratory.ask("inspect desk", operation=name, folder=folder, again=False)
    assert seen["status"] == 0
    return seen["found"]

"""When the power fails, what a list of snapshots names is on the disk: everything was synced before it was listed.

Killing a process does not show this, since the kernel keeps what was written. The calls of every operation are recorded
and judged by the rule that only what was synced is safe.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.durability import Disk
from tests.faults.operations import OPERATIONS
from tests.faults.preload import Call
from tests.faults.trials import Laboratory, Undisturbed


def judged(expected: Undisturbed, calls: list[Call]) -> list[str]:
    return sorted(set(Disk(expected.base).complaints(calls)))


def in_base(expected: Undisturbed, laboratory: Laboratory) -> list[Call]:
    """The calls as if they had been made in the store the operation began with."""
    trial = str(laboratory.folder / "trial")

    def moved(path: str) -> str:
        return str(expected.base) + path.removeprefix(trial) if path else ""

    return [call._replace(path=moved(call.path), second=moved(call.second)) for call in expected.calls]


@pytest.mark.parametrize("name", OPERATIONS)
def test_nothing_is_listed_or_removed_before_a_power_cut_can_do_no_harm(laboratory: Laboratory, name: str) -> None:
    expected = laboratory.undisturbed(name)
    assert judged(expected, in_base(expected, laboratory)) == []


def test_each_sync_that_is_left_out_is_noticed(laboratory: Laboratory) -> None:
    expected = laboratory.undisturbed("the first load")
    calls = in_base(expected, laboratory)
    syncs = [number for number, call in enumerate(calls) if call.name == "fsync"]
    unnoticed = [
        Path(calls[number].path).name for number in syncs if not judged(expected, calls[:number] + calls[number + 1 :])
    ]
    assert len(syncs) > 8
    assert unnoticed == []


def test_removing_what_is_still_listed_is_noticed(laboratory: Laboratory) -> None:
    expected = laboratory.undisturbed("a load")
    segment = next((expected.base / "lmed" / "segments").iterdir())
    assert judged(expected, [Call("unlink", str(segment / "rows.arrow"), "", 0, "")]) == [
        f"lmed/segments/{segment.name}/rows.arrow was removed while a list that a power cut can bring back names it"
    ]

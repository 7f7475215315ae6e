"""An orderer sees a run move: from stage to stage, and in a long stage from block to block."""

from __future__ import annotations

import pytest

from linkage_server.runs import run_stages
from linkage_server.runs.linkage_run import STAGES
from linkage_server.runs.run_stages import RunStages


def noted(*, blocks: int) -> list[tuple[str, int, int]]:
    told: list[tuple[str, int, int]] = []
    stages = RunStages("an order", lambda stage, *, done, of: told.append((stage, done, of)))
    for stage in STAGES:
        stages.begin(stage)
        if stage == "computing":
            for done in range(1, blocks + 1):
                stages.block(done, blocks)
    stages.end()
    assert list(stages.seconds) == list(STAGES)
    return told


def test_a_run_in_one_block_goes_from_stage_to_stage() -> None:
    assert noted(blocks=1) == [(stage, done, 5) for done, stage in enumerate(STAGES)]


def test_blocks_count_as_stages_and_the_count_never_falls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_stages, "SECONDS_BETWEEN_BLOCKS", 0.0)
    told = noted(blocks=3)
    assert [(done, of) for stage, done, of in told if stage == "computing"] == [(2, 5), (3, 7), (4, 7), (5, 7)]
    assert told[-2:] == [("protecting", 5, 7), ("describing", 6, 7)]


def test_blocks_in_quick_succession_are_not_noted_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_stages, "SECONDS_BETWEEN_BLOCKS", 3600.0)
    assert [(stage, done, of) for stage, done, of in noted(blocks=1000) if stage == "computing"] == [
        ("computing", 2, 5)
    ]

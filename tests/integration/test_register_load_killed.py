"""A load killed at any stage leaves what was served before, and the next load needs no mending by hand."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from linkage.register_catalogue import shipped_registers
from linkage_server.registers.ingest import load_delivery
from linkage_server.registers.progress import Progress
from tests.support.register_loading import PERSONS, settings_in, write_csv

ROOT = Path(__file__).resolve().parents[2]
HEADER = "personnummer,EDATUM,ATC,ANTAL"


def load_until(stage: str, folder: Path) -> None:
    """Load the second delivery and die by SIGKILL when the stage is reported; run in a process of its own."""

    def die(progress: Progress) -> None:
        if progress.stage == stage:
            os.kill(os.getpid(), signal.SIGKILL)

    load_delivery(shipped_registers()["lmed"], [folder / "second.csv"], settings=settings_in(folder), show=die)


@pytest.mark.parametrize(("stage", "rows_served"), [("checking", 60), ("reading", 60), ("sorting", 60), ("done", 120)])
def test_a_load_killed_at_any_stage_leaves_a_whole_register(tmp_path: Path, stage: str, rows_served: int) -> None:
    for name, day in (("first", "2024-01-15"), ("second", "2024-02-15")):
        rows = [f"{person},{day},C10AA05,1" for person in PERSONS[:60]]
        write_csv(tmp_path / f"{name}.csv", [HEADER, *rows, f"x,{day},C10AA05,1"])
    settings = settings_in(tmp_path)
    load_delivery(shipped_registers()["lmed"], [tmp_path / "first.csv"], settings=settings)

    paths = [str(ROOT / part) for part in ("", "core", "server", "client")]
    code = f"from tests.integration.test_register_load_killed import *; load_until({stage!r}, Path({str(tmp_path)!r}))"
    died = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)}, cwd=ROOT, check=False
    )

    assert died.returncode == -signal.SIGKILL
    assert settings.store.current("lmed").rows == rows_served
    report = load_delivery(shipped_registers()["lmed"], [tmp_path / "second.csv"], settings=settings)
    assert report.status == ("held already" if stage == "done" else "published")
    assert report.rows.stored == 60
    assert settings.store.current("lmed").rows == 120
    leftovers = [
        path for path in tmp_path.rglob("*") if path.name.endswith(".partial") or "loading" in path.parts[-2:-1]
    ]
    assert leftovers == []

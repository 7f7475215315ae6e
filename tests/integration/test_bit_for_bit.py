"""One plan, one answer: threads, processes and hash seeds change no byte of the table or of the delivery."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from linkage.release_manifest import MANIFEST
from linkage_client.api import Linkage
from linkage_server.demo.made_up_registers import MadeUpRegisters
from linkage_server.storage.tables import ProtectedTableRow
from tests.support.loaded_service import ORDER, PYTHONPATH, ROOT, LoadedService

FORMATS = 'formats = ["parquet", "csv", "json-stat", "xlsx", "px", "html"]'


def run_again(running: LoadedService, order: str, out: Path, *, threads: int, seed: str) -> dict[str, bytes]:
    """Every file that a process of its own writes."""
    command = [sys.executable, "-m", "tests.support.run_again", str(running.root), order, str(threads), str(out)]
    environment = {**os.environ, "PYTHONPATH": PYTHONPATH, "PYTHONHASHSEED": seed, "OMP_NUM_THREADS": str(threads)}
    subprocess.run(command, env=environment, cwd=ROOT, check=True, timeout=120)
    return {path.name: path.read_bytes() for path in out.iterdir()}


def test_threads_processes_and_hash_seeds_change_no_byte(
    running: LoadedService, made: MadeUpRegisters, tmp_path: Path
) -> None:
    client = running.enrol(tmp_path / "client", organisation="bits")
    text = ORDER.read_text(encoding="utf-8")
    asked = tmp_path / "order.toml"
    asked.write_text(text.replace('formats = ["parquet", "csv", "json-stat", "html"]', FORMATS), encoding="utf-8")
    assert FORMATS in asked.read_text(encoding="utf-8")
    with Linkage(client.root) as linkage:
        order = linkage.submit(asked, made.population).order.name
        running.wait_until(order, {"awaiting_approval"})
        running.approve(order)
        running.wait_until(order, {"awaiting_release", "failed"})
        running.release(order)
        linkage.fetch(order, tmp_path / "delivery")
    assert len(list((running.root / "store" / "lmed").rglob("*.arrow"))) > 1, "threads need segments to share"

    one = run_again(running, order, tmp_path / "one", threads=1, seed="1")
    four = run_again(running, order, tmp_path / "four", threads=4, seed="4711")

    assert one == four
    delivered = {path.name: path.read_bytes() for path in (tmp_path / "delivery").iterdir()}
    assert one.keys() - {"protected"} == delivered.keys() - {"release.json"}
    assert {name: delivered[name] for name in one if name != "protected"} == {
        name: content for name, content in one.items() if name != "protected"
    }
    assert MANIFEST in one
    with running.service.database.reading() as session:
        stored = session.get_one(ProtectedTableRow, order.rsplit("/", 1)[-1])
        assert (running.root / stored.file).read_bytes() == one["protected"]

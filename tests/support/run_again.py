"""Runs a released order again in a process of its own: `python -m tests.support.run_again HOME ORDER THREADS OUT`."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from linkage.order_states import parse_order_name
from linkage.release_manifest import MANIFEST
from linkage_core.disclosure.protected_table import to_bytes
from linkage_server.assembly import Service
from linkage_server.release.delivery import prepare_delivery
from linkage_server.release.released import release
from linkage_server.runs.describe import describe
from linkage_server.runs.linkage_run import run_linkage
from linkage_server.runs.plan import RunPlan
from linkage_server.storage.tables import RunRow


def run_again(home: Path, order: str, *, threads: int, out: Path) -> None:
    """Write the protected table and every file of the delivery into `out`."""
    service = Service.open(home)
    desk = service.run_desk
    desk = replace(desk, planner=replace(desk.planner, threads=threads))
    with desk.database.reading() as session:
        plan = RunPlan.from_json(session.get_one(RunRow, parse_order_name(order)[1]).plan)
    answer = run_linkage(plan, desk.sources(plan), report=lambda _stage: None)
    delivery = prepare_delivery(release(answer.table), describe(plan, match_rate_band=answer.match_rate_band))
    out.mkdir()
    (out / "protected").write_bytes(to_bytes(answer.table))
    (out / MANIFEST).write_bytes(delivery.manifest.to_json())
    for file in delivery.files:
        (out / file.path).write_bytes(file.content)
    service.database.close()


if __name__ == "__main__":
    run_again(Path(sys.argv[1]), sys.argv[2], threads=int(sys.argv[3]), out=Path(sys.argv[4]))

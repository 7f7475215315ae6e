"""An order that was acknowledged is there after kill -9, once; one that was not is there whole or not at all."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from linkage.errors import LinkageError
from linkage_server.storage.database import Database
from linkage_server.storage.tables import OrderRow, OrderStepRow, RequestIdRow
from tests.support.order_desk import OFFICER, ORDERER, Desks, new_id, open_desks
from tests.support.orders import ORDER

ROOT = Path(__file__).resolve().parents[2]
KILLS = 40

pytestmark = pytest.mark.skipif(os.name != "posix", reason="kill -9 is a thing of POSIX systems")


@pytest.fixture
def filer() -> Iterator[subprocess.Popen[str]]:
    path = os.pathsep.join(str(ROOT / folder) for folder in ("", "core", "server", "client"))
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.order_filer"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": path},
    )
    with process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def file_and_kill(filer: subprocess.Popen[str], url: str, *, chance: random.Random) -> tuple[dict[str, str], str]:
    """Let a child file orders and kill it at a random moment; gives what it acknowledged and its last attempt."""
    assert filer.stdin is not None
    assert filer.stdout is not None
    filer.stdin.write(f"{url}\n")
    filer.stdin.flush()
    child, filed, trying = 0, {}, ""
    acknowledged_before_kill, killed = chance.randrange(4), False
    for line in filer.stdout:
        match line.split():
            case ["child", pid]:
                child = int(pid)
            case ["trying", request_id]:
                trying = request_id
            case ["filed", request_id, name]:
                filed[request_id] = name
            case ["ended"]:
                return filed, trying
        if child and not killed and trying and len(filed) >= acknowledged_before_kill:
            moment = time.perf_counter() + chance.random() * 0.02
            while time.perf_counter() < moment:
                pass
            os.kill(child, signal.SIGKILL)
            killed = True
    raise AssertionError("the filer died")


def stored(database: Database) -> dict[str, int]:
    """Order name's last part -> steps of the order."""
    with database.reading() as session:
        steps = sa.select(OrderStepRow.order_id, sa.func.count()).group_by(OrderStepRow.order_id)
        counted = {row[0]: row[1] for row in session.execute(steps)}
        return {order_id: counted.get(order_id, 0) for order_id in session.scalars(sa.select(OrderRow.order_id))}


def test_no_acknowledged_order_is_lost_or_doubled(filer: subprocess.Popen[str], database: Database) -> None:
    desks = open_desks(database)
    desks.open_orders_limit = 10**9
    url = database.url.render_as_string(hide_password=False)
    chance = random.Random(20261122)
    acknowledged: dict[str, str] = {}
    for _ in range(KILLS):
        filed, last_attempt = file_and_kill(filer, url, chance=chance)
        acknowledged |= filed
        if last_attempt not in acknowledged:
            # The client never heard; it asks again with the same id and must end up with one order.
            answer = desks.book.file_order(ORDERER, document=ORDER, request_id=last_attempt)
            acknowledged[last_attempt] = answer.name
    there = stored(database)
    assert sorted(name.rpartition("/")[2] for name in acknowledged.values()) == sorted(there)
    assert len(set(acknowledged.values())) == len(acknowledged) >= KILLS
    assert set(there.values()) == {1}
    with database.reading() as session:
        assert set(session.scalars(sa.select(RequestIdRow.request_id))) == set(acknowledged)
    assert desks.trail.verify().entries == len(there)
    if database.is_sqlite:
        with database.reading() as session:
            assert session.scalar(sa.text("PRAGMA integrity_check")) == "ok"


def test_the_same_request_from_many_at_once_files_one_order(database: Database) -> None:
    desks, request_id = open_desks(database), new_id()
    names: list[str] = []

    def file() -> None:
        names.append(desks.book.file_order(ORDERER, document=ORDER, request_id=request_id).name)

    run_at_once([file] * 8)
    assert len(names) == 8
    assert len(set(names)) == 1
    assert len(stored(database)) == 1


def test_many_at_once_never_take_more_places_than_there_are(database: Database) -> None:
    desks = Desks(database=database, offer=open_desks(database).offer, open_orders_limit=3)
    refused: list[str] = []

    def file() -> None:
        try:
            desks.file()
        except LinkageError as refusal:
            refused.append(refusal.reason)

    run_at_once([file] * 8)
    assert refused == ["QUOTA_EXCEEDED"] * 5
    assert len(stored(database)) == 3
    assert desks.trail.verify().entries == 3


def test_of_two_officers_at_once_one_decides(database: Database) -> None:
    desks = open_desks(database)
    order = desks.file_waiting_for_approval()
    outcomes: list[str] = []

    def reject() -> None:
        try:
            desks.approval.reject(OFFICER, order.name, etag=order.etag, request_id=new_id(), reason="No.")
            outcomes.append("decided")
        except LinkageError as refusal:
            outcomes.append(refusal.reason)

    run_at_once([reject] * 4)
    assert sorted(outcomes) == ["STALE_ETAG"] * 3 + ["decided"]


def run_at_once(deeds: list[Callable[[], None]]) -> None:
    start = threading.Barrier(len(deeds))

    def act(deed: Callable[[], None]) -> None:
        start.wait()
        deed()

    threads = [threading.Thread(target=act, args=(deed,)) for deed in deeds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

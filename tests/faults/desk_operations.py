"""What officers do, disturbed: an order is approved, a waiting table is made coarser, a table is released.

Each begins with a home folder that is made once, and is looked at afterwards as the service finds it at its next start.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from linkage.errors import Stale
from linkage.released_table import verify_release
from linkage_server.orders.secrecy import SecrecyDecision, SecrecyException
from linkage_server.release.recipe import Step
from linkage_server.reviews.replay import replay
from linkage_server.storage.database import Database
from linkage_server.storage.tables import OrderRow, OrderStepRow, ReleaseRow, SecrecyDecisionRow, TableVersionRow
from tests.faults.preload import Fault, Mode, under_fault
from tests.support.order_desk import OFFICER, Desks, new_id, open_desks, small_offer
from tests.support.review_desks import ANNA, key, rooms, waiting_table

Answer = dict[str, Any]
DECISION = SecrecyDecision(SecrecyException.STATISTICS.value, True, "Aggregates of a large population.")
ASKED = "asked.json"


@dataclass(frozen=True)
class Home:
    """A home folder with one order in it, and what an officer asks of it.

    Args:
        order, etag, request_id: as the officer read them before anything was disturbed.
    """

    folder: Path
    database: Database
    order: str
    etag: str
    request_id: str

    @property
    def order_id(self) -> str:
        return self.order.rpartition("/")[2]


def _approve(home: Home) -> None:
    desks = Desks(database=home.database, offer=small_offer())
    desks.approval.approve(OFFICER, home.order, etag=home.etag, request_id=home.request_id, decision=DECISION)


def _coarsen(home: Home) -> None:
    _, review = rooms(home.database, home.folder)
    review.change(ANNA, home.order, etag=home.etag, reasoning="Few women.", steps=[Step(dimension="sex")])


def _release(home: Home) -> None:
    desk, _ = rooms(home.database, home.folder)
    desk.approve(ANNA, home.order, etag=home.etag, reasoning="Reviewed; nothing stands out.")


DESK_OPERATIONS: dict[str, Callable[[Home], None]] = {
    "an approval": _approve,
    "a coarser table": _coarsen,
    "a release": _release,
}


def prepare(request: Answer) -> Answer:
    """Make the home folder that an operation begins with."""
    folder = Path(request["folder"])
    with _database(folder) as database:
        database.migrate()
        if request["operation"] == "an approval":
            order = open_desks(database).file_waiting_for_approval().name
        else:
            order = waiting_table(database, folder).order
        with database.reading() as session:
            etag = session.get_one(OrderRow, order.rpartition("/")[2]).etag
    (folder / ASKED).write_text(json.dumps({"order": order, "etag": etag, "request_id": new_id()}))
    return {}


def disturb(request: Answer) -> Answer:
    """Do an operation with a fault on a fresh copy of its home folder; tells its end and its calls."""
    folder = Path(request["folder"])
    shutil.copytree(request["base"], folder)
    call, mode, error = request.get("fault", Fault())
    with _home(folder) as home:
        act = DESK_OPERATIONS[request["operation"]]
        return under_fault(folder, Fault(call, Mode(mode), error), lambda: act(home))


def inspect(request: Answer) -> Answer:
    """What the next start finds, and what there is once the officer has asked the same again."""
    with _home(Path(request["folder"])) as home:
        rooms(home.database, home.folder)[0].recover()
        answer = {"found": _state(home)}
        if request["again"]:
            # Whoever read the order before it was done reads it again first.
            with contextlib.suppress(Stale):
                DESK_OPERATIONS[request["operation"]](home)
            answer |= {"again": _state(home)}
    return answer


def _state(home: Home) -> Answer:
    """All that tells the old state from the new one, but for moments and random names."""
    desk, review = rooms(home.database, home.folder)
    trail = Desks(database=home.database, offer=small_offer()).trail
    with home.database.reading() as session:
        state = session.get_one(OrderRow, home.order_id).state
        steps = session.scalars(sa.select(OrderStepRow.state).order_by(OrderStepRow.at)).all()
        decisions = session.scalars(sa.select(SecrecyDecisionRow.reasoning)).all()
        versions = session.execute(sa.select(TableVersionRow.version, TableVersionRow.sha256)).all()
        releases = session.execute(sa.select(ReleaseRow.folder, ReleaseRow.manifest_sha256)).all()
        healthy = session.scalar(sa.text("PRAGMA integrity_check"))
    for folder, _ in releases:
        verify_release(home.folder / folder, trusted_keys=key().public)
    trail.verify()
    return {
        "state": state,
        "steps": list(steps),
        "decisions": list(decisions),
        "versions": sorted(map(list, versions)),
        "chosen": [one.version for one in review.versions(ANNA, home.order) if one.chosen] if versions else [],
        "releases": sorted(map(list, releases)),
        "replayed": asdict(replay(review, desk, ANNA, home.order)) if releases else {},
        "trail": [entry.action for entry in trail.newest(limit=100, subject=home.order)],
        "files": _files(home.folder / "releases"),
        "healthy": healthy,
    }


def _files(folder: Path) -> dict[str, str]:
    """Every file with its content; only the statement that is signed has a moment in it."""
    return {
        str(path.relative_to(folder)): "" if path.name == "release.json" else sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@contextmanager
def _home(folder: Path) -> Iterator[Home]:
    asked = json.loads((folder / ASKED).read_text())
    with _database(folder) as database:
        yield Home(folder, database, **asked)


@contextmanager
def _database(folder: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{folder / 'database.sqlite'}", busy_timeout_seconds=5)
    try:
        yield database
    finally:
        database.close()

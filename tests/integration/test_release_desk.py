"""A table leaves only when an officer says so, once, whole, and on the record; also when the server is killed in it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import date
from functools import cache
from pathlib import Path

import pytest

from linkage.disclosure_policy import shipped_policies
from linkage.errors import InputRefused, NotFound, NotPermitted, Stale, StateConflict, StorageFull
from linkage.order import OrderState, load_order
from linkage.register_catalogue import shipped_registers
from linkage.released_table import ReleasedTable, verify_release
from linkage.signatures import SigningKeyPair
from linkage_server.access.certificates import Caller
from linkage_server.release import delivery as delivery_module
from linkage_server.release.context import ReleaseContext
from linkage_server.release.describe import context_of, register_text
from linkage_server.release.release_desk import ReleaseDesk
from linkage_server.release.released import release
from linkage_server.storage.database import Database
from linkage_server.storage.order_states import move_order
from linkage_server.storage.tables import OrderRow
from tests.support.order_desk import OFFICER, ORDERER, STRANGER, Desks, open_desks, small_offer
from tests.support.orders import ORDER
from tests.support.protected_example import counted_example, protected_example

ROOT = Path(__file__).resolve().parents[2]
OWN_OFFICER = Caller(organisation="swedeheart", role="officer", certificate_serial="d4")


@cache
def key() -> SigningKeyPair:
    return SigningKeyPair.generate()


@pytest.fixture
def desks(database: Database) -> Desks:
    return open_desks(database)


@pytest.fixture
def desk(desks: Desks, tmp_path: Path) -> ReleaseDesk:
    return ReleaseDesk(database=desks.database, trail=desks.trail, home=tmp_path / "home", signing_key=key)


@pytest.fixture
def order(desks: Desks, desk: ReleaseDesk) -> str:
    """Name of an order whose table waits for release."""
    name = running_order(desks)
    desk.take_in(name.rpartition("/")[2], protected_example(), context(name), counted=counted_example())
    return name


def running_order(desks: Desks) -> str:
    name = desks.file_waiting_for_approval().name
    with desks.database.transaction() as session:
        for state, by in ((OrderState.APPROVED, "officer"), (OrderState.RUNNING, "service")):
            order_id = name.rpartition("/")[2]
            move_order(session, order_id=order_id, to=state, by=by, reason="test", expected_etag=None)
    return name


def context(order: str) -> ReleaseContext:
    sets = [(one, None) for one in small_offer().sets.values()]
    lmed = register_text(shipped_registers()["lmed"], snapshot="lmed-7", data_until=date(2025, 12, 31))
    return context_of(
        load_order(ORDER),
        order=order,
        organisation_title="Swedeheart",
        indicator_sets=sets,
        policy=shipped_policies()["standard@1.0.0"],
        registers=[lmed],
        match_rate_band="98-100 %",
        software_version="0.1.0",
    ).model_copy(update={"formats": ("parquet", "csv")})


def etag(desks: Desks, order: str) -> str:
    with desks.database.reading() as session:
        return session.get_one(OrderRow, order.rpartition("/")[2]).etag


def state(desks: Desks, order: str) -> str:
    with desks.database.reading() as session:
        return session.get_one(OrderRow, order.rpartition("/")[2]).state


def actions(desks: Desks, order: str) -> list[str]:
    return [entry.action for entry in desks.trail.entries() if entry.subject == order]


def test_a_table_taken_in_waits_for_an_officer_and_is_not_delivered(
    desks: Desks, desk: ReleaseDesk, order: str
) -> None:
    assert state(desks, order) == OrderState.AWAITING_RELEASE
    assert not (desk.home / "releases" / "delivered").exists()
    with pytest.raises(NotFound):
        desk.find(ORDERER, order)


def test_taking_the_same_table_in_again_changes_nothing(desks: Desks, desk: ReleaseDesk, order: str) -> None:
    before = etag(desks, order)
    desk.take_in(order.rpartition("/")[2], protected_example(), context(order), counted=counted_example())
    assert etag(desks, order) == before
    assert actions(desks, order).count("release.take_in") == 1


def test_an_officer_sees_the_table_as_it_would_leave_and_why_cells_are_kept_back(
    desks: Desks, desk: ReleaseDesk, order: str
) -> None:
    seen = desk.review(OFFICER, order)
    assert seen.etag == etag(desks, order)
    assert seen.policy == "standard@1.0.0"
    assert seen.suppressed_by_reason["small_cell"] > 0
    assert seen.cells_suppressed < seen.cells
    assert (seen.lines, seen.lines_suppressed) == (15, 7)
    visby = [line for line in seen.preview_csv.splitlines() if ",Visby," in line]
    assert visby
    assert all(",NA,NA,NA,NA,NA,NA,suppressed," in line for line in visby)
    assert not seen.preview_truncated


def test_an_approved_table_is_delivered_whole_and_signed(desks: Desks, desk: ReleaseDesk, order: str) -> None:
    released = desk.approve(OFFICER, order, etag=etag(desks, order), reasoning="No person can be told.")
    manifest = verify_release(released.folder, trusted_keys=key().public)
    assert manifest.order == order
    assert manifest.policy.id == "standard"
    assert [one.snapshot for one in manifest.registers] == ["lmed-7"]
    assert ReleasedTable.from_parquet(released.folder / "table.parquet").table.equals(
        release(protected_example()).table
    )
    assert state(desks, order) == OrderState.RELEASED
    assert desk.find(ORDERER, order) == released
    assert actions(desks, order)[-1] == "release.approve"


def test_approving_again_gives_the_same_release(desks: Desks, desk: ReleaseDesk, order: str) -> None:
    before = etag(desks, order)
    first = desk.approve(OFFICER, order, etag=before, reasoning="Fine.")
    assert desk.approve(OFFICER, order, etag=before, reasoning="Fine.") == first
    assert actions(desks, order).count("release.approve") == 1


def test_an_officer_who_read_something_older_is_refused_and_nothing_is_delivered(
    desks: Desks, desk: ReleaseDesk, order: str
) -> None:
    with pytest.raises(Stale):
        desk.approve(OFFICER, order, etag="0123456789abcdef", reasoning="Fine.")
    assert state(desks, order) == OrderState.AWAITING_RELEASE
    assert not list((desk.home / "releases").glob("delivered/*"))


def test_nobody_lets_a_table_go_to_their_own_organisation(desks: Desks, desk: ReleaseDesk, order: str) -> None:
    for act in (
        lambda: desk.review(OWN_OFFICER, order),
        lambda: desk.approve(OWN_OFFICER, order, etag=etag(desks, order), reasoning="Fine."),
        lambda: desk.withhold(OWN_OFFICER, order, etag=etag(desks, order), reason="No."),
    ):
        with pytest.raises(NotPermitted):
            act()


def test_a_release_needs_reasons_in_words(desks: Desks, desk: ReleaseDesk, order: str) -> None:
    with pytest.raises(InputRefused, match="reasoning"):
        desk.approve(OFFICER, order, etag=etag(desks, order), reasoning="  ")


def test_a_withheld_table_never_leaves(desks: Desks, desk: ReleaseDesk, order: str) -> None:
    before = etag(desks, order)
    desk.withhold(OFFICER, order, etag=before, reason="Too few hospitals.")
    desk.withhold(OFFICER, order, etag=before, reason="Too few hospitals.")
    assert state(desks, order) == OrderState.WITHHELD
    with pytest.raises(StateConflict):
        desk.approve(OFFICER, order, etag=etag(desks, order), reasoning="After all.")
    assert not list((desk.home / "releases").glob("delivered/*"))


def test_another_organisation_learns_nothing_of_a_release(desks: Desks, desk: ReleaseDesk, order: str) -> None:
    desk.approve(OFFICER, order, etag=etag(desks, order), reasoning="Fine.")
    with pytest.raises(NotFound, match="no order of that name"):
        desk.find(STRANGER, order)


def test_a_stored_table_that_was_changed_is_not_delivered(desks: Desks, desk: ReleaseDesk, order: str) -> None:
    path = next((desk.home / "releases" / "waiting").iterdir())
    content = bytearray(path.read_bytes())
    content[100] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputRefused, match="not what was stored"):
        desk.approve(OFFICER, order, etag=etag(desks, order), reasoning="Fine.")
    assert state(desks, order) == OrderState.AWAITING_RELEASE


def test_a_full_disk_releases_nothing_and_leaves_nothing(
    desks: Desks, desk: ReleaseDesk, order: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_room(*_: object) -> None:
        raise StorageFull("no room left on the disk; nothing was changed.")

    monkeypatch.setattr(delivery_module, "publish_folder", no_room)
    with pytest.raises(StorageFull):
        desk.approve(OFFICER, order, etag=etag(desks, order), reasoning="Fine.")
    monkeypatch.undo()
    assert list((desk.home / "releases" / "delivered").iterdir()) == []
    assert state(desks, order) == OrderState.AWAITING_RELEASE
    desk.approve(OFFICER, order, etag=etag(desks, order), reasoning="Fine.")


KILLED_BETWEEN_FOLDER_AND_ROW = """
import os, signal, sys
from pathlib import Path
from linkage.signatures import SigningKeyPair
from linkage_server.audit.trail import AuditTrail
from linkage_server.release import release_desk
from linkage_server.storage.database import Database
from tests.support.order_desk import OFFICER
url, home, order, etag = sys.argv[1:]
write = release_desk.write_delivery
def write_and_die(*arguments, **named):
    write(*arguments, **named)
    os.kill(os.getpid(), signal.SIGKILL)
release_desk.write_delivery = write_and_die
database = Database(url)
desk = release_desk.ReleaseDesk(database, AuditTrail(database), Path(home), SigningKeyPair.generate)
desk.approve(OFFICER, order, etag=etag, reasoning="Fine.")
"""


@pytest.mark.parametrize("restart", ["recovers first", "approves at once"])
def test_killed_between_folder_and_row_a_restart_removes_the_folder_or_delivers_anew(
    desks: Desks, desk: ReleaseDesk, order: str, database_url: str, restart: str
) -> None:
    before = etag(desks, order)
    search = os.pathsep.join(str(ROOT / part) for part in (".", "core", "server", "client"))
    done = subprocess.run(
        [sys.executable, "-c", KILLED_BETWEEN_FOLDER_AND_ROW, database_url, str(desk.home), order, before],
        env=os.environ | {"PYTHONPATH": search},
        cwd=ROOT,
        check=False,
        capture_output=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert state(desks, order) == OrderState.AWAITING_RELEASE
    left = list((desk.home / "releases" / "delivered").iterdir())
    assert len(left) == 1
    with pytest.raises(NotFound):
        desk.find(ORDERER, order)
    if restart == "recovers first":
        assert desk.recover() == [left[0].name]
        assert list((desk.home / "releases" / "delivered").iterdir()) == []
    released = desk.approve(OFFICER, order, etag=before, reasoning="Fine.")
    verify_release(released.folder, trusted_keys=key().public)
    assert desk.recover() == []
    verify_release(released.folder, trusted_keys=key().public)

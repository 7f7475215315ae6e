"""What officers change of a waiting table is a version of its own: proved, on the record, and alone released."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa

from linkage.disclosure_policy import shipped_policies
from linkage.errors import InputRefused, LinkageError, NotFound, NotPermitted, Stale, StateConflict
from linkage.order import OrderState
from linkage.released_table import ReleasedTable, verify_release
from linkage_core.disclosure.protected_table import SEAL
from linkage_server.release.context import ReleaseContext
from linkage_server.release.recipe import HiddenCell, Recipe, Step
from linkage_server.release.release_desk import AwaitsOfficer, Released
from linkage_server.release.table_versions import NewVersion, add_version, chosen_version, load_table
from linkage_server.storage.database import Database
from linkage_server.storage.tables import TableVersionRow
from tests.support.order_desk import ORDERER
from tests.support.review_desks import (
    ANNA,
    ANNA_AGAIN,
    BO,
    NAMELESS,
    OPERATOR,
    OWN_OFFICER,
    WaitingTable,
    key,
    waiting_table,
)

ROOT = Path(__file__).resolve().parents[2]
TWO_OFFICERS = shipped_policies()["standard@1.0.0"].model_copy(update={"id": "two", "officers_to_release": 2})
WITHOUT_SEX = Step(dimension="sex")
LUND_MEN = HiddenCell(kind="persons", key="statin/yes", at=(("hospital", "Lund"), ("sex", "man")))


@pytest.fixture
def waiting(database: Database, tmp_path: Path) -> WaitingTable:
    return waiting_table(database, tmp_path / "home")


@pytest.fixture
def for_two(database: Database, tmp_path: Path) -> WaitingTable:
    return waiting_table(database, tmp_path / "home", policy=TWO_OFFICERS)


def approve(waiting: WaitingTable, officer=ANNA) -> Released | AwaitsOfficer:
    return waiting.release.approve(officer, waiting.order, etag=waiting.etag, reasoning="Nobody is told.")


def delivered(waiting: WaitingTable) -> ReleasedTable:
    released = approve(waiting)
    assert isinstance(released, Released)
    verify_release(released.folder, trusted_keys=key().public)
    return ReleasedTable.from_parquet(released.folder / "table.parquet")


def first(waiting: WaitingTable) -> str:
    return waiting.review.versions(ANNA, waiting.order)[0].sha256


def coarsen(waiting: WaitingTable, *steps: Step, **changes):
    return waiting.review.change(
        ANNA, waiting.order, etag=changes.pop("etag", waiting.etag), reasoning="Few women.", steps=steps, **changes
    )


def test_the_runs_own_table_is_the_first_version(waiting: WaitingTable) -> None:
    (first,) = waiting.review.versions(ANNA, waiting.order)
    assert (first.version, first.officer, first.recipe, first.chosen) == (1, "", Recipe(), True)


def test_a_coarser_table_is_chosen_and_released_and_says_so(waiting: WaitingTable) -> None:
    made = coarsen(waiting, WITHOUT_SEX)
    assert (made.version, made.officer, made.chosen) == (2, "holder/Anna Berg", True)
    assert made.measures is not None
    assert made.measures["unproved"] == 0
    table = delivered(waiting)
    assert [one.name for one in table.dimensions] == ["hospital"]
    manifest = verify_release(
        next((waiting.release.home / "releases" / "delivered").iterdir()), trusted_keys=key().public
    )
    assert manifest.coarsened == ("sex: left out",)
    assert [one.version for one in waiting.review.versions(ANNA, waiting.order)] == [1, 2]
    assert [action for _, action in waiting.actions()][-2:] == ["release.coarsen", "release.approve"]


def test_an_earlier_version_can_be_chosen_again(waiting: WaitingTable) -> None:
    coarsen(waiting, WITHOUT_SEX)
    waiting.review.choose(ANNA, waiting.order, etag=waiting.etag, version=1)
    assert [one.chosen for one in waiting.review.versions(ANNA, waiting.order)] == [True, False]
    assert [one.name for one in delivered(waiting).dimensions] == ["hospital", "sex"]


def test_joined_levels_stand_under_their_new_name(waiting: WaitingTable) -> None:
    levels = (("Falun", "Dalarna"), ("Lund", "Lund"), ("Mora", "Dalarna"), ("Visby", "Visby"))
    coarsen(waiting, Step(dimension="hospital", levels=levels))
    assert set(delivered(waiting).table["hospital"].to_pylist()) == {"Dalarna", "Lund", "Visby", "total"}


def test_a_cell_that_is_hidden_by_hand_is_blank_with_partners_and_looks_like_all(waiting: WaitingTable) -> None:
    before = waiting.release.review(ANNA, waiting.order).lines_suppressed
    made = waiting.review.change(
        ANNA, waiting.order, etag=waiting.etag, reasoning="Known from the local paper.", hide=[LUND_MEN]
    )
    assert made.suppressed_by_reason["hidden_by_hand"] == 1
    assert made.measures is not None
    assert made.measures["unproved"] == 0
    table = delivered(waiting)
    rows = {(row["hospital"], row["sex"]): row for row in table.table.to_pylist()}
    assert rows["Lund", "man"]["status"] == "suppressed"
    assert rows["Lund", "man"]["reason"] == "small_cell_protection"
    assert table.table["status"].to_pylist().count("suppressed") > before
    assert waiting.actions()[-2] == ("holder/Anna Berg", "release.hide")


def test_changes_add_up_and_may_start_from_any_version(waiting: WaitingTable) -> None:
    hide = {"reasoning": "Known.", "hide": [LUND_MEN]}
    waiting.review.change(ANNA, waiting.order, etag=waiting.etag, **hide)
    with pytest.raises(NotFound):
        coarsen(waiting, WITHOUT_SEX)
    made = coarsen(waiting, WITHOUT_SEX, base=1)
    assert (made.version, made.recipe.hidden) == (3, ())


def test_what_changes_nothing_or_is_not_there_is_refused(waiting: WaitingTable) -> None:
    with pytest.raises(InputRefused, match="nothing would change"):
        coarsen(waiting)
    with pytest.raises(InputRefused, match="no dimension 'age'"):
        coarsen(waiting, Step(dimension="age"))
    with pytest.raises(NotFound):
        cell = HiddenCell(kind="persons", key="statin/yes", at=(("hospital", "Ystad"),))
        waiting.review.change(ANNA, waiting.order, etag=waiting.etag, reasoning="Known.", hide=[cell])
    with pytest.raises(InputRefused, match="reasoning"):
        waiting.review.change(ANNA, waiting.order, etag=waiting.etag, reasoning=" ", steps=[WITHOUT_SEX])
    with pytest.raises(NotFound, match="no version 7"):
        waiting.review.choose(ANNA, waiting.order, etag=waiting.etag, version=7)
    assert len(waiting.review.versions(ANNA, waiting.order)) == 1


def test_who_read_an_older_table_can_neither_change_nor_release_it(waiting: WaitingTable) -> None:
    old = waiting.etag
    coarsen(waiting, WITHOUT_SEX)
    with pytest.raises(Stale):
        coarsen(waiting, Step(dimension="hospital"), etag=old)
    with pytest.raises(Stale):
        waiting.review.choose(BO, waiting.order, etag=old, version=1)
    with pytest.raises(Stale):
        waiting.release.approve(BO, waiting.order, etag=old, reasoning="Fine.")
    assert waiting.state == OrderState.AWAITING_RELEASE


def test_after_a_release_nothing_is_changed(waiting: WaitingTable) -> None:
    approve(waiting)
    with pytest.raises(StateConflict):
        coarsen(waiting, WITHOUT_SEX)
    with pytest.raises(StateConflict):
        waiting.review.choose(ANNA, waiting.order, etag=waiting.etag, version=1)


@pytest.mark.parametrize(
    "caller", [OPERATOR, ORDERER, OWN_OFFICER], ids=["operator", "orderer", "officer of the orderer"]
)
def test_others_than_officers_of_the_holder_are_refused_everything(waiting: WaitingTable, caller) -> None:
    desk, order, etag = waiting.review, waiting.order, waiting.etag
    for act in (
        lambda: desk.open(caller, order),
        lambda: desk.versions(caller, order),
        lambda: desk.audit(caller, order),
        lambda: desk.note_counts_read(caller, order),
        lambda: desk.choose(caller, order, etag=etag, version=1),
        lambda: desk.change(caller, order, etag=etag, reasoning="Mine.", steps=[WITHOUT_SEX]),
    ):
        with pytest.raises(NotPermitted):
            act()
    assert waiting.etag == etag


def test_two_officers_are_needed_where_the_policy_says_so(for_two: WaitingTable) -> None:
    first = approve(for_two, ANNA)
    assert first == AwaitsOfficer(for_two.order, 1)
    assert for_two.state == OrderState.AWAITING_RELEASE
    assert not list((for_two.release.home / "releases").glob("delivered/*"))
    assert for_two.release.review(BO, for_two.order).approved_by == ("holder/Anna Berg",)
    assert isinstance(approve(for_two, BO), Released)
    assert for_two.actions()[-2:] == [
        ("holder/Anna Berg", "release.approve_first"),
        ("holder/Bo Ek", "release.approve"),
    ]


@pytest.mark.parametrize("again", [ANNA, ANNA_AGAIN], ids=["same", "written otherwise"])
def test_the_same_officer_twice_is_refused(for_two: WaitingTable, again) -> None:
    approve(for_two, ANNA)
    with pytest.raises(NotPermitted, match="same officer"):
        approve(for_two, again)
    assert for_two.state == OrderState.AWAITING_RELEASE


def test_a_certificate_without_a_person_is_no_second_officer(for_two: WaitingTable) -> None:
    with pytest.raises(NotPermitted, match="names no person"):
        approve(for_two, NAMELESS)


def test_an_approval_is_of_one_version_only(for_two: WaitingTable) -> None:
    approve(for_two, ANNA)
    coarsen(for_two, WITHOUT_SEX)
    assert approve(for_two, BO) == AwaitsOfficer(for_two.order, 1)
    assert isinstance(approve(for_two, ANNA), Released)


def test_counts_of_what_is_never_released_are_gone_after_the_next_start(waiting: WaitingTable) -> None:
    folder = waiting.release.home / "releases" / "counts"
    waiting.release.recover()
    assert [path.name for path in folder.iterdir()] == [f"{waiting.order_id}.arrow"]
    waiting.release.withhold(ANNA, waiting.order, etag=waiting.etag, reason="Too few hospitals.")
    waiting.release.recover()
    assert list(folder.iterdir()) == []
    with pytest.raises(NotFound, match="kept no counts"):
        waiting.review.open(ANNA, waiting.order)


def test_a_table_beside_earlier_releases_is_not_changed_from_counts(waiting: WaitingTable) -> None:
    table = load_table(waiting.release.home, file=f"releases/waiting/{waiting.order_id}.parquet", sha256=first(waiting))
    with waiting.desks.database.transaction() as session:
        context = ReleaseContext.model_validate(chosen_version(session, waiting.order_id).description)
        bare = NewVersion.of(replace(table, hidden=None, seal=SEAL), context, recipe=Recipe())
        add_version(session, waiting.release.home, waiting.order_id, bare)
    with pytest.raises(StateConflict, match="earlier releases"):
        coarsen(waiting, WITHOUT_SEX)


def test_versions_cannot_be_changed_in_the_database(waiting: WaitingTable) -> None:
    with pytest.raises(LinkageError), waiting.desks.database.transaction() as session:
        session.execute(sa.update(TableVersionRow).values(reasoning="other"))


KILLED = """
import os, signal, sys
from pathlib import Path
from linkage_server.reviews import review_desk
from linkage_server.release import table_versions
from linkage_core.disclosure.protected_table import SEAL
from linkage_server.release.context import ReleaseContext
from linkage_server.release.recipe import Step
from linkage_server.release.table_versions import NewVersion, add_version, chosen_version, load_table
from linkage_server.storage.database import Database
from tests.support.review_desks import ANNA, rooms
url, home, order, etag, module, place = sys.argv[1:]
owner = {"review_desk": review_desk, "table_versions": table_versions}[module]
real = getattr(owner, place)
def act_and_die(*arguments, **named):
    real(*arguments, **named)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(owner, place, act_and_die)
_, review = rooms(Database(url), Path(home))
review.change(ANNA, order, etag=etag, reasoning="Few women.", steps=[Step(dimension="sex")])
"""


@pytest.mark.parametrize(
    "place",
    ["table_versions:write_atomically", "table_versions:choose", "review_desk:add_version", "review_desk:keep_state"],
)
def test_killed_anywhere_in_a_change_the_table_is_as_it_was(
    waiting: WaitingTable, database_url: str, place: str
) -> None:
    before = waiting.etag
    search = os.pathsep.join(str(ROOT / part) for part in (".", "core", "server", "client"))
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            KILLED,
            database_url,
            str(waiting.release.home),
            waiting.order,
            before,
            *place.split(":"),
        ],
        env=os.environ | {"PYTHONPATH": search},
        cwd=ROOT,
        check=False,
        capture_output=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert waiting.etag == before
    assert len(waiting.review.versions(ANNA, waiting.order)) == 1
    assert [action for _, action in waiting.actions()][-1] == "release.take_in"
    waiting.release.recover()
    folder = waiting.release.home / "releases" / "waiting"
    assert [path.name for path in folder.iterdir()] == [f"{waiting.order_id}.parquet"]
    assert coarsen(waiting, WITHOUT_SEX, etag=before).version == 2
    waiting.desks.trail.verify()


KILLED_IN_APPROVAL = """
import os, signal, sys
from pathlib import Path
from linkage_server.release import release_desk
from linkage_server.storage.database import Database
from tests.support.review_desks import ANNA, rooms
url, home, order, etag = sys.argv[1:]
real = release_desk.add_approval
def act_and_die(*arguments, **named):
    real(*arguments, **named)
    os.kill(os.getpid(), signal.SIGKILL)
release_desk.add_approval = act_and_die
release, _ = rooms(Database(url), Path(home))
release.approve(ANNA, order, etag=etag, reasoning="Fine.")
"""


def test_killed_in_a_first_approval_nobody_has_approved(for_two: WaitingTable, database_url: str) -> None:
    search = os.pathsep.join(str(ROOT / part) for part in (".", "core", "server", "client"))
    done = subprocess.run(
        [
            *(sys.executable, "-c", KILLED_IN_APPROVAL),
            *(database_url, str(for_two.release.home), for_two.order, for_two.etag),
        ],
        env=os.environ | {"PYTHONPATH": search},
        cwd=ROOT,
        check=False,
        capture_output=True,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    assert for_two.release.review(BO, for_two.order).approved_by == ()
    assert [action for _, action in for_two.actions()][-1] == "release.take_in"
    assert approve(for_two, ANNA) == AwaitsOfficer(for_two.order, 1)
    assert isinstance(approve(for_two, BO), Released)

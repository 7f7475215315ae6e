"""The release ledger: whose past a release is, what a table is laid beside, what may not be released any more."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from pyroaring import BitMap

from linkage.errors import DisclosureRefused, ServiceUnavailable, StateConflict
from linkage.order_states import OrderState
from linkage_core.disclosure import to_bytes
from linkage_core.release_history import CellStates, Members
from linkage_server.ledger.entry_file import Entry
from linkage_server.ledger.person_numbers import LEDGER
from linkage_server.ledger.release_ledger import NewEntry, PlannedEarlier, ReleaseLedger
from linkage_server.storage.database import Database
from linkage_server.storage.tables import LedgerEntryRow, OrderRow, OrganisationRow, ProtectedTableRow, ReleaseRow
from tests.support.protected_example import protected_example

BEGAN = datetime(2026, 11, 2, 9, tzinfo=UTC)
DATA = {"lmed": "a", "dors": "b", "": "h"}
TABLE = to_bytes(protected_example())


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database, copied by each test."""
    path = tmp_path_factory.mktemp("ledger") / "empty.sqlite"
    database = Database(f"sqlite:///{path}", clock=lambda: BEGAN)
    database.migrate()
    database.close()
    return path


@dataclass
class Desk:
    """A ledger, and orders that are entered in it."""

    ledger: ReleaseLedger
    hours: int = 0
    planned: dict[str, tuple[PlannedEarlier, ...]] = field(default_factory=dict)

    def enter(
        self,
        order: str,
        people: Sequence[int] | Members,
        *,
        organisation: str = "heart",
        layout: str = "m",
        data: Mapping[str, str] = DATA,
        table: bytes = b"",
        band: str = "",
        state: OrderState = OrderState.RELEASED,
        entry: bool = True,
    ) -> None:
        """Run an order beside what the ledger knows, and release it."""
        members = people if isinstance(people, Members) else members_of(people)
        with self.ledger.database.transaction() as session:
            if session.get(OrganisationRow, organisation) is None:
                session.add(OrganisationRow(organisation=organisation, title="", created_at=BEGAN))
                session.flush()
            session.add(order_row(order, organisation, state))
            session.flush()
            content = table or order.encode()
            path = self.ledger.home / f"{order}.parquet"
            path.write_bytes(content)
            hashed = sha256(content).hexdigest()
            session.add(table_row(order, path.name, hashed))
            if entry:
                new = NewEntry(Entry(members, STATES, band), layout, self.planned.get(order, ()), data)
                self.ledger.record(session, order, new, table_sha256=hashed)
            if state is OrderState.RELEASED:
                self.release(order, session)

    def release(self, order: str, session: object) -> None:
        self.hours += 24
        session.add(  # type: ignore[attr-defined]
            ReleaseRow(
                release_id=f"{order}-1",
                order_id=order,
                folder="",
                manifest_sha256="",
                decider="",
                reasoning="",
                released_at=BEGAN + timedelta(hours=self.hours),
            )
        )

    def earlier(self, organisation: str = "heart", *, layout: str = "m", data: Mapping[str, str] = DATA) -> list[str]:
        return [one.release for one in self.ledger.earlier(organisation, layout_sha256=layout, data=data)]

    def beside(
        self, people: Sequence[int] | Members, *, layout: str = "m", data: Mapping[str, str] = DATA
    ) -> tuple[list[str], bool, str] | None:
        """Releases that a table is laid beside, whether it repeats the last, and the match rate said again."""
        planned = self.ledger.earlier("heart", layout_sha256=layout, data=data)
        members = people if isinstance(people, Members) else members_of(people)
        found = self.ledger.beside(planned, members, unite=lambda same: same)
        if found is None:
            return None
        return [one.name for one in found.tables], found.repeats_last, found.match_rate_band

    def overtaken(self, order: str) -> bool:
        with self.ledger.database.transaction() as session:
            try:
                self.ledger.refuse_overtaken(session, order)
            except StateConflict:
                return True
        return False


@pytest.fixture
def desk(migrated: Path, tmp_path: Path) -> Iterator[Desk]:
    shutil.copy(migrated, tmp_path / "d.sqlite")
    database = Database(f"sqlite:///{tmp_path / 'd.sqlite'}", clock=lambda: BEGAN)
    yield Desk(ReleaseLedger(database, tmp_path, together=(("heart", "lungs"), ("lungs", "liver"))))
    database.close()


def members_of(people: Sequence[int], *, users: Sequence[int] = (), **levels: Sequence[int]) -> Members:
    return Members(
        {"population": (BitMap(people),), "users": (BitMap(users),)},
        {"population": ("", ()), "users": ("", ())},
        {"sex": {level: BitMap(own) for level, own in levels.items()}},
    )


STATES = CellStates({}, (), (), *(np.empty(0, np.int64),) * 3, *(np.empty(0, np.bool_),) * 2)


def order_row(order: str, organisation: str, state: OrderState) -> OrderRow:
    empty = dict.fromkeys(("document", "document_sha256", "title", "purpose", "etag", "policy", "policy_sha256"), "")
    return OrderRow(
        order_id=order, organisation=organisation, state=state.value, created_at=BEGAN, updated_at=BEGAN, **empty
    )


def table_row(order: str, file: str, hashed: str) -> ProtectedTableRow:
    return ProtectedTableRow(
        order_id=order,
        file=file,
        sha256=hashed,
        policy="",
        policy_sha256="",
        cells=0,
        cells_suppressed=0,
        suppressed_by_reason={},
        description={},
        created_at=BEGAN,
    )


EVERYBODY = range(100)


def test_the_past_of_an_organisation_is_what_its_recipients_were_released_oldest_first(desk: Desk) -> None:
    assert desk.ledger.recipients("heart") == {"heart", "lungs"}
    assert desk.ledger.recipients("lungs") == {"heart", "lungs", "liver"}
    assert desk.ledger.recipients("skin") == {"skin"}
    for order, organisation in (("z", "heart"), ("b", "lungs"), ("c", "liver"), ("a", "heart"), ("s", "skin")):
        desk.enter(order, EVERYBODY, organisation=organisation)
    desk.enter("w", EVERYBODY, state=OrderState.WITHHELD)
    assert desk.earlier("heart") == ["z-1", "b-1", "a-1"]
    assert desk.earlier("liver") == ["b-1", "c-1"]
    assert desk.earlier("skin") == ["s-1"]


def test_an_earlier_release_is_pinned_with_its_day_its_files_and_what_it_shares(desk: Desk) -> None:
    desk.enter("a", EVERYBODY, layout="m")
    (one,) = desk.ledger.earlier("heart", layout_sha256="m", data=DATA)
    assert (one.release, one.released_on) == ("a-1", (BEGAN + timedelta(days=1)).date())
    assert (one.table_file, one.table_sha256) == ("a.parquet", sha256(b"a").hexdigest())
    assert sha256((desk.ledger.home / one.file).read_bytes()).hexdigest() == one.sha256
    assert (one.same_table, one.same_data, one.by_officer) == (True, True, False)
    for layout in ("l", "n"):
        (other,) = desk.ledger.earlier("heart", layout_sha256=layout, data=DATA)
        assert not other.same_table


@pytest.mark.parametrize(
    ("data", "same"),
    [
        ({"lmed": "a", "": "h"}, True),
        ({"lmed": "a", "dors": "b", "": "h", "par": "c"}, True),
        ({"lmed": "0", "": "h"}, False),
        ({"lmed": "z", "": "h"}, False),
        ({"lmed": "a", "": "i"}, False),
    ],
)
def test_data_are_the_same_if_all_that_both_read_was(desk: Desk, data: dict[str, str], same: bool) -> None:
    desk.enter("a", EVERYBODY)
    assert [one.same_data for one in desk.ledger.earlier("heart", layout_sha256="m", data=data)] == [same]


def test_an_earlier_release_is_of_the_same_table_in_other_data_unless_told_otherwise() -> None:
    one = PlannedEarlier(
        release="a-1", released_on=BEGAN.date(), file="f", sha256="1", table_file="t", table_sha256="2"
    )
    assert (one.by_officer, one.same_table, one.same_data) == (False, True, False)
    with pytest.raises(ValueError, match="frozen"):
        one.same_data = True  # type: ignore[misc]


def test_a_table_that_an_officer_changed_is_told_as_such(desk: Desk) -> None:
    for changed in ("0" * 64, "f" * 64):
        desk.enter(f"a{changed[0]}", EVERYBODY)
        with desk.ledger.database.transaction() as session:
            session.get_one(ProtectedTableRow, f"a{changed[0]}").sha256 = changed
    assert [one.by_officer for one in desk.ledger.earlier("heart", layout_sha256="m", data=DATA)] == [True, True]
    with pytest.raises(DisclosureRefused):
        desk.beside(EVERYBODY)


def test_without_people_in_common_nothing_is_laid_beside(desk: Desk) -> None:
    assert desk.beside(EVERYBODY) is None
    desk.enter("a", range(100, 200), table=TABLE)
    assert desk.beside(EVERYBODY) is None
    assert desk.beside(range(50, 101)) == (["a-1"], False, "")


def test_releases_that_do_not_count_are_passed_over_for_later_ones(desk: Desk) -> None:
    desk.enter("others", range(100, 200), table=TABLE)
    desk.enter("a", range(90), table=TABLE)
    desk.enter("same", range(100), layout="other")
    desk.enter("few", range(40), layout="other")
    desk.enter("b", range(80), table=TABLE)
    assert desk.beside(range(100)) == (["b-1", "a-1"], True, "")


def test_an_entry_with_another_hash_is_damaged_whichever_of_both_is_the_greater(desk: Desk) -> None:
    desk.enter("a", range(100), table=TABLE)
    (file,) = (desk.ledger.home / LEDGER).glob("*.arrow")
    content = file.read_bytes()
    others = sorted((content + more.to_bytes(2, "big") for more in range(5000)), key=lambda one: sha256(one).digest())
    assert sha256(others[0]).digest() < sha256(content).digest() < sha256(others[-1]).digest()
    for other in (others[0], others[-1]):
        file.write_bytes(other)
        with pytest.raises(ServiceUnavailable):
            desk.ledger.check()


def test_of_releases_of_one_table_the_likest_comes_last_of_equals_the_latest(desk: Desk) -> None:
    desk.enter("a", range(90), table=TABLE, band="90-95 %")
    desk.enter("b", range(100), table=TABLE, band="95-100 %")
    desk.enter("c", range(60), table=TABLE, band="80-90 %")
    assert desk.beside(range(100)) == (["a-1", "c-1", "b-1"], True, "95-100 %")
    assert desk.beside(range(50)) == (["a-1", "b-1", "c-1"], True, "80-90 %")
    desk.enter("d", range(100), table=TABLE, band="85-90 %")
    assert desk.beside(range(100)) == (["a-1", "b-1", "c-1", "d-1"], True, "85-90 %")


@pytest.mark.parametrize(("common", "repeats"), [(50, True), (49, False)])
def test_nearly_the_same_people_are_half_of_all_who_are_in_either(desk: Desk, common: int, repeats: bool) -> None:
    desk.enter("a", range(100), table=TABLE, band="95-100 %")
    # The other population is a part of this one: `common` of 100 are in both.
    assert desk.beside(range(common)) == (["a-1"], repeats, "95-100 %" if repeats else "")


@pytest.mark.parametrize(("common", "beside"), [(50, True), (49, False)])
def test_another_table_counts_if_its_people_are_nearly_the_same(desk: Desk, common: int, beside: bool) -> None:
    desk.enter("a", range(100), layout="other")
    assert desk.beside(range(common)) == ((["a-1"], False, "") if beside else None)


def test_another_table_of_the_same_people_in_the_same_data_tells_nothing_of_who_moved(desk: Desk) -> None:
    desk.enter("a", range(100), layout="other")
    assert desk.beside(range(100)) is None
    assert desk.beside(range(100), data=DATA | {"lmed": "new"}) == (["a-1"], False, "")
    assert desk.beside(range(99)) == (["a-1"], False, "")


def test_the_same_table_is_laid_beside_the_other_ones_and_stays_the_last(desk: Desk) -> None:
    desk.enter("a", range(60), table=TABLE)
    desk.enter("b", range(99), layout="other")
    assert desk.beside(range(100)) == (["b-1", "a-1"], True, "")
    found = desk.ledger.beside(
        desk.ledger.earlier("heart", layout_sha256="m", data=DATA), members_of(range(100)), unite=lambda same: same
    )
    assert found is not None
    assert [one.printed is not None for one in found.tables] == [False, True]


def test_the_same_people_are_those_in_all_sets_and_levels_that_both_count(desk: Desk) -> None:
    own = members_of(range(100), users=range(10), man=range(50), woman=range(50, 100))
    desk.enter("a", own, layout="other")
    assert desk.beside(own) is None
    assert desk.beside(replace(own, levels={})) is None
    assert desk.beside(replace(own, sets={"population": own.sets["population"]})) is None
    more = dict(own.levels["sex"]) | {"other": BitMap()}
    assert desk.beside(replace(own, levels={"sex": more, "age": {"old": BitMap()}})) is None
    # One user more, or one who became a man.
    assert desk.beside(members_of(range(100), users=range(11), man=range(50), woman=range(50, 100)))
    assert desk.beside(members_of(range(100), users=range(10), man=range(51), woman=range(51, 100)))
    assert desk.beside(members_of(range(100), users=range(10), man=range(51), woman=range(50, 100)))
    assert desk.beside(members_of(range(100), users=range(10), man=range(49), woman=range(50, 100)))


def test_the_same_table_with_other_sets_or_periods_is_refused(desk: Desk) -> None:
    own = members_of(range(100))
    desk.enter("a", own, table=TABLE)
    assert desk.beside(own) == (["a-1"], True, "")
    with pytest.raises(DisclosureRefused):
        desk.beside(replace(own, sets=dict(own.sets) | {"more": (BitMap(),)}))
    with pytest.raises(DisclosureRefused):
        desk.beside(replace(own, periods=dict(own.periods) | {"users": ("year", ("2020",))}))
    # Without people in common nobody asks.
    other = members_of(range(200, 300))
    assert desk.beside(replace(other, sets=dict(other.sets) | {"more": (BitMap(),)})) is None


def test_another_table_with_other_sets_is_laid_beside(desk: Desk) -> None:
    own = members_of(range(99))
    desk.enter("a", replace(own, sets=dict(own.sets) | {"more": (BitMap(),)}), layout="other")
    assert desk.beside(range(100)) == (["a-1"], False, "")


def test_a_release_that_came_between_stops_one_that_was_not_laid_beside_it(desk: Desk) -> None:
    desk.enter("a", range(100), state=OrderState.WITHHELD)
    assert not desk.overtaken("a")
    assert not desk.overtaken("never entered")
    desk.enter("b", range(100, 200))
    desk.enter("c", range(100), organisation="skin")
    assert not desk.overtaken("a")
    desk.enter("d", [0, *range(300, 400)])
    assert desk.overtaken("a")


@pytest.mark.parametrize(
    ("people", "data", "stops"),
    [
        (range(50), DATA | {"lmed": "new"}, True),
        (range(60), DATA | {"lmed": "new"}, True),
        (range(49), DATA | {"lmed": "new"}, False),
        (range(100), DATA, False),
    ],
)
def test_another_table_between_stops_one_of_nearly_the_same_people_in_other_data(
    desk: Desk, people: range, data: dict[str, str], stops: bool
) -> None:
    desk.enter("a", range(100), layout="m", state=OrderState.WITHHELD)
    for layout in ("l", "n"):
        desk.enter(layout, people, layout=layout, data=data)
    assert desk.overtaken("a") is stops


def test_a_release_that_the_table_was_laid_beside_or_that_is_the_same_table_stops_nothing(desk: Desk) -> None:
    desk.enter("a", range(99))
    desk.planned["b"] = desk.ledger.earlier("heart", layout_sha256="m", data=DATA)
    desk.enter("b", range(100), table=b"the table", state=OrderState.WITHHELD)
    assert not desk.overtaken("b")
    desk.enter("c", range(100), table=b"the table")
    assert not desk.overtaken("b")
    desk.enter("d", range(100), table=b"the tablf")
    desk.enter("e", range(100), table=b"")
    assert desk.overtaken("b")


def test_releases_without_an_entry_are_named(desk: Desk) -> None:
    desk.enter("old", EVERYBODY, entry=False)
    desk.enter("new", EVERYBODY)
    desk.enter("other", EVERYBODY, organisation="skin", entry=False)
    desk.enter("liver", EVERYBODY, organisation="liver", entry=False)
    desk.enter("also", EVERYBODY, organisation="lungs", entry=False)
    with desk.ledger.database.reading() as session:
        assert desk.ledger.without_entry(session, "heart") == ["also", "old"]


def test_each_file_is_checked_and_a_damaged_one_named(desk: Desk) -> None:
    desk.enter("a", EVERYBODY, table=TABLE)
    desk.enter("b", EVERYBODY)
    assert desk.ledger.check().startswith("2 entries and 0 files")
    (file,) = (desk.ledger.home / LEDGER).glob("b.*.arrow")
    content = file.read_bytes()
    for damaged in (content[:-1], b"", b"\x00" + content):
        file.write_bytes(damaged)
        with pytest.raises(ServiceUnavailable, match=file.name):
            desk.ledger.check()
    with pytest.raises(ServiceUnavailable, match="an entry of the release ledger"):
        desk.beside(EVERYBODY)
    file.unlink()
    with pytest.raises(ServiceUnavailable, match=file.name):
        desk.ledger.check()


def test_a_table_that_is_not_what_was_printed_is_not_laid_beside(desk: Desk) -> None:
    desk.enter("a", EVERYBODY, table=TABLE)
    (desk.ledger.home / "a.parquet").write_bytes(TABLE[:-1])
    with pytest.raises(ServiceUnavailable, match="an entry of the release ledger"):
        desk.beside(EVERYBODY)


def test_files_that_were_never_an_entry_are_taken_away(desk: Desk) -> None:
    desk.enter("a", EVERYBODY)
    folder = desk.ledger.home / LEDGER
    (folder / "half.arrow").write_bytes(b"")
    kept = {path.name for path in folder.iterdir()} - {"half.arrow"}
    with desk.ledger.database.transaction() as session:
        desk.ledger.sweep(session)
    assert {path.name for path in folder.iterdir()} == kept
    assert len(kept) == 1


def test_the_folder_of_the_ledger_is_its_owners_alone(desk: Desk) -> None:
    desk.enter("a", EVERYBODY)
    assert (desk.ledger.home / LEDGER).stat().st_mode & 0o777 == 0o700


def test_an_entry_tells_of_its_table_and_what_it_was_laid_beside(desk: Desk) -> None:
    desk.enter("a", EVERYBODY)
    desk.planned["b"] = desk.ledger.earlier("heart", layout_sha256="m", data=DATA)
    desk.enter("b", EVERYBODY, layout="n")
    with desk.ledger.database.reading() as session:
        row = session.get_one(LedgerEntryRow, "b")
        assert (row.layout_sha256, row.earlier, row.data) == ("n", ["a-1"], DATA)
        assert row.table_sha256 == sha256(b"b").hexdigest()

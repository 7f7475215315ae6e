"""The holder's own indicator sets: a broken file refuses itself alone, and a used version never changes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from linkage.errors import DefinitionRejected, Stale
from linkage.indicator_definition import IndicatorSet, load_indicator_set, shipped_sets
from linkage_server.checkup import check_sets
from linkage_server.orders.offer import Offer, load_offer
from linkage_server.orders.set_shelf import LARGEST_FILE, SetShelf
from linkage_server.orders.used_sets import UsedSet, remember_used, used_sets
from linkage_server.storage.database import Database, now
from tests.support.databases import Clock

SET = """
[set]
id = "mine"
version = "1.0.0"
[codes.statin]
atc_include = ["C10AA"]
[[indicator]]
id = "start"
kind = "initiation"
codes = "statin"
window = { from = 0, to = 90 }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "indicators").mkdir()
    return tmp_path


class Desk:
    """A folder whose file is written again and again, and a shelf that reads it."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "indicators" / "mine.toml"
        self.folder, self.shelf, self.used, self.writes = folder, SetShelf(), dict[str, UsedSet](), 0

    def write(self, text: str, name: str = "mine.toml") -> None:
        self.writes += 1
        file = self.file.with_name(name)
        file.write_text(text, encoding="utf-8")
        os.utime(file, ns=(self.writes, self.writes))

    def offer(self) -> Offer:
        standard = "standard@1.0.0"
        return load_offer(
            self.folder, standard_policy=standard, minimum_policy=standard, shelf=self.shelf, used=self.used
        )

    def use(self) -> IndicatorSet:
        definition = self.offer().sets["mine@1.0.0"]
        self.used["mine@1.0.0"] = UsedSet(definition, "mine.toml")
        return definition


def test_a_new_file_counts_at_once(folder: Path) -> None:
    desk = Desk(folder)
    assert "mine@1.0.0" not in desk.offer().sets
    desk.write(SET)
    assert "mine@1.0.0" in desk.offer().sets
    desk.write(SET.replace("1.0.0", "1.1.0"))
    assert {"mine@1.1.0"} == {name for name in desk.offer().sets if name.startswith("mine")}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[set]", "[set", "mine.toml: is not TOML"),
        ("initiation", "initation", "unknown kind 'initation'"),
        ("C10AA", "K10AA", "mine.toml: codes.statin.atc_include[1]: no code begins with 'K10AA'"),
        ('id = "mine"', 'id = "mine"\nowner = "191212121212"', "holds what looks like a personal identity number"),
    ],
)
def test_a_broken_file_is_told_and_what_it_said_before_stays(folder: Path, old: str, new: str, words: str) -> None:
    desk = Desk(folder)
    desk.write(SET)
    before = desk.offer().sets["mine@1.0.0"]
    desk.write(SET.replace(old, new))
    offer = desk.offer()
    (refused,) = offer.refused_sets
    assert words in refused.message
    assert (refused.file, refused.stays, bool(refused.mend)) == ("mine.toml", ("mine@1.0.0",), True)
    assert offer.sets["mine@1.0.0"] == before
    assert shipped_sets().keys() < offer.sets.keys()
    assert "191212121212" not in refused.message
    desk.write(SET)
    assert desk.offer().refused_sets == ()


def test_a_broken_file_is_refused_by_a_process_that_never_saw_it_whole(folder: Path) -> None:
    desk = Desk(folder)
    desk.write(SET.replace("initiation", "initation"))
    assert "mine@1.0.0" not in desk.offer().sets
    assert desk.offer().refused_sets[0].stays == ()


def test_a_used_version_that_changes_is_refused_and_stays_as_it_was(folder: Path) -> None:
    desk = Desk(folder)
    desk.write(SET)
    before = desk.use()
    desk.write(SET.replace("to = 90", "to = 91"))
    offer = desk.offer()
    assert offer.sets["mine@1.0.0"] == before
    assert "was used by orders and says something else now" in offer.refused_sets[0].message
    assert "new version" in offer.refused_sets[0].mend


def test_other_words_for_the_same_meaning_are_no_change(folder: Path) -> None:
    desk = Desk(folder)
    desk.write(SET)
    desk.use()
    desk.write(SET.replace("to = 90 }", "to = [90] }  # a comment"))
    assert desk.offer().refused_sets == ()


def test_a_used_version_stays_while_its_file_holds_a_newer_one_or_is_broken(folder: Path) -> None:
    desk = Desk(folder)
    desk.write(SET)
    desk.use()
    desk.write(SET.replace("1.0.0", "1.1.0").replace("to = 90", "to = 91"))
    assert {"mine@1.0.0", "mine@1.1.0"} <= desk.offer().sets.keys()
    desk.shelf = SetShelf()
    desk.write("broken")
    assert desk.offer().refused_sets[0].stays == ("mine@1.0.0",)
    desk.file.unlink()
    assert "mine@1.0.0" not in desk.offer().sets


def test_one_version_cannot_stand_in_two_files(folder: Path) -> None:
    desk = Desk(folder)
    desk.write(SET)
    desk.write(SET.replace("to = 90", "to = 91"), name="other.toml")
    (refused,) = desk.offer().refused_sets
    assert (refused.file, "stands in mine.toml too" in refused.message) == ("other.toml", True)


def test_a_shipped_version_that_was_used_cannot_be_replaced(folder: Path) -> None:
    desk = Desk(folder)
    shipped = shipped_sets()["national-drug-statistics@1.0.0"]
    desk.used[shipped.name] = UsedSet(shipped, "")
    desk.write(SET.replace('"mine"', '"national-drug-statistics"'))
    offer = desk.offer()
    assert offer.sets[shipped.name] == shipped
    assert offer.refused_sets[0].file == "mine.toml"


def test_what_was_used_is_kept_in_the_database(database: Database, clock: Clock) -> None:
    definition = load_indicator_set(SET)
    other = load_indicator_set(SET.replace("to = 90", "to = 91"))
    with database.transaction() as session:
        remember_used(session, definition, files={"mine@1.0.0": "mine.toml"})
        remember_used(session, definition, files={})
    assert used_sets(database) == {"mine@1.0.0": UsedSet(definition, "mine.toml")}
    with pytest.raises(Stale, match="has changed"), database.transaction() as session:
        assert now(session)
        remember_used(session, other, files={})


def test_the_doctor_tells_broken_files_and_warnings(folder: Path, clock: Clock) -> None:
    desk = Desk(folder)
    desk.write(SET)
    assert "mine.toml, set.owner: nobody stands behind the set." in check_sets(desk.offer, now=clock())
    desk.write("broken")
    with pytest.raises(DefinitionRejected, match=r"mine\.toml: is not TOML.*Still on offer: mine@1\.0\.0"):
        check_sets(desk.offer, now=clock())


def test_a_pipe_a_device_a_folder_and_a_huge_file_are_refused_and_not_waited_for(folder: Path) -> None:
    desk = Desk(folder)
    desk.write(SET)
    os.mkfifo(desk.file.with_name("pipe.toml"))
    desk.file.with_name("endless.toml").symlink_to("/dev/zero")
    desk.file.with_name("folder.toml").mkdir()
    with desk.file.with_name("huge.toml").open("wb") as huge:
        huge.truncate(LARGEST_FILE + 1)
    offer = desk.offer()
    assert "mine@1.0.0" in offer.sets
    assert {one.file: one.message for one in offer.refused_sets} == {
        "endless.toml": "endless.toml: is no plain file.",
        "folder.toml": "folder.toml: is no plain file.",
        "huge.toml": "huge.toml: is larger than 16 MiB.",
        "pipe.toml": "pipe.toml: is no plain file.",
    }


@pytest.mark.parametrize("name", ["own-19121212-1212.toml", "odd\udcff.toml", "two\nlines.toml"])
def test_a_file_whose_name_cannot_be_told_is_refused_without_it(folder: Path, name: str) -> None:
    desk = Desk(folder)
    desk.write(SET)
    desk.write(SET.replace("mine", "other"), name=name)
    offer = desk.offer()
    assert "mine@1.0.0" in offer.sets
    (refused,) = offer.refused_sets
    assert refused.file == "?.toml"
    assert "1212" not in refused.message
    refused.message.encode()

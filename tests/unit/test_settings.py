"""Settings and the home folder: errors that name the field, and doors that stay shut."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from linkage.errors import Conflict, DefinitionRejected, InputRefused, NotFound
from linkage_server.operations.home import FOLDERS, HomeFolder
from linkage_server.settings import DEFAULT_SETTINGS, Settings, load_settings


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_written_defaults_are_the_defaults(tmp_path: Path) -> None:
    assert load_settings(write(tmp_path, DEFAULT_SETTINGS)) == Settings()
    assert load_settings(write(tmp_path, "")) == Settings()


def test_every_setting_is_shown_in_the_written_defaults() -> None:
    for name in Settings.model_fields:
        section = getattr(Settings(), name)
        assert f"[{name}]" in DEFAULT_SETTINGS
        for field in type(section).model_fields:
            assert f"\n{field} = " in DEFAULT_SETTINGS, field


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("[listen]\nport = 70000", "listen.port"),
        ('[listen]\nport = "50051"', "listen.port"),
        ("[listen]\nprot = 1", "listen.prot"),
        ("colour = 1", "colour"),
        ('[database]\nurl = "mysql://x"', "database.url"),
        ('[database]\nurl = "sqlite:///relative"', "database.url"),
        ('[runs]\nmemory = "4GB"', "runs.memory"),
        ('[runs]\nmemory = "255MiB"', "runs.memory"),
        ("[runs]\nat_once = 0", "runs.at_once"),
        ("[limits]\npopulation_rows = 0", "limits.population_rows"),
        ('[holder]\norganisation = "The Holder"', "holder.organisation"),
        ('[disclosure]\nminimum_policy = "standard"', "disclosure.minimum_policy"),
    ],
)
def test_a_wrong_setting_is_named_with_its_file_and_a_mend(tmp_path: Path, text: str, field: str) -> None:
    with pytest.raises(DefinitionRejected) as caught:
        load_settings(write(tmp_path, text))
    assert f"settings.toml: {field}:" in caught.value.message
    assert caught.value.mend


@pytest.mark.parametrize(
    ("written", "each"), [("", 2 * 1024**3), ("4GiB", 1024**3), ("512 MiB", 128 * 1024**2), ("2TiB", 512 * 1024**3)]
)
def test_runs_share_the_memory_so_that_all_stay_below_the_limit(tmp_path: Path, written: str, each: int) -> None:
    runs = load_settings(write(tmp_path, f'[runs]\nmemory = "{written}"')).runs
    assert runs.memory_of_each(16 * 1024**3) == each
    assert runs.model_copy(update={"at_once": 1}).memory_of_each(16 * 1024**3) == 4 * each


def test_settings_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.toml", write(tmp_path, "a = ")):
        with pytest.raises(DefinitionRejected):
            load_settings(path)
    (tmp_path / "latin.toml").write_bytes(b'[holder]\ntitle = "\xd6"')
    with pytest.raises(DefinitionRejected, match="UTF-8"):
        load_settings(tmp_path / "latin.toml")


def test_the_state_lies_in_the_home_folder_unless_the_settings_say_otherwise(tmp_path: Path) -> None:
    assert Settings().database.url_for(tmp_path / "d.sqlite") == f"sqlite:///{tmp_path}/d.sqlite"
    set_ = load_settings(write(tmp_path, '[database]\nurl = "postgresql://linkage@db/linkage"'))
    assert set_.database.url_for(tmp_path / "d.sqlite") == "postgresql://linkage@db/linkage"


def test_a_home_folder_is_for_its_owner_only(tmp_path: Path) -> None:
    home = HomeFolder.create(tmp_path / "home", settings=DEFAULT_SETTINGS)
    for path in [home.root, *home.root.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    assert all((home.root / name).is_dir() for name in FOLDERS)
    opened = HomeFolder.open(tmp_path / "home")
    assert opened == home
    assert len(opened.page_key()) == 32


def test_a_home_folder_is_never_made_over_another(tmp_path: Path) -> None:
    HomeFolder.create(tmp_path / "home", settings=DEFAULT_SETTINGS)
    with pytest.raises(Conflict, match="not empty"):
        HomeFolder.create(tmp_path / "home", settings=DEFAULT_SETTINGS)


def test_a_folder_that_is_no_home_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="not a home folder") as caught:
        HomeFolder.open(tmp_path)
    assert "linkage-server init" in caught.value.mend


def test_keys_that_others_can_read_stop_the_service(tmp_path: Path) -> None:
    home = HomeFolder.create(tmp_path / "home", settings=DEFAULT_SETTINGS)
    (home.keys / "page-tokens.key").chmod(0o644)
    with pytest.raises(InputRefused, match="open to other users") as caught:
        HomeFolder.open(home.root)
    assert "chmod" in caught.value.mend

"""`linkage-server made-up` writes all that the way by hand needs, and says how to load it."""

from __future__ import annotations

import json
import re
from pathlib import Path

from typer.testing import CliRunner

from linkage.order import load_order
from linkage_client.populations import check
from linkage_server.__main__ import app
from linkage_server.settings import load_settings
from tests.support.small_disk import files_of_at_most


def test_files_for_a_trial_lie_where_the_commands_say(tmp_path: Path) -> None:
    folder = tmp_path / "made up"
    done = CliRunner().invoke(app, ["made-up", str(folder), "--dispensings", "50000"])
    assert done.exit_code == 0, done.output
    loads = re.findall(r"linkage-server register load (\w+) '([^']+)' --reference-date 2026-01-15", done.output)
    assert [name for name, _ in loads] == ["lmed", "lmed", "par_sv", "par_ov", "cancer", "dors"]
    assert all(Path(file).is_file() for _, file in loads)
    order = load_order(folder / "order.toml")
    assert check(folder / "population.csv", order=order).clean


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    done = CliRunner().invoke(app, ["made-up", str(tmp_path), "--json"])
    assert done.exit_code == 6
    assert json.loads(done.stdout)["error"]["mend"] == "Name a folder that is not there yet."
    assert [one.name for one in tmp_path.iterdir()] == ["mine.txt"]


def test_a_disk_without_room_leaves_no_half_of_the_files(tmp_path: Path) -> None:
    folder = tmp_path / "made-up"
    with files_of_at_most(100_000):
        done = CliRunner().invoke(app, ["made-up", str(folder), "--dispensings", "50000", "--json"])
    assert done.exit_code == 7, done.output
    error = json.loads(done.stdout)["error"]
    assert (error["reason"], error["facts"]) == ("STORAGE_FULL", {"path": str(folder)})
    assert "limit on the size of a file" in error["message"]
    assert not folder.exists()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = CliRunner().invoke(app, ["made-up", str(tmp_path / "file" / "folder")])
    assert done.exit_code == 7
    assert "cannot be made: Not a directory" in done.output


def test_the_service_of_a_trial_is_reached_where_it_listens(tmp_path: Path) -> None:
    home = tmp_path / "holder"
    assert CliRunner().invoke(app, ["init", str(home), "--demo"]).exit_code == 0
    listen = load_settings(home / "settings.toml").listen
    assert listen.port not in (0, 50051)
    assert listen.public_address == f"localhost:{listen.port}"

"""The slim client wheel: builds, installs where there is no compiler, and brings neither core nor server along."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent

IMPORTS = """
import sys
import linkage_client.__main__, linkage_client.api
import linkage.envelope, linkage.wire.v1.populations_pb2
strangers = [name for name in sys.modules if name.split(".")[0] in ("linkage_core", "linkage_server", "Cython")]
assert not strangers, strangers
assert linkage_client.__file__.startswith(sys.argv[1]), linkage_client.__file__
assert sys.modules["linkage"].__file__.startswith(sys.argv[1])
from linkage_client.__main__ import run
sys.exit(run(["check", "/nowhere.csv"]))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built with a PATH on which there is no compiler."""
    folder = tmp_path_factory.mktemp("wheel")
    environment = os.environ | {"PATH": "/nowhere", "CC": "/nowhere/cc"}
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", str(folder), str(ROOT / "client")],
        check=True,
        capture_output=True,
        env=environment,
        timeout=120,
    )
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_is_pure_and_holds_words_and_client_only(wheel: Path) -> None:
    assert wheel.name.endswith("-py3-none-any.whl")
    assert wheel.name.startswith("register_linkage_client-")
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"linkage", "linkage_client"}
    assert "linkage/wire/v1/envelope_pb2.py" in names
    assert any(name.startswith("linkage/definitions/registers/") for name in names)
    assert not [name for name in names if name.endswith((".so", ".pyx", ".c", ".pyc"))]


def test_it_runs_from_a_clean_folder_without_core_server_or_compiler(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    done = subprocess.run(  # noqa: PLW1510  the exit code is the answer
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, sys.argv[1])\n{IMPORTS}", str(tmp_path)],
        capture_output=True,
        text=True,
        env={"PATH": "/nowhere", "HOME": str(tmp_path)},
        cwd=tmp_path,
        timeout=60,
    )
    assert done.returncode == 3, done.stderr
    assert "there is no file" in done.stderr


def test_both_distributions_need_the_same_of_others() -> None:
    root = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    client = tomllib.loads((ROOT / "client" / "pyproject.toml").read_text())["project"]
    assert client["dependencies"] == root["dependencies"]
    assert client["version"] == root["version"]
    assert client["scripts"] == {"linkage": root["scripts"]["linkage"]}

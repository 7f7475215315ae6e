"""Imports point downward, stubs are fresh, every refusal is documented, every kernel has its stub and its twin."""

from __future__ import annotations

import ast
import importlib
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from google.rpc import code_pb2

from linkage import errors

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def refusals(root: type[errors.LinkageError] = errors.LinkageError) -> list[type[errors.LinkageError]]:
    found = []
    for child in root.__subclasses__():
        if child.__module__ == errors.__name__:
            found += [child, *refusals(child)]
    return found


def test_imports_point_downward() -> None:
    outcome = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT, capture_output=True, text=True, check=False,
        env={"PYTHONPATH": "core:server:client:.", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert outcome.returncode == 0, outcome.stdout


def test_stubs_are_fresh() -> None:
    outcome = subprocess.run(
        [sys.executable, "proto/generate.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


@pytest.mark.parametrize("refusal", refusals(), ids=lambda refusal: refusal.__name__)
def test_every_refusal_stands_in_the_drawn_tree(refusal: type[errors.LinkageError]) -> None:
    assert errors.__doc__ is not None
    assert f" {refusal.__name__} " in errors.__doc__
    assert refusal.status in dict(code_pb2.Code.items())
    assert refusal.exit_code in {3, 4, 5, 6, 7, 8}


def test_reasons_tell_refusals_apart() -> None:
    reasons = [refusal.reason for refusal in refusals()]
    assert len(reasons) == len(set(reasons))


def kernels() -> list[Path]:
    return sorted((ROOT / "core" / "linkage_core" / "kernels").glob("*.pyx"))


@pytest.mark.parametrize("kernel", kernels(), ids=lambda path: path.stem)
def test_every_kernel_is_built_typed_and_has_a_twin(kernel: Path) -> None:
    assert kernel.with_suffix(".pyi").exists()
    importlib.import_module(f"linkage_core.kernels.{kernel.stem}")
    twins = [path.read_text() for path in (ROOT / "tests" / "reference").glob("*.py")]
    assert any(re.search(rf"\b{kernel.stem}\b", text) for text in twins), "no module of tests/reference names it"


def test_client_and_service_need_the_same_of_the_words() -> None:
    client = tomllib.loads((ROOT / "client" / "pyproject.toml").read_text())
    assert sorted(client["project"]["dependencies"]) == sorted(PROJECT["project"]["dependencies"])
    assert client["project"]["version"] == PROJECT["project"]["version"]


def test_generated_code_is_no_newer_than_what_is_demanded() -> None:
    floors = {line.split(">=")[0].split("[")[0]: line.split(">=")[1] for line in PROJECT["project"]["dependencies"]}
    generated = (ROOT / "linkage" / "wire" / "v1" / "orders_pb2_grpc.py").read_text()
    grpc_version = next(line for line in generated.splitlines() if line.startswith("GRPC_GENERATED_VERSION")).split(
        "'"
    )[1]
    assert tuple(map(int, grpc_version.split(".")[:2])) <= tuple(map(int, floors["grpcio"].split(".")[:2]))
    messages = (ROOT / "linkage" / "wire" / "v1" / "orders_pb2.py").read_text()
    protobuf = next(line for line in messages.splitlines() if "Protobuf Python Version" in line).split(": ")[1]
    assert tuple(map(int, protobuf.split(".")[:2])) <= tuple(map(int, floors["protobuf"].split(".")[:2]))


def test_only_intake_opens_envelopes() -> None:
    callers = set()
    for folder in ("linkage", "core", "server", "client"):
        for path in (ROOT / folder).rglob("*.py"):
            names = {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
            names |= {node.id for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Name)}
            if "open_chunks" in names:
                callers.add(path.relative_to(ROOT).as_posix())
    assert callers <= {"linkage/envelope.py", "server/linkage_server/intake/opening.py"}


def test_tests_run_on_the_kernels_that_were_asked_for() -> None:
    variant = os.environ.get("LINKAGE_KERNELS")
    folder = ROOT / "build" / f"kernels-{variant}" if variant else ROOT / "core" / "linkage_core" / "kernels"
    for kernel in kernels():
        assert Path(str(importlib.import_module(f"linkage_core.kernels.{kernel.stem}").__file__)).parent == folder

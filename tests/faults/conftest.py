"""The laboratory that all tests of this folder share."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.faults.preload import build
from tests.faults.trials import Laboratory


@pytest.fixture(scope="session")
def laboratory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    if shutil.which("gcc") is None:
        pytest.skip("no gcc to build the library that stands between a process and its disk")
    # Thousands of small files, in memory where there is such a disk.
    memory = Path("/dev/shm")
    place = memory if os.access(memory, os.W_OK) else tmp_path_factory.mktemp("faults")
    with TemporaryDirectory(dir=place) as folder, Laboratory(Path(folder), build(Path(folder))) as made:
        yield made

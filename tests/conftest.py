"""Shared set-up: fixtures and the folder of real files. Importing `tests.support` chooses the kernels."""

from __future__ import annotations

import os
from pathlib import Path

import hypothesis
import pytest

from tests.support.databases import clock, database, database_url, postgresql_server  # noqa: F401  fixtures
from tests.support.services import loaded_home, made, running  # noqa: F401  fixtures

ROOT = Path(__file__).resolve().parent.parent


# The same examples each time, so that a change is judged and not its luck; HYPOTHESIS_PROFILE=nightly looks further.
hypothesis.settings.register_profile("fixed", derandomize=True, deadline=None, database=None)
hypothesis.settings.register_profile("nightly", max_examples=5000, deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "fixed"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of files made by others; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("LINKAGE_SHARED_DATA", ROOT.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"no folder of real files at {folder}; set LINKAGE_SHARED_DATA to where it lies")
    return folder

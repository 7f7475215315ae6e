"""Services for tests: registers are loaded once a session, each module gets a copy of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from linkage_server.demo.made_up_registers import MadeUpRegisters
from tests.support.loaded_service import LoadedService, copy_home, make_loaded_home


@pytest.fixture(scope="session")
def loaded_home(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, MadeUpRegisters]:
    """A home folder with the made-up registers loaded, never served itself."""
    return make_loaded_home(tmp_path_factory.mktemp("loaded"))


@pytest.fixture(scope="session")
def made(loaded_home: tuple[Path, MadeUpRegisters]) -> MadeUpRegisters:
    """The files that the registers were loaded from."""
    return loaded_home[1]


@pytest.fixture(scope="module")
def running(
    loaded_home: tuple[Path, MadeUpRegisters], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LoadedService]:
    """A service of the module's own."""
    service = copy_home(loaded_home[0], tmp_path_factory.mktemp("service") / "home")
    service.start()
    yield service
    service.stop()
    service.service.database.close()

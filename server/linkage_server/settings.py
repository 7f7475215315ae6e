"""What an operator may set in settings.toml; a file that is wrong is refused with its field and the mend."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from linkage.definition_errors import refusal
from linkage.errors import DefinitionRejected

LEAST_MEMORY = 256 * 1024**2
MEMORY_SHARE = 0.5
"""Of the machine's memory for runs, where no limit is set: the rest is for loads, the opener and the page cache."""
_UNITS = {"MiB": 1024**2, "GiB": 1024**3, "TiB": 1024**4}
_MEMORY = re.compile(r"(\d{1,6}) ?(MiB|GiB|TiB)")
_POLICY = r"^[a-z][a-z0-9-]{0,63}@\d+\.\d+\.\d+$"

DEFAULT_SETTINGS = """\
# Settings of this Linkage service. A field that is left out has the value shown here.

[holder]
# Short name of the register holder; its officers and operators belong to this organisation.
organisation = "holder"
title = "Register holder"

[listen]
# Where the service listens. 127.0.0.1 can only be reached from this machine.
address = "127.0.0.1"
port = 50051
# Name and port under which clients reach the service; written into the replies to enrolment requests.
public_address = "localhost:50051"
# Lists the service's methods to callers with a certificate; for tests.
reflection = false
# Port for Prometheus on 127.0.0.1; 0 is off.
metrics_port = 0

[database]
# "" is the SQLite file of this folder; or "postgresql://user@host/name". One service for each home folder.
url = ""
busy_timeout_seconds = 30.0

[runs]
# Orders computed at the same time; they share the cores, and each may hold its part of the memory.
at_once = 4
# Threads of each run and of a load; 0 is one for each core.
threads = 0
# What all runs together may hold beside the mapped registers, such as "4GiB"; "" is half of the machine's memory, or of
# what its control group allows. A run that needs more is computed in blocks of persons, with the same answer.
memory = ""

[store]
# A register is compacted when more deliveries than this lie beside the compacted ones; 0 is never.
compact_after_deliveries = 8
# Snapshots that no order needs are forgotten so long after newer ones took their place.
keep_snapshots_days = 90
# How often the service looks whether there is something to erase, to forget or to compact; 0 is never.
maintenance_minutes = 60

[limits]
open_orders_per_organisation = 50
container_bytes = 2147483648
population_rows = 5000000
opener_memory_bytes = 3221225472
opener_seconds = 600
# Uploads are refused while less room than this is left on the disk.
disk_reserve_bytes = 1073741824
# How soon a revoked certificate loses the streams it has open; a new call is refused at once.
revocation_seconds = 15.0

[disclosure]
# Policy of orders that name none, and the policy that no order may be weaker than.
standard_policy = "standard@1.0.0"
minimum_policy = "standard@1.0.0"
# Groups of organisations that may share what they are sent, such as [["north", "south"]]: a population that differs by
# a few persons from an earlier one of its own organisation or of its group is refused.
recipients_together = []
"""


def settings_of_a_trial(port: int) -> str:
    """The default settings, of a service that listens on another port and is reached there from this machine."""
    return DEFAULT_SETTINGS.replace("50051", str(port))


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Holder(_Section):
    """Who holds the registers."""

    organisation: str = Field("holder", pattern=r"^[a-z][a-z0-9-]{1,62}$")
    title: str = Field("Register holder", min_length=1, max_length=200)


class Listen(_Section):
    """Where the service listens."""

    address: str = Field("127.0.0.1", min_length=1, max_length=255)
    port: int = Field(50051, ge=0, le=65535)
    public_address: str = Field("localhost:50051", pattern=r"^[A-Za-z0-9.\-\[\]:]{1,255}:\d{1,5}$")
    reflection: bool = False
    metrics_port: int = Field(0, ge=0, le=65535)

    @property
    def public_host(self) -> str:
        """Name under which clients reach the service; the server's certificate holds it."""
        return self.public_address.rsplit(":", 1)[0].strip("[]")


class DatabaseSettings(_Section):
    """Where the state lies."""

    url: str = ""
    busy_timeout_seconds: float = Field(30.0, gt=0, le=600, strict=False)

    @field_validator("url")
    @classmethod
    def _known_kind(cls, url: str) -> str:
        if url and not url.startswith(("sqlite:////", "postgresql://")):
            raise ValueError('must be "", "sqlite:////absolute/path" or "postgresql://user@host/name"')
        return url

    def url_for(self, database_file: Path) -> str:
        """The database's URL; the home folder's own file where none is set."""
        return self.url or f"sqlite:///{database_file}"


class Runs(_Section):
    """How much is computed at once."""

    at_once: int = Field(4, ge=1, le=64)
    threads: int = Field(0, ge=0, le=1024)
    memory: str = ""

    @field_validator("memory")
    @classmethod
    def _enough(cls, memory: str) -> str:
        if memory and memory_in_bytes(memory) < LEAST_MEMORY:
            raise ValueError('must be "" or at least 256MiB, written as in "512MiB", "4GiB" or "1TiB"')
        return memory

    def memory_of_each(self, machine_bytes: int) -> int:
        """What one run may hold: an equal part, so that all together stay below the limit whatever runs beside it.

        Args:
            machine_bytes: memory of the machine.
        """
        together = memory_in_bytes(self.memory) if self.memory else int(machine_bytes * MEMORY_SHARE)
        return together // self.at_once


class StoreSettings(_Section):
    """What is done to the registers without anybody asking."""

    compact_after_deliveries: int = Field(8, ge=0)
    keep_snapshots_days: int = Field(90, ge=1)
    maintenance_minutes: int = Field(60, ge=0)


class Limits(_Section):
    """How much is too much."""

    open_orders_per_organisation: int = Field(50, ge=1)
    container_bytes: int = Field(2 * 1024**3, ge=1024)
    population_rows: int = Field(5_000_000, ge=1)
    opener_memory_bytes: int = Field(3 * 1024**3, ge=128 * 1024**2)
    opener_seconds: int = Field(600, ge=1)
    disk_reserve_bytes: int = Field(1024**3, ge=0)
    revocation_seconds: float = Field(15.0, gt=0, le=60, strict=False)


class Disclosure(_Section):
    """Which disclosure policies hold."""

    standard_policy: str = Field("standard@1.0.0", pattern=_POLICY)
    minimum_policy: str = Field("standard@1.0.0", pattern=_POLICY)
    recipients_together: tuple[tuple[str, ...], ...] = Field((), strict=False)


class Settings(_Section):
    """All settings of one service."""

    holder: Holder = Holder()
    listen: Listen = Listen()
    database: DatabaseSettings = DatabaseSettings()
    runs: Runs = Runs()
    store: StoreSettings = StoreSettings()
    limits: Limits = Limits()
    disclosure: Disclosure = Disclosure()


def memory_in_bytes(memory: str) -> int:
    """Bytes of a size written as in "512MiB" or "4GiB"; 0 if it is written otherwise."""
    written = _MEMORY.fullmatch(memory)
    return int(written[1]) * _UNITS[written[2]] if written else 0


def load_settings(path: Path) -> Settings:
    """Read settings.toml.

    Raises:
        DefinitionRejected: missing, not TOML, or a field is unknown or out of its range; names file, field and mend.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError:
        raise DefinitionRejected(f"{path}: cannot be read.", mend="Check the path and the permissions.") from None
    except UnicodeDecodeError:
        raise DefinitionRejected(f"{path}: is not UTF-8 text.", mend="Save the file as UTF-8.") from None
    except tomllib.TOMLDecodeError as problem:
        raise DefinitionRejected(f"{path}: is not TOML: {problem}.", mend="Mend the line that is named.") from None
    try:
        return Settings.model_validate(content)
    except ValidationError as problem:
        raise refusal(problem, source=str(path)) from None

"""A real service on loopback for tests: made-up registers loaded once, the server in a process of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path

from linkage.request_id import new_request_id
from linkage_client.enrolment import accept_reply, make_request
from linkage_client.home import ClientHome
from linkage_server.access.certificates import Caller
from linkage_server.access.permits import Role
from linkage_server.assembly import Service, create_home
from linkage_server.demo.made_up_registers import MadeUpRegisters, make_registers
from linkage_server.enrolment_desk import EnrolmentDesk
from linkage_server.operations.machine import free_port
from linkage_server.orders.secrecy import SecrecyDecision, SecrecyException
from linkage_server.registers.ingest import load_delivery
from linkage_server.settings import settings_of_a_trial

DELIVERED_ON = date(2026, 1, 15)
ROOT = Path(__file__).resolve().parents[2]
ORDER = ROOT / "server" / "linkage_server" / "demo" / "order.toml"
# The demo's order with one indicator: computed and drawn in a fraction of the time.
SMALL_ORDER = ORDER.read_text().replace('version = "1.0.0"', 'version = "1.0.0"\nonly = ["statin_initiation"]')
PYTHONPATH = os.pathsep.join(str(ROOT / part) for part in (".", "core", "server", "client"))


def make_loaded_home(folder: Path, *, dispensings: int = 60_000) -> tuple[Path, MadeUpRegisters]:
    """A home folder with every made-up register loaded, and the files it was loaded from."""
    inputs = folder / "inputs"
    inputs.mkdir(parents=True)
    made = make_registers(inputs, dispensings=dispensings)
    service = create_home(folder / "home", settings_text=_settings(0), holder_title="Made-up authority", hosts=())
    settings = service.ingest_settings(reference_date=DELIVERED_ON)
    registers = service.offer().registers
    for name, files in made.deliveries:
        load_delivery(registers[name], files, settings=settings)
    service.database.close()
    return folder / "home", made


@dataclass
class LoadedService:
    """A home folder, the process that serves it, and what an officer and an operator do at its console.

    Args:
        root: the home folder.
        command: arguments of `python` that serve it; tests of unplanned ends bring their own.
    """

    root: Path
    command: tuple[str, ...] = ("-m", "linkage_server", "serve", "--quiet", "--home")
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @cached_property
    def service(self) -> Service:
        """The rooms of the same home folder, for this process."""
        return Service.open(self.root)

    def start(self) -> None:
        """Start the server and wait until it serves."""
        (self.root / "port").unlink(missing_ok=True)
        # What a library writes past the log must not hold a value either: it is kept where searches look.
        with (self.root / "logs" / "stderr.txt").open("ab") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, *self.command, str(self.root)],
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                env={**os.environ, "PYTHONPATH": PYTHONPATH},
            )
        until = time.monotonic() + 60
        while not (self.root / "port").exists():
            assert self.process.poll() is None, "the server ended before it served"
            assert time.monotonic() < until, "the server did not serve in time"
            time.sleep(0.02)

    def stop(self) -> int:
        """Stop gracefully; returns the exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """kill -9."""
        self._end(signal.SIGKILL)

    def _end(self, number: signal.Signals) -> int:
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(timeout=60)
        self.process = None
        return code

    def enrol(self, folder: Path, *, organisation: str, role: Role = Role.ORDERER) -> ClientHome:
        """A client's home folder, enrolled with this service."""
        client = ClientHome(folder)
        letter = make_request(client, organisation=organisation, title=organisation)
        desk = EnrolmentDesk(
            self.service.database, self.service.trail, keys=self.root / "keys", settings=self.service.settings
        )
        reply = desk.admit(self.person(Role.OPERATOR), letter, role=role, out=folder / "reply.json")
        accept_reply(client, reply, pin=reply.fingerprint)
        return client

    def person(self, role: Role) -> Caller:
        """One of the holder's own people."""
        return Caller(self.service.settings.holder.organisation, role, "", name="test")

    def approve(self, order: str) -> None:
        """An officer lets an order run."""
        officer = self.person(Role.OFFICER)
        decision = SecrecyDecision(SecrecyException.STATISTICS.value, True, "Aggregates under the standard policy.")
        etag = self.service.order_book.get(officer, order).etag
        self.service.approval_desk.approve(officer, order, etag=etag, request_id=new_request_id(), decision=decision)

    def release(self, order: str) -> None:
        """An officer lets a protected table go."""
        officer = self.person(Role.OFFICER)
        etag = self.service.release_desk.review(officer, order).etag
        self.service.release_desk.approve(officer, order, etag=etag, reasoning="Reviewed.")

    def wait_until(self, order: str, states: set[str], *, seconds: float = 90.0) -> str:
        """The order's state once it is one of `states`."""
        officer, until = self.person(Role.OFFICER), time.monotonic() + seconds
        while (view := self.service.order_book.get(officer, order)).state not in states:
            assert time.monotonic() < until, f"the order is still {view.state}: {view.reason}"
            time.sleep(0.05)
        return view.state.value


def copy_home(source: Path, target: Path, *, settings: Mapping[str, str] | None = None) -> LoadedService:
    """A service of its own on a copy of a loaded home folder, on a free port; `settings` maps lines to others."""
    shutil.copytree(source, target)
    text = _settings(free_port())
    for line, other in (settings or {}).items():
        assert line in text, "the settings have no such line"
        text = text.replace(line, other)
    (target / "settings.toml").write_text(text)
    return LoadedService(target)


def _settings(port: int) -> str:
    text = settings_of_a_trial(port).replace("reflection = false", "reflection = true")
    return text.replace("disk_reserve_bytes = 1073741824", "disk_reserve_bytes = 0")

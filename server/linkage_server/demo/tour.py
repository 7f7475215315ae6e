"""`linkage-server demo`: the whole journey once, on made-up registers, in plain words.

Nothing here is a shortcut: the server runs in a process of its own and is spoken to by the real client over mutual TLS.
The files that hold (official test) identity numbers are inputs; they are removed at the end, so that what the demo
leaves can be searched for numbers.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from linkage.errors import Conflict, LinkageError, ServiceUnavailable
from linkage.order import OrderState, load_order
from linkage.request_id import new_request_id
from linkage_client.api import Linkage, verify
from linkage_client.enrolment import accept_reply, make_request
from linkage_client.home import ClientHome
from linkage_client.populations import check
from linkage_server.access.certificates import Caller
from linkage_server.access.permits import Role
from linkage_server.assembly import Service, create_home
from linkage_server.demo.made_up_registers import DELIVERED_ON, MadeUpRegisters, make_registers
from linkage_server.enrolment_desk import EnrolmentDesk
from linkage_server.operations.machine import free_port
from linkage_server.orders.secrecy import SecrecyDecision, SecrecyException
from linkage_server.registers.ingest import load_delivery
from linkage_server.registers.number_changes import read_number_changes
from linkage_server.settings import settings_of_a_trial

ORDER = Path(__file__).with_name("order.toml")
REGISTER = "heart-register"
START_SECONDS = 30.0


def demo(
    *,
    to: Annotated[Path, typer.Option("--to", help="Folder to make; replaced if a demo made it.")] = Path(
        "linkage-demo"
    ),
    dispensings: Annotated[int, typer.Option("--dispensings", min=50_000, help="Size of the drug register.")] = 600_000,
) -> None:
    """Run the whole journey on made-up registers and leave a report."""
    started = time.monotonic()
    try:
        _Tour(_fresh_folder(to), dispensings=dispensings).run()
    except LinkageError as refusal:
        typer.echo(f"Refused: {refusal.message}\n{refusal.mend}".rstrip(), err=True)
        raise typer.Exit(refusal.exit_code) from None
    typer.echo(f"\nDone in {time.monotonic() - started:.0f} seconds.")


def _fresh_folder(to: Path) -> Path:
    if to.exists():
        if not (to / "made-by-the-demo").is_file():
            raise Conflict(f"{to} exists and was not made by a demo.", mend="Choose another folder with --to.")
        shutil.rmtree(to)
    to.mkdir(parents=True, mode=0o700)
    (to / "made-by-the-demo").touch()
    return to.absolute()


class _Tour:
    """The journey, one step a method."""

    def __init__(self, folder: Path, *, dispensings: int) -> None:
        self.folder = folder
        self.inputs = folder / "inputs"
        self.client = ClientHome(folder / "heart-register")
        self.results = folder / "results"
        self.dispensings = dispensings
        self._step = 0

    def run(self) -> None:
        try:
            made = self._make_registers()
            service = self._make_service()
            self._load(service, made)
            with _running_server(service):
                self._enrol(service)
                self._order_and_fetch(service, made)
        finally:
            shutil.rmtree(self.inputs, ignore_errors=True)
        self._say_where()

    def _make_registers(self) -> MadeUpRegisters:
        self.inputs.mkdir()
        made = make_registers(self.inputs, dispensings=self.dispensings)
        self._say(
            f"Made up the registers of a country part: {made.dispensings:,} dispensings, hospital stays, visits, "
            f"tumours and deaths, and {made.persons:,} persons with a myocardial infarction (test numbers only)."
        )
        return made

    def _make_service(self) -> Service:
        settings = settings_of_a_trial(free_port())
        service = create_home(
            self.folder / "holder", settings_text=settings, holder_title="Made-up authority", hosts=()
        )
        self._say("The register holder made a home: keys, pepper, private CA, database.")
        return service

    def _load(self, service: Service, made: MadeUpRegisters) -> None:
        peppers = service.key_ring.peppers()
        changes = read_number_changes(made.number_history, peppers=peppers, reference_date=DELIVERED_ON)
        service.history.add(changes.old, changes.new, pepper_version=peppers[-1].version)
        registers = service.offer().registers
        settings = service.ingest_settings(reference_date=DELIVERED_ON)
        for name, files in made.deliveries:
            since = time.monotonic()
            report = load_delivery(registers[name], files, settings=settings)
            seconds = time.monotonic() - since
            self._say(
                f"Loaded {name}: {report.rows.stored:,} rows in {seconds:.1f} s, {report.rows.quarantined:,} put into "
                "quarantine with their reasons. Identity numbers became keyed hashes on the way in."
            )

    def _enrol(self, service: Service) -> None:
        letter = make_request(self.client, organisation=REGISTER, title="The Heart Register")
        operator = Caller(service.settings.holder.organisation, Role.OPERATOR, "", name="demo operator")
        desk = EnrolmentDesk(service.database, service.trail, keys=service.home.keys, settings=service.settings)
        reply = desk.admit(operator, letter, role=Role.ORDERER, out=self.folder / "enrolment-reply.json")
        accept_reply(self.client, reply, pin=reply.fingerprint)
        self._say(f"Enrolled the Heart Register; both sides compared the fingerprint {reply.fingerprint[:16]}...")

    def _order_and_fetch(self, service: Service, made: MadeUpRegisters) -> None:
        found = check(made.population, order=load_order(ORDER))
        self._say(f"The Heart Register checked its population: {found.rows:,} rows, {len(found.problems)} faults.")
        with Linkage(self.client.root) as linkage:
            since = time.monotonic()
            submitted = linkage.submit(ORDER, made.population)
            name, receipt = submitted.order.name, submitted.receipt
            assert receipt is not None
            self._say(
                f"Encrypted, signed and sent the population in {time.monotonic() - since:.1f} s; the service opened it "
                f"in a process of its own and accepted {receipt.linkable} persons (numbers leave in bands only)."
            )
            self._approve(service, name)
            order = next(
                change
                for change in linkage.watch(name, seconds=0.2)
                if change.state not in (OrderState.APPROVED, OrderState.RUNNING)
            )
            if order.state != OrderState.AWAITING_RELEASE:
                raise ServiceUnavailable(f"the order is {order.state}: {order.reason}")
            self._say("Linked by hashed id to four registers, computed the indicators and protected the table.")
            self._release(service, name)
            delivery = linkage.fetch(name, self.results)
        manifest = verify(self.results, home=self.client.root)
        self._say(
            f"Fetched and verified {len(delivery.files)} files: {manifest.rows:,} lines, of which "
            f"{manifest.rows_suppressed:,} are kept back to protect persons. Share found in the registers: "
            f"{manifest.match_rate_band}."
        )

    def _approve(self, service: Service, name: str) -> None:
        officer = self._officer(service)
        decision = SecrecyDecision(
            exception=SecrecyException.STATISTICS.value,
            no_harm=True,
            reasoning="Aggregates under the standard policy; nobody can be told apart.",
        )
        order = service.order_book.get(officer, name)
        service.approval_desk.approve(officer, name, etag=order.etag, request_id=new_request_id(), decision=decision)
        self._say("A case officer recorded the secrecy decision; the order may run.")

    def _release(self, service: Service, name: str) -> None:
        officer = self._officer(service)
        seen = service.release_desk.review(officer, name)
        service.release_desk.approve(officer, name, etag=seen.etag, reasoning="Reviewed; nothing stands out.")
        self._say(f"The officer reviewed {seen.lines:,} lines ({seen.lines_suppressed:,} kept back) and released them.")

    def _officer(self, service: Service) -> Caller:
        return Caller(service.settings.holder.organisation, Role.OFFICER, "", name="demo officer")

    def _say_where(self) -> None:
        typer.echo(f"\nThe report:      {self.results / 'report.html'}")
        typer.echo(f"The table:       {self.results / 'table.parquet'} and other formats beside it")
        program = Path(sys.executable).with_name("linkage-server")
        typer.echo(f"Every access:    {program} audit show --home {self.folder / 'holder'}")

    def _say(self, words: str) -> None:
        self._step += 1
        typer.echo(f"{datetime.now(UTC):%H:%M:%S} {self._step:>2}. {words}")


@contextmanager
def _running_server(service: Service) -> Iterator[None]:
    """The service in a process of its own; stopped gracefully at the end."""
    home = str(service.home.root)
    command = [sys.executable, "-m", "linkage_server", "serve", "--home", home, "--quiet"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:  # noqa: S603
        try:
            _wait_until_serving(service, process)
            yield
        finally:
            process.terminate()
            process.wait(timeout=60)


def _wait_until_serving(service: Service, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + START_SECONDS
    while not (service.home.root / "port").exists():
        if process.poll() is not None or time.monotonic() > until:
            raise ServiceUnavailable(
                "the server did not start.", mend=f"Start it by hand: linkage-server serve --home {service.home.root}"
            )
        time.sleep(0.05)

"""What every command of `linkage-server` shares: the home folder, exit codes, and output for people or for scripts."""

from __future__ import annotations

import getpass
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from linkage.errors import InputRefused, LinkageError, NotFound, StorageFull
from linkage.order_states import order_name
from linkage_server.access.certificates import Caller
from linkage_server.audit.trail import AuditTrail
from linkage_server.operations.home import HomeFolder
from linkage_server.orders.offer import Offer, load_offer
from linkage_server.orders.used_sets import used_sets
from linkage_server.settings import Settings, load_settings
from linkage_server.storage.database import Database
from linkage_server.storage.tables import OrderRow

Home = Annotated[Path, typer.Option("--home", envvar="LINKAGE_SERVER_HOME", help="Home folder of the server.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
As = Annotated[str, typer.Option("--as", help="Your name, for the audit trail; your user name if not given.")]

_NAME = re.compile(r"[\w .@-]{1,64}")
_WIDTH_WITHOUT_TERMINAL = 160


@dataclass(frozen=True, slots=True)
class OpenHome:
    """A home folder with its settings and its state."""

    folder: HomeFolder
    settings: Settings
    database: Database

    @property
    def trail(self) -> AuditTrail:
        """The audit trail of this state."""
        return AuditTrail(self.database)

    def offer(self) -> Offer:
        """Definitions as they stand now, with the sets that orders used as they were then."""
        return load_offer(
            self.folder.definitions,
            standard_policy=self.settings.disclosure.standard_policy,
            minimum_policy=self.settings.disclosure.minimum_policy,
            used=used_sets(self.database),
        )

    def officer(self, name: str) -> Caller:
        """The officer at the holder's own console."""
        return self._person(name, role="officer")

    def operator(self, name: str) -> Caller:
        """The operator at the holder's own console."""
        return self._person(name, role="operator")

    def order_name(self, order: str) -> str:
        """Resource name of an order that was given by it, or by its last part alone.

        Raises:
            NotFound: there is none.
        """
        if "/" in order:
            return order
        with self.database.reading() as session:
            row = session.get(OrderRow, order)
        if row is None:
            raise NotFound("there is no order of that name.", mend="See: linkage-server orders list")
        return order_name(row.organisation, row.order_id)

    def _person(self, name: str, *, role: str) -> Caller:
        name = name or _user_name()
        if not _NAME.fullmatch(name):
            raise InputRefused("--as is not a name.", mend="Use up to 64 letters, digits, spaces and . @ - _ .")
        organisation = self.settings.holder.organisation
        return Caller(organisation=organisation, role=role, certificate_serial="", name=name)


@contextmanager
def open_state(home: Path) -> Iterator[OpenHome]:
    """The home folder with its settings and its database."""
    folder = HomeFolder.open(home)
    settings = load_settings(folder.settings_file)
    database = Database(
        settings.database.url_for(folder.database_file), busy_timeout_seconds=settings.database.busy_timeout_seconds
    )
    try:
        database.migrate()
        yield OpenHome(folder=folder, settings=settings, database=database)
    except StorageFull as refusal:
        refusal.path = refusal.path or str(folder.root)
        raise
    finally:
        database.close()


@contextmanager
def open_home(home: Path, *, as_json: bool = False) -> Iterator[OpenHome]:
    """The home folder of a command; every refusal inside ends the command with its message and exit code.

    The state is the database itself, so a command works whether or not the server is running.
    """
    with refusals_as_exit_codes(as_json=as_json), open_state(home) as opened:
        yield opened


@contextmanager
def refusals_as_exit_codes(*, as_json: bool = False) -> Iterator[None]:
    """Turn a refusal into words on the standard error stream, or JSON on the standard output, and its exit code.

    Both programs answer alike, so that a script reads one form.
    """
    try:
        yield
    except LinkageError as refusal:
        where = refusal.path if isinstance(refusal, StorageFull) else ""
        if as_json:
            facts = refusal.facts | ({"path": where} if where else {})
            told = {"reason": refusal.reason, "message": refusal.message, "mend": refusal.mend, "facts": facts}
            print_json({"error": told, "exit_code": refusal.exit_code})
        else:
            typer.echo(f"Refused: {refusal.message}", err=True)
            if where:
                typer.echo(f"Where: {where}", err=True)
            if refusal.mend:
                typer.echo(f"Mend: {refusal.mend}", err=True)
        raise typer.Exit(refusal.exit_code) from None


def print_json(answer: object) -> None:
    """One JSON document on the standard output."""
    typer.echo(json.dumps(answer, ensure_ascii=False, indent=2, default=str))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """A table for people; not cut to a terminal's width where there is no terminal."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _WIDTH_WITHOUT_TERMINAL
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        # Text of an orderer is shown as it is, never read as markup.
        table.add_row(*(str(cell).replace("[", "\\[") for cell in row))
    console.print(table)


def print_facts(facts: Mapping[str, object]) -> None:
    """One fact a line, for people."""
    width = max(map(len, facts), default=0)
    for name, fact in facts.items():
        typer.echo(f"{name:<{width}}  {fact}")


def day_and_time(moment: datetime) -> str:
    """A moment for people, in UTC."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _user_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "console"

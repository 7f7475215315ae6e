"""`linkage-server init | serve | doctor | backup | restore`: what an operator does with the service itself."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from linkage.errors import StorageFull
from linkage_server.assembly import Service, create_home
from linkage_server.backup import make_backup, restore_backup
from linkage_server.checkup import Finding, check_sets, check_up, sentence
from linkage_server.command_line import (
    AsJson,
    Home,
    open_home,
    open_state,
    print_json,
    print_table,
    refusals_as_exit_codes,
)
from linkage_server.operations import logs
from linkage_server.operations.machine import free_port
from linkage_server.registers.store_checkup import check_erasures, check_jobs, verify_snapshots
from linkage_server.settings import DEFAULT_SETTINGS, settings_of_a_trial


def init(
    home: Annotated[Path, typer.Argument(help="Folder to make.")],
    *,
    demo: Annotated[bool, typer.Option("--demo", help="Settings for a trial on this machine: a free port.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a home folder: settings, keys, private CA, database and store."""
    with refusals_as_exit_codes(as_json=as_json):
        text = settings_of_a_trial(free_port()) if demo else DEFAULT_SETTINGS
        service = create_home(home, settings_text=text, holder_title="Register holder", hosts=())
        answer = {
            "home": str(service.home.root),
            "settings": str(service.home.settings_file),
            "release_key": service.key_ring.release_signing_key().key_id,
            "envelope_key": service.key_ring.envelope_key().key_id,
        }
    if as_json:
        print_json(answer)
        return
    typer.echo(f"Made {answer['home']}.")
    typer.echo(f"Look through {answer['settings']}, then: linkage-server serve --home {home}")
    typer.echo("Keep a copy of the keys folder in a safe: without the pepper nothing can be linked any more.")


def serve(
    home: Home,
    *,
    quiet: Annotated[bool, typer.Option("--quiet", help="Log to the home folder only.")] = False,
) -> None:
    """Serve until SIGTERM or Ctrl-C, then finish what is under way and stop."""
    with refusals_as_exit_codes():
        service = Service.open(home)
        logs.configure(service.home.logs, to_stderr=not quiet)
        port_file = service.home.root / "port"
        own_port: list[int] = []

        def ready(port: int) -> None:
            own_port.append(port)
            port_file.write_text(f"{port}\n")
            typer.echo(f"Serving on {service.settings.listen.address}:{port}")

        try:
            ended = service.serve(on_ready=ready)
        finally:
            # A second `serve` that found the port taken must not take away the first one's file.
            if own_port:
                port_file.unlink(missing_ok=True)
    if not ended:
        # A solver that works on while the process ends would abort it, and leave its memory in a core file. What it
        # was asked for is on the disk as if the process had been killed: the order runs again at the next start.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(0)


def doctor(home: Home, *, as_json: AsJson = False) -> None:
    """Check keys, permissions, database, audit chain, every byte of the store, indicator sets, disk and clock."""
    with refusals_as_exit_codes(as_json=as_json):
        try:
            findings = _findings(home)
        except StorageFull as refusal:
            # What the doctor is asked for on such a day; nothing else can be looked at.
            words = f"{sentence(refusal.message)} Where: {refusal.path}. Nothing else was looked at."
            findings = [Finding("disk", well=False, words=words, mend=refusal.mend)]
    if as_json:
        print_json([dataclasses.asdict(finding) for finding in findings])
    else:
        print_table(
            ("check", "", "finding"),
            [(f.check, "well" if f.well else "WRONG", f"{f.words} {f.mend}".strip()) for f in findings],
        )
    if not all(finding.well for finding in findings):
        raise typer.Exit(7)


def _findings(home: Path) -> list[Finding]:
    with open_state(home) as opened:
        service = Service(opened.folder, opened.settings)

        store_checks: dict[str, Callable[[], str]] = {
            "registers": partial(verify_snapshots, service.store),
            "erasures": partial(check_erasures, service.store),
            "register jobs": partial(check_jobs, service.store),
            "release ledger": service.run_desk.ledger.check,
            "indicator sets": partial(check_sets, opened.offer, now=opened.database.clock()),
        }
        return list(
            check_up(opened.folder, settings=opened.settings, database=opened.database, store_checks=store_checks)
        )


def backup(
    home: Home,
    to: Annotated[Path, typer.Argument(help="Archive to write; must not exist.")],
    *,
    as_json: AsJson = False,
) -> None:
    """Write everything but the keys to one archive, while the service runs; keys are kept apart, in a safe."""
    with open_home(home, as_json=as_json) as opened:
        files = make_backup(opened.folder, database=opened.database, archive=to)
    answer = {"archive": str(to), "files": files}
    if as_json:
        print_json(answer)
    else:
        typer.echo(f"Wrote {files} files to {to}. The keys are not in it: keep a copy of keys/ in a safe.")


def restore(
    archive: Annotated[Path, typer.Argument(help="Archive that `backup` wrote.")],
    home: Annotated[Path, typer.Option("--home", help="New home folder.")],
    keys: Annotated[Path, typer.Option("--keys", help="Copy of the keys folder.")],
    as_json: AsJson = False,
) -> None:
    """Make a home folder from a backup and a copy of the keys."""
    with refusals_as_exit_codes(as_json=as_json):
        restore_backup(archive, home=home, keys=keys)
        Service.open(home).key_ring.check()
    if as_json:
        print_json({"home": str(home)})
    else:
        typer.echo(f"Restored {home}. Run: linkage-server doctor --home {home}")

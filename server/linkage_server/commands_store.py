"""`linkage-server register snapshots | compact | rehash | erase | maintain`: the life of what was loaded."""

from __future__ import annotations

import getpass
import os
import sys
import time
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from linkage.errors import InputRefused, StateConflict, StorageFull
from linkage.free_text import refuse_identity_number
from linkage.register_catalogue import load_registers
from linkage_server.command_line import OpenHome, open_state
from linkage_server.keys.key_ring import KeyRing
from linkage_server.ledger.person_numbers import PersonNumbers
from linkage_server.register_console import (
    AsJson,
    Home,
    Name,
    audited,
    definition_of,
    print_rows,
    progress_bar,
    write_down,
)
from linkage_server.registers.erased_person import ErasedPerson, erased_person
from linkage_server.registers.follow_peppers import follow_peppers
from linkage_server.registers.history import NumberHistoryStore
from linkage_server.registers.maintenance import UpkeepRules, maintain_store
from linkage_server.registers.progress import Pace
from linkage_server.registers.retention import kept_snapshots, pinned_snapshots
from linkage_server.registers.store import RegisterStore, utc_now

REFERENCE_LENGTH = 100
LOW_PRIORITY = 19


def snapshots(
    name: Name,
    home: Home,
    *,
    forget: Annotated[
        bool, typer.Option("--forget", help="Forget those that no order needs and that were replaced long ago.")
    ] = False,
    older_than: Annotated[
        int | None, typer.Option(min=0, help="Days since one was replaced; store.keep_snapshots_days if not given.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the snapshots that orders can be pinned to, oldest first; the last one is served."""
    definition_of(home, name)
    store = RegisterStore(home / "store")
    if forget:
        with audited(home, "register.forget", name) as opened:
            days = opened.settings.store.keep_snapshots_days if older_than is None else older_than
            pinned = pinned_snapshots(opened.database).get(name, set())
            kept = kept_snapshots(store, name, pinned=pinned, age=timedelta(days=days), now=utc_now())
            store.forget(name, keep=kept)
    rows = []
    for line in store.snapshots(name):
        manifest = store.snapshot(name, line.snapshot_id)
        rows.append(
            {
                "snapshot": line.snapshot_id,
                "published_at": line.published_at.isoformat(timespec="seconds"),
                "rows": manifest.rows,
                "deliveries": len(manifest.deliveries),
                "segments": len(manifest.segments),
                "last_day": manifest.last_day,
                "erasures": len(line.formerly),
            }
        )
    print_rows(rows, as_json=as_json)


def compact(name: Name, home: Home, *, as_json: AsJson = False) -> None:
    """Merge the segments of all deliveries, so that orders read fewer files; no row changes."""
    definition_of(home, name)
    with audited(home, "register.compact", name) as opened, progress_bar(hidden=as_json) as show:
        pace = Pace(show, clock=time.monotonic)
        reserve = opened.settings.limits.disk_reserve_bytes
        manifest = RegisterStore(home / "store").compact(name, pace=pace, reserve_bytes=reserve)
    print_rows(
        [
            {
                "register": name,
                "snapshot": manifest.snapshot_id,
                "segments": len(manifest.segments),
                "rows": manifest.rows,
            }
        ],
        as_json=as_json,
    )


def rehash(
    home: Home,
    *,
    new_pepper: Annotated[bool, typer.Option("--new-pepper", help="Add a new pepper to the key ring first.")] = False,
    as_json: AsJson = False,
) -> None:
    """Move all registers and the number history to the newest pepper; can be stopped and goes on when run again."""
    ring = KeyRing(home / "keys")
    store = RegisterStore(home / "store")
    with audited(home, "register.new_pepper" if new_pepper else "register.rehash", "-") as opened:
        if new_pepper:
            ring.rotate_pepper()
        peppers = ring.peppers()
        with progress_bar(hidden=as_json) as show:
            pace = Pace(show, clock=time.monotonic)
            moved = follow_peppers(store, _history(home), peppers=peppers, pace=pace)
        PersonNumbers(opened.database, home).follow(peppers)
    print_rows(
        [
            {"register": name, "pepper version": peppers[-1].version, "versions moved": moved.get(name, 0)}
            for name in store.registers()
        ],
        as_json=as_json,
    )


def erase(
    home: Home,
    *,
    reference: Annotated[str, typer.Option("--reference", help="Diary number of the decision.")],
    reference_date: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Resolves numbers of ten digits; today if not given.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Erase a person from all registers: her number is asked for, or read from the standard input, and never kept.

    Several numbers of hers may be given, one a line. Exit code 6: she is unseen, but a register was being written and
    her rows go with the next `maintain`.
    """
    _refuse_reference(reference)
    day = reference_date.date() if reference_date else datetime.now(UTC).date()
    store, history = RegisterStore(home / "store"), _history(home)
    waiting = ""
    rows: list[dict[str, Any]] = []
    with audited(home, "register.erase", "-", subject=f"erasures/{reference}"):
        opaque = _with_project_numbers(home, store)
        person = _person(home, history, reference_date=day, project_numbers=bool(opaque))
        # First hidden everywhere: what follows takes longer and can be cut off.
        held = {
            name: store.hide(name, find=person.find_opaque if name in opaque else person.find, reference=reference)
            for name in store.registers()
        }
        changes = history.erase(person.is_hers, pepper_versions=len(person.peppers), reference=reference)
        for name, segments in held.items():
            outcome = "nothing of hers" if not segments else "erased"
            try:
                with progress_bar(hidden=as_json) as show:
                    store.erase_hidden(name, pace=Pace(show, clock=time.monotonic))
            except (StateConflict, StorageFull) as obstacle:
                outcome = "hidden, not erased yet"
                waiting = f"{obstacle}"
            rows.append({"register": name, "segments": segments, "outcome": outcome})
        outcome = "erased" if changes else "nothing of hers"
        rows.append({"register": "number history", "segments": changes, "outcome": outcome})
    print_rows(rows, as_json=as_json)
    if waiting:
        typer.echo(f"Hidden from every order, but still on the disk: {waiting}", err=True)
        typer.echo("Mend: linkage-server register maintain, or wait for the service to do it.", err=True)
        raise typer.Exit(StateConflict.exit_code)


def maintain(
    home: Home,
    *,
    low_priority: Annotated[bool, typer.Option("--low-priority", help="Give way to everything else.")] = False,
    as_json: AsJson = False,
) -> None:
    """Erase who is hidden, forget old snapshots, compact: what the service does by itself from time to time."""
    if low_priority:
        os.nice(LOW_PRIORITY)
    with open_state(home) as opened:
        store = RegisterStore(home / "store")
        pinned = pinned_snapshots(opened.database)
        deeds = maintain_store(store, pinned=pinned, rules=_rules(opened), now=utc_now())
        for deed in deeds:
            write_down(opened, f"register.{deed.deed}", subject=f"registers/{deed.register}", outcome=deed.outcome)
    rows = [{"register": deed.register, "deed": deed.deed, "outcome": deed.outcome} for deed in deeds]
    print_rows(rows, as_json=as_json)


def _rules(opened: OpenHome) -> UpkeepRules:
    settings = opened.settings
    return UpkeepRules(
        compact_after_deliveries=settings.store.compact_after_deliveries,
        keep_snapshots=timedelta(days=settings.store.keep_snapshots_days),
        disk_reserve_bytes=settings.limits.disk_reserve_bytes,
    )


def _person(home: Path, history: NumberHistoryStore, *, reference_date: date, project_numbers: bool) -> ErasedPerson:
    peppers = KeyRing(home / "keys").peppers()
    served = history.current()
    return erased_person(
        _numbers(),
        peppers=peppers,
        history=history.read(),
        history_version=served.pepper_version if served else len(peppers),
        reference_date=reference_date,
        project_numbers=project_numbers,
    )


def _numbers() -> list[str]:
    """What was typed without being shown, or came on the standard input; never an argument, which others can see."""
    if sys.stdin.isatty():
        return [getpass.getpass("Identity number (not shown): ")]
    return sys.stdin.read().splitlines()


def _with_project_numbers(home: Path, store: RegisterStore) -> set[str]:
    """Loaded registers whose persons have project numbers rather than identity numbers."""
    definitions = load_registers(home / "definitions" / "registers")
    return {name for name in store.registers() if name in definitions and definitions[name].person_format == "opaque"}


def _refuse_reference(reference: str) -> None:
    refuse_identity_number(reference, what="--reference")
    if not reference.strip() or len(reference) > REFERENCE_LENGTH or not reference.isprintable():
        raise InputRefused("--reference is not a diary number.", mend=f"Write up to {REFERENCE_LENGTH} characters.")


def _history(home: Path) -> NumberHistoryStore:
    return NumberHistoryStore(home / "store" / "number-history")

"""The checks of `linkage-server doctor`: each says what is well, or what is wrong and how to mend it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from linkage.errors import DefinitionRejected, LinkageError, StorageFull
from linkage.indicator_lint import Severity, lint
from linkage.lint_words import grouped
from linkage_server.access.certificate_authority import RENEWED_BEFORE
from linkage_server.audit.trail import AuditTrail
from linkage_server.keys.key_ring import KeyRing
from linkage_server.operations.home import HomeFolder
from linkage_server.orders.offer import Offer
from linkage_server.orders.swedish_day import swedish_day
from linkage_server.settings import Settings
from linkage_server.storage.database import Database
from linkage_server.storage.files import disk_free_bytes, write_atomically

# A clock before this software was written is wrong, and certificates would not hold.
_WRITTEN = datetime(2026, 11, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check."""

    check: str
    well: bool
    words: str
    mend: str = ""


def check_up(
    home: HomeFolder, *, settings: Settings, database: Database, store_checks: Mapping[str, Callable[[], str]]
) -> Iterator[Finding]:
    """Run every check; one that fails stops none of the others.

    Args:
        home: the home folder.
        settings: its settings.
        database: its state.
        store_checks: checks of the registers by name; each says in words what was found.
    """
    checks: dict[str, Callable[[], str]] = {
        "home folder": lambda: _private(home),
        "keys": lambda: _keys(home),
        "certificates": lambda: _certificates(home.keys, now=database.clock()),
        "database": lambda: _migrated(database),
        "audit trail": lambda: _audited(database),
        **store_checks,
        "disk": lambda: _room(home, settings),
        "clock": lambda: _clock(database),
    }
    for name, check in checks.items():
        try:
            yield Finding(check=name, well=True, words=sentence(check()))
        except LinkageError as refusal:
            yield Finding(check=name, well=False, words=sentence(refusal.message), mend=refusal.mend)


def check_sets(read_offer: Callable[[], Offer], *, now: datetime) -> str:
    """What is on offer of indicator sets, with the warnings about the holder's own.

    Raises:
        DefinitionRejected: a file cannot be used; names every such file, and what stays on offer instead.
    """
    offer = read_offer()
    if offer.refused_sets:
        told = [
            one.message + (f" Still on offer: {', '.join(one.stays)}." if one.stays else "")
            for one in offer.refused_sets
        ]
        mends = dict.fromkeys(one.mend for one in offer.refused_sets)
        raise DefinitionRejected(" ".join(told), mend=" ".join(mends))
    parts = [f"{len(offer.sets)} on offer, {len(offer.set_files)} of them the holder's own."]
    for name, file in sorted(offer.set_files.items()):
        found = lint(offer.sets[name], today=swedish_day(now))
        warnings = grouped(one for one in found if one.severity is Severity.WARNING)
        parts += [f"{file}, {group.where}: {group.first.message}" for group in warnings]
        if waiting := sum(one.severity is Severity.NOTE for one in found):
            parts.append(f"{file}: {waiting} codes and indicators await sign-off.")
    return " ".join(parts)


def sentence(words: str) -> str:
    """Words with a capital: a refusal has none, since elsewhere it follows a colon."""
    return words[:1].upper() + words[1:]


def _private(home: HomeFolder) -> str:
    if exposed := home.open_to_others():
        raise LinkageError(f"{exposed[0]} is open to other users.", mend=f"Run: chmod -R go= {home.root}")
    return f"{home.root} is for its owner only."


def _keys(home: HomeFolder) -> str:
    ring = KeyRing(home.keys)
    ring.check()
    home.page_key()
    peppers = len(ring.peppers())
    return f"{peppers} pepper{'s' if peppers != 1 else ''}, envelope key and release keys can be read."


def _certificates(folder: Path, *, now: datetime) -> str:
    for name, mend in (
        ("ca.pem", "Restore it from a backup; without it no client can be admitted."),
        ("server.pem", "Start the service again: it makes a new one."),
    ):
        try:
            certificate = x509.load_pem_x509_certificate((folder / name).read_bytes())
        except (OSError, ValueError):
            raise LinkageError(f"certificate {name} cannot be read.", mend=mend) from None
        if not certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc - RENEWED_BEFORE:
            day = certificate.not_valid_after_utc.date()
            raise LinkageError(f"certificate {name} runs out on {day}, or is not valid yet.", mend=mend)
    return "The CA's and the server's certificates are valid for more than 30 days."


def _migrated(database: Database) -> str:
    if not database.is_migrated():
        raise LinkageError("The database has not the form this version needs.", mend="Start the server once.")
    return f"{'SQLite' if database.is_sqlite else 'PostgreSQL'} answers and has the form this version needs."


def _audited(database: Database) -> str:
    head = AuditTrail(database).verify()
    return f"{head.entries} {'entries hold' if head.entries != 1 else 'entry holds'} together; head {head}."


def _room(home: HomeFolder, settings: Settings) -> str:
    write_atomically(home.root / ".doctor", b"")
    (home.root / ".doctor").unlink()
    free, reserve = disk_free_bytes(home.root), settings.limits.disk_reserve_bytes
    if free < reserve:
        raise StorageFull(
            f"{free >> 20} MiB are free, less than the reserve of {reserve >> 20} MiB.", mend="Free some."
        )
    return f"{free >> 20} MiB are free."


def _clock(database: Database) -> str:
    moment = database.clock()
    if moment < _WRITTEN:
        raise LinkageError(f"The clock says {moment:%Y-%m-%d}.", mend="Set the clock; let a time service keep it.")
    return f"It is {moment:%Y-%m-%d %H:%M} UTC."

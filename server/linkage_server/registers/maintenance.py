"""What is done to the registers from time to time, without anybody asking: erase, forget, compact."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from linkage.errors import LinkageError
from linkage_server.registers.jobs import jobs_of
from linkage_server.registers.retention import kept_snapshots
from linkage_server.registers.store import RegisterStore
from linkage_server.registers.tombstones import read_erasures


@dataclass(frozen=True, slots=True)
class UpkeepRules:
    """When something is done.

    Attributes:
        compact_after_deliveries: how many deliveries may lie beside the compacted ones; 0 is never to compact.
        keep_snapshots: how long one that no order needs is kept after it was replaced.
        disk_reserve_bytes: room that a compaction leaves on the disk.
    """

    compact_after_deliveries: int
    keep_snapshots: timedelta
    disk_reserve_bytes: int


@dataclass(frozen=True, slots=True)
class Deed:
    """One thing that was done, or why it was not: a reason of `linkage.errors`."""

    register: str
    deed: str
    outcome: str


def maintain_store(
    store: RegisterStore, *, pinned: Mapping[str, set[str]], rules: UpkeepRules, now: datetime
) -> list[Deed]:
    """Do what is due for every register; what one refuses is told and keeps nobody from the rest."""
    done = []
    for register in store.registers():
        for name, act in _due(store, register, pinned=pinned.get(register, set()), rules=rules, now=now):
            try:
                act()
                outcome = "OK"
            except LinkageError as refusal:
                outcome = refusal.reason
            done.append(Deed(register, name, outcome))
    return done


def _due(
    store: RegisterStore, register: str, *, pinned: set[str], rules: UpkeepRules, now: datetime
) -> Iterator[tuple[str, Callable[[], object]]]:
    folder = store.folder / register
    if read_erasures(folder).pending:
        yield "erase", partial(store.erase_hidden, register)
    kept = kept_snapshots(store, register, pinned=pinned, age=rules.keep_snapshots, now=now)
    if len(kept) < len(store.snapshots(register)):
        yield "forget", partial(store.forget, register, keep=kept)
    begun = any(job.name == "compaction" for job in jobs_of(folder))
    many = 0 < rules.compact_after_deliveries < store.current(register).deltas
    if begun or many:
        yield "compact", partial(store.compact, register, reserve_bytes=rules.disk_reserve_bytes)

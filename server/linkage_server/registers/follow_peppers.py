"""Moves everything that is stored under hashed ids to the newest pepper, version by version."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from linkage_core.pepper_chain import next_ids
from linkage_core.pseudonyms import Pepper
from linkage_server.registers.history import NumberHistoryStore
from linkage_server.registers.progress import SILENT, Pace
from linkage_server.registers.store import RegisterStore


def follow_peppers(
    store: RegisterStore, history: NumberHistoryStore, *, peppers: Sequence[Pepper], pace: Pace = SILENT
) -> dict[str, int]:
    """Re-hash every register, and the number history with them, until all stand at the newest pepper.

    Killed at any point, what was moved stays moved and the next call goes on where this one was. Until then an order
    whose population and registers stand at different versions is refused.

    Args:
        store, history: of one home folder.
        peppers: all versions from the first to the newest.
        pace: told how far each register has come.

    Returns:
        Registers that were moved, and the versions each was moved by.

    Raises:
        StateConflict: a register or the history is being written.
        StorageFull: no room for the second copy of a register; it stays at its version.
    """
    moved: dict[str, int] = {}
    for register in store.registers():
        first = store.current(register).pepper_version
        for pepper in peppers[first:]:
            store.rehash(register, pepper_version=pepper.version, map_ids=partial(next_ids, pepper=pepper), pace=pace)
            moved[register] = pepper.version - first
    served = history.current()
    for pepper in peppers[served.pepper_version :] if served else ():
        history.rehash(pepper_version=pepper.version, map_ids=partial(next_ids, pepper=pepper))
    return moved

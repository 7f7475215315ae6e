"""What a load needs besides the register and its files."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

from linkage_core.pseudonyms import Pepper
from linkage_server.registers.code_quality import CodeLists
from linkage_server.registers.store import RegisterStore


@dataclass(frozen=True, slots=True)
class IngestSettings:
    """What a load needs besides the register and its files.

    Attributes:
        store: where snapshots go.
        quarantine_folder: where lists of quarantined rows go, a folder a register.
        peppers: key the hashed ids, all versions from the first to the newest.
        today: day of loading; later dates are faults.
        reference_date: resolves identity numbers of ten digits; the day the delivery was made.
        lists: loaded code lists by system.
        threads: cores used for judging rows; the result is the same for any number.
        clock, monotonic: passed in, so that tests decide what time it is.
    """

    store: RegisterStore
    quarantine_folder: Path
    peppers: Sequence[Pepper]
    today: date
    reference_date: date
    lists: CodeLists = field(default_factory=dict)
    threads: int = 1
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    monotonic: Callable[[], float] = time.monotonic

"""Ways in which the bytes of a store rot, and what reading them then gives."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from linkage.errors import LinkageError
from linkage_server.registers.store import RegisterStore
from tests.faults.operations import store_in
from tests.support.register_loads import Line, events, load, rows_of

PERSONS = 1500
HEAD_BYTES = 2048
TAIL_BYTES = 4096
Answer = dict[str, Any]


class Damage(NamedTuple):
    """One file of a store that is not what was written: `cut` to a length, a bit `flip`ped, `swap`ped or `missing`."""

    file: str
    kind: str
    place: int = 0
    other: str = ""


def hashed(number: int) -> bytes:
    return hashlib.sha256(str(number).encode()).digest()[:16]


def make_store(folder: Path) -> None:
    """Two segments, each file of which is longer than what is checked at opening."""
    store = store_in(folder)
    for place, name in enumerate(("first", "second")):
        lines: list[Line] = [
            (
                hashed(number * (place + 1)),
                {
                    "day": date(2024, 1 + number % 12, 1 + number % 28),
                    "atc": f"C{number % 300}",
                    "causes": [f"I{number % 11}", "X"] if number % 3 else None,
                    "text": f"1 x {number}",
                    "packages": number if number % 5 else None,
                },
            )
            for number in range(PERSONS)
        ]
        load(store, lines * (2 + place), name=name, lines_at_once=PERSONS)


def flips(path: Path, *, every: int) -> Iterator[int]:
    """Bits to flip, one at a time: close together in the file's head and tail, where its layout stands."""
    size = path.stat().st_size
    for place in range(size):
        close = place < HEAD_BYTES or place >= size - 512
        if place % (every if close else max(every, size // 40)) == 0:
            yield 8 * place + place // every % 8


def apply(folder: Path, damage: Damage) -> None:
    path = folder / damage.file
    content = bytearray(path.read_bytes())
    other = (folder / damage.other).read_bytes() if damage.other else b""
    path.unlink()
    if damage.kind == "cut":
        path.write_bytes(content[: damage.place])
    elif damage.kind == "swap":
        path.write_bytes(other)
    elif damage.kind == "flip":
        content[damage.place // 8] ^= 1 << damage.place % 8
        path.write_bytes(content)


def read_damaged(request: Answer) -> Answer:
    """What the readers of a damaged store get, first in service and then by verifying."""
    folder = Path(request["folder"])
    shutil.copytree(request["base"], folder)
    if "damage" in request:
        apply(folder, Damage(*request["damage"]))
    store = store_in(folder)
    return {"read": _outcome(lambda: _rows(store)), "verified": _outcome(lambda: _verify(store))}


def _rows(store: RegisterStore) -> str:
    asked = [hashed(number) for number in range(0, PERSONS * 2, 3)]
    return hashlib.sha256(repr(rows_of(events(store, asked))).encode()).hexdigest()


def _verify(store: RegisterStore) -> str:
    for line in store.snapshots("lmed"):
        store.verify(store.snapshot("lmed", line.snapshot_id))
    return "whole"


def _outcome(read: Any) -> str:
    try:
        return str(read())
    except LinkageError as refusal:
        return f"refused: {refusal.message}"
    except Exception as foreign:
        return f"{type(foreign).__name__}: {foreign}"

"""Runs operations under faults, each in a process of its own that is forked from one which has imported everything.

    LD_PRELOAD=faults.so python -m tests.faults.fork_server

Reads requests as lines of JSON and answers each with a line of JSON; see `trials.py`, which starts it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

from linkage.errors import Conflict, NotFound
from linkage_server.registers.store import RegisterStore
from linkage_server.registers.tombstones import read_erasures
from tests.faults import desk_operations
from tests.faults.damage import read_damaged
from tests.faults.operations import OPERATIONS, PERSONS, store_in
from tests.faults.preload import Fault, Mode, Preload, under_fault
from tests.support.register_loads import events, rows_of
from tests.support.review_desks import key

Answer = dict[str, Any]


def disturb(request: Answer) -> Answer:
    """Do an operation with a fault on a fresh copy of its store, or on what is there; tells its end and its calls."""
    operation = OPERATIONS[request["operation"]]
    base, folder = Path(request["base"]), Path(request["folder"])
    if base.exists():
        shutil.copytree(base, folder)
    store = store_in(folder, memory_bytes=operation.memory_bytes)
    call, mode, error = request.get("fault", Fault())
    return under_fault(folder, Fault(call, Mode(mode), error), lambda: operation.act(store))


def prepare(request: Answer) -> Answer:
    """Make the store that an operation begins with."""
    OPERATIONS[request["operation"]].before(store_in(Path(request["folder"])))
    return {}


def inspect(request: Answer) -> Answer:
    """What a process finds after the fault, what sweeping leaves, and what there is when it is done again."""
    operation = OPERATIONS[request["operation"]]
    folder = Path(request["folder"])
    store = store_in(folder, memory_bytes=operation.memory_bytes)
    answer: Answer = {"found": _served(store), "files": _files(folder)}
    if request["sweep"]:
        store.sweep()
        answer["swept"] = _files(folder)
    if request["again"]:
        # A load that had been published already is refused.
        with contextlib.suppress(Conflict):
            operation.act(store)
        answer |= {"again": _served(store)}
        store.sweep()
        answer |= {"left": _files(folder)}
    return answer


def _served(store: RegisterStore) -> Answer:
    try:
        manifest = store.current("lmed")
    except NotFound:
        return {"snapshot": None, "rows": repr([[] for _ in PERSONS]), "listed": [], "erased": []}
    listed = [line.snapshot_id for line in store.snapshots("lmed")]
    for snapshot_id in listed:
        store.verify(store.snapshot("lmed", snapshot_id))
    erased = [one.reference for one in read_erasures(store.folder / "lmed").finished]
    rows = repr(rows_of(events(store, PERSONS)))
    return {"snapshot": manifest.snapshot_id, "rows": rows, "listed": listed, "erased": erased}


def _files(folder: Path) -> dict[str, str]:
    """Every file with its content, but for locks; empty folders do not matter."""
    return {
        str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest()[:16]
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith("lock")
    }


def in_a_child(task: Callable[[Answer], Answer], request: Answer) -> Answer:
    """The answer of a task that may be killed, with the child's exit status."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        with os.fdopen(writing, "w") as answer:
            json.dump(task(request), answer)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        content = answer.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return {"status": status} | (json.loads(content) if status == 0 else {})


TASKS = {
    "prepare": prepare,
    "disturb": disturb,
    "inspect": inspect,
    "read damaged": read_damaged,
    "prepare desk": desk_operations.prepare,
    "disturb desk": desk_operations.disturb,
    "inspect desk": desk_operations.inspect,
}


def warm_up() -> None:
    """Do one operation here: what is imported late, such as pandas by Arrow, would take most of every trial."""
    with tempfile.TemporaryDirectory() as folder:
        disturb({"operation": "a load that spills", "base": Path(folder, "empty"), "folder": Path(folder, "full")})
        _served(store_in(Path(folder, "full")))
    # Made here once: every child signs and checks with the same one.
    key()


def main() -> None:
    Preload().sync_in_name_only()
    warm_up()
    for line in sys.stdin:
        request = json.loads(line)
        sys.stdout.write(json.dumps(in_a_child(TASKS[request["task"]], request)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

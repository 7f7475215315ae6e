"""Servers that end, stop or wait at a named point, which is wrapped from outside: the service knows nothing of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.loaded_service import PYTHONPATH

_WRAPPED = """
import importlib, os, pathlib, signal, sys, time
module = importlib.import_module({module!r})
owner = module
*path, name = {place!r}.split(".")
for part in path:
    owner = getattr(owner, part)
real, calls = getattr(owner, name), 0
def act():
    {act}
def wrapped(*args, **kwargs):
    global calls
    calls += 1
    if calls in {calls} and {before}:
        act()
    result = real(*args, **kwargs)
    if calls in {calls} and not {before}:
        act()
    return result
setattr(owner, name, wrapped)
{more}
"""
_SERVE = """
from linkage_server.__main__ import main
sys.argv = ["linkage-server", "serve", "--quiet", "--home", sys.argv[1]]
main()
"""
# Each point is tried in a child of one process, which has imported everything once: the workers alone, without gRPC.
_WORKERS = """
import importlib, os, signal, sys, threading
from pathlib import Path
from linkage_server.assembly import Service
for point in sys.argv[2:]:
    module, place, before = point.split(":")
    child = os.fork()
    if not child:
        owner = importlib.import_module(module)
        *path, name = place.split(".")
        for part in path:
            owner = getattr(owner, part)
        def wrapped(*args, real=getattr(owner, name), **kwargs):
            if before == "after":
                real(*args, **kwargs)
            os.kill(os.getpid(), signal.SIGKILL)
        setattr(owner, name, wrapped)
        dispatcher = Service.open(Path(sys.argv[1])).dispatcher
        dispatcher.start()
        threading.Event().wait(60)
        os._exit(1)
    _, status = os.waitpid(child, 0)
    print(point, os.waitstatus_to_exitcode(status), flush=True)
"""
_RELEASE = """
from tests.support.loaded_service import LoadedService
LoadedService(pathlib.Path(sys.argv[1])).release(sys.argv[2])
"""
KILL = "os.kill(os.getpid(), signal.SIGKILL)"
TERMINATE = "os.kill(os.getpid(), signal.SIGTERM)"


def serving(
    act: str, *, module: str, place: str, calls: tuple[int, ...] = (1,), before: bool = True, more: str = ""
) -> tuple[str, ...]:
    """Arguments of `python` that serve a home folder and do `act` at some calls of a function.

    Args:
        act: one line of Python.
        module: whose names are wrapped: the module that calls the function.
        place: the function or method, "Class.method".
        calls: at which calls of it, counted from 1.
        before: before it begins, or after it has ended.
        more: further lines that run before the server starts.
    """
    code = _WRAPPED.format(module=module, place=place, act=act, calls=calls, before=before, more=more)
    return "-c", code + _SERVE


def kill_workers_at(home: Path, points: list[str]) -> dict[str, int]:
    """Let the service's workers run and die at each point in turn ("module:place:before"); returns the exit codes."""
    command = [sys.executable, "-c", _WORKERS, str(home), *points]
    told = subprocess.run(command, env={"PYTHONPATH": PYTHONPATH}, check=True, capture_output=True, text=True).stdout
    return {point: int(code) for point, code in (line.split() for line in told.splitlines())}


def release_until(act: str, home: Path, order: str, *, module: str, place: str) -> int:
    """An officer's release from the console in a process of its own, ended after a function; returns its exit code."""
    code = _WRAPPED.format(module=module, place=place, act=act, calls=(1,), before=False, more="") + _RELEASE
    command = [sys.executable, "-c", code, str(home), order]
    return subprocess.run(command, env={"PYTHONPATH": PYTHONPATH}, check=False, capture_output=True).returncode


def wait_for(gate: Path) -> str:
    """An act: say at the n-th call that "gate-n.reached", and go on once "gate-n" is there."""
    return (
        f"gate = f'{gate}-{{calls}}'; pathlib.Path(gate + '.reached').touch(); "
        "[time.sleep(0.02) for _ in iter(lambda: os.path.exists(gate), True)]"
    )

"""The short-lived process in which a sealed population is opened, and outside which its numbers never exist.

Started by `opener.py` with nothing but two open files (the container to read, the hashed population to write) and one
JSON document on standard input: keys, what is expected, limits. It answers with one JSON document on standard output.
Before it looks at a stranger's byte it gives up the right to grow, to dump core, to be traced and to open anything:
no file, no socket, no process. It has no standard error.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import resource
import sys
from typing import Any

_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38
NO_ROOM = 28
"""Exit code where the disk was full: nothing is said of the envelope then."""


def main() -> None:
    """Open one container; exit code 0 if there is an answer on standard output."""
    # Any: the opener's own JSON, written by opener.py.
    told: dict[str, Any] = json.loads(sys.stdin.buffer.read())
    _limit_growth(told["limits"])
    # Imported under the limits and before the door is shut, for importing opens files.
    from linkage_server.intake.opening import open_container, warm_up
    from linkage_server.intake.opening_task import task_from_json

    task = task_from_json(told["task"])
    warm_up()
    try:
        with os.fdopen(told["container"], "rb") as container, os.fdopen(told["output"], "wb") as output:
            _shut_the_door()
            answer = open_container(container, output, task)
    except OSError as refusal:
        if refusal.errno in (errno.ENOSPC, errno.EDQUOT):
            sys.exit(NO_ROOM)
        raise
    sys.stdout.write(json.dumps(answer))


def _limit_growth(limits: dict[str, int]) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for name, limit in (
        (resource.RLIMIT_AS, limits["memory_bytes"]),
        (resource.RLIMIT_CPU, limits["cpu_seconds"]),
        (resource.RLIMIT_FSIZE, limits["file_bytes"]),
    ):
        resource.setrlimit(name, (limit, limit))
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        # Nobody of the same user may read this process's memory or have it dumped.
        if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) or libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0):
            raise OSError("the process could not be closed to others")


def _shut_the_door() -> None:
    """From here on no new file descriptor can be made: no file, no socket, no pipe to another process."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


if __name__ == "__main__":
    main()

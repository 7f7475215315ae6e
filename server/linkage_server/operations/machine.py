"""What the machine has for this process: its own memory and cores, or what a container is given of them."""

from __future__ import annotations

import os
import platform
import re
import socket
from collections.abc import Iterator
from pathlib import Path


def memory_bytes(root: Path = Path("/")) -> int:
    """Memory in bytes: the machine's, or the least that a control group of this process allows.

    Args:
        root: where /proc and /sys lie; tests bring their own.
    """
    return min([_installed(root), *_control_group_limits(root)])


def cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def name(root: Path = Path("/")) -> str:
    """Processor and number of cores: what tells whether times of earlier runs say something about this machine."""
    try:
        told = re.search(r"^model name\s*: (.+)$", (root / "proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        told = None
    return f"{told[1].strip() if told else platform.machine()}, {cores()} cores"


def _installed(root: Path) -> int:
    try:
        told = re.search(r"^MemTotal:\s+(\d+) kB", (root / "proc/meminfo").read_text(), re.MULTILINE)
    except OSError:
        told = None
    return int(told[1]) * 1024 if told else os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _control_group_limits(root: Path) -> Iterator[int]:
    """Limits of the group this process is in and of those above it: version 2 in one tree, version 1 in its own."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            tree, name = root / "sys/fs/cgroup", "memory.max"
        elif "memory" in controllers.split(","):
            tree, name = root / "sys/fs/cgroup/memory", "memory.limit_in_bytes"
        else:
            continue
        # In a container the path may be that of the host, while the tree begins with the container's own group.
        group = tree / path.strip("/")
        for folder in (group, *group.parents):
            if folder.is_relative_to(tree):
                yield from _limit(folder / name)


def _limit(file: Path) -> Iterator[int]:
    try:
        told = file.read_text().strip()
    except OSError:
        return
    if told.isdigit():  # "max" is none
        yield int(told)

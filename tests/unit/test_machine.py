"""How much memory there is: the machine's, or what a container is given of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from linkage_server.operations.machine import cores, memory_bytes, name

GIB = 1024**3
MACHINE = {"proc/meminfo": f"MemTotal:       {16 * GIB // 1024} kB\nMemFree: 1 kB\n"}


def lay(folder: Path, files: dict[str, str]) -> Path:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, 16 * GIB),
        ({"proc/self/cgroup": "0::/app\n", "sys/fs/cgroup/app/memory.max": "max\n"}, 16 * GIB),
        ({"proc/self/cgroup": "0::/app\n", "sys/fs/cgroup/app/memory.max": f"{4 * GIB}\n"}, 4 * GIB),
        # The group above allows less.
        (
            {
                "proc/self/cgroup": "0::/slice/app\n",
                "sys/fs/cgroup/slice/memory.max": f"{2 * GIB}\n",
                "sys/fs/cgroup/slice/app/memory.max": f"{4 * GIB}\n",
            },
            2 * GIB,
        ),
        # A container that sees its own group as the root, and the host's path in /proc.
        ({"proc/self/cgroup": "0::/docker/abc\n", "sys/fs/cgroup/memory.max": f"{GIB}\n"}, GIB),
        (
            {
                "proc/self/cgroup": "3:cpu:/x\n4:memory:/app\n0::/\n",
                "sys/fs/cgroup/memory/app/memory.limit_in_bytes": f"{3 * GIB}\n",
            },
            3 * GIB,
        ),
        # No limit, as version 1 writes it.
        (
            {
                "proc/self/cgroup": "4:memory:/\n",
                "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            },
            16 * GIB,
        ),
    ],
)
def test_the_least_limit_counts(tmp_path: Path, files: dict[str, str], expected: int) -> None:
    assert memory_bytes(lay(tmp_path, MACHINE | files)) == expected


def test_this_machine_has_some() -> None:
    assert memory_bytes() > 64 * 1024**2
    assert cores() >= 1


def test_a_machine_is_known_by_its_processor_and_cores(tmp_path: Path) -> None:
    lay(tmp_path, {"proc/cpuinfo": "processor\t: 0\nmodel name\t: Made-up 3000 @ 2.8 GHz\nmodel\t: 1\n"})
    assert name(tmp_path) == f"Made-up 3000 @ 2.8 GHz, {cores()} cores"
    assert name(tmp_path / "nothing").endswith(f", {cores()} cores")

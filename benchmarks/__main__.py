"""Runs the benchmarks and prints the figures; with --write they also replace those in benchmarks/README.md.

    python -m benchmarks [NAME ...] [--write]
    python -m benchmarks scale [T2 ...] [--data DIR] ...     national scale, against the peers: see benchmarks/scale
    python -m benchmarks compare BEFORE AFTER                two runs of it; exit code 1 on a regression

A benchmark is a module here with `TITLE` and `run() -> list[dict]`; each row is one line of its table. It asserts its
result before it measures, and runs the alternatives in the same process tree, in turn.
"""

from __future__ import annotations

import argparse
import importlib
import os
import platform
import re
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from benchmarks.scale import comparison, suite
from benchmarks.tables import as_markdown, write_section

FOLDER = Path(__file__).resolve().parent
PACKAGES = ("pyarrow", "numpy", "duckdb", "polars", "cryptography", "grpcio", "personnummer", "python-stdnum")


def names() -> list[str]:
    """Every benchmark of this folder, in the order of their names."""
    return sorted(path.stem for path in FOLDER.glob("[a-z]*.py") if "\ndef run(" in path.read_text())


def machine() -> str:
    """The machine, how busy it was, and the versions that the figures belong to."""
    model = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in PACKAGES)
    return (
        f"{datetime.now(UTC):%Y-%m-%d}; {model.group(1) if model else platform.machine()}, {os.cpu_count()} cores, "
        f"{memory:.0f} GiB, load average {os.getloadavg()[0]:.1f} at the end of the run; "
        f"CPython {platform.python_version()}, {versions}."
    )


def main() -> int:
    """Run what the command line names, or everything in this folder and then the national scale."""
    named = sys.argv[1:]
    if named[:1] == ["compare"]:
        return comparison.main(named[1:])
    if named[:1] == ["scale"] or "--data" in named:
        return suite.main(named[1:] if named[:1] == ["scale"] else named)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[[], *names()], help="benchmarks to run; all if none is named")
    parser.add_argument("--write", action="store_true", help="put the figures into benchmarks/README.md")
    arguments = parser.parse_args()
    for name in arguments.names or names():
        module = importlib.import_module(f"benchmarks.{name}")
        text = f"## {module.TITLE}\n\n`./run bench {name}`\n\n{as_markdown(module.run())}\n\n{machine()}"
        print(text, flush=True)
        print()
        if arguments.write:
            write_section(name, text)
    return 0 if arguments.names else suite.main(["--write"] if arguments.write else [])


if __name__ == "__main__":
    sys.exit(main())

"""Runs the benchmarks and prints the figures; with --write they also replace those in benchmarks/README.md.

    python -m benchmarks [NAME ...] [--write]

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
from typing import Any

FOLDER = Path(__file__).resolve().parent
README = FOLDER / "README.md"
PACKAGES = ("pyarrow", "numpy", "duckdb", "polars", "cryptography", "grpcio", "personnummer", "python-stdnum")


def names() -> list[str]:
    """Every benchmark of this folder, in the order of their names."""
    return sorted(path.stem for path in FOLDER.glob("[a-z]*.py") if "\ndef run(" in path.read_text())


def as_markdown(rows: list[dict[str, Any]]) -> str:
    """A table of `rows`; columns in the order of the first row."""
    columns = list(rows[0])
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(_shown(row.get(column, "")) for column in columns) + " |" for row in rows]
    return "\n".join(lines)


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


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


def write(name: str, text: str) -> None:
    """Replace the section of `name` in the README, between its two marks."""
    page = README.read_text()
    start, end = f"<!-- {name} -->", f"<!-- end {name} -->"
    section = f"{start}\n{text}\n{end}"
    if start in page:
        page = page[: page.index(start)] + section + page[page.index(end) + len(end) :]
    else:
        page = f"{page.rstrip()}\n\n{section}\n"
    README.write_text(page)


def main() -> None:
    """Run what the command line names, or everything."""
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
            write(name, text)


if __name__ == "__main__":
    sys.exit(main())

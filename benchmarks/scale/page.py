"""The figures as tables for people, and their sections of benchmarks/README.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.tables import as_markdown, write_section
from linkage_server.benchmark.machine import Bandwidth
from linkage_server.benchmark.results import OURS, CaseResult

MIB = 2**20


def section(results: Sequence[CaseResult]) -> str:
    """Tables of one task, case by case."""
    return "\n\n".join(_case(result) for result in results)


def machine_words(facts: Mapping[str, Any], bandwidth: Bandwidth) -> str:
    """The line below the tables: the machine, how busy it was, and the versions."""
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items())
    return (
        f"{facts['processor']}, {facts['cores']} cores, {facts['memory_gib']:.0f} GiB, {facts['system']}; "
        f"{bandwidth.words}; load average {facts['load_average']} at the end; cold: the page cache was dropped by "
        f"{facts['page_cache']}. {facts['register']}. CPython {facts['python']}, {versions}."
    )


def write(results: Sequence[CaseResult], facts: Mapping[str, Any], bandwidth: Bandwidth, *, command: str) -> None:
    """Put the sections of every measured task into the README."""
    for task in dict.fromkeys(result.task for result in results):
        of_task = [result for result in results if result.task == task]
        head = f"## {task}. {of_task[0].title}\n\n`{command}`"
        write_section(f"scale-{task}", f"{head}\n\n{section(of_task)}\n\n{machine_words(facts, bandwidth)}")


def _case(result: CaseResult) -> str:
    points = ", ".join(
        f"{value:,} {name}" if isinstance(value, int) else f"{name} {value}"
        for name, value in result.parameters.items()
    )
    head = f"**{'Cold' if result.cold else 'Warm'}**, {points}:"
    return "\n\n".join([head, as_markdown(_rows(result)), *result.notes])


def _rows(result: CaseResult) -> list[dict[str, Any]]:
    rows = []
    for side, figures in result.sides.items():
        smallest, largest = result.ratio_spread(side)
        row: dict[str, Any] = {
            "": side,
            "seconds (median)": figures.median,
            "fastest": min(figures.seconds),
            "slowest": max(figures.seconds),
            "times Linkage": "" if side == OURS else f"{result.ratio(side):.1f}",
            "round by round": "" if side == OURS else f"{smallest:.1f} to {largest:.1f}",
            "own memory MiB": round(figures.peak.own / MIB),
            "with mapped files MiB": round(figures.peak.whole / MIB),
        }
        if result.cold:
            row["read from disk MiB"] = round(figures.read_bytes / MIB)
        rows.append(row)
    return rows

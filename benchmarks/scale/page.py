"""The figures as tables for people, and their sections of benchmarks/README.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from benchmarks.scale.plots import series_axis, write_plots
from benchmarks.tables import as_markdown, write_section
from linkage_server.benchmark.history import results_of
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
    """Draw every measured task and put its section into the README."""
    write_plots(results)
    measured_on = machine_words(facts, bandwidth)
    for task in dict.fromkeys(result.task for result in results):
        of_task = [result for result in results if result.task == task]
        plot = f"![{task}: seconds of every side](plots/{task.lower()}.svg)"
        axis = series_axis(of_task)
        tables = _series(of_task, axis) if axis else section(of_task)
        parts = (f"### {task}. {of_task[0].title}", f"`{command}`", plot, tables, measured_on)
        write_section(f"scale-{task}", "\n\n".join(parts))


def newest_of(runs: Sequence[Mapping[str, Any]]) -> list[CaseResult]:
    """The newest figures of each case, in the order of names; `runs` as they were kept, oldest first."""
    newest = {result.name: result for run in runs for result in results_of(run)}
    return [newest[name] for name in sorted(newest)]


def with_other_temperature(results: Sequence[CaseResult], runs: Sequence[Mapping[str, Any]]) -> list[CaseResult]:
    """The results, each case beside its newest figures with the other page cache: warm first."""
    known = {result.name: result for result in [*newest_of(runs), *results]}
    found: dict[str, CaseResult] = {}
    for result in results:
        pair = [replace(result, cold=cold).name for cold in (False, True)]
        found |= {name: known[name] for name in pair if name in known}
    return list(found.values())


def write_summary(runs: Sequence[Mapping[str, Any]]) -> None:
    """Put what all runs come to before the tasks' sections: the newest figures of each case.

    Args:
        runs: as they were kept, oldest first.
    """
    head = "## National scale: the fastest peer's time over ours"
    table = as_markdown(_summary(newest_of(runs)))
    write_section("scale", f"{head}\n\nThe newest figures of each case in `benchmarks/history`.\n\n{table}")


def _summary(results: Sequence[CaseResult]) -> list[dict[str, Any]]:
    rows = []
    for result in results:
        peer = result.fastest_peer
        spread = result.ratio_spread(peer) if peer else None
        rows.append(
            {
                "task": result.task,
                "": ", ".join(filter(None, (_question(result), _points(result), "cold" if result.cold else "warm"))),
                "Linkage, seconds": result.sides[OURS].median,
                "fastest peer": peer or "",
                "its seconds": result.sides[peer].median if peer else "",
                "times Linkage": f"{result.ratio(peer):.1f}" if peer else "",
                "round by round": f"{spread[0]:.1f} to {spread[1]:.1f}" if spread else "",
                "own memory MiB": round(result.sides[OURS].peak.own / MIB),
            }
        )
    return rows


def _series(results: Sequence[CaseResult], axis: str) -> str:
    """One table a question: sides down, what grows across, medians in seconds."""
    tables = []
    for question in dict.fromkeys(map(_question, results)):
        cases = [result for result in results if _question(result) == question]
        rows: list[dict[str, Any]] = []
        for side in cases[0].sides:
            row: dict[str, Any] = {f"seconds (median), {axis}": side}
            row |= {f"{one.parameters[axis]:,}": one.sides[side].median for one in cases if side in one.sides}
            row["last over first"] = f"{cases[-1].sides[side].median / cases[0].sides[side].median:.2f}"
            rows.append(row)
        tables.append(f"**{cases[0].title}**\n\n{as_markdown(rows)}")
    return "\n\n".join(tables)


def _case(result: CaseResult) -> str:
    head = f"**{'Cold' if result.cold else 'Warm'}**, {_points(result)}:"
    return "\n\n".join([head, as_markdown(_rows(result)), *result.notes])


def _question(result: CaseResult) -> str:
    return str(result.parameters.get("question", ""))


def _points(result: CaseResult) -> str:
    return ", ".join(
        f"{value:,} {name}" if isinstance(value, int) else f"{value} {name}"
        for name, value in reversed(list(result.parameters.items()))
        if name != "question"
    )


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

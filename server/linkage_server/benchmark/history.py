"""Runs of the benchmark as files in pytest-benchmark's JSON, and the comparison of two of them by ratio.

A ratio is how many times as long as ours the fastest peer took in the same run; times of two runs are never compared
where a peer was measured, since another hour or another machine would be taken for a change of ours.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from linkage.errors import InputRefused
from linkage_server.benchmark.results import OURS, CaseResult, quartiles
from linkage_server.benchmark.rounds import Measured, Peak

MOST_LOSS = 0.10
"""A ratio that falls by more than this is a regression."""

_FORMAT = "5.3.1"


def as_history(
    results: Sequence[CaseResult], *, machine: Mapping[str, object], commit: str, made_at: datetime
) -> dict[str, Any]:
    """A run as pytest-benchmark writes it: one benchmark a side and case, cases as groups."""
    return {
        "machine_info": dict(machine),
        "commit_info": {"id": commit},
        "benchmarks": [
            _benchmark(result, side, figures) for result in results for side, figures in result.sides.items()
        ],
        "datetime": made_at.astimezone(UTC).isoformat(),
        "version": _FORMAT,
    }


def write_history(folder: Path, history: Mapping[str, Any]) -> Path:
    """One file a run, named by its time."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{history['datetime'][:19].replace(':', '').replace('-', '')}.json"
    path.write_text(json.dumps(history, indent=1) + "\n")
    return path


def results_of(history: Mapping[str, Any]) -> list[CaseResult]:
    """The cases of a run as they were measured; notes are not kept."""
    cases: dict[str, CaseResult] = {}
    sides: dict[str, dict[str, Measured]] = {}
    for one in history["benchmarks"]:
        told, of_case = one["extra_info"], sides.setdefault(one["group"], {})
        of_case[told["side"]] = Measured(
            rounds=told["rounds"],
            peak=Peak(told["peak_bytes"], told["peak_bytes_with_mapped_files"]),
            reads=[told["read_bytes"]],
        )
        cases[one["group"]] = CaseResult(told["task"], told["title"], one["params"], told["cold"], of_case)
    return list(cases.values())


def _benchmark(result: CaseResult, side: str, figures: Measured) -> dict[str, Any]:
    return {
        "group": result.name,
        "name": f"{result.name}[{side}]",
        "fullname": f"benchmarks/scale::{result.name}[{side}]",
        "params": dict(result.parameters),
        "param": side,
        "extra_info": {
            "side": side,
            "task": result.task,
            "title": result.title,
            "cold": result.cold,
            "rounds": [[round(taken, 6) for taken in one] for one in figures.rounds],
            "peak_bytes": figures.peak.own,
            "peak_bytes_with_mapped_files": figures.peak.whole,
            "read_bytes": round(figures.read_bytes),
        },
        "options": {"disable_gc": False, "timer": "perf_counter", "warmup": 1},
        "stats": _stats(figures.seconds),
    }


def _stats(seconds: list[float]) -> dict[str, Any]:
    first, third = quartiles(seconds)
    spread = statistics.stdev(seconds) if len(seconds) > 1 else 0.0
    mean = statistics.fmean(seconds)
    return {
        "min": min(seconds),
        "max": max(seconds),
        "mean": mean,
        "stddev": spread,
        "rounds": len(seconds),
        "median": statistics.median(seconds),
        "iqr": third - first,
        "q1": first,
        "q3": third,
        "iqr_outliers": 0,
        "stddev_outliers": 0,
        "outliers": "0;0",
        "ld15iqr": min(seconds),
        "hd15iqr": max(seconds),
        "ops": 1 / mean,
        "total": math.fsum(seconds),
        "iterations": 1,
    }


@dataclass(frozen=True, slots=True)
class Change:
    """One case in two runs.

    Args:
        case: its name.
        measure: `ratio` to the fastest peer, or `speed` where a run knows no peer.
        before, after: larger is better.
    """

    case: str
    measure: str
    before: float
    after: float

    @property
    def change(self) -> float:
        """-0.1 is a tenth less."""
        return self.after / self.before - 1

    @property
    def is_regression(self) -> bool:
        """More than a tenth is lost."""
        return self.change < -MOST_LOSS


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """Every case that both runs measured.

    Raises:
        InputRefused: they have none in common.
    """
    earlier, later = _merits(before), _merits(after)
    changes = []
    for case in [case for case in earlier if case in later]:
        # A ratio against another peer than last time, because one was not installed, says nothing about us.
        measure = "ratio" if "ratio" in earlier[case] and "ratio" in later[case] else "speed"
        changes.append(Change(case, measure, earlier[case][measure], later[case][measure]))
    if not changes:
        raise InputRefused("the two runs have no case in common.", mend="Run both over the same tasks and rows.")
    return changes


def read_history(path: Path) -> dict[str, Any]:
    """A run's file.

    Raises:
        InputRefused: it is none.
    """
    try:
        history: dict[str, Any] = json.loads(path.read_text())
        _merits(history)
    except OSError:
        raise InputRefused(f"{path.name}: cannot be read.", mend="Name a file of benchmarks/history.") from None
    except (ValueError, KeyError, TypeError):
        raise InputRefused(f"{path.name}: is no run of this benchmark.", mend="Name a file that it wrote.") from None
    return history


def _merits(history: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    medians: dict[str, dict[str, float]] = {}
    for one in history["benchmarks"]:
        medians.setdefault(one["group"], {})[one["extra_info"]["side"]] = float(one["stats"]["median"])
    merits = {}
    for case, sides in medians.items():
        if OURS not in sides:
            continue
        merits[case] = {"speed": 1 / sides[OURS]}
        if peers := [seconds for side, seconds in sides.items() if side != OURS]:
            merits[case]["ratio"] = min(peers) / sides[OURS]
    return merits

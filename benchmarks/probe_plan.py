"""Measures both ways of finding persons' rows beside what the cost rule expects: `python -m benchmarks.probe_plan`.

Prints, by share of a segment's persons that are asked for, nanoseconds a person, and which way the rule chooses.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from linkage_core.kernels.hashed_id_index import build_directory, probe_rows, walk_rows
from linkage_core.probe_plan import plan_probe

PERSONS = 1_100_000
ROUNDS = 9
SHARES = (0.001, 0.01, 0.03, 0.1, 0.3, 0.5, 0.6, 0.7, 0.9, 1.0)


def main() -> None:
    """Print the table."""
    numbers = np.random.default_rng(1)
    high = np.sort(numbers.integers(0, 2**64, PERSONS, dtype=np.uint64))
    low = numbers.integers(0, 2**64, PERSONS, dtype=np.uint64)
    directory = build_directory(high, low)
    persons = (np.arange(0, 15 * PERSONS + 1, 15, dtype=np.uint32), 15 * PERSONS, np.empty(0, np.int64))
    print("share  probe  merge  expected  chosen")
    for share in SHARES:
        asked = np.sort(numbers.choice(PERSONS, int(share * PERSONS), replace=False))
        asked_high, asked_low = high[asked], low[asked]
        probe = _fastest(lambda: probe_rows(high, low, directory, *persons, asked_high, asked_low))  # noqa: B023
        merge = _fastest(lambda: walk_rows(high, low, *persons, asked_high, asked_low))  # noqa: B023
        plan = plan_probe(len(asked), PERSONS)
        each = 1e9 / len(asked)
        print(f"{share:5}  {probe * each:5.1f}  {merge * each:5.1f}  {plan.seconds * each:8.1f}  {plan.method}")


def _fastest(look_up: Callable[[], object]) -> float:
    taken = []
    for _ in range(ROUNDS):
        start = time.thread_time()
        look_up()
        taken.append(time.thread_time() - start)
    return min(taken)


if __name__ == "__main__":
    main()

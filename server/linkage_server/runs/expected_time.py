"""How long a run is expected to take: a stated rule, and what earlier runs on the same machine made of it.

The rule knows how many persons and rows are read, how many indicators and tables are asked for, and about what each
costs. What it says of a stage is multiplied by the median of measured over expected time of
that stage in the last runs on this machine: another processor, or another mixture of orders, moves that number.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# Seconds of one core, as `python -m benchmarks.run_costs` measured them on 2026-11-23: 3 million rows of 200,000
# persons, of whom 2,000 to 190,000 are asked for; AMD EPYC, 2 cores, beside other work, the least of seven runs. Orders
# that look at every row were expected to compute 0.7 to 1.5 times as long as they did, orders about few codes up to 5
# times. A further indicator about the same rows costs no more than its values, unless it follows supplies.
READ_PERSON = 5e-8
OPEN_COLUMN = 1.7e-4
COMPUTE_BLOCK = 2.8e-3
GATHER_ROW_AND_COLUMN = 1.8e-9
FOLLOW_ROW_AND_STOCK = 2.6e-8
COUNT_PERSON_AND_VALUE = 6.5e-9
# Where nothing has to be kept back. Where cells are small 0.03 to 0.5 seconds were measured: that depends on the cells,
# of which nothing is known before they are counted.
PROTECT_VALUE_AND_TABLE = 1.9e-3
# Without the disk.
DESCRIBE = 4.3e-3
COMPUTING = "computing"
"""The stage that several threads work on, each with its blocks of persons."""
RUNS_LOOKED_AT = 20
RULE = (
    "Counted as if every person asked for were in each register, with the mean number of its rows, and each row were "
    "read: at most so many rows and bytes of such persons, since a run reads less where its indicators ask for some "
    "codes only. Times are for a machine that does nothing else: a measured cost of each block, person, row, column, "
    "value and table, times the median of measured over expected time of the stage in the last "
    f"{RUNS_LOOKED_AT} runs on this machine. Protecting takes far longer where many cells are small. Nothing was "
    "linked for it."
)


@dataclass(frozen=True, slots=True)
class RunSize:
    """What of a run decides how long it takes.

    Attributes:
        persons: size of the population.
        blocks: of persons, that it is computed in.
        side_by_side: blocks computed at once, each on a core of its own.
        rows: of all registers.
        probe_seconds: for looking persons up in all segments.
        columns: read of all registers.
        stocks: indicators that follow supplies from package to package.
        values: of each person: parameter points and periods of all indicators.
        tables: crossings that each value is counted by.
        searched_rows, searched_columns: of the registers in which a population is looked for that they define.
    """

    persons: int
    blocks: int
    side_by_side: int
    rows: float
    probe_seconds: float
    columns: int
    stocks: int
    values: int
    tables: int
    searched_rows: float = 0.0
    searched_columns: int = 0


def seconds_by_stage(run: RunSize) -> dict[str, float]:
    """Time of each stage by the rule."""
    gathered = run.rows * run.columns * GATHER_ROW_AND_COLUMN
    followed = run.rows * run.stocks * FOLLOW_ROW_AND_STOCK
    searched = run.searched_rows * run.searched_columns * GATHER_ROW_AND_COLUMN
    counted = run.persons * run.values * run.tables * COUNT_PERSON_AND_VALUE
    return {
        "reading the population": run.persons * READ_PERSON + searched / run.side_by_side,
        "opening the registers": run.columns * OPEN_COLUMN,
        COMPUTING: (run.blocks * COMPUTE_BLOCK + run.probe_seconds + gathered + followed + counted) / run.side_by_side,
        "protecting": run.values * run.tables * PROTECT_VALUE_AND_TABLE,
        "describing": DESCRIBE,
    }


def calibrate(
    by_rule: Mapping[str, float], earlier: Sequence[tuple[Mapping[str, float], Mapping[str, float]]]
) -> dict[str, float]:
    """What the rule says, times the median of measured over expected time of each stage in earlier runs.

    Args:
        by_rule: seconds by stage.
        earlier: for each run, seconds by stage as the rule had them, and as they were measured.
    """
    return {stage: seconds * _ratio(stage, earlier) for stage, seconds in by_rule.items()}


def _ratio(stage: str, earlier: Sequence[tuple[Mapping[str, float], Mapping[str, float]]]) -> float:
    ratios = [measured[stage] / rule[stage] for rule, measured in earlier if rule.get(stage) and stage in measured]
    return statistics.median(ratios) if ratios else 1.0

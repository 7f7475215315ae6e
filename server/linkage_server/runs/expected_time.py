"""How long a run is expected to take: a stated rule, and what earlier runs on the same machine made of it.

The rule knows how many persons and rows are read, how many indicators and tables are asked for, and about what each
costs. What it says of a stage is multiplied by the median of measured over expected time of
that stage in the last runs on this machine: another processor, or another mixture of orders, moves that number.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

# Seconds of one core. Only the lookup of persons is measured (`linkage_core.probe_plan`), and gathering a row follows
# what docs/decisions/reading-registers.md measured; the others are estimates of the right order that were not fitted.
# What they miss, earlier runs make good.
READ_PERSON = 1.5e-7
OPEN_COLUMN = 4e-3
GATHER_ROW_AND_COLUMN = 2e-9
COMPUTE_ROW_AND_INDICATOR = 2e-9
COUNT_PERSON_AND_VALUE = 2e-9
PROTECT_VALUE_AND_TABLE = 5e-2
DESCRIBE = 2e-2
COMPUTING = "computing"
"""The stage that several threads work on, each with its blocks of persons."""
RUNS_LOOKED_AT = 20
RULE = (
    "Counted as if every person asked for were in each register, with the mean number of its rows, and each row were "
    "read; a run reads less where its indicators ask for some codes only. Times are for a machine that does nothing "
    "else: an estimated cost of each person, row, column, indicator and table, times the median of measured over "
    f"expected time of the stage in the last {RUNS_LOOKED_AT} runs on this machine. Nothing was linked for it."
)


def seconds_by_stage(
    *,
    persons: int,
    side_by_side: int,
    rows: float,
    probe_seconds: float,
    columns: int,
    indicators: int,
    values: int,
    tables: int,
) -> dict[str, float]:
    """Time of each stage by the rule.

    Args:
        persons: size of the population.
        side_by_side: blocks of persons computed at once, each on a core of its own.
        rows: of all registers.
        probe_seconds: for looking persons up in all segments.
        columns: read of all registers.
        indicators: asked for.
        values: of each person: parameter points and periods of all indicators.
        tables: crossings that each value is counted by.
    """
    reading = rows * (columns * GATHER_ROW_AND_COLUMN + indicators * COMPUTE_ROW_AND_INDICATOR)
    return {
        "reading the population": persons * READ_PERSON,
        "opening the registers": columns * OPEN_COLUMN,
        COMPUTING: (probe_seconds + reading + persons * values * tables * COUNT_PERSON_AND_VALUE) / side_by_side,
        "protecting": values * tables * PROTECT_VALUE_AND_TABLE,
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

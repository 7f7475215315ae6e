"""Cells of an order's table that an officer excepted from a rule: their mark goes before anything is hidden."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from linkage.policy_exceptions import ExceptedRule, SignedException
from linkage.released_table import TIME_STRATA
from linkage_core.counted_table import CountedTable, Line
from linkage_core.disclosure.cell_system import Flags
from linkage_core.disclosure.linked_cells import Numbered

INDICATOR = "indicator"
"""How an exception names the indicator, beside levels by stratum."""

PERIOD = "period"
"""How it names the level of a period, as tables do."""


def excepted_cells(
    exceptions: Iterable[SignedException],
    rule: ExceptedRule,
    table: CountedTable,
    cells: Numbered,
    *,
    key_of: Callable[[Line], str],
) -> Flags:
    """Cells that a rule does not hold for.

    A stratum that an exception does not name is at its total. A level or an indicator that the table does not have
    means no cell of it.

    Args:
        exceptions: of the policy.
        rule: the rule.
        table, cells: the table and its numbered cells.
        key_of: the set or the sum of a line that the rule is about; "" for none.
    """
    found = np.zeros(cells.values.size, dtype=np.bool_)
    for exception in exceptions:
        if exception.rule != rule:
            continue
        named = {name: level for name, level in exception.cell.items() if name != INDICATOR}
        for line in table.lines:
            key = key_of(line)
            if key and exception.cell.get(INDICATOR, line.indicator) == line.indicator:
                cube = cells.cube(key, line.dimensions)
                if not exception.cell:
                    found[cube] = True
                elif (place := _place(named, line, cells)) is not None:
                    found[cube[place]] = True
    return found


def _place(named: dict[str, str], line: Line, cells: Numbered) -> tuple[int, ...] | None:
    """Index of the cell in a line's cube; None where the line is not broken down so."""
    time = next((name for name in TIME_STRATA if name in line.dimensions), PERIOD)
    named = {time if name == PERIOD else name: level for name, level in named.items()}
    if not named.keys() <= {*line.dimensions}:
        return None
    levels = {name: cells.dimensions[name].levels for name in line.dimensions}
    if any(level not in levels[name] for name, level in named.items()):
        return None
    return tuple(levels[name].index(named[name]) if name in named else -1 for name in line.dimensions)

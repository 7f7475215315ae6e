"""Which rows of a register a population's rules can look at: the others are never fetched."""

from __future__ import annotations

from linkage.indicator_kinds import CodeSet
from linkage.population_rules import PopulationRules
from linkage_core.indicators.code_set_rows import rows_of_code_sets
from linkage_core.row_filter import RowFilter


def rule_rows(rules: PopulationRules, register: str) -> list[RowFilter] | None:
    """Rows of any code set that a criterion looks for in this register, one filter a column; None for every row.

    A reversed dispensing has the code of the one that it cancels, so both pass or neither does.
    """
    wanted: dict[str, list[CodeSet]] = {}
    for criterion in rules.criteria:
        if criterion.register_name != register:
            continue
        if criterion.codes is None:
            return None
        for column in criterion.code_columns:
            wanted.setdefault(column, []).append(rules.codes[criterion.codes])
    return [rows_of_code_sets(column, sets) for column, sets in wanted.items()] or None

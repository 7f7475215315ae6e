"""Which rows of a register the indicators of a run can ever look at; nobody needs to fetch the others.

A reversed row takes from rows of its own product only, and a product has one ATC code: whatever the code sets hold,
they hold a reversed row together with all that it may cancel. See tests/generative/test_wanted_rows.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from linkage.indicator_definition import IndicatorSet
from linkage.indicator_kinds import CodeSet, DrugUseModel, SupplyModel
from linkage_core.indicators.code_set_rows import rows_of_code_sets
from linkage_core.row_filter import RowFilter


def wanted_rows(definitions: Sequence[IndicatorSet], register: str, row_dimensions: Sequence[str]) -> RowFilter | None:
    """Rows of any code set that an indicator asks for in this register; None where every row matters.

    Args:
        definitions: sets with the indicators that were chosen of each.
        register: its name.
        row_dimensions: row variables of the order. They split the rows of an indicator's own code sets and want no
            others, so they do not change the answer.
    """
    del row_dimensions
    code_sets: list[CodeSet] = []
    for definition in definitions:
        if register in _read_by_date(definition):
            return None
        for indicator in definition.indicators:
            names = indicator.wanted_code_sets(register)
            if names is None:
                return None
            code_sets.extend(definition.codes[name] for name in names)
    return rows_of_code_sets("atc", code_sets) if code_sets else None


def _read_by_date(definition: IndicatorSet) -> set[str]:
    """Registers of which any row may tell a death, an emigration or a hospital stay."""
    exits = {source.register_name for source in (definition.exits.death, definition.exits.emigration) if source}
    models: list[SupplyModel | DrugUseModel] = [*definition.supply.values(), *definition.drug_use.values()]
    return exits.union(*(model.columns_of_stays for model in models))

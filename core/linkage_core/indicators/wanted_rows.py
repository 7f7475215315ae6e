"""Which rows of a register the indicators of a run can ever look at; nobody needs to fetch the others.

A reversed row takes from rows of its own product only, and a product has one ATC code: whatever the code sets hold,
they hold a reversed row together with all that it may cancel. See tests/generative/test_wanted_rows.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from linkage.indicator_definition import IndicatorSet, code_set_names
from linkage.indicator_kinds import (
    CodeSet,
    DrugAfterDiagnosis,
    DrugUseModel,
    EventInWindow,
    InRegisters,
    SupplyModel,
    WithOutcome,
)
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
            # An outcome is looked for in several columns, lists among them, which a test of one code cannot judge.
            if isinstance(indicator, WithOutcome | DrugAfterDiagnosis) and indicator.outcome.register_name == register:
                return None
            if isinstance(indicator, InRegisters):
                own = [one for one in indicator.criteria if one.register_name == register]
                if any(one.code_columns != ["atc"] for one in own):
                    return None
                code_sets.extend(definition.codes[one.codes] for one in own if one.codes is not None)
                continue
            if register not in (indicator.register_name, getattr(indicator, "prescriptions", None)):
                continue
            names = code_set_names(indicator)
            # Events are looked for in several columns, lists among them, which a test of one code cannot judge.
            if not names or isinstance(indicator, EventInWindow):
                return None
            code_sets.extend(definition.codes[name] for name in names)
    return rows_of_code_sets("atc", code_sets) if code_sets else None


def _read_by_date(definition: IndicatorSet) -> set[str]:
    """Registers of which any row may tell a death, an emigration or a hospital stay."""
    exits = {source.register_name for source in (definition.exits.death, definition.exits.emigration) if source}
    models: list[SupplyModel | DrugUseModel] = [*definition.supply.values(), *definition.drug_use.values()]
    return exits | {model.hospital_register for model in models if model.hospital != "ignore"}

"""A definition is stored with the run as JSON, and read back as it was."""

from __future__ import annotations

from datetime import date

import pytest

from linkage.indicator_definition import IndicatorSet, canonical_sha256, shipped_sets
from linkage.population_rules import PopulationRules
from tests.support.kind_examples import example_set


@pytest.mark.parametrize("definition", [*shipped_sets().values(), example_set()], ids=lambda one: one.name)
def test_a_set_is_read_back(definition: IndicatorSet) -> None:
    stored = IndicatorSet.model_validate_json(definition.model_dump_json(by_alias=True))
    assert canonical_sha256(stored) == canonical_sha256(definition)


def test_rules_of_a_population_are_read_back() -> None:
    period = {"from": date(2024, 1, 1), "until": date(2025, 1, 1)}
    event = {"kind": "diagnosis", "codes": "infarction", "period": period}
    rules = PopulationRules.model_validate({"codes": {"infarction": {"icd10_include": ["I21"]}}, "index_event": event})
    assert PopulationRules.model_validate_json(rules.model_dump_json(by_alias=True)) == rules

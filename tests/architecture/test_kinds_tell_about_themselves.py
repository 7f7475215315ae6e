"""What a set checks and reads is told by its kinds: modules that serve every kind name none of them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from linkage import indicator_kinds

ROOT = Path(__file__).parents[2]
SERVES_EVERY_KIND = [
    "linkage/indicator_definition.py",
    "linkage/indicator_lint.py",
    "core/linkage_core/question.py",
    "core/linkage_core/indicators/wanted_rows.py",
]
NO_KINDS = {"CodeSet", "DrugUseModel", "Identifier", "Indicator", "Model", "Reversals", "SupplyModel", "Words"}


@pytest.mark.parametrize("module", SERVES_EVERY_KIND)
def test_a_module_for_every_kind_names_none(module: str) -> None:
    tree = ast.parse((ROOT / module).read_text(encoding="utf-8"))
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}

    assert not names & (set(indicator_kinds.__all__) - NO_KINDS)

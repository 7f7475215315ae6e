"""Every kind of indicator has a page in the manual, and what its table says is what the core computes today."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import get_args

from linkage import indicator_kinds

MANUAL = Path(__file__).resolve().parents[2] / "docs" / "manual"


def test_the_pages_of_kinds_are_fresh() -> None:
    stale = runpy.run_path(str(MANUAL / "write_kind_pages.py"))["stale"]
    assert stale() == [], "run: python docs/manual/write_kind_pages.py"


def test_every_kind_has_a_page() -> None:
    models = get_args(get_args(indicator_kinds.Indicator)[0])
    kinds = {get_args(model.model_fields["kind"].annotation)[0] for model in models}
    there = {path.stem for path in (MANUAL / "kinds").glob("*.md")} - {"README"}
    assert there == kinds, "write linkage/definitions/kinds/KIND.toml and run python docs/manual/write_kind_pages.py"

"""The manual's tables are the ones that the code goes by."""

from __future__ import annotations

import runpy
from pathlib import Path

MANUAL = Path(__file__).resolve().parents[2] / "docs" / "manual"


def test_the_page_of_tables_is_fresh() -> None:
    page = runpy.run_path(str(MANUAL / "write_tables.py"))["page"]
    mend = "run: python docs/manual/write_tables.py"
    assert (MANUAL / "tables.md").read_text(encoding="utf-8") == page(), mend

"""The manual's diagram of an order's states is the one that the code goes by."""

from __future__ import annotations

import runpy
from pathlib import Path

MANUAL = Path(__file__).resolve().parents[2] / "docs" / "manual"


def test_the_page_of_order_states_is_fresh() -> None:
    page = runpy.run_path(str(MANUAL / "draw_order_states.py"))["page"]
    mend = "run: python docs/manual/draw_order_states.py"
    assert (MANUAL / "order-states.md").read_text(encoding="utf-8") == page(), mend

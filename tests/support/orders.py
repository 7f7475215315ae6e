"""An order file, with any part of it changed."""

from __future__ import annotations

from typing import Any

import tomli_w

_PARTS: dict[str, Any] = {
    "title": "Secondary prevention after myocardial infarction",
    "purpose": "quality assurance",
    "registers": ["lmed", "par_sv", "dors"],
    "formats": ["parquet", "csv"],
    "by": [["hospital"], ["sex", "age:<65,65-74,75-84,85+"], ["index:month"]],
    "indicators": [{"set": "small-set", "version": "1.0.0"}],
    "population": {"index_date": True, "strata": ["hospital"]},
    "schedule": {"kind": "once"},
    "contact": {"name": "A statistician", "email": "statistics@swedeheart.example"},
    "legal_basis": {"text": "Patient data act, chapter 7"},
}


def order_text(**changed: Any) -> str:
    """The order as TOML with some parts changed; a part that is None is left out."""
    parts = {name: part for name, part in (_PARTS | changed).items() if part is not None}
    return tomli_w.dumps(parts)


ORDER = order_text()


SMALL_SET = """
[set]
id = "small-set"
version = "1.0.0"

[codes]
statins = { atc_include = ["C10AA"] }

[[indicator]]
id = "statin-within-90-days"
kind = "initiation"
codes = "statins"
window = { from = 0, to = 90 }

[[indicator]]
id = "dispensings-by-year"
kind = "dispensings"
codes = "statins"
calendar = { from = 2025-01-01, until = 2026-01-01, step = "year" }
"""

"""Columns of registers, by concept, that several kinds and models read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

DISPENSING_COLUMNS = ("dispensing_date", "packages", "atc")
"""What every kind of dispensings reads."""

PRODUCT_COLUMNS = ("product", "units_per_package", "strength_text")
"""What tells one product from another when a reversed row looks for its dispensing."""

HOSPITAL_COLUMNS = ("admission_date", "discharge_date")

DDD_COLUMNS = ("ddd_per_package", "ddd_dispensed")
"""Either tells the defined daily doses of a row."""

DOSE_COLUMNS = ("strength_text", "dosage_text")
"""What tells a daily dose: strength times units a day."""


def merged(*parts: Mapping[str, Iterable[str]]) -> dict[str, set[str]]:
    """Columns by register, of all parts together."""
    together: dict[str, set[str]] = {}
    for part in parts:
        for register, columns in part.items():
            together.setdefault(register, set()).update(columns)
    return together

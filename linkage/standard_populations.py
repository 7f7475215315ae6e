"""Standard populations that come with the program: persons by age group, by which rates are standardised."""

from __future__ import annotations

import csv
from functools import cache
from importlib import resources


@cache
def standard_population(name: str) -> dict[str, int]:
    """Persons by age group ("0", "1-4", "95+"), youngest first; source in `definitions/standard_populations`."""
    file = resources.files("linkage") / "definitions" / "standard_populations" / f"{name}.csv"
    lines = file.read_text(encoding="utf-8").splitlines()
    return {row["age_group"]: int(row["persons"]) for row in csv.DictReader(lines)}

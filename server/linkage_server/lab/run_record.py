"""What a laboratory run was made of: definition, software and files, so that it can be made again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from linkage.indicator_definition import IndicatorSet, canonical_form, canonical_sha256
from linkage.population_rules import PopulationRules
from linkage.population_rules import canonical_form as canonical_rules
from linkage_core.indicators import PersonValues
from linkage_core.indicators.substitution import ROWS_WITH_CODE
from linkage_server.software_version import software_version


# Any: JSON.
def run_record(
    definition: IndicatorSet,
    values: Sequence[PersonValues],
    *,
    rules: PopulationRules | None,
    data_until: Mapping[str, date],
    files: Mapping[str, Path | None],
) -> dict[str, Any]:
    """Definition and rules in full with hashes, and the account of the rows of each value.

    Args:
        files: that were read, by what they are; None for one that was not given.
    """
    return {
        "set": definition.name,
        "sha256": canonical_sha256(definition),
        "definition": json.loads(canonical_form(definition)),
        "population_rules": json.loads(canonical_rules(rules)) if rules is not None else None,
        "software": software_version(),
        "data_until": {register: str(day) for register, day in data_until.items()},
        "files": {name: _sha256(path) for name, path in files.items() if path is not None},
        "account": {value.name: dict(value.account) for value in values if value.account},
        "warnings": warnings_of(values),
        "rows": {value.name: _rows(value) for value in values if value.rows_told},
    }


def warnings_of(values: Sequence[PersonValues]) -> list[str]:
    """What is likely a slip, as the rows show: codes that no row has, which count nothing."""
    found = dict.fromkeys(
        (value.indicator.id, name.removeprefix(ROWS_WITH_CODE))
        for value in values
        for name, rows in value.account.items()
        if name.startswith(ROWS_WITH_CODE) and not rows
    )
    return [f"{indicator}: no row has the code {code!r}, so that none is counted by it." for indicator, code in found]


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _rows(value: PersonValues) -> dict[str, dict[str, dict[str, int]]]:
    """How the rows of a value fall apart, by question and part, with the persons behind each part."""
    return {
        told.question: {
            part: {"rows": rows, "persons": persons}
            for part, rows, persons in zip(told.parts, *told.counts.tolist(), strict=True)
        }
        for told in value.rows_told
    }

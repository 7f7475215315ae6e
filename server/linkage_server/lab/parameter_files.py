"""Tables of packages and drugs from plain files, put into a set before it is read: results name them in full."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from linkage.errors import InputRefused
from linkage_server.lab.whole_files import read_table

_KEYS = {
    "packages": ("product", "pack_id", "package_id", "vnr", "varunr"),
    "drugs": ("atc", "partial_atc", "atc_class"),
}
_NAMES = {
    "ddd_low": ("low_ddd", "lower_ddd", "lower_ddd_atc"),
    "ddd_usual": ("usual_ddd", "usual_ddd_atc"),
    "days_min": ("min_dur", "minimum_dur", "minimum_dur_atc"),
    "days_usual": ("usual_dur",),
    "days_max": ("max_dur", "maximum_dur", "maximum_dur_atc"),
}


def with_parameters(raw: Mapping[str, Any], files: Mapping[str, Path]) -> dict[str, Any]:
    """The set as TOML has it, with tables of its models of drug use taken from files.

    Args:
        files: by "MODEL.packages" or "MODEL.drugs"; columns as in a definition, or as PRE2DUPR names them.

    Raises:
        InputRefused: the set has no such model, or a file lacks a column or names a package or drug twice.
    """
    filled = dict(raw)
    models = {name: dict(model) for name, model in raw.get("drug_use", {}).items()}
    for place, path in files.items():
        name, _, part = place.rpartition(".")
        if name not in models or part not in _KEYS:
            raise InputRefused(
                f"--parameters names {place!r}, which is not a table of the set's models of drug use.",
                mend="Write MODEL.packages=FILE or MODEL.drugs=FILE, with MODEL of [drug_use.MODEL].",
            )
        models[name][part] = _table(path, part)
    if models:
        filled["drug_use"] = models
    return filled


def _table(path: Path, part: str) -> dict[str, dict[str, Any]]:
    table = read_table(path)
    by_lower = {name.lower(): name for name in table.column_names}
    wanted = [name for name in _NAMES if part == "packages" or name != "days_usual"]
    columns = {name: _column(path, by_lower, (name, *_NAMES[name])) for name in wanted}
    key = _column(path, by_lower, _KEYS[part])
    rows = {str(row[key]): {name: row[own] for name, own in columns.items()} for row in table.to_pylist()}
    if len(rows) < table.num_rows:
        raise InputRefused(f"{path.name}: a value of {key!r} stands twice.", mend="Write one row for each.")
    return rows


def _column(path: Path, by_lower: Mapping[str, str], names: tuple[str, ...]) -> str:
    found = next((by_lower[name] for name in names if name in by_lower), None)
    if found is None:
        raise InputRefused(f"{path.name}: has no column {names[0]!r}.", mend=f"Also accepted: {', '.join(names[1:])}.")
    return found

"""Compares a delivery with the table that the evidence proves, number for number."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable, Mapping
from math import isnan
from pathlib import Path
from typing import Any

import pyarrow as pa

from linkage_client.certificate_check.fault import CheckFailed
from linkage_client.certificate_check.files import read_json, read_parquet
from linkage_client.certificate_check.orders.evidence import Evidence

_NOT_THERE = "NA"
_METADATA = b"linkage_dimensions"
_STATEMENTS = ("manifest.json", "release.json")
# Written before what a spreadsheet would run, and doubled where it stands already.
_MARK = "'"


def check_delivery(folder: Path, evidence: Evidence, remarks: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """Compare the files of a delivery that hold its lines with the evidence; the signature is checked elsewhere.

    Args:
        remarks: of the evidence's table: who had no value, what rows were.

    Returns:
        Names of the files that were compared, and in words what was not.

    Raises:
        CheckFailed: a file says something else, or none can be compared.
    """
    manifest = read_json(folder / "manifest.json")
    if manifest.get("order") != evidence.plan["order"]:
        raise CheckFailed(f"{folder}: is the delivery of another order")
    if manifest.get("policy", {}).get("sha256") != _sha256(evidence.plan["policy"]):
        raise CheckFailed(f"{folder}: names another policy than that of the evidence")
    known = [name for kind in ("releases", "not_beside") for name in evidence.plan.get(kind, ())]
    if any(one["release"] not in known for one in manifest.get("earlier_releases", ())):
        raise CheckFailed(f"{folder}: names an earlier release that the evidence does not")
    names = [str(one["path"]) for one in manifest["files"]]
    compare: dict[str, Callable[[Path], None]] = {
        "table.parquet": lambda path: _compare_parquet(path, evidence.table, remarks),
        "table.csv": lambda path: _compare_csv(path, evidence.table.to_pylist()),
        "missing.csv": lambda path: _compare_csv(path, remarks["missing"]),
        "rows.csv": lambda path: _compare_csv(path, remarks["row_shares"]),
    }
    compared = [name for name in compare if name in names]
    for name in compared:
        compare[name](folder / name)
    if not {"table.parquet", "table.csv"} & set(compared):
        raise CheckFailed(f"{folder}: holds neither table.parquet nor table.csv, and nothing else is compared")
    left = [name for name in names if name not in compared and not name.endswith("metadata.json")]
    return compared, [f"{name}: is not compared with the evidence" for name in left if name not in _STATEMENTS]


def _sha256(policy: Mapping[str, Any]) -> str:
    """Hash of a policy's canonical form, which a manifest names."""
    canonical = json.dumps(policy, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _compare_parquet(path: Path, table: pa.Table, remarks: Mapping[str, Any]) -> None:
    delivered = read_parquet(path)
    if delivered.column_names != table.column_names or delivered.num_rows != table.num_rows:
        raise CheckFailed(f"{path}: has other columns or another number of lines than the evidence")
    for name in table.column_names:
        one, other = delivered[name].to_pylist(), table[name].to_pylist()
        if one != other:
            row = next(i for i, pair in enumerate(zip(one, other, strict=True)) if pair[0] != pair[1])
            raise CheckFailed(f"{path}, row {row}: {name!r} is not what the evidence proves")
    told = json.loads((delivered.schema.metadata or {}).get(_METADATA, b"{}"))
    if any(told.get(name, []) != remarks.get(name, []) for name in ("missing", "row_shares", "dimensions")):
        raise CheckFailed(f"{path}: its remarks are not those of the evidence")


def _compare_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        raise CheckFailed(f"{path}: cannot be read") from None
    header, *lines = [*csv.reader(io.StringIO(text, newline=""))] or [[]]
    # JSON keeps no order of columns.
    if len(lines) != len(rows) or (rows and sorted(header) != sorted(rows[0])):
        raise CheckFailed(f"{path}: has other columns or another number of lines than the evidence")
    for number, (line, row) in enumerate(zip(lines, rows, strict=True)):
        for written, name in zip(line, header, strict=True):
            if not _says(written, row[name]):
                raise CheckFailed(f"{path}, row {number}: {name!r} is not what the evidence proves")


def _says(written: str, value: str | float | None) -> bool:
    if value is None or (isinstance(value, float) and isnan(value)):
        return written == _NOT_THERE
    if isinstance(value, str):
        return written in {value, f"{_MARK}{value}"}
    try:
        return float(written) == float(value)
    except ValueError:
        return False

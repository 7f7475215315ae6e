"""The whole check of one release: its tables against the truth, its blanks against the rules, its proofs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from linkage_client.certificate_check.contributors import Behind, few_behind, read_behind
from linkage_client.certificate_check.counts import Release, check_count
from linkage_client.certificate_check.dimensions import read_dimensions, shown_cells
from linkage_client.certificate_check.fault import CheckFailed, NotCheckedHere
from linkage_client.certificate_check.files import read_json, read_toml
from linkage_client.certificate_check.release_tables import read_tables
from linkage_client.certificate_check.rounding import rounding_of
from linkage_client.certificate_check.sums import check_sum

CERTIFICATES = "certificates.parquet"
_COLUMNS = ["measure", "cells", "changes", "lowest", "highest", "proves"]


@dataclass(frozen=True, slots=True)
class Checked:
    """A release that passed.

    Args:
        cells: published cells.
        sensitive: by measure: cells that had to be blank by themselves.
        blank: by measure: all blanks, each of them proved.
        moves: by measure: moves checked.
    """

    cells: int
    sensitive: dict[str, int]
    blank: dict[str, int]
    moves: dict[str, int]


def check_release(
    folder: Path, *, truth: Path, layout: Path, policy: Path, contributions: Path | None = None
) -> Checked:
    """Check what `lab protect` wrote to a folder beside the table it was given.

    Totals, marks and bounds are worked out anew from the truth; every printed cell must be its own, every sensitive
    one blank, and every blank proved by moves that change no sum.

    Args:
        folder: with `released`, `officer` and `certificates.parquet`.
        truth: the table of leaf cells.
        layout: JSON.
        policy: TOML.
        contributions: who gives what to each leaf cell; needed for magnitudes and for rules on who stands behind.

    Raises:
        CheckFailed: the first thing that does not fit.
        NotCheckedHere: numbers with noise, company secrecy and releases over time have no certificates.
    """
    plan, rules = read_json(layout), read_toml(policy)
    dimensions = read_dimensions(plan)
    _refuse_what_has_no_certificates(plan, rules)
    absent_unknown = plan.get("attacker", {}).get("absent", "zero") == "unknown"
    tables = read_tables(folder, truth, dimensions, shown_cells(plan, dimensions), absent_unknown=absent_unknown)
    if any(f"{name}_as_of" in tables.released.column_names for name in plan["measures"]):
        raise NotCheckedHere(f"{folder}: of releases over time only the first has certificates")
    behind = read_behind(contributions, dimensions) if contributions is not None else None
    few = few_behind(behind, rules, cells=tables.shown.size)
    rounding = rounding_of(plan, rules)
    release = Release(plan, rules, dimensions, tables, few, rounding)
    moves = _read_moves(
        folder / CERTIFICATES, list(plan["measures"]), none=rounding is not None and rounding.hides_nothing
    )
    kinds = {name: measure["kind"] for name, measure in plan["measures"].items()}
    counts = {name: check_count(name, release, moves[name]) for name, kind in kinds.items() if kind == "count"}
    sums = [name for name in kinds if name not in counts]
    found = counts | {
        name: check_sum(name, release, moves[name], behind=_known(behind), counts=counts) for name in sums
    }
    return Checked(
        int(np.count_nonzero(tables.shown)),
        {name: int(np.count_nonzero(found[name].sensitive)) for name in plan["measures"]},
        {name: int(np.count_nonzero(found[name].blank)) for name in plan["measures"]},
        {name: moves[name].num_rows for name in plan["measures"]},
    )


def _refuse_what_has_no_certificates(plan: dict[str, Any], policy: dict[str, Any]) -> None:
    secret = policy.get("company_secrecy")
    if secret and any(name == "atc" or name.startswith("atc_") for name in plan["dims"]):
        for name, measure in plan["measures"].items():
            if measure["kind"] != "count" or name in secret.get("measures", ()):
                raise NotCheckedHere("policy: company_secrecy is not known to this check")


def _known(behind: Behind | None) -> Behind:
    if behind is None:
        raise CheckFailed("layout: a magnitude is checked with its contributions, and nobody named them")
    return behind


def _read_moves(path: Path, measures: list[str], *, none: bool) -> dict[str, pa.Table]:
    """The moves of each measure; where nothing is hidden there is no file of them."""
    if none:
        return dict.fromkeys(measures, pa.table({}))
    try:
        table = pq.read_table(str(path))
    except (OSError, pa.ArrowException):
        raise CheckFailed(f"{path}: cannot be read") from None
    if table.column_names != _COLUMNS:
        raise CheckFailed(f"{path}: has not the columns {_COLUMNS}")
    text = table["measure"].cast(pa.string())
    if not pc.all(pc.is_in(text, value_set=pa.array(measures))).as_py() and table.num_rows:
        raise CheckFailed(f"{path}: has moves of a measure that the layout does not have")
    if len(measures) == 1:
        return {measures[0]: table}
    return {name: table.filter(pc.equal(text, name)) for name in measures}

"""The whole check of one release: its tables against the truth, its blanks against the rules, its proofs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from linkage_client.certificate_check.company import read_suppliers
from linkage_client.certificate_check.contributors import Behind, few_behind, read_behind
from linkage_client.certificate_check.counts import check_count
from linkage_client.certificate_check.derived import check_derived
from linkage_client.certificate_check.dimensions import read_dimensions, shown_cells
from linkage_client.certificate_check.fault import CheckFailed, NotCheckedHere, other_forms_refused
from linkage_client.certificate_check.files import read_parquet
from linkage_client.certificate_check.mechanism import rounding_of
from linkage_client.certificate_check.noise import check_noisy, read_noise
from linkage_client.certificate_check.over_time import Earlier, check_count_over_time
from linkage_client.certificate_check.plan import read_layout, read_policy
from linkage_client.certificate_check.release import CheckedMeasure, Release
from linkage_client.certificate_check.release_tables import Tables, read_tables
from linkage_client.certificate_check.rounding import Rounding
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


@other_forms_refused()
def check_release(
    folder: Path,
    *,
    truth: Path,
    layout: Path,
    policy: Path,
    contributions: Path | None = None,
    earlier: Earlier | None = None,
    manufacturers: Path | None = None,
    day: date = date.max,
    noise_key: Path | None = None,
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
        earlier: the releases of the same table before this one; None if there are none.
        manufacturers: the list of products that company secrecy was decided by; None for none.
        day: that consents of companies had to cover.
        noise_key: the file of the key that a policy with noise names.

    Raises:
        CheckFailed: the first thing that does not fit, or has another form than described.
        NotCheckedHere: differential privacy has no certificates; the noise key or earlier releases are not named;
            layout or policy ask for something that is not known here.
    """
    plan, rules = read_layout(layout), read_policy(policy)
    dimensions = read_dimensions(plan, rules)
    absent_unknown = plan.get("attacker", {}).get("absent", "zero") == "unknown"
    tables = read_tables(folder, truth, dimensions, shown_cells(plan, dimensions), absent_unknown=absent_unknown)
    rounding = rounding_of(plan, rules)
    _check_columns(plan, tables, rounding, earlier)
    behind = read_behind(contributions, dimensions) if contributions is not None else None
    few = few_behind(behind, rules, cells=tables.shown.size)
    release = Release(plan, rules, dimensions, tables, few, rounding, read_suppliers(manufacturers, day))
    check_derived(plan, dimensions, tables)
    measures = list(plan["measures"])
    if "noise" in rules.get("mechanism", {}):
        return _checked(tables, _check_noise(release, behind, noise_key, earlier), _no_moves(measures))
    hides_nothing = rounding is not None and rounding.hides_nothing
    moves = _no_moves(measures) if hides_nothing else _read_moves(folder / CERTIFICATES, measures)
    return _checked(tables, _check_hidden(release, moves, behind, earlier), moves)


def _check_noise(
    release: Release, behind: Behind | None, key_file: Path | None, earlier: Earlier | None
) -> dict[str, CheckedMeasure]:
    if earlier is not None:
        raise NotCheckedHere("policy: with noise there are no releases over time")
    if key_file is None:
        raise NotCheckedHere("policy: noise is checked with the noise key, and nobody named its file")
    source = read_noise(release.policy, key_file, _known(behind))
    return {name: check_noisy(name, one["kind"], release, source) for name, one in release.plan["measures"].items()}


def _check_hidden(
    release: Release, moves: dict[str, pa.Table], behind: Behind | None, earlier: Earlier | None
) -> dict[str, CheckedMeasure]:
    """Counts first: sums follow them."""
    kinds = {name: measure["kind"] for name, measure in release.plan["measures"].items()}
    if earlier is not None:
        _refuse_all_but_one_count(release.plan)
    counts: dict[str, CheckedMeasure] = {}
    for name in (name for name, kind in kinds.items() if kind == "count"):
        if earlier is None:
            counts[name] = check_count(name, release, moves[name])
        else:
            counts[name] = check_count_over_time(name, release, moves[name], earlier)
    sums = (name for name in kinds if name not in counts)
    return counts | {name: check_sum(name, release, moves[name], behind=_known(behind), counts=counts) for name in sums}


def _refuse_all_but_one_count(plan: Mapping[str, Any]) -> None:
    attacker = plan.get("attacker", {})
    asked = plan.get("tables") or attacker.get("known") or attacker.get("absent", "zero") != "zero"
    if asked or [measure["kind"] for measure in plan["measures"].values()] != ["count"]:
        raise NotCheckedHere("layout: over time whole tables of one count are checked, and nothing that readers know")


def _check_columns(plan: Mapping[str, Any], tables: Tables, rounding: Rounding | None, earlier: Earlier | None) -> None:
    """Check that the released table has no column beside those that are checked: it could tell anything."""
    columns = tables.released.column_names
    if earlier is None and any(f"{name}_as_of" in columns for name in plan["measures"]):
        raise NotCheckedHere(f"{tables.released_file}: holds numbers of earlier releases, and nobody named these")
    expected = [*plan["dims"]]
    for name, measure in plan["measures"].items():
        expected += [name, f"{name}_status"]
        if measure["kind"] == "count":
            expected += [f"{name}_as_of"] if earlier is not None and earlier.folders else []
            expected += rounding.beside(name) if rounding is not None else []
    for name in plan.get("derived", {}):
        expected += [name, f"{name}_status"]
    if sorted(columns) != sorted(expected):
        raise CheckFailed(f"{tables.released_file}: has not exactly the columns {', '.join(expected)}")


def _checked(tables: Tables, found: dict[str, CheckedMeasure], moves: dict[str, pa.Table]) -> Checked:
    return Checked(
        int(np.count_nonzero(tables.shown)),
        {name: int(np.count_nonzero(own.sensitive)) for name, own in found.items()},
        {name: int(np.count_nonzero(own.blank)) for name, own in found.items()},
        {name: moves[name].num_rows for name in found},
    )


def _known(behind: Behind | None) -> Behind:
    if behind is None:
        raise CheckFailed("layout: sums and noise are checked with the contributions, and nobody named them")
    return behind


def _no_moves(measures: list[str]) -> dict[str, pa.Table]:
    """Where nothing is hidden there is no file of moves."""
    return dict.fromkeys(measures, pa.table({}))


def _read_moves(path: Path, measures: list[str]) -> dict[str, pa.Table]:
    """The moves of each measure."""
    table = read_parquet(path)
    if table.column_names != _COLUMNS:
        raise CheckFailed(f"{path}: has not the columns {_COLUMNS}")
    text = table["measure"].cast(pa.string())
    if not pc.all(pc.is_in(text, value_set=pa.array(measures))).as_py() and table.num_rows:
        raise CheckFailed(f"{path}: has moves of a measure that the layout does not have")
    if len(measures) == 1:
        return {measures[0]: table}
    return {name: table.filter(pc.equal(text, name)) for name in measures}

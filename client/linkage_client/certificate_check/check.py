"""The whole check of one release: its tables against the truth, its blanks against the rules, its proofs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from linkage_client.certificate_check.company import read_suppliers
from linkage_client.certificate_check.contributors import Behind, few_behind, read_behind
from linkage_client.certificate_check.counts import CheckedMeasure, Release, check_count
from linkage_client.certificate_check.derived import check_derived
from linkage_client.certificate_check.dimensions import read_dimensions, shown_cells
from linkage_client.certificate_check.fault import CheckFailed, NotCheckedHere
from linkage_client.certificate_check.files import read_json, read_parquet, read_toml
from linkage_client.certificate_check.noise import check_noisy, read_noise
from linkage_client.certificate_check.over_time import Earlier, check_count_over_time
from linkage_client.certificate_check.release_tables import Tables, read_tables
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
        CheckFailed: the first thing that does not fit.
        NotCheckedHere: differential privacy has no certificates; the noise key or earlier releases are not named.
    """
    plan, rules = read_json(layout), read_toml(policy)
    dimensions = read_dimensions(plan, rules)
    absent_unknown = plan.get("attacker", {}).get("absent", "zero") == "unknown"
    tables = read_tables(folder, truth, dimensions, shown_cells(plan, dimensions), absent_unknown=absent_unknown)
    over_time = [name for name in plan["measures"] if f"{name}_as_of" in tables.released.column_names]
    if over_time and earlier is None:
        raise NotCheckedHere(f"{folder}: holds numbers of earlier releases, and nobody named these")
    behind = read_behind(contributions, dimensions) if contributions is not None else None
    few = few_behind(behind, rules, cells=tables.shown.size)
    rounding = rounding_of(plan, rules)
    release = Release(plan, rules, dimensions, tables, few, rounding, read_suppliers(manufacturers, day))
    check_derived(plan, dimensions, tables)
    noisy = "noise" in (rules.get("mechanism") or {})
    moves = _read_moves(
        folder / CERTIFICATES,
        list(plan["measures"]),
        none=noisy or (rounding is not None and rounding.hides_nothing),
    )
    kinds = {name: measure["kind"] for name, measure in plan["measures"].items()}
    if noisy:
        if noise_key is None:
            raise NotCheckedHere("policy: noise is checked with the noise key, and nobody named its file")
        source = read_noise(rules, noise_key, _known(behind))
        found = {name: check_noisy(name, kind, release, source) for name, kind in kinds.items()}
        return _checked(tables, found, moves)
    counts: dict[str, CheckedMeasure] = {}
    for name in (name for name, kind in kinds.items() if kind == "count"):
        if earlier is None:
            counts[name] = check_count(name, release, moves[name])
        else:
            counts[name] = check_count_over_time(name, release, moves[name], earlier)
    sums = [name for name in kinds if name not in counts]
    found = counts | {
        name: check_sum(name, release, moves[name], behind=_known(behind), counts=counts) for name in sums
    }
    return _checked(tables, found, moves)


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


def _read_moves(path: Path, measures: list[str], *, none: bool) -> dict[str, pa.Table]:
    """The moves of each measure; where nothing is hidden there is no file of them."""
    if none:
        return dict.fromkeys(measures, pa.table({}))
    table = read_parquet(path)
    if table.column_names != _COLUMNS:
        raise CheckFailed(f"{path}: has not the columns {_COLUMNS}")
    text = table["measure"].cast(pa.string())
    if not pc.all(pc.is_in(text, value_set=pa.array(measures))).as_py() and table.num_rows:
        raise CheckFailed(f"{path}: has moves of a measure that the layout does not have")
    if len(measures) == 1:
        return {measures[0]: table}
    return {name: table.filter(pc.equal(text, name)) for name in measures}

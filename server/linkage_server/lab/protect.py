"""`linkage-server lab protect`: a policy on a plain table, for the officer who tries a policy."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import typer

from linkage.disclosure_policy import DisclosurePolicy, load_policy
from linkage_server.lab.certificates import write_certificates
from linkage_server.lab.derived_columns import derived_columns
from linkage_server.lab.earlier_releases import write_entry
from linkage_server.lab.layout import Codes
from linkage_server.lab.perturb import rounded_columns
from linkage_server.lab.protect_measures import protect_measures
from linkage_server.lab.protected_measure import ProtectedMeasure, Record
from linkage_server.lab.read_table_to_protect import read_table_to_protect
from linkage_server.lab.table_to_protect import TableToProtect


def protect_command(
    policy_file: Annotated[Path, typer.Argument(metavar="POLICY.toml", help="The disclosure policy.")],
    table: Annotated[Path, typer.Argument(metavar="TABLE", help="Leaf cells, one a row: CSV or Parquet.")],
    *,
    layout: Annotated[Path, typer.Option(help="Dimensions, hierarchies, measures, rules (JSON).")],
    out: Annotated[Path, typer.Option(help="Folder for the released table; made if it is not there.")],
    contributions: Annotated[
        Path | None, typer.Option(help="For magnitudes and noise: leaf dimensions, contributor, measure.")
    ] = None,
    earlier: Annotated[
        list[Path],
        typer.Option(help="Folder of an earlier release of the same table, oldest first; repeat."),
    ] = [],  # noqa: B006
    moved: Annotated[
        Path | None, typer.Option(help="Who joined and left since: leaf dimensions, person, move (joined or left).")
    ] = None,
    home: Annotated[
        Path | None, typer.Option(help="For policies that add noise: the home folder with noise keys and budgets.")
    ] = None,
    manufacturers: Annotated[
        Path | None, typer.Option(help="For policies that keep back what companies sell: CSV in NPL's layout.")
    ] = None,
    month: Annotated[str, typer.Option(help="The month that the manufacturers must be of, such as 2026-10.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Protect a table of plain files; the register store is never opened."""
    summary = protect_file(
        load_policy(policy_file),
        table,
        layout=layout,
        out=out,
        contributions=contributions,
        earlier=earlier,
        moved=moved,
        home=home,
        manufacturers=manufacturers,
        month=month,
        today=datetime.now(UTC).date(),
    )
    if as_json:
        typer.echo(json.dumps(summary))
        return
    for measure, numbers in summary.items():
        typer.echo(f"{measure}: {', '.join(f'{name} {number}' for name, number in numbers.items())}")


def protect_file(
    policy: DisclosurePolicy,
    table: Path,
    *,
    layout: Path,
    out: Path,
    contributions: Path | None = None,
    earlier: Sequence[Path] = (),
    moved: Path | None = None,
    home: Path | None = None,
    manufacturers: Path | None = None,
    month: str = "",
    today: date = date.max,
) -> dict[str, Record]:
    """Write `released` and `officer` tables beside each other in `out`; returns a summary by measure.

    A table of one count keeps a ledger there too, for the releases that follow; counts get certificates.
    Consents of companies must cover `today`: none covers the last day of all.

    Raises:
        InputRefused: table, layout or contributions are wrong, or ask for protection that is not built yet.
        DisclosureRefused: nothing may be released.
    """
    given = read_table_to_protect(
        policy,
        table,
        layout=layout,
        contributions=contributions,
        earlier=earlier,
        moved=moved,
        home=home,
        manufacturers=manufacturers,
        month=month,
        today=today,
    )
    measures = protect_measures(given)
    released, officer = _tables(given, measures)
    summary = {one.name: one.record for one in measures}
    out.mkdir(parents=True, exist_ok=True)
    _write(released, out / f"released{table.suffix}")
    _write(officer, out / f"officer{table.suffix}")
    if certificates := [one.certificate for one in measures if one.certificate is not None]:
        write_certificates(certificates, out)
    (out / "summary.json").write_text(json.dumps(summary, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    for one in measures:
        if one.entry is not None:
            write_entry(out, given.history, *one.entry, plan=given.plan, policy=policy)
    return summary


def _tables(table: TableToProtect, measures: Sequence[ProtectedMeasure]) -> tuple[pa.Table, pa.Table]:
    """The released table, and the officer's with every cell and reason."""
    labels = _labels(table.codes)
    columns, officer = dict(labels), dict(labels)
    for one in measures:
        columns |= one.columns
        officer |= one.officer
    if (rounding := table.rounding_beside_blanks) is not None:
        for name in (name for name, measure in table.plan.measures.items() if measure.kind == "count"):
            rounded = rounded_columns(name, columns, rounding)
            columns, officer = columns | rounded, officer | rounded
    # Of the officer's columns: they hold no number that no table shows.
    shape = tuple(len(own.codes) for own in table.dimensions)
    derived = derived_columns(table.plan.derived, officer, list(table.codes), shape)
    released, published = pa.table(columns | derived), table.seen.published
    return (
        released if published is None else released.filter(pa.array(published)),
        pa.table(officer | derived),
    )


def _labels(codes: Mapping[str, Codes]) -> dict[str, pa.Array]:
    """A column of codes a dimension, one row a cell: the last dimension runs fastest."""
    places = np.indices([len(own.codes) for own in codes.values()], dtype=np.int32).reshape(len(codes), -1)
    return {
        name: pa.array(own.codes, pa.string()).take(pa.array(place))
        for (name, own), place in zip(codes.items(), places, strict=True)
    }


def _write(table: pa.Table, path: Path) -> None:
    if path.suffix == ".parquet":
        pq.write_table(table, path)
    else:
        pyarrow.csv.write_csv(table, path)

"""`linkage-server lab protect`: a policy on a plain table, for the officer who tries a policy."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute
import pyarrow.csv
import pyarrow.parquet as pq
import typer

from linkage.disclosure_policy import DisclosurePolicy, canonical_sha256, load_policy
from linkage.errors import InputRefused
from linkage_core.disclosure.cell_system import Flags, Ints
from linkage_core.disclosure.lattice_suppression import Witnesses
from linkage_core.disclosure.primary_rules import in_words
from linkage_core.disclosure.sum_witnesses import SumWitnesses
from linkage_core.disclosure.suppression import Pattern
from linkage_core.release_history import Next, Printed
from linkage_server.lab.certificates import certificate_table, write_certificates
from linkage_server.lab.company_marks import read_company_marks
from linkage_server.lab.contributions import read_contributions
from linkage_server.lab.derived_columns import derived_columns
from linkage_server.lab.earlier_releases import (
    decide,
    first_release,
    proofs_over_time,
    read_history,
    write_entry,
)
from linkage_server.lab.lattice import absent_cells, hide_counts, mark_counts, with_totals
from linkage_server.lab.layout import Codes, Layout, known_cells, number_codes, published_cells, read_layout
from linkage_server.lab.leaf_rows import (
    leaf_places,
    read_rows,
    refuse_negative_counts,
    refuse_repeated_leaves,
    whole_units,
)
from linkage_server.lab.magnitudes import all_marks, hide_magnitudes
from linkage_server.lab.marking import excepted_cells, mark_behind, mark_magnitudes, mark_with_counts, without
from linkage_server.lab.mechanism import chosen_mechanism
from linkage_server.lab.multi_response import hide_overlapping_counts
from linkage_server.lab.noise_key import noise_key_of
from linkage_server.lab.perturb import NoiseSource, changed_columns, rounded_columns
from linkage_server.lab.private_counts import private_counts

_MOST_CELLS = 250_000
_MOST_CELLS_OF_COUNTS = 4_000_000
_HUNDREDTHS = 100


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
) -> dict[str, dict[str, int | float | str]]:
    """Write `released` and `officer` tables beside each other in `out`; returns a summary by measure.

    A table of one count keeps a ledger there too, for the releases that follow; counts get certificates.
    Consents of companies must cover `today`: none covers the last day of all.

    Raises:
        InputRefused: table, layout or contributions are wrong, or ask for protection that is not built yet.
        DisclosureRefused: nothing may be released.
    """
    plan = read_layout(layout)
    mechanism = chosen_mechanism(plan, policy, path=layout)
    changes = mechanism if mechanism is not None and mechanism.replaces_suppression else None
    if changes is not None and earlier:
        raise InputRefused(
            f"{layout}: policy {policy.name} changes every number, and releases over time hold numbers back.",
            mend="Use a policy that hides for what is released again and again.",
        )
    overlapping = plan.multi_response(policy)
    _refuse_all_but_counts_once(plan, overlapping, earlier=bool(earlier), changed=mechanism is not None, path=layout)
    codes = {
        name: number_codes(name, dimension, adds_up=name not in overlapping) for name, dimension in plan.dims.items()
    }
    dimensions = list(codes.values())
    published = published_cells(plan, codes, layout)
    known = known_cells(plan, codes, layout)
    counts_once = not earlier and all(measure.kind == "count" for measure in plan.measures.values())
    most_cells = _MOST_CELLS_OF_COUNTS if counts_once else _MOST_CELLS
    if np.prod([len(one.codes) for one in dimensions], dtype=np.float64) > most_cells:
        raise InputRefused(f"{layout}: more than {most_cells} cells.", mend="Use fewer or coarser dimensions.")
    alone = [measure.kind for measure in plan.measures.values()] == ["count"]
    if earlier and not alone:
        raise InputRefused(f"{layout}: releases over time are for one count.", mend="Protect each count by itself.")
    history = read_history(earlier, moved, codes=codes, plan=plan, policy=policy)
    entry: tuple[Ints, Printed] | None = None
    rows = read_rows(table)
    places = leaf_places(rows, codes, table)
    refuse_repeated_leaves(places, codes, table)
    searched, absent = published, None
    if plan.attacker.absent == "unknown":
        # What has no row is printed as a blank, and may be any number as far as a reader can tell.
        absent = absent_cells(places, dimensions) & (True if published is None else published)
        searched = ~absent if published is None else published & ~absent
    behind = read_contributions(contributions, codes) if contributions is not None else None
    company = read_company_marks(policy.company_secrecy, codes, manufacturers, month=month, on=today)
    source: NoiseSource | None = None
    if changes is not None and changes.noise is not None:
        if behind is None:
            raise InputRefused(
                "noise follows from who is counted, and nobody said who.", mend="Name them with --contributions."
            )
        source = NoiseSource(changes.noise, noise_key_of(home, version=changes.noise.key_version), behind)
    private = changes.differential_privacy if changes is not None else None
    if private is not None and not alone:
        raise InputRefused(
            f"{layout}: differential privacy is for one count.", mend="Protect each by itself: each spends the budget."
        )
    columns = _labels(codes)
    officer = dict(columns)
    certificates: list[pa.Table] = []
    summary: dict[str, dict[str, int | float | str]] = {}
    hidden_counts: dict[str, tuple[Ints, Flags]] = {}
    for name, measure in plan.in_turn:
        own_policy = plan.policy_for(name, policy)
        scale = 1 if measure.kind == "count" else _HUNDREDTHS
        units = whole_units(rows, name, scale, table)
        if measure.kind == "count":
            refuse_negative_counts(units, name, table)
        cells = with_totals(_leaf_cube(units, places, dimensions), dimensions)
        excepted = excepted_cells(own_policy, name, codes)
        if private is not None:
            counts = private_counts(name, cells, codes, behind, rules=private, policy=own_policy, home=home)
            columns |= counts.columns
            officer = {**columns, f"{name}_reason": pa.array([""] * cells.size, pa.string())}
            unmarked = np.zeros(cells.size, dtype=np.int64)
            summary[name] = _summary(unmarked != 0, unmarked, own_policy) | counts.record
            continue
        if changes is not None:
            marks = np.zeros(cells.size, dtype=np.int64)
            if measure.kind == "magnitude":
                marks = mark_magnitudes(cells, name, behind, own_policy, excepted=excepted, company=company)[0].marks
            columns |= changed_columns(
                name,
                cells,
                dimensions,
                rounding=changes.rounding,
                source=source,
                sensitive=marks != 0,
                scale=scale,
                policy=own_policy,
            )
            officer |= {**columns, f"{name}_reason": pa.array(in_words(marks), pa.string())}
            summary[name] = _summary(np.zeros(cells.size, dtype=np.bool_), marks, own_policy)
            if source is not None:
                summary[name] |= {"noise_key_version": source.key.version}
            continue
        if measure.kind == "count":
            secret = company.of(name, is_magnitude=False, given=cells)
            own = mark_counts(cells, dimensions, own_policy, published=searched)
            marks = without(own | secret, excepted)
            marks |= mark_behind(behind, own_policy)
            if searched is not None:
                marks = np.where(searched, marks, 0)
            if earlier:
                answer = decide(history, cells, marks != 0, dimensions=dimensions, policy=own_policy)
                columns |= _columns(name, answer.printed.value, answer.printed.blank)
                columns[f"{name}_as_of"] = pa.array(answer.printed.as_of, mask=answer.printed.blank)
                officer |= {**columns, f"{name}_reason": _reasons_over_time(answer, marks)}
                summary[name] = _summary(answer.printed.blank, marks, own_policy)
                certificates.append(certificate_table(name, proofs_over_time(answer)))
                entry = cells, answer.printed
                continue
            proofs: Witnesses | SumWitnesses
            if overlapping:
                pattern, proofs = hide_overlapping_counts(cells, marks, dimensions, own_policy)
            else:
                pattern, proofs = hide_counts(
                    cells,
                    marks,
                    dimensions,
                    own_policy,
                    published=searched,
                    may_be_absent=absent is not None,
                    known=known,
                )
            certificates.append(certificate_table(name, proofs))
            hidden_counts[name] = cells.ravel(), pattern.suppressed
            if alone and searched is None:
                entry = cells, first_release(cells, pattern.suppressed)
        else:
            marked, givers = mark_magnitudes(cells, name, behind, own_policy, excepted=excepted, company=company)
            marked = mark_with_counts(marked, givers, hidden_counts, named=plan.counts_of(name))
            hidden, witnesses = hide_magnitudes(cells, givers, marked, dimensions, own_policy)
            certificates.append(certificate_table(name, witnesses))
            marks, pattern = all_marks(marked, hidden), hidden.pattern
        values = cells.ravel() if scale == 1 else cells.ravel() / scale
        hidden_or_absent = pattern.suppressed if absent is None else pattern.suppressed | absent
        columns |= _columns(name, values, hidden_or_absent)
        officer |= {
            **_columns(name, values, hidden_or_absent, published=published),
            f"{name}_reason": _reasons(pattern, marks, absent),
        }
        summary[name] = _summary(pattern.suppressed, marks, own_policy, published=published)
    if mechanism is not None and mechanism.rounding is not None and changes is None:
        for name in (name for name, measure in plan.measures.items() if measure.kind == "count"):
            rounded = rounded_columns(name, columns, mechanism.rounding)
            columns, officer = columns | rounded, officer | rounded
    # Of the officer's columns: they hold no number that no table shows.
    derived = derived_columns(plan.derived, officer, list(codes), tuple(len(own.codes) for own in dimensions))
    columns, officer = columns | derived, officer | derived
    out.mkdir(parents=True, exist_ok=True)
    released = pa.table(columns) if published is None else pa.table(columns).filter(pa.array(published))
    _write(released, out / f"released{table.suffix}")
    _write(pa.table(officer), out / f"officer{table.suffix}")
    if certificates:
        write_certificates(certificates, out)
    (out / "summary.json").write_text(json.dumps(summary, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    if entry is not None:
        write_entry(out, history, *entry, plan=plan, policy=policy)
    return summary


def _refuse_all_but_counts_once(
    plan: Layout, overlapping: list[str], *, earlier: bool, changed: bool, path: Path
) -> None:
    """Return if a layout asks for nothing special, or for counts that are released once."""
    counts_once = not earlier and not changed and all(one.kind == "count" for one in plan.measures.values())
    if overlapping and not counts_once:
        raise InputRefused(
            f"{path}: {', '.join(overlapping)} do not add up, which is protected for single releases of counts only.",
            mend="Leave magnitudes, noise, rounding and earlier releases out, or the dimension.",
        )
    if plan.tables and not counts_once:
        raise InputRefused(
            f"{path}: several tables of one crossing are protected for single releases of counts only.",
            mend="Leave magnitudes, noise, rounding and earlier releases out, or publish the crossing itself.",
        )
    asked = {
        "attacker.absent = unknown": plan.attacker.absent == "unknown",
        "attacker.known": bool(plan.attacker.known),
    }
    if any(asked.values()) and (overlapping or not counts_once):
        raise InputRefused(
            f"{path}: {' and '.join(name for name, is_asked in asked.items() if is_asked)} is for single releases of "
            "counts that add up.",
            mend="Leave magnitudes, noise, rounding, earlier releases and multi_response out, or give all rows.",
        )
    if plan.tables and overlapping:
        raise InputRefused(
            f"{path}: {', '.join(overlapping)} do not add up, which several tables of one crossing cannot have.",
            mend="Protect each table by itself with tables left out, and publish only one of them.",
        )


def _labels(codes: dict[str, Codes]) -> dict[str, pa.Array]:
    """A column of codes a dimension, one row a cell: the last dimension runs fastest."""
    places = np.indices([len(own.codes) for own in codes.values()], dtype=np.int32).reshape(len(codes), -1)
    return {
        name: pa.array(own.codes, pa.string()).take(pa.array(place))
        for (name, own), place in zip(codes.items(), places, strict=True)
    }


def _columns(
    name: str, values: npt.NDArray[np.generic], hidden: Flags, *, published: Flags | None = None
) -> dict[str, pa.Array]:
    """Values and statuses; cells that no table shows have neither number nor blank."""
    status = pa.compute.if_else(pa.array(hidden), "sup", "pub")
    if published is not None:
        hidden = hidden | ~published
        status = pa.compute.if_else(pa.array(published), status, "not")
    return {name: pa.array(values, mask=hidden), f"{name}_status": status}


def _reasons(pattern: Pattern, marks: Ints, absent: Flags | None) -> pa.Array:
    none = False if absent is None else absent
    partner = np.select([none, pattern.suppressed], ["absent", "protects_small_cell"], "").tolist()
    return pa.array([why or other for why, other in zip(in_words(marks), partner, strict=True)], pa.string())


def _reasons_over_time(answer: Next, marks: Ints) -> pa.Array:
    words = np.select(
        [answer.sensitive, answer.printed.blank, answer.held],
        [np.array(in_words(marks)), "stays_blank_or_protects", "few_people_moved"],
        "",
    )
    return pa.array(words.tolist(), pa.string())


def _summary(
    suppressed: Flags, marks: Ints, policy: DisclosurePolicy, *, published: Flags | None = None
) -> dict[str, int | float | str]:
    return {
        "cells": int(marks.size if published is None else np.count_nonzero(published)),
        "sensitive": int(np.count_nonzero(marks)),
        "suppressed": int(np.count_nonzero(suppressed)),
        "policy": policy.name,
        "policy_sha256": canonical_sha256(policy),
    }


def _write(table: pa.Table, path: Path) -> None:
    if path.suffix == ".parquet":
        pq.write_table(table, path)
    else:
        pyarrow.csv.write_csv(table, path)


def _leaf_cube(units: Ints, places: tuple[Ints, ...], dimensions: Sequence[Codes]) -> Ints:
    cube = np.zeros([one.leaves for one in dimensions], dtype=np.int64)
    np.add.at(cube, places, units)
    return cube

"""Protects each measure of a laboratory table the way its policy and layout ask for: hidden, changed, or over time."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from linkage.differential_privacy import DifferentialPrivacy
from linkage.perturbation_rules import Mechanism
from linkage_core.disclosure.cell_system import Flags, Ints
from linkage_core.disclosure.lattice_suppression import Witnesses
from linkage_core.disclosure.primary_rules import in_words
from linkage_core.disclosure.sum_witnesses import SumWitnesses
from linkage_core.disclosure.suppression import Pattern
from linkage_core.release_history import Printed
from linkage_server.lab.certificates import certificate_table
from linkage_server.lab.earlier_releases import decide, first_release, proofs_over_time
from linkage_server.lab.lattice import hide_counts, mark_counts
from linkage_server.lab.magnitudes import all_marks, hide_magnitudes
from linkage_server.lab.marking import mark_behind, mark_magnitudes, mark_with_counts, without
from linkage_server.lab.multi_response import hide_overlapping_counts
from linkage_server.lab.perturb import changed_columns
from linkage_server.lab.private_counts import private_counts
from linkage_server.lab.protected_measure import (
    ProtectedMeasure,
    printed_columns,
    reasons,
    reasons_over_time,
    record_of,
)
from linkage_server.lab.table_to_protect import MeasureCells, TableToProtect


def protect_measures(table: TableToProtect) -> list[ProtectedMeasure]:
    """All measures of a table, counts first.

    Raises:
        InputRefused: a column or the contributions are wrong.
        DisclosureRefused: nothing may be released.
    """
    found: list[ProtectedMeasure] = []
    for name, _ in table.plan.in_turn:
        hidden = {one.name: one.hidden_count for one in found if one.hidden_count is not None}
        found.append(_protect(table, table.measure(name), hidden))
    return found


def _protect(
    table: TableToProtect, measure: MeasureCells, hidden: Mapping[str, tuple[Ints, Flags]]
) -> ProtectedMeasure:
    if (changes := table.changes) is not None:
        if changes.differential_privacy is not None:
            return _count_with_private_noise(table, measure, changes.differential_privacy)
        return _changed(table, measure, changes)
    if not measure.is_count:
        return _hidden_sum(table, measure, hidden)
    marks = _marks_of_count(table, measure)
    return _count_over_time(table, measure, marks) if table.history.number else _hidden_count(table, measure, marks)


def _count_with_private_noise(
    table: TableToProtect, measure: MeasureCells, rules: DifferentialPrivacy
) -> ProtectedMeasure:
    """A count with the noise of differential privacy: no cell is marked, as marks follow from exact numbers."""
    counts = private_counts(
        measure.name,
        measure.cells,
        table.codes,
        table.behind,
        rules=rules,
        policy=measure.policy,
        home=table.home,
    )
    unmarked = np.zeros(measure.cells.size, dtype=np.int64)
    return ProtectedMeasure(
        measure.name,
        counts.columns,
        {**counts.columns, f"{measure.name}_reason": pa.array([""] * unmarked.size, pa.string())},
        record_of(unmarked != 0, unmarked, measure.policy) | counts.record,
    )


def _changed(table: TableToProtect, measure: MeasureCells, changes: Mechanism) -> ProtectedMeasure:
    """Every number with noise, or rounded so that all add up; sensitive sums get more noise."""
    marks = np.zeros(measure.cells.size, dtype=np.int64)
    if not measure.is_count:
        marks = mark_magnitudes(
            measure.cells,
            measure.name,
            table.behind,
            measure.policy,
            excepted=measure.excepted,
            company=table.company,
        )[0].marks
    columns = changed_columns(
        measure.name,
        measure.cells,
        table.dimensions,
        rounding=changes.rounding,
        source=table.noise,
        sensitive=marks != 0,
        scale=measure.scale,
        policy=measure.policy,
    )
    record = record_of(np.zeros(marks.size, dtype=np.bool_), marks, measure.policy)
    if table.noise is not None:
        record["noise_key_version"] = table.noise.key.version
    reason = {f"{measure.name}_reason": pa.array(in_words(marks), pa.string())}
    return ProtectedMeasure(measure.name, columns, columns | reason, record)


def _marks_of_count(table: TableToProtect, measure: MeasureCells) -> Ints:
    """Marks of a count, flat; cells that hold no number of the table for a reader have none."""
    searched = table.seen.searched
    own = mark_counts(measure.cells, table.dimensions, measure.policy, published=searched)
    secret = table.company.of(measure.name, is_magnitude=False, given=measure.cells)
    marks = without(own | secret, measure.excepted) | mark_behind(table.behind, measure.policy)
    return marks if searched is None else np.where(searched, marks, 0)


def _count_over_time(table: TableToProtect, measure: MeasureCells, marks: Ints) -> ProtectedMeasure:
    """A count beside all earlier releases of nearly the same persons."""
    answer = decide(table.history, measure.cells, marks != 0, dimensions=table.dimensions, policy=measure.policy)
    name, printed = measure.name, answer.printed
    columns = printed_columns(name, printed.value, printed.blank)
    columns[f"{name}_as_of"] = pa.array(printed.as_of, mask=printed.blank)
    return ProtectedMeasure(
        name,
        columns,
        {**columns, f"{name}_reason": reasons_over_time(answer, marks)},
        record_of(printed.blank, marks, measure.policy),
        certificate=certificate_table(name, proofs_over_time(answer)),
        entry=(measure.cells, printed),
    )


def _hidden_count(table: TableToProtect, measure: MeasureCells, marks: Ints) -> ProtectedMeasure:
    seen = table.seen
    pattern: Pattern
    proofs: Witnesses | SumWitnesses
    if table.has_overlapping_codes:
        pattern, proofs = hide_overlapping_counts(measure.cells, marks, table.dimensions, measure.policy)
    else:
        pattern, proofs = hide_counts(
            measure.cells,
            marks,
            table.dimensions,
            measure.policy,
            published=seen.searched,
            may_be_absent=seen.absent is not None,
            known=seen.known,
        )
    # What follows needs every cell of the table, not of some tables of its crossing.
    may_follow = table.plan.is_one_count and seen.searched is None
    return _hidden(
        table,
        measure,
        marks,
        pattern,
        certificate=certificate_table(measure.name, proofs),
        entry=(measure.cells, first_release(measure.cells, pattern.suppressed)) if may_follow else None,
        hidden_count=(measure.cells.ravel(), pattern.suppressed),
    )


def _hidden_sum(
    table: TableToProtect, measure: MeasureCells, hidden_counts: Mapping[str, tuple[Ints, Flags]]
) -> ProtectedMeasure:
    """A sum, blank too where a count that it follows is."""
    own, givers = mark_magnitudes(
        measure.cells,
        measure.name,
        table.behind,
        measure.policy,
        excepted=measure.excepted,
        company=table.company,
    )
    marked = mark_with_counts(own, givers, hidden_counts, named=table.plan.counts_of(measure.name))
    hidden, proofs = hide_magnitudes(measure.cells, givers, marked, table.dimensions, measure.policy)
    return _hidden(
        table,
        measure,
        all_marks(marked, hidden),
        hidden.pattern,
        certificate=certificate_table(measure.name, proofs),
    )


def _hidden(
    table: TableToProtect,
    measure: MeasureCells,
    marks: Ints,
    pattern: Pattern,
    *,
    certificate: pa.Table,
    entry: tuple[Ints, Printed] | None = None,
    hidden_count: tuple[Ints, Flags] | None = None,
) -> ProtectedMeasure:
    """A measure of which some cells are blank; the officer sees also which cells no table shows."""
    name, seen = measure.name, table.seen
    values = measure.cells.ravel() if measure.is_count else measure.cells.ravel() / measure.scale
    blank = pattern.suppressed if seen.absent is None else pattern.suppressed | seen.absent
    return ProtectedMeasure(
        name,
        printed_columns(name, values, blank),
        {
            **printed_columns(name, values, blank, published=seen.published),
            f"{name}_reason": reasons(pattern, marks, seen.absent),
        },
        record_of(pattern.suppressed, marks, measure.policy, published=seen.published),
        certificate=certificate,
        entry=entry,
        hidden_count=hidden_count,
    )

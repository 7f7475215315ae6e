"""What protection makes of one measure of a laboratory table: columns for readers and for the officer, and a record."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute

from linkage.disclosure_policy import DisclosurePolicy, canonical_sha256
from linkage_core.disclosure.cell_system import Flags, Ints
from linkage_core.disclosure.primary_rules import in_words
from linkage_core.disclosure.suppression import Pattern
from linkage_core.release_history import Next, Printed

Record = dict[str, int | float | str]


@dataclass(frozen=True, slots=True)
class ProtectedMeasure:
    """One measure after protection; every column has one row a cell.

    Args:
        name: of the measure.
        columns: numbers and statuses for readers.
        officer: the same for the officer, with the reason of each blank.
        record: what the summary says.
        certificate: the moves that prove each blank; None where numbers are changed instead.
        entry: true counts and what is printed of them, for releases that follow; None where none can.
        hidden_count: of a count, its numbers and which of them are blank, flat; None of anything else.
    """

    name: str
    columns: dict[str, pa.Array]
    officer: dict[str, pa.Array]
    record: Record
    certificate: pa.Table | None = None
    entry: tuple[Ints, Printed] | None = None
    hidden_count: tuple[Ints, Flags] | None = None


def printed_columns(
    name: str, values: npt.NDArray[np.generic], hidden: Flags, *, published: Flags | None = None
) -> dict[str, pa.Array]:
    """Values and statuses; cells that no table shows have neither number nor blank."""
    status = pa.compute.if_else(pa.array(hidden), "sup", "pub")
    if published is not None:
        hidden = hidden | ~published
        status = pa.compute.if_else(pa.array(published), status, "not")
    return {name: pa.array(values, mask=hidden), f"{name}_status": status}


def reasons(pattern: Pattern, marks: Ints, absent: Flags | None) -> pa.Array:
    """Why each cell is blank, in words; "" where it is not."""
    none = False if absent is None else absent
    partner = np.select([none, pattern.suppressed], ["absent", "protects_small_cell"], "").tolist()
    return pa.array([why or other for why, other in zip(in_words(marks), partner, strict=True)], pa.string())


def reasons_over_time(answer: Next, marks: Ints) -> pa.Array:
    """Why each cell of a repeated release is blank or not counted anew, in words; "" where it is."""
    words = np.select(
        [answer.sensitive, answer.printed.blank, answer.held],
        [np.array(in_words(marks)), "stays_blank_or_protects", "few_people_moved"],
        "",
    )
    return pa.array(words.tolist(), pa.string())


def record_of(suppressed: Flags, marks: Ints, policy: DisclosurePolicy, *, published: Flags | None = None) -> Record:
    """How many cells there are, are sensitive and are blank, and by which policy."""
    return {
        "cells": int(marks.size if published is None else np.count_nonzero(published)),
        "sensitive": int(np.count_nonzero(marks)),
        "suppressed": int(np.count_nonzero(suppressed)),
        "policy": policy.name,
        "policy_sha256": canonical_sha256(policy),
    }

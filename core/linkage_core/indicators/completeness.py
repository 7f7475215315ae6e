"""How complete the rows are that indicators were computed from: persons found, and rows that do not tell something.

Figures are counts, to be shown beside every result; they judge nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from linkage.indicator_kinds import Reversals
from linkage_core.events import PersonEvents
from linkage_core.indicators.dispensings import Dispensings
from linkage_core.indicators.reversals import net

_COLUMNS = {
    "rows_without_date": ("dispensing_date",),
    "rows_without_code": ("atc",),
    "rows_without_packages": ("packages",),
    "rows_without_ddd": ("ddd_per_package", "ddd_dispensed"),
    "rows_without_units": ("units_per_package",),
    "rows_without_dosage": ("dosage_text",),
    "rows_without_reason": ("prescribing_reason",),
}


class Figure(NamedTuple):
    """One figure: a number, of how many; both None where the register does not deliver the column."""

    name: str
    number: int | None
    of: int | None
    rule: str = ""


def completeness(events: PersonEvents, register: str, *, rules: Sequence[Reversals]) -> Iterator[Figure]:
    """Figures of one register, about the persons asked for.

    Args:
        rules: for reversed rows of a drug register, by which it is told how many found what they cancel.
    """
    rows = int(events.rows.num_rows)
    yield Figure("persons_found", int(np.count_nonzero(events.found)), events.persons)
    yield Figure("rows", rows, None)
    if "dispensing_date" not in events.rows.schema.names:
        return
    dispensings = Dispensings(events, register)
    for name, concepts in _COLUMNS.items():
        concept = next((one for one in concepts if dispensings.has(one)), None)
        if concept is None:
            yield Figure(name, None, None)
        else:
            yield Figure(name, _without(dispensings.column(concept)), rows)
    if dispensings.has("dosage_text"):
        yield Figure("rows_with_dosage_not_read", _not_read(dispensings), rows)
    else:
        yield Figure("rows_with_dosage_not_read", None, None)
    for rule in rules:
        netted = net(dispensings, rule)
        reversed_rows = netted.reversed_rows
        yield Figure("reversed_rows", reversed_rows, rows, rule)
        yield Figure("netted_rows", netted.netted_rows, reversed_rows, rule)
        yield Figure("unmatched_rows", netted.unmatched_rows, reversed_rows, rule)


def _without(column: pa.Array) -> int:
    """Rows that are null, an empty text or an empty list."""
    kind = column.type
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        lengths = np.asarray(column.value_lengths().fill_null(0).to_numpy(zero_copy_only=False))
        return int(np.count_nonzero(lengths == 0))
    if pa.types.is_dictionary(kind) or pa.types.is_string(kind):
        texts = column if pa.types.is_dictionary(kind) else column.dictionary_encode()
        blank = np.array([*(not (text or "").strip() for text in texts.dictionary.to_pylist()), True], np.bool_)
        codes = np.asarray(texts.indices.cast(pa.int64()).fill_null(len(blank) - 1).to_numpy(), np.int64)
        return int(np.count_nonzero(blank[codes]))
    return int(column.null_count)


def _not_read(dispensings: Dispensings) -> int:
    """Rows with a dosage text of which no daily amount is read."""
    column = dispensings.codes("dosage_text")
    unread = [
        units is None and bool(text.strip())
        for units, text in zip(column.facts.units_per_day, column.texts, strict=True)
    ]
    return int(np.count_nonzero(np.array([*unread, False], np.bool_)[column.code]))

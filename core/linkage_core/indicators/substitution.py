"""Rows whose product was substituted, and rows whose product could have been: by the register's own code."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from linkage.errors import EventsRejected
from linkage.indicator_kinds import GenericSubstitution
from linkage_core.indicators.amount_weights import Weights
from linkage_core.indicators.dispensings import Dispensings
from linkage_core.indicators.set_rows import SetRows, some_rows

ROWS_WITH_CODE = "rows_with_code="
"""Begins the entries of an account that tell how many rows have each code; a code that no row has is a slip, mostly."""


def substitution_rows(
    rows: Dispensings, picked: SetRows, indicator: GenericSubstitution
) -> Iterator[tuple[SetRows, Weights]]:
    """The rows of either kind, each of which counts 1.

    Both are sets of rows of their own: who contributes to a number has such a row, and neither follows from what is
    told of the other.

    Raises:
        EventsRejected: the column is missing, or has several codes a row.
    """
    if pa.types.is_nested(rows.column(indicator.code_column).type):
        raise EventsRejected(
            f"register {rows.register!r}, column {indicator.code_column!r}: must have one code a row.",
            mend="Name the column that tells whether a row was substituted.",
        )
    column = rows.codes(indicator.code_column)
    texts = [text.strip() for text in column.texts]
    positive = rows.quantity[picked.places] > 0
    # A row without a code has -1: it finds the last.
    of_code = column.code[picked.places]
    told = {
        words: positive & np.array([*(text in codes for text in texts), False], np.bool_)[of_code]
        for words, codes in (
            ("rows=substituted", indicator.substituted),
            ("rows=not_substituted", indicator.not_substituted),
        )
    }
    without = int(np.count_nonzero(positive & ~np.logical_or.reduce(list(told.values()))))
    rows_of_code = np.bincount(of_code[positive & (of_code >= 0)], minlength=len(texts)).tolist()
    listed = {
        f"{ROWS_WITH_CODE}{code}": sum(number for text, number in zip(texts, rows_of_code, strict=True) if text == code)
        for code in (*indicator.substituted, *indicator.not_substituted)
    }
    account = {"rows": len(picked.day), "rows_without_measure": without, **listed}
    for words, counted in told.items():
        own = some_rows(picked, counted)
        yield own, Weights(words, (np.ones(len(own.day), np.int32), None, False), 1, account)

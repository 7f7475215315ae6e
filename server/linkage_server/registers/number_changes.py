"""A file of changed identity numbers, hashed as it is read: only the hashes are kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa

from linkage.errors import DeliveryRejected, InputRefused
from linkage_core.pepper_chain import pseudonymise_through
from linkage_core.pseudonyms import Pepper
from linkage_server.registers.readers import open_delivery_file

OLD_NAMES = ("old", "old_number", "gammalt", "gammalt_personnummer", "fran")
NEW_NAMES = ("new", "new_number", "nytt", "nytt_personnummer", "till")
ROWS_NAMED = 10


@dataclass(frozen=True, slots=True)
class NumberChanges:
    """Which hashed id became which; fixed_size_binary(16), no nulls."""

    old: pa.FixedSizeBinaryArray
    new: pa.FixedSizeBinaryArray


def read_number_changes(path: Path, *, peppers: Sequence[Pepper], reference_date: date) -> NumberChanges:
    """Read columns `old` and `new` of a file of any accepted kind.

    Raises:
        DeliveryRejected: the file cannot be read or lacks a column.
        InputRefused: a row's old or new number cannot be linked; names rows, never numbers.
    """
    file = open_delivery_file(path)
    columns = (_column(file.column_names, OLD_NAMES, path), _column(file.column_names, NEW_NAMES, path))
    hashed: tuple[list[pa.Array], list[pa.Array]] = ([], [])
    wrong: list[int] = []
    for raw in file.batches(columns):
        linkable = np.ones(raw.rows.num_rows, np.bool_)
        for place, name in enumerate(columns):
            found = pseudonymise_through(
                raw.rows.column(name), reference_date=reference_date, peppers=peppers
            ).hashed_ids
            linkable &= found.is_valid().to_numpy(zero_copy_only=False)
            hashed[place].append(found)
        wrong.extend(raw.row_numbers[~linkable].tolist())
    wrong.extend(file.damaged_rows)
    if wrong:
        named = ", ".join(str(row) for row in sorted(wrong)[:ROWS_NAMED])
        raise InputRefused(
            f"{path.name}: {len(wrong)} rows have an old or new number that cannot be linked, such as rows {named}.",
            mend="Correct the rows or remove them; nothing was changed.",
        )
    if not any(len(part) for part in hashed[0]):
        raise DeliveryRejected(f"{path.name} holds no change of number.", mend="Write one change a row.")
    return NumberChanges(pa.concat_arrays(hashed[0]), pa.concat_arrays(hashed[1]))


def _column(names: tuple[str, ...], accepted: tuple[str, ...], path: Path) -> str:
    found = [name for name in names if name.casefold() in accepted]
    if len(found) != 1:
        raise DeliveryRejected(
            f"{path.name}: exactly one column must be called {accepted[0]!r}; {len(found)} are.",
            mend="Write the columns old and new.",
        )
    return found[0]

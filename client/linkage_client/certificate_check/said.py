"""What each release of a series said of each cell, and of which release its number is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from linkage_client.certificate_check.dimensions import Ints
from linkage_client.certificate_check.fault import CheckFailed
from linkage_client.certificate_check.files import column_of
from linkage_client.certificate_check.movement import Apart
from linkage_client.certificate_check.release import Release
from linkage_client.certificate_check.release_tables import Tables, blanks_of
from linkage_client.certificate_check.rules import Flags

_NOTHING = -1


@dataclass(frozen=True, slots=True)
class Said:
    """What one release said of each cell, flat.

    Args:
        as_of: the release that the number is of, -1 where it is blank.
        current: the number counts the people of this release.
    """

    as_of: Ints
    current: Flags

    @property
    def blank(self) -> Flags:
        """Cells without a number."""
        return np.asarray(self.as_of == _NOTHING)


def said_by(
    name: str, tables: Tables, truths: list[Ints], apart: dict[tuple[int, int], Apart], release: Release
) -> Said:
    """What a release said.

    Args:
        name: of the count.
        tables: of this release.
        truths: true cells of each release up to this one.
        apart: by whom the cells of an earlier and a later release differ.
        release: the newest one, for its rounding.

    Raises:
        CheckFailed: a number is not the truth of the release that it is of, or the two copies differ.
    """
    now, cells = len(truths) - 1, truths[0].size
    as_of = np.full(cells, _NOTHING, dtype=np.int64)
    for table, path in ((tables.officer, tables.officer_file), (tables.released, tables.released_file)):
        told = pc.equal(column_of(table, f"{name}_status", path), "sup").to_numpy(zero_copy_only=False)
        read = np.where(told, _NOTHING, 0).astype(np.int64)
        if now:
            column = column_of(table, f"{name}_as_of", path)
            if not np.array_equal(told, pc.is_null(column).to_numpy(zero_copy_only=False)):
                raise CheckFailed(f"{path}: column '{name}_as_of' is not empty exactly where it is suppressed")
            read = pc.fill_null(column, _NOTHING).cast(pa.int64()).to_numpy()
        if np.any(read < _NOTHING) or np.any(read > now):
            raise CheckFailed(f"{path}: column '{name}_as_of' names a release that is not there")
        if path == tables.released_file and not np.array_equal(as_of[tables.place], read):
            raise CheckFailed(f"{tables.officer_file}: has not the column '{name}_as_of' of the released table")
        as_of[tables.place] = read
    if not np.array_equal(
        blanks_of(name, tables, numbers_of(truths, as_of), rounding=release.rounding), as_of == _NOTHING
    ):
        raise CheckFailed(f"{tables.released_file}: column '{name}_status' does not fit '{name}_as_of'")
    current = as_of == now
    for then in range(now):
        current |= (as_of == then) & (apart[then, now].moved(cells) == 0)
    return Said(as_of, current)


def numbers_of(truths: list[Ints], as_of: Ints) -> Ints:
    """The true count of each cell, flat, in the release that its number is of."""
    return np.stack([truth.ravel() for truth in truths])[np.maximum(as_of, 0), np.arange(as_of.size)]


def check_kept(said: list[Said], apart: dict[tuple[int, int], Apart], path: Path) -> None:
    """Check that the newest of some releases keeps last numbers alone, and keeps them where nobody moved since.

    Raises:
        CheckFailed: it does not.
    """
    number, cells = len(said) - 1, said[-1].as_of.size
    last = np.full(cells, _NOTHING, dtype=np.int64)
    for one in said[:-1]:
        last = np.where(one.blank, last, one.as_of)
    kept = ~said[-1].blank & (said[-1].as_of < number)
    if np.any(kept & (said[-1].as_of != last)):
        raise CheckFailed(f"{path}: a number is kept that was not the last one printed")
    anew = said[-1].as_of == number
    for then in range(number):
        if np.any(anew & (last == then) & (apart[then, number].moved(cells) == 0)):
            raise CheckFailed(f"{path}: a cell is counted anew though nobody moved in it")

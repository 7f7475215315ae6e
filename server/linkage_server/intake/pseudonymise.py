"""Identity numbers in, hashed ids out: the one place where the middle type becomes the last.

    SealedPopulation -> OpenPopulation -> HashedPopulation

Runs only inside the opener. Reserve and interim numbers can never be linked: they are counted and left out. Numbers
that the client would have refused are refused here too, for a client is only a program of somebody else's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from linkage.envelope_manifest import EnvelopeFault, EnvelopeFaultFound
from linkage.personal_identity_number import NumberKind
from linkage_core.events import Population, split_ids
from linkage_core.kernels.hashed_id_sort import sort_order
from linkage_core.pepper_chain import pseudonymise_through
from linkage_core.pseudonyms import Pepper
from linkage_server.intake.parse import OpenPopulation

_LINKABLE = frozenset({NumberKind.PERSONNUMMER, NumberKind.COORDINATION})
_COUNTED = frozenset({NumberKind.RESERVE, NumberKind.INTERIM})


@dataclass(frozen=True, slots=True, repr=False)
class HashedPopulation:
    """A population without identity numbers, ready to be kept.

    Args:
        population: the linkable persons, ascending by hashed id.
        rows: rows received, duplicates and unlinkable ones included.
        not_linkable: rows of each kind of number that can never be linked, by the kind's name.
        reference_date: the day that resolved the century of ten-digit numbers.
        pepper_version: the pepper that the ids were hashed under.
    """

    population: Population
    rows: int
    not_linkable: dict[str, int]
    reference_date: date
    pepper_version: int


def hash_population(opened: OpenPopulation, *, peppers: Sequence[Pepper]) -> HashedPopulation:
    """Replace every identity number by its hashed id.

    Raises:
        EnvelopeFaultFound: a number is neither linkable nor of a counted kind, or a person has two rows that differ.
    """
    pseudonyms = pseudonymise_through(opened.identity, reference_date=opened.reference_date, peppers=peppers)
    rows_by_kind = np.bincount(pseudonyms.kinds, minlength=len(NumberKind))
    for kind in NumberKind:
        if rows_by_kind[kind] and kind not in _LINKABLE | _COUNTED:
            raise EnvelopeFaultFound(EnvelopeFault.PAYLOAD)
    linkable = np.flatnonzero(pseudonyms.hashed_ids.is_valid().to_numpy(zero_copy_only=False))
    high, low = split_ids(pseudonyms.hashed_ids.take(pa.array(linkable)))
    order = sort_order(high, low, np.zeros(len(high), np.int32))
    rows = linkable[order]
    again = np.flatnonzero((high[order][1:] == high[order][:-1]) & (low[order][1:] == low[order][:-1])) + 1
    _require_equal_rows(opened, rows[again - 1], rows[again])
    kept = pa.array(np.delete(rows, again))
    return HashedPopulation(
        population=Population(
            hashed_ids=pseudonyms.hashed_ids.take(kept),
            index_date=None if opened.index_date is None else opened.index_date.take(kept),
            birth_date=pseudonyms.birth_date.take(kept),
            sex=pseudonyms.sex.take(kept),
            strata={name: column.take(kept) for name, column in opened.strata.items()},
        ),
        rows=len(opened.identity),
        not_linkable={kind.name.lower(): int(rows_by_kind[kind]) for kind in sorted(_COUNTED)},
        reference_date=opened.reference_date,
        pepper_version=peppers[-1].version,
    )


def _require_equal_rows(opened: OpenPopulation, first: npt.NDArray[np.int64], second: npt.NDArray[np.int64]) -> None:
    """A person may be named twice, not with two index dates or in two hospitals."""
    columns = [opened.index_date, *(column.indices for column in opened.strata.values())]
    for column in columns:
        if column is not None:
            one, other = column.take(pa.array(first)), column.take(pa.array(second))
            if not pc.fill_null(one.cast(pa.int32()), -(2**31)).equals(pc.fill_null(other.cast(pa.int32()), -(2**31))):
                raise EnvelopeFaultFound(EnvelopeFault.PAYLOAD)

"""Which rows nobody may see any more: persons erased on legal order, by segment, until the rows themselves are gone.

    REGISTER/erasures.json     pending: hashed ids by segment; finished: reference and dates, nothing of the person

A segment is immutable, so an id hidden in it stays hidden in every snapshot that names it. Segments of later deliveries
are not listed: what the register is told of the person after the erasure is new.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict, ValidationError

from linkage.errors import ServiceUnavailable
from linkage_core.events import HASHED_ID, Int64s, RegisterPartition, join_ids, split_ids
from linkage_server.registers.rewrite import MapIds
from linkage_server.storage.files import write_atomically


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PendingErasure(_Frozen):
    """An erasure that has taken effect and whose rows are still on the disk.

    Attributes:
        reference: the decision's diary number.
        hidden: hashed ids, hexadecimal, by segment id.
    """

    reference: str
    asked_at: datetime
    hidden: dict[str, tuple[str, ...]]


class FinishedErasure(_Frozen):
    """An erasure whose rows are gone."""

    reference: str
    asked_at: datetime
    finished_at: datetime


class Erasures(_Frozen):
    """All erasures of one register."""

    pending: tuple[PendingErasure, ...] = ()
    finished: tuple[FinishedErasure, ...] = ()

    def hidden_in(self, segment_id: str) -> tuple[str, ...]:
        """Hashed ids that are hidden in a segment, hexadecimal, ascending."""
        return tuple(sorted({one for erasure in self.pending for one in erasure.hidden.get(segment_id, ())}))

    def references_for(self, segments: Iterable[str]) -> tuple[str, ...]:
        """References of the erasures that hide somebody in one of the segments."""
        named = set(segments)
        return tuple(erasure.reference for erasure in self.pending if named & erasure.hidden.keys())


def read_erasures(folder: Path) -> Erasures:
    """The erasures of a register.

    Raises:
        ServiceUnavailable: the list is damaged: no row may be read without it.
    """
    try:
        return Erasures.model_validate_json((folder / "erasures.json").read_bytes())
    except FileNotFoundError:
        return Erasures()
    except ValidationError:
        raise ServiceUnavailable(
            f"the list of erasures of register {folder.name!r} is damaged.",
            mend="Restore the store from the latest backup.",
        ) from None


def write_erasures(folder: Path, erasures: Erasures) -> None:
    """Replace the list in one step; what it hides is hidden from every reader from then on."""
    write_atomically(folder / "erasures.json", erasures.model_dump_json(indent=1).encode())


def positions_of(partition: RegisterPartition, ids: Sequence[str]) -> Int64s:
    """Ascending positions of those ids (hexadecimal) that the partition holds."""
    high, low = split_ids(pa.array([bytes.fromhex(one) for one in ids], HASHED_ID))
    found = []
    for one_high, one_low in zip(high, low, strict=True):
        first = int(np.searchsorted(partition.keys_hi, one_high, side="left"))
        last = int(np.searchsorted(partition.keys_hi, one_high, side="right"))
        found += (first + np.flatnonzero(partition.keys_lo[first:last] == one_low)).tolist()
    return np.array(sorted(found), np.int64)


def ids_at(partition: RegisterPartition, positions: Int64s) -> tuple[str, ...]:
    """Ids of persons of a partition, hexadecimal."""
    return tuple(one.hex() for one in join_ids(partition.keys_hi[positions], partition.keys_lo[positions]).to_pylist())


def carried(
    erasures: Erasures, *, before: Iterable[str], after: Mapping[str, RegisterPartition], map_ids: MapIds | None = None
) -> Erasures:
    """The erasures with those ids hidden in rewritten segments too that took effect while they were rewritten.

    Args:
        erasures: as they stand now.
        before: segments that were rewritten.
        after: what came of them, opened.
        map_ids: how ids changed on the way.
    """
    named = set(before)
    pending = []
    for erasure in erasures.pending:
        ids = sorted({one for segment, hidden in erasure.hidden.items() if segment in named for one in hidden})
        if ids and map_ids is not None:
            moved = map_ids(pa.array([bytes.fromhex(one) for one in ids], HASHED_ID))
            ids = [one.hex() for one in moved.to_pylist()]
        hidden = dict(erasure.hidden)
        for segment, partition in after.items():
            places = positions_of(partition, ids)
            if len(places):
                hidden[segment] = tuple(sorted({*hidden.get(segment, ()), *ids_at(partition, places)}))
        pending.append(erasure.model_copy(update={"hidden": hidden}))
    return erasures.model_copy(update={"pending": tuple(pending)})

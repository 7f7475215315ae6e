"""Episodes and times to an event of a laboratory run, one row an episode or person. Nothing here is protected."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from linkage_core.indicators import PersonValues
from linkage_core.survival import Ending

_STATUS = {Ending.CENSORED: "censored", Ending.EVENT: "event", Ending.COMPETING: "competing"}


def episodes(values: Sequence[PersonValues], *, persons: pa.Array) -> pa.Table | None:
    """Every episode of those who have a value: start, length in days, the gap after it, and its end.

    The end is the first day that no longer belongs to the episode, cut to whole days; the length is in full.
    """
    parts = [_episodes_of(value, persons) for value in values if value.episodes is not None]
    return pa.concat_tables(parts) if parts else None


def _episodes_of(value: PersonValues, persons: pa.Array) -> pa.Table:
    assert value.episodes is not None
    found = value.episodes()
    counted = np.flatnonzero(value.has_value[found.person])
    start, end = found.start[counted], found.end[counted]
    return pa.table(
        {
            **_names(value, "episodes", len(counted)),
            "person_id": persons.take(pa.array(found.person[counted])),
            "episode": pa.array(found.number[counted], pa.int32()),
            "start": _dates(start),
            "end": _dates(np.floor(end)),
            "days": pa.array(end - start, pa.float64()),
            "gap_days_after": pa.array(found.gap[counted], pa.float64()),
        }
    )


def times(values: Sequence[PersonValues], *, persons: pa.Array) -> pa.Table | None:
    """When each person's time began, how many days it lasted and how it ended; null for who has no value."""
    parts = [_times_of(value, persons) for value in values if value.times is not None]
    return pa.concat_tables(parts) if parts else None


def _times_of(value: PersonValues, persons: pa.Array) -> pa.Table:
    assert value.times is not None
    none = ~value.has_value
    reasons = pa.DictionaryArray.from_arrays(pa.array(value.reason, pa.uint8()), pa.array(value.reasons))
    words = pa.array([_STATUS[ending] for ending in Ending])
    return pa.table(
        {
            **_names(value, "days", len(persons)),
            "person_id": persons,
            "start": _dates(np.where(none, 0, value.times.start), none),
            "days": pa.array(value.times.day, pa.int64(), mask=none),
            "ending": words.take(pa.array(value.times.ending, pa.uint8(), mask=none)),
            "reason": reasons.cast(pa.string()),
        }
    )


def _names(value: PersonValues, measure: str, rows: int) -> dict[str, pa.Array]:
    texts = {"indicator": value.indicator.id, "parameters": value.parameters.removesuffix(f";measure={measure}")}
    return {name: pa.array([text] * rows, pa.string()) for name, text in texts.items()}


def _dates(days: np.ndarray, none: np.ndarray | None = None) -> pa.Array:
    return pa.array(days.astype(np.int32), pa.int32(), mask=none).cast(pa.date32())

"""Events of a laboratory run, one row a dispensing or day: interval, gap and carry-in. Nothing here is protected."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from linkage_core.indicators import PersonValues
from linkage_core.indicators.values import Float64s


def supply_events(values: Sequence[PersonValues], *, persons: pa.Array) -> pa.Table | None:
    """Every event of the indicators that list them, as CMA7 sees it; null where a number has no meaning."""
    parts = [_events_of(value, persons) for value in values if value.events is not None]
    return pa.concat_tables(parts) if parts else None


def _events_of(value: PersonValues, persons: pa.Array) -> pa.Table:
    assert value.events is not None
    found = value.events()
    return pa.table(
        {
            "indicator": pa.array([value.indicator.id] * len(found.day), pa.string()),
            "person_id": persons.take(pa.array(found.person)),
            "date": pa.array(found.day, pa.int32()).cast(pa.date32()),
            "days_supply": pa.array(found.supply, pa.float64()),
            "interval_days": _numbers(found.interval),
            "gap_days": _numbers(found.gap),
            "carry_in_days": _numbers(found.carry_in),
        }
    )


def _numbers(numbers: Float64s) -> pa.Array:
    return pa.array(numbers, pa.float64(), from_pandas=True)

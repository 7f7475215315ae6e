"""Days of supply with fractions are read in full: 37 1/3 days are not 37 21/64."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from linkage.indicator_kinds import SupplyModel
from linkage_core.events import PersonEvents
from linkage_core.indicators.days_of_supply import days_of_supply
from linkage_core.indicators.dispensings import Dispensings
from linkage_core.indicators.reversals import net
from linkage_core.indicators.supply_in_full import IN_FULL, supply_in_full

PACKAGES = pa.array([100, 300, -200, 100, 200], pa.int32())
GIVEN = [37.3333, 30.0, 30.0, None, 25.5]


def dispensings(*, scale: int, in_full: list[float | None] | None = None) -> Dispensings:
    given = pa.array([None if days is None else round(days * scale) for days in GIVEN], pa.int64())
    columns = [pa.array([0, 1, 2, 3, 4], pa.date32()), pa.array(["A"] * 5), PACKAGES, given]
    fields = [
        pa.field("dispensing_date", pa.date32()),
        pa.field("atc", pa.string()),
        pa.field("packages", pa.int32(), metadata={b"scale": b"100"}),
        pa.field("days_supply", pa.int64(), metadata={b"scale": str(scale).encode()}),
    ]
    if in_full:
        columns.append(pa.array(in_full, pa.float64()))
        fields.append(pa.field(IN_FULL, pa.float64()))
    rows = pa.RecordBatch.from_arrays(columns, schema=pa.schema(fields))
    return Dispensings(PersonEvents(np.array([0, 5], np.int64), rows, np.ones(1, np.bool_)), "lmed")


def lasting(rows: Dispensings, *steps: str, cap_days: int = 1000) -> list[float]:
    model = SupplyModel(steps=list(steps), cap_days=cap_days, reversals="net")
    netted = net(rows, "net")
    return supply_in_full(rows, model, netted, days_of_supply(rows, model, netted)).tolist()


def test_a_scaled_column_is_not_rounded_to_parts_of_a_day():
    # Of three packages two were returned; nothing is left of the reversed row, and one row tells no days.
    assert lasting(dispensings(scale=10_000), "days_supply") == pytest.approx([37.3333, 10, 0, 0, 25.5], abs=1e-12)


def test_the_column_that_a_file_has_in_full_is_what_counts():
    third = 37 + 1 / 3
    rows = dispensings(scale=10_000, in_full=[third, 30.0, 30.0, None, 25.5])
    assert lasting(rows, "days_supply")[0] == third


def test_another_step_answers_in_parts_of_a_day_and_the_cap_cuts_both():
    rows = dispensings(scale=10_000)
    assert lasting(rows, "days_supply", "fixed:15", cap_days=22) == [22, 10, 0, 15, 22]


def test_whole_days_are_taken_as_they_are():
    assert lasting(dispensings(scale=1), "days_supply") == [37, 10, 0, 0, 26]

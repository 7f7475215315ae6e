"""Rows that are picked together tell the same whether or not it was said beforehand what is read of them."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from linkage.errors import EventsRejected
from linkage.indicator_kinds import CodeSet
from linkage_core.events import PersonEvents
from linkage_core.indicators.dispensings import Dispensings
from linkage_core.indicators.set_rows import Picking, rows_of_each, some_rows
from linkage_core.kernels.days_at_home import days_at_home

STATIN, METFORMIN, ALL = CodeSet(atc_include=["C10AA"]), CodeSet(atc_include=["A10BA"]), CodeSet(atc_include=["C", "A"])


def dispensings() -> Dispensings:
    atc = pa.array(["C10AA01", "A10BA02", "C10AA05", "C10AA01", "A10BA02"]).dictionary_encode()
    day = pa.array([10, 20, 5, 6, 7], pa.int32()).cast(pa.date32())
    packages = pa.array([1, 2, 3, None, 5], pa.int32())
    rows = pa.record_batch({"dispensing_date": day, "atc": atc, "packages": packages, "cost_total": packages})
    offsets = np.array([0, 2, 2, 5], np.int64)
    return Dispensings(PersonEvents(rows=rows, offsets=offsets, found=np.diff(offsets) > 0), "lmed")


@pytest.mark.parametrize("code_set", [STATIN, METFORMIN, ALL])
def test_where_rows_lie_is_told_when_it_is_asked_for(code_set: CodeSet) -> None:
    rows = dispensings()
    quantity = rows.quantity
    told, found = rows_of_each(rows, [Picking([code_set], [quantity]), Picking([code_set], places=False)])
    every = np.arange(5)
    assert found.at(np.arange(len(found.day))).tolist() == every[told.places].tolist()
    assert found.of(quantity).tolist() == told.of(quantity).tolist() == quantity[told.places].tolist()
    assert found.day.tolist() == rows.day[told.places].tolist()
    kept = some_rows(found, found.day < 10)
    assert rows.day[kept.places].tolist() == [day for day in found.day.tolist() if day < 10]


def test_missing_is_any_of_the_concepts_or_nothing_at_all() -> None:
    rows = dispensings()
    assert rows.missing("dispensing_date") is None
    missing = rows.missing("dispensing_date", "packages")
    assert missing is not None
    assert missing.tolist() == [False, False, False, True, False]
    with pytest.raises(EventsRejected, match="cost_patient"):
        rows.missing("cost_patient")


def test_days_at_home_of_other_lengths_are_refused() -> None:
    start, end = np.zeros(2, np.int32), np.full((1, 2), 9, np.int32)
    days = np.empty_like(end)
    stays = np.array([0, 1, 1]), np.array([3], np.int32), np.array([5], np.int32)
    days_at_home(stays, start, end, days)
    assert days.tolist() == [[7, 9]]
    with pytest.raises(EventsRejected, match="differs in length"):
        days_at_home(stays, start[:1], end, days)
    with pytest.raises(EventsRejected, match="differs in length"):
        days_at_home((stays[0][:2], *stays[1:]), start, end, days)

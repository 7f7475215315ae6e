"""Sums by person are added up when somebody asks, and sums by cell agree with them."""

from __future__ import annotations

import numpy as np
import pytest

from linkage.errors import EventsRejected
from linkage_core.indicators.person_sums import PersonSums, sums_in_windows
from linkage_core.indicators.set_rows import SetRows
from linkage_core.indicators.values import Measure, PersonValues
from linkage_core.indicators.window_sums import WEIGHTS_AT_ONCE, Weight, Windows

# More rows than are gone through at once.
PERSONS, PERIODS, DAYS_A_PERIOD = 700, 3, 10
OUTSIDE = 10**6


def summed(*, heavy_on: int | None = None) -> tuple[PersonSums, SetRows, np.ndarray]:
    """Sums of more weights than the kernels take at once, of rows in calendar periods and after them."""
    chance = np.random.default_rng(8)
    counts = chance.integers(0, 6, PERSONS)
    offsets = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
    day = np.concatenate([np.sort(chance.integers(0, 40, one)) for one in counts]).astype(np.int32)
    numbers = chance.integers(-3, 9, (WEIGHTS_AT_ONCE + 2, len(day)))
    if heavy_on is not None:
        day[0], numbers[0, 0] = heavy_on, 1 << 62
    picked = SetRows(slice(None), offsets, day, None, np.flatnonzero(counts).astype(np.int32))
    periods = (np.repeat(np.arange(PERIODS, dtype=np.int32), DAYS_A_PERIOD), 0, PERIODS)
    windows = Windows(PERIODS, (0, 365), np.full((1, PERSONS), 365, np.int32), periods=periods)
    weights: list[Weight] = [np.ascontiguousarray(own) for own in numbers]
    return sums_in_windows(picked, weights, windows, above=range(len(weights))), picked, numbers


def test_persons_and_cells_have_the_sums_of_their_rows():
    sums, picked, numbers = summed()
    person = np.repeat(np.arange(PERSONS), np.diff(picked.offsets))
    expected = np.zeros((len(numbers), PERIODS + 1, PERSONS), np.int64)
    for which, own in enumerate(numbers):
        np.add.at(expected[which], (np.minimum(picked.day // DAYS_A_PERIOD, PERIODS), person), own)
    expected = expected[:, :-1]
    rows = np.zeros((PERIODS + 1, PERSONS), np.int64)
    np.add.at(rows, (np.minimum(picked.day // DAYS_A_PERIOD, PERIODS), person), 1)
    assert (np.array(sums.has_rows) == (rows[:-1] > 0)).all()
    assert (sums.of_persons == expected).all()
    cell = (np.arange(PERSONS) % 2).astype(np.int32)
    everybody = np.full((PERIODS, -(-PERSONS // 64)), ~np.uint64(0))
    by_cell = sums.by_cell(everybody, cell, cells=2)
    for which, own in enumerate(expected):
        assert (np.array(sums.above[which]) == (own > 0)).all()
        assert (by_cell[which] == np.stack([own[:, cell == here].sum(axis=1) for here in range(2)], axis=1)).all()


def test_a_weight_out_of_range_is_refused_unless_its_row_lies_in_no_period():
    summed(heavy_on=OUTSIDE)
    with pytest.raises(EventsRejected):
        summed(heavy_on=0)


def test_a_value_given_as_a_function_is_worked_out_once_when_it_is_read():
    asked = []

    def give() -> np.ndarray:
        asked.append(1)
        return np.array([3, 4], np.int64)

    value = PersonValues(None, "", Measure.AMOUNT, give, np.zeros(2, np.uint8), ("ok",))  # type: ignore[arg-type]
    assert not asked
    assert value.value.tolist() == [3, 4]
    assert value.value is value.value
    assert len(asked) == 1

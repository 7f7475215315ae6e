"""Stays in hospital of a part of each person's time."""

from __future__ import annotations

import numpy as np

from linkage_core.indicators.hospital_stays import HospitalStays, stays_within


def test_a_stay_belongs_to_the_part_that_has_a_day_of_it() -> None:
    stays = HospitalStays(
        offsets=np.array([0, 4, 4, 5], np.int64),
        admitted=np.array([0, 5, 19, 20, 15], np.int32),
        # The day of discharge is no day of the stay any more.
        discharged=np.array([10, 11, 25, 22, 16], np.int32),
    )
    own = stays_within(stays, np.array([10, 0, 15], np.int32), np.array([20, 99, 15], np.int32))
    assert own.offsets.tolist() == [0, 2, 2, 2]
    assert own.admitted.tolist() == [5, 19]
    assert own.discharged.tolist() == [11, 25]


def test_without_stays_there_are_none() -> None:
    nobody = HospitalStays(np.zeros(3, np.int64), np.zeros(0, np.int32), np.zeros(0, np.int32))
    day = np.zeros(2, np.int32)
    assert stays_within(nobody, day, day).offsets.tolist() == [0, 0, 0]

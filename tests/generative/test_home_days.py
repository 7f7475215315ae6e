"""Days without those in hospital are counted as one counts them one by one."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from linkage_core.indicators.follow_up import FAR
from linkage_core.indicators.hospital_stays import HospitalStays, home_days

STAY = st.tuples(st.integers(0, 60), st.integers(1, 20)).map(lambda stay: (stay[0], stay[0] + stay[1]))
PERSONS = st.lists(st.lists(STAY, max_size=5).map(sorted), min_size=1, max_size=4)


@given(PERSONS, st.data())
def test_home_days_are_those_counted_one_by_one(persons, data):
    asked = data.draw(st.lists(st.tuples(st.integers(0, len(persons) - 1), st.integers(-5, 90)), max_size=20))
    stays = HospitalStays(
        np.cumsum([0, *(len(own) for own in persons)]).astype(np.int64),
        np.array([admitted for own in persons for admitted, _ in own], np.int32),
        np.array([discharged for own in persons for _, discharged in own], np.int32),
    )
    person = np.array([whose for whose, _ in asked], np.int64)
    day = np.array([on for _, on in asked], np.int32)
    wanted = [
        on - sum(any(admitted <= other < discharged for admitted, discharged in persons[whose]) for other in range(on))
        for whose, on in asked
    ]
    assert home_days(stays, person, day).tolist() == wanted
    assert (home_days(stays, person, np.full(len(asked), FAR, np.int32)) == FAR).all()

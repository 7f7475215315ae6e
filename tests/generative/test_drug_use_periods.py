"""The kernel of drug use periods agrees with its twin, and its periods do not depend on how rows are written."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linkage.errors import EventsRejected
from linkage_core.kernels.drug_use_periods import drug_use_periods
from tests.reference.drug_use_periods import Limits, Row, Rule, periods_of, usual_days

PACKAGES = {
    "28": Limits(0.5, 1.0, 14, 56, 28),
    "30 weak": Limits(1 / 3, 2 / 3, 15, 60, 30),
    "98": Limits(0.25, 0.5, 49, 196, 98),
    "of which nothing is known": None,
}
NAMES = list(PACKAGES)
DRUG = Limits(0.2, 0.8, 7, 120)

Drawn = tuple[int, int, str, float, float]

days = st.integers(17_000, 17_900)
amounts = st.sampled_from([0.0, 7.0, 14.0, 28.0, 56 / 3, 56.0, 98.0, 1.0])
drawn_rows = st.lists(
    st.tuples(st.integers(0, 1), days, st.sampled_from(NAMES), st.sampled_from([0.5, 1.0, 2.0, 3.0]), amounts),
    max_size=30,
)
regular = st.builds(
    lambda first, steps, name, ddd: [(0, first + sum(steps[:n]), name, 1.0, ddd) for n in range(len(steps) + 1)],
    days,
    st.lists(st.sampled_from([1, 20, 27, 28, 29, 33, 34, 35, 60, 89, 99, 301]), max_size=15),
    st.sampled_from(NAMES),
    amounts,
)
stays = st.lists(st.tuples(days, st.integers(1, 60)), max_size=4)
rules = st.builds(
    Rule,
    gap_max=st.sampled_from([300.0, 90.0]),
    duration_max=st.sampled_from([300.0, 80.0]),
    hospital_max=st.sampled_from([30.0, 5.0]),
    days_covered=st.sampled_from([5.0, 0.0]),
    join_percent=st.sampled_from([1.0, 20.0, 0.0]),
)


def of_kernel(people, rule):
    """Periods and refills of each person: lists of rows (drug, day, package, packages, ddd) and of stays."""
    ordered = [(person, row) for person, (rows, _) in enumerate(people) for row in sorted(rows, key=lambda row: row[1])]
    offsets = np.searchsorted([person for person, _ in ordered], np.arange(len(people) + 1)).astype(np.int64)
    admitted = [(person, *stay) for person, (_, own) in enumerate(people) for stay in sorted(own)]
    stay_offsets = np.searchsorted([person for person, _, _ in admitted], np.arange(len(people) + 1)).astype(np.int64)
    columns = [np.array([row[place] for _, row in ordered], kind) for place, kind in ((0, "i4"), (1, "i4"))]
    packages = np.array([NAMES.index(row[2]) for _, row in ordered], np.int32)
    amounts = [np.array([row[place] for _, row in ordered], np.float64) for place in (3, 4)]
    limits = [
        [np.nan] * 5 if one is None else [one.ddd_low, one.ddd_usual, one.days_min, one.days_usual, one.days_max]
        for one in PACKAGES.values()
    ]
    drug_limits = [[DRUG.ddd_low, DRUG.ddd_usual, DRUG.days_min, np.nan, DRUG.days_max]] * 2
    size = len(ordered)
    numbers, told = np.zeros((6, size), np.int32), np.zeros((2, size))
    lasts, refill_days, refill_packages = np.zeros(size), np.zeros(size, np.int32), np.zeros(size)
    found = drug_use_periods(
        offsets,
        columns[1],
        columns[0],
        packages,
        *amounts,
        np.array(limits, np.float64),
        np.array(drug_limits, np.float64),
        stay_offsets,
        np.array([stay[1] for stay in admitted], np.int32),
        np.array([stay[1] + stay[2] for stay in admitted], np.int32),
        np.array(astuple(rule), np.float64),
        numbers,
        told,
        lasts,
        refill_days,
        refill_packages,
        longest=max(np.diff(offsets).max(initial=0), 0),
        most_stays=max(np.diff(stay_offsets).max(initial=0), 0),
    )
    periods = defaultdict(list)
    for place in range(found):
        person, drug, *rest = numbers[:, place].tolist()
        periods[person, drug].append((*rest, *told[:, place].tolist()))
    covered = defaultdict(set)
    refills = defaultdict(list)
    for place, (person, row) in enumerate(ordered):
        for day in range(int(lasts[place])):
            covered[person, row[0]].add(row[1] + day)
        if refill_days[place]:
            refills[person, row[0]].append((row[1], row[2], refill_packages[place], refill_days[place]))
    return periods, covered, refills


def of_twin(people, rule):
    periods, refills = {}, {}
    for person, (rows, own) in enumerate(people):
        for drug in {row[0] for row in rows}:
            mine = [Row(*row[1:]) for row in rows if row[0] == drug]
            whole = [(first, first + length) for first, length in own]
            found, told = periods_of(
                mine, packages={n: p for n, p in PACKAGES.items() if p}, drug=DRUG, stays=whole, rule=rule
            )
            periods[person, drug] = [(p.start, p.last, p.purchases, p.hospital_days, p.end, p.ddd) for p in found]
            refills[person, drug] = [(r.day, r.package, r.ratio, r.days) for r in told]
    return periods, refills


@given(st.lists(st.tuples(st.one_of(drawn_rows, regular), stays), min_size=1, max_size=3), rules)
def test_kernel_and_twin_agree_on_any_rows(people, rule):
    periods, covered, refills = of_kernel(people, rule)
    expected, told = of_twin(people, rule)
    assert {key: found for key, found in expected.items() if found} == dict(periods)
    assert {key: found for key, found in told.items() if found} == dict(refills)
    # What is told for each row covers its periods without a hole.
    for key, found in expected.items():
        inside = {day for start, _, _, _, end, _ in found for day in range(start, start + int(end - start))}
        assert covered[key] >= inside - {int(end) for *_, end, _ in found}


@given(st.one_of(drawn_rows, regular), stays, st.randoms(use_true_random=False))
def test_the_order_of_a_days_rows_and_split_rows_change_nothing(rows, own, chance):
    written = of_kernel([(rows, own)], Rule())[0]
    halves = [(*row[:3], row[3] / 2, row[4] / 2) for row in rows for _ in range(2)]
    chance.shuffle(halves)
    assert of_kernel([(halves, own)], Rule())[0] == written


@given(st.one_of(drawn_rows, regular), stays, st.integers(-400, 400))
def test_shifting_all_dates_shifts_all_periods(rows, own, days):
    written = of_kernel([(rows, own)], Rule())[0]
    later = [(drug, day + days, *rest) for drug, day, *rest in rows]
    shifted = of_kernel([(later, [(first + days, length) for first, length in own])], Rule())[0]
    for key, found in written.items():
        for one, two in zip(found, shifted[key], strict=True):
            assert (one[0] + days, one[1] + days, *one[2:4]) == two[:4]
            assert one[4] + days == pytest.approx(two[4], abs=1e-9)


def test_rows_out_of_order_and_unknown_packages_are_refused():
    limits, drugs = np.full((1, 5), np.nan), np.ones((1, 5))
    nobody = np.zeros(2, np.int64)
    none = np.zeros(0, np.int32)

    def run(day, package):
        return drug_use_periods(
            np.array([0, 2], np.int64),
            np.array(day, np.int32),
            np.zeros(2, np.int32),
            np.array(package, np.int32),
            np.ones(2),
            np.ones(2),
            limits,
            drugs,
            nobody,
            none,
            none,
            np.array(astuple(Rule()), np.float64),
            np.zeros((6, 2), np.int32),
            np.zeros((2, 2)),
            np.zeros(0),
            none,
            np.zeros(0),
            longest=2,
            most_stays=0,
        )

    assert run([5, 9], [0, 0]) == 1
    with pytest.raises(EventsRejected, match="row 1, column 'dispensing_date'"):
        run([9, 5], [0, 0])
    with pytest.raises(EventsRejected, match="row 1"):
        run([5, 9], [0, 1])


def test_the_usual_days_of_a_package_are_the_mode_of_neighbouring_lengths():
    # 27 and 29 days go to the more common 28; 60 days are too far from everything.
    refills = [(1.0, 28)] * 6 + [(1.0, 27)] * 3 + [(2.0, 58)] * 2 + [(1.0, 60)] * 4
    assert usual_days(refills) == 28
    assert usual_days(refills[:9]) is None, "fewer than ten refills tell nothing"

"""The kernel's episodes are those of its twins, for any rows, and do not depend on what should have no say."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st

from linkage_core.kernels.treatment_episodes import treatment_episodes
from tests.reference import treatment_episodes as reference
from tests.reference.treatment_episodes import Dispensed, Rule

NEVER = np.iinfo(np.int32).max
CARRY = {"none": 0, "pooled": 1, "per_drug": 2}
EMPTY = {name: np.zeros(0, kind) for name, kind in (("int32", np.int32), ("int64", np.int64), ("float64", np.float64))}

WHOLE_DAYS = st.integers(0, 40).map(Fraction)
PARTS_OF_DAYS = st.integers(0, 40 * 64).map(lambda parts: Fraction(parts, 64))


def rows_with(supply):
    row = st.builds(
        Dispensed,
        day=st.integers(0, 120),
        drug=st.sampled_from("ABC"),
        supply=supply,
        dose=st.sampled_from([Fraction(10), Fraction(20), Fraction(40)]),
    )
    rows = st.lists(row, min_size=1, max_size=9).map(lambda rows: sorted(rows, key=lambda row: row.day))
    # Before the first supply there is no treatment to follow.
    return rows.filter(lambda rows: rows[0].supply > 0)


PERSONS = st.lists(rows_with(PARTS_OF_DAYS), min_size=1, max_size=4)
RULES = st.builds(
    Rule,
    percent=st.booleans(),
    days=st.integers(1, 130),
    carry=st.sampled_from(["none", "pooled", "per_drug"]),
    convert_dose=st.booleans(),
    drug_starts=st.booleans(),
    dose_starts=st.booleans(),
    append_gap=st.booleans(),
)
GAPS = st.lists(st.integers(0, 60).map(Fraction), min_size=1, max_size=4)


def found(persons, rule, gaps, *, compatible, at_days=(), listed_at=EMPTY["int64"], stays=None, hospital=0):
    """What the kernel says: start, end, episodes, first_days, second_start, covered, and the list for one gap."""
    rows = [row for person in persons for row in person]
    offsets = np.cumsum([0, *(len(person) for person in persons)]).astype(np.int64)
    count, cells = len(persons), len(persons) * len(gaps)
    start, end, episodes = np.empty(count, np.int32), np.empty(count, np.int32), np.empty(cells, np.int32)
    first_days, first_grace = np.empty(cells), np.empty(cells)
    second_start = np.empty(cells, np.int32)
    covered = np.empty(len(at_days) * count, np.uint8)
    listed = int(listed_at[-1]) if len(listed_at) else 0
    listing = (np.empty(listed, np.int32), np.empty(listed), np.empty(listed))
    treatment_episodes(
        offsets,
        np.array([row.day for row in rows], np.int32),
        np.array([ord(row.drug) for row in rows], np.int32),
        np.array([int(row.supply * 64) for row in rows], np.int32),
        np.array([float(row.dose) for row in rows]) if rule.convert_dose or rule.dose_starts else EMPTY["float64"],
        np.zeros(count, np.int32),
        np.full(count, 1 << 30, np.int32),
        np.full(count, 1 << 30, np.int32),
        np.array([float(gap) for gap in gaps]),
        np.array(at_days, np.int32),
        start,
        end,
        episodes,
        first_days,
        first_grace,
        second_start,
        covered,
        listed_at,
        *listing,
        stays,
        days=rule.days,
        longest=max(len(person) for person in persons),
        carry=CARRY[rule.carry],
        percent=rule.percent,
        convert_dose=rule.convert_dose,
        drug_starts=rule.drug_starts,
        dose_starts=rule.dose_starts,
        append_gap=rule.append_gap,
        compatible=compatible,
        hospital=hospital,
    )
    by_gap = (part.reshape(len(gaps), count) for part in (episodes, first_days, second_start))
    return start, end, *by_gap, covered, listing


def assert_same(persons, rule, gaps, *, compatible):
    points_of = reference.points_by_rows if compatible else reference.points_by_days
    twin = reference.by_rows if compatible else reference.by_days
    _, _, episodes, first_days, second_start, _, _ = found(persons, rule, gaps, compatible=compatible)
    for place, gap in enumerate(gaps):
        one = replace(rule, gap=gap)
        wanted = [twin(rows, one) for rows in persons]
        if rule.convert_dose:
            # A stock at another dose is rounded in doubles, which may tip the scales where a gap is just permitted.
            for rows in persons:
                for point in points_of(rows, one, end=rows[0].day + rule.days):
                    assume(abs(point.gap - reference.allowed_after(point, one)) > 1e-6 or point.gap == 0)
        assert episodes[place].tolist() == [len(them) for them in wanted]
        lengths = [float(them[0].end - them[0].start) for them in wanted]
        assert np.allclose(first_days[place], lengths, rtol=0, atol=1e-9)
        assert second_start[place].tolist() == [them[1].start if len(them) > 1 else NEVER for them in wanted]
        listed_at = np.cumsum([0, *(len(them) for them in wanted)]).astype(np.int64)
        *_, listing = found(persons, one, [gap], compatible=compatible, listed_at=listed_at)
        flat = [episode for them in wanted for episode in them]
        assert listing[0].tolist() == [episode.start for episode in flat]
        assert np.allclose(listing[1], [float(episode.gap) for episode in flat], rtol=0, atol=1e-9)
        assert np.allclose(listing[2], [float(episode.end) for episode in flat], rtol=0, atol=1e-9)


@given(PERSONS, RULES, GAPS)
def test_episodes_row_by_row_are_those_of_the_twin(persons, rule, gaps):
    assert_same(persons, rule, gaps, compatible=True)


@given(PERSONS, RULES, GAPS)
def test_episodes_day_by_day_are_those_of_the_twin(persons, rule, gaps):
    assert_same(persons, rule, gaps, compatible=False)


@given(PERSONS, RULES, GAPS)
def test_episodes_that_nothing_but_gaps_ends_are_those_of_the_twin(persons, rule, gaps):
    plain = replace(rule, percent=False, convert_dose=False, drug_starts=False, dose_starts=False)
    assert_same(persons, plain, gaps, compatible=False)


@given(rows_with(WHOLE_DAYS), RULES, st.integers(0, 60), st.integers(0, 60))
def test_episodes_are_those_seen_by_walking_through_the_days(rows, rule, gap, at_day):
    plain = Rule(gap=Fraction(gap), days=rule.days, carry=rule.carry)
    wanted = reference.by_walking(rows, plain)
    listed_at = np.array([0, len(wanted)], np.int64)
    _, _, episodes, _, _, covered, listing = found(
        [rows], plain, [plain.gap], compatible=False, at_days=[at_day], listed_at=listed_at
    )
    assert episodes.tolist() == [[len(wanted)]]
    assert list(zip(listing[0].tolist(), listing[2].tolist(), strict=True)) == wanted
    by_day = reference.covered_days(rows, carry=rule.carry, days=rule.days)
    assert bool(covered[0]) == (at_day < rule.days and by_day[at_day])


@given(rows_with(PARTS_OF_DAYS), RULES, GAPS, st.randoms(use_true_random=False))
def test_the_order_of_a_days_rows_has_no_say(rows, rule, gaps, chance):
    # Few days, so that most have several rows to order; a supply comes first, for before it there is no treatment.
    crowded = sorted((replace(row, day=row.day // 40 * 40) for row in rows), key=lambda row: (row.day, row.supply == 0))
    shuffled = sorted(
        crowded, key=lambda row: (row.day, row.day == crowded[0].day and row.supply == 0, chance.random())
    )
    ours, theirs = (found([order], rule, gaps, compatible=False) for order in (crowded, shuffled))
    assert ours[2].tolist() == theirs[2].tolist()
    assert np.allclose(ours[3], theirs[3], rtol=0, atol=1e-9)


@given(rows_with(PARTS_OF_DAYS), RULES, GAPS, st.integers(0, 8))
def test_a_dispensing_in_two_rows_is_one(rows, rule, gaps, which):
    row = rows[which % len(rows)]
    half = replace(row, supply=Fraction(int(row.supply * 64) // 2, 64))
    rest = replace(row, supply=row.supply - half.supply)
    place = rows.index(row)
    split = [*rows[:place], rest, half, *rows[place + 1 :]]
    ours, theirs = (found([order], rule, gaps, compatible=False) for order in (rows, split))
    assert ours[2].tolist() == theirs[2].tolist()
    assert np.allclose(ours[3], theirs[3], rtol=0, atol=1e-9)


@given(PERSONS, RULES, GAPS)
def test_nobody_changes_another(persons, rule, gaps):
    together = found(persons, rule, gaps, compatible=False)
    for place, rows in enumerate(persons):
        alone = found([rows], rule, gaps, compatible=False)
        assert together[2][:, place].tolist() == alone[2][:, 0].tolist()
        assert together[3][:, place].tolist() == alone[3][:, 0].tolist()


HOSPITAL = {"freeze": 1, "credit": 2, "shift": 3}
STAYS = st.lists(
    st.tuples(st.integers(-10, 130), st.integers(1, 40)).map(lambda stay: (stay[0], stay[0] + stay[1])), max_size=4
).map(sorted)


@given(
    st.lists(st.tuples(rows_with(WHOLE_DAYS), STAYS), min_size=1, max_size=3),
    st.builds(Rule, days=st.integers(1, 130), carry=st.sampled_from(sorted(CARRY))),
    st.integers(0, 60).map(Fraction),
    st.sampled_from(sorted(HOSPITAL)),
)
def test_days_in_hospital_count_as_the_twin_counts_them(persons, rule, gap, hospital):
    rule = replace(rule, gap=gap)
    histories = [rows for rows, _ in persons]
    stays = (
        np.cumsum([0, *(len(own) for _, own in persons)]).astype(np.int64),
        np.array([admitted for _, own in persons for admitted, _ in own], np.int32),
        np.array([discharged for _, own in persons for _, discharged in own], np.int32),
    )
    wanted = [reference.by_walking_with_stays(rows, rule, stays=own, hospital=hospital) for rows, own in persons]
    at_days = list(range(rule.days))
    asked = {"compatible": False, "stays": stays, "hospital": HOSPITAL[hospital]}
    _, _, episodes, first_days, second_start, covered, _ = found(histories, rule, [gap], at_days=at_days, **asked)
    assert covered.reshape(len(at_days), len(persons)).T.tolist() == [days for _, days in wanted]
    assert episodes[0].tolist() == [len(own) for own, _ in wanted]
    assert first_days[0].tolist() == [own[0][1] - own[0][0] for own, _ in wanted]
    assert second_start[0].tolist() == [own[1][0] if len(own) > 1 else NEVER for own, _ in wanted]
    listed_at = np.cumsum([0, *(len(own) for own, _ in wanted)]).astype(np.int64)
    *_, (first, _, last) = found(histories, rule, [gap], listed_at=listed_at, **asked)
    assert list(zip(first.tolist(), last.tolist(), strict=True)) == [episode for own, _ in wanted for episode in own]

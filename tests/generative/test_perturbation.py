"""What holds for noise and rounding whatever the persons, tables and keys."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from linkage.errors import InputRefused
from linkage.perturbation_rules import AmountNoise
from linkage_core.perturbation.cell_keys import cell_keys
from linkage_core.perturbation.controlled_rounding import round_controlled
from linkage_core.perturbation.largest import largest_contributors
from linkage_core.perturbation.noise_table import NoiseTable, amount_table, as_fractions, count_table, look_up
from linkage_core.perturbation.perturb_amounts import perturb_amounts
from linkage_core.perturbation.perturb_counts import perturb_counts
from linkage_core.perturbation.rounding import count_ranges, round_counts

KEYS = st.integers(0, 2**64 - 1)
TABLE = count_table(bound=5, variance=3, never_up_to=2)


@st.composite
def seats(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cells and persons of rows, and a record key for each person."""
    keys = draw(st.lists(KEYS, min_size=1, max_size=8))
    row = st.tuples(st.integers(0, 5), st.integers(0, len(keys) - 1))
    rows = draw(st.lists(row, max_size=40))
    return (
        np.array([cell for cell, _ in rows], np.int64),
        np.array([person for _, person in rows], np.int64),
        np.array(keys, np.uint64),
    )


@given(seats())
def test_keys_are_sums_over_different_persons(rows: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    cells, persons, keys = rows
    counts, sums = cell_keys(cells, persons, keys, size=6)
    for cell in range(6):
        members = {p for c, p in zip(cells.tolist(), persons.tolist(), strict=True) if c == cell}
        assert counts[cell] == len(members)
        assert int(sums[cell]) == sum(int(keys[p]) for p in members) % 2**64


@given(seats(), st.integers(0, 2**32))
def test_neither_order_nor_blocks_of_persons_change_a_key(
    rows: tuple[np.ndarray, np.ndarray, np.ndarray], seed: int
) -> None:
    cells, persons, keys = rows
    whole = cell_keys(cells, persons, keys, size=6)
    order = np.random.default_rng(seed).permutation(len(cells))
    shuffled = cell_keys(cells[order], persons[order], keys, size=6)
    assert all(np.array_equal(one, other) for one, other in zip(whole, shuffled, strict=True))
    split = keys.size // 2
    parts = [cell_keys(cells[own], persons[own], keys, size=6) for own in (persons < split, persons >= split)]
    assert np.array_equal(whole[0], parts[0][0] + parts[1][0])
    assert np.array_equal(whole[1], parts[0][1] + parts[1][1])


@given(st.integers(0, 10_000), KEYS)
def test_a_count_is_found_as_cellkey_finds_it(count: int, key: int) -> None:
    # Row: the count, at most the last; column: the first end above the key (cellKey, `.ck_perturb_cnts`).
    row = min(count, TABLE.last)
    fraction = float(as_fractions(np.array([key], np.uint64))[0])
    column = next(place for place, end in enumerate(TABLE.ends[row].tolist()) if fraction < end)
    printed = perturb_counts(np.array([count]), np.array([key], np.uint64), TABLE)[0]
    assert printed == count + TABLE.changes[row, column]
    assert printed == 0 or printed > 2
    assert abs(printed - count) <= 5
    assert count or not printed


@settings(deadline=None)
@given(st.integers(1, 12), st.floats(0.05, 12), st.integers(0, 4))
def test_every_table_there_is_has_its_moments(bound: int, variance: float, never_up_to: int) -> None:
    try:
        table = count_table(bound=bound, variance=variance, never_up_to=never_up_to)
    except InputRefused:
        assume(False)
        raise
    for row in range(1, table.last + 1):
        mean, spread = _moments(table, row)
        assert abs(mean) < 1e-4
        assert abs(spread - variance) < 1e-4
        assert not {row + change for change in table.probabilities(row)} & {
            *range(-bound, 0),
            *range(1, never_up_to + 1),
        }


@settings(deadline=None)
@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20),
    st.integers(0, 2**32),
    st.floats(0.01, 1),
    st.floats(0.01, 0.9) | st.just(1.0),
    st.integers(1, 3),
)
def test_a_sum_keeps_its_sign_and_its_change_its_bound(
    sums: list[float], seed: int, share: float, fall: float, contributors: int
) -> None:
    noise = AmountNoise(
        bound=4,
        variance=2,
        parts=2,
        share_small=share,
        share_large=share * fall,
        flex_point=100.0,
        flex_exponent=25.0,
        weights=(1.0,) * contributors,
    )
    random = np.random.default_rng(seed)
    largest = -np.sort(-random.exponential(1000, (len(sums), contributors)), axis=1)
    keys = random.integers(0, 2**64, (len(sums), contributors), np.uint64)
    values = np.array(sums)
    changed = perturb_amounts(
        values, largest=largest, keys=keys, sensitive=np.zeros(len(sums), bool), noise=noise,
        table=amount_table(bound=4, variance=2, parts=2),
    )  # fmt: skip
    assert np.all(changed * values >= 0)
    assert np.all(np.abs(changed - values) <= 4 / 2**0.5 * share * largest.sum(axis=1) + 1e-6)
    assert np.all(changed[values == 0] == 0)


@given(seats(), st.integers(1, 3), st.integers(0, 2**32))
def test_the_largest_contributors_are_those_of_a_sorted_list(
    rows: tuple[np.ndarray, np.ndarray, np.ndarray], most: int, seed: int
) -> None:
    cells, persons, keys = rows
    amounts = np.random.default_rng(seed).integers(-3, 4, len(cells))
    largest, their_keys = largest_contributors(cells, persons, amounts, keys, size=6, most=most)
    for cell in range(6):
        given: dict[int, int] = {}
        for c, p, amount in zip(cells.tolist(), persons.tolist(), amounts.tolist(), strict=True):
            if c == cell:
                given[p] = given.get(p, 0) + amount
        ranked = sorted(((abs(x), int(keys[p]), x) for p, x in given.items()), reverse=True)[:most]
        padded = ranked + [(0, 0, 0)] * (most - len(ranked))
        assert np.abs(largest[cell]).tolist() == [size for size, _, _ in padded]
        assert their_keys[cell].tolist() == [key for _, key, _ in padded]


@given(st.lists(st.integers(0, 5000), min_size=1, max_size=30), st.integers(2, 50))
def test_rounding_one_by_one_stays_near_and_in_order(counts: list[int], base: int) -> None:
    values = np.array(sorted(counts))
    for method, furthest in (("nearest", base // 2), ("up", base - 1), ("midpoint", base // 2)):
        rounded = round_counts(values, method=method, base=base)
        assert np.abs(rounded - values).max() <= furthest
        assert np.all(np.diff(rounded) >= 0)
        assert np.all(rounded[values == 0] == 0)
    low, high = count_ranges(values, base=base)
    assert np.all((low <= values) & (values <= high))


@settings(deadline=None, max_examples=40)
@given(st.lists(st.lists(st.integers(0, 60), min_size=3, max_size=3), min_size=2, max_size=5), st.integers(2, 12))
def test_a_table_of_two_dimensions_is_rounded_by_control_within_its_multiples(rows: list[list[int]], base: int) -> None:
    inner = np.array(rows)
    cells = np.block([[inner, inner.sum(1, keepdims=True)], [inner.sum(0), inner.sum()]])
    numbers = np.arange(cells.size).reshape(cells.shape)
    families = [(int(line[-1]), line[:-1].tolist()) for line in (*numbers, *numbers.T)]
    rounded = round_controlled(cells.ravel(), families, base=base)
    assert all(rounded[total] == rounded[parts].sum() for total, parts in families)
    assert np.all(np.abs(rounded - cells.ravel()) < base)
    assert not np.any(rounded % base)


@given(st.lists(st.tuples(st.integers(0, 8), KEYS), min_size=1, max_size=50))
def test_look_up_is_the_same_alone_and_among_others(cells: list[tuple[int, int]]) -> None:
    rows = np.array([row for row, _ in cells])
    keys = np.array([key for _, key in cells], np.uint64)
    together = look_up(TABLE, rows, keys).tolist()
    assert together == [int(look_up(TABLE, rows[i : i + 1], keys[i : i + 1])[0]) for i in range(len(cells))]


def _moments(table: NoiseTable, row: int) -> tuple[float, float]:
    chances = table.probabilities(row)
    mean = sum(change * chance for change, chance in chances.items())
    return mean, sum(change**2 * chance for change, chance in chances.items())

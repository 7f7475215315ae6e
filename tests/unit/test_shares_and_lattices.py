"""Steps in which shares of rows are told, and blanks of a table with all its totals, by hand and by programme."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import Bounds, LinearConstraint, linprog, milp

from linkage.disclosure_policy import shipped_policies
from linkage.errors import DisclosureRefused
from linkage_core.counted_table import RowParts
from linkage_core.disclosure.lattice import Axis, lattice_totals, strata_of
from linkage_core.disclosure.lattice_suppression import Witnesses, count_prices, hide_in_lattice, prices
from linkage_core.disclosure.row_shares import shares

POLICY = shipped_policies()["standard@1.0.0"]
AXES = (Axis(((0,), (1,), (2,), (3,), (0, 1), (0, 1, 2, 3)), 4), Axis(((0,), (1,), (2,), (0, 1, 2)), 3))
SEX = Axis(((0,), (1,), (0, 1)), 2)


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ((400, 600), [40, 60]),
        ((403, 597), [40, 60]),
        ((1995, 5), [99, 1]),  # neither all nor nothing
        ((333, 667), [33, 67]),  # 1,000 rows: one in a hundred is ten of them
        ((333, 666), [34, 66]),  # one row less: steps of two
        ((100, 200), [35, 65]),
        ((90, 109), [50, 50]),
        ((70, 26), [80, 20]),
        ((36, 10), [50, 50]),  # neither all nor nothing
        ((10, 9), [None, None]),
    ],
)
def test_a_step_of_a_share_is_no_fewer_rows_than_a_cell_has_persons(
    rows: tuple[int, ...], told: list[int | None]
) -> None:
    assert POLICY.minimum_cell == 10
    assert shares(RowParts("x", "", "", ("a", "b"), rows, (20, 20)), POLICY) == told


def test_cells_are_crossed_in_as_many_dimensions_as_they_are_not_the_total() -> None:
    assert strata_of((2, 3)).tolist() == [2, 2, 1, 1, 1, 0]
    assert strata_of((2,)).tolist() == [1, 0]


@pytest.mark.parametrize("seed", range(6))
def test_every_blank_of_a_table_with_groups_may_be_several_numbers(seed: int) -> None:
    """The range of each blank, over real numbers: partners of sensitive cells are hidden as they are."""
    random = np.random.default_rng(seed)
    counts = lattice_totals(random.integers(2, 25, (4, 3)), AXES)
    values = counts.ravel()
    sensitive = values < 6
    pattern, _ = hide_in_lattice(
        counts, AXES, sensitive=sensitive, reach=np.where(sensitive, 6, 0), lowest=1, candidates=3
    )
    assert (pattern.suppressed >= sensitive).all()
    rows = []
    cells = np.arange(values.size).reshape(counts.shape)
    for axis, own in enumerate(AXES):
        places = np.moveaxis(cells, axis, 0)
        for code, below in enumerate(own.below):
            for other in range(len(places[0])):
                if len(below) > 1:
                    row = np.zeros(values.size)
                    row[places[code, other]] = -1
                    row[places[list(below), other]] += 1
                    rows.append(row)
    bounds = [(1, None) if blank else (value, value) for blank, value in zip(pattern.blank, values, strict=True)]
    for cell in np.flatnonzero(pattern.blank).tolist():
        cost = (np.arange(values.size) == cell).astype(float)
        low, high = (
            sign * linprog(sign * cost, A_eq=np.array(rows), b_eq=np.zeros(len(rows)), bounds=bounds).fun
            for sign in (1, -1)
        )
        assert high - low >= 2 - 1e-6
        if sensitive[cell]:
            assert high >= 6 - 1e-6


def moves_of(found: Witnesses) -> list[tuple[dict[int, int], range, list[int]]]:
    """Each move: what changes by how much, the multiples that can be, and the cells that it is kept for."""
    moves = []
    for move in range(found.lowest.size):
        entries = slice(found.starts[move], found.starts[move + 1])
        cells = found.cells[entries].tolist()
        assert cells == sorted(set(cells)), "a cell stands twice, or they do not ascend"
        moves.append(
            (
                dict(zip(cells, found.changes[entries].tolist(), strict=True)),
                range(int(found.lowest[move]), int(found.highest[move]) + 1),
                found.proves[found.proof_starts[move] : found.proof_starts[move + 1]].tolist(),
            )
        )
    assert found.starts[-1] == found.cells.size
    assert found.proof_starts[-1] == found.proves.size
    return moves


@pytest.mark.parametrize("candidates", [3, 5])
@pytest.mark.parametrize("lowest", [0, 1])
@pytest.mark.parametrize("axes", [AXES, (*AXES, SEX)])
@pytest.mark.parametrize("seed", [0, 1, 4])
def test_each_blank_of_a_table_has_moves_that_show_its_values(
    seed: int, axes: tuple[Axis, ...], lowest: int, candidates: int
) -> None:
    """Every printed number and total stays, no cell falls below what is known, and what is known stays put."""
    random = np.random.default_rng(seed)
    counts = lattice_totals(random.integers(0, 16, [axis.leaves for axis in axes]), axes)
    values = counts.ravel()
    sensitive = (values >= lowest) & (values < 4)
    published = sensitive | (random.random(values.size) < 0.9)
    known = ~sensitive & (random.random(values.size) < 0.05)
    pattern, found = hide_in_lattice(
        counts,
        axes,
        sensitive=sensitive,
        reach=np.where(sensitive, 4, 0),
        lowest=lowest,
        candidates=candidates,
        published=published,
        known=known,
    )
    assert (pattern.suppressed >= sensitive).all()
    assert not (pattern.suppressed & known).any()
    assert (pattern.blank == (pattern.suppressed | ~(published | known))).all()
    least = np.where(published, lowest, 0)
    seen = [{0} for _ in values]
    leaves = np.ix_(*(range(axis.leaves) for axis in axes))
    moves = moves_of(found)
    assert moves
    for change, multiples, proves in moves:
        step = np.zeros(values.size, dtype=np.int64)
        step[list(change)] = list(change.values())
        assert step[list(change)].all()
        cube = step.reshape(counts.shape)
        assert np.array_equal(lattice_totals(cube[leaves], axes), cube), "a total is not the sum of its parts"
        assert pattern.blank[list(change)].all(), "an open cell moves"
        assert 0 in multiples
        assert len(multiples) > 1
        for multiple in (multiples[0], multiples[-1]):
            assert (values + multiple * step >= least)[step != 0].all(), "a cell falls below what is known of it"
        assert proves == sorted(set(proves)), "kept twice for one cell"
        assert proves
        for cell in proves:
            seen[cell] |= {change[cell] * multiple for multiple in multiples}
    for cell in np.flatnonzero(pattern.suppressed).tolist():
        assert len(seen[cell]) >= candidates
        if sensitive[cell]:
            assert values[cell] + max(seen[cell]) >= 4


def test_a_blank_costs_its_count_and_more_in_margins() -> None:
    counts = np.array([5, 0, 5, 7, 20_000, 20_007, 12, 20_000, 20_012])
    assert count_prices(counts, (3, 3)).tolist() == [21, 16, 42, 23, 20_016, 40_046, 56, 40_032, 131_072]
    assert count_prices(np.array([-3, 4]), (2,)).tolist() == [32, 200]  # what is no count costs as much as none


def test_a_blank_amount_costs_more_with_each_doubling() -> None:
    # 16, and 4 more at 1, 3, 7, 1023: one less than a power of two.
    amounts = np.array([0, 1, 2, 3, 7, 1022, 1023, -8, 1023])
    assert prices(amounts, (3, 3)).tolist() == [16, 20, 40, 24, 28, 104, 112, 32, 560]


def test_the_cheapest_partners_of_a_small_cell_are_hidden() -> None:
    """A box of leaves costs 16 and its count for each: rows and columns of 20 and 30 beside those of 50 and more."""
    own = Axis(((0,), (1,), (2,), (0, 1, 2)), 3)
    counts = lattice_totals(np.array([[2, 20, 60], [20, 30, 55], [50, 60, 70]]), (own, own))
    sensitive = np.arange(16) == 0

    def hidden(**more: np.ndarray) -> list[int]:
        reach = np.where(sensitive, 5, 0)
        pattern, _ = hide_in_lattice(
            counts, (own, own), sensitive=sensitive, reach=reach, lowest=1, candidates=3, **more
        )
        assert pattern.rounds == 1
        return np.flatnonzero(pattern.suppressed).tolist()

    assert hidden() == [0, 1, 4, 5]
    # A number that a reader has from elsewhere is no partner, and what no table shows costs nothing.
    assert hidden(known=np.arange(16) == 5) == [0, 1, 8, 9]
    assert hidden(published=~np.isin(np.arange(16), [2, 6])) == [0, 4]


def least_price(counts: np.ndarray, sensitive: np.ndarray) -> float:
    """What hiding these cells costs at least, by a whole-number programme: for each a move of blanks that raises it."""
    size, targets = counts.size, np.flatnonzero(sensitive)
    cells = np.arange(size).reshape(counts.shape)
    rows = [
        np.isin(np.arange(size), own[:-1]).astype(float) - (np.arange(size) == own[-1]) for own in (*cells, *cells.T)
    ]
    # Columns: which cells are blank, then a move for each target, of which none is longer than 9.
    columns = size * (1 + targets.size)
    none, one = np.zeros((size, columns)), np.eye(size)
    constraints = []
    lower, upper = np.zeros(columns), np.ones(columns)
    for number, target in enumerate(targets.tolist()):
        own = slice(size * (1 + number), size * (2 + number))
        lower[own], upper[own] = np.where(sensitive, -1, -9), 9
        lower[own.start + target] = 3
        keeps = np.zeros((len(rows), columns))
        keeps[:, own] = rows
        constraints.append(LinearConstraint(keeps, 0, 0))
        for sign in (1, -1):
            within = none.copy()
            within[:, own], within[:, :size] = sign * one, -9 * one
            constraints.append(LinearConstraint(within, -np.inf, 0))
    lower[:size] = sensitive
    cost = np.zeros(columns)
    cost[:size] = count_prices(counts.ravel(), counts.shape)
    found = milp(cost, integrality=np.arange(columns) < size, bounds=Bounds(lower, upper), constraints=constraints)
    return float(found.fun)


def test_small_tables_are_hidden_at_the_least_price() -> None:
    own = Axis(((0,), (1,), (2,), (3,), (0, 1, 2, 3)), 4)
    paid, least = [], []
    for seed in range(20):
        random = np.random.default_rng(seed)
        leaves = random.integers(20, 90, (4, 4))
        leaves.ravel()[random.choice(16, 3, replace=False)] = 2
        counts = lattice_totals(leaves, (own, own))
        sensitive = counts.ravel() == 2
        reach = np.where(sensitive, 5, 0)
        pattern, _ = hide_in_lattice(counts, (own, own), sensitive=sensitive, reach=reach, lowest=1, candidates=3)
        paid.append(float(count_prices(counts.ravel(), counts.shape)[pattern.suppressed].sum()))
        least.append(least_price(counts, sensitive))
    assert paid == pytest.approx(least)


def test_a_small_cell_without_partners_is_refused() -> None:
    counts = lattice_totals(np.array([3, 9]), (SEX,))
    with pytest.raises(DisclosureRefused, match="No way was found to hide the small cells"):
        hide_in_lattice(
            counts,
            (SEX,),
            sensitive=np.array([True, False, False]),
            reach=np.array([5, 0, 0]),
            lowest=1,
            candidates=3,
            known=np.array([False, True, True]),
        )

"""Steps in which shares of rows are told, and blanks of a table with all its totals, by hand and by programme."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linprog

from linkage.disclosure_policy import shipped_policies
from linkage_core.counted_table import RowParts
from linkage_core.disclosure.lattice import Axis, lattice_totals, strata_of
from linkage_core.disclosure.lattice_suppression import hide_in_lattice
from linkage_core.disclosure.row_shares import shares

POLICY = shipped_policies()["standard@1.0.0"]
AXES = (Axis(((0,), (1,), (2,), (3,), (0, 1), (0, 1, 2, 3)), 4), Axis(((0,), (1,), (2,), (0, 1, 2)), 3))


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ((400, 600), [40, 60]),
        ((403, 597), [40, 60]),
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

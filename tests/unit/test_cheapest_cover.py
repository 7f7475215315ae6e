"""The cells held back beside those that must be: against all choices of a small table."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from linkage_core.disclosure.cell_system import CellSystem, Flags
from linkage_core.release_history import Axis, PublishedCells
from linkage_core.release_history.as_system import as_system
from linkage_core.release_history.cover import cheapest_cover
from linkage_core.release_history.movement import Difference
from linkage_core.release_history.unions import Known, thin_relations

REGIONS = Axis(((0,), (1,), (2,), (0, 1, 2)), 3, ((3, (0, 1, 2)),))
SEX = Axis(((0,), (1,), (0, 1)), 2, ((2, (0, 1)),))
TABLE = PublishedCells((REGIONS, SEX))
ENOUGH = 4


def system_of(values: list[int]) -> CellSystem:
    numbers = np.array(values, dtype=np.int64)
    none = np.zeros(numbers.size, dtype=np.int64)
    return as_system(TABLE, values=numbers, sensitive=none > 0, at_least=none, reach=none)


def is_safe(system: CellSystem, held: Flags, known: list[Known]) -> bool:
    """No cell alone in its relation, no thin sum."""
    alone = np.add.reduceat(held[system.members].astype(int), system.starts[:-1]) == 1
    return not alone.any() and not thin_relations(system, hidden=held, known=known, enough=ENOUGH).any()


def chosen_of_all(system: CellSystem, hidden: Flags, prices: np.ndarray, known: list[Known]) -> float:
    """What the cheapest safe choice costs."""
    free = np.flatnonzero(~hidden & (system.values >= system.at_least))
    costs = [np.inf]
    for choice in product((False, True), repeat=free.size):
        held = hidden.copy()
        held[free] = choice
        if is_safe(system, held, known):
            costs.append(float(prices[held & ~hidden].sum()))
    return min(costs)


@pytest.mark.parametrize("seed", range(25))
def test_no_safe_choice_is_cheaper(seed: int) -> None:
    random = np.random.default_rng(seed)
    leaves = random.integers(10, 30, (3, 2))
    system = system_of([int(leaves[np.ix_(here, there)].sum()) for here in REGIONS.below for there in SEX.below])
    rows = int(random.integers(4, 40))
    leaf, person = np.divmod(random.choice(6 * 9, rows, replace=False), 9)
    people = Difference(person + 9 * leaf, leaf, random.choice([-1, 1], rows)).incidence(TABLE)
    known = [Known(np.ones(TABLE.size, dtype=np.bool_), people)]
    moved = people.moved(TABLE.size)
    hidden = (moved > 0) & (moved < ENOUGH)
    # Cells in which nobody moved are known to readers and cover nothing.
    system.at_least[moved == 0] = system.values[moved == 0] + 1
    prices = random.integers(1, 20, TABLE.size).astype(float)
    cover = cheapest_cover(system, hidden=hidden, prices=prices, known=known, enough=ENOUGH)
    cheapest = chosen_of_all(system, hidden, prices, known)
    assert not (cover & hidden).any()
    if np.isfinite(cheapest):
        assert is_safe(system, hidden | cover, known)
        assert prices[cover].sum() == pytest.approx(cheapest)


A, B, C, ALL = range(4)
LINE = PublishedCells((REGIONS,))


def held_back(
    *joined: int,
    prices: list[float],
    known: tuple[int, ...] = (),
    implied: bool = False,
    told: bool = True,
    above: int = 1,
) -> list[int]:
    """Cells of three regions and their total that are held back beside the first, where these people joined."""
    values, none = np.array([20, 30, 40, 90]), np.zeros(4, dtype=np.int64)
    at_least = np.where(np.isin(np.arange(4), known), values + above, 0)
    system = as_system(LINE, values=values, sensitive=none > 0, at_least=at_least, reach=none)
    system = replace(system, implied=np.full(1, implied), printed=np.full(4, told))
    leaves = np.array(joined, dtype=np.int64)
    people = Difference(np.arange(leaves.size), leaves, np.ones(leaves.size, dtype=np.int64)).incidence(LINE)
    before = [Known(np.ones(4, dtype=np.bool_), people)] if joined else []
    cover = cheapest_cover(system, hidden=np.arange(4) == A, prices=np.array(prices), known=before, enough=ENOUGH)
    return np.flatnonzero(cover).tolist()


def test_a_cell_is_not_held_back_alone_and_the_cheapest_goes_with_it() -> None:
    assert held_back(prices=[5, 3, 2, 9]) == [C]
    assert held_back(prices=[5, 3, 4, 9]) == [B]
    assert held_back(prices=[5, 3, 4, 2]) == [ALL]


def test_what_readers_know_and_what_no_line_prints_does_not_go_with_it() -> None:
    assert held_back(prices=[5, 3, 2, 9], known=(C,)) == [B]
    assert held_back(prices=[5, 3, 2, 9], known=(B, C)) == [ALL]
    assert held_back(prices=[5, 3, 2, 9], known=(B, C, ALL)) == []
    assert held_back(prices=[5, 3, 2, 9], told=False) == []


def test_what_readers_know_to_be_no_less_goes_with_it() -> None:
    # One of forty may be more.
    assert held_back(prices=[5, 3, 2, 9], known=(C,), above=0) == [C]


def test_where_parts_leave_an_unknown_rest_a_cell_is_held_back_alone() -> None:
    assert held_back(prices=[5, 3, 2, 9], implied=True) == []


def test_the_cheapest_does_not_go_with_it_where_few_moved_in_both() -> None:
    # In A and B together three, in A and C seven: of fewer than four nothing is told.
    assert held_back(A, A, B, *[C] * 5, prices=[5, 1, 2, 9]) == [C]
    # Two dear ones are cheaper than the dearest.
    assert held_back(A, B, C, C, prices=[5, 1, 2, 9]) == [B, C]
    assert held_back(A, A, B, *[C] * 5, prices=[5, 9, 9, 2]) == [ALL]


def test_where_a_cell_can_only_be_alone_others_are_still_not() -> None:
    system = system_of([10, 20, 30, 11, 21, 32, 12, 22, 34, 33, 63, 96])
    # The women of the first region and its total are known.
    system.at_least[[1, 2]] = system.values[[1, 2]] + 1
    hidden, prices = np.arange(TABLE.size) == 0, np.arange(1.0, TABLE.size + 1)
    cover = cheapest_cover(system, hidden=hidden, prices=prices, known=[], enough=ENOUGH)
    # The men of the other regions go with those of the first, and their women with them.
    assert np.flatnonzero(cover).tolist() == [3, 4, 6, 7]


def test_where_no_sums_tie_cells_nothing_is_held_back_beside_others() -> None:
    alone = PublishedCells((Axis(((0,), (1,)), 2, ()),))
    values, none = np.array([20, 30]), np.zeros(2, dtype=np.int64)
    system = as_system(alone, values=values, sensitive=none > 0, at_least=none, reach=none)
    assert not cheapest_cover(system, hidden=np.array([True, False]), prices=none + 1.0, known=[], enough=ENOUGH).any()


def test_nothing_is_written_while_the_cheapest_are_looked_for(capfd: pytest.CaptureFixture[str]) -> None:
    system = system_of([10, 20, 30, 11, 21, 32, 12, 22, 34, 33, 63, 96])
    hidden = np.arange(TABLE.size) == 0
    assert cheapest_cover(system, hidden=hidden, prices=np.ones(TABLE.size), known=[], enough=ENOUGH).any()
    assert tuple(capfd.readouterr()) == ("", "")

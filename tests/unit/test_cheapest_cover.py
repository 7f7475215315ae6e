"""The cells held back beside those that must be: against all choices of a small table."""

from __future__ import annotations

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

"""What the next release asks of the search for cells to hold back: prices, what readers know, how far to look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from math import log2
from typing import Any

import numpy as np
import pytest

from linkage_core.disclosure.cell_system import CellSystem, Flags, Floats
from linkage_core.disclosure.suppression import suppress_with_proof
from linkage_core.release_history import Axis, Incidence, Moves, Printed, PublishedCells, hold_back, next_release
from linkage_core.release_history.as_system import as_system
from tests.spec.test_release_history import ALL, POLICY, A, B, C, Register, people

MODULE = import_module("linkage_core.release_history.hold_back")


@dataclass(frozen=True)
class Asked(Exception):
    """What was asked for."""

    system: CellSystem
    hidden: Flags
    prices: Floats


def line_of(*values: int) -> CellSystem:
    """Parts and their total, in which zeros are told."""
    parts = len(values)
    every = tuple(range(parts))
    cells = PublishedCells((Axis((*((one,) for one in every), every), parts, ((parts, every),)),))
    numbers = np.array([*values, sum(values)])
    none = np.zeros(numbers.size, dtype=np.int64)
    return as_system(cells, values=numbers, sensitive=none > 0, at_least=none + 1, reach=none)


def printed(value: Sequence[int | None], as_of: Sequence[int], *, number: int) -> Printed:
    """What a release said; None for a blank."""
    blank = np.array([one is None for one in value])
    of = np.where(blank, -1, np.array(as_of))
    return Printed(np.array([one or 0 for one in value]), of, of == number, blank)


def moved(*counts: int) -> Incidence:
    """So many people joined each cell."""
    cell = np.repeat(np.arange(len(counts)), counts)
    return Incidence(cell, np.arange(cell.size), np.ones(cell.size, dtype=np.int64))


def asked(
    monkeypatch: pytest.MonkeyPatch, system: CellSystem, earlier: Sequence[Printed], since: Sequence[Incidence]
) -> Asked:
    """What is asked for beside what must be held back."""

    def ask(system: CellSystem, *, hidden: Flags, prices: Floats, **others: Any) -> None:
        raise Asked(system, hidden, prices)

    monkeypatch.setattr(MODULE, "cheapest_cover", ask)
    kinds = np.zeros(system.values.size, dtype=np.int64)
    with pytest.raises(Asked) as found:
        hold_back(system, earlier=earlier, since=since, kinds=kinds, grids=(), policy=POLICY)
    return found.value


def test_a_number_costs_by_how_new_it_could_be_and_how_little_it_is_broken_down(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    system = replace(line_of(62, 126, 30), strata=np.array([1, 2, 3, 0]), uses=np.array([1, 2, 1, 1]))
    # The first was blank in the second release, the third and the total in the first.
    earlier = [printed([60, 90, None, None], [0, 0, 0, 0], number=0)]
    earlier.append(printed([None, 110, 25, None], [0, 1, 1, 0], number=1))
    # Twelve moved in the first since it was counted, but six of them just now; in the second twelve just now.
    prices = asked(monkeypatch, system, earlier, [moved(12, 30, 20, 40), moved(6, 12, 5, 12)]).prices
    assert prices.tolist() == pytest.approx(
        [1.5 * (30 + 6), 1.0 * 2 * (100 + 7), 1.0 * (10 + 5), 3.0 * (1 + log2(220))]
    )


def test_with_exactly_enough_who_moved_a_number_is_no_longer_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    earlier = [printed([60, 90, 30, 180], [0] * 4, number=0)]
    prices = asked(monkeypatch, line_of(62, 126, 30), earlier, [moved(9, 10, 1, 20)]).prices
    assert prices[:3].tolist() == pytest.approx([1.5 * (10 + 6), 1.5 * (100 + 7), 1.5 * (10 + 5)])


def test_what_is_kept_may_count_nobody_any_more_and_what_stands_still_is_known(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Kept: ten of the first release, forty, ten of the second. Blank: five, nobody. Anew: twenty. Still: thirty.
    system = line_of(13, 43, 12, 5, 0, 20, 30)
    earlier = [printed([10, 40, 60, None, None, 10, 30, 170], [0] * 8, number=0)]
    earlier.append(printed([10, 40, 10, None, None, 10, 30, 170], [0, 0, 1, 0, 0, 0, 0, 0], number=1))
    since = [moved(3, 3, 50, 5, 3, 10, 0, 20), moved(3, 3, 2, 5, 3, 10, 0, 20)]
    found = asked(monkeypatch, system, earlier, since)
    assert found.system.at_least.tolist() == [0, 1, 0, 1, 0, 1, 31, 1]
    assert found.hidden.tolist() == [True] * 5 + [False] * 3
    assert found.system.sensitive.tolist() == found.hidden.tolist()


def test_cells_that_no_line_prints_are_hidden_and_what_few_persons_demand_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    system = line_of(20, 5, 8, 40)
    system = replace(system, printed=np.arange(5) != 3, sensitive=system.values < 10, reach=np.array([0, 10, 10, 0, 0]))
    earlier = [printed([20, None, 8, None, 73], [0] * 5, number=0)]
    found = asked(monkeypatch, system, earlier, [moved(12, 3, 0, 12, 12)])
    # In the third nobody moved since it was told: readers know it, whatever it counts.
    assert found.system.sensitive.tolist() == [False, True, False, False, False]
    assert found.system.reach.tolist() == [0, 10, 0, 0, 0]
    assert found.hidden.tolist() == [False, True, False, True, False]


def test_proofs_look_thrice_as_far_as_what_is_few(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[int] = []

    def search(*arguments: Any, furthest: int, **named: Any) -> Any:
        looked.append(furthest)
        return suppress_with_proof(*arguments, furthest=furthest, **named)

    monkeypatch.setattr(MODULE, "suppress_with_proof", search)
    register = Register(100, 50, 40)
    register.release()
    register.leave(A, 3)
    register.release()
    assert looked == [30, 30]


def test_where_the_pattern_tells_of_few_another_cell_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(system: CellSystem, **others: Any) -> Flags:
        return np.zeros(system.values.size, dtype=np.bool_)

    monkeypatch.setattr(MODULE, "cheapest_cover", none)
    register = Register(100, 50, 60)
    register.release()
    moving = register.now[A][:3]
    register.leave(A, 3)
    register.join(B, *moving, *people("b", 7))
    register.join(C, *people("c", 20))
    # B is the cheapest beside A, but the rest of the total would tell of seven.
    assert register.release().printed.as_of[[A, B, C, ALL]].tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize(("reach_threshold", "reach"), [(True, 10), (False, 0)])
def test_a_small_cell_has_to_reach_the_threshold_where_the_policy_demands_it(
    monkeypatch: pytest.MonkeyPatch, reach_threshold: bool, reach: int
) -> None:
    def take(system: CellSystem, **others: Any) -> None:
        raise Asked(system, system.sensitive, system.prices)

    monkeypatch.setattr(import_module("linkage_core.release_history.next_release"), "hold_back", take)
    cells = PublishedCells((Axis(((0,), (1,), (2,), (0, 1, 2)), 3, ((3, (0, 1, 2)),)),))
    none = np.empty(0, dtype=np.int64)
    with pytest.raises(Asked) as found:
        next_release(
            cells,
            np.array([100, 8, 40, 148]),
            # Forty are sensitive for another rule.
            sensitive=np.array([False, True, True, False]),
            earlier=(),
            moves=Moves(none, none, none, none > 0),
            policy=POLICY.model_copy(update={"reach_threshold": reach_threshold}),
        )
    assert found.value.system.reach.tolist() == [0, reach, 0, 0]
    assert found.value.system.at_least.tolist() == [1] * 4

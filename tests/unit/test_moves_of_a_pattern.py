"""Every move that proves a pattern can be: it keeps what is printed, and no cell falls below what is known of it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from linkage_core.disclosure.boxes import BoxMoves, Grid
from linkage_core.disclosure.cell_system import CellSystem, Flags, Relations
from linkage_core.disclosure.components import components
from linkage_core.disclosure.evidence import Demand, Evidence
from linkage_core.disclosure.opening import Opening
from linkage_core.disclosure.repair import Repair
from linkage_core.disclosure.suppression import suppress_with_proof
from linkage_core.disclosure.witnesses import ComponentProof

ENOUGH = 5


def with_margins(leaves: np.ndarray) -> np.ndarray:
    for axis in range(leaves.ndim):
        leaves = np.concatenate([leaves, leaves.sum(axis=axis, keepdims=True)], axis=axis)
    return leaves


def sets_of(
    seed: int, *, shape: tuple[int, ...] = (3, 4), least: int = 1, share: float = 0.6
) -> tuple[CellSystem, list[Grid]]:
    """A set, and those of it who started: two cubes, one within the other; small cells and rests are sensitive."""
    random = np.random.default_rng(seed)
    everybody = random.integers(4, 20, shape)
    started = random.binomial(everybody, share)
    cubes = [with_margins(everybody), with_margins(started)]
    size = cubes[0].size
    grids = [Grid(np.arange(size).reshape(cubes[0].shape), (False,) * len(shape))]
    grids.append(Grid(grids[0].cells + size, (False,) * len(shape), grids[0].cells))
    relations = Relations()
    for grid in grids:
        for axis in range(len(shape)):
            cells = np.moveaxis(grid.cells, axis, -1)
            relations.add(cells[..., -1].ravel(), cells[..., :-1].reshape(-1, shape[axis]), implied=False)
    relations.add(grids[0].cells.ravel(), grids[1].cells.reshape(-1, 1), implied=True)
    values = np.concatenate([cube.ravel() for cube in cubes])
    starts, members, remainder, implied = relations.build(values)
    none = np.zeros(values.size, dtype=np.int64)
    strata = sum(np.indices(cubes[0].shape)[axis] < shape[axis] for axis in range(len(shape)))
    system = CellSystem(
        values=values,
        printed=none == 0,
        at_least=none + least,
        uses=none + 1,
        strata=np.tile(np.asarray(strata).ravel(), 2),
        sensitive=(values >= least) & (values < ENOUGH),
        reach=np.where((values >= least) & (values < ENOUGH), ENOUGH, 0),
        starts=starts,
        members=members,
        remainder=remainder,
        implied=implied,
        remainder_sensitive=implied & (remainder >= least) & (remainder < 3),
        remainder_reach=np.where(implied & (remainder >= least) & (remainder < 3), 3, 0),
        pairs=np.empty((0, 2), dtype=np.int64),
    )
    return system, grids


def moves_are_true(system: CellSystem, evidence: Evidence, blank: Flags) -> int:
    """Look at each move that is kept; gives how many there are."""
    names = np.arange(system.values.size + system.remainder.size)
    every = {id(move): move for name in names.tolist() for move in evidence.moves_of(name)}
    for move in every.values():
        change = np.zeros(names.size, dtype=np.int64)
        change[move.names] = move.step
        cells, rows = change[: system.values.size], change[system.values.size :]
        assert not cells[~blank].any(), "an open cell moves"
        summed = np.add.reduceat(system.signs * cells[system.members], system.starts[:-1])
        assert summed.tolist() == rows.tolist(), "the remainders are not those of the cells"
        assert not rows[~system.implied].any(), "a sum that everybody can form moves"
        for factor in move.factors:
            assert factor
            after = system.values + factor * cells
            assert (after >= system.at_least)[cells != 0].all(), "a cell falls below what is known of it"
            assert (system.remainder + factor * rows >= 0).all(), "fewer than nobody are left"
    return len(every)


def seen_of(evidence: Evidence, name: int) -> set[int]:
    """Changes of a cell, or a remainder, that moves show; 0 among them."""
    steps = [(int(move.step[move.names == name][0]), move.factors) for move in evidence.moves_of(name)]
    return {0} | {step * factor for step, factors in steps for factor in factors}


def is_proved(system: CellSystem, evidence: Evidence, blank: Flags, candidates: int) -> None:
    """What is hidden has so many values, and sensitive ones reach as far as they must."""
    size = system.values.size
    needy = np.flatnonzero(blank & (system.printed | system.sensitive))
    guarded = np.flatnonzero(system.remainder_sensitive) + size
    reach = np.concatenate([system.reach, np.where(system.remainder_sensitive, system.remainder_reach, 0)])
    truth = np.concatenate([system.values, system.remainder])
    for name in np.concatenate([needy, guarded]).tolist():
        seen = seen_of(evidence, name)
        assert len(seen) >= candidates
        assert truth[name] + max(seen) >= reach[name]


@pytest.mark.parametrize("least", [0, 1])
@pytest.mark.parametrize("seed", range(6))
def test_a_pattern_is_proved_by_moves_that_can_be(seed: int, least: int) -> None:
    system, grids = sets_of(seed, least=least)
    for own in (grids, []):
        pattern, evidence = suppress_with_proof(
            system, Demand(3, np.zeros(system.values.size, int)), furthest=40, grids=own
        )
        assert moves_are_true(system, evidence, pattern.blank)
        is_proved(system, evidence, pattern.blank, 3)
        assert (pattern.suppressed == pattern.blank).all()


@pytest.mark.parametrize("seed", range(4))
def test_a_cover_is_opened_where_it_is_not_needed(seed: int) -> None:
    system, grids = sets_of(seed)
    cover = np.random.default_rng(seed).random(system.values.size) < 0.3
    demand = Demand(3, np.zeros(system.values.size, int))
    pattern, evidence = suppress_with_proof(system, demand, furthest=40, grids=grids, cover=cover)
    moves_are_true(system, evidence, pattern.blank)
    is_proved(system, evidence, pattern.blank, 3)
    assert pattern.opened
    assert (cover & ~pattern.blank).any()
    # No blank that is left can be opened by itself: it is sensitive, or a proof needs it.
    for cell in np.flatnonzero(pattern.blank & ~system.sensitive).tolist():
        open_ = pattern.blank.copy()
        open_[cell] = False
        again = Evidence(system, demand)
        targets = np.concatenate(
            [np.flatnonzero(open_), np.flatnonzero(system.remainder_sensitive) + system.values.size]
        )
        for cells, rows, matrix in components(system, open_, targets):
            ComponentProof(system, cells, rows, matrix, evidence=again, furthest=40).run(patient=True)
        assert again.unmet(targets).any(), cell


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("shape", [(3, 3), (2, 2, 3)])
def test_a_box_hides_a_cell_and_can_be(seed: int, shape: tuple[int, ...]) -> None:
    system, grids = sets_of(seed, shape=shape)
    rises = 0
    for target in np.flatnonzero(system.sensitive).tolist():
        evidence = Evidence(system, Demand(3, np.zeros(system.values.size, int)))
        blank = system.sensitive.copy()
        BoxMoves(system, grids, evidence, furthest=40).hide(np.array([target]), blank)
        moves_are_true(system, evidence, blank)
        assert blank[system.sensitive].all()
        if not evidence.unmet(np.array([target]))[0]:
            rises += 1
            assert evidence.high[target] >= ENOUGH - system.values[target]
            changed = np.flatnonzero(evidence.high[: system.values.size] | evidence.low[: system.values.size])
            assert blank[changed].all()
    assert rises


@pytest.mark.parametrize("seed", range(6))
def test_rests_are_hidden_by_boxes_that_can_be(seed: int) -> None:
    system, grids = sets_of(seed, share=0.85)
    blank = system.sensitive.copy()
    evidence = Evidence(system, Demand(3, np.zeros(system.values.size, int)))
    targets = np.flatnonzero(system.remainder_sensitive) + system.values.size
    BoxMoves(system, grids, evidence, furthest=40).hide(targets, blank)
    moves_are_true(system, evidence, blank)
    assert not evidence.unmet(targets).all()


def three_by_three(leaves: list[list[int]]) -> CellSystem:
    """With margins, sixteen cells; of these those below five are sensitive."""
    values = with_margins(np.array(leaves)).ravel()
    cells = np.arange(16).reshape(4, 4)
    relations = Relations()
    relations.add(cells[:, 3], cells[:, :3], implied=False)
    relations.add(cells[3], cells[:3].T, implied=False)
    starts, members, remainder, implied = relations.build(values)
    none = np.zeros(16, dtype=np.int64)
    return CellSystem(
        values=values,
        printed=none == 0,
        at_least=none + 1,
        uses=none + 1,
        strata=np.where(cells % 4 == 3, 0, 1).ravel() + np.where(cells // 4 == 3, 0, 1).ravel(),
        sensitive=values < ENOUGH,
        reach=np.where(values < ENOUGH, ENOUGH, 0),
        starts=starts,
        members=members,
        remainder=remainder,
        implied=implied,
        remainder_sensitive=np.zeros(8, dtype=np.bool_),
        remainder_reach=np.zeros(8, dtype=np.int64),
        pairs=np.empty((0, 2), dtype=np.int64),
    )


def test_a_cell_that_is_proved_already_holds_up_no_other() -> None:
    system = three_by_three([[2, 20, 60], [20, 30, 50], [50, 60, 3]])
    evidence = Evidence(system, Demand(3, np.zeros(16, int)))
    boxes = BoxMoves(system, [Grid(np.arange(16).reshape(4, 4), (False, False))], evidence, furthest=100)
    blank = system.sensitive.copy()
    boxes.hide(np.array([0]), blank)
    assert evidence.unmet(np.array([0, 10])).tolist() == [False, True]
    boxes.hide(np.array([0, 10]), blank)
    assert not evidence.unmet(np.array([0, 10])).any()


def test_the_cheapest_box_is_taken() -> None:
    """Four by four; the box around cell 0 of the two cheapest partners is the one with 1 and 4."""
    system = three_by_three([[2, 20, 60], [20, 30, 50], [50, 60, 70]])
    none = np.zeros(16, dtype=np.int64)
    grid = Grid(np.arange(16).reshape(4, 4), (False, False))

    def hidden(system: CellSystem, grid: Grid = grid, candidates: int = 3) -> list[int]:
        evidence = Evidence(system, Demand(candidates, none))
        blank = system.sensitive.copy()
        BoxMoves(system, [grid], evidence, furthest=100).hide(np.array([0]), blank)
        moves_are_true(system, evidence, blank)
        return np.flatnonzero(blank).tolist()

    assert hidden(system) == [0, 1, 4, 5]
    # Where the box has room for too few values another is taken: 1 and 4 may fall by one.
    narrow = np.array([1, 19, 1, 1, 19, *[1] * 11])
    assert hidden(dataclasses.replace(system, at_least=narrow)) != [0, 1, 4, 5]
    # A cell that is known, or dear, is no corner.
    known = np.array([1, 21, *[1] * 14])
    assert 1 not in hidden(dataclasses.replace(system, at_least=known))
    assert 5 not in hidden(dataclasses.replace(system, own_prices=np.where(np.arange(16) == 5, 1e6, 1.0)))
    # Without sums to keep along an axis nothing is found by boxes.
    assert hidden(system, Grid(grid.cells, (True, False))) == [0]


@pytest.mark.parametrize("change", [4, 2, -1])
@pytest.mark.parametrize("seed", range(4))
def test_partners_let_a_cell_change_as_far_as_asked(seed: int, change: int) -> None:
    system, _ = sets_of(seed)
    evidence = Evidence(system, Demand(3, np.zeros(system.values.size, int)))
    repair = Repair(system, evidence, furthest=40)
    blank = system.sensitive.copy()
    asked = 0
    for target in np.flatnonzero(system.sensitive & (system.values + change >= system.at_least)).tolist():
        partners = repair.partners(target, change, blank, hops=2)
        if partners.size:
            asked += 1
            assert not blank[partners].any()
            blank[partners] = True
            assert change in seen_of(evidence, target)
            moves_are_true(system, evidence, blank)
    assert asked


def test_a_relation_is_repaired_by_its_rest() -> None:
    system, _ = sets_of(3, share=0.85)
    evidence = Evidence(system, Demand(3, np.zeros(system.values.size, int)))
    repair = Repair(system, evidence, furthest=40)
    blank = system.sensitive.copy()
    (row, *_) = np.flatnonzero(system.remainder_sensitive).tolist()
    target = row + system.values.size
    blank[repair.partners(target, 2, blank, hops=4)] = True
    assert 2 in seen_of(evidence, target)
    moves_are_true(system, evidence, blank)
    whole, part = system.members[system.starts[row] : system.starts[row + 1]].tolist()
    assert blank[[whole, part]].any()
    around = repair.whole_relations(target, blank, hops=1)
    assert {whole, part} <= set(around.tolist())
    assert set(around.tolist()) < set(repair.whole_relations(target, blank, hops=3).tolist())


def test_a_relation_whose_cells_are_all_known_has_no_partners() -> None:
    system, _ = sets_of(1)
    known = dataclasses.replace(system, at_least=system.values + 1)
    repair = Repair(known, Evidence(known, Demand(3, np.zeros(system.values.size, int))), furthest=40)
    nowhere = np.zeros(system.values.size, dtype=np.bool_)
    assert repair.partners(system.values.size, 2, nowhere, hops=2).tolist() == []


def test_as_many_are_opened_as_are_told() -> None:
    system, _ = sets_of(2)
    evidence = Evidence(system, Demand(3, np.zeros(system.values.size, int)))
    blank = np.ones(system.values.size, dtype=np.bool_)
    targets = np.concatenate([np.arange(blank.size), np.flatnonzero(system.remainder_sensitive) + blank.size])
    for cells, rows, matrix in components(system, blank, targets):
        ComponentProof(system, cells, rows, matrix, evidence=evidence, furthest=40).run(patient=True)
    opened = Opening(system, evidence, furthest=40).run(blank)
    assert opened == np.count_nonzero(~blank) > 0
    assert blank[system.sensitive].all()


def test_around_a_relation_are_its_cells_that_may_move() -> None:
    system, _ = sets_of(1)
    repair = Repair(system, Evidence(system, Demand(3, np.zeros(system.values.size, int))), furthest=40)
    nowhere = np.zeros(system.values.size, dtype=np.bool_)
    for row in (0, 5):
        cells = system.members[system.starts[row] : system.starts[row + 1]]
        assert repair.around(system.values.size + row, nowhere, hops=1).tolist() == sorted(cells.tolist())
    # One that everybody knows stays put, and so does one of many lines while it is open.
    first = int(system.members[0])
    known = dataclasses.replace(system, at_least=np.where(np.arange(nowhere.size) == first, system.values + 1, 1))
    repair = Repair(known, Evidence(known, Demand(3, np.zeros(nowhere.size, int))), furthest=40)
    assert first not in repair.around(nowhere.size, nowhere, hops=1)
    for uses, near in ((4, True), (5, False)):
        busy = dataclasses.replace(system, uses=np.where(np.arange(nowhere.size) == first, uses, 1))
        repair = Repair(busy, Evidence(busy, Demand(3, np.zeros(nowhere.size, int))), furthest=40)
        assert (first in repair.around(nowhere.size, nowhere, hops=3)) is near
        assert first in repair.around(nowhere.size, nowhere, hops=4)
        assert first in repair.around(nowhere.size, np.arange(nowhere.size) == first, hops=1)

"""Programmes of moves, one by one: what is asked of the solver, how often, and what its answers prove. By hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import highspy
import numpy as np
import pytest
from scipy import sparse

from linkage_core.disclosure import opening, repair, witnesses
from linkage_core.disclosure.cell_system import CellSystem, Flags
from linkage_core.disclosure.components import components
from linkage_core.disclosure.evidence import Demand, Evidence
from linkage_core.disclosure.opening import Opening
from linkage_core.disclosure.witnesses import ComponentProof, new_solver, run_solver
from tests.support.small_systems import amounts, flags, system_of

ENDLESS = highspy.kHighsInf


@dataclass(frozen=True, slots=True)
class Programme:
    """What one run was asked."""

    cost: list[float]
    cells: list[tuple[float, float]]
    rows: list[tuple[float, float]]
    whole: bool


Asked = list[Programme]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    """All programmes, in the order in which they are run."""
    found: Asked = []

    def run(solver: highspy.Highs) -> np.ndarray | None:
        lp = solver.getLp()
        whole = any(kind == highspy.HighsVarType.kInteger for kind in lp.integrality_)
        cells = list(zip(lp.col_lower_, lp.col_upper_, strict=True))
        rows = list(zip(lp.row_lower_, lp.row_upper_, strict=True))
        found.append(Programme(list(lp.col_cost_), cells, rows, whole))
        return run_solver(solver)

    monkeypatch.setattr(witnesses, "run_solver", run)
    monkeypatch.setattr(repair, "run_solver", run)
    return found


def square(**fields: np.ndarray) -> CellSystem:
    """Cells 5 9 / 8 7 and their four margins; nobody is sure of less than 1. Cell 0 rises by 7 and falls by 4."""
    sums = [(4, (0, 1)), (5, (2, 3)), (6, (0, 2)), (7, (1, 3))]
    return system_of([5, 9, 8, 7, 14, 15, 13, 16], sums, at_least=np.ones(8, dtype=np.int64), **fields)


def thirds(**fields: np.ndarray) -> CellSystem:
    """Cell 0 is 1, 2 and 3 together, and any two of these are one less than some number that is printed.

    Cell 0 may rise by 1 1/2 at most, by a half in each part, and by 1 in whole numbers; it may not fall.
    """
    pairs = [(4, (1, 2)), (5, (2, 3)), (6, (1, 3))]
    own = {"at_least": amounts(7, {0: 6, 1: 2, 2: 2, 3: 2})} | fields
    return system_of([6, 2, 2, 2, 5, 5, 5], [(0, (1, 2, 3))], pairs, **own)


def proved(
    system: CellSystem,
    blank: Flags,
    only: int | None,
    *,
    candidates: int = 3,
    furthest: int = 100,
    patient: bool = False,
    spans: dict[int, int] | None = None,
) -> Evidence:
    """Look for proofs in all components of these blanks."""
    evidence = Evidence(system, Demand(candidates, amounts(system.values.size, spans or {})))
    targets = np.arange(system.values.size + system.remainder.size)
    for cells, rows, matrix in components(system, blank, targets):
        proof = ComponentProof(system, cells, rows, matrix, evidence=evidence, furthest=furthest, only=only)
        proof.run(patient=patient)
    return evidence


LEAVES = flags(8, 0, 1, 2, 3)


def ends(evidence: Evidence, name: int) -> tuple[int, int]:
    return int(evidence.low[name]), int(evidence.high[name])


def test_one_programme_shows_how_far_a_cell_rises_and_the_same_move_how_far_it_falls(asked: Asked) -> None:
    evidence = proved(square(), LEAVES, 0)
    assert ends(evidence, 0) == (-4, 7)
    assert ends(evidence, 1) == (-7, 4)
    (programme,) = asked
    assert programme.cost == [-1, 0, 0, 0]
    assert programme.cells == [(-4, 100), (-8, 100), (-7, 100), (-6, 100)]
    assert programme.rows == [(0, 0)] * 4
    assert not programme.whole


def test_no_cell_moves_further_than_asked(asked: Asked) -> None:
    evidence = proved(square(), LEAVES, 0, furthest=6)
    assert asked[0].cells == [(-4, 6), (-6, 6), (-6, 6), (-6, 6)]
    assert ends(evidence, 0) == (-4, 6)


def test_a_cell_that_cannot_rise_far_enough_is_given_up_at_once(asked: Asked) -> None:
    """It rises by 7: 12 is in reach, 13 is not, though there are values enough."""
    for reach, runs in ((12, 1), (13, 1)):
        asked.clear()
        evidence = proved(square(sensitive=flags(8, 0), reach=amounts(8, {0: reach})), LEAVES, 0, patient=True)
        assert evidence.unmet(np.array([0])).tolist() == [reach == 13]
        assert len(asked) == runs


def test_a_cell_whose_values_are_too_close_together_is_given_up_after_both_ends(asked: Asked) -> None:
    """From -4 to 7 it has twelve values; a width of 11 is shown by the first programme, one of 12 by none."""
    for candidates, spans, runs in ((3, {0: 11}, 1), (3, {0: 12}, 2), (40, {}, 2)):
        asked.clear()
        evidence = proved(square(), LEAVES, 0, candidates=candidates, spans=spans, patient=True)
        assert evidence.unmet(np.array([0])).tolist() == [runs == 2]
        assert [programme.cost[0] for programme in asked] == [-1, 1][:runs]
        assert not any(programme.whole for programme in asked)


def test_whole_numbers_are_asked_for_where_the_programme_gives_halves(asked: Asked) -> None:
    blank = flags(7, 0, 1, 2, 3)
    system = thirds(sensitive=flags(7, 0), reach=amounts(7, {0: 7}))
    hasty = proved(system, blank, 0, candidates=2)
    assert ends(hasty, 0) == (0, 0)
    assert [programme.whole for programme in asked] == [False, False]
    asked.clear()
    evidence = proved(system, blank, 0, candidates=2, patient=True)
    assert ends(evidence, 0) == (0, 1)
    assert [programme.whole for programme in asked] == [False, False, True]
    assert [programme.cost[0] for programme in asked] == [-1, 1, -1]
    assert asked[0].rows == [(0, 0), (-1, ENDLESS), (-1, ENDLESS), (-1, ENDLESS)]


def test_what_lies_next_to_the_true_value_is_asked_for_first(asked: Asked) -> None:
    """Without a reach: one more, one less, two more, two less, as far as values are missing."""
    evidence = proved(thirds(), flags(7, 0, 1, 2, 3), 0, candidates=2, patient=True)
    assert ends(evidence, 0) == (0, 1)
    assert [(programme.whole, programme.cells[0]) for programme in asked] == [
        (False, (0, 100)),
        (False, (0, 100)),
        (True, (0, 1)),
    ]
    # Where the parts fall by 1 the cell falls by 3, and its bounds are given back before the next target has its turn.
    asked.clear()
    loose = thirds(
        printed=flags(7, 0, 4, 5, 6),
        at_least=amounts(7, {1: 1, 2: 1, 3: 1}),
        remainder_sensitive=flags(4, 1),
        remainder_reach=amounts(4, {1: 9}),
    )
    evidence = proved(loose, flags(7, 0, 1, 2, 3), None, candidates=5, patient=True)
    assert [(one.whole, one.cost[0], one.cells[0]) for one in asked] == [
        (False, -1, (-6, 100)),
        (False, 1, (-6, 100)),
        (True, -1, (-1, 1)),
        (True, 1, (-1, 1)),
        (True, -1, (-2, 2)),
        (True, 1, (-2, 2)),
        (False, 0, (-6, 100)),
    ]
    assert ends(evidence, 0) == (-3, 1)


def test_a_remainder_is_asked_for_by_its_cells(asked: Asked) -> None:
    """Cell 7 is 3 more than cell 0, and cell 8 is 9 more: what one falls the other two remainders rise."""
    parts = [(4, (1, 2)), (5, (2, 3)), (6, (1, 3)), (7, (0,)), (8, (0,))]
    system = system_of(
        [6, 2, 2, 2, 5, 5, 5, 9, 15],
        [(0, (1, 2, 3))],
        parts,
        printed=~flags(9, 0, 1, 2, 3),
        at_least=amounts(9, {1: 1, 2: 1, 3: 1}),
        remainder_sensitive=flags(6, 4, 5),
        remainder_reach=amounts(6, {5: 13}),
    )
    evidence = proved(system, flags(9, 0, 1, 2, 3), None, candidates=5, patient=True)
    assert ends(evidence, 9 + 4) == (-1, 3)
    assert evidence.unmet(np.array([9 + 4, 9 + 5])).tolist() == [False, True]
    assert [(one.whole, one.cost) for one in asked] == [
        (False, [1, 0, 0, 0]),
        (False, [-1, 0, 0, 0]),
        (True, [1, 0, 0, 0]),
        (True, [-1, 0, 0, 0]),
        (True, [1, 0, 0, 0]),
        (False, [1, 0, 0, 0]),
    ]
    bounds = (-3.0, ENDLESS)
    assert [one.rows[4] for one in asked] == [bounds, bounds, (-1, 1), (-1, 1), (-2, 2), bounds]


def test_four_targets_or_more_are_moved_at_once(asked: Asked) -> None:
    evidence = proved(square(), LEAVES, None)
    assert not evidence.unmet(np.arange(4)).any()
    (programme,) = asked
    assert all(1 <= abs(cost) <= 2 for cost in programme.cost)
    asked.clear()
    evidence = proved(square(printed=~flags(8, 2)), LEAVES, None)
    assert not evidence.unmet(np.arange(4)).any()
    assert [programme.cost for programme in asked] == [[-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, -1]]


def test_only_what_must_be_hidden_is_a_target(asked: Asked) -> None:
    """A cell that no line shows is none, unless it is sensitive."""
    nowhere = np.zeros(8, dtype=np.bool_)
    proved(square(printed=nowhere), LEAVES, None)
    assert asked == []
    proved(square(printed=nowhere, sensitive=flags(8, 2)), LEAVES, None)
    assert [programme.cost for programme in asked] == [[0, 0, -1, 0]]


@pytest.mark.parametrize(("reach", "runs"), [(6, 1), (0, 2)])
def test_a_solver_without_an_answer_proves_nothing(monkeypatch: pytest.MonkeyPatch, reach: int, runs: int) -> None:
    times: list[object] = []
    monkeypatch.setattr(witnesses, "run_solver", times.append)
    evidence = proved(square(sensitive=flags(8, 0), reach=amounts(8, {0: reach})), LEAVES, 0, patient=True)
    assert ends(evidence, 0) == (0, 0)
    assert len(times) == runs


def test_a_solver_is_the_same_on_every_machine() -> None:
    one = np.ones(1)
    solver = new_solver(sparse.csr_array(np.ones((1, 1))), one, (0 * one, one), (2 * one, 5 * one))
    told = {
        name: solver.getOptionValue(name)[1]
        for name in ("output_flag", "threads", "random_seed", "solver", "simplex_strategy", "mip_rel_gap")
    }
    assert told == {
        "output_flag": False,
        "threads": 1,
        "random_seed": 1,
        "solver": "simplex",
        "simplex_strategy": highspy.simplex_constants.SimplexStrategy.kSimplexStrategyPrimal,
        "mip_rel_gap": 0.1,
    }
    assert run_solver(solver) is None  # a cell of 1 at most cannot be 2


def row(size: int, **fields: np.ndarray) -> CellSystem:
    """So many cells of 5 and their total, the last; cell 0 is sensitive and must be held possible up to 6."""
    own = {"sensitive": flags(size + 1, 0), "reach": amounts(size + 1, {0: 6})} | fields
    return system_of([*[5] * size, 5 * size], [(size, tuple(range(size)))], **own)


def left_of(system: CellSystem, *blanks: int) -> list[int]:
    """What stays blank of these cells."""
    blank = flags(system.values.size, *blanks)
    evidence = proved(system, blank, None, patient=True)
    before = int(np.count_nonzero(blank))
    assert Opening(system, evidence, furthest=100).run(blank) == before - np.count_nonzero(blank)
    return np.flatnonzero(blank).tolist()


def test_the_dearest_blank_is_opened_first() -> None:
    assert left_of(row(3, own_prices=np.array([9.0, 1, 2, 1])), 0, 1, 2) == [0, 1]
    assert left_of(row(3, own_prices=np.array([9.0, 2, 1, 1])), 0, 1, 2) == [0, 2]
    assert left_of(row(3, own_prices=np.array([9.0, 1, 1, 1])), 0, 1, 2) == [0, 2]


def pairs(*lines: tuple[int, int]) -> np.ndarray:
    return np.array(lines, dtype=np.int64)


def test_a_line_is_worth_what_both_its_blanks_are() -> None:
    """Cells 1 and 2 show in one line, cell 3 in its own; only one of the lines can be opened beside cell 0."""
    lines = pairs((0, 0), (2, 1), (3, 3), (4, 4))
    assert left_of(row(4, own_prices=np.array([9.0, 3, 3, 5, 1]), pairs=lines), 0, 1, 2, 3) == [0, 3]
    assert left_of(row(4, own_prices=np.array([9.0, 3, 3, 7, 1]), pairs=lines), 0, 1, 2, 3) == [0, 1, 2]
    # The open one of a line is worth nothing more.
    lines = pairs((0, 0), (1, 4), (2, 2), (3, 3))
    assert left_of(row(4, own_prices=np.array([9.0, 5, 5.5, 1, 8]), pairs=lines), 0, 1, 2) == [0, 1]
    assert left_of(row(4, own_prices=np.array([9.0, 6, 5.5, 1, 8]), pairs=lines), 0, 1, 2) == [0, 2]


def test_a_line_with_a_sensitive_cell_stays_blank() -> None:
    """Cells 0 and 1 show in one line: opening cell 1 alone would show nothing."""
    assert left_of(row(4, pairs=pairs((0, 1), (2, 2), (3, 3), (4, 4))), 0, 1, 2) == [0, 1]
    # What no line shows is not opened, for it is not shown.
    assert left_of(row(4, printed=~flags(5, 1), pairs=pairs((0, 0), (1, 2), (3, 3), (4, 4))), 0, 1, 2) == [0, 1, 2]


def test_a_blank_that_would_be_the_last_of_its_total_needs_no_solver(asked: Asked) -> None:
    system = row(3)
    blank = flags(4, 0, 1)
    evidence = proved(system, blank, None)
    asked.clear()
    assert Opening(system, evidence, furthest=100).run(blank) == 0
    assert asked == []
    # Of parts that leave a remainder the solver is asked, and finds that the last one may be several numbers.
    loose = system_of([5, 5, 20], [], [(2, (0, 1))], sensitive=flags(3, 0), reach=amounts(3, {0: 6}))
    assert left_of(loose, 0, 1) == [0]
    # A last one that no line shows is nothing to hide: here cell 1, once cell 0 is open.
    unseen = system_of([5, 5, 10], [(2, (0, 1))], printed=~flags(3, 1))
    assert left_of(unseen, 0, 1) == [1]


def test_no_more_is_solved_than_there_is_time_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two by two: its blanks cannot be done without, which a programme of two cells finds. Then there is a row."""
    sums = [(4, (0, 1, 8)), (5, (2, 3, 9)), (6, (0, 2)), (7, (1, 3)), (13, (10, 11, 12))]
    values = [5] * 4 + [15, 15, 10, 10] + [5] * 5 + [15]
    unseen = ~flags(14, 8, 9)
    prices = np.array([9.0] * 10 + [1.0] * 4)
    system = system_of(values, sums, sensitive=flags(14, 0, 10), printed=unseen, own_prices=prices)
    blanks = (0, 1, 2, 3, 8, 9, 10, 11, 12)
    assert 11 not in left_of(system, *blanks)
    solved = []
    monkeypatch.setattr(
        opening, "ComponentProof", lambda system, near, *rest, **own: solved.append(near.size) or Never()
    )
    assert left_of(system, *blanks) == list(blanks)


class Never:
    """No proof."""

    def run(self, *, patient: bool) -> None:
        assert patient


@dataclass(frozen=True, slots=True)
class Near:
    """What a proof around a target is made of."""

    cells: list[int]
    rows: list[int]
    only: int | None


def around(
    monkeypatch: pytest.MonkeyPatch, system: CellSystem, blank: Flags, moves: Callable[[Evidence], None]
) -> list[Near]:
    """The neighbourhoods of all that must be proved anew while blanks are opened."""
    found: list[Near] = []

    class Proof(ComponentProof):
        def __init__(self, system: CellSystem, cells: np.ndarray, rows: np.ndarray, matrix: object, **own: object):
            found.append(Near(cells.tolist(), rows.tolist(), own["only"]))
            super().__init__(system, cells, rows, matrix, **own)

    monkeypatch.setattr(opening, "ComponentProof", Proof)
    evidence = Evidence(system, Demand(3, amounts(system.values.size, {})))
    moves(evidence)
    Opening(system, evidence, furthest=100).run(blank)
    return found


@pytest.mark.parametrize("implied", [False, True])
def test_a_proof_looks_four_relations_far(monkeypatch: pytest.MonkeyPatch, *, implied: bool) -> None:
    """A chain of cells that are each the next one; cell 12 stands alone, and what is looked at leaned on it."""
    chain = [(cell, (cell + 1,)) for cell in range(11)]
    rests, own = (flags(11, 10), (12,)) if implied else (flags(11), (6, 12))
    sums, within = (chain[:5] + chain[6:], [chain[5]]) if implied else (chain, [])
    system = system_of(
        [5] * 13, sums, within, printed=flags(13, *own), sensitive=flags(13, *own[:-1]), remainder_sensitive=rests
    )
    target = 13 + 10 if implied else 6

    def moves(evidence: Evidence) -> None:
        evidence.record(np.array([target, 12]), np.array([1, 1]), (-1, 1, 2))

    near = around(monkeypatch, system, np.ones(13, dtype=np.bool_), moves)
    if implied:
        # Relations are numbered after the others where a remainder is left: that of 5 and 6 is the last.
        assert near == [Near(list(range(2, 10)), [1, 2, 3, 4, 5, 6, 7, 8, 10], target)]
    else:
        assert near == [Near(list(range(2, 11)), list(range(1, 11)), 6)]
    shown = np.ones(13, dtype=np.bool_)
    shown[4] = False
    assert 4 not in around(monkeypatch, system, shown, moves)[0].cells


@pytest.mark.parametrize(("parts", "whole"), [(399, True), (400, False)])
@pytest.mark.parametrize("implied", [False, True])
def test_a_proof_looks_at_four_hundred_cells_at_most(
    monkeypatch: pytest.MonkeyPatch, parts: int, *, whole: bool, implied: bool
) -> None:
    """Unless a relation itself has more: it is looked at whole."""
    total = [(0, tuple(range(1, parts + 1)))]
    size = parts + 2
    system = system_of(
        [parts, *[1] * parts, 5],
        [] if implied else total,
        total if implied else [],
        printed=flags(size, *([] if implied else [1]), size - 1),
        sensitive=flags(size, *([] if implied else [1])),
        remainder_sensitive=flags(1, *([0] if implied else [])),
    )
    target = size if implied else 1

    def moves(evidence: Evidence) -> None:
        evidence.record(np.array([target, size - 1]), np.array([1, 1]), (-1, 1, 2))

    (near,) = around(monkeypatch, system, np.ones(size, dtype=np.bool_), moves)
    assert near.cells == (list(range(parts + 1)) if whole or implied else [1])
    assert near.rows == [0]

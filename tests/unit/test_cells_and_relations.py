"""Cells and the sums that tie them: prices, unseen cells, groups, names, unions of blanks, by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from linkage.disclosure_policy import DisclosurePolicy, shipped_policies
from linkage.errors import InputRefused, NotFound
from linkage_core.counted_table import Dimension
from linkage_core.disclosure.blank_unions import cells_that_mend_unions
from linkage_core.disclosure.cell_names import CellName, flagged, names_of, number_of
from linkage_core.disclosure.cell_system import CellSystem, Relations
from linkage_core.disclosure.components import components
from linkage_core.disclosure.linked_cells import Numbered, number_cells
from linkage_core.disclosure.primary_rules import Contributions

SEX = Dimension("sex", ("man", "woman"))
AGE = Dimension("age", ("young", "middle", "old"))
WHOLE, A, B, C = range(4)


def system_of(
    values: list[int], *relations: tuple[int, list[int]], implied: bool = False, **fields: object
) -> CellSystem:
    """Cells with relations (whole, parts), all printed."""
    collected = Relations()
    for whole, parts in relations:
        collected.add(np.array([whole]), np.array([parts]), implied=implied)
    numbers = np.array(values, dtype=np.int64)
    starts, members, remainder, flags = collected.build(numbers)
    none = np.zeros(numbers.size, dtype=np.int64)
    system = CellSystem(
        values=numbers,
        printed=none == 0,
        at_least=none,
        uses=none + 1,
        strata=none + 2,
        sensitive=none > 0,
        reach=none,
        starts=starts,
        members=members,
        remainder=remainder,
        implied=flags,
        remainder_sensitive=np.zeros(remainder.size, dtype=np.bool_),
        remainder_reach=np.zeros(remainder.size, dtype=np.int64),
        pairs=np.empty((0, 2), dtype=np.int64),
    )
    return dataclasses.replace(system, **fields)  # type: ignore[arg-type]


def flags(*numbers: int, of: int = 4) -> np.ndarray:
    return np.isin(np.arange(of), numbers)


def test_remainders_are_wholes_without_their_parts() -> None:
    system = system_of([20, 5, 6, 4], (WHOLE, [A, B, C]), (WHOLE, [A]), implied=True)
    assert system.remainder.tolist() == [5, 15]
    assert system.signs.tolist() == [1, -1, -1, -1, 1, -1]
    assert system_of([15, 5, 6, 4], (WHOLE, [A, B, C])).remainder.tolist() == [0]


def test_parts_that_do_not_make_up_their_whole_are_refused() -> None:
    with pytest.raises(InputRefused, match="does not add up"):
        system_of([16, 5, 6, 4], (WHOLE, [A, B, C]))
    with pytest.raises(InputRefused, match="a part counts more persons than its whole"):
        system_of([4, 5, 6, 4], (WHOLE, [A]), implied=True)
    assert system_of([5, 5, 6, 4], (WHOLE, [A]), implied=True).remainder.tolist() == [0]


def test_a_table_without_relations_has_none() -> None:
    assert system_of([3, 4]).remainder.size == 0
    assert system_of([3, 4]).starts.tolist() == [0]


def test_totals_are_dearer_than_what_is_crossed_and_cells_of_more_lines_and_persons_too() -> None:
    strata = np.array([0, 1, 2, 3])
    assert system_of([10] * 4, strata=strata).prices.tolist() == [1500.0, 75.0, 15.0, 15.0]
    assert system_of([10, 20], uses=np.array([3, 1])).prices.tolist() == [45.0, 25.0]
    own = np.array([7.0, 8.0])
    assert system_of([10, 20], own_prices=own).prices.tolist() == [7.0, 8.0]


def test_the_cells_of_a_relation_are_all_its_members() -> None:
    system = system_of([9, 4, 5, 9], (WHOLE, [A, B]), (3, [A, B]))
    assert system.in_relations(np.array([True, False])).tolist() == [True, True, True, False]
    assert system.in_relations(np.array([False, True])).tolist() == [False, True, True, True]


def test_a_cell_that_no_line_shows_any_more_is_unseen_and_a_known_one_never() -> None:
    # Lines show A of B and B of C: without B neither A nor C is seen; with A alone lost B stays in its other line.
    pairs = np.array([[A, B], [B, C]])
    system = system_of([9, 4, 5, 9], pairs=pairs, printed=flags(A, B, C))
    assert system.unseen(flags(B)).tolist() == [False, True, True, True]
    assert system.unseen(flags(A)).tolist() == [False, True, False, False]
    known = dataclasses.replace(system, at_least=np.array([0, 5, 0, 0]))
    assert known.unseen(flags(B)).tolist() == [False, False, True, True]
    least = dataclasses.replace(system, at_least=np.array([0, 4, 0, 0]))
    assert least.unseen(flags(B)).tolist() == [False, True, True, True]


def test_unseen_cells_take_further_ones_with_them() -> None:
    pairs = np.array([[A, B], [B, C], [C, WHOLE]])
    chain = system_of([9, 4, 5, 9], pairs=pairs)
    assert chain.unseen(flags(A, C)).tolist() == [True, True, True, True]
    assert chain.unseen(flags(B)).tolist() == [False, True, True, False]


def test_without_lines_nothing_is_unseen() -> None:
    assert system_of([9, 4, 5, 9]).unseen(flags(A)).tolist() == [False, True, False, False]


def groups_of(
    system: CellSystem, blank: np.ndarray, targets: list[int]
) -> list[tuple[list[int], list[int], list[list[int]]]]:
    found = components(system, blank, np.array(targets))
    return [(cells.tolist(), rows.tolist(), matrix.toarray().astype(int).tolist()) for cells, rows, matrix in found]


def test_blanks_fall_apart_where_no_relation_joins_them() -> None:
    # 0 = 1 + 2 and 3 = 4 + 5: two groups; the signs are those of whole and parts.
    system = system_of([9, 4, 5, 7, 3, 4], (0, [1, 2]), (3, [4, 5]))
    blank = flags(0, 2, 4, 5, of=6)
    assert groups_of(system, blank, [2]) == [([0, 2], [0], [[1, -1]])]
    assert groups_of(system, blank, [5]) == [([4, 5], [1], [[-1, -1]])]
    assert groups_of(system, blank, [4, 5, 2]) == [([0, 2], [0], [[1, -1]]), ([4, 5], [1], [[-1, -1]])]
    # A relation is numbered after the cells; one without blanks has no group.
    assert groups_of(system, blank, [6 + 1]) == [([4, 5], [1], [[-1, -1]])]
    assert groups_of(system, flags(4, 5, of=6), [6, 7]) == [([4, 5], [1], [[-1, -1]])]


def test_a_blank_in_two_relations_joins_them() -> None:
    system = system_of([9, 4, 5, 9, 6], (0, [1, 2]), (3, [2, 1]), (4, [2]), implied=True)
    ((cells, rows, matrix),) = groups_of(system, flags(0, 2, 3, of=5), [3])
    assert (cells, rows) == ([0, 2, 3], [0, 1, 2])
    assert matrix == [[1, -1, 0], [0, -1, 1], [0, -1, 0]]


def numbered() -> Numbered:
    counts = np.arange(12).reshape(3, 4).astype(np.int64)
    return number_cells([("users", (SEX, AGE), counts), ("all", (), np.array(50))])


def test_every_cell_has_a_name_that_finds_it_again() -> None:
    cells = numbered()
    names = names_of(cells, "persons")
    assert len(set(names)) == cells.values.size == 13
    assert [number_of(name, cells) for name in names] == list(range(13))
    young_women = CellName("persons", "users", (("age", "young"), ("sex", "woman")))
    assert cells.values[number_of(young_women, cells)] == 4
    assert cells.values[number_of(CellName("persons", "users", (("sex", "man"),)), cells)] == 3
    assert cells.values[number_of(CellName("persons", "all"), cells)] == 50


@pytest.mark.parametrize(
    ("key", "at"),
    [
        ("nobody", ()),
        ("all", (("sex", "man"),)),
        ("users", (("sex", "other"),)),
        ("users", (("age", "young"), ("sex", "other"))),
        ("users", (("region", "north"),)),
    ],
)
def test_a_name_of_no_cell_is_not_found(key: str, at: tuple[tuple[str, str], ...]) -> None:
    with pytest.raises(NotFound):
        number_of(CellName("persons", key, at), numbered())


def test_names_of_the_other_kind_are_passed_over() -> None:
    cells = numbered()
    names = [CellName("persons", "all"), CellName("sum", "users")]
    all_, users = (number_of(CellName("persons", key), cells) for key in ("all", "users"))
    assert np.flatnonzero(flagged(names, "persons", cells)).tolist() == [all_]
    assert np.flatnonzero(flagged(names, "sum", cells)).tolist() == [users]
    elsewhere = [CellName("persons", "none"), CellName("sum", "none")]
    assert not flagged(elsewhere[:1], "sum", cells).any()
    assert not flagged(elsewhere[1:], "persons", cells).any()


def test_a_level_that_is_asked_for_by_two_strata_stands_where_both_are() -> None:
    cells = numbered()
    at = (("age", "old"), ("sex", "man"))
    assert number_of(CellName("persons", "users", at), cells) == cells.cube("users", ("sex", "age"))[0, 2]
    assert cells.cube("users", ("age", "sex"))[2, 0] == cells.cube("users", ("sex", "age"))[0, 2]


POLICY = DisclosurePolicy.model_validate(
    {**shipped_policies()["standard@1.0.0"].model_dump(), "minimum_contributors": 3, "p_percent": 10}
)


def given(**by_cell: dict[int, int]) -> Contributions:
    rows = [(int(cell[1:]), who, amount) for cell, own in by_cell.items() for who, amount in own.items()]
    cell, who, amount = np.array(rows, dtype=np.int64).T
    return Contributions(cell, who, amount)


def even(*who: int) -> dict[int, int]:
    return dict.fromkeys(who, 10)


def test_a_union_of_blanks_that_two_make_up_is_mended_with_the_cheapest_part() -> None:
    # 0 = 1 + 2 + 3 + 4; 1 and 2 are blank, and both are of companies 1 and 2. 4 is cheaper than 3.
    own = given(c0=even(*range(1, 9)), c1=even(1, 2), c2=even(1, 2), c3=even(3, 4, 5), c4=even(6, 7, 8))
    system = system_of([100, 20, 20, 30, 30], (0, [1, 2, 3, 4]), own_prices=np.array([1.0, 1.0, 1.0, 9.0, 5.0]))
    further, broken = cells_that_mend_unions(system, flags(1, 2, of=5), own, POLICY)
    assert (further.tolist(), broken.tolist()) == ([4], [0])
    # A part that everybody knows hides nothing.
    known = dataclasses.replace(system, at_least=np.array([0, 0, 0, 0, 31]))
    assert cells_that_mend_unions(known, flags(1, 2, of=5), own, POLICY)[0].tolist() == [3]
    least = dataclasses.replace(system, at_least=np.array([0, 0, 0, 0, 30]))
    assert cells_that_mend_unions(least, flags(1, 2, of=5), own, POLICY)[0].tolist() == [4]


def test_the_parts_of_a_union_are_blanked_until_it_passes_and_the_total_never() -> None:
    # One company more each: the union passes with both.
    own = given(c0=even(1, 2, 3, 4), c1=even(1), c2=even(1), c3=even(1, 2), c4=even(3, 4))
    system = system_of([60, 10, 10, 20, 20], (0, [1, 2, 3, 4]), own_prices=np.array([0.5, 1.0, 1.0, 5.0, 9.0]))
    assert cells_that_mend_unions(system, flags(1, 2, of=5), own, POLICY)[0].tolist() == [3, 4]
    known = dataclasses.replace(system, at_least=np.array([0, 0, 0, 0, 31]))
    assert cells_that_mend_unions(known, flags(1, 2, of=5), own, POLICY)[0].tolist() == [3]


def test_contributors_of_several_blanks_count_once_in_their_union() -> None:
    # Three companies give to each blank, and to their union too: it passes.
    own = given(c0=even(1, 2, 3, 4), c1=even(1, 2, 3), c2=even(1, 2, 3), c3=even(4))
    system = system_of([70, 30, 30, 10], (0, [1, 2, 3]))
    further, broken = cells_that_mend_unions(system, flags(1, 2), own, POLICY)
    assert (further.size, broken.size) == (0, 0)


@pytest.mark.parametrize(("blank", "implied"), [((1,), False), ((0, 1, 2), False), ((1, 2), True)])
def test_only_the_blank_parts_of_a_printed_whole_make_a_union(blank: tuple[int, ...], implied: bool) -> None:
    own = given(c0=even(1, 2, 3, 4, 5), c1=even(1), c2=even(1), c3=even(2, 3, 4))
    system = system_of([50, 10, 10, 30], (0, [1, 2, 3]), implied=implied)
    further, broken = cells_that_mend_unions(system, flags(*blank), own, POLICY)
    assert (further.size, broken.size) == (0, 0)

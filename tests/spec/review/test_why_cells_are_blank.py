"""What an officer is told of blanks, on tables that can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from linkage.disclosure_policy import DisclosurePolicy, shipped_policies
from linkage.errors import NotFound
from linkage_core.counted_table import CountedTable, Dimension, Line, PersonCube, Statistic, SumCube
from linkage_core.disclosure import protect
from linkage_core.disclosure.cell_names import CellName, number_of
from linkage_core.table_review.audit import audit
from linkage_core.table_review.losses import Loss, losses
from linkage_core.table_review.measures import measure
from linkage_core.table_review.reviewed_table import ReviewedTable, Rule, open_for_review
from linkage_core.table_review.witness import WitnessSearch

POLICY = shipped_policies()["standard@1.0.0"]
HOSPITAL, SEX = Dimension("hospital", ("Falun", "Mora")), Dimension("sex", ("man", "woman"))


def by_hospital_and_sex(counts: list[list[int]], *, policy: DisclosurePolicy = POLICY, by_hand=()) -> ReviewedTable:
    table = CountedTable(
        (PersonCube("population", (HOSPITAL, SEX), margins(counts)),),
        (),
        (),
        (Line("population", "", Statistic.PERSONS, ("hospital", "sex"), numerator_key="population"),),
    )
    protected = protect(table, policy, by_hand=by_hand)
    assert protected.hidden is not None
    return open_for_review(table, policy, protected.hidden, by_hand=by_hand)


def margins(counts: list[list[int]]) -> np.ndarray:
    rows = np.array(counts, np.int64)
    rows = np.concatenate([rows, rows.sum(axis=0, keepdims=True)])
    return np.concatenate([rows, rows.sum(axis=1, keepdims=True)], axis=1)


def rules(table: ReviewedTable, kind: str = "persons") -> dict[tuple[str, ...], Rule]:
    names = table.side(kind).names
    return {tuple(level for _, level in names[cell].at): rule for cell, rule in table.rules[kind].items()}


def at(table: ReviewedTable, *levels: str) -> int:
    named = tuple(zip(("hospital", "sex"), levels, strict=True))
    return number_of(CellName("persons", "population", named), table.persons.cells)


def test_one_small_cell_and_the_three_that_hold_it() -> None:
    table = by_hospital_and_sex([[40, 3], [60, 70]])
    assert rules(table) == {
        ("Falun", "woman"): Rule.SMALL_CELL,
        ("Falun", "man"): Rule.HOLDS_ANOTHER,
        ("Mora", "woman"): Rule.HOLDS_ANOTHER,
        ("Mora", "man"): Rule.HOLDS_ANOTHER,
    }


def test_a_witness_moves_the_four_corners_and_keeps_every_total() -> None:
    table = by_hospital_and_sex([[40, 3], [60, 70]])
    search = WitnessSearch(table.persons.system, table.persons.blank)
    found = search.change(at(table, "Falun", "woman"), 7)
    assert found is not None
    moved = {table.persons.names[cell].at: by for cell, by in zip(found.cells, found.by, strict=True)}
    assert {tuple(level for _, level in name): by for name, by in moved.items()} == {
        ("Falun", "woman"): 7,
        ("Falun", "man"): -7,
        ("Mora", "woman"): -7,
        ("Mora", "man"): 7,
    }
    # 3 cannot fall by 3: a reader knows that a hidden count is not zero, as zero is shown.
    assert search.change(at(table, "Falun", "woman"), -2) is not None
    assert search.change(at(table, "Falun", "woman"), -3) is None


def test_what_is_lost_is_counted_in_cells_and_persons() -> None:
    found = losses(by_hospital_and_sex([[40, 3], [60, 70]]))
    assert found.whole == Loss(9, 4, 4 * 173, 173)
    assert found.by_table == {
        (): Loss(1, 0, 173, 0),
        ("hospital",): Loss(2, 0, 173, 0),
        ("sex",): Loss(2, 0, 173, 0),
        ("hospital", "sex"): Loss(4, 4, 173, 173),
    }
    assert found.by_level["hospital", "Falun"] == Loss(3, 2, 86, 43)


def test_the_audit_holds_and_tells_one_cell_that_was_opened() -> None:
    table = by_hospital_and_sex([[40, 3], [60, 70]])
    assert audit(table).holds
    table.persons.blank[at(table, "Mora", "man")] = False
    told = audit(table)
    assert (told.unproved, told.open_although_sensitive) == (3, 0)
    table.persons.blank[at(table, "Falun", "woman")] = False
    assert audit(table).open_although_sensitive == 1


def test_a_cell_hidden_by_hand_gets_partners_and_its_own_rule() -> None:
    hand = (CellName("persons", "population", (("hospital", "Mora"), ("sex", "man"))),)
    table = by_hospital_and_sex([[40, 30], [60, 70]], by_hand=hand)
    assert rules(table).pop(("Mora", "man")) is Rule.HIDDEN_BY_HAND
    assert set(rules(table).values()) == {Rule.HIDDEN_BY_HAND, Rule.HOLDS_ANOTHER}
    assert len(rules(table)) == 4
    assert audit(table).holds


def test_a_cell_that_the_table_does_not_have_cannot_be_hidden() -> None:
    with pytest.raises(NotFound):
        by_hospital_and_sex(
            [[40, 30], [60, 70]], by_hand=(CellName("persons", "population", (("hospital", "Ystad"),)),)
        )


def test_a_full_class_and_its_zero_are_class_disclosure() -> None:
    policy = POLICY.model_copy(update={"class_disclosure": True})
    table = by_hospital_and_sex([[40, 0], [60, 70]], policy=policy)
    assert rules(table)["Falun", "man"] is Rule.CLASS_DISCLOSURE
    assert rules(table)["Falun", "woman"] is Rule.CLASS_DISCLOSURE


def test_sums_are_blank_for_few_contributors_and_where_contributors_are() -> None:
    persons = PersonCube("buyers", (HOSPITAL,), np.array([3, 90, 93]))
    sums = SumCube("cost", (HOSPITAL,), np.array([900, 9000, 9900]), 1, "buyers")
    lines = (
        Line("cost", "", Statistic.SUM, ("hospital",), sum_key="cost"),
        Line("buyers", "", Statistic.PERSONS, ("hospital",), numerator_key="buyers"),
    )
    table = CountedTable((persons,), (sums,), (), lines)
    hidden = protect(table, POLICY).hidden
    assert hidden is not None
    found = rules(open_for_review(table, POLICY, hidden), "sum")
    assert found[("Falun",)] is Rule.FEW_CONTRIBUTORS
    assert found[("Mora",)] is Rule.CONTRIBUTORS_HIDDEN


def test_measures_are_the_share_of_sensitive_cells_and_how_far_a_reader_gets() -> None:
    found = measure(by_hospital_and_sex([[40, 3], [60, 70]]))
    assert (found.cells, found.sensitive, found.margin) == (9, 1, 8)
    # The other woman is 12 in all, so that 3 may be 11 at most: one above the threshold of 10.
    assert measure(by_hospital_and_sex([[40, 3], [60, 9]])).margin == 1
    assert measure(by_hospital_and_sex([[40, 30], [60, 70]])).margin is None

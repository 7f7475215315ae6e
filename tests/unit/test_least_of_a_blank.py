"""What a reader knows a blank count to be at least: from the zero policy, and from who sent the persons."""

from __future__ import annotations

import numpy as np

from linkage.disclosure_policy import DisclosurePolicy, shipped_policies
from linkage_core.counted_table import CountedTable, Dimension, Line, PersonCube, Split, Statistic
from linkage_core.disclosure.person_cells import number_persons, person_system

STANDARD = shipped_policies()["standard@1.0.0"]
SEX = (Dimension("sex", ("man", "woman")),)


def least_of(policy: DisclosurePolicy, *, known: bool = True) -> tuple[int, set[int]]:
    """Of 100 persons, of whom 60 and 40 are users and others: of everybody, and of all other cells."""
    counts = {"population": [55, 45, 100], "users": [30, 30, 60], "others": [25, 15, 40]}
    table = CountedTable(
        tuple(PersonCube(key, SEX, np.array(persons, dtype=np.int64)) for key, persons in counts.items()),
        (),
        (Split("population", ("users", "population without users")),),
        tuple(Line(key, "", Statistic.PERSONS, ("sex",), numerator_key=key) for key in counts),
        persons_known=known,
    )
    cells = number_persons(table)
    at_least = person_system(table, cells, policy).at_least
    everybody = int(cells.blocks["population", ()].item())
    return int(at_least[everybody]), set(np.delete(at_least, everybody).tolist())


def test_where_zeros_are_printed_a_blank_is_at_least_one() -> None:
    assert least_of(STANDARD, known=False) == (1, {1})


def test_where_zeros_are_hidden_a_blank_may_be_one() -> None:
    assert least_of(STANDARD.model_copy(update={"zero_shown": False}), known=False) == (0, {0})
    # The zeros beside a full level are blank.
    assert least_of(STANDARD.model_copy(update={"class_disclosure": True}), known=False) == (0, {0})


def test_who_sent_the_persons_knows_their_number_whatever_adds_up_to_it() -> None:
    # More than they are: no blank of other cells is hidden by theirs.
    assert least_of(STANDARD) == (101, {1})
    assert least_of(STANDARD.model_copy(update={"zero_shown": False})) == (101, {0})

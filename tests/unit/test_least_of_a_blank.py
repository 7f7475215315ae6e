"""What a reader knows a blank count to be at least: from the zero policy, and from who sent the persons."""

from __future__ import annotations

import numpy as np

from linkage.disclosure_policy import DisclosurePolicy, shipped_policies
from linkage_core.counted_table import CountedTable, Dimension, Line, PersonCube, Split, Statistic
from linkage_core.disclosure.cell_system import CellSystem
from linkage_core.disclosure.person_cells import number_persons, person_system

STANDARD = shipped_policies()["standard@1.0.0"]
SEX = (Dimension("sex", ("man", "woman")),)


def system_of(policy: DisclosurePolicy, *splits: Split) -> tuple[CellSystem, int]:
    """The cells of 100 persons, of whom 60 and 40 are users and others; and the number of the cell of everybody."""
    counts = {"population": [55, 45, 100], "users": [30, 30, 60], "others": [25, 15, 40], "children": [0, 12, 12]}
    counts |= {"boys": [0, 5, 5], "girls": [0, 7, 7]}
    table = CountedTable(
        tuple(PersonCube(key, SEX, np.array(persons, dtype=np.int64)) for key, persons in counts.items()),
        (),
        splits,
        tuple(Line(key, "", Statistic.PERSONS, ("sex",), numerator_key=key) for key in counts),
    )
    cells = number_persons(table)
    return person_system(table, cells, policy), int(cells.blocks["population", ()].item())


def test_where_zeros_are_printed_a_blank_is_at_least_one() -> None:
    assert set(system_of(STANDARD)[0].at_least.tolist()) == {1}


def test_where_zeros_are_hidden_a_blank_may_be_one() -> None:
    hidden = STANDARD.model_copy(update={"zero_shown": False})
    assert set(system_of(hidden)[0].at_least.tolist()) == {0}
    # The zeros beside a full level are blank.
    classes = STANDARD.model_copy(update={"class_disclosure": True})
    assert set(system_of(classes)[0].at_least.tolist()) == {0}


def test_who_sent_the_persons_knows_their_number_where_all_of_it_is_shared_out() -> None:
    system, everybody = system_of(STANDARD, Split("population", ("users", "others")))
    # More than they are: no blank of other cells is hidden by theirs.
    assert system.at_least[everybody] == system.values[everybody] + 1 == 101
    assert set(np.delete(system.at_least, everybody).tolist()) == {1}


def test_a_set_of_some_that_is_shared_out_tells_nothing_of_everybody() -> None:
    system, everybody = system_of(STANDARD, Split("children", ("boys", "girls")))
    assert system.at_least[everybody] == 1


def test_a_set_with_a_rest_that_nobody_counts_is_not_shared_out() -> None:
    system, everybody = system_of(STANDARD, Split("population", ("users", "population without users")))
    assert system.at_least[everybody] == 1

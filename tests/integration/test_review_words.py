"""What officers read of blanks and in the queue, on tables that can be worked out by hand."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from linkage.errors import InputRefused, NotFound
from linkage_core.counted_table import CountedTable, Dimension, Line, PersonCube, Statistic
from linkage_server.reviews.cell_words import CellWords
from linkage_server.reviews.explained import ExplainedCell, explain_cell, hidden_cells, witnesses
from linkage_server.reviews.queue import queue, risk_of
from linkage_server.reviews.review_desk import OpenReview
from linkage_server.reviews.steps import named_steps
from linkage_server.storage.database import Database
from tests.support.databases import Clock
from tests.support.review_desks import ANNA, waiting_table

HOSPITAL, SEX = Dimension("hospital", ("Falun", "Mora")), Dimension("sex", ("man", "woman"))
FALUN_WOMEN = "persons of the population (Hospital: Falun, Sex: Women)"


def by_hospital_and_sex(falun: tuple[int, int], mora: tuple[int, int]) -> CountedTable:
    rows = np.array([falun, mora], np.int64)
    rows = np.concatenate([rows, rows.sum(axis=0, keepdims=True)])
    rows = np.concatenate([rows, rows.sum(axis=1, keepdims=True)], axis=1)
    line = Line("population", "", Statistic.PERSONS, ("hospital", "sex"), numerator_key="population")
    return CountedTable((PersonCube("population", (HOSPITAL, SEX), rows),), (), (), (line,))


@pytest.fixture
def opened(database: Database, tmp_path: Path) -> OpenReview:
    waiting = waiting_table(database, tmp_path / "home", counted=by_hospital_and_sex((40, 3), (60, 70)))
    return waiting.review.open(ANNA, waiting.order)


def small_cell(opened: OpenReview) -> ExplainedCell:
    return next(cell for cell in hidden_cells(opened, "en") if cell.rule == "small_cell")


def test_each_hidden_cell_tells_what_it_counts_where_it_stands_and_why(opened: OpenReview) -> None:
    told = {cell.where: cell for cell in hidden_cells(opened, "en")}
    assert set(told) == {
        "Hospital: Falun, Sex: Women",
        "Hospital: Falun, Sex: Men",
        "Hospital: Mora, Sex: Women",
        "Hospital: Mora, Sex: Men",
    }
    small = told["Hospital: Falun, Sex: Women"]
    assert (small.what, small.words, small.holds) == ("persons of the population", "1 to 9 persons are not shown", ())
    partner = told["Hospital: Falun, Sex: Men"]
    assert partner.words == "it keeps another hidden cell from being computed"
    assert partner.holds == (f"{small.mark} {FALUN_WOMEN}",)


def test_the_same_in_swedish(opened: OpenReview) -> None:
    told = explain_cell(opened, small_cell(opened).mark, "sv")
    assert (told.what, told.where) == ("personer i populationen", "Sjukhus: Falun, Kön: Kvinnor")
    assert told.words == "1 till 9 personer visas inte"
    (sentence,) = witnesses(opened, told.mark, "sv", counts=False)
    assert sentence.startswith("Allt som trycks vore detsamma med 1 person fler i den här cellen och samtidigt\n")
    assert "  1 person färre: detsamma, Sjukhus: Falun, Kön: Män;" in sentence


def test_a_witness_in_words_tells_differences_and_with_counts_the_numbers(opened: OpenReview) -> None:
    mark = small_cell(opened).mark
    (sentence,) = witnesses(opened, mark, "en", counts=False)
    assert sentence == (
        "Everything printed would be the same with 1 person more in this cell and, at the same time,\n"
        "  1 person fewer: the same, Hospital: Falun, Sex: Men;\n"
        "  1 person more: the same, Hospital: Mora, Sex: Men;\n"
        "  1 person fewer: the same, Hospital: Mora, Sex: Women."
    )
    numbers = witnesses(opened, mark, "en", counts=True)
    # 4, 2, 5 and 10: one more, one fewer, two more, and as many as are shown.
    assert [one.split(" with ")[1].split(" in ")[0] for one in numbers] == ["4", "2", "5", "10"]
    assert "  67: the same, Hospital: Mora, Sex: Men" in numbers[3]


def test_a_cell_that_is_shown_or_not_there_has_no_reason(opened: OpenReview) -> None:
    told = CellWords(opened, "en")
    shown = next(n for n in range(9) if n not in opened.table.rules["persons"])
    with pytest.raises(InputRefused, match="not hidden"):
        explain_cell(opened, told.mark("persons", shown), "en")
    with pytest.raises(NotFound):
        explain_cell(opened, "p99", "en")
    with pytest.raises(InputRefused, match="mark"):
        explain_cell(opened, "17", "en")


def test_steps_are_named_by_dimension_and_levels_left(opened: OpenReview) -> None:
    (step,) = named_steps(opened.counted, ["sex/0"], [])
    assert step.in_words() == "sex: left out"
    (step,) = named_steps(opened.counted, [], ["hospital: Falun + Mora = Dalarna"])
    assert step.in_words() == "hospital: Falun + Mora as Dalarna"
    for wrong in ("hospital: Falun = Dalarna", "hospital: Falun + Lund = Dalarna", "age: 1 + 2 = 3", "Falun + Mora"):
        with pytest.raises(InputRefused):
            named_steps(opened.counted, [], [wrong])
    with pytest.raises(InputRefused, match="sex/0"):
        named_steps(opened.counted, ["sex/1"], [])


def test_the_queue_has_the_riskiest_first_and_the_oldest_first_where_risk_is_equal(
    database: Database, clock: Clock, tmp_path: Path
) -> None:
    tables = {
        "nothing small": by_hospital_and_sex((40, 30), (60, 70)),
        "one small": by_hospital_and_sex((40, 3), (60, 70)),
        "one small, later": by_hospital_and_sex((40, 4), (60, 70)),
        "two small and close": by_hospital_and_sex((40, 3), (60, 9)),
    }
    names, desks = {}, None
    for title, counted in tables.items():
        waiting = waiting_table(database, tmp_path / "home", counted=counted, desks=desks)
        names[waiting.order], desks = title, waiting.desks
        clock.advance(timedelta(hours=1))
    found = queue(database, earlier_tables=lambda _: 0)
    assert [(names[one.order], one.sensitive_per_cent, one.margin, one.risk) for one in found] == [
        # 2 of 9 cells; the women are 12, so that 3 may be 11 at most: 1 above the threshold, 7 steps below 8.
        ("two small and close", 23, 1, 23 + 2 * 7),
        ("one small", 12, 8, 12),
        ("one small, later", 12, 8, 12),
        ("nothing small", 0, None, 0),
    ]
    last = next(order for order, title in names.items() if title == "nothing small")
    told = queue(database, earlier_tables=lambda order_id: 3 if last.endswith(order_id) else 0)
    assert [names[one.order] for one in told][:2] == ["two small and close", "nothing small"]
    assert risk_of(0, 3, None) == 15

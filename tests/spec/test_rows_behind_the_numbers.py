"""What the rows behind an indicator were leaves with it, as shares, and identifies nobody.

Anna's packages last 28 days by the register, Berta's are not told, so a fixed number of days serves hers; Cesar's are
cut at the cap, and one of his rows is reversed.
"""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import pytest

from linkage.disclosure_policy import shipped_policies
from linkage.released_table import ReleasedTable, RowShare
from linkage_core.count_block import count_block
from linkage_core.counted_table import CountedTable, Line, PersonCube, RowParts, Statistic
from linkage_core.disclosure import from_bytes, protect, to_bytes
from linkage_core.disclosure.row_shares import shares
from linkage_core.finish_counts import finish
from linkage_core.grids import counting_plan
from linkage_core.indicators import evaluate
from linkage_server.release.csv_file import csv_files
from linkage_server.release.released import release
from linkage_server.release.wording import row_part, row_question
from tests.support.indicator_tables import drawn_set, lmed, population, register
from tests.support.released_example import example_context

POLICY = shipped_policies()["standard@1.0.0"]
PERSONS = ["anna", "berta", "cesar"]
ROWS = (
    "anna 0 C10AA05 1 28",
    "anna 28 C10AA05 1 28",
    "berta 0 C10AA05 1 -",
    "cesar 0 C10AA05 1 98",
    "cesar 98 C10AA05 1 98",
    "cesar 98 C10AA05 -1 98",
)
HEADER = """
[set]
id = "drawn"
version = "1.0.0"
[codes.statin]
atc_include = ["C10AA"]
[supply.given]
steps = ["days_supply", "fixed:30"]
cap_days = 90
[supply.short]
steps = ["days_supply", "fixed:30"]
cap_days = 20
"""
PDC = 'id = "pdc"\nkind = "proportion_of_days_covered"\ncodes = "statin"\nobserve = { from = 0, to = [90, 180] }\n'


def counted(supply: str, *, parts: int = 1) -> tuple[RowParts, ...]:
    """What is told of the rows, from one block of persons or several."""
    definition = drawn_set(f"{PDC}supply = {supply}\nthreshold = 0.8", header=HEADER)
    blocks = [PERSONS] if parts == 1 else [[name] for name in PERSONS]
    plan = counting_plan(population(PERSONS), [], age_on=None)
    merged = None
    for names in blocks:
        people = population(names)
        values = evaluate(definition, population=people, events={"lmed": lmed(names, *ROWS)}, data_until={})
        block = count_block(values, population=people, plan=plan)
        merged = block if merged is None else merged.merge(block)
    return finish(merged, plan).row_parts


def test_rows_are_told_once_an_indicator_by_step_cap_and_reversal():
    assert counted('"given"') == (
        RowParts("pdc", "", "supply", ("days_supply", "fixed:30", "no_step"), (3, 1, 0), (2, 1, 0)),
        RowParts("pdc", "", "cap", ("capped", "within"), (1, 3), (1, 2)),
        RowParts("pdc", "", "reversed_rows", ("matched", "unmatched"), (1, 0), (1, 0)),
    )


def test_each_supply_model_of_a_grid_is_told_for_itself():
    told = {(one.parameters, one.question): one.rows for one in counted('["given", "short"]')}
    assert told["supply=given", "cap"] == (1, 3)
    assert told["supply=short", "cap"] == (4, 0)


def test_blocks_of_persons_add_up():
    assert counted('["given", "short"]', parts=3) == counted('["given", "short"]')


def parts(rows: list[int], persons: list[int]) -> RowParts:
    return RowParts("pdc", "", "supply", tuple("abcdef"[: len(rows)]), tuple(rows), tuple(persons))


@pytest.mark.parametrize(
    ("rows", "persons", "told"),
    [
        # One per cent of 1,000 rows is 10 rows, the least that a policy of 10 persons lets be told apart.
        ([700, 300], [200, 100], [70, 30]),
        ([996, 4], [200, 3], [None, None]),
        ([600, 390, 10], [200, 150, 9], [60, None, None]),
        ([600, 400, 0], [200, 150, 0], [60, 40, 0]),
        ([990, 10, 0], [200, 9, 0], [None, None, None]),
        # What is there is never told as nothing, and never as all.
        ([99_980, 20], [9000, 12], [99, 1]),
        # Steps are coarser where rows are few: of 100 rows 10 %, of 60 rows 20 %.
        ([55, 45], [30, 30], [60, 50]),
        ([33, 27], [30, 27], [60, 40]),
        ([9, 9], [18, 18], [None, None]),
    ],
)
def test_a_share_of_few_persons_is_kept_back_and_so_is_what_would_tell_it(rows, persons, told):
    assert shares(parts(rows, persons), POLICY) == told


def test_whatever_is_kept_back_never_stands_alone():
    rng = np.random.default_rng(5)
    for _ in range(2000):
        persons = rng.choice([0, 1, 5, 9, 10, 30, 500], rng.integers(2, 6)).tolist()
        rows = [int(one * rng.integers(1, 9)) for one in persons]
        found = shares(parts(rows, persons), POLICY)
        hidden = [place for place, share in enumerate(found) if share is None]
        assert all(share is None for share, whose in zip(found, persons, strict=True) if 0 < whose < 10)
        if hidden and len(hidden) < len(found):
            assert len(hidden) > 1
            assert max(persons[place] for place in hidden) >= 10


def test_zero_is_kept_back_where_the_policy_says_so():
    strict = POLICY.model_copy(update={"zero_shown": False})
    assert shares(parts([600, 400, 0], [200, 150, 0]), strict) == [60, None, None]


def delivered() -> Any:
    everybody = PersonCube("population", (), np.array(300, np.int64))
    line = Line("pdc", "", Statistic.PERSONS, (), numerator_key="population")
    told = (parts([600, 390, 10], [200, 150, 9]), parts([0, 0], [0, 0]))
    return protect(CountedTable((everybody,), (), (), (line,), row_parts=told), POLICY)


def test_shares_travel_from_the_protected_table_to_the_delivery():
    content = to_bytes(delivered())
    again = from_bytes(content, sha256=hashlib.sha256(content).hexdigest())
    released = ReleasedTable.from_parquet(release(again).to_parquet())
    assert released.row_shares == (
        RowShare("pdc", "", "supply", "a", 60),
        RowShare("pdc", "", "supply", "b", None),
        RowShare("pdc", "", "supply", "c", None),
    )
    files = {file.path: file.content.decode() for file in csv_files(released, example_context())}
    assert files["rows.csv"].split("\r\n")[:3] == [
        "indicator,parameters,question,part,per_cent",
        "pdc,,supply,a,60",
        "pdc,,supply,b,NA",
    ]


def test_steps_read_as_words():
    assert row_question("supply") == "Rows"
    assert row_part("wtd:87") == "87 days of supply, from a waiting-time distribution"
    assert row_part("dosage_text:low") == "days of supply from the dosage text"
    assert row_part("no_step") == "days of supply not known"


def test_the_share_of_rows_whose_doses_are_known_is_told_beside_a_sum_of_them():
    rows = [
        {"person": name, "day": day, "atc": "C10AA05", "packages": 1.0, "ddd_per_package": ddd}
        for name, day, ddd in (("anna", 0, 28.0), ("anna", 30, None), ("berta", 3, 98.0), ("cesar", 5, 30.0))
    ]
    months = 'calendar = { from = 2020-01-01, until = 2020-03-01, step = "month" }'
    body = f'id = "doses"\nkind = "ddd"\ncodes = "statin"\n{months}'
    people = population(PERSONS)
    events = {"lmed": register(PERSONS, rows, date_column="dispensing_date")}
    values = evaluate(drawn_set(body, header=HEADER), population=people, events=events, data_until={})
    plan = counting_plan(people, [], age_on=None)
    told = finish(count_block(values, population=people, plan=plan), plan).row_parts
    assert told == (RowParts("doses", "", "ddd", ("told", "not_told"), rows=(3, 1), persons=(3, 1)),)
    assert (row_question("ddd"), row_part("not_told")) == ("Rows", "DDD not known: left out of the sum")

"""An order over a base and what came later equals the order over one whole load, whatever came when.

Corrections are rows of a later delivery with an earlier date: they must meet the row they cancel as if both had been
delivered together, also when it lies two deliveries back, and also after any compaction.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from linkage_server.registers.store import RegisterStore
from tests.support.indicator_tables import DAY_0, drawn_set, evaluated, outcome, population
from tests.support.register_loads import Line, events, load

PERSONS = ["anna", "bo", "cia"]
POPULATION = population(PERSONS)
IDS = dict(zip(PERSONS, POPULATION.hashed_ids.to_pylist(), strict=True))
SCHEMA = pa.schema(
    [
        pa.field("dispensing_date", pa.date32()),
        pa.field("atc", pa.string()),
        pa.field("packages", pa.int64(), metadata={b"scale": b"100"}),
        pa.field("days_supply", pa.int32()),
    ]
)
SET = drawn_set(
    'id = "pdc"\nkind = "proportion_of_days_covered"\ncodes = "statin"\nsupply = "given"\n'
    "observe = { from = 0, to = 90 }",
    'id = "rows"\nkind = "dispensings"\ncodes = "statin"\nobserve = { from = 0, to = 90 }',
    'id = "users"\nkind = "users"\ncodes = "statin"\nobserve = { from = 0, to = 90 }',
    'id = "start"\nkind = "initiation"\ncodes = ["statin", "asa"]\nwindow = { from = 0, to = [10, 30] }',
)
ROWS = st.tuples(
    st.sampled_from(PERSONS),
    st.integers(0, 25),
    st.sampled_from(["C10AA05", "C10AA01", "B01AC06"]),
    st.sampled_from([-2, -1, 1, 2, 3]),
    st.sampled_from([10, 30]),
)


def line(person: str, day: int, atc: str, packages: int, days_supply: int) -> Line:
    moment = DAY_0 + timedelta(days=day)
    return IDS[person], {"dispensing_date": moment, "atc": atc, "packages": 100 * packages, "days_supply": days_supply}


def answers(store: RegisterStore) -> dict[str, list[tuple[float | None, str]]]:
    found = evaluated(
        SET, population=POPULATION, lmed=events(store, list(IDS.values())), until={"lmed": DAY_0 + timedelta(days=400)}
    )
    return {name: outcome(value) for name, value in found.items()}


def loaded(folder: Path, deliveries: Sequence[Sequence[Line]]) -> RegisterStore:
    store = RegisterStore(folder)
    for number, lines in enumerate(deliveries):
        load(store, lines, name=str(number), schema=SCHEMA, date_column="dispensing_date")
    return store


@settings(max_examples=20, deadline=None)
@given(rows=st.lists(st.tuples(ROWS, st.integers(0, 3)), min_size=1, max_size=25), compacted_after=st.integers(0, 4))
@example(
    # Bought on day 5; two deliveries later the register takes it back, dated day 7, before what came in between.
    rows=[
        (("anna", 5, "C10AA05", 2, 30), 0),
        (("anna", 20, "C10AA05", 1, 30), 1),
        (("anna", 7, "C10AA05", -2, 30), 2),
    ],
    compacted_after=1,
)
@example(
    # A corrected row: the wrong one is reversed and the right one delivered, both on its own day, a month later.
    rows=[
        (("bo", 3, "C10AA05", 3, 30), 0),
        (("bo", 3, "C10AA05", -3, 30), 2),
        (("bo", 3, "C10AA01", 1, 10), 2),
    ],
    compacted_after=2,
)
def test_an_order_is_the_same_however_its_rows_were_delivered(
    rows: list[tuple[tuple[str, int, str, int, int], int]], compacted_after: int
) -> None:
    whole = [line(*row) for row, _ in rows]
    deliveries = [[line(*row) for row, delivery in rows if delivery == number] for number in range(4)]
    with tempfile.TemporaryDirectory() as name:
        expected = answers(loaded(Path(name, "whole"), [whole]))
        store = loaded(Path(name, "parts"), deliveries[:compacted_after])
        if compacted_after:
            store.compact("lmed")
        for number, lines in enumerate(deliveries[compacted_after:], compacted_after):
            load(store, lines, name=str(number), schema=SCHEMA, date_column="dispensing_date")
        assert answers(store) == expected
        store.compact("lmed")
        assert answers(store) == expected

"""Columns that are not as agreed are refused; plain tables become events by person and date."""

from __future__ import annotations

from datetime import date

import pyarrow as pa
import pytest

from linkage.errors import EventsRejected
from linkage_core.events import HASHED_ID, Population, RegisterPartition, events_from_table
from linkage_core.join import join_events
from tests.support.partitions import ids, partition, person

SCHEMA = pa.schema({"day": pa.date32(), "code": pa.string()})


def test_a_population_ascends_without_doubles() -> None:
    with pytest.raises(EventsRejected, match="row 2"):
        Population(ids([2, 1]))
    with pytest.raises(EventsRejected, match="row 3"):
        Population(ids([1, 2, 2]))


def test_a_population_has_one_value_a_person_in_each_column() -> None:
    with pytest.raises(EventsRejected, match="'sex' has 1 rows for 2 persons"):
        Population(ids([1, 2]), sex=pa.array([1], pa.uint8()))
    with pytest.raises(EventsRejected, match="'hospital'"):
        Population(ids([1]), strata={"hospital": pa.array(["a", "b"]).dictionary_encode()})


def test_ids_of_another_width_or_null_are_refused() -> None:
    with pytest.raises(EventsRejected, match="must be fixed_size_binary"):
        Population(pa.array([b"short"], pa.binary(5)))
    with pytest.raises(EventsRejected, match="row 2 is"):
        Population(pa.array([person(1), None], HASHED_ID))


def test_a_part_of_a_population_keeps_all_columns() -> None:
    part = Population(ids([1, 2, 3]), sex=pa.array([1, 2, 1], pa.uint8())).take([0, 2])
    assert part.hashed_ids.equals(ids([1, 3]))
    assert part.sex is not None
    assert part.sex.to_pylist() == [1, 1]


def test_a_plain_table_is_arranged_by_person_date_and_source_order() -> None:
    table = pa.table(
        {
            "who": pa.array(["b", "a", "z", "a", "b"]).dictionary_encode(),
            "day": [date(2024, 1, 9), None, date(2024, 1, 1), date(2024, 1, 2), date(2024, 1, 9)],
            "code": ["1", "2", "3", "4", "5"],
        }
    )
    events = events_from_table(table, person_column="who", person_order=pa.array(["a", "b", "c"]), date_column="day")
    assert events.rows["code"].to_pylist() == ["4", "2", "1", "5"]
    assert events.offsets.tolist() == [0, 2, 4, 4]
    assert events.found.tolist() == [True, True, False]
    assert "who" not in events.rows.schema.names


def test_without_a_date_rows_keep_the_tables_order() -> None:
    table = pa.table({"who": [2, 1, 2], "code": ["x", "y", "z"]})
    events = events_from_table(table, person_column="who", person_order=pa.array([1, 2]))
    assert events.rows["code"].to_pylist() == ["y", "x", "z"]


def test_chunks_with_dictionaries_of_their_own_become_one() -> None:
    parts = [pa.table({"who": [1], "code": pa.array([code]).dictionary_encode()}) for code in ("x", "y")]
    events = events_from_table(pa.concat_tables(parts), person_column="who", person_order=pa.array([1]))
    assert events.rows["code"].to_pylist() == ["x", "y"]
    assert isinstance(events.rows["code"], pa.DictionaryArray)


def test_a_table_without_the_person_column_is_refused() -> None:
    with pytest.raises(EventsRejected, match="no column 'who'"):
        events_from_table(pa.table({"x": [1]}), person_column="who", person_order=pa.array([1]))
    with pytest.raises(EventsRejected, match="without a person"):
        events_from_table(pa.table({"who": [1, None]}), person_column="who", person_order=pa.array([1]))


def test_segments_that_disagree_are_refused() -> None:
    one = partition([(person(1), {"day": date(2024, 1, 1), "code": "x"})], SCHEMA)
    other_type = partition(
        [(person(1), {"day": date(2024, 1, 1), "code": 1})], SCHEMA.set(1, pa.field("code", pa.int32()))
    )
    with pytest.raises(EventsRejected, match="'code' is string in an older segment and int32"):
        join_events(Population(ids([1])), [one, other_type])
    undated = RegisterPartition(one.keys_hi, one.keys_lo, one.offsets, one.rows)
    with pytest.raises(EventsRejected, match="different date columns"):
        join_events(Population(ids([1])), [one, undated])


@pytest.mark.parametrize("offsets", [[0, 9], [1, 0]])
def test_offsets_that_lead_outside_the_rows_are_refused(offsets: list[int]) -> None:
    one = partition([(person(1), {"day": date(2024, 1, 1), "code": "x"})], SCHEMA)
    broken = RegisterPartition(one.keys_hi, one.keys_lo, one.offsets.copy(), one.rows, "day")
    broken.offsets[:] = offsets
    with pytest.raises(EventsRejected, match="offsets"):
        join_events(Population(ids([1])), [broken])


def test_a_register_without_segments_finds_nobody() -> None:
    events = join_events(Population(ids([1, 2])), [])
    assert events.found.tolist() == [False, False]
    assert events.rows.num_rows == 0

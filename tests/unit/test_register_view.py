"""Segments that disagree are brought together where that is safe, and refused where it is not."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from linkage.errors import EventsRejected
from linkage_core.events import Population, RegisterPartition
from linkage_core.probe_plan import plan_probe
from linkage_core.register_columns import MOST_SHARED_TEXTS
from linkage_core.register_view import RegisterView
from linkage_core.row_filter import RowFilter
from tests.support.partitions import ids, partition, person

DAY = pa.field("day", pa.date32())
CODES = pa.dictionary(pa.uint16(), pa.string())


def segment(kind: pa.DataType, value: object, *, scale: bytes | None = None) -> RegisterPartition:
    field = pa.field("value", kind, metadata=None if scale is None else {b"scale": scale})
    return partition([(person(1), {"day": date(2024, 1, 1), "value": value})], pa.schema([DAY, field]))


def values(*segments: RegisterPartition) -> pa.Array:
    return RegisterView(segments).events(Population(ids([1]))).rows["value"]


def test_integers_that_a_newer_definition_widened_are_read_as_the_wider() -> None:
    column = values(segment(pa.int32(), -5), segment(pa.int64(), 2**40))
    assert column.type == pa.int64()
    assert column.to_pylist() == [-5, 2**40]


def test_texts_of_one_segment_and_codes_of_another_are_read_as_codes() -> None:
    column = values(segment(pa.string(), "x"), segment(CODES, "y"))
    assert column.type == pa.dictionary(pa.int32(), pa.string())
    assert column.to_pylist() == ["x", "y"]


def test_columns_of_another_scale_or_kind_are_refused() -> None:
    with pytest.raises(EventsRejected, match="1 units per whole in an older segment and 100"):
        values(segment(pa.int32(), 1), segment(pa.int32(), 100, scale=b"100"))
    with pytest.raises(EventsRejected, match="is int32 in an older segment and string"):
        values(segment(pa.int32(), 1), segment(pa.string(), "1"))


def test_more_texts_than_are_shared_are_numbered_among_the_rows_asked_for() -> None:
    texts = pa.array([f"text {number}" for number in range(MOST_SHARED_TEXTS + 1)])
    one = segment(CODES, "x")
    free = pa.DictionaryArray.from_arrays(pa.array([7], pa.uint32()), texts)
    rows = pa.RecordBatch.from_arrays([one.rows.column("day"), free], names=["day", "value"])
    column = values(replace(one, rows=rows), one)
    assert column.to_pylist() == ["text 7", "x"]
    assert len(column.dictionary) == 2


@pytest.mark.parametrize("kind", [CODES, pa.list_(CODES)])
@pytest.mark.parametrize("keep", [None, RowFilter("value", "x".__eq__)])
def test_a_code_without_a_text_is_refused(kind: pa.DataType, keep: RowFilter | None) -> None:
    one = segment(CODES, "x")
    broken: pa.Array = pa.DictionaryArray.from_arrays(pa.array([9], pa.uint8()), pa.array(["x"]), safe=False)
    if kind != CODES:
        broken = pa.ListArray.from_arrays(pa.array([0, 1], pa.int32()), broken)
    rows = pa.RecordBatch.from_arrays([one.rows.column("day"), broken], names=["day", "value"])
    with pytest.raises(EventsRejected, match=r"value|code"):
        RegisterView([replace(one, rows=rows)], keep=keep).events(Population(ids([1])))


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.list_(CODES), pa.list_(pa.string())])
@pytest.mark.parametrize("keep", [None, RowFilter("value", "x".__eq__)])
@pytest.mark.parametrize("damaged", [[0, 1 << 30], [-(1 << 30), 1], [1, 0]])
def test_a_list_or_a_text_that_leads_outside_its_values_is_refused(
    kind: pa.DataType, keep: RowFilter | None, damaged: list[int]
) -> None:
    one = segment(CODES, "x")
    offsets = np.array([0, 1], np.int64 if kind == pa.large_string() else np.int32)
    buffers, children = [None, pa.py_buffer(offsets)], []
    if pa.types.is_list(kind):
        children = [pa.array(["x"]).cast(kind.value_type)]
    else:
        buffers.append(pa.py_buffer(b"x"))
    column = pa.Array.from_buffers(kind, 1, buffers, children=children)
    rows = pa.RecordBatch.from_arrays([one.rows.column("day"), column], names=["day", "value"])
    view = RegisterView([replace(one, rows=rows)], keep=keep)
    assert view.events(Population(ids([1]))).rows["value"].to_pylist() == [["x"] if children else "x"]
    offsets[:] = damaged
    with pytest.raises(EventsRejected, match="column 'value': an offset leads outside"):
        view.events(Population(ids([1])))


def test_texts_in_a_list_that_lead_outside_are_refused() -> None:
    one = segment(CODES, "x")
    offsets = np.array([0, 1, 1], np.int32)
    texts = pa.Array.from_buffers(pa.string(), 2, [None, pa.py_buffer(offsets), pa.py_buffer(b"x")])
    lists = pa.ListArray.from_arrays(pa.array([0, 2], pa.int32()), texts)
    rows = pa.RecordBatch.from_arrays([one.rows.column("day"), lists], names=["day", "value"])
    offsets[2] = 1 << 30
    with pytest.raises(EventsRejected, match="column 'value': an offset leads outside"):
        RegisterView([replace(one, rows=rows)]).events(Population(ids([1])))


def test_a_filter_on_a_column_that_no_segment_has_keeps_nothing_but_finds_the_persons() -> None:
    events = RegisterView([segment(CODES, "x")], keep=RowFilter("atc", "x".__eq__)).events(Population(ids([1])))
    assert events.rows.num_rows == 0
    assert events.found.tolist() == [True]


def delivery(*persons_of_segments: range) -> list[RegisterPartition]:
    line = {"day": date(2024, 1, 1), "value": 1}
    schema = pa.schema([DAY, pa.field("value", pa.int32())])
    return [partition([(person(8 * number), line) for number in persons], schema) for persons in persons_of_segments]


def test_segments_that_part_the_ids_add_up_their_persons_and_deliveries_do_not() -> None:
    assert RegisterView(delivery(range(4), range(4, 7))).rows_a_person == 1
    later = delivery(range(3), range(3, 5))
    assert RegisterView([*delivery(range(4), range(4, 7)), *later]).rows_a_person == 12 / 7
    assert RegisterView(delivery(range(0, 6), range(2, 4), range(5, 7))).rows_a_person == 10 / 6
    assert RegisterView(delivery(range(0))).rows_a_person == 0


def test_whole_registers_are_merged_and_small_populations_probed() -> None:
    assert plan_probe(1_000_000, 1_000_000).method == "merge"
    assert plan_probe(1_000, 1_000_000).method == "probe"
    assert plan_probe(0, 0).seconds == 0

"""Columns in their narrowest exact type: how a segment holds them, and how a reader gets the logical values back.

    date32        uint16 days since the first day of the column, where they fit
    integers      the narrowest integer that holds them all
    codes         dictionary indices of one, two or four bytes, in lists too

What cannot be narrowed stays. A narrowed field says in its metadata what it stands for, so that a column without the
metadata, such as one of an older segment, reads as it is. Equal columns give equal bytes: null rows hold zero.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from linkage_core.dictionaries import is_code_list

TYPE = b"linkage.type"
BASE = b"linkage.base"

_SIGNED = (pa.int8(), pa.int16(), pa.int32(), pa.int64())
_UNSIGNED = (pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64())
_NARROWED = {str(kind): kind for kind in (pa.date32(), *_SIGNED, *_UNSIGNED)}
CODE = pa.int32()
"""Type of a dictionary's indices once they are read: any segment's codes fit, and kernels take them as they are."""


def narrow(column: pa.Array, field: pa.Field) -> tuple[pa.Array, pa.Field]:
    """The column as a segment holds it, with the field that tells what it stands for."""
    kind = column.type
    if pa.types.is_date32(kind):
        return _narrow_date(column, field)
    if pa.types.is_integer(kind):
        return _narrow_integer(column, field)
    if pa.types.is_dictionary(kind):
        codes = _narrow_codes(column)
        return codes, field.with_type(codes.type)
    if is_code_list(kind):
        lists = with_values(column, _narrow_codes(column.flatten()))
        return lists, field.with_type(lists.type)
    return column, field


def widen(column: pa.Array, field: pa.Field) -> pa.Array:
    """The logical values of a column, or of rows taken from it; the inverse of `narrow`."""
    kind = logical_field(field).type
    if column.type == kind:
        return column
    if pa.types.is_date32(kind):
        return pc.add(column.cast(pa.int32()), pa.scalar(base_of(field), pa.int32())).cast(kind)
    if pa.types.is_dictionary(kind):
        return pa.DictionaryArray.from_arrays(column.indices.cast(CODE), column.dictionary)
    if is_code_list(kind):
        values = column.flatten()
        return with_values(column, pa.DictionaryArray.from_arrays(values.indices.cast(CODE), values.dictionary))
    return column.cast(kind)


def base_of(field: pa.Field) -> int:
    """The day, since 1970-01-01, that a narrowed date column counts from; 0 for every other column."""
    return int((field.metadata or {}).get(BASE, b"0"))


def logical_field(field: pa.Field) -> pa.Field:
    """The field as readers see it, without the marks of narrowing."""
    metadata = dict(field.metadata or {})
    kind = _logical_type(field.type, metadata.pop(TYPE, b"").decode())
    metadata.pop(BASE, None)
    return pa.field(field.name, kind, field.nullable, metadata or None)


def logical_schema(schema: pa.Schema) -> pa.Schema:
    """The schema as readers see it."""
    return pa.schema([logical_field(field) for field in schema], metadata=schema.metadata)


def narrow_rows(rows: pa.RecordBatch) -> pa.RecordBatch:
    """All columns as a segment holds them."""
    pairs = [narrow(column, field) for column, field in zip(rows.columns, rows.schema, strict=True)]
    schema = pa.schema([field for _, field in pairs], metadata=rows.schema.metadata)
    return pa.RecordBatch.from_arrays([column for column, _ in pairs], schema=schema)


def widen_rows(rows: pa.RecordBatch) -> pa.RecordBatch:
    """The logical values of all columns."""
    columns = [widen(column, field) for column, field in zip(rows.columns, rows.schema, strict=True)]
    return pa.RecordBatch.from_arrays(columns, schema=logical_schema(rows.schema))


def with_values(lists: pa.ListArray, values: pa.DictionaryArray) -> pa.ListArray:
    """The lists with other values in them: those of `lists.flatten()`, which leaves out what lies outside a slice."""
    offsets = np.concatenate(([0], np.cumsum(pc.list_value_length(lists).fill_null(0)))).astype(np.int32)
    mask = lists.is_null() if lists.null_count else None
    return pa.ListArray.from_arrays(pa.array(offsets), values, mask=mask)


def _narrow_date(column: pa.Array, field: pa.Field) -> tuple[pa.Array, pa.Field]:
    bounds = pc.min_max(column.cast(pa.int32())).as_py()
    first, last = bounds["min"] or 0, bounds["max"] or 0
    if last - first > np.iinfo(np.uint16).max:
        return column, field
    days = pc.subtract(column.cast(pa.int32()), pa.scalar(first, pa.int32()))
    return _marked(days, field, pa.uint16(), base=first)


def _narrow_integer(column: pa.Array, field: pa.Field) -> tuple[pa.Array, pa.Field]:
    bounds = pc.min_max(column).as_py()
    least, most = bounds["min"] or 0, bounds["max"] or 0
    family = _SIGNED if least < 0 else _UNSIGNED
    kind = next(kind for kind in family if _holds(kind, least, most))
    if kind.bit_width >= column.type.bit_width:
        return column, field
    return _marked(column, field, kind)


def _holds(kind: pa.DataType, least: int, most: int) -> bool:
    limits = np.iinfo(kind.to_pandas_dtype())
    return bool(limits.min <= least and most <= limits.max)


def _marked(
    column: pa.Array, field: pa.Field, kind: pa.DataType, *, base: int | None = None
) -> tuple[pa.Array, pa.Field]:
    metadata = dict(field.metadata or {}) | {TYPE: str(field.type).encode()}
    if base is not None:
        metadata[BASE] = str(base).encode()
    return _zero_where_null(column.cast(kind)), field.with_type(kind).with_metadata(metadata)


def _narrow_codes(column: pa.DictionaryArray) -> pa.DictionaryArray:
    values = len(column.dictionary)
    width = next(kind for kind in _UNSIGNED if values <= 1 << kind.bit_width)
    return pa.DictionaryArray.from_arrays(_zero_where_null(column.indices.cast(width)), column.dictionary, safe=False)


def _zero_where_null(numbers: pa.Array) -> pa.Array:
    if numbers.null_count == 0:
        return numbers
    filled = numbers.fill_null(0)
    return pa.Array.from_buffers(
        numbers.type, len(numbers), [numbers.is_valid().buffers()[1], filled.buffers()[1]], offset=0
    )


def _logical_type(kind: pa.DataType, named: str) -> pa.DataType:
    if named:
        return _NARROWED[named]
    if pa.types.is_dictionary(kind):
        return pa.dictionary(CODE, kind.value_type)
    if is_code_list(kind):
        return pa.list_(pa.dictionary(CODE, kind.value_type.value_type))
    return kind

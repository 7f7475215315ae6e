"""One dictionary for code columns that come from several segments.

Arrow keeps a dictionary with each chunk. Kernels want one buffer and one dictionary a column, also inside lists, so
chunks are renumbered into a common dictionary in order of first appearance.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc


def one_chunk(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """The column as one array with one dictionary."""
    if isinstance(column, pa.Array):
        return column
    return concatenate(column.chunks) if column.num_chunks else pa.array([], column.type)


def concatenate(arrays: Sequence[pa.Array]) -> pa.Array:
    """The arrays, which have one type up to the width of dictionary codes, one after the other."""
    if len(arrays) == 1:
        return arrays[0]
    kind = arrays[0].type
    if pa.types.is_dictionary(kind):
        return _with_common_dictionary(arrays)
    if pa.types.is_list(kind) and pa.types.is_dictionary(kind.value_type):
        return _lists_with_common_dictionary(arrays)
    return pa.concat_arrays(arrays)


def is_code_list(kind: pa.DataType) -> bool:
    """Whether a column holds a list of dictionary codes in each row."""
    return bool(pa.types.is_list(kind) and pa.types.is_dictionary(kind.value_type))


def narrow_codes(codes: pa.Array, values: pa.Array) -> pa.DictionaryArray:
    """A dictionary column whose codes are as narrow as the dictionary allows: uint16, else uint32."""
    width = pa.uint16() if len(values) <= 1 << 16 else pa.uint32()
    return pa.DictionaryArray.from_arrays(codes.cast(width), values, safe=False)


def without_idle_values(array: pa.DictionaryArray) -> pa.DictionaryArray:
    """The same rows with a dictionary of the values they use, where it is longer than the rows."""
    if len(array.dictionary) <= len(array):
        return array
    used = pc.unique(array.indices.drop_null())
    codes = pc.index_in(array.indices, value_set=used)
    codes = pc.if_else(array.indices.is_valid(), codes, None)
    return pa.DictionaryArray.from_arrays(codes, array.dictionary.take(used))


def _with_common_dictionary(arrays: Sequence[pa.DictionaryArray]) -> pa.DictionaryArray:
    first = arrays[0].dictionary
    if all(array.dictionary.equals(first) for array in arrays[1:]):
        codes = pa.concat_arrays([array.indices.cast(pa.uint32()) for array in arrays])
        return narrow_codes(codes, first)
    # A free-text column may have far more values in its segment than in the rows that were asked for.
    arrays = [without_idle_values(array) for array in arrays]
    values = pc.unique(pa.concat_arrays([array.dictionary for array in arrays]))
    renumbered = []
    for array in arrays:
        places = pc.index_in(array.dictionary, value_set=values)
        renumbered.append(places.take(array.indices).cast(pa.uint32()))
    return narrow_codes(pa.concat_arrays(renumbered), values)


def _lists_with_common_dictionary(arrays: Sequence[pa.ListArray]) -> pa.ListArray:
    values = _with_common_dictionary([array.flatten() for array in arrays])
    lengths = np.concatenate([_lengths(array) for array in arrays])
    offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int32)
    is_null = np.concatenate([array.is_null().to_numpy(zero_copy_only=False) for array in arrays])
    return pa.ListArray.from_arrays(pa.array(offsets), values, mask=pa.array(is_null) if is_null.any() else None)


def _lengths(array: pa.ListArray) -> npt.NDArray[np.int64]:
    return np.asarray(pc.list_value_length(array).fill_null(0), np.int64)

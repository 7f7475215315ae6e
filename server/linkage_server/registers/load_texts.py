"""Distinct texts of a load: each run numbers its own in alphabetical order, and in the end all runs agree.

So no dictionary grows while rows come in. A column of free texts may have tens of millions of them: they are then
merged a range of the alphabet at a time, from mapped files into mapped files.
"""

from __future__ import annotations

import bisect
import secrets
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from linkage.errors import EventsRejected
from linkage_server.registers.load_columns import Flags, absent_of

Codes = npt.NDArray[np.uint32]

TEXTS_AT_ONCE = 1 << 20
LARGEST_TEXTS = (1 << 31) - 1


def number_texts(columns: Sequence[pa.Array]) -> tuple[pa.StringArray, list[tuple[Codes, Flags | None]]]:
    """The distinct texts that occur, in alphabetical order, and for each column its texts' places among them."""
    encoded = [_encoded(column) for column in columns]
    dictionaries: list[pa.StringArray] = []
    for column in encoded:
        if not dictionaries or not column.dictionary.equals(dictionaries[-1]):
            dictionaries.append(column.dictionary)
    texts = pc.unique(pa.concat_arrays(dictionaries)) if dictionaries else pa.array([], pa.string())
    places = [_places(column, texts) for column in encoded]
    uses = np.zeros(len(texts), np.bool_)
    for column, codes in zip(encoded, places, strict=True):
        uses[codes if not column.null_count else codes[column.is_valid().to_numpy(zero_copy_only=False)]] = True
    # A text of an idle entry, perhaps of a row that was refused, must not reach the store.
    used = np.flatnonzero(uses)
    kept = texts.take(pa.array(used)) if len(used) < len(texts) else texts
    alphabetical = pc.array_sort_indices(kept)
    ranks = np.zeros(max(1, len(texts)), np.uint32)
    ranks[used[alphabetical.to_numpy()]] = np.arange(len(used), dtype=np.uint32)
    numbered = [(ranks[codes], absent_of(column.indices)) for column, codes in zip(encoded, places, strict=True)]
    return kept.take(alphabetical), numbered


def merge_texts(runs: Sequence[pa.StringArray], folder: Path) -> tuple[pa.StringArray, list[Codes]]:
    """All texts of the runs in alphabetical order, and for each run the place of each of its texts among them.

    Args:
        runs: distinct texts of each run, in alphabetical order.
        folder: where large results are kept, to be removed by the caller.

    Raises:
        EventsRejected: the distinct texts are 2 GiB or more, which one dictionary cannot hold.
    """
    if sum(map(len, runs)) <= TEXTS_AT_ONCE:
        merged = _merged(runs)
        return merged, [_found(run, merged) for run in runs]
    tables: list[Codes] = [_numbers_on_disk(folder, len(run)) for run in runs]
    ends_path, texts_path = (folder / f"texts-{secrets.token_hex(6)}" for _ in range(2))
    count = size = 0
    with ends_path.open("xb") as ends, texts_path.open("xb") as texts:
        ends.write(bytes(4))
        for pieces in _ranges(runs):
            merged = _merged([run.slice(first, last - first) for run, (first, last) in zip(runs, pieces, strict=True)])
            for table, run, (first, last) in zip(tables, runs, pieces, strict=True):
                table[first:last] = _found(run.slice(first, last - first), merged) + np.uint32(count)
            if size + merged.nbytes > LARGEST_TEXTS:
                raise EventsRejected(
                    "the distinct texts of one column are together 2 GiB or more.", mend="Load in several deliveries."
                )
            offsets = np.frombuffer(merged.buffers()[1], np.int32, len(merged) + 1, 4 * merged.offset)
            ends.write((offsets[1:] - offsets[0] + size).astype(np.int32))
            texts.write(memoryview(merged.buffers()[2] or b"")[offsets[0] : offsets[-1]])
            size += int(offsets[-1] - offsets[0])
            count += len(merged)
    buffers = [None, *(pa.memory_map(str(path)).read_buffer() for path in (ends_path, texts_path))]
    return pa.Array.from_buffers(pa.string(), count, buffers, null_count=0), tables


def _encoded(column: pa.Array) -> pa.DictionaryArray:
    """Texts with a dictionary of plain strings that holds no null."""
    if not pa.types.is_dictionary(column.type):
        return column.cast(pa.string()).dictionary_encode()
    if column.dictionary.null_count or len(column.dictionary) > len(column):
        return column.dictionary_decode().cast(pa.string()).dictionary_encode()
    return pa.DictionaryArray.from_arrays(column.indices, column.dictionary.cast(pa.string()), safe=False)


def _places(column: pa.DictionaryArray, texts: pa.StringArray) -> Codes:
    """Where the text of each row stands among `texts`; a null stands anywhere."""
    if len(texts) == 0:
        return np.zeros(len(column), np.uint32)
    indices = column.indices.fill_null(0) if column.null_count else column.indices
    if column.dictionary.equals(texts):
        return np.asarray(indices.cast(pa.uint32()))
    if len(column.dictionary) == 0:
        return np.zeros(len(column), np.uint32)
    codes: Codes = _found(column.dictionary, texts)[indices.to_numpy()]
    return codes


def _found(texts: pa.StringArray, among: pa.StringArray) -> Codes:
    return np.asarray(pc.index_in(texts, value_set=among), np.uint32)


def _merged(runs: Sequence[pa.StringArray]) -> pa.StringArray:
    if all(run.equals(runs[0]) for run in runs[1:]):
        return runs[0]
    texts = pc.unique(pa.concat_arrays(runs))
    return texts.take(pc.array_sort_indices(texts))


def _ranges(runs: Sequence[pa.StringArray]) -> list[list[tuple[int, int]]]:
    """Where the runs are cut so that a range of the alphabet holds about TEXTS_AT_ONCE of their texts."""
    cuts = sum(map(len, runs)) // TEXTS_AT_ONCE
    # Every run is sampled evenly, so the samples are spread like the texts themselves.
    step = max(1, TEXTS_AT_ONCE // 64)
    samples = sorted(run[place].as_py().encode() for run in runs for place in range(step // 2, len(run), step))
    splitters = [samples[number * len(samples) // (cuts + 1)] for number in range(1, cuts + 1)] if samples else []
    places = [[0, *(_place(run, splitter) for splitter in splitters), len(run)] for run in runs]
    return [[(cut[number], cut[number + 1]) for cut in places] for number in range(len(splitters) + 1)]


def _place(run: pa.StringArray, splitter: bytes) -> int:
    # Bytes, not characters: Arrow sorts by them.
    return bisect.bisect_left(range(len(run)), splitter, key=lambda place: run[place].as_py().encode())


def _numbers_on_disk(folder: Path, count: int) -> Codes:
    path = folder / f"places-{secrets.token_hex(6)}"
    if count == 0:
        return np.zeros(0, np.uint32)
    return np.memmap(path, np.uint32, "w+", shape=(count,))

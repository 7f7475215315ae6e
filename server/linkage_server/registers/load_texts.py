"""Distinct texts of a load: each run numbers its own in alphabetical order, and in the end all runs agree.

So no dictionary grows while rows come in. A column of free texts may have tens of millions of them: they are then
merged a range of the alphabet at a time, from mapped files into mapped files.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from linkage.errors import EventsRejected
from linkage_core.kernels.partition_rows import mark_used
from linkage_server.registers.load_columns import Flags, Numbers, absent_of, numbers_of
from linkage_server.registers.mapped_files import MappedFiles

Codes = npt.NDArray[np.uint32]

TEXTS_AT_ONCE = 1 << 18
LARGEST_TEXTS = (1 << 31) - 1


def number_texts(columns: Sequence[pa.Array]) -> tuple[pa.StringArray, list[tuple[Numbers, Flags | None, Codes]]]:
    """The distinct texts that occur, in alphabetical order; and of each column its codes, which of them are absent, and
    the place of each code's text among them.
    """
    encoded = [_encoded(column) for column in columns]
    dictionaries: list[pa.StringArray] = []
    which = []
    for column in encoded:
        if not dictionaries or not column.dictionary.equals(dictionaries[-1]):
            dictionaries.append(column.dictionary)
        which.append(len(dictionaries) - 1)
    coded = [(numbers_of(column.indices), absent_of(column.indices)) for column in encoded]
    used = [np.zeros(len(dictionary), np.uint8) for dictionary in dictionaries]
    for (codes, absent), number in zip(coded, which, strict=True):
        mark_used(codes, absent, used[number])
    texts, tables = _merged(dictionaries)
    uses = np.zeros(len(texts), np.bool_)
    for table, seen in zip(tables, used, strict=True):
        uses[table[seen.view(np.bool_)]] = True
    if not uses.all():
        # A text of an idle entry, perhaps of a row that was refused, must not reach the store.
        texts = texts.filter(pa.array(uses))
        renumbered: Codes = (np.cumsum(uses) - uses).astype(np.uint32)
        tables = [renumbered[table] for table in tables]
    return texts, [(codes, absent, tables[number]) for (codes, absent), number in zip(coded, which, strict=True)]


def merge_texts(runs: Sequence[pa.StringArray], files: MappedFiles) -> tuple[pa.StringArray, list[Codes]]:
    """All texts of the runs in alphabetical order, and for each run the place of each of its texts among them.

    Args:
        runs: distinct texts of each run, in alphabetical order.
        files: where large results are kept.

    Raises:
        EventsRejected: the distinct texts are 2 GiB or more, which one dictionary cannot hold.
    """
    if sum(map(len, runs)) <= TEXTS_AT_ONCE:
        return _merged(runs)
    tables: list[Codes] = [files.numbers(len(run), np.uint32) for run in runs]
    ends_path, texts_path = files.new_path(), files.new_path()
    count = size = 0
    with ends_path.open("xb") as ends, texts_path.open("xb") as texts:
        ends.write(bytes(4))
        for pieces in _ranges(runs):
            cut = [run.slice(first, last - first) for run, (first, last) in zip(runs, pieces, strict=True)]
            merged, places = _merged(cut)
            for table, (first, last), found in zip(tables, pieces, places, strict=True):
                table[first:last] = found + np.uint32(count)
            offsets = np.frombuffer(merged.buffers()[1], np.int32, len(merged) + 1, 4 * merged.offset)
            if size + int(offsets[-1] - offsets[0]) > LARGEST_TEXTS:
                raise EventsRejected(
                    "the distinct texts of one column are together 2 GiB or more.", mend="Load in several deliveries."
                )
            ends.write((offsets[1:] - offsets[0] + size).astype(np.int32).data)
            texts.write(memoryview(merged.buffers()[2] or b"")[offsets[0] : offsets[-1]])
            size += int(offsets[-1] - offsets[0])
            count += len(merged)
            files.let_go()
    buffers = [None, files.read(ends_path), files.read(texts_path)]
    return pa.Array.from_buffers(pa.string(), count, buffers, null_count=0), tables


def _encoded(column: pa.Array) -> pa.DictionaryArray:
    """Texts with a dictionary of plain strings that holds no null."""
    if not pa.types.is_dictionary(column.type):
        return column.cast(pa.string()).dictionary_encode()
    if column.dictionary.null_count or len(column.dictionary) > len(column):
        return column.dictionary_decode().cast(pa.string()).dictionary_encode()
    return pa.DictionaryArray.from_arrays(column.indices, column.dictionary.cast(pa.string()), safe=False)


def _merged(runs: Sequence[pa.StringArray]) -> tuple[pa.StringArray, list[Codes]]:
    """The distinct texts of all runs in alphabetical order, and where each run's are among them."""
    encoded = pa.concat_arrays(runs).dictionary_encode()
    alphabetical = pc.array_sort_indices(encoded.dictionary)
    ranks = np.empty(len(alphabetical), np.uint32)
    ranks[alphabetical.to_numpy()] = np.arange(len(alphabetical), dtype=np.uint32)
    places = ranks[encoded.indices.to_numpy()]
    ends = np.cumsum([len(run) for run in runs])
    return encoded.dictionary.take(alphabetical), np.split(places, ends[:-1])


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

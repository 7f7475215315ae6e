"""T5: days covered of everybody and prevalence, by county, age, sex and year; and the bytes that this must touch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial

import numpy as np
import pyarrow as pa

from benchmarks.scale.bench import Bench, Case, Task
from linkage_server.benchmark.benchmark_store import StoredRegister
from linkage_server.benchmark.questions import COVERED, GROUPS
from linkage_server.benchmark.results import OURS
from linkage_server.benchmark.rounds import Measured
from linkage_server.registers.store import RegisterStore

TITLE = "Proportion of 365 days covered and prevalence, everybody, by county, age, sex and year"
COLUMNS = ["dispensing_date", "atc", "packages", "ddd_per_package"]
OF_EVERY_ROW, OF_ROWS_OF_THE_GROUP = COLUMNS[:2], COLUMNS[2:]
ID_BYTES, ATTRIBUTE_BYTES = 16, 4 + 4 + 4 + 1  # index date, date of birth, county, sex


def _cases(bench: Bench) -> Iterator[Case]:
    for cold in bench.temperatures:
        case = bench.linking_case("nation", TITLE, persons=None, cold=cold)
        yield replace(case, notes=partial(_touched_words, bench))


def _touched_words(bench: Bench, sides: Mapping[str, Measured]) -> tuple[str, ...]:
    """The bytes that no answer can do without, by what they are, and how fast ours goes through them."""
    parts = touched_bytes(bench.data().register)
    every = sum(parts.values())
    speed, possible = every / sides[OURS].median, bench.bandwidth.read
    words = ", ".join(f"{what} {size / 1e6:,.0f} MB" for what, size in parts.items())
    return (
        f"Bytes that must be touched: {words}; in all {every / 1e6:,.0f} MB. Linkage goes through them at "
        f"{speed / 1e9:.2f} GB/s, {speed / possible:.0%} of the {possible / 1e9:.1f} GB/s at which two threads read.",
    )


def touched_bytes(register: StoredRegister) -> dict[str, int]:
    """Date and code of every row, amounts of the group's rows, and each person's id, place and attributes."""
    every = group = keys = offsets = persons = 0
    for partition in RegisterStore(register.folder).partitions(register.manifest(), columns=COLUMNS):
        rows = partition.rows
        every += rows.num_rows * sum(_width(rows.column(name)) for name in OF_EVERY_ROW)
        group += _rows_of_group(rows.column("atc")) * sum(_width(rows.column(name)) for name in OF_ROWS_OF_THE_GROUP)
        keys += partition.keys_hi.nbytes + partition.keys_lo.nbytes
        offsets += partition.offsets.nbytes
        persons += partition.persons
    return {
        "date and code of every row": every,
        "packages and DDD of the group's rows": group,
        "ids of the register": keys,
        "places of persons' rows": offsets,
        "ids and attributes of the population": persons * (ID_BYTES + ATTRIBUTE_BYTES),
    }


def _width(column: pa.Array) -> int:
    kind = column.type.index_type if pa.types.is_dictionary(column.type) else column.type
    return int(kind.bit_width // 8)


def _rows_of_group(codes: pa.DictionaryArray) -> int:
    belongs = [code.startswith(GROUPS[COVERED]) for code in codes.dictionary.to_pylist()]
    return int(np.array(belongs, np.bool_)[codes.indices.to_numpy()].sum())


TASK = Task("T5", TITLE, _cases)

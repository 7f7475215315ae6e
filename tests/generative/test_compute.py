"""A question answered block by block: the same table for any memory, blocks and threads, as of everybody at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage.errors import EventsRejected, StateConflict
from linkage_core import blocks
from linkage_core.aggregates import count_by
from linkage_core.compute import Computed, compute
from linkage_core.events import Population, RegisterPartition
from linkage_core.indicators import evaluate
from linkage_core.join import join_events
from linkage_core.question import Question
from linkage_core.register_view import RegisterView
from linkage_core.rounded_ratios import with_decimals
from tests.support.counted_tables import assert_same_table
from tests.support.indicator_tables import DAY_0, HEADER, drawn_set
from tests.support.partitions import ids, partition, person

DEFINITION = drawn_set(
    'id = "start"\nkind = "initiation"\ncodes = "statin"\nwindow = { from = 0, to = [30, 90] }\n'
    'denominator = ["all", "alive_at_N"]\nwashout = { from = -90, to = -1, effect = "stratify" }',
    'id = "covered"\nkind = "proportion_of_days_covered"\ncodes = "statin"\nsupply = "given"\n'
    "observe = { from = 0, to = 100 }\nthreshold = 0.5",
    'id = "users"\nkind = "users"\nstatistic = ["count", "per_1000"]\nrow_strata = ["atc:5"]\n'
    'calendar = { from = 2020-01-01, until = 2021-01-01, step = "quarter" }',
    'id = "stopped"\nkind = "time_to_discontinuation"\ncodes = "statin"\nsupply = "given"\ngap_days = [10, 30]\n'
    'follow_up_days = 200\ncensoring = ["plain", "strict"]\ncompeting = "none"',
    'id = "episodes"\nkind = "treatment_episodes"\ncodes = "statin"\nsupply = "given"\ngap_days = 30\nat_days = 60',
    'id = "changed"\nkind = "switch"\ncodes = "statin"\nsupply = "given"\ngap_days = 30',
    'id = "doses"\nkind = "dispensings"\ncodes = "statin"\n'
    'calendar = { from = 2020-01-01, until = 2021-01-01, step = "year" }',
    header=HEADER + '[exits]\ndeath = { register = "dors", date = "death_date" }\n',
)
QUESTION = Question(
    sets=[DEFINITION],
    by=[["hospital"], ["sex", "index:month"], ["hospital", "row:atc_5"]],
    row_dimensions=["atc:5"],
    data_until={},
)
CODE = pa.dictionary(pa.int16(), pa.string())
LMED = pa.schema(
    [
        pa.field("dispensing_date", pa.date32()),
        pa.field("atc", CODE),
        pa.field("packages", pa.int32(), metadata={b"scale": b"1"}),
        pa.field("days_supply", pa.int32()),
    ]
)
DORS = pa.schema([pa.field("death_date", pa.date32())])


def made_up(seed: int, *, persons: int, heaviest: int) -> tuple[Population, dict[str, list[RegisterPartition]]]:
    """A population, most of whom two registers know; one person may have very many rows."""
    rng = np.random.default_rng(seed)
    day_0 = np.datetime64(DAY_0, "D")

    def rows(part: int) -> Iterator[tuple[bytes, dict[str, Any]]]:
        for number in range(1, persons + 1):
            few = int(rng.integers(0, 4)) if number % 5 else 0
            for _ in range(heaviest if number == 3 and part == 0 else few):
                yield (
                    person(number),
                    {
                        "dispensing_date": (day_0 + int(rng.integers(-100, 400))).item(),
                        "atc": str(rng.choice(["C10AA05", "C10AA01", "B01AC06", "N02BE01"])),
                        "packages": int(rng.choice([1, 1, 2, -1])),
                        "days_supply": int(rng.integers(1, 100)),
                    },
                )

    dead = [
        (person(number), {"death_date": (day_0 + int(rng.integers(0, 300))).item()})
        for number in range(1, persons + 1)
        if rng.random() < 0.2
    ]
    hospitals = np.array(["A", "B", None], object)[rng.integers(0, 3, persons)]
    population = Population(
        ids(range(1, persons + 1)),
        index_date=pa.array(day_0.astype(np.int64) + rng.integers(0, 70, persons), pa.int32()).cast(pa.date32()),
        sex=pa.array(rng.integers(1, 3, persons), pa.uint8()),
        strata={"hospital": pa.array(hospitals, pa.string()).dictionary_encode()},
    )
    return population, {
        "lmed": [partition(list(rows(part)), LMED, date_column="dispensing_date") for part in (0, 1)],
        "dors": [partition(dead, DORS, date_column="death_date")],
    }


def answer(population: Population, registers: dict[str, list[RegisterPartition]], **how: Any) -> Computed:
    views = {name: RegisterView(partitions) for name, partitions in registers.items()}
    return compute(QUESTION, population=population, registers=views, **{"threads": 1, "memory_bytes": 1 << 30, **how})


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 1 << 32),
    persons=st.integers(0, 40),
    memory_bytes=st.sampled_from([1, 2_000, 20_000, 1 << 30]),
    threads=st.integers(1, 4),
    heaviest=st.sampled_from([0, 3, 300]),
)
def test_any_blocks_and_threads_answer_as_everybody_at_once(
    seed: int, persons: int, memory_bytes: int, threads: int, heaviest: int
) -> None:
    population, registers = made_up(seed, persons=persons, heaviest=heaviest)
    events = {name: join_events(population, partitions) for name, partitions in registers.items()}
    values = evaluate(DEFINITION, population=population, events=events, data_until={}, row_dimensions=["atc:5"])
    computed = answer(population, registers, memory_bytes=memory_bytes, threads=threads)
    told = [with_decimals(value) for value in values]
    assert_same_table(computed.counted, count_by(told, population=population, by=QUESTION.by))
    assert computed.persons_found == int((events["lmed"].found | events["dors"].found).sum())
    assert {name: touched.rows for name, touched in computed.touched.items()} == {
        name: joined.touched.rows for name, joined in events.items()
    }


def test_less_memory_gives_more_blocks_and_the_same_answer() -> None:
    population, registers = made_up(1, persons=60, heaviest=2_000)
    whole, cut = answer(population, registers), answer(population, registers, memory_bytes=100_000)
    assert whole.blocks == 1
    assert cut.blocks > 2
    assert_same_table(whole.counted, cut.counted)


def test_a_block_whose_persons_have_far_more_rows_than_others_is_cut_again() -> None:
    population, registers = made_up(2, persons=30, heaviest=5_000)
    events = [join_events(population, partitions) for partitions in registers.values()]
    parts = blocks.heavy_parts(events, persons=30, memory_bytes=50_000)
    assert parts == [(0, 3), (3, 30)]


def test_progress_is_told_block_by_block_from_the_callers_thread() -> None:
    population, registers = made_up(3, persons=40, heaviest=0)
    told: list[tuple[int, int]] = []

    def report(done: int, of: int) -> None:
        assert threading.current_thread() is threading.main_thread()
        told.append((done, of))

    computed = answer(population, registers, memory_bytes=20_000, threads=3, report=report)
    assert told == [(number, computed.blocks) for number in range(1, computed.blocks + 1)]


@pytest.mark.parametrize("threads", [1, 3])
def test_what_a_turn_raises_ends_the_run_and_no_more_blocks_begin(threads: int) -> None:
    population, registers = made_up(4, persons=40, heaviest=0)
    begun: list[int] = []

    @contextmanager
    def turn() -> Iterator[None]:
        begun.append(1)
        if len(begun) >= 4:
            raise StateConflict("the order was withdrawn.")
        yield

    with pytest.raises(StateConflict, match="withdrawn"):
        answer(population, registers, memory_bytes=1, threads=threads, turn=turn)
    assert len(begun) <= 4 + 2 * threads


def test_what_report_raises_ends_the_run() -> None:
    population, registers = made_up(5, persons=40, heaviest=0)

    def report(done: int, _of: int) -> None:
        if done == 2:
            raise StateConflict("the order was withdrawn.")

    with pytest.raises(StateConflict, match="withdrawn"):
        answer(population, registers, memory_bytes=1, threads=2, report=report)


def test_a_refusal_in_a_block_is_the_runs() -> None:
    population, registers = made_up(6, persons=40, heaviest=0)
    with pytest.raises(EventsRejected, match="needs the register 'lmed'"):
        answer(population, {"dors": registers["dors"]}, memory_bytes=1, threads=3)


@pytest.mark.parametrize(
    ("persons", "memory_bytes", "threads", "expected"),
    [
        (100, 1 << 30, 2, 100),
        (32_767, 1 << 30, 2, 32_767),
        (32_768, 1 << 30, 2, 16_384),
        (100_000, 1 << 34, 16, 33_334),
        (400_000, 1 << 30, 1, 200_000),
        (100_000, 1 << 30, 2, 50_000),
        (560_000, 1 << 30, 2, 140_000),
        (1_000_000, 1, 2, 1),
        (0, 1 << 30, 2, 1),
    ],
)
def test_blocks_fit_into_the_memory_and_are_shared_out_evenly(
    persons: int, memory_bytes: int, threads: int, expected: int
) -> None:
    size = blocks.block_size(persons=persons, rows_a_person=15, values=24, memory_bytes=memory_bytes, threads=threads)
    assert size == expected

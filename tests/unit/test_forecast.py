"""What a run is expected to touch: checked by hand on made-up manifests; nothing is ever looked up."""

from __future__ import annotations

from datetime import date

import pytest

from linkage.register_variable import LocalizedText
from linkage_server.registers.manifest import Delivery, FileRecord, Manifest, Segment
from linkage_server.runs.expected_memory import plan_blocks
from linkage_server.runs.expected_time import COMPUTING, RunSize, calibrate, seconds_by_stage
from linkage_server.runs.forecast import RegisterForecast, forecast, segments_by_delivery
from linkage_server.runs.plan import PlannedRegister
from linkage_server.runs.rough import rough_bytes, rough_count, two_figures

REGISTER = PlannedRegister(
    name="lmed",
    title=LocalizedText(sv="Läkemedel", en="Drugs"),
    snapshot="a" * 64,
    definition_sha256="d",
    columns=("atc",),
    data_until=date(2026, 1, 31),
)


def segment(name: str, *, rows: int, persons: int) -> Segment:
    file = FileRecord(name="rows.arrow", bytes=8 * rows, sha256="", tail_sha256="")
    first, last = date(2025, 1, 1), date(2025, 1, 31)
    return Segment(segment_id=name * 64, rows=rows, persons=persons, first_day=first, last_day=last, files=(file,))


def manifest(segments: list[Segment], deliveries: dict[str, int]) -> Manifest:
    return Manifest(
        register_name="lmed",
        definition_sha256="d",
        date_column="dispensing_date",
        pepper_version=1,
        deliveries=tuple(Delivery(name=name, content_sha256=name, rows=rows) for name, rows in deliveries.items()),
        segments=tuple(segments),
    )


def expected(of: Manifest, persons: int) -> RegisterForecast:
    return forecast(REGISTER, of, persons=persons, bytes_per_row={one.segment_id: 4.0 for one in of.segments})


def test_persons_have_the_mean_number_of_rows_and_segments_their_part_of_them() -> None:
    base = manifest(
        [segment("a", rows=3_000_000, persons=200_000), segment("b", rows=1_500_000, persons=100_000)],
        {"2025": 4_500_000},
    )
    found = expected(base, 30_000)
    assert (found.persons, found.rows) == (30_000, 450_000)
    assert [(one.persons_asked, one.rows) for one in found.told.segments] == [(20_000, 300_000), (10_000, 150_000)]
    # 20 bytes a lookup, 8 a person found, 4 a row.
    assert found.bytes == 30_000 * 28 + 450_000 * 4
    assert (found.told.bytes, found.told.bytes_held) == (rough_bytes(2_640_000), rough_bytes(36_000_000))


def test_a_month_holds_some_of_the_persons_only() -> None:
    with_month = manifest(
        [segment("a", rows=1_000_000, persons=100_000), segment("b", rows=20_000, persons=10_000)],
        {"2024": 1_000_000, "2025-01": 20_000},
    )
    found = expected(with_month, 50_000)
    base, month = found.told.segments
    # Everybody is looked up in both; a tenth has rows in the month.
    assert (base.persons_asked, month.persons_asked) == (50_000, 50_000)
    assert (base.rows, month.rows) == (500_000, 10_000)
    assert (base.deliveries, month.deliveries) == (("2024",), ("2025-01",))


def test_nobody_is_expected_twice_and_more_persons_than_there_are_find_all() -> None:
    base = manifest([segment("a", rows=1_000_000, persons=100_000)], {"2024": 1_000_000})
    found = expected(base, 10_000_000)
    assert (found.persons, found.rows, found.told.segments[0].method) == (100_000, 1_000_000, "merge")
    assert expected(base, 200).told.segments[0].method == "probe"


def test_an_empty_register_is_expected_to_give_nothing() -> None:
    found = expected(manifest([], {}), 1000)
    assert (found.persons, found.rows, found.bytes, found.told.segments) == (0, 0, 0, ())


@pytest.mark.parametrize(
    ("rows", "deliveries", "groups"),
    [
        # A delivery each; one delivery in two segments; all compacted into one.
        ([10, 5], {"a": 10, "b": 5}, [(("a",), 1), (("b",), 1)]),
        ([6, 4, 5], {"a": 10, "b": 5}, [(("a",), 2), (("b",), 1)]),
        ([15], {"a": 10, "b": 5}, [(("a", "b"), 1)]),
        # Compacted into two ranges of ids: both hold rows of both.
        ([8, 7], {"a": 10, "b": 5}, [(("a", "b"), 2)]),
        # Three deliveries compacted, then a new one.
        ([12, 3, 4], {"a": 10, "b": 4, "c": 1, "d": 4}, [(("a", "b", "c"), 2), (("d",), 1)]),
        # After an erasure the sums do not meet.
        ([9, 5], {"a": 10, "b": 5}, [(("a", "b"), 2)]),
    ],
)
def test_segments_are_told_by_the_deliveries_they_hold(
    rows: list[int], deliveries: dict[str, int], groups: list[tuple[tuple[str, ...], int]]
) -> None:
    held = manifest([segment("x", rows=count, persons=1) for count in rows], deliveries)
    assert [(names, len(segments)) for names, segments in segments_by_delivery(held)] == groups


def test_small_numbers_are_not_told() -> None:
    assert [rough_count(n) for n in (0, 99, 100, 12_345, 987_654)] == ["<100", "<100", "100", "12000", "990000"]
    assert (rough_bytes(1), rough_bytes(4096), rough_bytes(10_000_000)) == (4100, 4100, 10_000_000)
    assert two_figures(0.012345) == 0.012
    small = manifest([segment("a", rows=37, persons=17)], {"a": 37})
    told = expected(small, 100).told
    assert (told.rows, told.persons, told.segments[0].persons_held) == (100, 100, 100)


def by_rule(*, rows: float, blocks: int = 2, side_by_side: int = 1) -> dict[str, float]:
    size = RunSize(
        persons=1000,
        blocks=blocks,
        side_by_side=side_by_side,
        rows=rows,
        probe_seconds=0.001,
        columns=3,
        stocks=1,
        values=2,
        tables=3,
    )
    return seconds_by_stage(size)


def test_times_follow_the_rule() -> None:
    small, large, shared = by_rule(rows=1e4), by_rule(rows=1e8), by_rule(rows=1e8, side_by_side=2)
    assert large[COMPUTING] > 100 * small[COMPUTING]
    assert shared[COMPUTING] == large[COMPUTING] / 2
    assert {stage for stage in small if small[stage] != large[stage]} == {COMPUTING}
    # Each block has something of its own, however few its persons are.
    assert by_rule(rows=1e4, blocks=100)[COMPUTING] > 10 * small[COMPUTING]


def test_a_stage_is_calibrated_by_the_median_of_earlier_runs() -> None:
    rule = {"computing": 2.0, "protecting": 1.0}
    assert calibrate(rule, []) == rule
    earlier = [({"computing": 1.0}, {"computing": measured, "protecting": 9.0}) for measured in (2.0, 3.0, 100.0)]
    # Nothing was expected of the second stage then, so nothing is learnt about it.
    assert calibrate(rule, earlier) == {"computing": 6.0, "protecting": 1.0}


def test_a_run_is_split_for_want_of_memory_and_stays_below_it() -> None:
    def planned(memory_bytes: int) -> tuple[int, bool, bool]:
        plan = plan_blocks(persons=1_000_000, rows_a_person=20, values=10, threads=2, memory_bytes=memory_bytes)
        return plan.blocks, plan.split, plan.peak_bytes <= memory_bytes

    enough, scarce = planned(8 << 30), planned(64 << 20)
    assert enough[1:] == (False, True)
    assert scarce[1:] == (True, True)
    assert scarce[0] > 4 * enough[0]

"""What a run is expected to read of a register: from the snapshot's manifest and the size of the population alone.

Nothing is linked: a forecast that looked persons up would tell how many of them the register knows. Each person asked
for is taken to be in the register, with as many rows as its persons have on average.
"""

from __future__ import annotations

from dataclasses import dataclass

from linkage_core.probe_plan import plan_probe
from linkage_server.orders.explanation import ExplainedRegister, ExplainedSegment
from linkage_server.registers.manifest import Manifest, Segment
from linkage_server.runs.plan import PlannedRegister
from linkage_server.runs.rough import FEWEST, rough_bytes, two_figures

# What looking a person up reads: her key and her line of the directory, and where her rows begin and end.
BYTES_PER_ASKED = 20
BYTES_PER_FOUND = 8
_SHORT = 12


@dataclass(frozen=True, slots=True)
class RegisterForecast:
    """What is expected of one register: exact arithmetic for the planner, and the rough numbers that may be told."""

    persons: float
    rows: float
    bytes: float
    bytes_per_row: float
    probe_seconds: float
    told: ExplainedRegister


def forecast(
    register: PlannedRegister, manifest: Manifest, *, persons: int, bytes_per_row: dict[str, float]
) -> RegisterForecast:
    """What `persons` ids are expected to touch in a snapshot.

    Args:
        register: which columns are read.
        manifest: of the snapshot.
        persons: ids asked for.
        bytes_per_row: of the columns that are read, by segment id.
    """
    groups = segments_by_delivery(manifest)
    everybody = max((sum(one.persons for one in segments) for _, segments in groups), default=0)
    told, seconds, rows_read, bytes_read = [], 0.0, 0.0, 0.0
    for deliveries, segments in groups:
        held = sum(one.persons for one in segments)
        for one in (segment for segment in segments if segment.persons):
            # Ids are uniform: a segment is asked for its part of them, and holds its part of those in the register.
            asked = persons * one.persons / held
            found = min(persons / everybody, 1.0) * one.persons
            rows = found * one.rows / one.persons
            touched = BYTES_PER_ASKED * asked + BYTES_PER_FOUND * found + rows * bytes_per_row[one.segment_id]
            touched = min(touched, sum(file.bytes for file in one.files))
            plan = plan_probe(round(asked), one.persons)
            seconds, rows_read, bytes_read = seconds + plan.seconds, rows_read + rows, bytes_read + touched
            told.append(_segment(one, deliveries, asked=asked, rows=rows, touched=touched, method=plan.method))
    found_persons = float(min(persons, everybody))
    return RegisterForecast(
        persons=found_persons,
        rows=rows_read,
        bytes=bytes_read,
        bytes_per_row=bytes_read / rows_read if rows_read else 0.0,
        probe_seconds=seconds,
        told=ExplainedRegister(
            name=register.name,
            snapshot=register.snapshot,
            columns=register.columns,
            segments=tuple(told),
            rows=_count(rows_read),
            persons=_count(found_persons),
            bytes=rough_bytes(round(bytes_read)),
            bytes_held=rough_bytes(sum(file.bytes for one in manifest.segments for file in one.files)),
        ),
    )


def segments_by_delivery(manifest: Manifest) -> list[tuple[tuple[str, ...], list[Segment]]]:
    """Segments that hold the rows of the same deliveries, which parts the ids among them, oldest first.

    The manifest tells no segment's deliveries, but both stand in order and with their rows: where the sums meet, a
    group ends. Compacted segments hold many deliveries each; where the sums no longer meet, all is one group.
    """
    groups: list[tuple[tuple[str, ...], list[Segment]]] = []
    names: list[str] = []
    segments: list[Segment] = []
    deliveries, balance = iter(manifest.deliveries), 0
    for segment in manifest.segments:
        segments.append(segment)
        balance += segment.rows
        while balance > 0 and (delivery := next(deliveries, None)) is not None:
            names.append(delivery.name)
            balance -= delivery.rows
        if balance == 0:
            groups.append((tuple(names), segments))
            names, segments = [], []
    if segments:
        names += [delivery.name for delivery in deliveries]
        groups.append((tuple(names), segments))
    return groups


def _segment(
    one: Segment, deliveries: tuple[str, ...], *, asked: float, rows: float, touched: float, method: str
) -> ExplainedSegment:
    share = min(two_figures(100 * asked / one.persons), 100)
    return ExplainedSegment(
        segment=one.segment_id[:_SHORT],
        first_day=one.first_day,
        last_day=one.last_day,
        deliveries=deliveries,
        persons_asked=_count(asked),
        persons_held=_count(one.persons),
        method=method,
        reason=f"asked for {share:g} % of its persons, {method} is the cheapest by the measured cost of a lookup",
        rows=_count(rows),
        bytes=rough_bytes(round(touched)),
    )


def _count(number: float) -> int:
    """Two figures, and a hundred for what is fewer: a month's delivery may be of a few persons."""
    return round(two_figures(max(number, FEWEST))) if number else 0

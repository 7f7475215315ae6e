"""What a run of an order is expected to read and take, as the service tells it."""

from __future__ import annotations

from dataclasses import dataclass

from linkage.wire.v1 import orders_pb2
from linkage_client.connection import CALL_SECONDS, Connection
from linkage_client.orders import full_name


@dataclass(frozen=True, slots=True)
class ExplainedSegment:
    """One segment of a register; days are ISO 8601, "" where no row has a date.

    Args:
        deliveries: how many deliveries its rows come from.
        persons_asked, persons_held: ids that are looked up, and among how many.
        method, reason: how they are looked up, and why so.
        rows, bytes: what is expected to be read.
    """

    segment: str
    first_day: str
    last_day: str
    deliveries: int
    persons_asked: int
    persons_held: int
    method: str
    reason: str
    rows: int
    bytes: int


@dataclass(frozen=True, slots=True)
class ExplainedRegister:
    """One register, as if each person asked for were in it; `bytes_held` is what its snapshot has on disk."""

    name: str
    snapshot: str
    columns: tuple[str, ...]
    segments: tuple[ExplainedSegment, ...]
    rows: int
    persons: int
    bytes: int
    bytes_held: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """Estimates to two significant figures; the same for every population of this size.

    Args:
        persons: what they are made for: the population's size to two figures, at least a hundred.
        blocks: blocks of persons; several where one would not fit into the memory or keep all threads busy.
        threads: blocks computed at once.
        memory_bytes, memory_limit_bytes: what the run holds beside the mapped registers, and may hold.
        seconds: by stage, on a machine that does nothing else.
        earlier_runs: how many runs on the same machine the times are calibrated by.
        rule: how the numbers are made.
    """

    persons: int
    registers: tuple[ExplainedRegister, ...]
    blocks: int
    threads: int
    memory_bytes: int
    memory_limit_bytes: int
    seconds: dict[str, float]
    earlier_runs: int
    rule: str


async def explain_order(connection: Connection, order: str, *, persons: int = 0) -> Explanation:
    """Explain an order that was filed; `persons` stands for its population, and is needed while it has none."""
    return await _explain(
        connection, orders_pb2.ExplainOrderRequest(name=full_name(connection, order), persons=persons)
    )


async def explain_document(connection: Connection, document: str, *, persons: int) -> Explanation:
    """Explain an order file for a population of so many persons."""
    return await _explain(connection, orders_pb2.ExplainOrderRequest(document=document, persons=persons))


async def _explain(connection: Connection, request: orders_pb2.ExplainOrderRequest) -> Explanation:
    told = await connection.call(connection.orders.ExplainOrder(request, timeout=CALL_SECONDS))
    return Explanation(
        persons=told.persons,
        registers=tuple(_register(register) for register in told.registers),
        blocks=told.blocks,
        threads=told.threads,
        memory_bytes=told.memory_bytes,
        memory_limit_bytes=told.memory_limit_bytes,
        seconds={one.stage: one.seconds for one in told.stages},
        earlier_runs=told.earlier_runs,
        rule=told.rule,
    )


def _register(told: orders_pb2.ExplainedRegister) -> ExplainedRegister:
    return ExplainedRegister(
        name=told.name,
        snapshot=told.snapshot,
        columns=tuple(told.columns),
        segments=tuple(
            ExplainedSegment(
                segment=one.segment,
                first_day=one.first_day,
                last_day=one.last_day,
                deliveries=one.deliveries,
                persons_asked=one.persons_asked,
                persons_held=one.persons_held,
                method=one.method,
                reason=one.reason,
                rows=one.rows,
                bytes=one.bytes,
            )
            for one in told.segments
        ),
        rows=told.rows,
        persons=told.persons,
        bytes=told.bytes,
        bytes_held=told.bytes_held,
    )

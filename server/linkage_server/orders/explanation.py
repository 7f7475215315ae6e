"""What a run is expected to touch and take: the planner's answer, in rough numbers."""

from __future__ import annotations

from datetime import date

from pydantic import BaseModel, ConfigDict


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ExplainedSegment(_Frozen):
    """One segment of a register.

    Attributes:
        segment: the first letters of its id.
        first_day, last_day: of its rows; None where no row has a date.
        deliveries: names of the deliveries whose rows it holds.
        persons_asked, persons_held: ids that are looked up, and among how many.
        method: how they are looked up: "merge" or "probe".
        reason: why, in words.
        rows, bytes: what is expected to be read.
    """

    segment: str
    first_day: date | None
    last_day: date | None
    deliveries: tuple[str, ...]
    persons_asked: int
    persons_held: int
    method: str
    reason: str
    rows: int
    bytes: int


class ExplainedRegister(_Frozen):
    """One register of an order, as if each person asked for were in it.

    Attributes:
        snapshot: id of the snapshot that is served now, or that the run is pinned to.
        columns: what is read, by stored column.
        rows, persons, bytes: what is expected to be read.
        bytes_held: what the snapshot has on disk.
    """

    name: str
    snapshot: str
    columns: tuple[str, ...]
    segments: tuple[ExplainedSegment, ...]
    rows: int
    persons: int
    bytes: int
    bytes_held: int


class Explanation(_Frozen):
    """How an order would be, or was to be, run.

    Attributes:
        persons: what the estimate is made for: the population's size to two figures, at least a hundred.
        blocks: how many blocks of persons it is computed in.
        split: whether there are more of them for want of memory.
        memory_bytes, memory_limit_bytes: the most a run is expected to hold beside the mapped registers, and may hold.
        seconds: by stage, if the run has the machine for itself.
        by_rule: the same by the rule alone, before earlier runs are looked at.
        earlier_runs: how many finished runs on this machine the expected time is calibrated by.
        rule: how the numbers are made, in words.
    """

    persons: int
    registers: tuple[ExplainedRegister, ...]
    blocks: int
    split: bool
    threads: int
    memory_bytes: int
    memory_limit_bytes: int
    seconds: dict[str, float]
    by_rule: dict[str, float]
    earlier_runs: int
    rule: str

"""What a run touched and took, kept beside its plan: rough numbers of its population, seconds as measured."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict

from linkage_core.events import Touched
from linkage_server.runs.rough import rough_bytes, rough_count


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TouchedRegister(_Frozen):
    """What was read of one register.

    Attributes:
        segments: segments in which somebody was looked for.
        bytes: of columns, keys and offsets.
        rows, persons: rough, "<100" for few.
    """

    name: str
    segments: int
    bytes: int
    rows: str
    persons: str


class RunReport(_Frozen):
    """What a finished run touched and took.

    Attributes:
        machine: name of the machine it ran on.
        seconds: by stage; waiting for a core is part of it.
        core_seconds: time during which the run kept a core.
        memory_bytes: the most the whole service held beside the mapped registers, above what it held at the start.
    """

    machine: str
    registers: tuple[TouchedRegister, ...]
    seconds: dict[str, float]
    core_seconds: float
    blocks: int
    memory_bytes: int


def touched_registers(touched: Mapping[str, Touched]) -> tuple[TouchedRegister, ...]:
    """What was read of each register, in rough numbers."""
    return tuple(
        TouchedRegister(
            name=name,
            segments=one.segments,
            bytes=rough_bytes(one.bytes),
            rows=rough_count(one.rows),
            persons=rough_count(one.persons),
        )
        for name, one in touched.items()
    )

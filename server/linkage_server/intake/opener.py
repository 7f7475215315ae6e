"""Starts the process that opens a sealed population, and takes in nothing of it but a few checked facts.

The keys go through a pipe: arguments and environment of a process can be read by others. Whatever happens in there, a
refusal, a crash, a limit or a hang, comes out as an `EnvelopeFault`; its standard error is never read.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

import linkage
import linkage_core
import linkage_server
from linkage.envelope_manifest import EnvelopeFault, EnvelopeFaultFound
from linkage_server.intake.open_envelope import NO_ROOM
from linkage_server.intake.opening_task import OpeningTask, task_to_json
from linkage_server.storage.files import disk_refusals, storage_full

_ANSWER_BYTES_MAX = 65_536
# `-I` leaves the current folder and the user's settings out; the roots are those this process was loaded from.
_START = "import sys; sys.path[:0] = sys.argv[1:]; from linkage_server.intake.open_envelope import main; main()"
# One thread each: a second one costs address space, which is limited. The system's allocator reserves no arenas ahead.
_ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "ARROW_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MALLOC_ARENA_MAX": "1",
}

_Rows = Annotated[int, Field(ge=0, le=2**32)]
_Hex = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


@dataclass(frozen=True, slots=True)
class OpenerLimits:
    """What one opening may use."""

    memory_bytes: int = 3 * 2**30
    cpu_seconds: int = 300
    wall_seconds: int = 600
    file_bytes: int = 4 * 2**30


class OpenedFacts(BaseModel):
    """What may be known of an opened population outside the opener."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    manifest_sha256: _Hex
    rows: _Rows
    linkable: _Rows
    not_linkable: dict[Annotated[str, Field(pattern=r"^[a-z]{1,32}$")], _Rows]
    strata: dict[Annotated[str, Field(min_length=1, max_length=128)], _Rows]
    reference_date: Annotated[date, Field(strict=False)]
    has_index_date: bool
    pepper_version: int


class _Refusal(BaseModel):
    model_config = ConfigDict(extra="forbid")

    fault: EnvelopeFault


def open_in_a_process(container: Path, output: Path, task: OpeningTask, *, limits: OpenerLimits) -> OpenedFacts:
    """Open a container in a process of its own.

    Args:
        container: the sealed file.
        output: a new file for the hashed population; its content counts only if this returns.
        task: keys and expectations.
        limits: what the process may use.

    Raises:
        EnvelopeFaultFound: for whatever reason there is no population.
        StorageFull: no room for the output file.
    """
    with disk_refusals(), container.open("rb") as source, output.open("xb") as target:
        output.chmod(0o600)
        told = {
            "limits": asdict(limits),
            "container": source.fileno(),
            "output": target.fileno(),
            "task": task_to_json(task),
        }
        answer = _run(json.dumps(told).encode(), descriptors=(source.fileno(), target.fileno()), limits=limits)
    return _read_answer(answer)


def _run(told: bytes, *, descriptors: tuple[int, int], limits: OpenerLimits) -> bytes:
    command = [sys.executable, "-I", "-c", _START, *_import_roots()]
    with subprocess.Popen(  # noqa: S603  our own interpreter and our own words
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=_ENVIRONMENT,
        pass_fds=descriptors,
        cwd="/",
        start_new_session=True,
    ) as process:
        try:
            answer, _ = process.communicate(told, timeout=limits.wall_seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise EnvelopeFaultFound(EnvelopeFault.OPENER_DIED) from None
    if process.returncode == NO_ROOM:
        raise storage_full()
    if process.returncode != 0 or len(answer) > _ANSWER_BYTES_MAX:
        raise EnvelopeFaultFound(EnvelopeFault.OPENER_DIED)
    return answer


def _read_answer(answer: bytes) -> OpenedFacts:
    try:
        if b'"fault"' in answer[:16]:
            raise EnvelopeFaultFound(_Refusal.model_validate_json(answer).fault)
        return OpenedFacts.model_validate_json(answer)
    except ValidationError:
        raise EnvelopeFaultFound(EnvelopeFault.OPENER_DIED) from None


def _import_roots() -> list[str]:
    packages = (linkage, linkage_core, linkage_server)
    return list(dict.fromkeys(str(Path(str(package.__file__)).parent.parent) for package in packages))

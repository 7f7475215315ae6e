"""What commands show: words for people, JSON for programs, progress on a terminal only, refusals with their mend."""

from __future__ import annotations

import dataclasses
import json
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from enum import Enum, StrEnum
from pathlib import Path

from pydantic import BaseModel
from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as Bars
from rich.table import Table

from linkage.errors import LinkageError
from linkage_client.progress import Progress, silent

_PIPE_CHARACTERS = 1_000


class Shown:
    """One command's output.

    Args:
        as_json: one JSON document on standard output, and nothing else there.
    """

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.out = Console(highlight=False, soft_wrap=True)
        if not self.out.is_terminal:
            # A pipe has no width: nothing is folded or cut there, so that grep finds whole names.
            self.out.width = _PIPE_CHARACTERS
        self.err = Console(stderr=True, highlight=False, soft_wrap=True)

    def say(self, text: str) -> None:
        """A line for people; nothing where JSON was asked for."""
        if not self.as_json:
            self.out.print(text, markup=False)

    def result(self, result: object) -> None:
        """The answer for programs; nothing where JSON was not asked for."""
        if self.as_json:
            print(json.dumps(plain(result), ensure_ascii=False))  # noqa: T201  the answer itself

    def table(self, title: str, rows: Sequence[object], columns: Sequence[str]) -> None:
        """Rows as a table for people, or as a list for programs."""
        self.result(rows)
        if self.as_json:
            return
        if not rows:
            self.say(f"{title}: none.")
            return
        table = Table(title=title, title_justify="left", box=None, pad_edge=False)
        for column in columns:
            table.add_column(column.replace("_", " "), overflow="fold")
        for row in rows:
            table.add_row(*(_cell(getattr(row, column)) for column in columns))
        self.out.print(table, soft_wrap=False, crop=False, markup=False)

    def warn(self, text: str) -> None:
        """A line beside the answer, for people."""
        self.err.print(text, markup=False)

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """Bars with stage, bytes and time left on a terminal; a line for each stage elsewhere; nothing with JSON."""
        if self.as_json:
            yield silent
        elif self.err.is_terminal:
            yield from _bars(self.err)
        else:
            yield _lines(self.err)


def plain(value: object) -> object:
    """A value as JSON can hold it."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, dict):
        return {str(plain(key)): plain(content) for key, content in value.items()}
    if isinstance(value, list | tuple):
        return [plain(content) for content in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, date | datetime):
        return value.isoformat()
    return str(value) if isinstance(value, Path) else value


def _cell(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M}"
    return value.value.replace("_", " ") if isinstance(value, StrEnum) else str(value)


def report_refusal(error: LinkageError, *, as_json: bool) -> int:
    """Tell what was refused and how to mend it; returns the exit code."""
    shown = Shown(as_json=as_json)
    described = {"reason": error.reason, "message": error.message, "mend": error.mend, "facts": error.facts}
    shown.result({"error": described, "exit_code": error.exit_code})
    if not as_json:
        shown.warn(f"Refused: {error.message}")
        if error.mend:
            shown.warn(f"Mend: {error.mend}")
        if number := error.facts.get("error_id"):
            shown.warn(f"Error id, for the register holder: {number}")
    return error.exit_code


def report_bug(error: Exception, *, as_json: bool) -> int:
    """Tell that the fault is ours: the kind and the place of it, never its text, which may hold a value."""
    places = [f"{Path(f.filename).stem}.{f.name}:{f.lineno}" for f in traceback.extract_tb(error.__traceback__)]
    own = LinkageError(
        f"linkage met an error of its own ({type(error).__name__} in {places[-1] if places else 'start'}).",
        mend="Report this line to the makers of Linkage; nothing was lost, the same command can be given again.",
    )
    return report_refusal(own, as_json=as_json)


def _bars(console: Console) -> Iterator[Progress]:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=console, transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def report(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                for earlier in tasks.values():
                    bars.update(earlier, visible=False)
                tasks[stage] = bars.add_task(stage, total=None)
            bars.update(tasks[stage], completed=done, total=total or None)

        yield report


def _lines(console: Console) -> Callable[[str, int, int], None]:
    told: set[str] = set()

    def report(stage: str, done: int, total: int) -> None:
        if stage not in told:
            told.add(stage)
            console.print(f"{stage} ..." if not total else f"{stage} {total:,} bytes ...", markup=False)

    return report


def flush() -> None:
    """Write out what is buffered; a reader that has gone away is no fault."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        sys.stderr.close()

"""Logs as typed events: a name and fields from the table below, and nothing else.

No free text goes in, so no identity number and no cell can come out: an unknown event or field is a bug that the tests
meet, and a text that is not a plain name is written as "?". Log lines of foreign libraries are counted by their
logger's name and level, and their text is dropped; gRPC, for one, would print an exception with all it says.

Events go to logs/service.jsonl in the home folder, one JSON object a line, and to the standard error stream.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from collections.abc import MutableMapping
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import MappingProxyType
from typing import Any

import structlog

Value = str | int | float | bool | None

EVENTS: MappingProxyType[str, frozenset[str]] = MappingProxyType(
    {
        "service_started": frozenset({"version", "port", "database"}),
        "service_stopping": frozenset({"signal"}),
        "call_handled": frozenset({"method", "outcome", "seconds", "error_id"}),
        "internal_error": frozenset({"error_id", "method", "kind", "places"}),
        "upload_finished": frozenset({"order", "outcome", "container_bytes"}),
        "run_started": frozenset({"order", "attempt"}),
        "run_stage": frozenset({"order", "stage", "seconds"}),
        "run_touched": frozenset({"order", "register", "segments", "bytes", "rows", "persons"}),
        "run_took": frozenset({"order", "blocks", "core_seconds", "memory_bytes"}),
        "run_finished": frozenset({"order", "outcome", "seconds"}),
        "set_refused": frozenset({"file", "field", "rule"}),
        "store_maintained": frozenset({"outcome", "seconds"}),
        "worker_ended": frozenset({"worker", "outcome"}),
        "foreign_log": frozenset({"logger", "level"}),
    }
)

_PLAIN = re.compile(r"[A-Za-z0-9_./:@<>, +-]{0,300}")
_LIKE_IDENTITY = re.compile(r"(?<![0-9A-Za-z])(\d{2})?\d{6}[-+]?\d{4}(?![0-9A-Za-z])")
_LOGGER = "linkage_server.events"
_FILE_BYTES = 20 * 1024 * 1024
_FILES_KEPT = 10
_PACKAGES = ("linkage_server", "linkage_core", "linkage_client", "linkage")


def configure(folder: Path | None, *, to_stderr: bool = True) -> None:
    """Send events to a folder and to the standard error stream, and silence every other logger's text.

    Args:
        folder: where service.jsonl lies; None for no file.
        to_stderr: also on the standard error stream.
    """
    events = logging.getLogger(_LOGGER)
    events.setLevel(logging.INFO)
    events.propagate = False
    _replace_handlers(events, _sinks(folder, to_stderr=to_stderr))
    root = logging.getLogger()
    _replace_handlers(root, [_ForeignLog()])
    root.setLevel(logging.WARNING)
    # A warning's text can repeat a value as well; as a log record it is counted and dropped.
    logging.captureWarnings(True)


def log_event(event: str, **fields: Value) -> None:
    """Write one event.

    Raises:
        KeyError: the event or a field of it is not in the table: a bug of ours, met in tests.
    """
    allowed = EVENTS[event]
    if unknown := fields.keys() - allowed:
        raise KeyError(f"event {event} has no field {', '.join(sorted(unknown))}")
    _logger().info(event, **{name: _plain(value) for name, value in fields.items()})


def call_handled(*, method: str, outcome: str, seconds: float, error_id: str) -> None:
    """A call was answered or refused."""
    log_event("call_handled", method=method, outcome=outcome, seconds=round(seconds, 4), error_id=error_id)


def internal_error(error: BaseException, *, error_id: str, method: str) -> None:
    """A bug of ours: its kind and its places in our own code, never its text."""
    frames = traceback.extract_tb(error.__traceback__)
    places = [
        f"{Path(frame.filename).stem}.{frame.name}:{frame.lineno}"
        for frame in frames
        if any(f"{package}/" in frame.filename.replace("\\", "/") for package in _PACKAGES)
    ]
    kind = type(error).__name__
    log_event("internal_error", error_id=error_id, method=method, kind=kind, places=", ".join(places[-6:]))


class _ForeignLog(logging.Handler):
    """Takes note that a library logged, and drops what it said."""

    def emit(self, record: logging.LogRecord) -> None:
        log_event("foreign_log", logger=record.name, level=record.levelname)


def _logger() -> structlog.typing.FilteringBoundLogger:
    logger: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
        logging.getLogger(_LOGGER),
        processors=[structlog.processors.TimeStamper(fmt="iso", utc=True), _event_first, _as_json],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )
    return logger


# Any: structlog's own types for a processor.
def _event_first(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {"at": event.pop("timestamp"), "event": event.pop("event"), **event}


_as_json = structlog.processors.JSONRenderer(sort_keys=False)


def _plain(value: Value) -> Value:
    if not isinstance(value, str):
        return value
    return value if _PLAIN.fullmatch(value) and not _LIKE_IDENTITY.search(value) else "?"


def _sinks(folder: Path | None, *, to_stderr: bool) -> list[logging.Handler]:
    sinks: list[logging.Handler] = [logging.StreamHandler(sys.stderr)] if to_stderr else []
    if folder is not None:
        path = folder / "service.jsonl"
        path.touch(mode=0o600)
        sinks.append(RotatingFileHandler(path, maxBytes=_FILE_BYTES, backupCount=_FILES_KEPT, encoding="utf-8"))
    return sinks or [logging.NullHandler()]


def _replace_handlers(logger: logging.Logger, handlers: list[logging.Handler]) -> None:
    for handler in logger.handlers[:]:
        logger.removeHandler(handler)
        handler.close()
    for handler in handlers:
        logger.addHandler(handler)

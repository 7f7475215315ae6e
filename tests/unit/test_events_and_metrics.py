"""Logs and metrics say what happened and cannot say to whom."""

from __future__ import annotations

import io
import json
import logging
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from linkage_server.demo.test_numbers import read_test_numbers
from linkage_server.operations import logs, metrics

NUMBER = read_test_numbers()[0]


@pytest.fixture
def log_folder(tmp_path: Path) -> Iterator[Path]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    for handler in handlers:
        root.removeHandler(handler)
    logs.configure(tmp_path, to_stderr=False)
    yield tmp_path
    logs.configure(None, to_stderr=False)
    logging.captureWarnings(False)
    for handler in root.handlers[:]:
        root.removeHandler(handler)
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(level)


def written(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "service.jsonl").read_text().splitlines()]


def test_an_event_is_one_line_of_json(log_folder: Path) -> None:
    logs.log_event("run_started", order="organisations/a/orders/bcdf-ghjk-mnpq", attempt=1)
    (line,) = written(log_folder)
    assert list(line)[:2] == ["at", "event"]
    assert line["event"] == "run_started"
    assert line["order"] == "organisations/a/orders/bcdf-ghjk-mnpq"
    assert (log_folder / "service.jsonl").stat().st_mode & 0o077 == 0


def test_an_event_or_field_that_is_not_in_the_table_is_a_bug(log_folder: Path) -> None:
    with pytest.raises(KeyError):
        logs.log_event("anything", text="x")
    with pytest.raises(KeyError, match="no field person"):
        logs.log_event("run_started", person="x")
    assert written(log_folder) == []


@pytest.mark.parametrize(
    "text", [NUMBER, f"{NUMBER[:8]}-{NUMBER[8:]}", NUMBER[2:], f"orders/{NUMBER}", "a\nb", "Åsa", "x" * 301, "{}"]
)
def test_a_text_that_is_no_plain_name_is_not_written(log_folder: Path, text: str) -> None:
    logs.log_event("run_started", order=text, attempt=1)
    (line,) = written(log_folder)
    assert line["order"] == "?"


def test_a_bug_leaves_its_kind_and_place_but_not_its_text(log_folder: Path) -> None:
    try:
        logs.log_event(NUMBER)
    except KeyError as error:
        logs.internal_error(error, error_id="e1", method="/linkage.wire.v1.OrdersService/GetOrder")
    (line,) = written(log_folder)
    assert line["kind"] == "KeyError"
    assert "logs.log_event" in str(line["places"])
    assert NUMBER not in json.dumps(line)


def test_what_a_library_says_is_counted_and_dropped(log_folder: Path) -> None:
    logging.getLogger("grpc._cython.cygrpc").error("Unexpected [%s]", NUMBER, exc_info=ValueError(NUMBER))
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(f"odd value {NUMBER}", stacklevel=1)
    lines = written(log_folder)
    assert [(line["event"], line["logger"]) for line in lines] == [
        ("foreign_log", "grpc._cython.cygrpc"),
        ("foreign_log", "py.warnings"),
    ]
    assert NUMBER not in json.dumps(lines)


def test_events_also_go_to_the_standard_error_stream(log_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    logs.configure(log_folder, to_stderr=True)
    logs.call_handled(method="/a.B/C", outcome="OK", seconds=0.123456, error_id="e1")
    line = json.loads(stream.getvalue())
    assert (line["method"], line["seconds"]) == ("/a.B/C", 0.1235)
    assert written(log_folder) == [line]


def test_labels_come_from_closed_forms() -> None:
    metrics.call_handled("/linkage.wire.v1.OrdersService/GetOrder", "OK", 0.1)
    metrics.call_handled(f"/x/{NUMBER}", f"no {NUMBER}", 0.1)
    metrics.run_stage_finished(NUMBER, 0.1)
    metrics.run_stage_finished("join", 0.1)
    metrics.bytes_received(10)
    metrics.set_levels(orders_by_state={"approved": 2, NUMBER: 1}, disk_free_bytes=5)
    text = metrics.render().decode()
    assert NUMBER not in text
    assert 'linkage_calls_total{method="/linkage.wire.v1.OrdersService/GetOrder",outcome="OK"} 1.0' in text
    assert 'linkage_calls_total{method="other",outcome="other"} 1.0' in text
    assert 'linkage_orders{state="approved"} 2.0' in text
    assert "linkage_disk_free_bytes 5.0" in text


def test_a_version_with_its_sources_is_a_plain_name(log_folder: Path) -> None:
    logs.log_event("service_started", version="0.1.0+sources.3f2a9c0d1e4b", port=1, database="sqlite")
    assert "0.1.0+sources.3f2a9c0d1e4b" in (log_folder / "service.jsonl").read_text()

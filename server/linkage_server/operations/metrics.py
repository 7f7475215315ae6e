"""Counters and gauges for Prometheus. Labels come from closed lists; none ever names a person, a file or a title."""

from __future__ import annotations

import re
from collections.abc import Mapping

import prometheus_client as prometheus

REGISTRY = prometheus.CollectorRegistry()
_METHOD = re.compile(r"/[a-z0-9.]+\.[A-Za-z]+/[A-Za-z]{1,40}")
_OUTCOME = re.compile(r"[A-Z_]{1,40}")
_WORD = re.compile(r"[a-z_]{1,40}")

_calls = prometheus.Counter("linkage_calls", "Calls by method and outcome", ("method", "outcome"), registry=REGISTRY)
_call_seconds = prometheus.Histogram(
    "linkage_call_seconds",
    "Seconds from the door to the answer",
    ("method",),
    buckets=(0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 60.0),
    registry=REGISTRY,
)
_stage_seconds = prometheus.Histogram(
    "linkage_run_stage_seconds",
    "Seconds of a stage of a run",
    ("stage",),
    buckets=(0.1, 0.5, 2.0, 10.0, 60.0, 300.0, 1800.0),
    registry=REGISTRY,
)
_orders = prometheus.Gauge("linkage_orders", "Orders by state", ("state",), registry=REGISTRY)
_bytes_received = prometheus.Counter("linkage_upload_bytes", "Sealed bytes stored in the spool", registry=REGISTRY)
_disk_free = prometheus.Gauge("linkage_disk_free_bytes", "Room left for the home folder", registry=REGISTRY)


def call_handled(method: str, outcome: str, seconds: float) -> None:
    """A call was answered or refused."""
    method = _label(method, _METHOD)
    _calls.labels(method=method, outcome=_label(outcome, _OUTCOME)).inc()
    _call_seconds.labels(method=method).observe(seconds)


def run_stage_finished(stage: str, seconds: float) -> None:
    """A stage of a run came to its end."""
    _stage_seconds.labels(stage=_label(stage, _WORD)).observe(seconds)


def bytes_received(count: int) -> None:
    """Sealed bytes were stored."""
    _bytes_received.inc(count)


def set_levels(*, orders_by_state: Mapping[str, int], disk_free_bytes: int) -> None:
    """What stands now."""
    for state, orders in orders_by_state.items():
        _orders.labels(state=_label(state, _WORD)).set(orders)
    _disk_free.set(disk_free_bytes)


def render() -> bytes:
    """All numbers in Prometheus' text form."""
    return prometheus.generate_latest(REGISTRY)


def serve(port: int) -> None:
    """Offer the numbers on the loopback address only; whoever may collect them is on this machine."""
    prometheus.start_http_server(port, addr="127.0.0.1", registry=REGISTRY)


def _label(value: str, allowed: re.Pattern[str]) -> str:
    return value if allowed.fullmatch(value) else "other"

"""JSON-stat 2.0, one dataset a crossing (https://json-stat.org/full/, read by PxWeb's users, R and Eurostat tools)."""

from __future__ import annotations

import json
from typing import Any

from linkage.released_table import LineStatus, ReleasedTable
from linkage_server.release.context import ReleaseContext
from linkage_server.release.cube import MEASURE, NOT_ASKED, Axis, Cube, cubes_of
from linkage_server.release.delivery_file import DeliveryFile
from linkage_server.release.wording import STATUSES


def json_stat_files(released: ReleasedTable, context: ReleaseContext) -> list[DeliveryFile]:
    """One `<crossing>.json-stat.json` for each crossing."""
    return [
        DeliveryFile(f"{cube.name}.json-stat.json", "application/json", _text(cube, context), len(cube.lines))
        for cube in cubes_of(released, context)
    ]


def _text(cube: Cube, context: ReleaseContext) -> bytes:
    return (json.dumps(_dataset(cube, context), ensure_ascii=False, separators=(",", ":")) + "\n").encode()


def _dataset(cube: Cube, context: ReleaseContext) -> dict[str, Any]:
    cells = list(cube.cells())
    role: dict[str, list[str]] = {"metric": [MEASURE]}
    if time := [axis.name for axis in cube.axes if axis.is_time]:
        role["time"] = time
    dataset: dict[str, Any] = {
        "version": "2.0",
        "class": "dataset",
        "label": cube.title,
        "source": "; ".join(
            f"{one.title.en}, snapshot {one.entry.snapshot}, until {one.entry.data_until}" for one in context.registers
        ),
        "note": [f"{status.value}: {words}" for status, words in STATUSES.items()],
        "id": [axis.name for axis in cube.axes],
        "size": [len(axis.codes) for axis in cube.axes],
        "role": role,
        "dimension": {axis.name: _dimension(axis) for axis in cube.axes},
        "value": [_number(value) for value, _ in cells],
        "extension": {
            "status": {
                **{status.value: words for status, words in STATUSES.items() if status is not LineStatus.OK},
                NOT_ASKED: "Not part of this statistic.",
            },
            "order": context.order,
            "policy": f"{context.policy.id}@{context.policy.version}",
        },
    }
    if status := {str(i): status for i, (_, status) in enumerate(cells) if status != LineStatus.OK}:
        dataset["status"] = status
    return dataset


def _number(value: float | None) -> float | int | None:
    return int(value) if value is not None and float(value).is_integer() else value


def _dimension(axis: Axis) -> dict[str, Any]:
    category: dict[str, Any] = {
        "index": {code: position for position, code in enumerate(axis.codes)},
        "label": dict(zip(axis.codes, axis.titles, strict=True)),
    }
    return {"label": axis.title, "category": category}

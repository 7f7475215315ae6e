"""The long table folded into one full cube for each crossing, as JSON-stat and PX want it."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from linkage.released_table import NUMBER_COLUMNS, TIME_STRATA, TOTAL, LineStatus, ReleasedTable
from linkage_server.release.context import ReleaseContext
from linkage_server.release.wording import MEASURES, parameters_title, statistic_title

NOT_ASKED = "not_asked"
"""Status of a cell that no line of the table states."""

MEASURE = "measure"

LARGEST_CUBE = 1_000_000
"""Cells of one file, most of them empty where indicators have different statistics."""


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis: codes in order, a title for each, and what it is about."""

    name: str
    title: str
    codes: tuple[str, ...]
    titles: tuple[str, ...]
    is_time: bool = False


@dataclass(frozen=True, slots=True)
class Cube:
    """All lines of one crossing.

    Args:
        name: for file names, such as "by-hospital".
        axes: indicator, statistic, the strata, and last the measure.
        lines: codes of all axes but the measure -> line of the table.
    """

    name: str
    title: str
    axes: tuple[Axis, ...]
    lines: dict[tuple[str, ...], dict[str, Any]]

    @property
    def size(self) -> int:
        """Number of cells."""
        return math.prod(len(axis.codes) for axis in self.axes)

    def cells(self) -> Iterator[tuple[float | None, str]]:
        """Value and status of every cell, the last axis running fastest."""
        measures = self.axes[-1].codes
        for codes in itertools.product(*(axis.codes for axis in self.axes[:-1])):
            line = self.lines.get(codes)
            for measure in measures:
                if line is None or (line[measure] is None and line["status"] in {LineStatus.OK, LineStatus.INCOMPLETE}):
                    yield None, NOT_ASKED
                else:
                    yield line[measure], line["status"]


def cubes_of(released: ReleasedTable, context: ReleaseContext) -> list[Cube]:
    """One cube for each crossing, in the order of the strata; one for each indicator where it would grow too large."""
    lines = released.table.to_pylist()
    cubes: list[Cube] = []
    crossings = released.crossings()
    for crossing, name in zip(crossings, _names(crossings), strict=True):
        others = [d.name for d in released.dimensions if d.name not in crossing]
        own = [line for line in lines if all(line[other] == TOTAL for other in others)]
        whole = _cube(released, context, crossing, name, own)
        if whole.size <= LARGEST_CUBE:
            cubes.append(whole)
            continue
        for place, code in enumerate(whole.axes[0].codes, 1):
            part = [line for line in own if indicator_code(line) == code]
            cubes.append(_cube(released, context, crossing, f"{name}-{place}", part))
    return cubes


def indicator_code(line: dict[str, Any]) -> str:
    """Indicator and parameter point in one code."""
    return f"{line['indicator']}/{line['parameters']}" if line["parameters"] else str(line["indicator"])


def _cube(
    released: ReleasedTable, context: ReleaseContext, crossing: tuple[str, ...], name: str, lines: list[dict[str, Any]]
) -> Cube:
    indicators = {indicator_code(line): _indicator_title(line, context) for line in lines}
    statistics = {line["statistic"]: statistic_title(line["statistic"]) for line in lines}
    # A measure that no line has would only make the cube larger; the value stays, so that all is not lost to hiding.
    measures = [m for m in NUMBER_COLUMNS if m == "value" or any(line[m] is not None for line in lines)]
    strata = [_stratum(released, context, stratum) for stratum in crossing]
    axes = (
        Axis("indicator", "Indicator", tuple(indicators), tuple(indicators.values())),
        Axis("statistic", "Statistic", tuple(statistics), tuple(statistics.values())),
        *strata,
        Axis(MEASURE, "Measure", tuple(measures), tuple(MEASURES[m] for m in measures)),
    )
    keyed = {(indicator_code(line), line["statistic"], *(line[s] for s in crossing)): line for line in lines}
    by = " and ".join(axis.title.lower() for axis in strata)
    return Cube(name, f"{context.title}, by {by}" if by else context.title, axes, keyed)


def _stratum(released: ReleasedTable, context: ReleaseContext, name: str) -> Axis:
    levels = next(d.levels for d in released.dimensions if d.name == name)
    codes = (TOTAL, *levels)
    titles = tuple(context.level_title(name, code) for code in codes)
    return Axis(name, context.stratum_title(name), codes, titles, is_time=name in TIME_STRATA)


def _indicator_title(line: dict[str, Any], context: ReleaseContext) -> str:
    title = context.indicator(line["indicator"]).title.en
    return f"{title}, {parameters_title(line['parameters'])}" if line["parameters"] else title


def _names(crossings: list[tuple[str, ...]]) -> list[str]:
    names: list[str] = []
    for crossing in crossings:
        parts = [re.sub(r"[^A-Za-z0-9_]", "", stratum)[:40] for stratum in crossing]
        name = "by-" + "-".join(part or "stratum" for part in parts) if crossing else "overall"
        names.append(name if name not in names else f"{name[:100]}-{len(names) + 1}")
    return names

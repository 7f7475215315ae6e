"""Days covered at every point of a sensitivity grid: each row is walked once for all supply models and rules."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from linkage.indicator_kinds import ProportionOfDaysCovered
from linkage_core.indicators.codes import validity
from linkage_core.indicators.covered_days import NO_CAP, groups_of_code, observation
from linkage_core.indicators.days_of_supply import DAY
from linkage_core.indicators.from_first_dispensing import CARRY
from linkage_core.indicators.run_context import RunContext
from linkage_core.indicators.set_supply import drugs_of_sets, supply_of_sets
from linkage_core.indicators.values import Int32s
from linkage_core.kernels.covered_grid import covered_grid

_LANES = 8

Point = tuple[str, str]
"""A supply model and a rule of carry-over."""


def covered_in_grid(context: RunContext, indicator: ProportionOfDaysCovered) -> list[tuple[Int32s, Int32s]] | None:
    """Days covered and days observed of each person, for each end of observation, counted with the grid's other points.

    None where the indicator has no grid, or one of its models looks at hospital stays.
    """
    points = [one for one in context.indicators if one.id == indicator.id and isinstance(one, ProportionOfDaysCovered)]
    if len(points) < 2 or any(context.definition.supply[one.supply_model].hospital != "ignore" for one in points):
        return None
    found = context.remember(("covered in a grid", indicator.id), lambda: _walk(context, points))
    return found[indicator.supply_model, indicator.carry_rule]


def _walk(context: RunContext, points: Sequence[ProportionOfDaysCovered]) -> dict[Point, list[tuple[Int32s, Int32s]]]:
    one = points[0]
    models, carried = ([*dict.fromkeys(names)] for names in zip(*map(_point, points), strict=True))
    start, end = observation(context, one)
    observed = np.maximum(end - start, np.int32(0))
    ascending = np.argsort(one.observe.to_days, kind="stable")
    in_order = np.argsort(ascending)
    end = np.ascontiguousarray(end[ascending])
    found: dict[Point, list[tuple[Int32s, Int32s]]] = {}
    for first in range(0, len(models), _LANES):
        some = models[first : first + _LANES]
        covered = _covered(context, one, start, end, models=some, carried=carried)
        for place, carry in enumerate(carried):
            for lane, model in enumerate(some):
                found[model, carry] = [*zip(covered[place, lane, in_order], observed, strict=True)]
    return found


def _point(indicator: ProportionOfDaysCovered) -> Point:
    return indicator.supply_model, indicator.carry_rule


def _covered(
    context: RunContext,
    indicator: ProportionOfDaysCovered,
    start: Int32s,
    end: Int32s,
    *,
    models: Sequence[str],
    carried: Sequence[str],
) -> Int32s:
    """int32, rules of carry-over x models x ends x persons."""
    register = indicator.register_name
    picked = context.set_rows(register, *indicator.codes)
    bounds = np.array([validity(context.code_set(codes)) for codes in indicator.codes], np.int32)
    covered = np.empty((len(carried), len(models), *end.shape), np.int32)
    cap = indicator.stock_cap_days
    covered_grid(
        picked.with_rows,
        picked.offsets,
        picked.day,
        drugs_of_sets(context, register, indicator.codes),
        groups_of_code(context, indicator),
        [supply_of_sets(context, register, indicator.codes, name) for name in models],
        np.ascontiguousarray(bounds[:, 0]),
        np.ascontiguousarray(bounds[:, 1]),
        np.array([CARRY[name] for name in carried], np.int32),
        start,
        end,
        covered,
        lookback_days=indicator.lookback_days,
        stock_cap_64ths=NO_CAP if cap == "none" else cap * DAY,
        all_groups=indicator.combine == "all",
    )
    return covered

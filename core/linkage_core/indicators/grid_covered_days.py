"""Days covered at every point of a sensitivity grid: each row is walked once for all supply models and rules.

What becomes of hospital stays is told from two walks: one that knows none, and one through the days at home, of persons
who were in hospital.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from linkage.indicator_kinds import ProportionOfDaysCovered, SupplyModel
from linkage_core.indicators.codes import validity
from linkage_core.indicators.covered_days import NO_CAP, groups_of_code, observation, stays_of_window
from linkage_core.indicators.days_of_supply import DAY
from linkage_core.indicators.from_first_dispensing import CARRY
from linkage_core.indicators.hospital_stays import HospitalStays, home_days
from linkage_core.indicators.run_context import RunContext
from linkage_core.indicators.set_supply import drugs_of_sets, supply_of_sets
from linkage_core.indicators.values import Int32s
from linkage_core.kernels.covered_grid import covered_grid

_LANES = 8

SupplyKey = tuple[object, ...]
"""What supply follows from: models that differ in hospital stays alone share it."""


def covered_in_grid(context: RunContext, indicator: ProportionOfDaysCovered) -> list[tuple[Int32s, Int32s]] | None:
    """Days covered and days observed of each person, for each end of observation, counted with the grid's other points.

    None where the indicator has no grid.
    """

    def found() -> _Grid | None:
        points = [
            one for one in context.indicators if one.id == indicator.id and isinstance(one, ProportionOfDaysCovered)
        ]
        return _Grid(context, points) if len(points) > 1 else None

    grid = context.remember(("covered in a grid", indicator.id), found)
    return None if grid is None else grid.at(indicator)


@dataclass
class _Grid:
    """The points of one indicator, which differ in supply models and rules of carry-over."""

    context: RunContext
    points: Sequence[ProportionOfDaysCovered]

    def at(self, indicator: ProportionOfDaysCovered) -> list[tuple[Int32s, Int32s]]:
        """Days covered and days observed of each person at one of the points, for each end of observation."""
        model = self.context.definition.supply[indicator.supply_model]
        observed = self._observed
        if model.hospital == "ignore":
            return [*zip(self._covered[self._place(indicator)], observed, strict=True)]
        at_home, away, covered = self._in_home_time(model)
        covered = covered[self._place(indicator)]
        if model.hospital == "freeze":
            return [*zip(covered, at_home, strict=True)]
        return [*zip(covered + away if model.hospital == "credit" else covered, observed, strict=True)]

    def _place(self, indicator: ProportionOfDaysCovered) -> tuple[int, int]:
        model = self.context.definition.supply[indicator.supply_model]
        return self._carried.index(indicator.carry_rule), [*self._supplies].index(_supply_key(model))

    @cached_property
    def _supplies(self) -> dict[SupplyKey, str]:
        """Each different supply, with the first model that tells it."""
        names = dict.fromkeys(one.supply_model for one in self.points)
        supplies: dict[SupplyKey, str] = {}
        for name in names:
            supplies.setdefault(_supply_key(self.context.definition.supply[name]), name)
        return supplies

    @cached_property
    def _carried(self) -> list[str]:
        return [*dict.fromkeys(one.carry_rule for one in self.points)]

    @cached_property
    def _window(self) -> tuple[Int32s, Int32s]:
        start, end = observation(self.context, self.points[0])
        return start, np.ascontiguousarray(end)

    @cached_property
    def _observed(self) -> Int32s:
        """int32, ends x persons."""
        start, end = self._window
        return np.asarray(np.maximum(end - start, np.int32(0)), np.int32)

    @cached_property
    def _covered(self) -> Int32s:
        """int32, rules of carry-over x supplies x ends x persons: hospital stays are no matter."""
        picked = self.context.set_rows(self.points[0].register_name, *self.points[0].codes)
        covered = np.zeros((len(self._carried), len(self._supplies), *self._observed.shape), np.int32)
        self._walk(picked.with_rows, None, covered)
        return covered

    def _in_home_time(self, model: SupplyModel) -> tuple[Int32s, Int32s, Int32s]:
        """Days observed that are not in hospital, that are (both ends x persons), and covered at home, as above."""
        key = ("covered in a grid at home", self.points[0].id, model.hospital_register)
        return self.context.remember(key, lambda: self._walk_at_home(model))

    def _walk_at_home(self, model: SupplyModel) -> tuple[Int32s, Int32s, Int32s]:
        start, end = self._window
        stays = stays_of_window(self.context, self.points[0], model, start, end)
        has_stay = np.diff(stays.offsets) > 0
        stayed = np.flatnonzero(has_stay)
        # Who was not in hospital has the days that she has where stays are no matter.
        covered, at_home = self._covered.copy(), self._observed.copy()
        picked = self.context.set_rows(self.points[0].register_name, *self.points[0].codes)
        again = picked.with_rows[has_stay[picked.with_rows]]
        covered[:, :, :, again] = 0
        self._walk(again, stays, covered)
        began = home_days(stays, stayed, start[stayed])
        for place, last in enumerate(end):
            # What ends before it starts is observed on no day.
            until = np.maximum(last[stayed], start[stayed])
            at_home[place, stayed] = home_days(stays, stayed, until) - began
        return at_home, self._observed - at_home, covered

    def _walk(self, persons: Int32s, stays: HospitalStays | None, covered: Int32s) -> None:
        context, one = self.context, self.points[0]
        register, cap = one.register_name, one.stock_cap_days
        picked = context.set_rows(register, *one.codes)
        start, end = self._window
        bounds = np.array([validity(context.code_set(codes)) for codes in one.codes], np.int32)
        ascending = np.argsort(one.observe.to_days, kind="stable")
        in_order = bool((np.diff(ascending) > 0).all())
        names = [*self._supplies.values()]
        for first in range(0, len(names), _LANES):
            lanes = slice(first, first + _LANES)
            whole = in_order and len(names) <= _LANES
            some = covered if whole else np.ascontiguousarray(covered[:, lanes, ascending])
            covered_grid(
                persons,
                picked.offsets,
                picked.day,
                drugs_of_sets(context, register, one.codes),
                groups_of_code(context, one),
                [supply_of_sets(context, register, one.codes, name) for name in names[lanes]],
                np.ascontiguousarray(bounds[:, 0]),
                np.ascontiguousarray(bounds[:, 1]),
                np.array([CARRY[name] for name in self._carried], np.int32),
                start,
                end if in_order else np.ascontiguousarray(end[ascending]),
                None if stays is None else (stays.offsets, stays.admitted, stays.discharged),
                some,
                lookback_days=one.lookback_days,
                stock_cap_64ths=NO_CAP if cap == "none" else cap * DAY,
                all_groups=one.combine == "all",
            )
            if not whole:
                covered[:, lanes] = some[:, :, np.argsort(ascending)]


def _supply_key(model: SupplyModel) -> SupplyKey:
    return model.reversals, model.cap_days, *model.steps

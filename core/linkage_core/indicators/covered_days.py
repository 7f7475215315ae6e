"""Days covered and days observed of each person, as the kernel is asked for them."""

from __future__ import annotations

import numpy as np

from linkage.indicator_kinds import ProportionOfDaysCovered, SupplyModel
from linkage_core.indicators.codes import validity
from linkage_core.indicators.days_of_supply import DAY
from linkage_core.indicators.hospital_stays import HospitalStays, stays_within
from linkage_core.indicators.observed_time import Moment
from linkage_core.indicators.run_context import RunContext
from linkage_core.indicators.set_supply import drugs_of_sets
from linkage_core.indicators.values import Int32s, UInt8s
from linkage_core.kernels.covered_days import covered_days

NO_CAP = 1 << 60


def covered_and_observed(context: RunContext, indicator: ProportionOfDaysCovered) -> list[tuple[Int32s, Int32s]]:
    """Days covered and days observed of each person, for each end of observation: one simulation for all of them."""
    start, end = observation(context, indicator)
    return covered_between(context, indicator, start, end, _stays(context, indicator, start, end))


def _stays(
    context: RunContext,
    indicator: ProportionOfDaysCovered,
    start: Int32s,
    end: np.ndarray[tuple[int, ...], np.dtype[np.int32]],
) -> HospitalStays | None:
    """Stays with a day on which a stock may be used, None where they are ignored.

    Who has none is followed as somebody who was never in hospital, in half the time.
    """
    model = context.definition.supply[indicator.supply_model]
    return None if model.hospital == "ignore" else stays_of_window(context, indicator, model, start, end)


def stays_of_window(
    context: RunContext,
    indicator: ProportionOfDaysCovered,
    model: SupplyModel,
    start: Int32s,
    end: np.ndarray[tuple[int, ...], np.dtype[np.int32]],
) -> HospitalStays:
    """Stays that a model reads with a day on which a stock may be used."""
    lookback, observe = indicator.lookback_days, indicator.observe
    key = (
        "stays within",
        indicator.register_name,
        model.hospital_register,
        lookback,
        observe.from_day,
        *observe.to_days,
    )
    first = start - np.int32(lookback)
    return context.remember(key, lambda: stays_within(context.stays(model), first, end.max(axis=0)))


def observation(
    context: RunContext, indicator: ProportionOfDaysCovered
) -> tuple[Int32s, np.ndarray[tuple[int, ...], np.dtype[np.int32]]]:
    """int32, one a person: the first day that is observed; and int32, ends x persons: the first that is not."""
    observe = indicator.observe
    ends = [context.time.window_end(indicator.register_name, Moment(last)) for last in observe.to_days]
    return context.time.at(Moment(observe.from_day)), ends[0][np.newaxis] if len(ends) == 1 else np.stack(ends)


def covered_between(
    context: RunContext,
    indicator: ProportionOfDaysCovered,
    start: Int32s,
    end: np.ndarray[tuple[int, ...], np.dtype[np.int32]],
    stays: HospitalStays | None,
) -> list[tuple[Int32s, Int32s]]:
    """Days covered and days observed of each person in [start, end), for each of the ends.

    Args:
        start: int32, one a person.
        end: int32, ends x persons.
        stays: from the look-back before the start to the last end; None where they are ignored.
    """
    register = indicator.register_name
    name, carry = indicator.supply_model, indicator.carry_rule
    model = context.definition.supply[name]
    picked = context.set_rows(register, *indicator.codes)
    at_home, covered = np.empty(end.shape, np.int32), np.empty(end.shape, np.int32)
    # One group with one stock, or none: all its rows are alike.
    alike = len(indicator.codes) == 1 and carry != "per_drug"
    bounds = np.array([validity(context.code_set(codes)) for codes in indicator.codes], np.int32)
    cap = indicator.stock_cap_days
    covered_days(
        picked.with_rows,
        picked.offsets,
        picked.day,
        None if alike else drugs_of_sets(context, register, indicator.codes),
        groups_of_code(context, indicator),
        context.supply(register, name, *indicator.codes).supply_64ths,
        np.ascontiguousarray(bounds[:, 0]),
        np.ascontiguousarray(bounds[:, 1]),
        None if stays is None else (stays.offsets, stays.admitted, stays.discharged),
        start,
        end,
        at_home,
        covered,
        lookback_days=indicator.lookback_days,
        stock_cap_64ths=NO_CAP if cap == "none" else cap * DAY,
        carry_over=carry != "none",
        pooled=carry == "pooled",
        all_groups=indicator.combine == "all",
    )
    if stays is None or model.hospital == "freeze":
        return list(zip(covered, at_home, strict=True))
    observed = np.maximum(end - start, np.int32(0))
    return list(zip(covered + (observed - at_home) if model.hospital == "credit" else covered, observed, strict=True))


def groups_of_code(context: RunContext, indicator: ProportionOfDaysCovered) -> UInt8s:
    """uint8, one a distinct code: a bit for each code set that holds it."""
    masks = [context.members(indicator.register_name, name) << bit for bit, name in enumerate(indicator.codes)]
    return np.asarray(np.bitwise_or.reduce(np.array(masks, np.uint8), axis=0), np.uint8)

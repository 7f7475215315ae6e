"""Days covered and days observed of each person, as the kernels are asked for them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from linkage.indicator_kinds import ProportionOfDaysCovered, SupplyModel
from linkage_core.indicators.codes import validity
from linkage_core.indicators.days_of_supply import DAY
from linkage_core.indicators.hospital_stays import HospitalStays, stays_within
from linkage_core.indicators.observed_time import Moment
from linkage_core.indicators.run_context import RunContext
from linkage_core.indicators.set_supply import drugs_of_sets, supply_of_sets
from linkage_core.indicators.side_by_side import is_laid, side_by_side
from linkage_core.indicators.values import Int32s, Int64s, UInt8s
from linkage_core.kernels.covered_days import covered_days
from linkage_core.kernels.covered_days_side_by_side import LONGEST_WINDOW, covered_days_side_by_side
from linkage_core.kernels.days_at_home import days_at_home

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
    model = context.definition.supply[indicator.supply_model]
    hospital = "" if stays is None else model.hospital_register
    observe = indicator.observe
    # The same for all supplies of a window.
    at_home = context.remember(
        ("days at home", indicator.register_name, hospital, observe.from_day, *observe.to_days),
        lambda: _days_at_home(start, end, stays),
    )
    followed = _Followed(start, end, None if stays is None else (stays.offsets, stays.admitted, stays.discharged))
    if _side_by_side(context, indicator):
        covered = _cover_side_by_side(context, indicator, followed)
    else:
        covered = _cover(context, indicator, followed, at_home)
    if stays is None or model.hospital == "freeze":
        return list(zip(covered, at_home, strict=True))
    observed = np.maximum(end - start, np.int32(0))
    return list(zip(covered + (observed - at_home) if model.hospital == "credit" else covered, observed, strict=True))


@dataclass(frozen=True, slots=True)
class _Followed:
    """When persons are followed; stays as offsets, days of admission and of discharge."""

    start: Int32s
    end: np.ndarray[tuple[int, ...], np.dtype[np.int32]]
    stays: tuple[Int64s, Int32s, Int32s] | None


def _days_at_home(
    start: Int32s, end: np.ndarray[tuple[int, ...], np.dtype[np.int32]], stays: HospitalStays | None
) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    """int32, ends x persons: days observed, without days in hospital."""
    days = np.empty(end.shape, np.int32)
    days_at_home(None if stays is None else (stays.offsets, stays.admitted, stays.discharged), start, end, days)
    return days


def _side_by_side(context: RunContext, indicator: ProportionOfDaysCovered) -> bool:
    """Whether the rows lie side by side already, and days covered can be asked for there.

    To lay them for this alone takes about as long as to follow them where they lie.
    """
    together = len(indicator.codes) > 1 and (indicator.combine == "all" or indicator.carry_rule == "pooled")
    days = max(indicator.observe.to_days) - indicator.observe.from_day + indicator.lookback_days
    return not together and days <= LONGEST_WINDOW and is_laid(context, indicator.register_name, indicator.codes)


def _cover_side_by_side(
    context: RunContext, indicator: ProportionOfDaysCovered, followed: _Followed
) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    register, cap = indicator.register_name, indicator.stock_cap_days
    rows, covered = side_by_side(context, register, indicator.codes), np.empty(followed.end.shape, np.int32)
    covered_days_side_by_side(
        rows.person,
        rows.drugs,
        rows.block_at,
        rows.day,
        rows.drug,
        rows.laid(supply_of_sets(context, register, indicator.codes, indicator.supply_model)),
        followed.stays,
        followed.start,
        followed.end,
        covered,
        lookback_days=indicator.lookback_days,
        stock_cap_64ths=NO_CAP if cap == "none" else cap * DAY,
        carry_over=indicator.carry_rule != "none",
        by_drug=indicator.carry_rule == "per_drug",
    )
    return covered


def _cover(
    context: RunContext,
    indicator: ProportionOfDaysCovered,
    followed: _Followed,
    at_home: np.ndarray[tuple[int, ...], np.dtype[np.int32]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    register, carry, cap = indicator.register_name, indicator.carry_rule, indicator.stock_cap_days
    picked, covered = context.set_rows(register, *indicator.codes), np.empty(followed.end.shape, np.int32)
    # One group with one stock, or none: all its rows are alike.
    alike = len(indicator.codes) == 1 and carry != "per_drug"
    bounds = np.array([validity(context.code_set(codes)) for codes in indicator.codes], np.int32)
    covered_days(
        picked.with_rows,
        picked.offsets,
        picked.day,
        None if alike else drugs_of_sets(context, register, indicator.codes),
        groups_of_code(context, indicator),
        context.supply(register, indicator.supply_model, *indicator.codes).supply_64ths,
        np.ascontiguousarray(bounds[:, 0]),
        np.ascontiguousarray(bounds[:, 1]),
        followed.stays,
        followed.start,
        followed.end,
        at_home,
        covered,
        lookback_days=indicator.lookback_days,
        stock_cap_64ths=NO_CAP if cap == "none" else cap * DAY,
        carry_over=carry != "none",
        pooled=carry == "pooled",
        all_groups=indicator.combine == "all",
    )
    return covered


def groups_of_code(context: RunContext, indicator: ProportionOfDaysCovered) -> UInt8s:
    """uint8, one a distinct code: a bit for each code set that holds it."""
    masks = [context.members(indicator.register_name, name) << bit for bit, name in enumerate(indicator.codes)]
    return np.asarray(np.bitwise_or.reduce(np.array(masks, np.uint8), axis=0), np.uint8)

"""Which of two treatments is begun first: the order of first dispensings, and what habits alone would make of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from linkage.indicator_kinds import SequenceSymmetry
from linkage_core.indicators.first_rows import first_days_ever
from linkage_core.indicators.follow_up import FAR, day_number
from linkage_core.indicators.reasons import somebody
from linkage_core.indicators.run_context import RunContext
from linkage_core.indicators.values import Bools, CellStatistic, Int32s, Int64s, Measure, PersonValues
from linkage_core.ratios import Ratio, exact_ratio, jeffreys_ratio, scaled

_LIMITS = {"exact": exact_ratio, "jeffreys": jeffreys_ratio}


def evaluate_sequence_symmetry(context: RunContext, indicator: SequenceSymmetry) -> list[PersonValues]:
    """One value: of the persons who begin both within so many days, who begins the index drug first.

    Raises:
        EventsRejected: a column is missing.
    """
    register, time = indicator.register_name, context.time
    index, marker = (
        first_days_ever(context, indicator.register_name, names, indicator.reversals)
        for names in (indicator.codes, indicator.marker)
    )
    begun_from, begun_until = indicator.begun.from_date, indicator.begun.until
    from_day = -int(FAR) if begun_from is None else day_number(begun_from)
    until_day = int(FAR) if begun_until is None else day_number(begun_until)
    exit_day = time.exit(register, ends=indicator.end_at_exit)
    begun = [(first >= from_day) & (first < until_day) & (first < exit_day) for first in (index, marker)]
    both = begun[0] & begun[1]
    apart = np.where(both, marker.astype(np.int64) - index, 0)
    names = [*indicator.codes, *indicator.marker]
    faulty = context.without_packages(register, names)
    reasons = context.reasons.settle(
        [
            ("error:packages", faulty),
            ("excluded:not_both_begun", somebody(~both)),
            ("excluded:same_day", somebody(both & (apart == 0))),
            ("excluded:too_far_apart", somebody(np.abs(apart) > indicator.most_days_apart)),
        ],
        no_rows=None,
    )
    usable = np.ones(context.persons, np.bool_) if faulty is None else ~faulty
    starts = _Starts(index, marker, begun[0] & usable, begun[1] & usable, reasons.counted)

    def statistics(persons: Bools) -> list[CellStatistic]:
        return _statistics(indicator, starts, persons)

    register_end = context.follow_up.register_end(register)
    return [
        PersonValues(
            indicator=indicator,
            parameters="first=index",
            measure=Measure.YES_NO,
            value=reasons.counted_with(apart > 0).view(np.uint8),
            reason=reasons.reason,
            reasons=reasons.names,
            incomplete=bool(register_end < until_day < FAR),
            account=context.netting_account(register, indicator.reversals, names),
            counted=reasons.counted,
            statistics=statistics if indicator.laboratory_statistics else None,
        )
    ]


@dataclass(frozen=True, slots=True)
class _Starts:
    """First dispensings.

    Args:
        index, marker: int32, one a person: day numbers.
        begins_index, begins_marker: bool, one a person: whose first dispensing counts; `pairs`: whose two do together.
    """

    index: Int32s
    marker: Int32s
    begins_index: Bools
    begins_marker: Bools
    pairs: Bools


def _statistics(indicator: SequenceSymmetry, starts: _Starts, persons: Bools) -> list[CellStatistic]:
    """Ratios of some persons."""
    pairs = starts.pairs & persons
    index_first = float(np.count_nonzero(pairs & (starts.marker > starts.index)))
    marker_first = float(np.count_nonzero(pairs)) - index_first
    index, marker = starts.index[starts.begins_index & persons], starts.marker[starts.begins_marker & persons]
    forward, backward = _forward_and_backward(index, marker, within=indicator.null_window_days)
    null = forward / backward if backward else np.nan
    found = []
    if "crude_ratio" in indicator.statistic:
        found += [
            _as_statistic("crude_ratio", _LIMITS[name](index_first, marker_first), name, index_first, marker_first)
            for name in indicator.ratio_interval
        ]
    if "null_ratio" in indicator.statistic:
        note = "" if backward else "no marker begun before an index drug: no ratio"
        found.append(CellStatistic("null_ratio", null, numerator=forward, denominator=backward, note=note))
    if "adjusted_ratio" in indicator.statistic:
        factor = 1 / null if null > 0 else np.nan
        found += [
            _as_statistic(
                "adjusted_ratio",
                scaled(_LIMITS[name](index_first, marker_first), factor),
                name,
                index_first,
                marker_first,
                note="" if null > 0 else "no null-effect ratio",
            )
            for name in indicator.ratio_interval
        ]
    return found


def _as_statistic(
    name: str, ratio: Ratio, interval: str, index_first: float, marker_first: float, *, note: str = ""
) -> CellStatistic:
    if index_first + marker_first == 0:
        note = "no pair"
    elif marker_first == 0:
        note = "; ".join(filter(None, (note, "the marker never came first: no ratio and no upper limit")))
    return CellStatistic(
        name,
        float(ratio.value),
        float(ratio.lower),
        float(ratio.upper) if np.isfinite(ratio.upper) else np.nan,
        numerator=index_first,
        denominator=marker_first,
        interval=interval,
        note=note,
    )


def _forward_and_backward(index: Int32s, marker: Int32s, *, within: int) -> tuple[float, float]:
    """Pairs of a first index drug of anybody and a first marker of anybody, as far apart at most: marker after, before.

    Tsiropoulos, Andersen and Hallas 2009, with a moving window: pairs of one day count for neither.
    """
    days: Int64s = np.sort(marker).astype(np.int64)
    own = index.astype(np.int64)

    def before(day: Int64s) -> Int64s:
        return np.searchsorted(days, day, side="left")

    forward = before(own + within + 1) - before(own + 1)
    backward = before(own) - before(own - within)
    return float(forward.sum()), float(backward.sum())

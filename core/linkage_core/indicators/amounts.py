"""Users, dispensings, packages, doses, substance, costs and substitutions, after the index day or in calendar periods.

Indicators that look at the same rows in the same windows are added up together, in one pass over the rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from operator import itemgetter

import numpy as np

from linkage.indicator_kinds import AmountIndicator, Dispensings, GenericSubstitution, Packages, Users
from linkage_core.indicators.amount_weights import Weights, weights_of
from linkage_core.indicators.amount_windows import Window, apart, kernel_windows, windows_of
from linkage_core.indicators.initiation import denominator_words
from linkage_core.indicators.person_sums import PersonSums, sums_in_windows
from linkage_core.indicators.reasons import Persons, Reasons
from linkage_core.indicators.run_context import RunContext, joined
from linkage_core.indicators.set_rows import SetRows
from linkage_core.indicators.substitution import substitution_rows
from linkage_core.indicators.values import NO_TIME, Int64s, Measure, PersonValues, Summed, UInt8s
from linkage_core.indicators.window_sums import LevelSums


def evaluate_amounts(context: RunContext, indicators: Sequence[AmountIndicator]) -> dict[str, list[PersonValues]]:
    """Values of each indicator, by its identifier: one for each cost, window or period, and denominator."""
    found: dict[str, list[PersonValues]] = {}
    for _, together in groupby(sorted(indicators, key=_rows_and_windows), _rows_and_windows):
        weighed: list[tuple[AmountIndicator, Weights]] = []
        for indicator in together:
            picked = context.set_rows(indicator.register_name, indicator.codes)
            if isinstance(indicator, GenericSubstitution):
                rows = context.dispensings(indicator.register_name)
                both = substitution_rows(rows, picked, indicator)
                own = (_evaluate_together(context, some, [(indicator, one)]) for some, one in both)
                found[indicator.id] = [value for part in own for value in part[indicator.id]]
            else:
                weighed.extend((indicator, one) for one in weights_of(context, indicator, picked))
        if weighed:
            found |= _evaluate_together(context, picked, weighed)
    return found


def _rows_and_windows(indicator: AmountIndicator) -> str:
    """The same for indicators of the same rows and windows."""
    named = (indicator.register_name, indicator.codes, indicator.end_at_exit)
    windows = indicator.calendar or indicator.observe
    return repr((*named, windows))


@dataclass(frozen=True, slots=True)
class _Added:
    """One weight of one indicator, added up by window.

    Args:
        place: of the weight among those that were added up together.
        split: the same by row variables.
        no_rows: persons without any row, whenever.
        faulty: persons with a row that does not tell its packages, where that leaves them out.
        value: what is the same in all windows.
    """

    indicator: AmountIndicator
    weights: Weights
    place: int
    sums: PersonSums
    split: Sequence[LevelSums]
    no_rows: Persons
    faulty: Persons
    value: PersonValues


def _evaluate_together(
    context: RunContext, picked: SetRows, weighed: Sequence[tuple[AmountIndicator, Weights]]
) -> dict[str, list[PersonValues]]:
    """Values of indicators of the same rows and windows, weight by weight and window by window."""
    first = weighed[0][0]
    windows, rows = windows_of(first), context.dispensings(first.register_name)
    of_row = [one.of_row for _, one in weighed]
    users = [place for place, (indicator, _) in enumerate(weighed) if isinstance(indicator, Users)]
    specs = dict.fromkeys(spec for indicator, _ in weighed for spec in _row_specs(context, indicator))
    values: dict[tuple[int, int], list[PersonValues]] = {}
    for chosen in apart(windows):
        cut = kernel_windows(context, first, [windows[number] for number in chosen])
        sums = sums_in_windows(picked, of_row, cut, above=users)
        levels = {
            spec: LevelSums(rows, picked, of_row, cut, spec, code_sets=context.definition.codes) for spec in specs
        }
        settled: dict[tuple[int, int, str], tuple[Reasons, bool]] = {}
        for place, (indicator, one) in enumerate(weighed):
            split = [levels[spec] for spec in _row_specs(context, indicator)]
            faulty = _faulty(context, indicator)
            added = _Added(indicator, one, place, sums, split, picked.without_rows, faulty, _alike(indicator, one))
            for position, number in enumerate(chosen):
                values[place, number] = list(_values(context, added, position, windows[number], settled))
    found: dict[str, list[PersonValues]] = {indicator.id: [] for indicator, _ in weighed}
    for (place, _), own in sorted(values.items(), key=itemgetter(0)):
        found[weighed[place][0].id].extend(own)
    return found


def _values(
    context: RunContext,
    added: _Added,
    number: int,
    window: Window,
    settled: dict[tuple[int, int, str], tuple[Reasons, bool]],
) -> Iterator[PersonValues]:
    indicator = added.indicator
    is_users = isinstance(indicator, Users)
    for denominator in indicator.denominator:
        # The run keeps who is faulty, mostly nobody: the same persons are the same object.
        key = (id(added.faulty), number, denominator)
        if key not in settled:
            rules = _rules(context, indicator, window, denominator, added.faulty)
            found = context.reasons.settle(rules, no_rows=added.no_rows)
            late = context.time.incomplete(indicator.register_name, window.end)
            settled[key] = found, found.any_counted(late)
        reasons, incomplete = settled[key]
        yield added.value.but_for(
            parameters=joined(added.weights.words, window.words, denominator_words(denominator)),
            value=_users(added, number, reasons) if is_users else partial(_amounts, added, number, reasons),
            reason=reasons.reason,
            reasons=reasons.names,
            contributes=reasons.counted_with(added.sums.has_rows[number]),
            period=window.period,
            rows={one.dimension: one.values(added.place, number, reasons, as_persons=is_users) for one in added.split},
            incomplete=incomplete,
            counted=reasons.counted,
            summed=None if is_users else Summed(added.sums, added.place, number),
        )


def _alike(indicator: AmountIndicator, weights: Weights) -> PersonValues:
    """What values of all windows have in common; of nobody."""
    is_users = isinstance(indicator, Users)
    return PersonValues(
        indicator=indicator,
        parameters="",
        measure=Measure.YES_NO if is_users else Measure.AMOUNT,
        value=np.empty(0, np.int64),
        reason=np.empty(0, np.uint8),
        reasons=(),
        scale=1 if is_users else weights.scale,
        account=weights.account,
    )


def _users(added: _Added, number: int, reasons: Reasons) -> UInt8s:
    return reasons.counted_with(added.sums.above[added.place][number]).view(np.uint8)


def _amounts(added: _Added, number: int, reasons: Reasons) -> Int64s:
    return reasons.value_of_counted(added.sums.of_persons[added.place, number])


def _rules(
    context: RunContext, indicator: AmountIndicator, window: Window, denominator: str, faulty: Persons
) -> list[tuple[str, Persons]]:
    register, time = indicator.register_name, context.time
    return [
        *([("error:index_date", time.without_index())] if indicator.observe is not None else []),
        ("error:packages", faulty),
        (NO_TIME, time.without_time(register, window.start, ends=indicator.end_at_exit)),
        *time.alive_rule(denominator, window.end, at=window.at),
        *context.excluded_as_incomplete(time.incomplete(register, window.end)),
    ]


def _faulty(context: RunContext, indicator: AmountIndicator) -> Persons:
    """Persons with a row that does not tell its packages.

    Other kinds do without: such a row adds nothing to them and is in their account.
    """
    if not isinstance(indicator, Users | Dispensings | Packages):
        return None
    return context.without_packages(indicator.register_name, [indicator.codes])


def _row_specs(context: RunContext, indicator: AmountIndicator) -> list[str]:
    rows = context.dispensings(indicator.register_name)
    ordered = [spec for spec in context.row_dimensions if rows.has(spec.partition(":")[0])]
    return list(dict.fromkeys([*indicator.row_strata, *ordered]))

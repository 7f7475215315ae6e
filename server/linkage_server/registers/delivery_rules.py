"""Rules a delivery must follow as a whole; a broken one refuses it and the previous snapshot stays served."""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import median

from linkage.register_rules import DeliveryRules
from linkage_server.registers.quality_report import MonthReport, RowCounts
from linkage_server.registers.quality_tally import NO_MONTH


def broken_by_counts(rules: DeliveryRules, rows: RowCounts) -> str:
    """What the number of rows says against the delivery; empty if nothing."""
    if rows.read == 0:
        return "the delivery holds a header and no rows"
    if rows.stored == 0 and rows.quarantined == 0:
        return "no row of the delivery belongs to this register"
    if rows.stored == 0:
        return "every row of the delivery breaks a rule"
    share = rows.quarantined / rows.read
    if rows.quarantined >= max(1, rules.quarantined_rows) and share > rules.quarantined_share:
        return (
            f"{rows.quarantined} of {rows.read} rows break a rule ({share:.0%}); "
            f"at most {rules.quarantined_share:.0%} are accepted"
        )
    return ""


def month_reports(
    rules: DeliveryRules, *, delivered: Mapping[str, int], before: Mapping[str, int]
) -> tuple[MonthReport, ...]:
    """Every month from the first delivered to the last, with what was expected from the nearest other months.

    Args:
        rules: how many months to compare with.
        delivered: rows of this delivery by YYYY-MM.
        before: rows the register holds already, by YYYY-MM.
    """
    after = {name: delivered.get(name, 0) + before.get(name, 0) for name in {*delivered, *before} - {NO_MONTH}}
    dated = sorted(_number(name) for name in delivered if name != NO_MONTH)
    if not dated:
        return ()
    known = {_number(name): rows for name, rows in after.items()}
    reports = []
    for month in range(dated[0], dated[-1] + 1):
        nearest = sorted((other for other in known if other != month), key=lambda other: (abs(other - month), other))
        compared = [known[other] for other in nearest[: rules.compare_months]]
        expected = median(compared) if len(compared) >= rules.compare_at_least else None
        name = _name(month)
        reports.append(
            MonthReport(month=name, rows=delivered.get(name, 0), rows_after=known.get(month, 0), expected=expected)
        )
    return tuple(reports)


def short_month(rules: DeliveryRules, months: tuple[MonthReport, ...]) -> str:
    """The first month that falls short by more than the rule allows and more than chance explains; empty if none."""
    for month in months:
        if month.expected is None:
            continue
        missing = month.expected - month.rows_after
        if missing >= rules.short_month_share * month.expected and missing > rules.chance_sigmas * math.sqrt(
            month.expected
        ):
            return (
                f"month {month.month} has {month.rows_after} rows, {missing / month.expected:.0%} fewer than the "
                f"{month.expected:.0f} expected from the months around it"
            )
    return ""


def stored_before(rules: DeliveryRules, months: tuple[MonthReport, ...]) -> tuple[MonthReport, ...]:
    """Months that the register held already when this delivery brought nearly as many rows of them again.

    A delivery is known by its bytes, so the same rows exported anew are stored beside the old ones.
    """
    found = []
    for month in months:
        held = month.rows_after - month.rows
        fewer, more = sorted((held, month.rows))
        if fewer >= (1 - rules.short_month_share) * more and fewer > rules.chance_sigmas**2:
            found.append(month)
    return tuple(found)


def _number(month: str) -> int:
    year, number = month.split("-")
    return int(year) * 12 + int(number) - 1


def _name(number: int) -> str:
    return f"{number // 12:04d}-{number % 12 + 1:02d}"

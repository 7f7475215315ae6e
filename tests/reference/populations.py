"""Who belongs to a population by the rules of registers: written to be read, one person and one row at a time.

The twin of `linkage_core.populations`; it shares with it the words of the definition alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from linkage.indicator_kinds.criteria import Criterion
from linkage.population_rules import NO_INDEX_EVENT, DayWindow, Entry, Period, PopulationRules

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Member:
    """What a population holds of one person."""

    index: date | None
    sex: int
    age: int | None
    strata: dict[str, str | None]
    excluded: str | None


def member(rules: PopulationRules, rows: Mapping[str, Sequence[Row]]) -> Member | None:
    """A person of a defined population by her rows, in the order of the registers; None if she is not in it."""
    defined = rules.defined
    assert defined is not None

    def met(entry: Entry) -> tuple[date, Row] | None:
        return _event(rules, entry, rows, defined.period, entry.new_after_days, last=False)

    days = []
    for entry in defined.all_of:
        if entry.window is None:
            found = met(entry)
            if found is None:
                return None
            days.append(found[0])
    anyhow = [entry for entry in defined.any_of if entry.window is None]
    if anyhow:
        met_anyhow = [found[0] for entry in anyhow if (found := met(entry)) is not None]
        if not met_anyhow:
            return None
        days.append(min(met_anyhow))
    index = max(days) if defined.index == "event" else defined.index
    if any(one.window and not _in_window(rules, one, rows, one.window, index) for one in defined.all_of):
        return None
    in_windows = [one for one in defined.any_of if one.window is not None]
    if in_windows and not any(one.window and _in_window(rules, one, rows, one.window, index) for one in in_windows):
        return None
    for barrier in defined.none_of:
        if barrier.window is not None and _in_window(rules, barrier, rows, barrier.window, index):
            return None
        if barrier.window is None and _event(rules, barrier, rows, defined.period, None, last=False):
            return None
    entered = [(entry, found[1]) for entry in defined.entries if (found := met(entry)) is not None]
    sex = next((told for _, row in entered if (told := _sex(row["sex"]))), 0)
    age = next((row["age"] for _, row in entered if row["age"] is not None), None)
    strata = {}
    for name, stratum in defined.strata.items():
        texts = [row[stratum.column] for entry, row in entered if entry.register_name == stratum.register_name]
        strata[name] = next((text for text in texts if text is not None), None)
    return Member(index, sex, age, strata, excluded(rules, rows, index))


def index_day(rules: PopulationRules, rows: Mapping[str, Sequence[Row]]) -> date | None:
    """The index day of a person who was sent in."""
    event = rules.index_event
    assert event is not None
    found = _event(rules, event, rows, event.period, event.new_after_days, last=event.rule == "last")
    return None if found is None else found[0]


def excluded(rules: PopulationRules, rows: Mapping[str, Sequence[Row]], index: date | None) -> str | None:
    """The rule that leaves a person out, None if none does."""
    if rules.index_event is not None and index is None:
        return NO_INDEX_EVENT
    for rule in rules.exclude:
        if index is not None and _in_window(rules, rule, rows, rule.window, index):
            return rule.id
    return None


def _event(
    rules: PopulationRules,
    criterion: Criterion,
    rows: Mapping[str, Sequence[Row]],
    period: Period,
    new_after_days: int | None,
    *,
    last: bool,
) -> tuple[date, Row] | None:
    counted = [row for row in rows[criterion.register_name] if _counts(rules, criterion, row)]
    found = []
    for row in counted:
        day = row[criterion.date_column]
        if not period.from_date <= day < period.until or not _meets_limits(criterion, row):
            continue
        if new_after_days is not None:
            washout = day - timedelta(days=new_after_days)
            if any(washout <= other[criterion.date_column] < day for other in counted):
                continue
        found.append((day, row))
    if not found:
        return None
    best = max(day for day, _ in found) if last else min(day for day, _ in found)
    return next((day, row) for day, row in found if day == best)


def _in_window(
    rules: PopulationRules, criterion: Criterion, rows: Mapping[str, Sequence[Row]], window: DayWindow, index: date
) -> bool:
    for row in rows[criterion.register_name]:
        if _counts(rules, criterion, row) and _meets_limits(criterion, row):
            since = (row[criterion.date_column] - index).days
            after_begin = window.from_day is None or since >= window.from_day
            before_end = window.to_day is None or since <= window.to_day
            if after_begin and before_end:
                return True
    return False


def _counts(rules: PopulationRules, criterion: Criterion, row: Row) -> bool:
    if row[criterion.date_column] is None:
        return False
    if criterion.codes is None:
        return True
    codes = rules.codes[criterion.codes]
    for column in criterion.code_columns:
        values = row[column] if isinstance(row[column], list) else [row[column]]
        for code in values:
            if code and code.startswith(tuple(codes.include)) and not code.startswith(tuple(codes.exclude) or ("?",)):
                return True
    return False


def _meets_limits(criterion: Criterion, row: Row) -> bool:
    if criterion.age is not None:
        age = row[criterion.age.column]
        if age is None or not criterion.age.from_years <= age <= criterion.age.to_years:
            return False
    if criterion.sex is not None and _sex(row[criterion.sex.column]) != {"man": 1, "woman": 2}[criterion.sex.sex]:
        return False
    for limit in criterion.where:
        text = row[limit.column]
        if text is None or not text.startswith(tuple(limit.starts_with)):
            return False
    return True


def _sex(text: str | None) -> int:
    return {"1": 1, "2": 2}.get(text or "", 0)

"""How registers decide about a population, as short lines for readers of a delivery."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from linkage.indicator_kinds.criteria import Criterion
from linkage.population_rules import DayWindow, Definition, Entry, Period, PopulationRules


def population_facts(rules: PopulationRules) -> tuple[tuple[str, str], ...]:
    """Name and text of each rule; nothing where registers have no say."""
    return tuple(_facts(rules))


def _facts(rules: PopulationRules) -> Iterator[tuple[str, str]]:
    if (defined := rules.defined) is not None:
        yield "Population", f"defined by registers, {_period(defined.period)}"
        lists: dict[str, Sequence[Criterion]] = {
            "Each person has": defined.all_of,
            "At least one of": defined.any_of,
            "None of": defined.none_of,
        }
        for name, criteria in lists.items():
            yield from ((name, _criterion(one, rules)) for one in criteria)
        yield "Index day", _index(defined)
    if (event := rules.index_event) is not None:
        which = f"the {event.rule} day {_period(event.period)} with {_criterion(event, rules)}"
        yield "Index day", which + _new(event.new_after_days)
    for exclusion in rules.exclude:
        where = _window(exclusion.window)
        yield f"Left out: {exclusion.id.replace('_', ' ')}", f"{_criterion(exclusion, rules)}{where}"


def _index(defined: Definition) -> str:
    if not isinstance(defined.index, str):
        return f"{defined.index} for everybody"
    return "the day on which the criteria without a window are first all met"


def _criterion(criterion: Criterion, rules: PopulationRules) -> str:
    if criterion.codes is None:
        words = f"a row of {criterion.register_name}"
    else:
        codes = rules.codes[criterion.codes]
        without = f", not {', '.join(codes.exclude)}" if codes.exclude else ""
        columns = ", ".join(name.replace("_", " ") for name in criterion.code_columns)
        words = f"{', '.join(codes.include)}{without} in {columns} of {criterion.register_name}"
    words += f", by {criterion.date_column.replace('_', ' ')}"
    if criterion.age is not None:
        words += f", aged {criterion.age.from_years} to {criterion.age.to_years}"
    if criterion.sex is not None:
        words += f", {'men' if criterion.sex.sex == 'man' else 'women'} only"
    for limit in criterion.where:
        words += f", {limit.column.replace('_', ' ')} beginning with {', '.join(limit.starts_with)}"
    if isinstance(criterion, Entry):
        words += _new(criterion.new_after_days)
    window = getattr(criterion, "window", None)
    is_exclusion = hasattr(criterion, "id")
    return words if window is None or is_exclusion else words + _window(window)


def _new(days: int | None) -> str:
    return "" if days is None else f", with none on the {days} days before"


def _window(window: DayWindow) -> str:
    if window.from_day is None and window.to_day is None:
        return ", whenever"
    if window.from_day is None:
        return f", up to day {window.to_day} after the index day"
    if window.to_day is None:
        return f", from day {window.from_day} after the index day on"
    return f", on day {window.from_day} to {window.to_day} after the index day, both included"


def _period(period: Period) -> str:
    return f"from {period.from_date} up to, not including, {period.until}"

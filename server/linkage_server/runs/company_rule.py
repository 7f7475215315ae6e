"""Company secrecy of a run: which of its sums tell what one company sells, by the manufacturers of their month.

A code without a manufacturer table, or that the table does not have, counts as one of a single manufacturer who has not
consented: what is not known is kept back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import get_args

from pydantic import BaseModel, ConfigDict

from linkage.company_decision import tells_sales
from linkage.company_secrecy import CompanyMeasure, CompanySecrecy
from linkage.indicator_definition import IndicatorSet
from linkage.indicator_kinds import CodeSet, Indicator
from linkage.manufacturer_table import ManufacturerTable
from linkage.released_table import NOT_RECORDED
from linkage_core.counted_table import CountedTable
from linkage_core.disclosure.withheld import Withheld
from linkage_core.indicators.row_dimensions import OTHER, dimension_name

_PERSONS = "users"
_CODED = "atc"
# Tells substances as ATC codes do, in words that the manufacturer table does not have.
_UNCODED = frozenset({"subnamn", "substance"})


class PlannedCompanyRule(BaseModel):
    """What company secrecy of a run is decided by.

    Attributes:
        on: the day that consents must cover.
        months: by indicator, the month whose manufacturers decide.
        tables: SHA-256 of the manufacturer table of each month; "" where there was none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    on: date
    months: dict[str, str]
    tables: dict[str, str]


def plan_company_rule(
    rule: CompanySecrecy | None,
    sets: Iterable[IndicatorSet],
    *,
    data_until: Mapping[str, date],
    served: Mapping[str, str],
    on: date,
) -> PlannedCompanyRule | None:
    """Pin the manufacturers of each indicator that tells sales; None where there is no rule or no such indicator.

    Args:
        rule: of the policy.
        sets: with the chosen indicators alone.
        data_until: last day that each register is complete up to.
        served: hash of the manufacturer table of each month.
        on: day of the plan.
    """
    if rule is None:
        return None
    months = {
        indicator.id: f"{_last_day(indicator, data_until[indicator.register_name]):%Y-%m}"
        for own in sets
        for indicator in own.indicators
        if _is_kept_back(indicator, rule)
    }
    tables = {month: served.get(month, "") for month in sorted({*months.values()})}
    return PlannedCompanyRule(on=on, months=months, tables=tables) if months else None


def withheld_by_company_rule(
    plan: PlannedCompanyRule,
    rule: CompanySecrecy,
    sets: Iterable[IndicatorSet],
    *,
    table: CountedTable,
    manufacturers: Mapping[str, ManufacturerTable],
) -> dict[str, Withheld]:
    """What a table may not tell, by indicator.

    Args:
        plan: months and day.
        rule: of the policy.
        sets: with the chosen indicators alone.
        table: what was counted, for the levels of its strata.
        manufacturers: the pinned tables, by month.
    """
    axes = [axis for one in table.sum_cubes for axis in one.dimensions]
    axes += [axis for one in table.person_cubes for axis in one.dimensions]
    levels = {axis.name: axis.levels for axis in axes}
    found: dict[str, Withheld] = {}
    for own in sets:
        for indicator in own.indicators:
            if indicator.id in plan.months:
                decide = _Decision(rule, indicator, own, manufacturers.get(plan.months[indicator.id]), plan.on)
                found[indicator.id] = Withheld(
                    everywhere=decide.is_withheld(""),
                    levels={name: decide.levels(name, codes) for name, codes in levels.items()},
                    persons=not rule.patients_shown,
                    companies={name: decide.companies(name, codes) for name, codes in levels.items()},
                )
    return found


class _Decision:
    """What is kept back of one indicator."""

    def __init__(
        self,
        rule: CompanySecrecy,
        indicator: Indicator,
        own: IndicatorSet,
        table: ManufacturerTable | None,
        on: date,
    ) -> None:
        self._rule, self._indicator, self._set, self._table, self._on = rule, indicator, own, table, on
        named = [own.codes[name] for name in indicator.own_code_sets if own.codes[name].system == _CODED]
        self._codes = [code for code in (table.codes if table else ()) if not named or _in_any(code, named)]

    def levels(self, stratum: str, levels: Iterable[str]) -> frozenset[str]:
        """Levels of a stratum at which the indicator may not be known."""
        if stratum in _UNCODED:
            return frozenset(levels) - {NOT_RECORDED}
        if _is_coded(stratum):
            return frozenset(level for level in levels if level != NOT_RECORDED and self.is_withheld(level))
        by_set = next(
            (spec for spec in getattr(self._indicator, "row_strata", []) if dimension_name(spec) == stratum), ""
        )
        if not by_set.startswith(f"{_CODED}:"):
            # Codes that are gathered in a way that is not understood here tell companies apart all the same.
            return frozenset(levels) - {NOT_RECORDED} if stratum.startswith(f"{_CODED}_") else frozenset()
        names = by_set.removeprefix(f"{_CODED}:").split("+")
        codes = {name: [code for code in self._codes if _in_any(code, [self._set.codes[name]])] for name in names}
        codes[OTHER] = [code for code in self._codes if not any(code in own for own in codes.values())]
        return frozenset(name for name, own in codes.items() if name in levels and self._tells(own))

    def companies(self, stratum: str, levels: Iterable[str]) -> dict[str, str]:
        """The company of each level of ATC codes that one company alone supplies."""
        if self._table is None or not _is_coded(stratum):
            return {}
        found = {level: self._table.of_codes(self._codes_of(level)) for level in levels}
        return {level: next(iter(companies)) for level, companies in found.items() if len(companies) == 1}

    def is_withheld(self, prefix: str) -> bool:
        """Whether rows of the indicator whose code begins so tell what too few companies sell."""
        return self._tells(self._codes_of(prefix))

    def _codes_of(self, prefix: str) -> list[str]:
        return [code for code in self._codes if code.startswith(prefix)]

    def _tells(self, codes: list[str]) -> bool:
        return tells_sales(self._rule, self._table, codes, measure=self._indicator.kind, on=self._on)


def _is_coded(stratum: str) -> bool:
    """Whether its levels are ATC codes, whole or cut to a length."""
    return stratum == _CODED or stratum.removeprefix(f"{_CODED}_").isdigit()


def _is_kept_back(indicator: Indicator, rule: CompanySecrecy) -> bool:
    if indicator.kind == _PERSONS:
        return not rule.patients_shown
    return indicator.kind in get_args(CompanyMeasure) and indicator.kind in rule.measures


def _last_day(indicator: Indicator, data_until: date) -> date:
    """Last day of the rows that an indicator can look at, as far as its calendar tells."""
    calendar = getattr(indicator, "calendar", None)
    return data_until if calendar is None else min(data_until, calendar.until - timedelta(days=1))


def _in_any(code: str, sets: Iterable[CodeSet]) -> bool:
    return any(code.startswith(tuple(own.include)) and not code.startswith(tuple(own.exclude)) for own in sets)

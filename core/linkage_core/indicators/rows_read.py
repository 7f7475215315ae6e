"""Whose rows an indicator looks at one by one, beside what is asked about all rows in one pass."""

from __future__ import annotations

from linkage.indicator_kinds import (
    AddOn,
    AmountIndicator,
    DoseAboveLimit,
    HighIntensity,
    Incidence,
    Indicator,
    MedicationPossessionRatio,
    Prevalence,
    Switch,
    TimeToInitiation,
)

_LooksAtRows = (
    AmountIndicator | DoseAboveLimit | HighIntensity | Incidence | MedicationPossessionRatio | TimeToInitiation
)
"""Kinds that do so whether or not they have a supply model."""


def code_sets_of_rows(indicator: Indicator) -> list[tuple[str, ...]]:
    """Lists of code sets: the rows of each list are looked at together; none where every row is."""
    looks = bool(indicator.supply_models) or isinstance(indicator, _LooksAtRows) or _in_periods(indicator)
    lists = [tuple(indicator.own_code_sets)] if looks else []
    if isinstance(indicator, AddOn | Switch):
        lists.append(tuple(indicator.to))
    return [names for names in lists if names]


def _in_periods(indicator: Indicator) -> bool:
    return isinstance(indicator, Prevalence) and indicator.calendar is not None

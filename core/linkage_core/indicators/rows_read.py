"""Whose rows an indicator looks at one by one, beside what is asked about all rows in one pass."""

from __future__ import annotations

import numpy as np

from linkage.indicator_kinds import (
    AddOn,
    AmountIndicator,
    Cost,
    DefinedDailyDoses,
    DoseAboveLimit,
    HighIntensity,
    Incidence,
    Indicator,
    MedicationPossessionRatio,
    Packages,
    Prevalence,
    Switch,
    TimeToInitiation,
    Users,
)
from linkage.indicator_kinds import Dispensings as DispensingsKind
from linkage_core.indicators.dispensings import Dispensings
from linkage_core.indicators.values import Int32s

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


def reads_places(indicator: Indicator) -> bool:
    """Whether it asks where rows of its code sets lie in the register, to read more of them."""
    return isinstance(indicator, _LooksAtRows)


def amounts_of_rows(rows: Dispensings, indicator: Indicator) -> list[Int32s]:
    """int32, one a row each: columns of the register that its amounts are added up from."""
    packages = [rows.quantity] if isinstance(indicator, Users | DispensingsKind | Packages | DefinedDailyDoses) else []
    concepts = [f"cost_{part}" for part in indicator.cost] if isinstance(indicator, Cost) else []
    concepts += ["ddd_per_package"] if isinstance(indicator, DefinedDailyDoses) else []
    told = [rows.numbers(name)[0] for name in concepts if rows.has(name)]
    return [*packages, *(np.asarray(column, np.int32) for column in told if column.dtype == np.int32)]


def _in_periods(indicator: Indicator) -> bool:
    return isinstance(indicator, Prevalence) and indicator.calendar is not None

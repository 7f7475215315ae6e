"""What each row adds to an amount: a package left, a dispensing, packages, doses, substance, money."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from linkage.indicator_kinds import (
    Cost,
    DefinedDailyDoses,
    Packages,
    SubstanceAmount,
    Units,
    Users,
)
from linkage.indicator_kinds import Dispensings as DispensingsKind
from linkage_core.indicators.dispensings import HUNDREDTHS, Dispensings
from linkage_core.indicators.run_context import RunContext
from linkage_core.indicators.set_rows import SetRows
from linkage_core.indicators.substance import substance_of_rows, units_of_rows
from linkage_core.indicators.values import Bools
from linkage_core.indicators.window_sums import Weight

Weighed = Users | DispensingsKind | Packages | Units | SubstanceAmount | DefinedDailyDoses | Cost
"""Kinds whose every row may add something."""


@dataclass(frozen=True, slots=True)
class Weights:
    """What each picked row adds.

    Args:
        words: of the parameter point.
        of_row: in units of 1 / `scale`.
        scale: units per whole.
        account: rows, and rows that have nothing to add.
    """

    words: str
    of_row: Weight
    scale: int
    account: Mapping[str, int]


def weights_of(context: RunContext, indicator: Weighed, picked: SetRows) -> Iterator[Weights]:
    """The weights of an indicator; several for several costs."""
    rows = context.dispensings(indicator.register_name)
    account = {"rows": len(picked.day), "rows_without_measure": 0}
    if isinstance(indicator, Users):
        register, rule = indicator.register_name, indicator.reversals
        left = rows.quantity if rule == "sum" else context.netted(register, rule).left
        yield Weights("", (picked.of(left), None, False), 1, account)
    elif isinstance(indicator, DispensingsKind):
        yield Weights("", (picked.of(rows.quantity), None, True), 1, account)
    elif isinstance(indicator, Packages):
        yield Weights(
            "", (picked.of(rows.quantity), None, False), HUNDREDTHS, _account(picked, rows.missing("packages"))
        )
    elif isinstance(indicator, Units):
        units, scale, missing = units_of_rows(rows, picked)
        yield Weights("", units, scale, _account(picked, missing))
    elif isinstance(indicator, SubstanceAmount):
        substance, scale, missing = substance_of_rows(rows, picked, indicator)
        yield Weights("", substance, scale, _account(picked, missing))
    elif isinstance(indicator, Cost):
        for part in indicator.cost:
            concept = f"cost_{part}"
            weight, scale = _amount(rows, concept, picked)
            yield Weights(f"cost={part}", weight, scale, _account(picked, rows.missing(concept)))
    else:
        yield _doses(rows, picked)


def _amount(rows: Dispensings, concept: str, picked: SetRows) -> tuple[Weight, int]:
    numbers, scale = rows.numbers(concept)
    if numbers.dtype == np.int32:
        return (picked.of(np.asarray(numbers, np.int32)), None, False), scale
    return np.asarray(numbers[picked.places], np.int64), scale


def _account(picked: SetRows, missing: Bools | None) -> dict[str, int]:
    without = 0 if missing is None else int(np.count_nonzero(missing[picked.places]))
    return {"rows": len(picked.day), "rows_without_measure": without}


def without_doses(rows: Dispensings) -> Bools | None:
    """bool, one a row: its number of DDD is not told; None where each is."""
    if rows.has("ddd_dispensed") and not rows.has("ddd_per_package"):
        return rows.missing("ddd_dispensed")
    return rows.missing("ddd_per_package", "packages")


def _doses(rows: Dispensings, picked: SetRows) -> Weights:
    """DDD of a row: packages x DDD per package, or the amount that a register without them delivers."""
    if rows.has("ddd_dispensed") and not rows.has("ddd_per_package"):
        weight, scale = _amount(rows, "ddd_dispensed", picked)
        return Weights("", weight, scale, _account(picked, without_doses(rows)))
    account = _account(picked, without_doses(rows))
    numbers, scale = rows.numbers("ddd_per_package")
    packages = picked.of(rows.quantity)
    if numbers.dtype == np.int32:
        per_package = picked.of(np.asarray(numbers, np.int32))
        return Weights("", (packages, per_package, False), scale * HUNDREDTHS, account)
    doses = packages.astype(np.int64) * np.asarray(numbers[picked.places], np.int64)
    return Weights("", doses, scale * HUNDREDTHS, account)

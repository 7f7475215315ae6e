"""Drug use periods (PRE2DUP) of a register's rows: what the kernel reads, and what it found."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from linkage.indicator_kinds import DrugDays, DrugUseModel
from linkage_core.indicators.dispensings import HUNDREDTHS, Dispensings
from linkage_core.indicators.follow_up import FAR
from linkage_core.indicators.hospital_stays import HospitalStays
from linkage_core.indicators.listed_drug_use import DrugUse, Refills, UsePeriods
from linkage_core.indicators.set_rows import SetRows
from linkage_core.indicators.values import Bools, Float64s, Int32s
from linkage_core.kernels.drug_use_periods import drug_use_periods

DDD_IN_FULL = "ddd_dispensed_in_full"
"""Defined daily doses of a dispensing as a file has them, where 1/10,000 rounds them."""

_NOTHING = np.full(5, np.nan)


def drug_use(
    rows: Dispensings, left: Int32s, stays: HospitalStays, model: DrugUseModel, *, picked: SetRows, counts: Bools
) -> DrugUse:
    """Make drug use periods of some rows of a register.

    Args:
        left: int32, one a row of the register: packages that no reversed row took, in hundredths.
        stays: hospital stays, none where the model ignores them.
        picked: the rows, of any persons.
        counts: bool, one a picked row: it may count.

    Raises:
        EventsRejected: a column is missing.
    """
    package_limits, product = _packages(rows, model, picked)
    drug_limits, code = _drugs(rows, model), rows.atc.code[picked.places]
    known = (~np.isnan(package_limits[:, 0])).take(product) | (~np.isnan(drug_limits[:, 0])).take(code)
    packages = left[picked.places] / HUNDREDTHS
    counts = counts & (packages > 0) & (picked.day < FAR)
    served = counts & known & (code >= 0)
    size = len(picked.day)
    numbers, amounts = np.empty((6, size), np.int32), np.empty((2, size))
    lasts, refill_days, refill_packages = np.zeros(size), np.zeros(size, np.int32), np.zeros(size)
    found = drug_use_periods(
        picked.offsets,
        picked.day,
        np.where(served, code, np.int32(-1)),
        product,
        packages,
        _defined_daily_doses(rows, left, picked),
        package_limits,
        drug_limits,
        stays.offsets,
        stays.admitted,
        stays.discharged,
        np.array(model.parameters, np.float64),
        numbers,
        amounts,
        lasts,
        refill_days,
        refill_packages,
        longest=int(np.diff(picked.offsets).max(initial=0)),
        most_stays=int(np.diff(stays.offsets).max(initial=0)),
    )
    person, drug, start, last, purchases, hospital_days = numbers[:, :found]
    told = np.flatnonzero(refill_days)
    of_row = np.searchsorted(picked.offsets, told, side="right") - 1
    return DrugUse(
        UsePeriods(person, drug, start, last, purchases, hospital_days, *amounts[:, :found]),
        lasts,
        served,
        np.flatnonzero(counts & ~served),
        Refills(product[told], of_row.astype(np.int32), refill_packages[told], refill_days[told]),
    )


def _packages(rows: Dispensings, model: DrugUseModel, picked: SetRows) -> tuple[Float64s, Int32s]:
    """What is known of each distinct product, a last row for none; and the product of each picked row."""
    if not rows.has("product"):
        return _NOTHING[None, :].copy(), np.zeros(len(picked.day), np.int32)
    products = rows.codes("product")
    told = {
        name: (limits.ddd_low, limits.ddd_usual, limits.days_min, limits.days_usual, limits.days_max)
        for name, limits in model.packages.items()
    }
    table = np.array([*(told.get(text.strip(), _NOTHING) for text in products.texts), _NOTHING])
    product = products.code[picked.places]
    return table, np.where(product < 0, np.int32(len(table) - 1), product)


def _drugs(rows: Dispensings, model: DrugUseModel) -> Float64s:
    """What is known of each distinct ATC code by the longest beginning that fits, a last row for no code."""
    return np.array([*(_of_drug(name, model.drugs) for name in rows.atc.names), _NOTHING])


def _of_drug(name: str, drugs: Mapping[str, DrugDays]) -> Float64s:
    for length in range(len(name), 0, -1):
        if (limits := drugs.get(name[:length])) is not None:
            return np.array([limits.ddd_low, limits.ddd_usual, limits.days_min, np.nan, limits.days_max])
    return _NOTHING


def _defined_daily_doses(rows: Dispensings, left: Int32s, picked: SetRows) -> Float64s:
    """float64, one a picked row: defined daily doses of the packages that are left; 0 where they are not known."""
    share = left[picked.places]
    if rows.has("ddd_per_package"):
        doses, scale = rows.numbers("ddd_per_package")
        found = np.multiply(doses[picked.places], share, dtype=np.float64)
        np.maximum(found, 0.0, out=found)
        return np.divide(found, scale * HUNDREDTHS, out=found)
    if rows.has(DDD_IN_FULL):
        given = np.nan_to_num(np.asarray(rows.column(DDD_IN_FULL).to_numpy(zero_copy_only=False), np.float64))
    elif rows.has("ddd_dispensed"):
        doses, scale = rows.whole_numbers("ddd_dispensed")
        given = doses / scale
    else:
        return np.zeros(len(picked.day))
    dispensed = np.abs(rows.quantity[picked.places])
    whole = np.maximum(given[picked.places], 0.0)
    return np.where(share == dispensed, whole, whole * share / np.maximum(dispensed, 1))

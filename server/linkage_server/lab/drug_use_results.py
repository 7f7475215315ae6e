"""Drug use periods of a laboratory run, one row a period, and what they tell of packages. Nothing here is protected."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from linkage_core.indicators import PersonValues
from linkage_core.indicators.listed_drug_use import ListedDrugUse
from linkage_core.indicators.usual_package_days import usual_package_days


def drug_use_periods(values: Sequence[PersonValues], *, persons: pa.Array) -> pa.Table | None:
    """Every period of every person, by person and drug.

    `end` is the first day outside the period, cut to a whole day; `days` are rounded, half to even. Persons who have no
    value are listed as well: the values say why.
    """
    parts = [_periods_of(value, value.drug_use(), persons) for value in values if value.drug_use is not None]
    return pa.concat_tables(parts) if parts else None


def _periods_of(value: PersonValues, listed: ListedDrugUse, persons: pa.Array) -> pa.Table:
    found = listed.found.periods
    atc = np.array(listed.atc)[found.drug]
    order = np.lexsort((found.start, atc, found.person))
    person, start, last, end = found.person[order], found.start[order], found.last[order], found.end[order]
    days, ddd = np.rint(end - start), found.ddd[order]
    before = np.concatenate(([-1], person[:-1]))
    first = np.maximum.accumulate(np.where(person != before, np.arange(len(person)), 0))
    return pa.table(
        {
            "indicator": pa.array([value.indicator.id] * len(order), pa.string()),
            "person_id": persons.take(pa.array(person)),
            "atc": pa.array(atc[order], pa.string()),
            "period": pa.array(np.arange(len(order)) - first + 1, pa.int32()),
            "start": pa.array(start, pa.int32()).cast(pa.date32()),
            "end": pa.array(np.floor(end).astype(np.int32), pa.int32()).cast(pa.date32()),
            "days": pa.array(days.astype(np.int64)),
            "hospital_days": pa.array(found.hospital_days[order], pa.int64()),
            "purchases": pa.array(found.purchases[order], pa.int64()),
            "last_purchase": pa.array(last, pa.int32()).cast(pa.date32()),
            "ddd": pa.array(ddd),
            "ddd_per_day": pa.array(np.divide(ddd, days, out=np.full(len(ddd), np.nan), where=days > 0)),
        }
    )


def package_days(values: Sequence[PersonValues]) -> pa.Table | None:
    """What the periods tell of how long each known package lasts; `common_days` is null where refills are too few.

    It lies between the least and the most days of the package, whatever the refills say.
    """
    listings = [(value.indicator.id, value.drug_use()) for value in values if value.drug_use is not None]
    rows = [row for name, listed in listings for row in _packages_of(name, listed)]
    schema = pa.schema(
        [
            ("indicator", pa.string()),
            ("product", pa.string()),
            *((name, pa.float64()) for name in ("ddd_low", "ddd_usual", "days_min", "days_usual", "days_max")),
            *((name, pa.int64()) for name in ("refills", "persons")),
            ("common_days", pa.float64()),
        ]
    )
    return pa.Table.from_pylist(rows, schema=schema) if listings else None


def _packages_of(name: str, listed: ListedDrugUse) -> list[dict[str, object]]:
    usual = usual_package_days(listed.found.refills)
    told = {listed.products[place].strip(): one for place, one in usual.items() if place < len(listed.products)}
    rows: list[dict[str, object]] = []
    for product, limits in listed.model.packages.items():
        one = told.get(product)
        common = None if one is None or one.days is None else min(max(one.days, limits.days_min), limits.days_max)
        rows.append(
            {
                "indicator": name,
                "product": product,
                **limits.model_dump(),
                "refills": one.refills if one else 0,
                "persons": one.persons if one else 0,
                "common_days": common,
            }
        )
    return rows

"""Drug use periods of all persons as lists, and what they tell of packages."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from linkage.indicator_kinds import DrugUseModel

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
Float64s = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class UsePeriods:
    """Periods of all persons, by person; one entry a period.

    Args:
        person: int32, position in the population; `drug`: int32, position among the distinct ATC codes.
        start, last: int32, day numbers of the first day and of the last purchase.
        purchases, hospital_days: int32; `ddd`: float64, defined daily doses dispensed.
        end: float64, day number: the first day outside the period, with the fraction of a day that is left of it.
    """

    person: Int32s
    drug: Int32s
    start: Int32s
    last: Int32s
    purchases: Int32s
    hospital_days: Int32s
    end: Float64s
    ddd: Float64s

    @property
    def last_day(self) -> Int32s:
        """int32: the first day that is no longer a whole day of the period."""
        return np.floor(self.end).astype(np.int32)


@dataclass(frozen=True, slots=True)
class Refills:
    """Days from one purchase of whole packages of one kind to the next, where they tell how long a package lasts.

    Args:
        product: int32, position among the distinct products; `person`: int32.
        packages: float64; `days`: int32.
    """

    product: Int32s
    person: Int32s
    packages: Float64s
    days: Int32s


@dataclass(frozen=True, slots=True)
class DrugUse:
    """What was found.

    Args:
        periods: of all persons.
        lasts: float64, one a picked row: days until the next purchase or the end of the period; told at the first row
            of a drug and day, 0 at others.
        served: bool, one a picked row: it is part of a purchase.
        unknown: positions of picked rows of which neither package nor drug tells anything, ascending.
        refills: what periods tell of packages.
    """

    periods: UsePeriods
    lasts: Float64s
    served: Bools
    unknown: Int64s
    refills: Refills


@dataclass(frozen=True, slots=True)
class ListedDrugUse:
    """What an indicator found, with the names of its drugs and products."""

    found: DrugUse
    model: DrugUseModel
    atc: tuple[str, ...]
    products: tuple[str, ...]

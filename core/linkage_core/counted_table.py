"""Exact counts and sums by stratum, before disclosure control.

A `CountedTable` never leaves the service: `linkage_core.disclosure.protect` turns it into a `ProtectedTable`.

Cells are identified by *what they count*: the name of a set of persons (or of a sum) and the coordinates that are not
totals. Two cubes of the same set over other dimensions therefore share their common margins, which is what makes linked
tables protectable as one system.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from linkage_core.class_table import ClassSum, ClassTable

TOTAL = "total"
"""Code of a dimension's total in every table that leaves."""

Int64Cube = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Dimension:
    """One stratum of a table.

    Args:
        name: column name in the released table.
        levels: codes in display order, without the total.
        multi_response: a person may be counted under several levels, so levels do not add up to the total.
    """

    name: str
    levels: tuple[str, ...]
    multi_response: bool = False


@dataclass(frozen=True, slots=True)
class PersonCube:
    """Numbers of persons of one set, by stratum, with all margins.

    Args:
        persons_key: names the set of persons, e.g. "population", "statin_initiation/within_days=90/yes".
        dimensions: the axes.
        persons: int64, shape (levels + 1, ...) in the order of `dimensions`; the last index of an axis is its total.
    """

    persons_key: str
    dimensions: tuple[Dimension, ...]
    persons: Int64Cube


@dataclass(frozen=True, slots=True)
class SumCube:
    """Sums over rows or persons, by stratum, with all margins, as exact integers.

    Args:
        sum_key: names the sum, e.g. "statin_ddd".
        dimensions: the axes.
        sums: int64, same shape rule as PersonCube, in units of 1 / `scale`.
        scale: units per whole (100 for hundredths of a DDD or öre of a krona, 1 for dispensings and days).
        contributors_key: the set of persons who contribute to a cell; a PersonCube over the same dimensions.
    """

    sum_key: str
    dimensions: tuple[Dimension, ...]
    sums: Int64Cube
    scale: int
    contributors_key: str


@dataclass(frozen=True, slots=True)
class Split:
    """States that a set of persons falls apart into disjoint sets: persons(whole) = sum of persons(parts) in each cell.

    Parts that no cube holds (for instance "denominator without numerator") are implied: the protector computes them and
    protects them although they are never printed.
    """

    whole_key: str
    part_keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Nesting:
    """States that one stratum falls apart into another, although no cube crosses the two.

    Hospitals within regions, say. Without it a reader who knows the map adds up hospitals to find a hidden region.
    Months, quarters and years of one calendar need no Nesting: the protector reads it from their codes.

    Args:
        fine: name of the stratum with smaller groups.
        coarse: name of the stratum whose levels are unions of those groups.
        parents: (level of fine, level of coarse) for each level of fine.
    """

    fine: str
    coarse: str
    parents: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Meeting:
    """In which levels of two strata somebody is, although a table may not cross them: for making levels coarser.

    Args:
        one, other: names of the strata.
        pairs: (level of one, level of other), each once.
    """

    one: str
    other: str
    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class SumThreshold:
    """States that a set of persons are those whose part of a sum reaches a threshold.

    Who knows a sum and all but one of its thresholds knows about the last: five persons with three drugs or more are
    five drugs more than the others account for. A mean stands beside its thresholds only where all of them are open.

    Args:
        sum_key: the sum.
        persons_key: the persons who reach the threshold.
        least: the threshold, where the sum is of numbers of things; 0 for other amounts.
    """

    sum_key: str
    persons_key: str
    least: int = 0


DAYS_A_YEAR = 365.25
"""Of a person-year."""


@dataclass(frozen=True, slots=True)
class PeriodPart:
    """States that a set of persons, or a sum, of one calendar period is part of another at the level of that period.

    The part is counted without the dimension of periods: users of 2020 whom the table of inhabitants has, of the users
    at year = 2020. Nobody prints the rest, and everybody can compute it.
    """

    whole_key: str
    dimension: str
    label: str
    part_key: str


@dataclass(frozen=True, slots=True)
class PublicCube:
    """Numbers that everybody may look up, such as inhabitants: never blank, and no secret.

    Args:
        key: names what is counted.
        dimensions: names of the axes.
        numbers: float64, levels + total by axis.
    """

    key: str
    dimensions: tuple[str, ...]
    numbers: npt.NDArray[np.float64]


class Statistic(StrEnum):
    """What a released line states."""

    PERSONS = "persons"  # value = numerator
    SHARE = "share"  # numerator / denominator
    PER_1000 = "per_1000"  # 1000 * numerator / denominator
    SUM = "sum"  # sum in whole units
    MEAN = "mean"  # sum / denominator persons
    RATE_PER_1000_PERSON_YEARS = "rate_per_1000_person_years"  # 1000 * DAYS_A_YEAR * numerator / person-days
    PER_1000_INHABITANTS = "per_1000_inhabitants"  # 1000 * numerator / inhabitants
    DDD_PER_1000_A_DAY = "ddd_per_1000_inhabitants_per_day"  # 1000 * sum / (inhabitants * days)
    STANDARDISED = "standardised_per_1000_inhabitants"  # weighed over ages
    EXPECTED = "expected"  # persons at the rates of all
    SMR = "smr"  # numerator / expected
    SURVIVAL = "survival"  # share without the event, of a life table
    CUMULATIVE_INCIDENCE = "cumulative_incidence"  # share that had the event, others competing, of a life table
    QUANTILE = "quantile"  # a value below which a share of the persons lies, by bins


@dataclass(frozen=True, slots=True)
class Line:
    """One statistic to be printed for every cell of `dimensions`.

    Args:
        indicator: identifier in its set.
        parameters: parameter point of a grid such as "within_days=90"; empty without a grid.
        statistic: how value is formed.
        dimensions: names of the strata, in the order of the cubes' axes.
        numerator_key: PersonCube of the numerator; empty where the statistic is formed from a sum alone.
        denominator_key: PersonCube of the denominator; empty where there is none.
        sum_key: SumCube for SUM and MEAN; empty otherwise.
        person_time_key: SumCube of person-days for rates; empty otherwise.
        interval: "wilson", "clopper-pearson", "poisson" or "" for none.
        incomplete: the observation window reaches past the last complete month of the register.
        period: dimension and label of the one calendar period that it is of; empty where `dimensions` has all of them.
        inhabitants_key: PublicCube of inhabitants, for rates per inhabitant; empty otherwise.
        days: of the period, for rates per inhabitant.
    """

    indicator: str
    parameters: str
    statistic: Statistic
    dimensions: tuple[str, ...]
    numerator_key: str = ""
    denominator_key: str = ""
    sum_key: str = ""
    person_time_key: str = ""
    interval: str = ""
    incomplete: bool = False
    period: tuple[str, str] = ("", "")
    inhabitants_key: str = ""
    days: int = 0


@dataclass(frozen=True, slots=True)
class RateLine:
    """A rate by ages brought into one number, for every cell of the line's dimensions.

    Args:
        line: names what is counted (`numerator_key` or `sum_key`) and the inhabitants; its dimensions lack age groups.
            Other lines print each count that it is formed from.
        stratum: for each age group its stratum, -1 for one that is left out.
        weights: of the strata.
        others: strata by which the rates of all are told beside age, for what is expected.
    """

    line: Line
    stratum: tuple[int, ...]
    weights: tuple[float, ...]
    others: tuple[str, ...] = ()


AGE_GROUP = "age_group"
"""The stratum of ages on 31 December of a period's year."""


@dataclass(frozen=True, slots=True)
class RowParts:
    """How the rows behind an indicator fall apart: by the step that told their supply, say.

    Args:
        parameters: the points that it is told of; "" for all.
        question: by what; `parts`: into what.
        rows, persons: of each part; a person may have rows in several.
    """

    indicator: str
    parameters: str
    question: str
    parts: tuple[str, ...]
    rows: tuple[int, ...]
    persons: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class CountedTable:
    """Everything counted for one order: cubes, how their sets relate, and the lines that shall be printed."""

    person_cubes: tuple[PersonCube, ...]
    sum_cubes: tuple[SumCube, ...]
    splits: tuple[Split, ...]
    lines: tuple[Line, ...]
    # Printed beside the table, counted over persons too: why persons had no value (indicator, reason, persons_key).
    reasons: tuple[tuple[str, str, str], ...] = field(default=())
    # Strata that fall apart into other strata without being crossed with them.
    nestings: tuple[Nesting, ...] = field(default=())
    # What the rows behind each indicator were.
    row_parts: tuple[RowParts, ...] = field(default=())
    # Sets of persons who reach so much of a sum.
    thresholds: tuple[SumThreshold, ...] = field(default=())
    # Rates per inhabitant: sets of one period within their wholes, inhabitants, and rates brought into one number.
    period_parts: tuple[PeriodPart, ...] = field(default=())
    public: tuple[PublicCube, ...] = field(default=())
    rates: tuple[RateLine, ...] = field(default=())
    # Counts by class: what is told of them, and sets that classes make up.
    classes: tuple[ClassTable, ...] = field(default=())
    class_sums: tuple[ClassSum, ...] = field(default=())
    # Of strata, from which their nestings were read off.
    meetings: tuple[Meeting, ...] = field(default=())
    # Who reads the table sent the persons, and knows how many they are.
    persons_known: bool = True

    def inhabitants(self, key: str, dimensions: tuple[str, ...]) -> npt.NDArray[np.float64]:
        """Numbers of a public cube."""
        return next(cube.numbers for cube in self.public if (cube.key, cube.dimensions) == (key, dimensions))

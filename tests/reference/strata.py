"""Levels of strata and which of them lie in each other, in plain numpy over a whole population: the twin of strata.

Named by kernels/stratum_levels, which reads ages and codes person by person and crosses levels.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
import numpy.typing as npt

from linkage.errors import EventsRejected
from linkage_core.counted_table import Dimension, Nesting
from linkage_core.events import Population

UNKNOWN = "unknown"
_SEXES = {1: "man", 2: "woman"}
_BAND = re.compile(r"<(\d+)|(\d+)-(\d+)|(\d+)\+")
_TO_MONTHS = "datetime64[M]"

Int32s = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Stratum:
    """A dimension and the level of each person: int32, one a person, position in the dimension's levels."""

    dimension: Dimension
    level: Int32s


def stratum(population: Population, spec: str, *, age_on: int | None = None) -> Stratum:
    """Levels of one stratum.

    Args:
        spec: as in an order's `by`.
        age_on: day number on which age is taken where the population has no index date (31 December of the year).

    Raises:
        EventsRejected: the population does not have what the stratum is made of.
    """
    if spec == "sex":
        return _sex(population)
    if spec.startswith("age:"):
        return _age(population, spec.removeprefix("age:"), age_on)
    if spec.startswith("index:"):
        return _index_period(population, spec.removeprefix("index:"))
    return _declared(population, spec)


def _sex(population: Population) -> Stratum:
    if population.sex is None:
        raise _lacks("sex", "its identity numbers do not tell it")
    codes = np.asarray(population.sex.fill_null(0).to_numpy(zero_copy_only=False), np.int64)
    return _from_labels("sex", [_SEXES.get(int(code), UNKNOWN) for code in (0, 1, 2)], codes, order=["man", "woman"])


def _age(population: Population, bands: str, age_on: int | None) -> Stratum:
    if population.birth_date is None:
        raise _lacks("age", "its identity numbers do not tell dates of birth")
    if population.index_date is None and age_on is None:
        raise _lacks("age", "it has no index date on which to take the age")
    born = population.birth_date.to_numpy(zero_copy_only=False).astype("datetime64[D]")
    if population.index_date is not None:
        on = population.index_date.to_numpy(zero_copy_only=False).astype("datetime64[D]")
    else:
        on = np.full(len(born), np.datetime64(age_on, "D"))
    missing = np.isnat(born) | np.isnat(on)
    ages = completed_years(np.where(missing, np.datetime64(0, "D"), born), np.where(missing, np.datetime64(0, "D"), on))
    labels = [band.strip() for band in bands.split(",")]
    level = np.full(len(ages), len(labels), np.int64)
    for position, (lowest, highest) in enumerate(map(_band, labels)):
        level[(ages >= lowest) & (ages <= highest)] = position
    level[missing] = len(labels)
    return _from_labels("age", [*labels, UNKNOWN], level, order=labels)


def completed_years(born: npt.NDArray[np.datetime64], on: npt.NDArray[np.datetime64]) -> npt.NDArray[np.int64]:
    """Completed years of age; who is born on 29 February turns on 1 March of other years."""
    months = on.astype(_TO_MONTHS).astype(np.int64) - born.astype(_TO_MONTHS).astype(np.int64)
    day_of_month = (on - on.astype(_TO_MONTHS)).astype(np.int64)
    born_on = (born - born.astype(_TO_MONTHS)).astype(np.int64)
    return np.asarray((months - (day_of_month < born_on)) // 12, np.int64)


def _band(label: str) -> tuple[int, int]:
    match = _BAND.fullmatch(label)
    if match is None:
        raise EventsRejected(f"age band {label!r} is not written as <65, 65-74 or 85+.", mend="Mend the age bands.")
    if match[1]:
        return 0, int(match[1]) - 1
    return (int(match[2]), int(match[3])) if match[2] else (int(match[4]), 1000)


def _index_period(population: Population, step: str) -> Stratum:
    if population.index_date is None:
        raise _lacks(f"index:{step}", "it has no index date")
    if step not in ("month", "quarter", "year"):
        raise EventsRejected(f"index:{step} is no period.", mend="Use index:month, index:quarter or index:year.")
    days = population.index_date.to_numpy(zero_copy_only=False).astype("datetime64[D]")
    missing = np.isnat(days)
    width = {"month": 1, "quarter": 3, "year": 12}[step]
    months = np.where(missing, 0, days.astype(_TO_MONTHS).astype(np.int64)) // width
    known = months[~missing]
    first, last = (int(known.min()), int(known.max())) if len(known) else (0, -1)
    labels = [_period_label(number, step) for number in range(first, last + 1)]
    level = np.where(missing, len(labels), months - first)
    return _from_labels(f"index_{step}", [*labels, UNKNOWN], level, order=labels)


def _period_label(number: int, step: str) -> str:
    if step == "year":
        return str(1970 + number)
    if step == "quarter":
        return f"{1970 + number // 4}-Q{number % 4 + 1}"
    return f"{1970 + number // 12}-{number % 12 + 1:02d}"


def _declared(population: Population, name: str) -> Stratum:
    if name not in population.strata:
        known = ", ".join(sorted(population.strata)) or "none"
        raise _lacks(name, f"declared are: {known}")
    column = population.strata[name]
    labels = [text or UNKNOWN for text in column.dictionary.to_pylist()]
    codes = column.indices.fill_null(len(labels)).to_numpy(zero_copy_only=False).astype(np.int64)
    return _from_labels(name, [*labels, UNKNOWN], codes, order=sorted(set(labels) - {UNKNOWN}, key=_natural))


def _natural(label: str) -> tuple[int, int, str]:
    return (0, int(label), "") if label.isdecimal() else (1, 0, label)


def _from_labels(name: str, labels: Sequence[str], codes: npt.NDArray[np.int64], *, order: Sequence[str]) -> Stratum:
    """Bring codes of `labels` into display order; `unknown` is a level only where somebody is."""
    unknown = np.array([label == UNKNOWN for label in labels], np.bool_)
    levels = [*order, UNKNOWN] if len(codes) and unknown[codes].any() else list(order)
    place = {label: position for position, label in enumerate(levels)}
    rank = np.array([place.get(label, 0) for label in labels], np.int32)
    return Stratum(Dimension(name, tuple(levels)), rank[codes])


def nestings(strata: Sequence[Stratum]) -> tuple[Nesting, ...]:
    """Which levels of one stratum fall apart into levels of another, read off the persons.

    A reader who knows which hospital lies in which region adds up hospitals to find a hidden region, although nobody
    crossed the two. What is so by accident in a small population is stated as well: it hides a little more and gives
    nothing away.

    Args:
        strata: of the same persons.
    """
    found: list[Nesting] = []
    for fine, coarse in permutations(strata, 2):
        width = len(coarse.dimension.levels)
        pairs = np.unique(fine.level.astype(np.int64) * width + coarse.level)
        inner, outer = pairs // width, pairs % width
        # A fine level in two coarse ones does not tell; neither does a coarse level that has such a part.
        within_one = np.bincount(inner, minlength=len(fine.dimension.levels))[inner] == 1
        whole = np.ones(width, np.bool_)
        whole[outer[~within_one]] = False
        parents = tuple(
            (fine.dimension.levels[part], coarse.dimension.levels[level])
            for part, level in zip(inner.tolist(), outer.tolist(), strict=True)
            if whole[level]
        )
        if parents and width > 1:
            found.append(Nesting(fine.dimension.name, coarse.dimension.name, parents))
    return tuple(found)


def cell(levels: Sequence[int], sizes: Sequence[int]) -> int:
    """The cell of a person whose levels these are, where strata of so many levels are crossed."""
    found = 0
    for level, size in zip(levels, sizes, strict=True):
        found = found * size + level
    return found


def _lacks(what: str, why: str) -> EventsRejected:
    return EventsRejected(f"the population has no stratum {what!r}: {why}.", mend="Leave the stratum out of `by`.")

"""Age groups of a table of inhabitants, and the weights that a standard population gives them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from linkage.errors import InputRefused
from linkage.indicator_kinds import Standard
from linkage.standard_populations import standard_population
from linkage_core.indicators.values import Int64s
from linkage_core.intervals import Floats
from linkage_core.strata import age_band


class AgeGroup(NamedTuple):
    """First and last age, both included; `OLDEST` where the group is open."""

    first: int
    last: int

    def within(self, other: AgeGroup) -> bool:
        """Whether all of its ages are ages of another."""
        return other.first <= self.first and self.last <= other.last

    def meets(self, other: AgeGroup) -> bool:
        """Whether the two share an age."""
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True, slots=True)
class WeighedAges:
    """The strata of a standardised rate.

    Args:
        stratum: int64, one an age group: its stratum, -1 for an age that is left out.
        weights: float64, one a stratum.
    """

    stratum: Int64s
    weights: Floats

    def gathered(self, cube: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Floats:
        """Add up age groups, the last axis, by stratum."""
        found = np.zeros((*cube.shape[:-1], len(self.weights)))
        for group, stratum in enumerate(self.stratum.tolist()):
            if stratum >= 0:
                found[..., stratum] += cube[..., group]
        return found


def age_group(label: str) -> AgeGroup:
    """The ages of a label such as <5, 40-44, 90+ or 0.

    Raises:
        EventsRejected: it is not written so.
    """
    return AgeGroup(*age_band(as_band(label)))


def as_band(label: str) -> str:
    """The label as strata write it: a single age is a band from it to itself."""
    return f"{label}-{label}" if label.isdecimal() else label


def regrouped(groups: Sequence[str], bands: Sequence[str]) -> Int64s:
    """int64, one a group: the position of the band that holds it, -1 for none.

    Raises:
        InputRefused: a group lies in a band with a part of its ages only.
    """
    wanted = [age_group(band) for band in bands]
    found = np.full(len(groups), -1, np.int64)
    for place, label in enumerate(groups):
        ages = age_group(label)
        for band, other in enumerate(wanted):
            if ages.within(other):
                found[place] = band
            elif ages.meets(other):
                raise InputRefused(
                    f"age band {bands[band]!r} cuts the age group {label!r} of the table of inhabitants.",
                    mend="Choose bands that are made of whole age groups.",
                )
    return found


def standard_weights(groups: Sequence[str], standard: Standard) -> WeighedAges:
    """Which age groups are strata of a standardised rate, and what they weigh.

    Args:
        groups: labels of the table of inhabitants, youngest first.

    Raises:
        InputRefused: ages are cut within a group, or the standard does not tell a weight for one.
    """
    strata = _strata(groups, standard)
    names = list(dict.fromkeys(name for name in strata if name is not None))
    if not names:
        raise InputRefused("standard leaves no age group of the table of inhabitants.", mend="Mend from_age.")
    stratum = np.array([-1 if name is None else names.index(name) for name in strata], np.int64)
    return WeighedAges(stratum, np.array([_weight(name, standard) for name in names], np.float64))


def _strata(groups: Sequence[str], standard: Standard) -> list[str | None]:
    """The stratum of each group by name; None for one that is left out."""
    found: list[str | None] = []
    for label in groups:
        ages, open_age = age_group(label), standard.open_age
        for edge in (standard.from_age, open_age):
            if edge is not None and ages.first < edge <= ages.last:
                raise InputRefused(
                    f"standard cuts the age group {label!r} of the table of inhabitants at {edge}.",
                    mend="Let from_age and open_age be first ages of its groups.",
                )
        if ages.first < standard.from_age:
            found.append(None)
        else:
            found.append(f"{open_age}+" if open_age is not None and ages.first >= open_age else label)
    return found


def _weight(name: str, standard: Standard) -> float:
    if isinstance(standard.weights, dict):
        if name not in standard.weights:
            raise InputRefused(
                f"standard has no weight for the age group {name!r}.", mend="Add one to weights, or change the ages."
            )
        return standard.weights[name]
    ages, total = age_group(name), 0
    for label, persons in standard_population(standard.weights).items():
        band = age_group(label)
        if band.within(ages):
            total += persons
        elif band.meets(ages):
            raise InputRefused(
                f"the age group {name!r} cuts the group {label!r} of the standard population {standard.weights}.",
                mend="Use groups of five years, up to 95+ at most.",
            )
    return float(total)

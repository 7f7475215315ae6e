"""Daily doses that rows state: milligrams a unit out of the strength, units a day out of the dosage or as assumed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from linkage_core.indicators.days_of_supply import RANGES
from linkage_core.indicators.dispensings import Dispensings
from linkage_core.indicators.reasons import Persons, among, somebody
from linkage_core.indicators.strengths import strengths
from linkage_core.indicators.values import Bools, Float64s, Int64s

_DECIMALS = 6
"""Of a dose in milligrams: products of decimals that are told exactly are compared exactly."""


class DailyDoses(NamedTuple):
    """What persons take of each substance in a day.

    Args:
        person, substance: int64, each pair once.
        milligrams: float64.
    """

    person: Int64s
    substance: Int64s
    milligrams: Float64s


@dataclass(frozen=True, slots=True)
class StatedDoses:
    """The dose that each of some rows states.

    Args:
        person, substance: int64, one a row; persons ascend.
        strength, units: float64, milligrams a unit and units a day; NaN where they are not told.
        step: int64, position of the step that told the units; -1 where none did.
        steps: names of the steps.
    """

    person: Int64s
    substance: Int64s
    strength: Float64s
    units: Float64s
    step: Int64s
    steps: Sequence[str]

    def faults(self, persons: int) -> list[tuple[str, Persons]]:
        """Who has a row that does not tell its strength, or its units."""
        return [
            ("error:strength_text", somebody(among(persons, self.person[np.isnan(self.strength)]))),
            ("error:dosage_text", somebody(among(persons, self.person[np.isnan(self.units)]))),
        ]

    def assumed(self, persons: int) -> Bools:
        """bool, one a person: of one of her rows the units a day were assumed and not told."""
        assumes = np.array([*(name.startswith("units_per_day") for name in self.steps), False], np.bool_)
        return among(persons, self.person[assumes[self.step]])

    def rows_by_step(self) -> dict[str, int]:
        """How many rows each step served."""
        return {f"rows_by_{name}": int(np.count_nonzero(self.step == place)) for place, name in enumerate(self.steps)}

    def daily(self) -> DailyDoses:
        """What persons take in a day: equal doses of a substance are one dose, different ones add up."""
        return _daily_doses(self.person, self.substance, self.strength * self.units)


def stated_doses(
    rows: Dispensings,
    places: Int64s,
    person: Int64s,
    substance: Int64s,
    *,
    components: Sequence[int | None],
    steps: Sequence[str],
    bare_number_is_mg: bool,
) -> StatedDoses:
    """What rows say about dose.

    Args:
        places: int64, one a row: its position in the register.
        person, substance: int64, one a row; persons ascend.
        components: of each substance, which of the strengths of a text is its own.
        steps: what tells the units a day, in turn.
        bare_number_is_mg: a strength without a unit is read as milligrams.
    """
    strength = _milligrams_of_rows(rows, places, substance, components, bare_number_is_mg=bare_number_is_mg)
    return StatedDoses(person, substance, strength, *_units_a_day(rows, steps, places), steps)


def _milligrams_of_rows(
    rows: Dispensings, places: Int64s, substance: Int64s, components: Sequence[int | None], *, bare_number_is_mg: bool
) -> Float64s:
    """Milligrams a unit of each row, NaN where its strength does not tell them.

    Args:
        places, substance: int64, positions in the register, and of the substance of each.
        components: of each substance, which of the strengths of a text is its own.
    """
    # By substance and text; no text is -1, and has the last number of each substance.
    told = np.stack(
        [_milligrams_of_texts(rows, component=one, bare_number_is_mg=bare_number_is_mg) for one in components]
    )
    text = rows.codes("strength_text").code[places]
    return told[substance, text]


def _milligrams_of_texts(rows: Dispensings, *, component: int | None, bare_number_is_mg: bool) -> Float64s:
    """Milligrams of one component of each distinct strength, and NaN for no text behind them.

    Args:
        component: from 1, of a text that tells several strengths; None reads texts that tell one.
    """
    facts = rows.codes("strength_text").facts

    def of_text(text: str) -> float:
        found = strengths(text, bare_number_is_mg=bare_number_is_mg)
        if component is None:
            return float(found[0]) if len(found) == 1 else np.nan
        return float(found[component - 1]) if len(found) > 1 and component <= len(found) else np.nan

    def read() -> Float64s:
        return np.array([*map(of_text, facts.texts), np.nan])

    return facts.remember(("strength", component, bare_number_is_mg), read)


def _units_a_day(rows: Dispensings, steps: Sequence[str], places: Int64s) -> tuple[Float64s, Int64s]:
    """Units a day of each row by the first step that can tell, NaN where none does; and that step, -1 for none."""
    reads_texts = rows.has("dosage_text") and not all(name.startswith("units_per_day") for name in steps)
    text = rows.codes("dosage_text").code[places] if reads_texts else np.full(len(places), -1, np.int32)
    # By text, behind them no text, as each row has one.
    units = np.full(len(rows.codes("dosage_text").texts) + 1 if reads_texts else 1, np.nan)
    step = np.full(len(units), -1, np.int64)
    for number, name in enumerate(steps):
        parameter = name.partition(":")[2]
        if name.startswith("units_per_day"):
            told = np.full(len(units), float(parameter))
        elif reads_texts:
            told = _units_of_texts(rows, parameter)
        else:
            continue
        serves = np.isnan(units) & ~np.isnan(told)
        units[serves], step[serves] = told[serves], number
    return units[text], step[text]


def _units_of_texts(rows: Dispensings, ranges: str) -> Float64s:
    """Units a day of each distinct dosage text, and NaN for no text behind them."""
    facts = rows.codes("dosage_text").facts

    def read() -> Float64s:
        return np.array([*(np.nan if one is None else float(one) for one in facts.units_by(RANGES[ranges])), np.nan])

    return facts.remember(("units a day", ranges), read)


def _daily_doses(person: Int64s, substance: Int64s, milligrams: Float64s) -> DailyDoses:
    """Doses of rows as doses of persons: equal doses of a substance are one dose, different ones add up.

    Args:
        person: int64, one a row, ascending.
    """
    dose = np.round(milligrams, _DECIMALS)
    person, substance, dose = _in_order(person, substance, dose)
    same = np.zeros(len(dose), np.bool_)
    same[1:] = (person[1:] == person[:-1]) & (substance[1:] == substance[:-1])
    first = np.flatnonzero(~same)
    repeated = same.copy()
    repeated[1:] &= dose[1:] == dose[:-1]
    added = np.add.reduceat(np.where(repeated, 0.0, dose), first) if len(first) else np.zeros(0)
    return DailyDoses(person[first], substance[first], np.round(added, _DECIMALS))


def _in_order(person: Int64s, substance: Int64s, dose: Float64s) -> tuple[Int64s, Int64s, Float64s]:
    """By person, substance and dose; most persons have one row, which lies where it belongs."""
    with_next = person[1:] == person[:-1]
    several = np.flatnonzero(np.append(with_next, False) | np.append(False, with_next))
    substance, dose = substance.copy(), dose.copy()
    order = np.lexsort((dose[several], substance[several], person[several]))
    substance[several], dose[several] = substance[several][order], dose[several][order]
    return person, substance, dose

"""Strata of a population: those that the orderer declared, and those derived from identity and index date.

`sex`, `age:<65,65-74,75-84,85+`, `index:month`, `index:quarter` and `index:year` are derived; any other word is a
declared stratum. A person without a level is counted under `unknown`, so that levels always add up to the total.

What a rule needs to know of the whole population it knows before the population is cut into blocks of persons.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from linkage.errors import EventsRejected
from linkage_core.counted_table import Dimension
from linkage_core.events import NO_DATE, Population, days_of
from linkage_core.kernels.stratum_levels import age_bands, place_codes

UNKNOWN = "unknown"
OLDEST = 1000
_SEXES = ("man", "woman")
_BAND = re.compile(r"<(\d+)|(\d+)-(\d+)|(\d+)\+")
_MONTHS = {"month": 1, "quarter": 3, "year": 12}

Int32s = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class StratumRule:
    """How a stratum's levels are read off any part of the population.

    Args:
        dimension: its levels in display order; the last is always `unknown`, whether or not somebody is there.
        levels: int32, one a person of a part of the population: position in the dimension's levels.
    """

    dimension: Dimension
    levels: Callable[[Population], Int32s]


def stratum_rule(population: Population, spec: str, *, age_on: int | None = None) -> StratumRule:
    """The rule of one stratum.

    Args:
        population: all persons of the order.
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


def _sex(population: Population) -> StratumRule:
    if population.sex is None:
        raise _lacks("sex", "its identity numbers do not tell it")
    # What is neither man nor woman is unknown.
    place = np.full(1 << 8, len(_SEXES), np.int32)
    place[1 : 1 + len(_SEXES)] = range(len(_SEXES))

    def levels(part: Population) -> Int32s:
        assert part.sex is not None
        codes = part.sex.fill_null(0) if part.sex.null_count else part.sex
        return _at(place, np.asarray(codes.to_numpy(zero_copy_only=False), np.uint8))

    return _rule("sex", _SEXES, levels)


def _age(population: Population, bands: str, age_on: int | None) -> StratumRule:
    if population.birth_date is None:
        raise _lacks("age", "its identity numbers do not tell dates of birth")
    if population.index_date is None and age_on is None:
        raise _lacks("age", "it has no index date on which to take the age")
    labels = [band.strip() for band in bands.split(",")]
    band_of_age = np.full(OLDEST + 1, len(labels), np.int32)
    for position, (lowest, highest) in enumerate(map(age_band, labels)):
        band_of_age[lowest : highest + 1] = position

    def levels(part: Population) -> Int32s:
        assert part.birth_date is not None
        born = _days(part.birth_date)
        on = np.full(len(born), age_on or 0, np.int32) if part.index_date is None else _days(part.index_date)
        level = np.empty(len(born), np.int32)
        age_bands(born, on, band_of_age, level, no_band=len(labels), unknown=int(NO_DATE))
        return level

    return _rule("age", labels, levels)


def age_band(label: str) -> tuple[int, int]:
    """First and last age of a band such as <65, 65-74 or 85+; `OLDEST` where it is open.

    Raises:
        EventsRejected: it is not written so.
    """
    match = _BAND.fullmatch(label)
    if match is None:
        raise EventsRejected(f"age band {label!r} is not written as <65, 65-74 or 85+.", mend="Mend the age bands.")
    if match[1]:
        return 0, int(match[1]) - 1
    return (int(match[2]), int(match[3])) if match[2] else (int(match[4]), OLDEST)


def _index_period(population: Population, step: str) -> StratumRule:
    if population.index_date is None:
        raise _lacks(f"index:{step}", "it has no index date")
    if step not in _MONTHS:
        raise EventsRejected(f"index:{step} is no period.", mend="Use index:month, index:quarter or index:year.")
    # Every period between the first and the last is a level, so the whole population must be asked.
    ends = pc.min_max(population.index_date)
    known = [_days(pa.array([ends[end].as_py()], pa.date32())) for end in ("min", "max") if ends[end].is_valid]
    first, last = (int(_periods(days, step)[0]) for days in known) if known else (0, -1)
    first_day, last_day = (int(days[0]) for days in known) if known else (0, -1)
    # The period of each day between them, and behind them that of no day.
    period = np.append(_periods(np.arange(first_day, last_day + 1, dtype=np.int32), step), last + 1) - first

    def levels(part: Population) -> Int32s:
        assert part.index_date is not None
        days = _days(part.index_date)
        return _at(period.astype(np.int32), np.where(days == NO_DATE, last_day + 1, days) - np.int32(first_day))

    return _rule(f"index_{step}", [_period_label(number, step) for number in range(first, last + 1)], levels)


def _periods(days: Int32s, step: str) -> npt.NDArray[np.int64]:
    months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return np.asarray(months // _MONTHS[step], np.int64)


def _period_label(number: int, step: str) -> str:
    if step == "year":
        return str(1970 + number)
    if step == "quarter":
        return f"{1970 + number // 4}-Q{number % 4 + 1}"
    return f"{1970 + number // 12}-{number % 12 + 1:02d}"


def _declared(population: Population, name: str) -> StratumRule:
    if name not in population.strata:
        known = ", ".join(sorted(population.strata)) or "none"
        raise _lacks(name, f"declared are: {known}")
    labels = [text or UNKNOWN for text in population.strata[name].dictionary.to_pylist()]
    order = sorted(set(labels) - {UNKNOWN}, key=_natural)
    position = {label: place for place, label in enumerate([*order, UNKNOWN])}
    place = np.array([position[label] for label in [*labels, UNKNOWN]], np.int32)

    def levels(part: Population) -> Int32s:
        codes = part.strata[name].indices
        if codes.null_count:
            codes = codes.cast(pa.int64()).fill_null(len(labels))
        return _at(place, codes.to_numpy(zero_copy_only=False))

    return _rule(name, order, levels)


def _natural(label: str) -> tuple[int, int, str]:
    return (0, int(label), "") if label.isdecimal() else (1, 0, label)


def _rule(name: str, levels: list[str] | tuple[str, ...], read: Callable[[Population], Int32s]) -> StratumRule:
    return StratumRule(Dimension(name, (*levels, UNKNOWN)), read)


def _at(place: Int32s, codes: npt.NDArray[np.integer]) -> Int32s:
    level = np.empty(len(codes), np.int32)
    place_codes(codes, place, level)
    return level


def _days(column: pa.Date32Array) -> Int32s:
    if column.null_count or not len(column):
        return np.ascontiguousarray(days_of(column))
    return np.frombuffer(column.buffers()[1], np.int32, len(column), 4 * column.offset)


def _lacks(what: str, why: str) -> EventsRejected:
    return EventsRejected(f"the population has no stratum {what!r}: {why}.", mend="Leave the stratum out of `by`.")

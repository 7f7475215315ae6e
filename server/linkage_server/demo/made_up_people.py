"""The people of a made-up country part and their infarctions: what happens to whom, before any register writes it down.

Persons are the official test numbers and nobody else, so ages are those of the test numbers: fewer old people than a
real infarction population has. Rates after an infarction follow what secondary prevention reports show in size, not any
hospital's figures; the hospitals do not exist.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from linkage_server.demo.test_numbers import read_test_numbers

Days = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

FIRST_DAY = int(np.datetime64("2023-01-01", "D").astype(int))
LAST_DAY = int(np.datetime64("2025-12-31", "D").astype(int))
FIRST_INFARCTION = int(np.datetime64("2023-07-01", "D").astype(int))
LAST_INFARCTION = int(np.datetime64("2024-12-31", "D").astype(int))
NEVER = np.int32(np.datetime64("2200-01-01", "D").astype(int))

HOSPITALS = (
    "Norrvik", "Sjöholm", "Almby", "Västerfors", "Björkhamn", "Ekensund",
    "Granliden", "Hammarsjö", "Lindvik", "Mossebo", "Stenfjord", "Tallmora",
)  # fmt: skip
RESIDENCES = ("0305", "0319", "0330", "0331", "0360", "0380", "0381", "0382", "0428", "0461", "0480", "0486")


@dataclass(frozen=True, slots=True)
class People:
    """Everybody in the country part.

    Args:
        numbers: canonical identity number of each, fixed width bytes.
        birth_day: days since 1970-01-01.
        is_woman: by the number's second last digit.
        death_day: `NEVER` for those who live past the registers' end.
        residence: position in RESIDENCES.
        former_numbers: the coordination number a person had before she was registered; empty for most.
        change_day: the first day under the number she has now; long ago for most.
    """

    numbers: npt.NDArray[np.bytes_]
    birth_day: Days
    is_woman: Flags
    death_day: Days
    residence: npt.NDArray[np.int64]
    former_numbers: npt.NDArray[np.bytes_]
    change_day: Days

    @property
    def persons(self) -> int:
        """Number of persons."""
        return len(self.numbers)

    def number_on(self, person: npt.NDArray[np.int64], day: Days) -> npt.NDArray[np.bytes_]:
        """The number a person had on a day."""
        return np.where(day < self.change_day[person], self.former_numbers[person], self.numbers[person])

    def age(self, person: npt.NDArray[np.int64], day: Days | np.int32) -> npt.NDArray[np.int64]:
        """Whole years on a day; birthdays are right to within a day."""
        return np.maximum(0, np.floor((day - self.birth_day[person]) / 365.25)).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Infarctions:
    """First infarctions of some persons, one each, by person.

    Args:
        person: position in People.
        admission_day, index_day: in and out of hospital; the index date is the discharge.
        hospital: position in HOSPITALS.
        is_st_elevation: treated by another routine.
    """

    person: npt.NDArray[np.int64]
    admission_day: Days
    index_day: Days
    hospital: npt.NDArray[np.int64]
    is_st_elevation: Flags


def make_people(random: np.random.Generator) -> People:
    """Everybody born from 1922 to 2022 who has an official test number.

    Every fourth coordination number is the former number of somebody of the same sex, born about the same day.
    """
    numbers = np.array(read_test_numbers(), "S12")
    digits = numbers.view(np.uint8).reshape(-1, 12).astype(np.int64) - ord("0")
    year = digits[:, :4] @ (1000, 100, 10, 1)
    month = np.maximum(1, digits[:, 4:6] @ (10, 1))  # a coordination number may leave the month open: 00
    day = digits[:, 6:8] @ (10, 1)
    day = np.maximum(1, np.where(day >= 60, day - 60, day))
    chosen = (year >= 1922) & (year <= 2022)
    numbers, digits, year, month, day = numbers[chosen], digits[chosen], year[chosen], month[chosen], day[chosen]
    birth = ((year - 1970) * 12 + month - 1).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64) + day - 1
    age = (FIRST_DAY - birth) / 365.25
    hazard = 0.00008 * np.exp(0.085 * np.clip(age, 0, 100))  # Gompertz, a year
    death = FIRST_DAY + np.minimum(random.exponential(1 / hazard) * 365.25, 60_000)
    is_woman = digits[:, 10] % 2 == 0
    is_coordination = digits[:, 6] >= 6
    former = np.flatnonzero(is_coordination)[::4]
    owner = _same_sex_and_about_the_same_age(former, ~is_coordination, birth, is_woman)
    former, owner = former[owner >= 0], owner[owner >= 0]
    former_numbers = np.zeros(len(numbers), "S12")
    former_numbers[owner] = numbers[former]
    change_day = np.full(len(numbers), -(1 << 31), np.int64)
    change_day[owner] = random.integers(FIRST_DAY + 60, LAST_DAY - 60, len(owner))
    stays = np.ones(len(numbers), np.bool_)
    stays[former] = False
    everybody = People(
        numbers=numbers,
        birth_day=birth.astype(np.int32),
        is_woman=is_woman,
        death_day=np.where(death > LAST_DAY, NEVER, death).astype(np.int32),
        residence=random.integers(0, len(RESIDENCES), len(numbers)),
        former_numbers=former_numbers,
        change_day=change_day.astype(np.int32),
    )
    return dataclasses.replace(
        everybody, **{field.name: getattr(everybody, field.name)[stays] for field in dataclasses.fields(People)}
    )


def _same_sex_and_about_the_same_age(
    former: npt.NDArray[np.int64], may_own: Flags, birth: npt.NDArray[np.int64], is_woman: Flags
) -> npt.NDArray[np.int64]:
    """Who had each former number; -1 where the nearest in age is taken already."""
    owner = np.full(len(former), -1, np.int64)
    for sex in (False, True):
        asked, there = np.flatnonzero(is_woman[former] == sex), np.flatnonzero(may_own & (is_woman == sex))
        if not len(there):
            continue
        there = there[np.argsort(birth[there], kind="stable")]
        nearest = there[np.minimum(np.searchsorted(birth[there], birth[former[asked]]), len(there) - 1)]
        first, place = np.unique(nearest, return_index=True)
        owner[asked[place]] = first
    return owner


def make_infarctions(people: People, *, persons: int, random: np.random.Generator) -> tuple[People, Infarctions]:
    """About `persons` first infarctions from July 2023 to December 2024, and the people with the deaths they cause."""
    index_day = random.integers(FIRST_INFARCTION, LAST_INFARCTION + 1, people.persons).astype(np.int32)
    age = people.age(np.arange(people.persons), index_day)
    # The test numbers hold few people over 60, so nearly all of those are taken, and the rest from 37 on.
    weight = np.select([age >= 54, age >= 44, age >= 37], [6.0, 2.6, 1.0], 0.0) * np.where(people.is_woman, 0.55, 1.0)
    weight[people.death_day <= index_day] = 0
    wanted = min(persons, int((weight > 0).sum()))
    chosen = np.sort(random.choice(people.persons, wanted, replace=False, p=weight / weight.sum()))
    stay = 1 + random.poisson(3, wanted)
    severity = 0.012 * np.exp(0.055 * np.clip(age[chosen] - 45, 0, 50))
    death = index_day[chosen] + 1 + (random.exponential(1 / severity) * 365.25).astype(np.int64)
    deaths = people.death_day.copy()
    deaths[chosen] = np.minimum(deaths[chosen], np.where(death > LAST_DAY, NEVER, death))
    sizes = 0.78 ** np.arange(len(HOSPITALS))
    return (
        dataclasses.replace(people, death_day=deaths),
        Infarctions(
            person=chosen,
            admission_day=(index_day[chosen] - stay).astype(np.int32),
            index_day=index_day[chosen],
            hospital=random.choice(len(HOSPITALS), wanted, p=sizes / sizes.sum()),
            is_st_elevation=random.random(wanted) < 0.38,
        ),
    )

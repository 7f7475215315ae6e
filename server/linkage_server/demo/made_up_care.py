"""Hospital stays, outpatient visits, tumours and deaths of the made-up country part, as the registers deliver them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from linkage_server.demo.made_up_dispensings import Numbers
from linkage_server.demo.made_up_people import FIRST_DAY, HOSPITALS, LAST_DAY, NEVER, Days, Infarctions, People

HOSPITAL_CODES = [f"{11_001 + 17 * place}" for place in range(len(HOSPITALS))]
FIRST_CARE_DAY = FIRST_DAY - 365
STAYS_A_YEAR = 0.62
VISITS_A_YEAR = 1.1
REINFARCTIONS_A_YEAR = 0.055
BLEEDINGS_A_YEAR = 0.035

INFARCTION_CODES = ["I210", "I211", "I214", "I219"]
BLEEDING_CODES = ["K922", "K250", "I619", "R042", "N029", "D629"]
OTHER_CODES = ["J189", "I509", "N390", "S720", "K359", "I480", "J441", "M171", "F102", "A419", "E109", "C189"]
SECONDARY_CODES = ["I109", "E119", "E785", "I251", "I480", "N189", "J449", "F171", ""]
VISIT_CODES = ["Z099", "I259", "H269", "C443", "M179", "E119", "I489", "F329", "L409", "N189", "G409", "BLANKED"]
CAUSES = ["I219", "I251", "C349", "C509", "F03-", "J449", "I639", "R999", "W199", "C189"]
# Site and morphology; the last two of each list belong to that sex alone.
TUMOURS_OF_MEN = [
    ("C189", "81403"),
    ("C349", "80703"),
    ("C443", "87203"),
    ("C679", "81203"),
    ("C619", "81403"),
    ("C629", "90613"),
]
TUMOURS_OF_WOMEN = [
    ("C189", "81403"),
    ("C349", "80703"),
    ("C443", "87203"),
    ("C679", "81203"),
    ("C509", "85003"),
    ("C541", "83803"),
]


def inpatient_stays(people: People, infarctions: Infarctions, random: np.random.Generator) -> pa.Table:
    """The infarctions themselves, new ones and bleedings after them, and everybody's other stays."""
    days = LAST_DAY - infarctions.index_day
    index = (infarctions.person, infarctions.admission_day, infarctions.index_day - infarctions.admission_day)
    again = _after(infarctions, days, REINFARCTIONS_A_YEAR, random)
    bleeding = _after(infarctions, days, BLEEDINGS_A_YEAR, random)
    other = _anybody(people, STAYS_A_YEAR, random)
    hdia = (
        np.where(infarctions.is_st_elevation, random.choice(INFARCTION_CODES[:2], len(days)), "I214"),
        random.choice(INFARCTION_CODES, len(again[0])),
        random.choice(BLEEDING_CODES, len(bleeding[0])),
        random.choice(OTHER_CODES, len(other[0])),
    )
    hospital = random.choice(len(HOSPITALS), sum(len(codes) for codes in hdia))
    hospital[: len(days)] = infarctions.hospital
    parts = (index, again, bleeding, other)
    person = np.concatenate([part[0] for part in parts])
    admitted = np.concatenate([part[1] for part in parts])
    stay = np.concatenate([part[2] for part in parts])
    codes = np.concatenate(hdia)
    discharged = np.minimum(admitted + stay, people.death_day[person])
    valid = (admitted <= discharged) & (admitted >= people.birth_day[person]) & (discharged <= LAST_DAY)
    person, admitted, discharged, codes, hospital = (
        column[valid] for column in (person, admitted, discharged, codes, hospital)
    )
    operated = np.char.startswith(codes, "I21") & (random.random(len(codes)) < 0.8)
    secondary = np.array(SECONDARY_CODES)[random.integers(0, len(SECONDARY_CODES), (3, len(codes)))]
    died = discharged == people.death_day[person]
    return _by_day(
        admitted,
        {
            **_person_columns(people, person, admitted),
            "INDATUMA": _text_dates(admitted),
            "UTDATUMA": _text_dates(discharged),
            "AR": _years(discharged),
            # Names differ in case between deliveries.
            "hdia": codes,
            **{f"DIA{place + 1}": column for place, column in enumerate(secondary)},
            "EKOD1": np.where(codes == "S720", "W199", ""),
            "op": np.where(operated, "FNG05 AF037", np.where(codes == "M171", "NGB49", "")),
            "SJUKHUS": np.array(HOSPITAL_CODES)[hospital],
            "MVO": np.where(np.char.startswith(codes, "I"), "107", "101"),
            "INSATT": random.choice(["1", "2"], len(codes), p=[0.9, 0.1]),
            "UTSATT": np.where(died, "4", random.choice(["1", "2"], len(codes), p=[0.85, 0.15])),
            "VTID": discharged - admitted,
            "PVARD": random.choice(["1", "2"], len(codes), p=[0.2, 0.8]),
            "slutrapporterad": np.full(len(codes), "1"),
        },
    )


def outpatient_visits(people: People, random: np.random.Generator) -> pa.Table:
    """Visits to specialised care."""
    person, day, _ = _anybody(people, VISITS_A_YEAR, random)
    valid = (day >= people.birth_day[person]) & (day <= people.death_day[person])
    person, day = person[valid], day[valid]
    codes = random.choice(VISIT_CODES[:-1], len(day))
    return _by_day(
        day,
        {
            **_person_columns(people, person, day),
            "INDATUM": pa.array(day).cast(pa.date32()),
            "AR": _years(day),
            "HDIA": np.where(random.random(len(day)) < 0.002, VISIT_CODES[-1], codes),
            "DIA1": random.choice(SECONDARY_CODES, len(day)),
            "OP": random.choice(["", "AF020", "DV082 AF020"], len(day), p=[0.8, 0.1, 0.1]),
            "SJUKHUS": random.choice(HOSPITAL_CODES, len(day)),
            "MVO": random.choice(["101", "107", "301", "511"], len(day)),
            "PVARD": random.choice(["1", "2"], len(day), p=[0.8, 0.2]),
            "slutrapporterad": np.full(len(day), "1"),
        },
    )


def tumours(people: People, random: np.random.Generator) -> pa.Table:
    """Tumours since 1990; some dates lack the day, and some the month."""
    first = int(np.datetime64("1990-01-01", "D").astype(int))
    day = random.integers(first, LAST_DAY + 1, people.persons).astype(np.int32)
    age = people.age(np.arange(people.persons), day)
    chosen = np.flatnonzero(random.random(people.persons) < 0.002 * np.clip(age, 0, 90) * (day >= people.birth_day))
    chosen = chosen[day[chosen] <= people.death_day[chosen]]
    day = day[chosen]
    tumour = np.array([TUMOURS_OF_MEN, TUMOURS_OF_WOMEN])[
        people.is_woman[chosen].astype(np.int64), random.integers(0, len(TUMOURS_OF_MEN), len(chosen))
    ]
    return _by_day(
        day,
        {
            "personnummer": people.numbers[chosen].astype("U12"),
            "DIADAT": _partial_dates(day, random, no_day=0.02, no_month=0.004),
            "AR": _years(day),
            "ICDO3": tumour[:, 0],
            "SNOMED3": tumour[:, 1],
            "BEN": random.choice(["", "3"], len(chosen), p=[0.98, 0.02]),
        },
    )


def deaths(people: People, infarctions: Infarctions, random: np.random.Generator) -> pa.Table:
    """Causes of death; one in a hundred has a second row without an underlying cause, before the one that counts."""
    dead = np.flatnonzero(people.death_day < NEVER)
    had_infarction = np.isin(dead, infarctions.person)
    cause = np.where(had_infarction & (random.random(len(dead)) < 0.5), "I219", random.choice(CAUSES, len(dead)))
    twice = np.flatnonzero(random.random(len(dead)) < 0.01)
    rows = np.concatenate((twice, np.arange(len(dead))))
    cause = np.concatenate((np.full(len(twice), ""), cause))
    day = people.death_day[dead[rows]]
    contributing = np.array(SECONDARY_CODES)[random.integers(0, len(SECONDARY_CODES), (3, len(rows)))]
    dates = _partial_dates(people.death_day[dead], random, no_day=0.008, no_month=0.001)
    return _by_day(
        day,
        {
            "personnummer": people.number_on(dead[rows], day).astype("U12"),
            "DODSDAT": dates[rows],
            "AR": _years(day),
            "ULORSAK": cause,
            **{f"MORSAK{place + 1}": column for place, column in enumerate(contributing)},
        },
    )


def _after(
    infarctions: Infarctions, days: Days, a_year: float, random: np.random.Generator
) -> tuple[Numbers, Days, Numbers]:
    """Person, day and length of stays that follow an infarction, the more the nearer."""
    wait = 2 + random.exponential(365.25 / (2 * a_year), len(days)) * random.uniform(0.5, 2, len(days))
    comes = wait < days
    day = infarctions.index_day[comes] + wait[comes].astype(np.int32)
    return infarctions.person[comes], day, 1 + random.poisson(4, int(comes.sum()))


def _anybody(people: People, a_year: float, random: np.random.Generator) -> tuple[Numbers, Days, Numbers]:
    rows = int(people.persons * a_year * (LAST_DAY - FIRST_CARE_DAY) / 365.25)
    age = people.age(np.arange(people.persons), np.int32(FIRST_DAY))
    weight = (0.4 + age / 60) * random.lognormal(0, 0.9, people.persons)
    person = random.choice(people.persons, rows, p=weight / weight.sum())
    day = random.integers(FIRST_CARE_DAY, LAST_DAY + 1, rows).astype(np.int32)
    return person, day, random.geometric(0.25, rows)


def _person_columns(people: People, person: Numbers, day: Days) -> dict[str, npt.ArrayLike]:
    return {
        "LopNr": people.number_on(person, day).astype("U12"),
        "ALDER": people.age(person, day),
        "KON": np.where(people.is_woman[person], 2, 1),
    }


def _by_day(day: Days, columns: dict[str, npt.ArrayLike]) -> pa.Table:
    return pa.table(columns).take(pa.array(np.argsort(day, kind="stable")))


def _years(day: Days) -> npt.NDArray[np.int64]:
    years: npt.NDArray[np.int64] = day.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970
    return years


def _text_dates(day: Days) -> npt.NDArray[np.str_]:
    return np.char.replace(np.datetime_as_string(day.astype("datetime64[D]")), "-", "")


def _partial_dates(day: Days, random: np.random.Generator, *, no_day: float, no_month: float) -> npt.NDArray[np.str_]:
    whole = _text_dates(day)
    chance = random.random(len(day))
    month, year = np.char.add(whole.astype("U6"), "00"), np.char.add(whole.astype("U4"), "0000")
    return np.select([chance < no_month, chance < no_month + no_day], [year, month], whole)

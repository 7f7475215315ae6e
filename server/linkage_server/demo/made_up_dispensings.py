"""Dispensings of the made-up country part: refills after an infarction, and everybody's other purchases."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from linkage_core.events import join_ids
from linkage_server.demo.made_up_articles import (
    ARTICLES,
    GENERAL_ARTICLES,
    PREVENTION_ARTICLES,
    SECONDARY_PREVENTION,
    Prevention,
)
from linkage_server.demo.made_up_people import (
    FIRST_DAY,
    HOSPITALS,
    LAST_DAY,
    Days,
    Floats,
    Infarctions,
    People,
)

Numbers = npt.NDArray[np.int64]
MOST_REFILLS = 14
# Purchases by month, January first: people stock up before the summer and in December, when the year's cost cap is
# near; July is quiet. By weekday, Monday first.
MONTH_WEIGHTS = np.array([0.98, 0.95, 1.02, 1.0, 1.02, 1.05, 0.90, 0.96, 1.0, 1.02, 1.02, 1.10])
WEEKDAY_WEIGHTS = np.array([1.25, 1.2, 1.15, 1.15, 1.25, 0.6, 0.3])


def prevention_dispensings(
    people: People, infarctions: Infarctions, random: np.random.Generator
) -> tuple[Numbers, Days, Numbers]:
    """Person, day and article of every dispensing of secondary prevention, hospitals differing in habit."""
    parts = []
    for prevention in SECONDARY_PREVENTION.values():
        hospital_effect = random.normal(0, prevention.hospital_spread, len(HOSPITALS))[infarctions.hospital]
        odds = np.log(prevention.share / (1 - prevention.share)) + hospital_effect
        starts = np.flatnonzero(random.random(len(odds)) < 1 / (1 + np.exp(-odds)))
        parts.append(_refills(prevention, starts, people, infarctions, random))
    person, day, article = (np.concatenate([part[place] for part in parts]) for place in range(3))
    return person, day.astype(np.int32), article


def general_dispensings(
    people: People, *, rows: int, day_weights: Floats, random: np.random.Generator
) -> tuple[Numbers, Days, Numbers]:
    """Person, day and article of everything else: lognormal rows a person, each with a few drugs of her own."""
    age = people.age(np.arange(people.persons), np.int32(FIRST_DAY))
    mean = np.interp(age, [0, 20, 45, 65, 85], [0.5, 0.8, 1.0, 2.0, 3.0])
    weight = mean * random.lognormal(0, 1.1, people.persons)
    person = random.choice(people.persons, rows, p=weight / weight.sum())
    day = FIRST_DAY + random.choice(len(day_weights), rows, p=day_weights / day_weights.sum())
    zipf = 1 / np.arange(1, len(GENERAL_ARTICLES) + 1) ** 0.9
    favourites = random.choice(len(GENERAL_ARTICLES), (people.persons, 6), p=zipf / zipf.sum())
    slot = (random.random(rows) ** 2 * 6).astype(np.int64)
    alive = day < people.death_day[person]
    article = len(PREVENTION_ARTICLES) + favourites[person, slot]
    return person[alive], day[alive].astype(np.int32), article[alive]


def season() -> Floats:
    """Weight of each day of the registers' years in everybody's purchases; grows by 1.5 % a year."""
    days = np.arange(FIRST_DAY, LAST_DAY + 1)
    months = days.astype("datetime64[D]").astype("datetime64[M]").astype(int) % 12
    weekdays = (days + 3) % 7  # 1970-01-01 was a Thursday
    growth = 1 + 0.015 * (days - FIRST_DAY) / 365.25
    weights: Floats = MONTH_WEIGHTS[months] * WEEKDAY_WEIGHTS[weekdays] * growth
    return weights


def _refills(
    prevention: Prevention, starts: Numbers, people: People, infarctions: Infarctions, random: np.random.Generator
) -> tuple[Numbers, Days, Numbers]:
    persons = len(starts)
    person = infarctions.person[starts]
    index_day = infarctions.index_day[starts].astype(np.float64)
    before = random.random(persons) < prevention.used_before
    # Two in three fill the prescription on the way home; the rest within weeks, some only after months.
    delay = np.where(random.random(persons) < 0.66, random.integers(0, 4, persons), random.exponential(26, persons))
    first = np.where(before, FIRST_DAY + random.integers(0, 95, persons), index_day + delay)
    positions, shares = zip(*prevention.articles, strict=True)
    article = random.choice(positions, persons, p=np.array(shares))
    supply = np.array([one.days for one in ARTICLES])[article]
    stop = index_day + random.exponential(1 / prevention.stop_a_year, persons) * 365.25
    if prevention.planned_days:
        stop = np.minimum(stop, index_day + prevention.planned_days - supply * 0.4 + random.normal(0, 20, persons))
    stop = np.minimum(stop, np.minimum(people.death_day[person], LAST_DAY + 1))
    # Refills come a little early on average, and late from time to time.
    gaps = supply[:, None] * random.lognormal(-0.03, 0.13, (persons, MOST_REFILLS))
    gaps += np.where(random.random(gaps.shape) < 0.06, random.exponential(35, gaps.shape), 0)
    day = np.floor(first[:, None] + np.cumsum(gaps, axis=1) - gaps[:, :1]).astype(np.int64)
    bought = day < stop[:, None]
    owner = np.broadcast_to(np.arange(persons)[:, None], day.shape)[bought]
    return person[owner], day[bought].astype(np.int32), article[owner]


def made_up_dispensings(rows: int, persons: int, seed: int) -> Iterator[tuple[pa.FixedSizeBinaryArray, pa.RecordBatch]]:
    """Dispensings of more persons than there are test numbers, for scale: ids are random, no number is invented.

    Args:
        rows: dispensings; lognormal over persons, Zipf over 2,000 codes, two years, in random order.
        persons: distinct hashed ids.
        seed: the same seed gives the same rows.

    Yields:
        hashed ids and rows (dispensing_date, atc, packages, ddd_per_package, cost_total), 2^20 at a time.
    """
    random = np.random.default_rng(seed)
    high, low = (random.integers(0, 1 << 64, persons, dtype=np.uint64) for _ in range(2))
    weight = np.cumsum(random.lognormal(0, 1, persons))
    zipf = np.cumsum(1 / np.arange(1, 2001))
    # 98 groups on the second level of ATC, about as many as there are.
    groups = [f"{'ABCDGHJLMNPRSV'[place % 14]}{place // 14 % 7 + 1:02}" for place in range(2000)]
    codes = pa.array([f"{group}{chr(65 + place // 98)}A{place // 98:02}" for place, group in enumerate(groups)])
    ddd = random.integers(5, 400, 2000).astype(np.int32) * 100
    first_day = int(np.datetime64("2023-01-01", "D").astype(int))
    for start in range(0, rows, 1 << 20):
        size = min(1 << 20, rows - start)
        who = np.searchsorted(weight, random.random(size) * weight[-1])
        code = np.searchsorted(zipf, random.random(size) * zipf[-1])
        yield (
            join_ids(high[who], low[who]),
            pa.record_batch(
                {
                    "dispensing_date": pa.array((first_day + random.integers(0, 730, size)).astype(np.int32)).cast(
                        pa.date32()
                    ),
                    "atc": pa.DictionaryArray.from_arrays(pa.array(code.astype(np.int32)), codes),
                    "packages": pa.array(random.choice(np.array([100, 100, 100, 200, 300, -100], np.int32), size)),
                    "ddd_per_package": pa.array(ddd[code]),
                    "cost_total": pa.array(random.integers(3_000, 200_000, size)),
                }
            ),
        )

"""The prescribed-drug register as it would be delivered: columns, quirks and corrections."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from linkage_server.demo.made_up_articles import ARTICLES
from linkage_server.demo.made_up_dispensings import Numbers, general_dispensings, prevention_dispensings, season
from linkage_server.demo.made_up_people import FIRST_DAY, LAST_DAY, RESIDENCES, Days, Infarctions, People

LAST_MONTH = int(np.datetime64("2025-12-01", "D").astype(int))
CORRECTED_SHARE = 0.011
LATE_SHARE = 0.2
"""Of corrections: those that are dated, or arrive, after the row they correct."""


@dataclass(frozen=True, slots=True)
class Dispensings:
    """Rows before they are written: who, when, what and how many hundredths of packages; in order of delivery."""

    person: Numbers
    day: Days
    article: Numbers
    packages: Numbers
    arrives_late: npt.NDArray[np.bool_]


def lmed_deliveries(
    people: People, infarctions: Infarctions, *, dispensings: int, random: np.random.Generator
) -> tuple[pa.Table, pa.Table]:
    """The register to November 2025, and December's delivery with corrections of November that came late."""
    rows = _with_corrections(_all_rows(people, infarctions, dispensings=dispensings, random=random), random)
    order = np.argsort(rows.day, kind="stable")
    is_december = ((rows.day >= LAST_MONTH) | rows.arrives_late)[order]
    table = _as_delivered(people, _taken(rows, order), random)
    return table.filter(pa.array(~is_december)), table.filter(pa.array(is_december))


def _all_rows(
    people: People, infarctions: Infarctions, *, dispensings: int, random: np.random.Generator
) -> Dispensings:
    person, day, article = prevention_dispensings(people, infarctions, random)
    # Everybody else's purchases fill each month up to its share of the year, so that no month stands out.
    weights = season()
    months = (np.arange(FIRST_DAY, LAST_DAY + 1)).astype("datetime64[D]").astype("datetime64[M]").astype(int)
    months -= months[0]
    wanted = np.bincount(months, weights=weights) / weights.sum() * dispensings
    taken = np.bincount(months[day - FIRST_DAY], minlength=len(wanted))
    open_share = np.maximum(0.02, 1 - taken / wanted)
    rest = max(0, dispensings - len(person))
    other = general_dispensings(people, rows=rest, day_weights=weights * open_share[months], random=random)
    refills = len(person)
    person, day = np.concatenate((person, other[0])), np.concatenate((day, other[1]))
    article = np.concatenate((article, other[2]))
    packages = random.choice([100, 200, 300], len(person), p=[0.93, 0.05, 0.02])
    packages[:refills] = 100
    # Dose dispensing: two weeks' tablets of a package at a time, for some of the oldest.
    is_dosed = (people.age(person, day) >= 80) & (random.random(len(person)) < 0.15)
    packages[is_dosed] = 14
    return Dispensings(person, day, article, packages, np.zeros(len(person), np.bool_))


def _with_corrections(rows: Dispensings, random: np.random.Generator) -> Dispensings:
    corrected = np.flatnonzero(random.random(len(rows.day)) < CORRECTED_SHARE)
    is_late = random.random(len(corrected)) < LATE_SHARE
    day = rows.day[corrected] + np.where(is_late, random.integers(1, 40, len(corrected)), 0)
    day = np.minimum(day, LAST_DAY).astype(np.int32)
    is_november = (day >= LAST_MONTH - 30) & (day < LAST_MONTH)
    return Dispensings(
        np.concatenate((rows.person, rows.person[corrected])),
        np.concatenate((rows.day, day)),
        np.concatenate((rows.article, rows.article[corrected])),
        np.concatenate((rows.packages, -rows.packages[corrected])),
        np.concatenate((rows.arrives_late, is_november & (random.random(len(corrected)) < LATE_SHARE))),
    )


def _taken(rows: Dispensings, order: Numbers) -> Dispensings:
    return Dispensings(
        rows.person[order], rows.day[order], rows.article[order], rows.packages[order], rows.arrives_late[order]
    )


def _as_delivered(people: People, rows: Dispensings, random: np.random.Generator) -> pa.Table:
    size = len(rows.day)
    person, article = rows.person, pa.array(rows.article.astype(np.int32))
    numbers = people.number_on(person, rows.day)
    no_number = random.random(size) < 0.002
    units = np.array([one.units for one in ARTICLES])[rows.article]
    ddd = np.array([one.ddd_hundredths for one in ARTICLES])[rows.article] / 100
    no_ddd = (ddd < 0) | (random.random(size) < 0.01)
    packages = rows.packages / 100
    cost = np.round(np.array([one.price_ore for one in ARTICLES])[rows.article] * packages).astype(np.int64)
    own_fee = np.round(cost * random.choice([0, 0.1, 0.25, 0.5, 1.0], size, p=[0.5, 0.15, 0.1, 0.1, 0.15])).astype(int)
    prescribed = (rows.day - random.integers(0, 300, size)).astype(np.int32)
    substituted = random.random(size) < 0.3
    return pa.table(
        {
            "personnummer": pa.array(numbers.astype("U12"), pa.string(), mask=no_number),
            "ATC": _texts(article, [one.atc for one in ARTICLES]),
            "EDATUM": pa.array(rows.day).cast(pa.date32()),
            "FDATUM": pa.array(prescribed).cast(pa.date32()),
            "AR": pa.array(rows.day.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int32) + 1970),
            "ANTAL": pa.array(packages),
            "forpddd": pa.array(ddd, mask=no_ddd),
            "fddd": pa.array(np.round(ddd * packages, 2), mask=no_ddd),
            "antnum": pa.array(units.astype(np.int32)),
            "styrkalf": _texts(article, [one.strength for one in ARTICLES]),
            "subnamn": _texts(article, [one.substance for one in ARTICLES]),
            "VARUNR": _texts(article, [f"{10_007 + 731 * place:06}" for place in range(len(ARTICLES))]),
            "FVARUNR": _texts(
                pa.array(np.where(substituted, (rows.article + 1) % len(ARTICLES), rows.article).astype(np.int32)),
                [f"{10_007 + 731 * place:06}" for place in range(len(ARTICLES))],
            ),
            "NPLPACKID": _texts(article, [f"{20_100_101_100_000 + 97 * place}" for place in range(len(ARTICLES))]),
            "BYTET": _texts(pa.array(np.where(substituted, 1, 0).astype(np.int32)), ["1", "2"]),
            "OTYP": _texts(pa.array((np.abs(rows.packages) == 14).astype(np.int32)), ["R", "D"]),
            "YRKE": _texts(_choice(random, size, [0.93, 0.04, 0.03]), ["LK", "AL", ""]),
            "SPKOD1": pa.array(random.choice([101, 301, 331, 1001], size).astype(np.int32)),
            "VERKS": _texts(_choice(random, size, [0.7, 0.3]), ["827", "301"]),
            "arbetspl_lopnr": pa.array((people.residence[person] * 40 + random.integers(0, 40, size)).astype(np.int32)),
            "ALDER": pa.array(people.age(person, rows.day).astype(np.int32)),
            "KON": pa.array(np.where(people.is_woman[person], 2, 1).astype(np.int32)),
            # Delivered as a number, as registers do: the leading zero is lost.
            "LK": pa.array(np.array([int(code) for code in RESIDENCES], np.int32)[people.residence[person]]),
            "TKOST": pa.array(cost / 100),
            "LKOST": pa.array((cost - own_fee) / 100),
            "EGENAVGIFT": pa.array(own_fee / 100),
            "DOSERING": _texts(
                _choice(random, size, [0.75, 0.15, 0.1]), ["1 tablett dagligen", "1 tablett 2 gånger dagligen", ""]
            ),
        }
    )


def _texts(codes: pa.Array, words: list[str]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(codes, pa.array(words, pa.string()))


def _choice(random: np.random.Generator, size: int, shares: list[float]) -> pa.Array:
    return pa.array(random.choice(len(shares), size, p=shares).astype(np.int32))

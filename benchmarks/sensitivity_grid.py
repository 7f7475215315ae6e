"""Sensitivity grids against one variant of each: evaluated and counted by hospital, from rows in memory.

4 supply models x 2 rules for reversed rows, times 3 rules of carry-over, times 4 permitted gaps, as far as a kind has
them: who is still in the first treatment episode after a year and times to discontinuation (96 variants), the
proportion of days covered (24; 96 with 4 rules for days in hospital, where one person in seven was) and the medication
possession ratio (8). The same answer for one variant alone, which knows no stays; both results are compared before
anything is timed. Processor time of one thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa

from linkage.indicator_definition import IndicatorSet, load_indicator_set
from linkage_core.count_block import count_block
from linkage_core.events import PersonEvents, Population
from linkage_core.grids import counting_plan
from linkage_core.indicators import PersonValues, evaluate

TITLE = "Sensitivity grids against one variant of each: 100,000 persons, 1.5 million dispensings from memory"
PERSONS, ROWS_A_PERSON, DRUGS, ROUNDS = 100_000, 15, 4, 7
INDEX = date(2020, 1, 1)
TEXTS = ("1 tablett dagligen", "1 tablett 2 gånger dagligen", "1x1", "1-2 tabletter dagligen", "enl ordination")

SET = """
[set]
id = "benchmark"
version = "1.0.0"
[exits]
death = false
[codes.statin]
atc_include = ["C10AA"]
"""
INDICATOR = '[[indicator]]\nid = "still"\nregister = "dispensings"\ncodes = "statin"\n'
SUPPLY = ('supply = ["dosage", "units", "ddd", "fixed"]\nreversals = ["net", "drop_negative"]\n',
          'supply = "dosage"\nreversals = "net"\n', "supply=dosage;reversals=net;")  # fmt: skip
STEPS = {
    "dosage": '["dosage_text", "units_per_day:1"]',
    "units": '"units_per_day:1"',
    "ddd": '"ddd:1"',
    "fixed": '"fixed:90"',
}
RULES = ("freeze", "credit", "shift")
MODELS = "".join(f"[supply.{name}]\nsteps = {steps}\n" for name, steps in STEPS.items())
MODELS_WITH_STAYS = "".join(
    f'[supply.{name}-{rule}]\nsteps = {steps}\nhospital = "{rule}"\nhospital_register = "admissions"\n'
    for name, steps in STEPS.items()
    for rule in RULES
)
WITH_STAYS = (
    f"supply = {[*STEPS, *(f'{name}-{rule}' for name in STEPS for rule in RULES)]}\n"
    'reversals = ["net", "drop_negative"]\n',
    *SUPPLY[1:],
)
CARRY = ('carry_over = ["per_drug", "pooled", "none"]\n', 'carry_over = "per_drug"\n', "carry_over=per_drug;")
GAPS = ("gap_days = [30, 60, 90, 180]\n", "gap_days = 90\n", "")


COVERED = (
    'kind = "proportion_of_days_covered"\nobserve = { from = 0, to = 365 }\nlookback_days = 0\n'
    'stock_cap_days = "none"\nstatistic = ["mean"]\n'
)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind, what it is asked beside its grid, and the fields of this: of all variants, of one, and its name."""

    asked: str
    fields: tuple[tuple[str, str, str], ...]
    variants: int

    def definition(self, which: int) -> str:
        """The set with the whole grid (0) or with one variant (1)."""
        models = MODELS + (MODELS_WITH_STAYS if self.fields[0] is WITH_STAYS and which == 0 else "")
        return SET + models + INDICATOR + self.asked + "".join(field[which] for field in self.fields)


KINDS = {
    "in the first treatment episode after a year": Kind(
        'kind = "treatment_episodes"\nmeasure = "in_first"\nat_days = [365]\nfollow_up_days = 730\n'
        'statistic = ["share"]\n',
        (SUPPLY, CARRY, GAPS),
        96,
    ),
    "time to discontinuation": Kind(
        'kind = "time_to_discontinuation"\ncompeting = "none"\nfollow_up_days = 730\nstatistic = ["median"]\n',
        (SUPPLY, CARRY, GAPS),
        96,
    ),
    "proportion of days covered": Kind(COVERED, (SUPPLY, CARRY), 24),
    "proportion of days covered, with stays": Kind(COVERED, (WITH_STAYS, CARRY), 96),
    "medication possession ratio": Kind(
        'kind = "medication_possession_ratio"\nobserve = { from = 0, to = 365 }\nstatistic = ["mean"]\n', (SUPPLY,), 8
    ),
}


def made_up(seed: int = 7) -> tuple[Population, dict[str, PersonEvents]]:
    """Dispensings every two months, one in fifty reversed, seven in ten persons with one drug; and hospital stays."""
    random = np.random.default_rng(seed)
    counts = random.poisson(ROWS_A_PERSON, PERSONS)
    offsets = np.concatenate(([0], np.cumsum(counts)))
    person = np.repeat(np.arange(PERSONS), counts)
    day = random.integers(0, 900, len(person)).astype(np.int32)
    day = day[np.lexsort((day, person))]
    several = random.random(PERSONS) < 0.3
    code = (person + np.where(several[person], random.integers(0, 2, len(person)), 0)) % DRUGS
    packages = np.where(random.random(len(person)) < 0.02, -100, 100).astype(np.int32)
    units = random.choice([28, 30, 98, 100], len(person)).astype(np.int32)
    text = random.choice(len(TEXTS), len(person), p=[0.5, 0.15, 0.2, 0.05, 0.1])
    index = (INDEX - date(1970, 1, 1)).days
    atc = pa.array([f"C10AA0{number + 1}" for number in range(DRUGS)])
    columns = {
        "dispensing_date": (pa.array(day + index, pa.int32()).cast(pa.date32()), 1),
        "atc": (pa.DictionaryArray.from_arrays(pa.array(code, pa.int32()), atc), 1),
        "packages": (pa.array(packages), 100),
        "units_per_package": (pa.array(units), 1),
        "ddd_per_package": (pa.array(units * 2), 1),
        "dosage_text": (pa.DictionaryArray.from_arrays(pa.array(text, pa.int32()), pa.array(TEXTS)), 1),
    }
    schema = pa.schema(
        [
            pa.field(name, column.type, metadata={b"scale": str(scale).encode()})
            for name, (column, scale) in columns.items()
        ]
    )
    rows = pa.RecordBatch.from_arrays([column for column, _ in columns.values()], schema=schema)
    population = Population(
        hashed_ids=pa.array([place.to_bytes(16, "big") for place in range(PERSONS)], pa.binary(16)),
        index_date=pa.array(np.full(PERSONS, index, np.int32), pa.int32()).cast(pa.date32()),
        strata={"hospital": pa.array(np.array(list("ABCDEFGH"))[random.integers(0, 8, PERSONS)]).dictionary_encode()},
    )
    dispensings = PersonEvents(rows=rows, offsets=offsets.astype(np.int64), found=np.diff(offsets) > 0)
    return population, {"dispensings": dispensings, "admissions": _admissions(random, index)}


def _admissions(random: np.random.Generator, index: int) -> PersonEvents:
    """One person in seven was in hospital in the year that is observed, for a week on average."""
    stays = random.poisson(0.15, PERSONS)
    offsets = np.concatenate(([0], np.cumsum(stays))).astype(np.int64)
    admitted = random.integers(0, 365, offsets[-1]).astype(np.int32) + np.int32(index)
    admitted = admitted[np.lexsort((admitted, np.repeat(np.arange(PERSONS), stays)))]
    discharged = admitted + random.geometric(1 / 7, offsets[-1]).astype(np.int32)
    columns = [pa.array(days, pa.int32()).cast(pa.date32()) for days in (admitted, discharged)]
    rows = pa.RecordBatch.from_arrays(columns, names=["admission_date", "discharge_date"])
    return PersonEvents(rows=rows, offsets=offsets, found=stays > 0)


def run() -> list[dict[str, Any]]:
    """Of each kind one variant, and all of them."""
    population, events = made_up()
    sides = {
        (name, count): asking(population, events, kind.definition(which))
        for name, kind in KINDS.items()
        for which, count in ((1, 1), (0, kind.variants))
    }
    for name, kind in KINDS.items():
        _check(kind, *(sides[name, count]() for count in (1, kind.variants)))
    seconds: dict[tuple[str, int], list[float]] = {side: [] for side in sides}
    for _ in range(ROUNDS):
        for side, ask in sides.items():
            start = time.process_time()
            ask()
            seconds[side].append(time.process_time() - start)
    best = {side: min(times) for side, times in seconds.items()}
    return [
        {
            "kind": name,
            "variants": count,
            "processor seconds": f"{took:.3f}",
            "times one variant": f"{took / best[name, 1]:.1f}",
            "nanoseconds a person and variant": f"{took / PERSONS / count * 1e9:.0f}",
        }
        for (name, count), took in best.items()
    ]


def _check(kind: Kind, alone: list[PersonValues], whole: list[PersonValues]) -> None:
    """One variant alone says what it says in its grid."""
    point, of_grid = "".join(field[2] for field in kind.fields), {value.name: value for value in whole}
    assert len(whole) == kind.variants * len(alone)
    for one in alone:
        same = of_grid[f"still/{point}{one.parameters}"]
        assert np.array_equal(np.asarray(same.value), np.asarray(one.value))
        assert np.array_equal(np.asarray(same.counted), np.asarray(one.counted))


def asking(population: Population, events: dict[str, PersonEvents], asked: str) -> Callable[[], list[PersonValues]]:
    """Evaluates and counts a set, and gives its values."""
    definition: IndicatorSet = load_indicator_set(asked)
    plan = counting_plan(population, [["hospital"]], age_on=None)

    def ask() -> list[PersonValues]:
        values = evaluate(
            definition,
            population=population,
            events=events,
            data_until=dict.fromkeys(events, date(2025, 12, 31)),
        )
        count_block(values, population=population, plan=plan)
        return values

    return ask

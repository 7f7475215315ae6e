"""The questions of the benchmark as indicator sets, and their answers as whole numbers by cell.

volumes       users, dispensings and DDD by ATC code and month
initiation    persons with a dispensing of each of eight groups within 30, 90 and 365 days, by hospital and sex
adherence     proportion of 365 days covered by one group with carry-over, by hospital and sex
nation        the same by county, age and sex, and users of the group by year
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from linkage_core.counted_table import CountedTable
from linkage_server.benchmark.asked_persons import AGE_BANDS

GROUPS = {
    "antithrombotics": "B01",
    "cardiac": "C01",
    "diuretics": "C03",
    "vasoprotectives": "C05",
    "antacids": "A02",
    "analgesics": "N02",
    "psycholeptics": "N05",
    "respiratory": "R03",
}
"""Eight groups by the second level of ATC; the made-up codes have Zipf's shares there."""

COVERED = "cardiac"
"""About one row in twenty of the made-up register."""

WINDOWS = (30, 90, 365)
OBSERVED_DAYS, LOOKBACK_DAYS, MOST_DAYS = 365, 180, 3650
THRESHOLD = 0.8

Answer = dict[str, int]
"""`measure|level|level` to a whole number other than 0."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question of the benchmark.

    Args:
        name: as above.
        indicator_set: TOML.
        by: crossings, as an order writes them.
        measures: pattern of a cube's key, to the measure's name; groups of the pattern become levels.
        levels: names of the axes whose cells are compared.
    """

    name: str
    indicator_set: str
    by: tuple[tuple[str, ...], ...]
    measures: dict[str, str]
    levels: tuple[str, ...]

    def answer(self, counted: CountedTable) -> Answer:
        """Every cell of the finest table."""
        cubes = [(cube.persons_key, cube.dimensions, cube.persons) for cube in counted.person_cubes]
        cubes += [(cube.sum_key, cube.dimensions, cube.sums) for cube in counted.sum_cubes]
        answer: Answer = {}
        for key, dimensions, cells in cubes:
            measure = self._measure(key)
            names = tuple(axis.name for axis in dimensions)
            if measure is None or sorted(names) != sorted(self._axes(measure)):
                continue
            inner = cells[tuple(slice(0, -1) for _ in dimensions)]
            order = [names.index(name) for name in self._axes(measure)]
            for place in np.argwhere(inner).tolist():
                levels = [dimensions[axis].levels[place[axis]] for axis in order]
                answer["|".join([measure, *levels])] = int(inner[tuple(place)])
        return answer

    def _measure(self, key: str) -> str | None:
        for pattern, measure in self.measures.items():
            if found := re.fullmatch(pattern, key):
                return found.expand(measure)
        return None

    def _axes(self, measure: str) -> tuple[str, ...]:
        return (*self.levels, "year") if measure == "prevalence" else self.levels


def _volumes(register: str, first_year: int) -> Question:
    calendar = f'calendar = {{ from = {first_year}-01-01, until = {first_year + 2}-01-01, step = "month" }}'
    asked = f'register = "{register}"\n{calendar}\nrow_strata = ["atc"]'
    parts = [
        f'[[indicator]]\nid = "users"\nkind = "users"\nreversals = "drop_negative"\nstatistic = ["count"]\n{asked}',
        f'[[indicator]]\nid = "dispensings"\nkind = "dispensings"\n{asked}',
        f'[[indicator]]\nid = "ddd"\nkind = "ddd"\n{asked}',
    ]
    measures = {"users.*/yes": "users", "dispensings.*/sum": "dispensings", "ddd.*/sum": "ddd"}
    return Question("volumes", _set(parts), (), measures, ("atc", "month"))


def _initiation(register: str, first_year: int) -> Question:
    parts = [
        f'[codes.{group}]\natc_include = ["{prefix}"]\n'
        f'[[indicator]]\nid = "{group}"\nkind = "initiation"\nregister = "{register}"\ncodes = "{group}"\n'
        f'window = {{ from = 0, to = {json.dumps(WINDOWS)} }}\nreversals = "drop_negative"'
        for group, prefix in GROUPS.items()
    ]
    measures = {r"(\w+)/within_days=(\d+).*/yes": r"\1-\2"}
    return Question("initiation", _set(parts), (("hospital", "sex"),), measures, ("hospital", "sex"))


_COVERED_MEASURES = {r"covered/.*at_least.*/yes": "covered_well", r"covered/[^/;]*/sum": "covered"}


def _adherence(register: str, first_year: int) -> Question:
    parts = [*_codes_and_supply(), _covered(register)]
    return Question("adherence", _set(parts), (("hospital", "sex"),), _COVERED_MEASURES, ("hospital", "sex"))


def _nation(register: str, first_year: int) -> Question:
    calendar = f'calendar = {{ from = {first_year}-01-01, until = {first_year + 2}-01-01, step = "year" }}'
    prevalence = (
        f'[[indicator]]\nid = "prevalence"\nkind = "users"\nregister = "{register}"\ncodes = "{COVERED}"\n'
        f'reversals = "sum"\nstatistic = ["count", "per_1000"]\n{calendar}'
    )
    parts = [*_codes_and_supply(), _covered(register), prevalence]
    measures = {**_COVERED_MEASURES, "prevalence.*/yes": "prevalence"}
    by = (("county", "age:" + ",".join(AGE_BANDS), "sex"),)
    return Question("nation", _set(parts), by, measures, ("county", "age", "sex"))


def _codes_and_supply() -> list[str]:
    return [
        f'[codes.{COVERED}]\natc_include = ["{GROUPS[COVERED]}"]',
        f'[supply.one_ddd_a_day]\nsteps = ["ddd:1"]\ncap_days = {MOST_DAYS}\nreversals = "drop_negative"',
    ]


def _covered(register: str) -> str:
    return (
        f'[[indicator]]\nid = "covered"\nkind = "proportion_of_days_covered"\nregister = "{register}"\n'
        f'codes = "{COVERED}"\nsupply = "one_ddd_a_day"\nobserve = {{ from = 0, to = {OBSERVED_DAYS} }}\n'
        f'lookback_days = {LOOKBACK_DAYS}\ncarry_over = "pooled"\nstock_cap_days = "none"\nthreshold = {THRESHOLD}'
    )


def _set(parts: list[str]) -> str:
    return "\n\n".join(['[set]\nid = "benchmark"\nversion = "1.0.0"\n[exits]\ndeath = false', *parts])


QUESTIONS: dict[str, Callable[[str, int], Question]] = {
    "volumes": _volumes,
    "initiation": _initiation,
    "adherence": _adherence,
    "nation": _nation,
}
"""By name: makes the question about a register from its name and the first of two calendar years."""

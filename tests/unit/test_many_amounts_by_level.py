"""Any number of amounts of the same rows are counted straight from them by their levels, as each of them alone."""

from __future__ import annotations

import numpy as np
import pytest

from linkage_core.aggregates import count_by
from linkage_core.counted_table import CountedTable
from linkage_core.indicators import evaluate, window_sums
from tests.support.indicator_tables import drawn_set, population, register

PERSONS = [f"p{number}" for number in range(40)]
KINDS = [
    'kind = "users"\nreversals = "sum"',
    'kind = "dispensings"',
    'kind = "packages"',
    'kind = "cost"\ncost = ["total"]',
]
YEAR = 'row_strata = ["atc:{}"]\ncalendar = {{ from = 2020-01-01, until = 2021-01-01, step = "quarter" }}'
INDICATORS = [
    f'id = "i{number}"\n{kind}\n{YEAR.format(5 if number % 3 else 7)}' for number, kind in enumerate(KINDS * 6)
]


def table_of(*indicators: str) -> CountedTable:
    random = np.random.default_rng(3)
    rows = [
        {
            "person": str(random.choice(PERSONS)),
            "day": int(day),
            "atc": str(random.choice(["C10AA05", "C10AA01", "B01AC06", "N02BE01"])),
            "packages": int(random.choice([1, 1, 2, -1])),
            "cost_total": int(random.integers(-50, 500)),
        }
        for day in sorted(random.integers(-20, 400, 300))
    ]
    who = population(PERSONS)
    events = {"lmed": register(PERSONS, rows, date_column="dispensing_date")}
    return count_by(
        evaluate(drawn_set(*indicators), population=who, events=events, data_until={}), population=who, by=[]
    )


def numbers(table: CountedTable) -> dict[tuple[str, ...], list[int]]:
    names = {line.numerator_key or line.sum_key for line in table.lines}
    sets = ((cube.persons_key, cube.dimensions, cube.persons) for cube in table.person_cubes)
    sums = ((cube.sum_key, cube.dimensions, cube.sums) for cube in table.sum_cubes)
    return {
        (key, *(axis.name for axis in axes)): np.asarray(cells).tolist()
        for key, axes, cells in (*sets, *sums)
        if key in names
    }


def test_many_amounts_are_counted_as_each_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    alone: dict[tuple[str, ...], list[int]] = {}
    for indicator in INDICATORS:
        alone |= numbers(table_of(indicator))
    assert len(INDICATORS) > 2 * window_sums.WEIGHTS_AT_ONCE

    def listed(self: object) -> None:
        raise AssertionError("entries are listed")

    monkeypatch.setattr(window_sums.LevelSums, "listed", property(listed))
    assert numbers(table_of(*INDICATORS)) == alone

"""A population counted chunk by chunk gives the same numbers as counted at once, from rows to cubes."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from linkage_core.aggregates import count_by
from linkage_core.counted_table import CountedTable
from linkage_core.indicators import evaluate
from tests.support.indicator_tables import deaths, drawn_set, population, register

DEFINITION = drawn_set(
    'id = "start"\nkind = "initiation"\ncodes = "statin"\nwindow = { from = 0, to = [30, 90] }\n'
    'denominator = ["all", "alive_at_N"]\nstatistic = ["count", "share"]',
    'id = "covered"\nkind = "proportion_of_days_covered"\ncodes = "statin"\nsupply = "given"\n'
    "observe = { from = 0, to = 100 }\nthreshold = 0.5",
    'id = "cost"\nkind = "cost"\ncost = ["total"]\nobserve = { from = 0, to = 365 }',
    'id = "users"\nkind = "users"\nstatistic = ["count", "per_1000"]\nrow_strata = ["atc:5"]\n'
    'calendar = { from = 2020-01-01, until = 2021-01-01, step = "quarter" }',
    'id = "episodes"\nkind = "treatment_episodes"\ncodes = "statin"\nsupply = "given"\n'
    "gap_days = [5, 60]\nat_days = 90",
    'id = "stopped"\nkind = "time_to_discontinuation"\ncodes = "statin"\nsupply = "given"\ngap_days = 30\n'
    'censoring = ["plain", "strict"]',
    'id = "available"\nkind = "medication_availability"\ncodes = "statin"\nsupply = "given"\nthreshold = 0.5\n'
    'measure = ["cma2", "cma7", "cma9"]\nfollow_up = { anchor = "index_date", length = "3 months" }',
    'id = "at_hand"\nkind = "covered_on_day"\ncodes = "statin"\nsupply = "given"\nat_days = [0, 60]',
)
BY = [["hospital"], ["sex", "index:month"], ["hospital", "row:prescribing_reason"]]
ROW = st.fixed_dictionaries(
    {
        "day": st.integers(-20, 400),
        "atc": st.sampled_from(["C10AA05", "C10AA01", "B01AC06"]),
        "packages": st.sampled_from([1, 1, 2, -1]),
        "days_supply": st.integers(1, 100),
        "cost_total": st.integers(-50, 500),
        "prescribing_reason": st.lists(st.sampled_from(["22298006", "38341003"]), unique=True),
    }
)
PERSON = st.fixed_dictionaries(
    {
        "hospital": st.sampled_from(["A", "B", None]),
        "sex": st.sampled_from([1, 2]),
        "index": st.integers(0, 70),
        "dies": st.none() | st.integers(0, 300),
        "rows": st.lists(ROW, max_size=4),
    }
)


def counted(persons: list[dict[str, Any]]) -> CountedTable:
    names = [f"p{i}" for i in range(len(persons))]
    who = population(
        names,
        index_days={name: one["index"] for name, one in zip(names, persons, strict=True)},
        sex=pa.array([one["sex"] for one in persons], pa.uint8()),
        strata={"hospital": pa.array([one["hospital"] for one in persons], pa.string()).dictionary_encode()},
    )
    template = {"day": 9999, "atc": "N02", "packages": 1, "days_supply": 1, "cost_total": 0, "prescribing_reason": []}
    # Nobody's row: it gives every chunk all columns, and no indicator reaches its day.
    rows = [{"person": names[0], **template}]
    rows += [{"person": name, **row} for name, one in zip(names, persons, strict=True) for row in one["rows"]]
    rows.sort(key=lambda row: row["day"])
    dead = {name: one["dies"] for name, one in zip(names, persons, strict=True) if one["dies"] is not None}
    events = {"lmed": register(names, rows, date_column="dispensing_date"), "dors": deaths(names, dead)}
    values = evaluate(DEFINITION, population=who, events=events, data_until={}, row_dimensions=["prescribing_reason"])
    return count_by(values, population=who, by=BY if any(value.rows for value in values) else BY[:2])


def numbers(table: CountedTable) -> Counter[tuple[object, ...]]:
    """What each line prints in each cell by its words, zeros left out: names of sets may differ between chunks."""
    cubes: dict[tuple[str, tuple[str, ...]], Any] = {}
    for cube in table.person_cubes:
        cubes[cube.persons_key, tuple(d.name for d in cube.dimensions)] = (cube.dimensions, cube.persons)
    for cube in table.sum_cubes:
        cubes[cube.sum_key, tuple(d.name for d in cube.dimensions)] = (cube.dimensions, cube.sums)
    found: Counter[tuple[object, ...]] = Counter()
    for line in table.lines:
        for kind in ("numerator_key", "denominator_key", "sum_key", "person_time_key"):
            if key := getattr(line, kind):
                dimensions, cells = cubes[key, line.dimensions]
                for place in np.argwhere(cells).tolist():
                    levels = tuple([*d.levels, "total"][i] for d, i in zip(dimensions, place, strict=True))
                    what = (line.indicator, line.parameters, line.statistic, line.dimensions, kind, levels)
                    found[what] = int(cells[tuple(place)])
    return found


@settings(max_examples=60)
@given(persons=st.lists(PERSON, min_size=1, max_size=12), cuts=st.sets(st.integers(1, 11), max_size=3))
def test_chunks_add_up_to_the_whole(persons: list[dict[str, Any]], cuts: set[int]) -> None:
    ends = sorted({0, len(persons), *(cut for cut in cuts if cut < len(persons))})
    added: Counter[tuple[object, ...]] = Counter()
    for start, end in pairwise(ends):
        added.update(numbers(counted(persons[start:end])))
    whole = numbers(counted(persons))
    # A denominator stands whole under each level of a row variable that any person of the chunk has.
    differ = {what for what in {*whole, *added} if whole[what] != added[what]}
    assert not {what for what in differ if "prescribing_reason" not in what[3] and "atc_5" not in what[3]}  # type: ignore[operator]
    assert not {what for what in differ if what[4] != "denominator_key"}
    assert all(added[what] <= whole[what] for what in differ)

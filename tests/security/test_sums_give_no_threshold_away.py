"""A mean beside who reaches each of its thresholds: what is kept back of one is not the rest of the others."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from linkage.disclosure_policy import shipped_policies
from linkage.indicator_definition import IndicatorSet
from linkage_core.aggregates import count_by
from linkage_core.counted_table import CountedTable
from linkage_core.disclosure import ProtectedTable, protect
from linkage_core.events import Population
from linkage_core.indicators import Measure, PersonValues, evaluate
from tests.support.attackers import Cell, Printed, Programme, subtract
from tests.support.indicator_tables import HEADER, drawn_set, population, register
from tests.support.order_attack import read_order, truth_of

POLICY = shipped_policies()["standard@1.0.0"]
PERSONS = 400
ATC = ["C10AA05", "B01AC06", "C03CA01", "N02BE01", "A02BC01"]
COMPLETE = (
    'id = "drugs"\nkind = "drugs_at_date"\nrule = "dispensed"\ndispensed_within_days = 90\nat_day = 0\n'
    'denominator = "all"\nat_least = [1, 2, 3, 4, 5]'
)
REPEATED = (
    'id = "starts"\nkind = "incidence"\ncodes = "statin"\nwashout_days = 20\nrepeated = true\n'
    'statistic = ["count", "share", "rate", "sum"]\nobserve = { from = 0, to = 365 }'
)
OTHER_KINDS = {
    "burden": 'kind = "drug_burden"\nrule = "dispensed"\ndispensed_within_days = 90\nat_day = 0\n'
    'denominator = "all"\nat_least = [1, 2]\n'
    'weights = [{ codes = "statin", weight = 1 }, { codes = "asa", weight = 1 }]',
    "combination": 'kind = "combination"\ncodes = ["statin", "asa", "p2y12"]\nwindow = { from = 0, to = 90 }\n'
    'at_least = [1, 2]\nstatistic = ["mean", "count", "share"]',
    "lines": 'kind = "treatment_lines"\ncodes = ["statin", "asa"]\nsupply = "fixed"\nobserve = { from = 0, to = 300 }',
    "covered": 'kind = "proportion_of_days_covered"\ncodes = "asa"\nsupply = "fixed"\nthreshold = [0.1, 0.3]\n'
    "observe = { from = 0, to = 300 }",
    "possession": 'kind = "medication_possession_ratio"\ncodes = "asa"\nsupply = "fixed"\nthreshold = [0.1, 0.3]\n'
    "observe = { from = 0, to = 300 }",
    "availability": 'kind = "medication_availability"\ncodes = "asa"\nsupply = "fixed"\nthreshold = 0.1\n'
    'measure = "cma7"\nfollow_up = { anchor = "index_date", length = 300 }',
    "polypharmacy": 'kind = "polypharmacy"\nrule = "dispensed"\ndispensed_within_days = 60\nat_least = [1, 2, 3]\n'
    "observe = { from = 0, to = 300 }\nthreshold = 0.4",
}


def people(seed: int) -> tuple[list[str], Population]:
    random = np.random.default_rng(seed)
    names = [f"p{number}" for number in range(PERSONS)]
    hospitals = random.choice(["A", "B", "C", "D"], PERSONS, p=[0.55, 0.3, 0.1, 0.05])
    return names, population(
        names,
        sex=pa.array(random.choice([1, 2], PERSONS, p=[0.7, 0.3]).astype(np.uint8)),
        strata={"hospital": pa.array(hospitals).dictionary_encode()},
    )


def values_of(definition: IndicatorSet, seed: int) -> tuple[list[PersonValues], Population]:
    """Most have one or two drugs, and each further one is rarer; few begin again."""
    names, who = people(seed)
    random = np.random.default_rng([seed, 1])
    rows: list[dict[str, Any]] = []
    for name in names:
        drugs = int(random.choice(6, p=[0.1, 0.45, 0.3, 0.1, 0.03, 0.02]))
        rows += [{"person": name, "day": -10, "atc": atc, "packages": 1} for atc in ATC[:drugs]]
        begins = int(random.choice(4, p=[0.3, 0.63, 0.04, 0.03]))
        rows += [{"person": name, "day": 60 * (time + 1), "atc": "C10AA05", "packages": 1} for time in range(begins)]
        if random.random() < 0.02:
            rows.append({"person": name, "day": 5, "atc": "B01AC06", "packages": 1})
    events = {"lmed": register(names, rows, date_column="dispensing_date")}
    return evaluate(definition, population=who, events=events, data_until={}), who


def counted_and_protected(definition: IndicatorSet, seed: int) -> tuple[CountedTable, ProtectedTable]:
    values, who = values_of(definition, seed)
    counted = count_by(values, population=who, by=[["sex", "hospital"]])
    return counted, protect(counted, POLICY)


def printed_sums(counted: CountedTable, protected: ProtectedTable) -> dict[Cell, int | None]:
    """Sums in their units as a reader has them: printed, or a mean times those whom it is of; None where hidden."""
    strata = [dimension.name for dimension in protected.dimensions]
    keys = {(line.indicator, line.parameters): line.sum_key for line in counted.lines if line.sum_key}
    scales = {cube.sum_key: cube.scale for cube in counted.sum_cubes}
    found: dict[Cell, int | None] = {}
    for row in protected.table.to_pylist():
        key = keys.get((row["indicator"], row["parameters"]), "")
        if row["statistic"] not in ("mean", "sum") or not key:
            continue
        place = tuple(sorted(f"{name}={row[name]}" for name in strata if row[name] != "total"))
        found.setdefault((key, place), None)
        if row["value"] is not None:
            whole = row["value"] * (row["denominator"] if row["statistic"] == "mean" else 1)
            found[key, place] = round(whole * scales[key])
    return found


def truth_of_sums(counted: CountedTable) -> dict[Cell, int]:
    found: dict[Cell, int] = {}
    for cube in counted.sum_cubes:
        for place in np.ndindex(cube.sums.shape):
            at = [f"{d.name}={d.levels[i]}" for d, i in zip(cube.dimensions, place, strict=True) if i < len(d.levels)]
            found[cube.sum_key, tuple(sorted(at))] = int(cube.sums[place])
    return found


def with_sums(counted: CountedTable, protected: ProtectedTable, parts: list[str]) -> Printed:
    """What a reader has who adds up: a sum is the numbers of persons who reach 1, 2, 3 and so on."""
    printed = read_order(counted, protected)
    sums = printed_sums(counted, protected)
    truth = truth_of(counted)
    zeros = {cell: 0 for cell in printed.blank if truth[cell] == 0}
    known = {**printed.known, **zeros, **{cell: value for cell, value in sums.items() if value is not None}}
    added = [((key, place), [(part, place) for part in parts]) for key, place in sorted(sums)]
    blank = {*printed.blank, *(cell for cell, value in sums.items() if value is None)} - set(known)
    return Printed(known, blank, [*printed.relations, *added, *margins(counted, list(sums))], printed.subsets)


def margins(counted: CountedTable, sums: list[Cell]) -> list[tuple[Cell, list[Cell]]]:
    axes = {axis.name: axis.levels for cube in counted.sum_cubes for axis in cube.dimensions}
    return [
        ((key, place), [(key, tuple(sorted((*place, f"{name}={level}")))) for level in levels])
        for key, place in sorted(sums)
        for name, levels in axes.items()
        if not any(part.startswith(f"{name}=") for part in place)
    ]


def hold(printed: Printed, wanted: list[list[tuple[Cell, int]]], *, seed: int) -> None:
    assert not subtract(printed)
    assert wanted
    programme = Programme(printed)
    for pick in np.random.default_rng(seed).permutation(len(wanted))[:8].tolist():
        low, high = programme.range_of(wanted[pick])
        assert high - low >= 2, (wanted[pick], low, high)
        assert high >= 10, (wanted[pick], low, high)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_mean_number_of_drugs_does_not_tell_who_reaches_a_threshold(seed: int) -> None:
    counted, protected = counted_and_protected(drawn_set(COMPLETE), seed)
    parts = list(dict.fromkeys(line.numerator_key for line in counted.lines if line.numerator_key))
    printed = with_sums(counted, protected, parts)
    truth = truth_of(counted)
    small = [[(cell, 1)] for cell in sorted(printed.blank) if cell[0] in parts and 1 <= truth[cell] < 10]
    hold(printed, small, seed=seed)


@pytest.mark.parametrize("seed", [2, 3, 4, 5])
def test_the_persons_behind_further_events_are_no_small_rest_of_all_events(seed: int) -> None:
    counted, protected = counted_and_protected(drawn_set(REPEATED), seed)
    (persons,) = dict.fromkeys(line.numerator_key for line in counted.lines if line.numerator_key)
    printed = with_sums(counted, protected, [])
    truth, sums = truth_of(counted), truth_of_sums(counted)
    relations = [(whole, parts) for whole, parts in printed.relations if parts]
    more = [(cell, (persons, cell[1])) for cell in sums if cell in {*printed.known, *printed.blank}]
    more = [(whole, part) for whole, part in more if whole[0].endswith("/sum")]
    printed = Printed(printed.known, printed.blank, relations, [*printed.subsets, *more])
    few = [(whole, part) for whole, part in more if 1 <= sums[whole] - truth[part] < 10]
    assert any(part in printed.known for _, part in few)
    hold(printed, [[(whole, 1), (part, -1)] for whole, part in few], seed=seed)


def test_thresholds_that_leave_little_of_a_sum_hide_it() -> None:
    """The sum less what the thresholds account for are those in between: few of them are hidden as a count is."""
    definition = drawn_set(COMPLETE.replace("[1, 2, 3, 4, 5]", "[1, 2]"))
    for seed in range(3):
        counted, protected = counted_and_protected(definition, seed)
        printed, sums = read_order(counted, protected), printed_sums(counted, protected)
        parts = list(dict.fromkeys(line.numerator_key for line in counted.lines if line.numerator_key))
        shown = [(place, value) for (_, place), value in sums.items() if value is not None]
        assert shown
        for place, value in shown:
            rest = value - sum(printed.known[part, place] for part in parts)
            assert rest == 0 or rest >= 10


@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_no_sum_stands_beside_a_hidden_threshold_of_it(kind: str) -> None:
    """Who reaches a threshold has at least so much, and few of them cannot make up much of a small sum."""
    header = HEADER + '[supply.fixed]\nsteps = ["fixed:60"]\n'
    definition = drawn_set(f'id = "x"\n{OTHER_KINDS[kind]}', header=header)
    values, _ = values_of(definition, 1)
    amounts = {value.parameters for value in values if value.measure is not Measure.YES_NO}
    thresholds = {value.name: value.threshold.of for value in values if value.threshold is not None}
    assert thresholds
    assert set(thresholds.values()) <= amounts
    counted, protected = counted_and_protected(definition, 1)
    printed, sums = read_order(counted, protected), printed_sums(counted, protected)
    hidden = 0
    for (key, place), value in sums.items():
        for name, of in thresholds.items():
            if key == f"x/{of}/sum" or (not of and key == "x/sum"):
                blank = (f"{name}/yes", place) in printed.blank
                hidden += blank
                assert not (blank and value is not None), (key, name, place)
    assert hidden


def test_kinds_name_thresholds_in_the_order_of_their_sizes() -> None:
    values, _ = values_of(drawn_set(COMPLETE), 1)
    least = [value.threshold.least for value in values if value.threshold is not None]
    assert least == [1, 2, 3, 4, 5]
    assert all(one < other for one, other in pairwise(least))

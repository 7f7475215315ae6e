"""From rows to released lines: whatever an order asks, a reader with a solver learns no small count."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from linkage.disclosure_policy import shipped_policies
from linkage.errors import DisclosureRefused
from linkage.indicator_definition import IndicatorSet, shipped_sets
from linkage_core.aggregates import count_by
from linkage_core.counted_table import CountedTable
from linkage_core.disclosure import ProtectedTable, protect
from linkage_core.events import PersonEvents, Population
from linkage_core.indicators import evaluate
from tests.support.attackers import Cell, Printed, Programme, subtract
from tests.support.indicator_tables import HEADER, drawn_set, population, register
from tests.support.order_attack import read_order, truth_of

POLICY = shipped_policies()["standard@1.0.0"]
REGION_OF = {f"H{i}": ("north", "south", "west")[i % 3] for i in range(7)}
STARTED = (
    'id = "start"\nkind = "initiation"\ncodes = "statin"\nwindow = { from = 0, to = [30, 90] }\n'
    'statistic = ["count", "share"]'
)
AMOUNT = 'id = "cost"\nkind = "cost"\ncost = ["total"]\nobserve = { from = 0, to = 365 }'
REASONS = ["22298006", "38341003", "44054006"]


def people(persons: int, *, seed: int, hospitals: int = 7) -> tuple[list[str], Population]:
    random = np.random.default_rng(seed)
    names = [f"p{i}" for i in range(persons)]
    sizes = random.pareto(1.0, hospitals) + 0.05
    hospital = [f"H{i}" for i in random.choice(hospitals, persons, p=sizes / sizes.sum())]
    hospital[0] = f"H{hospitals - 1}"
    return names, population(
        names,
        index_days={name: int(day) for name, day in zip(names, random.integers(0, 200, persons), strict=True)},
        sex=pa.array(random.choice([1, 2], persons, p=[0.8, 0.2]).astype(np.uint8)),
        birth_date=pa.array([date(1930 + int(y), 5, 5) for y in random.integers(0, 50, persons)]),
        strata={
            "hospital": pa.array(hospital).dictionary_encode(),
            "region": pa.array([REGION_OF[name] for name in hospital]).dictionary_encode(),
        },
    )


def drugs(names: list[str], *, seed: int) -> PersonEvents:
    random = np.random.default_rng(seed)
    rows = []
    for name in names:
        for _ in range(int(random.integers(0, 4))):
            many = int(random.choice([0, 1, 2], p=[0.3, 0.6, 0.1]))
            rows.append(
                {
                    "person": name,
                    "day": int(random.integers(0, 400)),
                    "atc": str(random.choice(["C10AA05", "C10AA01", "C10AA07", "B01AC06"], p=[0.6, 0.25, 0.05, 0.1])),
                    "packages": 1,
                    "ddd_per_package": 30,
                    "cost_total": int(random.integers(10, 500)),
                    "cost_benefit": 5,
                    "cost_patient": 5,
                    "prescribing_reason": [str(r) for r in random.choice(REASONS, many, False, p=[0.7, 0.25, 0.05])],
                }
            )
    return register(names, rows, date_column="dispensing_date")


def attacked(counted: CountedTable, protected: ProtectedTable, *, cells: int = 6, **known: dict[str, str]) -> int:
    """Let the attackers loose; returns how many small counts they went for."""
    truth = truth_of(counted)
    printed = read_order(counted, protected, **known)
    assert all(truth[cell] == value for cell, value in printed.known.items())
    assert not [cell for cell, value in printed.known.items() if 1 <= value < 10]
    zeros = {cell: 0 for cell in printed.blank if truth[cell] == 0}
    printed = Printed({**printed.known, **zeros}, printed.blank - set(zeros), printed.relations, printed.subsets)
    # Sets that nobody prints are nobody's secret by themselves, unless they are small.
    told = {key for line in counted.lines for key in (line.numerator_key, line.denominator_key)}
    told |= {one.persons_key for one in counted.classes} | {key for _, _, key in counted.reasons}
    assert not [cell for cell in subtract(printed) if cell[0] in told or 1 <= truth[cell] < 10]
    # Who sent the persons knows how many are in each stratum.
    secret = [cell for cell in sorted(printed.blank) if cell[0] in told or cell[0] != "population"]
    small: list[list[tuple[Cell, int]]] = [[(cell, 1)] for cell in secret if truth[cell] < 10]
    small += [[(w, 1), (p, -1)] for w, p in printed.subsets if 1 <= truth[w] - truth[p] < 10]
    programme = Programme(printed) if small else None
    for pick in np.random.default_rng(1).permutation(len(small))[:cells].tolist():
        assert programme is not None
        low, high = programme.range_of(small[pick])
        assert high - low >= 2, (small[pick], low, high)
        assert len(small[pick]) > 1 or high >= 10, (small[pick], low, high)
    return len(small)


def ordered(
    definition: IndicatorSet,
    by: list[list[str]],
    *,
    seed: int,
    persons: int = 400,
    rows: tuple[str, ...] = (),
    hospitals: int = 7,
) -> tuple[CountedTable, ProtectedTable]:
    names, who = people(persons, seed=seed, hospitals=hospitals)
    values = evaluate(
        definition, population=who, events={"lmed": drugs(names, seed=seed)}, data_until={}, row_dimensions=rows
    )
    counted = count_by(values, population=who, by=by)
    return counted, protect(counted, POLICY)


@pytest.mark.parametrize("seed", range(4))
def test_a_reader_with_a_map_learns_nothing_from_hospitals_and_regions(seed: int) -> None:
    by = [["hospital"], ["region"]] if seed % 2 else [["hospital", "sex"], ["region", "sex"]]
    counted, protected = ordered(drawn_set(STARTED), by, seed=seed)
    assert {("hospital", "region")} <= {(nesting.fine, nesting.coarse) for nesting in counted.nestings}
    assert attacked(counted, protected, lies_in=REGION_OF)


def test_without_the_map_the_protector_would_be_broken() -> None:
    broken = 0
    for seed in range(6):
        counted, _ = ordered(drawn_set(STARTED), [["hospital", "sex"], ["region", "sex"]], seed=seed)
        ignorant = protect(replace(counted, nestings=()), POLICY)
        broken += bool(subtract(read_order(counted, ignorant, lies_in=REGION_OF)))
    assert broken >= 3


@pytest.mark.parametrize(
    ("by", "rows"),
    [
        ([["hospital", "row:prescribing_reason"]], ("prescribing_reason",)),
        ([["row:prescribing_reason"], ["sex"]], ("prescribing_reason",)),
        ([["sex", "row:atc"]], ("atc",)),
        ([["region", "row:atc:5"], ["hospital"]], ("atc:5",)),
    ],
)
def test_rows_of_several_levels_and_of_one_are_both_protected(by: list[list[str]], rows: tuple[str, ...]) -> None:
    for seed in range(2):
        counted, protected = ordered(drawn_set(STARTED, AMOUNT), by, seed=seed, rows=rows)
        assert attacked(counted, protected, lies_in=REGION_OF)


@pytest.mark.parametrize("step", ["month", "quarter", "year"])
def test_calendar_series_are_protected(step: str) -> None:
    users = (
        f'id = "users"\nkind = "users"\nstatistic = ["count", "per_1000"]\n'
        f'calendar = {{ from = 2020-01-01, until = 2021-01-01, step = "{step}" }}'
    )
    counted, protected = ordered(drawn_set(users), [["sex"], ["index:quarter"]], seed=5)
    attacked(counted, protected)
    assert protected.table.num_rows


def test_the_national_set_is_protected() -> None:
    counted, protected = ordered(shipped_sets()["national-drug-statistics@1.0.0"], [["sex"]], seed=6, persons=250)
    assert attacked(counted, protected, cells=3)


@pytest.mark.parametrize("by", [[], [["sex"]], [["hospital"], ["hospital", "sex"]], [["hospital"], ["index:month"]]])
@pytest.mark.parametrize("hospitals", [1, 7])
def test_few_strata_and_one_hospital_only_are_protected(by: list[list[str]], hospitals: int) -> None:
    for persons in (50, 61, 300):
        counted, protected = ordered(drawn_set(STARTED), by, seed=persons, persons=persons, hospitals=hospitals)
        attacked(counted, protected)
        assert protected.table.num_rows


OUTCOMES = (
    'id = "rate"\nkind = "outcome_rate"\ncodes = "statin"\nsupply = "fixed"\ngrace_days = [0, 30]\n'
    'observe = { from = 0, to = 300 }\noutcome = { register = "lmed", date = "dispensing_date", codes = "asa", '
    'columns = "atc" }',
    'id = "order"\nkind = "sequence_symmetry"\ncodes = "statin"\nmarker = "asa"',
)


@pytest.mark.parametrize("by", [[["sex"]], [["hospital", "sex"], ["region"]]])
def test_outcomes_with_and_without_treatment_are_protected(by: list[list[str]]) -> None:
    header = HEADER + '[supply.fixed]\nsteps = ["fixed:60"]\n'
    for seed in range(3):
        counted, protected = ordered(drawn_set(*OUTCOMES, header=header), by, seed=seed, persons=700)
        assert attacked(counted, protected, lies_in=REGION_OF)
        # Person-time of the few is hidden with the few.
        for row in protected.table.to_pylist():
            assert row["person_time"] is None or row["denominator"] == 0 or row["denominator"] >= 10


def test_one_person_fewer_than_the_minimum_gets_nothing() -> None:
    with pytest.raises(DisclosureRefused, match="fewer persons"):
        ordered(drawn_set(STARTED), [], seed=1, persons=49)


def test_an_indicator_that_nobody_has_prints_its_zeros_where_the_strata_are_open() -> None:
    nobody = drawn_set(STARTED.replace('"statin"', '"p2y12"').replace('"start"', '"none"'))
    counted, protected = ordered(nobody, [["region"]], seed=8, persons=900)
    attacked(counted, protected, lies_in=REGION_OF)
    shown = [row["numerator"] for row in protected.table.to_pylist() if row["status"] == "ok"]
    assert shown
    assert set(shown) == {0.0}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_who_is_in_one_register_alone_is_not_found_from_the_other_sums(seed: int) -> None:
    """drug + patient - both = either: four printed numbers would give a fifth away."""
    names, persons = people(400, seed=seed)
    random = np.random.default_rng(seed)
    visits = [{"person": name, "day": 10, "main_diagnosis": "I214"} for name in names if random.random() < 0.08]
    definition = drawn_set(
        'id = "report"\nkind = "in_registers"\ncalendar = { from = 2020-01-01, until = 2022-01-01, step = "year" }\n'
        '[indicator.sources]\ndrug = { kind = "drug", codes = "statin" }\n'
        'patient = { kind = "diagnosis", columns = "main_diagnosis", codes = "infarction" }',
        header=HEADER + '[codes.infarction]\nicd10_include = ["I21"]\n',
    )
    events = {
        "lmed": drugs(names, seed=seed),
        "par_sv": register(names, visits, date_column="admission_date"),
    }
    counted = count_by(
        evaluate(definition, population=persons, events=events, data_until={}), population=persons, by=[["sex"]]
    )
    printed = read_order(counted, protect(counted, POLICY))
    # What every reader of these words knows, whether or not disclosure control was told of it.
    sums = {"drug": ("drug_only", "both"), "patient": ("patient_only", "both"), "either": ("drug_only", "patient")}
    known = known_sums(printed, sums, point="report/year={};in={}/yes")
    truth = truth_of(counted)
    small = [cell for cell in sorted(printed.blank) if 1 <= truth[cell] < 10]
    assert small
    programme = Programme(Printed(printed.known, printed.blank, [*printed.relations, *known], printed.subsets))
    for cell in small:
        low, high = programme.range_of([(cell, 1)])
        assert high - low >= 2, (cell, low, high)
        assert high >= 10, (cell, low, high)


def known_sums(printed: Printed, sums: dict[str, tuple[str, ...]], *, point: str) -> list[tuple[Cell, list[Cell]]]:
    places = {place for _, place in {*printed.known, *printed.blank}}
    return [
        ((point.format(year, whole), place), [(point.format(year, part), place) for part in parts])
        for year in (2020, 2021)
        for whole, parts in sums.items()
        for place in sorted(places)
    ]


def test_windows_that_nobody_enters_later_hide_the_same_hospitals() -> None:
    """Whoever starts does so at once: both totals are one number, so that both sets are one in every hospital."""
    early, late = (f"start/within_days={days}/yes" for days in (30, 90))
    blanks = 0
    # Untied, the two patterns differ with the last of them.
    for seed in (1, 7):
        names, drawn = people(400, seed=seed)
        who = population(names, sex=drawn.sex, birth_date=drawn.birth_date, strata=drawn.strata)
        random = np.random.default_rng(seed)
        starts = [
            {"person": name, "day": 0, "atc": "C10AA05", "packages": 1} for name in names if random.random() < 0.3
        ]
        events = {"lmed": register(names, starts, date_column="dispensing_date")}
        values = evaluate(drawn_set(STARTED), population=who, events=events, data_until={})
        counted = count_by(values, population=who, by=[["hospital", "sex"], ["region", "sex"]])
        blank = read_order(counted, protect(counted, POLICY)).blank
        in_one, in_other = ({place for key, place in blank if key == name} for name in (early, late))
        assert in_one == in_other
        blanks += len(in_one)
    assert blanks

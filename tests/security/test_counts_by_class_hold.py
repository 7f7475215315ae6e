"""Curves, quantiles, paths and answers by class: a reader with a solver learns no small count, and nothing is printed
that the open counts beside it do not give."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest

from linkage.disclosure_policy import shipped_policies
from linkage_core.aggregates import count_by
from linkage_core.counted_table import CountedTable
from linkage_core.disclosure import ProtectedTable, folded, protect
from linkage_core.indicators import evaluate
from tests.security.test_orders_of_every_shape_hold import REGION_OF, attacked, drugs, people
from tests.support.attackers import subtract
from tests.support.indicator_tables import HEADER, deaths, drawn_set
from tests.support.order_attack import read_order

POLICY = shipped_policies()["standard@1.0.0"]
FIXED = HEADER + '[supply.fixed]\nsteps = ["fixed:60"]\n'
CURVE = (
    'id = "time"\nkind = "time_to_initiation"\ncodes = "statin"\nfollow_up_days = 365\nat_days = [30, 90, 180]\n'
    'statistic = ["count", "share", "km", "cif", "median"]\n'
)
STOPPED = (
    'id = "stopped"\nkind = "time_to_discontinuation"\ncodes = "statin"\nsupply = "fixed"\ngap_days = 30\n'
    'follow_up_days = 300\nat_days = [60, 120, 200]\nstatistic = ["count", "share", "km"]\n'
)
RESTART = (
    'id = "again"\nkind = "restart"\ncodes = "statin"\nsupply = "fixed"\ngap_days = 30\nwithin_days = [60, 120]\n'
    'follow_up_days = 300\nat_days = [90, 200]\nstatistic = ["count", "share", "km", "cif"]\n'
)
LANDMARK = (
    'id = "landmark"\nkind = "landmark_outcome"\ncodes = "statin"\nsupply = "fixed"\nlandmark_day = 120\n'
    "threshold = [0.2, 0.6]\nfollow_up_days = 200\nat_days = [100, 200]\n"
    'outcome = { register = "lmed", date = "dispensing_date", codes = "asa", columns = "atc" }\n'
    'statistic = ["count", "share", "km", "cif"]\n'
)
COST = 'id = "cost"\nkind = "cost"\nobserve = { from = 0, to = 365 }\nstatistic = ["sum", "mean", "median"]\n'
COVERED = (
    'id = "pdc"\nkind = "proportion_of_days_covered"\ncodes = "statin"\nsupply = "fixed"\nthreshold = [0.3, 0.8]\n'
    'observe = { from = 0, to = 365 }\nstatistic = ["mean", "count", "share", "median", "quantile:0.25"]\n'
)
PATHS = (
    'id = "lines"\nkind = "treatment_lines"\ncodes = ["statin", "asa"]\nsupply = "fixed"\nmost_lines = 3\n'
    'observe = { from = 0, to = 365 }\nstatistic = ["mean", "count", "share", "paths"]\n'
)
REASONS = '[codes.infarct]\nsnomed_include = ["22298006"]\n[codes.pressure]\nsnomed_include = ["38341003"]\n'
BY_REASON = 'by_reason = {{ sets = [{sets}], rule = "{rule}" }}\n'
STARTED = 'id = "start"\nkind = "initiation"\ncodes = "statin"\nwindow = {{ from = 0, to = 90 }}\n{extra}'
SPENT = 'id = "cost"\nkind = "cost"\ncodes = "statin"\nobserve = {{ from = 0, to = 365 }}\n{extra}'
KINDS = {
    "curve": CURVE,
    "stopped": STOPPED,
    "restart": RESTART,
    "landmark": LANDMARK,
    "cost": COST,
    "covered": COVERED,
    "paths": PATHS,
}


def ordered(body: str, by: list[list[str]], *, seed: int, persons: int = 700) -> tuple[CountedTable, ProtectedTable]:
    names, who = people(persons, seed=seed)
    random = np.random.default_rng(seed)
    died = {name: int(random.integers(100, 800)) for name in names if random.random() < 0.2}
    values = evaluate(
        drawn_set(body, header=FIXED + REASONS),
        population=who,
        events={"lmed": drugs(names, seed=seed), "dors": deaths(names, died)},
        data_until={},
    )
    counted = folded(count_by(values, population=who, by=by), POLICY)
    return counted, protect(counted, POLICY)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("by", [[], [["sex"]], [["hospital"], ["region", "sex"]]])
def test_no_small_class_is_found(kind: str, by: list[list[str]]) -> None:
    small = 0
    for seed in range(2):
        counted, protected = ordered(KINDS[kind], by, seed=seed)
        assert counted.classes
        small += attacked(counted, protected, lies_in=REGION_OF)
    assert small or not by


@pytest.mark.parametrize("kind", ["curve", "covered"])
def test_without_the_ties_to_other_counts_the_protector_would_be_broken(kind: str) -> None:
    broken = 0
    for seed in range(3):
        counted, _ = ordered(KINDS[kind], [["hospital"]], seed=seed)
        ignorant = protect(replace(counted, class_sums=()), POLICY)
        broken += bool(subtract(read_order(counted, ignorant)))
    assert broken


@pytest.mark.parametrize("sets", ['"infarct"', '"infarct", "pressure"'])
@pytest.mark.parametrize("rule", ["first", "any"])
@pytest.mark.parametrize("body", [STARTED, SPENT])
def test_no_small_count_by_reason_is_found(body: str, rule: str, sets: str) -> None:
    small = 0
    for by in ([["sex"]], [["hospital"]]):
        counted, protected = ordered(body.format(extra=BY_REASON.format(sets=sets, rule=rule)), by, seed=1)
        small += attacked(counted, protected)
    assert small


@pytest.mark.parametrize("kind", ["curve", "stopped", "restart", "landmark"])
def test_each_curve_is_computed_again_from_what_is_printed(kind: str) -> None:
    told = 0
    for seed in range(2):
        _, protected = ordered(KINDS[kind], [["sex"], ["region"]], seed=seed)
        cells: dict[tuple[str, ...], dict[str, dict[str, float | None]]] = defaultdict(lambda: defaultdict(dict))
        for line in protected.table.to_pylist():
            point = ";".join(part for part in line["parameters"].split(";") if part[:5] in ("pdc=0", "pdc=1"))
            cell = (point, line["sex"], line["region"])
            if line["statistic"] == "persons" and "ended=" in line["parameters"]:
                words = "any" if line["parameters"].endswith("ended=any") else line["parameters"].rpartition("days=")[2]
                cells[cell]["classes"][words] = line["value"]
            elif line["statistic"] == "survival" and line["status"] == "ok":
                cells[cell]["curve"][line["parameters"].rpartition("=")[2]] = line["value"]
        for own in cells.values():
            for day, value in own["curve"].items():
                assert value == pytest.approx(survival_until(int(day), own["classes"]))
                told += 1
    assert told


def survival_until(day: int, classes: dict[str, float | None]) -> float:
    """The product over intervals of 1 - events / (at risk - half of who leave)."""
    everybody = classes["any"]
    assert everybody is not None
    rest = everybody - sum(count or 0 for words, count in classes.items() if words != "any")
    spans = []
    hidden_days = 0
    for words, count in classes.items():
        days, _, ended = words.partition(";ended=")
        first, _, last = days.partition("..")
        if words != "any" and last:
            leaves = ended.startswith(("left", "died"))
            spans.append((int(first), int(last), count, leaves))
            hidden_days += int(last) - int(first) + 1 if count is None and leaves else 0

    def persons(begin: int, end: int, count: float | None) -> float:
        return rest * (end - begin + 1) / hidden_days if count is None else count

    left, share = everybody, 1.0
    for begin, end, events, leaves in sorted(spans, key=lambda span: span[1]):
        if leaves or end > day:
            continue
        assert events is not None
        leaving, gone = 0.0, 0.0
        for first, last, count, other in spans:
            if other or last < begin:
                daily = persons(first, last, count) / (last - first + 1)
                gone += daily * max(min(last, begin - 1) - first + 1, 0)
                leaving += daily * max(min(last, end) - max(first, begin) + 1, 0) if other else 0
        left = everybody - gone
        share *= 1 - events / (left - leaving / 2)
    return share

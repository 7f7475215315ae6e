"""Sensitivity grids, checked on paper: every point of a grid is what an indicator of that point alone says.

Anna has 30 days of drug A on day 0, 30 more on day 20, and 10 of drug B on day 60; on day 21 those of day 20 come back.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from linkage.errors import DefinitionRejected
from linkage.indicator_definition import canonical_form, needed_columns
from linkage_core.indicators import run_context
from linkage_server.release.definition_words import facts_of
from linkage_server.release.wording import parameters_title
from tests.support.indicator_tables import HEADER, deaths, drawn_set, evaluated, lmed, outcome, population, stays

ANNA = ["anna", "bea"]
ROWS = (
    "anna 0 C10AA05 1 30",
    "anna 20 C10AA05 1 30",
    "anna 21 C10AA05 -1 30",
    "anna 60 C10AA01 1 10",
    "bea 5 C10AA05 2 60",
    "bea 30 C10AA01 1 20",
)
MODELS = '[supply.fixed]\nsteps = ["fixed:20"]\ncap_days = 1000\n'
GRID = {
    "supply": ["given", "fixed"],
    "reversals": ["net", "drop_negative"],
    "carry_over": ["per_drug", "pooled", "none"],
}
BODIES = {
    "proportion_of_days_covered": "observe = { from = 0, to = [50, 100] }\nthreshold = [0.5, 0.8]",
    "treatment_episodes": "gap_days = [10, 30]\nfollow_up_days = 100\nat_days = [40]",
    "time_to_discontinuation": 'gap_days = [10, 30]\nfollow_up_days = 100\ncensoring = ["strict", "plain"]',
    "covered_on_day": "at_days = [40]\nfollow_up_days = 100",
    "restart": "gap_days = [10, 30]\nfollow_up_days = 100\nwithin_days = 30",
    "medication_possession_ratio": "observe = { from = 0, to = 100 }\nthreshold = 0.5",
}


def written(kind: str, **grid: Any) -> str:
    lists = "\n".join(f"{name} = {value!r}" for name, value in grid.items())
    return f'id = "i"\nkind = "{kind}"\ncodes = "statin"\n{BODIES[kind]}\n{lists}'


def found(kind: str, **grid: Any) -> dict[str, Any]:
    definition = drawn_set(written(kind, **grid), header=HEADER + MODELS)
    return evaluated(definition, population=population(ANNA), lmed=lmed(ANNA, *ROWS), dors=deaths(ANNA, {"bea": 90}))


@pytest.mark.parametrize("kind", BODIES)
def test_every_point_is_what_an_indicator_of_that_point_says(kind):
    without = {"carry_over"} if kind == "medication_possession_ratio" else set()
    grid = {name: values for name, values in GRID.items() if name not in without}
    whole = found(kind, **grid)
    points = list(product(*grid.values()))
    alone = 0
    for point in points:
        chosen = dict(zip(grid, point, strict=True))
        prefix = "".join(f"{name}={value};" for name, value in chosen.items())
        for name, value in found(kind, **chosen).items():
            alone += 1
            same = whole[f"i/{prefix}{name.removeprefix('i/')}"]
            assert outcome(same) == outcome(value)
            assert (same.measure, same.incomplete, same.account) == (value.measure, value.incomplete, value.account)
            assert same.indicator.supply == ["given", "fixed"]
    assert alone == len(whole)


ALL = """id = "i"
kind = "proportion_of_days_covered"
codes = ["atorva", "simva"]
combine = "all"
observe = { from = 0, to = [100, 50] }
"""
IN_HOSPITAL = "".join(
    f'[supply.{steps.partition(":")[0]}-{rule}]\nsteps = ["{steps}"]\nhospital = "{rule}"\ncap_days = 1000\n'
    for steps in ("days_supply", "fixed:20")
    for rule in ("freeze", "credit", "shift")
)
NINE = [f"d{days}" for days in range(5, 50, 5)]
NINE_SUPPLIES = "".join(f'[supply.{name}]\nsteps = ["fixed:{name[1:]}"]\n' for name in NINE)
TWO_SETS = '[codes.atorva]\natc_include = ["C10AA05"]\n[codes.simva]\natc_include = ["C10AA01"]\n'


IN_BED = {"anna": [(45, 53), (62, 66), (64, 70), (98, 120)], "bea": [(200, 210)]}


def found_of_all(**grid: Any) -> dict[str, Any]:
    lists = "\n".join(f"{name} = {value!r}" for name, value in grid.items())
    definition = drawn_set(f"{ALL}{lists}", header=HEADER + MODELS + IN_HOSPITAL + NINE_SUPPLIES + TWO_SETS)
    rows = [*ROWS, "anna 40 C10AA01 1 30", "bea 20 C10AA01 1 5"]
    registers = {"lmed": lmed(ANNA, *rows), "dors": deaths(ANNA, {}), "par_sv": stays(ANNA, IN_BED)}
    return evaluated(definition, population=population(ANNA), **registers)


@pytest.mark.parametrize(
    "models",
    [
        ["given", "fixed"],
        ["given", "frozen"],
        ["fixed", "fixed-shift", "days_supply-credit", "days_supply-freeze", "given"],
        ["days_supply-credit", "fixed-freeze", "days_supply-shift"],
        NINE,
    ],
)
def test_so_are_points_of_several_groups_that_must_all_cover_a_day(models):
    grid = {**GRID, "supply": models}
    whole = found_of_all(**grid)
    for point in product(*grid.values()):
        chosen = dict(zip(grid, point, strict=True))
        prefix = "".join(f"{name}={value};" for name, value in chosen.items())
        for name, value in found_of_all(**chosen).items():
            assert outcome(whole[f"i/{prefix}{name.removeprefix('i/')}"]) == outcome(value)
    if "given" not in models:
        return
    # Of drug A on days 0 to 60, or 0 to 30 where the 30 days of day 20 come back; of drug B on days 40 to 80.
    anna = {
        rule: whole[f"i/supply=given;reversals={rule};carry_over=per_drug;observe_days=100"].value[0]
        for rule in grid["reversals"]
    }
    assert anna == {"net": 0, "drop_negative": 20}


def test_points_differ_where_the_table_says_so():
    whole = found("proportion_of_days_covered", **GRID)

    def covered(point: str) -> int:
        return int(whole[f"i/{point};observe_days=100"].value[0])

    # The 30 days of day 20 come back: 30 + 10 days are left of 30 + 30 + 10.
    assert covered("supply=given;reversals=net;carry_over=per_drug") == 40
    assert covered("supply=given;reversals=drop_negative;carry_over=per_drug") == 70
    # Without carry-over the days 20 to 30 are covered twice, and count once.
    assert covered("supply=given;reversals=drop_negative;carry_over=none") == 60
    assert covered("supply=fixed;reversals=net;carry_over=pooled") == 40
    assert covered("supply=fixed;reversals=drop_negative;carry_over=pooled") == 60


def test_one_value_in_a_list_is_no_grid_and_changes_no_name():
    plain = found("proportion_of_days_covered", supply="given")
    listed = found("proportion_of_days_covered", supply=["given"], carry_over=["per_drug"])
    assert list(plain) == list(listed) == [f"i/observe_days={days}{more}" for days in (50, 100) for more in MORE]


MORE = ("", ";at_least=0.5", ";at_least=0.8")


def test_a_rule_for_reversed_rows_takes_the_place_of_the_models_own():
    plain = found("proportion_of_days_covered", supply="given", reversals="drop_negative")
    assert list(plain) == [f"i/observe_days={days}{more}" for days in (50, 100) for more in MORE]
    assert plain["i/observe_days=100"].value.tolist()[0] == 70


def test_netting_is_done_once_for_each_rule_and_supply_once_for_each_model_and_rule(monkeypatch):
    done: list[str] = []
    monkeypatch.setattr(run_context, "net", counted(done, "net", run_context.net))
    monkeypatch.setattr(run_context, "days_of_supply", counted(done, "supply", run_context.days_of_supply))
    found("treatment_episodes", **GRID)
    assert (done.count("net"), done.count("supply")) == (2, 4)


def counted(done: list[str], what: str, function: Any) -> Any:
    def call(*arguments: Any, **named: Any) -> Any:
        done.append(what)
        return function(*arguments, **named)

    return call


def test_points_are_told_in_words():
    title = parameters_title("supply=given;reversals=drop_negative;carry_over=none;gap_days=30")
    assert title.startswith("days of supply: given")


@pytest.mark.parametrize("grid", [{"supply": []}, {"supply": ["given", "given"]}, {"carry_over": []}])
def test_an_empty_list_and_a_point_that_stands_twice_are_refused(grid):
    with pytest.raises(DefinitionRejected):
        drawn_set(written("treatment_episodes", **{"supply": "given", **grid}), header=HEADER + MODELS)


def test_a_model_that_is_not_there_is_named():
    with pytest.raises(DefinitionRejected, match="'other'"):
        drawn_set(written("treatment_episodes", supply=["given", "other"]), header=HEADER + MODELS)


def test_what_is_carried_over_must_be_carried_at_every_point_to_be_converted():
    body = written("treatment_episodes", supply="given", carry_over=["pooled", "none"]) + "\ndosage_change = true"
    with pytest.raises(DefinitionRejected, match="carry_over"):
        drawn_set(body)


def test_columns_of_every_model_are_read_and_its_words_stand_in_the_report():
    header = HEADER + '[supply.text]\nsteps = ["dosage_text"]\n'
    definition = drawn_set(written("treatment_episodes", **{**GRID, "supply": ["given", "text"]}), header=header)
    assert {"days_supply", "dosage_text", "units_per_package"} <= needed_columns(definition)["lmed"]
    facts = dict(facts_of(definition.indicators[0], definition))
    assert {"Days of supply, given", "Days of supply, text", "Reversed rows"} <= facts.keys()
    assert b'"supply":["given","text"]' in canonical_form(definition)

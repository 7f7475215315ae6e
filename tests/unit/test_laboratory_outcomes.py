"""What `linkage-server lab evaluate` writes about outcomes: ratios by stratum, and tests between classes."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from linkage.errors import EventsRejected
from linkage_server.lab.evaluate import evaluate_files

SET = """
[set]
id = "tried"
version = "0.1.0"
[codes.statin]
atc_include = ["C10AA"]
[codes.asa]
atc_include = ["B01AC06"]
[codes.infarction]
icd10_include = ["I21"]
[supply.given]
steps = ["days_supply"]
[[indicator]]
id = "rate"
kind = "outcome_rate"
codes = "statin"
supply = "given"
grace_days = [0, 10]
outcome = { register = "par_sv", date = "admission_date", codes = "infarction", columns = "main_diagnosis" }
observe = { from = 0, to = 100 }
statistic = ["count", "rate", "rate_ratio"]
[[indicator]]
id = "order"
kind = "sequence_symmetry"
codes = "statin"
marker = "asa"
statistic = ["crude_ratio"]
ratio_interval = ["exact"]
[[indicator]]
id = "mark"
kind = "landmark_outcome"
codes = "statin"
supply = "given"
landmark_day = 20
follow_up_days = 80
competing = "none"
outcome = { register = "par_sv", date = "admission_date", codes = "infarction", columns = "main_diagnosis" }
at_days = [80]
statistic = ["km", "logrank"]
"""
POPULATION = """id,index_date,sex
p1,2020-01-01,F
p2,2020-01-01,F
p3,2020-01-01,M
p4,2020-01-01,M
"""
LMED = """person,dispensing_date,ATC,ANTAL,days_supply
p1,2020-01-01,C10AA05,1,30
p2,2020-01-11,C10AA05,1,100
p3,2020-01-01,C10AA05,1,5
p1,2020-02-01,B01AC06,1,30
p3,2019-12-01,B01AC06,1,30
"""
STAYS = """person,admission_date,main_diagnosis
p1,2020-02-20,I21
p2,2020-03-01,I21
p3,2020-02-10,I21
"""


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> dict[str, pd.DataFrame]:
    folder = tmp_path_factory.mktemp("outcomes")
    for name, text in (("set.toml", SET), ("people.csv", POPULATION), ("lmed.csv", LMED), ("stays.csv", STAYS)):
        (folder / name).write_text(text)
    files = evaluate_files(
        folder / "set.toml",
        population=folder / "people.csv",
        events={"lmed": folder / "lmed.csv", "par_sv": folder / "stays.csv"},
        out=folder / "out",
        by=[["sex"]],
    )
    account = json.loads((folder / "out" / "definition.json").read_text())["account"]
    assert account["rate/observe_days=100;grace_days=0;arm=exposed"]["rows_by_days_supply"] == 3
    return {path.stem: pd.read_parquet(path) for path in files if path.suffix == ".parquet"}


def test_statistics_have_a_row_for_each_point_statistic_and_cell(written):
    table = written["statistics"]
    rates = table[table.indicator == "rate"]
    assert sorted(set(rates.parameters)) == ["observe_days=100;grace_days=0", "observe_days=100;grace_days=10"]
    assert sorted(set(rates.statistic)) == ["rate_exposed", "rate_ratio", "rate_unexposed"]
    assert sorted(set(rates.sex)) == ["man", "total", "woman"]
    assert not table.duplicated(["indicator", "parameters", "sex", "statistic", "interval"]).any()


def test_events_and_time_of_strata_add_up_to_those_of_all(written):
    table = written["statistics"]
    exposed = table[table.statistic == "rate_exposed"].set_index(["parameters", "sex"])
    assert len(exposed.index.levels[0]) == 2
    for parameters in exposed.index.levels[0]:
        own = exposed.loc[parameters][["numerator", "person_years"]]
        assert own.loc[["man", "woman"]].sum().tolist() == pytest.approx(own.loc["total"].tolist())


def test_what_has_no_number_is_null_and_says_why(written):
    table = written["statistics"].set_index(["indicator", "sex", "statistic", "parameters"])
    order = table.loc[("order", "woman", "crude_ratio", "first=index")]
    assert pd.isna([order.value, order.upper]).all()
    assert order.lower > 0
    assert "no upper limit" in order.note
    ratio = table.loc[("rate", "man", "rate_ratio", "observe_days=100;grace_days=0")]
    assert (ratio.value, ratio.lower) == (0, 0)


def test_classes_are_compared_in_each_stratum_and_strata_in_each_class(written):
    table = written["survival"]
    tests = table[table.statistic == "logrank"]
    compared = {(row.parameters, row.sex, row.compares) for row in tests.itertuples()}
    assert ("landmark_day=20", "total", "pdc") in compared
    assert ("landmark_day=20", "woman", "pdc") in compared
    assert ("landmark_day=20;pdc=0.8..1", "total", "sex") in compared
    everybody = tests[(tests.sex == "total") & (tests.compares == "pdc")].iloc[0]
    assert (everybody.at_risk, everybody.events, everybody.freedom) == (4, 3, 1)


def test_the_table_has_rates_by_arm_and_no_ratio(written):
    table = written["table"]
    arms = table[(table.indicator == "rate") & (table.statistic == "rate_per_1000_person_years")]
    assert {parameters.rpartition(";")[2] for parameters in arms.parameters} == {"arm=exposed", "arm=unexposed"}
    assert not table.statistic.str.contains("ratio").any()


def test_a_column_of_an_outcome_that_is_not_there_is_refused_with_those_that_are(tmp_path):
    wrong = SET.replace('columns = "main_diagnosis"', 'columns = "icd10"')
    for name, text in (("set.toml", wrong), ("people.csv", POPULATION), ("lmed.csv", LMED)):
        (tmp_path / name).write_text(text)
    # A column in common use has the engine's word as its name.
    (tmp_path / "stays.csv").write_text(STAYS.replace("main_diagnosis", "icd10"))
    with pytest.raises(EventsRejected, match="'par_sv' has no column 'icd10'") as refused:
        evaluate_files(
            tmp_path / "set.toml",
            population=tmp_path / "people.csv",
            events={"lmed": tmp_path / "lmed.csv", "par_sv": tmp_path / "stays.csv"},
            out=tmp_path / "out",
        )
    assert "admission_date, diagnosis" in refused.value.mend

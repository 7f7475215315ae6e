"""What `linkage-server lab evaluate` writes about times: curves by stratum, times and episodes, on small files."""

from __future__ import annotations

import pandas as pd
import pytest

from linkage_server.lab.evaluate import evaluate_files

SET = """
[set]
id = "tried"
version = "0.1.0"
[codes.statin]
atc_include = ["C10AA"]
[supply.given]
steps = ["days_supply"]
[[indicator]]
id = "stopped"
kind = "time_to_discontinuation"
codes = "statin"
supply = "given"
gap_days = 30
follow_up_days = 200
at_days = [0, 30, 199, 200]
statistic = ["count", "km", "cif", "median", "rmst:200", "logrank"]
[[indicator]]
id = "episodes"
kind = "treatment_episodes"
codes = "statin"
supply = "given"
gap_days = 30
follow_up_days = 200
"""
# p1 stops on day 30, p2 dies on day 20, p3 is treated throughout, p4 never begins.
POPULATION = """id,index_date,sex,hospital,death_date
p1,2020-01-01,F,north,
p2,2020-01-01,F,south,2020-01-21
p3,2020-06-01,M,south,
p4,2020-06-01,M,,
"""
LMED = """person,dispensing_date,ATC,ANTAL,days_supply
p1,2020-01-01,C10AA05,1,30
p2,2020-01-01,C10AA05,1,30
p3,2020-06-01,C10AA05,1,100
p3,2020-09-01,C10AA05,1,120
"""


@pytest.fixture
def run(tmp_path):
    def with_crossings(*by: str, text: str = SET) -> dict[str, pd.DataFrame]:
        (tmp_path / "set.toml").write_text(text)
        (tmp_path / "people.csv").write_text(POPULATION)
        (tmp_path / "lmed.csv").write_text(LMED)
        written = evaluate_files(
            tmp_path / "set.toml",
            population=tmp_path / "people.csv",
            events={"lmed": tmp_path / "lmed.csv"},
            out=tmp_path / "out",
            write_persons=True,
            by=[crossing.split() for crossing in by] or [["sex"]],
        )
        return {path.stem: pd.read_parquet(path) for path in written if path.suffix == ".parquet"}

    return with_crossings


def test_curves_are_written_by_stratum_with_their_total(run):
    table = run("sex", "hospital")["survival"]
    curve = table[(table.statistic == "km") & (table.at_day == 199)]
    total = curve[(curve.sex == "total") & (curve.hospital == "total")].iloc[0]
    # Of three one dies on day 20; of two left one stops on day 30.
    assert (total.value, total.at_risk, total.events) == (0.5, 1, 1)
    # Who is treated throughout is followed until day 200, the last on which the curve is known.
    last = table[(table.statistic == "km") & (table.at_day == 200) & (table.sex == "total")].iloc[0]
    assert (last.value, last.at_risk, last.events) == (0.5, 1, 1)
    assert curve[curve.sex == "man"].value.tolist() == [1.0]
    assert curve[curve.hospital == "south"].value.tolist() == [1.0]
    # Nobody with a time is without a hospital, so the level is not written.
    assert set(table.hospital) == {"total", "north", "south"}
    assert len(table) == len(table.drop_duplicates(["sex", "hospital", "statistic", "at_day", "compares"]))


def test_who_died_is_an_end_of_its_own(run):
    table = run()["survival"].set_index(["sex", "statistic", "at_day"])
    assert table.loc[("total", "cif_discontinued", 199)].value == pytest.approx(1 / 3)
    assert table.loc[("total", "cif_died", 199)].value == pytest.approx(1 / 3)
    # Both women ended, so 1 - share is not what stopped: that would be all of them.
    assert table.loc[("woman", "km", 199)].value == 0
    assert table.loc[("woman", "cif_discontinued", 199)].value == pytest.approx(1 / 2)


def test_medians_means_and_tests_stand_beside_them(run):
    table = run()["survival"].set_index(["sex", "statistic"])
    assert table.loc[("woman", "median")].value == 30
    assert pd.isna(table.loc[("man", "median")].value)
    assert table.loc[("total", "rmst")].value == 30 + 170 * 0.5
    test = table.loc[("total", "logrank")]
    # One event of two at risk on day 30: expected 1/2, variance 1/4.
    assert (test.compares, test.value, test.freedom) == ("sex", pytest.approx(1.0), 1)
    assert test.p_value == pytest.approx(0.3173105, abs=1e-6)


def test_a_crossing_of_rows_has_counts_and_no_curve(run):
    counts = '[[indicator]]\nid = "users"\nkind = "users"\ncodes = "statin"\nobserve = { from = 0, to = 365 }\n'
    tables = run("sex", "row:atc:5", text=SET + counts)
    assert list(tables["survival"].columns[:3]) == ["indicator", "parameters", "sex"]


def test_each_person_has_her_time_and_how_it_ended(run):
    times = run()["times"].set_index("person_id")
    assert times.ending.fillna("").tolist() == ["event", "competing", "censored", ""]
    assert times.days.iloc[:3].tolist() == [30, 20, 200]
    assert times.reason.tolist() == ["ok", "ok", "ok", "excluded:not_started"]


def test_every_episode_is_written(run):
    episodes = run()["episodes"]
    assert episodes[["person_id", "episode", "days"]].values.tolist() == [
        ["p1", 1, 30.0],
        ["p2", 1, 20.0],
        ["p3", 1, 200.0],
    ]


def test_curves_of_restart_count_days_from_discontinuation(run):
    restart = """
[[indicator]]
id = "again"
kind = "restart"
codes = "statin"
supply = "given"
gap_days = 30
follow_up_days = 200
within_days = 60
at_days = [100]
statistic = ["cif"]
"""
    tables = run(text=SET + restart)
    times = tables["times"]
    times = times[times.indicator == "again"]
    assert times.reason.tolist() == ["ok", *["excluded:not_discontinued"] * 2, "excluded:not_started"]
    assert times.days.iloc[0] == 170
    assert str(times.start.iloc[0]) == "2020-01-31"
    curves = tables["survival"]
    assert set(curves[curves.indicator == "again"].statistic) == {"cif_restarted", "cif_died"}


def test_a_set_that_asks_for_no_curve_gets_none(run):
    assert "survival" not in run(text=SET.replace(', "km", "cif", "median", "rmst:200", "logrank"', ""))


def test_the_median_of_a_curve_is_not_told_of_censored_times_too(run):
    tables = run()
    assert set(tables["survival"].statistic) >= {"km", "median"}
    assert "quantiles" not in tables

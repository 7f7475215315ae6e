"""Series, units compared and completeness of a laboratory run, on files that can be checked on paper."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from scipy.stats import binom

from linkage.errors import InputRefused
from linkage_core.comparisons import share_difference
from linkage_server.lab.evaluate import evaluate_files
from linkage_server.lab.population_results import Asked

SET = """
[set]
id = "tried"
version = "0.1.0"
[codes.statin]
atc_include = ["C10AA"]
[[indicator]]
id = "start"
kind = "initiation"
codes = "statin"
window = { from = 0, to = 30 }
target = { lower = 0.4, upper = 0.6 }
[[indicator]]
id = "cost"
kind = "cost"
observe = { from = 0, to = 30 }
statistic = ["sum", "mean"]
"""
MONTHS = (1, 2, 3)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twenty persons a month and hospital; of those in the north a half begin in January, all in February and March;
    of those in the south a tenth."""
    people, rows = ["person_id,index_date,hospital"], ["person_id,date,atc,packs,cost_total,dosage_text"]
    for month in MONTHS:
        for hospital, begin in (("north", 10 if month == 1 else 20), ("south", 2)):
            for number in range(20):
                name = f"{hospital}{month}-{number}"
                people.append(f"{name},2024-{month:02d}-10,{hospital}")
                if number < begin:
                    dosage = "1 tablett dagligen" if number else "efter behov och önskan"
                    rows.append(f"{name},2024-{month:02d}-12,C10AA05,1,100,{dosage}")
    rows += ["north1-0,2024-01-13,C10AA05,-1,-100,", "north1-1,2024-01-11,C10AA05,-1,-100,"]
    (tmp_path / "people.csv").write_text("\n".join(people) + "\n")
    (tmp_path / "lmed.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "set.toml").write_text(SET)
    return tmp_path


def run(folder: Path, **more: object) -> Path:
    evaluate_files(
        folder / "set.toml",
        population=folder / "people.csv",
        events={"lmed": folder / "lmed.csv"},
        out=folder / "out",
        **more,
    )
    return folder / "out"


UNTIL = {"lmed": date(2024, 3, 20)}
"""31 January and 30 days is 1 March, 29 February and 30 days is 30 March."""


def test_only_months_that_are_over_are_complete_in_the_table(folder):
    table = pd.read_csv(run(folder, by=[["index:month"]], data_until=UNTIL) / "table.csv")
    start = table[(table.indicator == "start") & (table.statistic == "share")].set_index("index_month")
    assert start.status.to_dict() == {
        "2024-01": "ok",
        "2024-02": "incomplete",
        "2024-03": "incomplete",
        "total": "incomplete",
    }


def test_rolling_months_add_up_persons_and_sums_and_the_last_one_decides_whether_they_are_over(folder):
    out = run(folder, by=[["index:month"], ["hospital", "index:month"]], asked=Asked(rolling=2), data_until=UNTIL)
    found = pd.read_csv(out / "series.csv").set_index(["indicator", "period", "hospital", "statistic"]).sort_index()
    assert set(found.index.get_level_values("period")) == {"2024-02", "2024-03"}
    share = found.loc[("start", "2024-02", "north", "share")]
    # Of ten in January one brought it back, and another's reversal lies before her dispensing and takes nothing.
    assert share[["numerator", "denominator", "value"]].tolist() == [29, 40, 29 / 40]
    assert share.status == "incomplete"
    assert share.parameters == "within_days=30;rolling=2"
    total = found.loc[("cost", "2024-03", "total", "mean")]
    assert total[["numerator", "denominator", "value"]].tolist() == [4400, 80, 55]


def test_a_series_of_fractions_is_of_means(folder):
    (folder / "set.toml").write_text(
        '[set]\nid = "x"\nversion = "1.0.0"\n[supply.d]\nsteps = "fixed:5"\n[codes.statin]\natc_include = ["C10AA"]\n'
        '[[indicator]]\nid = "pdc"\nkind = "proportion_of_days_covered"\ncodes = "statin"\nsupply = "d"\n'
        'observe = { from = 0, to = 10 }\nstatistic = ["mean", "median"]\n'
    )
    out = run(folder, by=[["index:month"], ["hospital"]], asked=Asked(rolling=3))
    found = pd.read_csv(out / "series.csv")
    assert found[["period", "statistic", "denominator"]].values.tolist() == [["2024-03", "mean", 120]]
    assert found.value[0] == pytest.approx((29 + 20 + 6) * 5 / 10 / 120)
    medians = pd.read_csv(out / "quantiles.csv").set_index("hospital")
    assert medians.loc["north", "value"] == 0.5
    assert medians.loc["south", "value"] == 0


def compared(folder: Path, **more: object) -> pd.DataFrame:
    return pd.read_csv(run(folder, asked=Asked(compare=["hospital"], **more), data_until=UNTIL) / "comparison.csv")


def test_units_are_held_against_all_and_against_the_target(folder):
    found = compared(folder).set_index("unit")
    assert found.loc["total", ["numerator", "denominator"]].tolist() == [55, 120]
    north = found.loc["north"]
    assert north[["numerator", "denominator", "overall"]].tolist() == [49, 60, 55 / 120]
    tail, step = 0.975, binom.ppf(0.975, 60, 55 / 120)
    part = (binom.cdf(step, 60, 55 / 120) - tail) / binom.pmf(step, 60, 55 / 120)
    assert north.upper_95 == pytest.approx((step - part) / 60)
    assert (north.place, found.loc["south", "place"], found.loc["total", "place"]) == (
        "above 99.8",
        "below 99.8",
        "inside",
    )
    assert (north.target, found.loc["south", "target"], found.loc["total", "target"]) == ("beyond", "below", "within")
    assert set(found.status) == {"incomplete"}
    assert found.change.isna().all()


def test_units_are_held_against_the_period_before(folder):
    found = compared(folder, trend="index:month").fillna({"period": ""}).set_index(["period", "unit"])
    assert found.loc[("2024-01", "north"), "change"] != found.loc[("2024-01", "north"), "change"]
    north = found.loc[("2024-02", "north")]
    limits = share_difference(20, 20, 9, 20)
    assert north[["change", "change_lower", "change_upper"]].tolist() == pytest.approx([float(one) for one in limits])
    assert (north.trend, found.loc[("2024-03", "north"), "trend"]) == ("up", "unclear")
    assert found.loc[("2024-02", "total"), "overall"] == pytest.approx(22 / 40)
    assert found.status[("2024-01", "north")] == "ok"


def test_a_trend_is_of_index_periods(folder):
    with pytest.raises(InputRefused, match="compares periods of index days"):
        compared(folder, trend="hospital")


def test_calendar_periods_are_compared_one_after_the_other(folder):
    (folder / "set.toml").write_text(
        SET.partition("[[indicator]]")[0] + '[[indicator]]\nid = "users"\nkind = "users"\ncodes = "statin"\n'
        'calendar = { from = 2024-01-01, until = 2024-04-01, step = "month" }\n'
    )
    found = compared(folder).set_index(["period", "unit"])
    assert found.loc[("2024-02", "south"), ["numerator", "denominator"]].tolist() == [2, 60]
    assert found.loc[("2024-02", "south"), "trend"] == "unclear"
    assert found.loc[("2024-02", "north"), "trend"] == "up"
    assert found.status[("2024-03", "north")] == "incomplete"


def test_completeness_is_written_beside_every_result(folder):
    found = pd.read_csv(run(folder) / "completeness.csv").set_index("figure")
    assert found.loc["persons_found", ["number", "of"]].tolist() == [56, 120]
    assert found.loc["rows", "number"] == 58
    assert found.loc["rows_without_date", "number"] == 0
    assert found.loc["rows_without_dosage", ["number", "of"]].tolist() == [2, 58]
    assert found.loc["rows_with_dosage_not_read", "number"] == 6
    assert found.loc[["rows_without_ddd", "rows_without_reason"], "number"].isna().all()
    assert found.loc["reversed_rows", ["number", "rule"]].tolist() == [2, "net"]
    assert found.loc["netted_rows", ["number", "of"]].tolist() == [1, 2]
    assert found.loc["unmatched_rows", "share"] == 0.5

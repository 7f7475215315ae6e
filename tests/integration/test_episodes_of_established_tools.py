"""Treatment episodes and times to discontinuation are, on the reference sets, those of AdhereR, day for day."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from linkage_server.lab.evaluate import evaluate_files
from tests.support.adherer_oracle import expected, files, folder

pytestmark = pytest.mark.shared_data

HEADER = """
[set]
id = "reference"
version = "1.0.0"
[codes.drugs]
atc_include = {codes}
[supply.given]
steps = ["days_supply"]
cap_days = 3650
reversals = "net_latest"
"""
EPISODES = """
[[indicator]]
id = "{id}"
kind = "treatment_episodes"
codes = "drugs"
supply = "given"
mode = "compat"
{gap_field} = {max_gap}
carry_over = "{carry_over}"
new_episode_on = {new_episode_on}
append_gap = {append_gap}
follow_up_days = {fu_days}
end_at_exit = false
"""
DISCONTINUATION = """
[[indicator]]
id = "statin"
kind = "time_to_discontinuation"
codes = "drugs"
supply = "given"
mode = "compat"
carry_over = "pooled"
gap_days = [30, 90]
censoring = ["plain", "strict"]
at_days = [0, 30, 60, 90, 180, 270, 365, 545, 700, 729]
statistic = ["count", "share", "km", "cif", "median", "logrank", "rmst:365"]
curve_limits = "{limits}"
"""
CONFIGS = {
    "e01_gap90": "gap_days=90;censoring=plain",
    "e02_gap30": "gap_days=30;censoring=plain",
    "e01_gap90_strict": "gap_days=90;censoring=strict",
    "e02_gap30_strict": "gap_days=30;censoring=strict",
}


def of_config(config: dict) -> str:
    carry_over = "none" if not config["carry_within"] else "per_drug" if config["same_med"] else "pooled"
    return EPISODES.format(
        **{name: config[name] for name in ("id", "max_gap", "fu_days")},
        gap_field="gap_percent" if config["gap_unit"] == "percent" else "gap_days",
        carry_over=carry_over,
        new_episode_on='["medication_change"]' if config["medication_change"] else "[]",
        append_gap=str(config["append_gap"]).lower(),
    )


def laboratory(out: Path, text: str, *, population: Path, lmed: Path, atc: str = "atc") -> Path:
    (out / "set.toml").write_text(text)
    evaluate_files(
        out / "set.toml",
        population=population,
        events={"lmed": lmed},
        out=out,
        write_persons=True,
        by=[["sex"]] if population.suffix == ".parquet" else [],
        columns={"lmed": {"atc": atc}},
    )
    return out


def listed(codes: list[str]) -> str:
    return json.dumps(sorted(codes))


@pytest.fixture(scope="module")
def results(shared_data, tmp_path_factory) -> Path:
    rows = pd.read_parquet(files(shared_data)["lmed"], columns=["grp", "atc"])
    configs = json.loads((folder(shared_data) / "episode_configs.json").read_text())
    assert {config["group"] for config in configs} == {"STATIN"}
    text = HEADER.format(codes=listed(rows.atc[rows.grp == "STATIN"].unique()))
    text += "".join(map(of_config, configs))
    text += DISCONTINUATION.format(limits="log-log")
    text += DISCONTINUATION.format(limits="log").replace('id = "statin"', 'id = "statin_log"')
    return laboratory(
        tmp_path_factory.mktemp("episodes"),
        text,
        population=folder(shared_data) / "input" / "persons.parquet",
        lmed=files(shared_data)["lmed"],
    )


def test_every_episode_of_every_configuration(shared_data, results):
    wanted = expected(shared_data, "episodes").set_index(["config", "person_id", "episode_ID"]).sort_index()
    ours = pd.read_parquet(results / "episodes.parquet").set_index(["indicator", "person_id", "episode"]).sort_index()
    assert ours.index.tolist() == wanted.index.tolist()
    assert ours.start.astype(str).tolist() == wanted.episode_start.tolist()
    assert ours.end.astype(str).tolist() == wanted.episode_end.tolist()
    assert (ours.days.to_numpy() == wanted.episode_duration.to_numpy()).all()
    assert (ours.gap_days_after.to_numpy() == wanted.end_episode_gap_days.to_numpy()).all()


def test_numbers_of_episodes_and_lengths_of_the_first_agree_with_the_list(results):
    person = pd.read_parquet(results / "per_person.parquet")
    episodes = pd.read_parquet(results / "episodes.parquet")
    for indicator, rows in episodes.groupby("indicator"):
        own = person[person.indicator == indicator]
        number = own[own.parameters.str.endswith("measure=episodes")].set_index("person_id").value
        assert number[number > 0].to_dict() == rows.groupby("person_id").size().to_dict()
        first = own[own.parameters.str.endswith("measure=first_days")].set_index("person_id").value.dropna()
        assert first.to_dict() == rows[rows.episode == 1].set_index("person_id").days.to_dict()


@pytest.mark.parametrize("config", CONFIGS)
def test_every_time_to_discontinuation(shared_data, results, config):
    wanted = expected(shared_data, "time_to_discontinuation")
    wanted = wanted[wanted.config == config].set_index("person_id")
    ours = pd.read_parquet(results / "times.parquet")
    ours = ours[(ours.indicator == "statin") & (ours.parameters == CONFIGS[config])].set_index("person_id")
    assert set(ours.index[ours.reason == "ok"]) == set(wanted.index)
    ours = ours.loc[wanted.index]
    assert (ours.days == wanted.time).all()
    assert ours.start.astype(str).tolist() == wanted.start.tolist()
    assert ours.ending.map({"censored": 0, "event": 1, "competing": 2}).tolist() == wanted.competing.tolist()


@pytest.mark.parametrize("config", CONFIGS)
def test_curves_and_summaries_in_the_laboratory(shared_data, results, config):
    table = pd.read_parquet(results / "survival.parquet")
    table = table[table.parameters == CONFIGS[config]]
    points = expected(shared_data, "km_points")
    words = {"all": "total", "sex=F": "woman", "sex=M": "man"}
    for conf_type, indicator in (("log-log", "statin"), ("log", "statin_log")):
        wanted = points[(points.config == config) & (points.conf_type == conf_type)]
        curve = table[(table.indicator == indicator) & (table.statistic == "km")].set_index(["sex", "at_day"])
        ours = curve.loc[list(zip(wanted.stratum.map(words), wanted.time, strict=True))]
        assert (ours.at_risk.to_numpy() == wanted.at_risk.to_numpy()).all()
        names = wanted[["surv", "std_err", "lower", "upper"]]
        assert np.allclose(ours[["value", "std_error", "lower", "upper"]], names, rtol=0, atol=1e-9)
    table = table[(table.indicator == "statin") & (table.sex == "total")].set_index(["statistic", "at_day"])
    for point in expected(shared_data, f"cif_{config}").itertuples():
        ours = table.loc[("cif_discontinued" if point.cause == "1 1" else "cif_died", point.time)]
        assert (ours.value, ours.std_error**2) == pytest.approx((point.cif, point.var), abs=1e-9)
    wanted = expected(shared_data, f"km_summary_{config}").iloc[0]
    mean = table.loc[("rmst", 365)]
    assert (mean.value, mean.std_error) == pytest.approx((wanted.rmst_365, wanted.rmst_365_se), rel=1e-9)
    table = table.reset_index().set_index("statistic")
    compared = table.loc["logrank"]
    assert compared.compares == "sex"
    assert (compared.value, compared.p_value) == pytest.approx((wanted.logrank_sex_chisq, wanted.logrank_sex_p))
    medians = wanted[["median", "median_lower", "median_upper"]].astype(float)
    assert np.allclose(table.loc["median", ["value", "lower", "upper"]].astype(float), medians, equal_nan=True)


def test_episodes_of_the_medication_events_that_adherer_ships(shared_data, tmp_path):
    given = shared_data / "data" / "adherer-dispensing"
    events = pd.read_csv(given / "med_events.csv")
    events.groupby("PATIENT_ID").DATE.min().rename("index_date").to_csv(tmp_path / "persons.csv")
    config = {
        "id": "gap60",
        "max_gap": 60,
        "gap_unit": "days",
        "carry_within": True,
        "same_med": False,
        "medication_change": False,
        "append_gap": False,
        "fu_days": 730,
    }
    text = HEADER.format(codes='["MED"]') + of_config(config)
    laboratory(tmp_path, text, population=tmp_path / "persons.csv", lmed=given / "med_events.csv", atc="CATEGORY")
    wanted = pd.read_csv(given / "expected_treatment_episodes_gap60.csv").sort_values(["PATIENT_ID", "episode.ID"])
    ours = pd.read_parquet(tmp_path / "episodes.parquet").sort_values(["person_id", "episode"])
    for column, name in (
        ("person_id", "PATIENT_ID"),
        ("episode", "episode.ID"),
        ("gap_days_after", "end.episode.gap.days"),
        ("days", "episode.duration"),
    ):
        assert ours[column].tolist() == wanted[name].tolist(), name
    assert ours.start.astype(str).tolist() == wanted["episode.start"].tolist()
    assert ours.end.astype(str).tolist() == wanted["episode.end"].tolist()

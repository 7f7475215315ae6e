"""The laboratory gives the CMA1 to CMA9, windows, episodes and events of AdhereR 0.8.1 to the digit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from linkage_server.lab.evaluate import evaluate_files
from tests.support.adherer_oracle import expected, files
from tests.support.availability_oracle import MEASURES, configs, header, indicator, population

pytestmark = pytest.mark.shared_data

WINDOWS_OF_30_DAYS = """
[[indicator]]
id = "sliding"
kind = "medication_availability"
measure = "cma7"
codes = "statin"
supply = "given"
mode = "compat"
end_at_exit = false
follow_up = { anchor = "first_event", length = 730 }
sliding = { length = 90, every = 30, count = 25 }
"""
OF_EPISODES = """
[[indicator]]
id = "in_episodes"
kind = "medication_availability"
measure = "cma9"
codes = "statin"
supply = "given"
mode = "compat"
end_at_exit = false
follow_up = { anchor = "first_event_from_index", length = 730 }
episodes = { gap_days = 90, count = 9 }
"""


def evaluated(shared_data: Path, out: Path, indicators: str, *, supply: str = "duration") -> dict[str, pd.DataFrame]:
    out.mkdir(exist_ok=True)
    population(shared_data).to_parquet(out / "persons.parquet")
    (out / "set.toml").write_text(header(shared_data) + indicators, encoding="utf-8")
    evaluate_files(
        out / "set.toml",
        population=out / "persons.parquet",
        events={"lmed": files(shared_data)["lmed"]},
        out=out,
        write_persons=True,
        write_events=True,
        columns={"lmed": {"days_supply": supply}},
    )
    return {name: pd.read_parquet(out / f"{name}.parquet") for name in ("per_person", "events")}


@pytest.fixture(scope="module")
def results(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    """Values and events of every configuration, and of the windows and episodes."""
    out = tmp_path_factory.mktemp("availability")
    found = []
    for supply in ("duration", "duration_frac"):
        chosen = [indicator(config) for config in configs(shared_data) if config["duration"] == supply]
        more = [WINDOWS_OF_30_DAYS, OF_EPISODES] if supply == "duration" else []
        found.append(evaluated(shared_data, out / supply, "".join([*chosen, *more]), supply=supply))
    return {name: pd.concat([part[name] for part in found]) for name in ("per_person", "events")}


def close(ours: Any, reference: Any) -> bool:
    """The same to the digit, and the same that are null, NaN or infinite."""
    ours, reference = np.asarray(ours, float), np.asarray(reference, float)
    return bool(np.allclose(ours, reference, rtol=1e-12, atol=1e-12, equal_nan=True))


@pytest.mark.parametrize("measure", MEASURES)
def test_every_measure_of_every_configuration_is_that_of_adherer(shared_data, results, measure):
    reference = expected(shared_data, "cma")
    reference = reference[reference.measure == measure.upper()].set_index(["config", "person_id"])
    ours = results["per_person"]
    ours = ours[ours.parameters == f"measure={measure}"].set_index(["indicator", "person_id"])
    assert reference.index.get_level_values("config").nunique() == 11
    assert close(ours.loc[reference.index].value, reference.value)
    others = ours.drop(reference.index, errors="ignore")
    others = others[others.index.get_level_values("indicator").str.startswith("c")]
    assert (others.reason == "no_rows").all()


def test_windows_that_slide_are_those_of_adherer(shared_data, results):
    reference = expected(shared_data, "sliding_window_cma7").set_index(["person_id", "window_ID"])
    ours = results["per_person"][results["per_person"].indicator == "sliding"]
    window = ours.parameters.str.removeprefix("measure=cma7;window=").astype(int)
    ours = ours.assign(window_ID=window).set_index(["person_id", "window_ID"])
    assert close(ours.loc[reference.index].value, reference.CMA)
    behind_follow_up = ours[ours.index.get_level_values("window_ID") > 22]
    assert set(behind_follow_up.reason) == {"no_time", "no_rows"}


def test_the_cma9_of_each_episode_is_that_of_adherer(shared_data, results):
    reference = expected(shared_data, "cma9_per_episode_gap90").set_index(["person_id", "episode_ID"])
    ours = results["per_person"][results["per_person"].indicator == "in_episodes"]
    episode = ours.parameters.str.removeprefix("measure=cma9;episode=").astype(int)
    ours = ours.assign(episode_ID=episode).set_index(["person_id", "episode_ID"])
    assert close(ours.loc[reference.index].value, reference.CMA)
    others = ours.drop(reference.index)
    assert others.value.isna().all()
    persons = reference.index.get_level_values("person_id")
    of_known = others[others.index.get_level_values("person_id").isin(persons)]
    # An episode that begins on the last day of follow-up has no day, and AdhereR says nothing of it.
    no_days = of_known.reason == "no_time"
    assert of_known.reason[~no_days].str.startswith("excluded:no_episode_").all()


@pytest.mark.parametrize("config", ["c04_lookback", "c08_same_med_dosage"])
def test_interval_gap_and_carry_in_of_each_event_are_those_of_adherer(shared_data, results, config):
    reference = expected(shared_data, f"event_info_{config}")
    ours = results["events"][results["events"].indicator == config]
    assert ours.person_id.tolist() == reference.person_id.tolist()
    assert ours.date.astype(str).tolist() == reference.date.tolist()
    assert close(ours.days_supply, reference.duration)
    assert close(ours.interval_days, reference.event_interval)
    assert close(ours.gap_days, reference.gap_days)
    assert close(ours.carry_in_days, reference.carry_in)


RUNS = {
    "A": ("med_events.csv", 'observation = { anchor = "follow_up_start", length = 730 }'),
    "B": ("med_events.csv", 'observation = { anchor = "follow_up_start", offset = 182, length = 365 }'),
    "C": ("med_events_atc.csv", ""),
}


@pytest.mark.parametrize("run", RUNS)
def test_all_measures_of_patients_published_with_adherer_are_its_own(shared_data, tmp_path, run):
    given = shared_data / "data" / "adherer-dispensing"
    file, observation = RUNS[run]
    patients = pd.read_csv(given / file).PATIENT_ID.drop_duplicates()
    patients.to_csv(tmp_path / "persons.csv", index=False)
    letters = [chr(letter) for letter in range(ord("A"), ord("Z") + 1)]
    (tmp_path / "set.toml").write_text(
        f'[set]\nid = "published"\nversion = "1.0.0"\n[exits]\ndeath = false\n[codes.any]\natc_include = {letters}\n'
        '[supply.given]\nsteps = ["days_supply"]\ncap_days = 3650\n'
        f'[[indicator]]\nid = "cma"\nkind = "medication_availability"\nmeasure = {MEASURES}\ncodes = "any"\n'
        'supply = "given"\nmode = "compat"\nfollow_up = { anchor = "first_event", length = 730 }\n' + observation
    )
    evaluate_files(
        tmp_path / "set.toml",
        population=tmp_path / "persons.csv",
        events={"lmed": given / file},
        out=tmp_path,
        write_persons=True,
        columns={"lmed": {"atc": "CATEGORY"}},
    )
    reference = pd.read_csv(given / "expected_cma.csv")
    reference = reference[reference.run == run].set_index(["cma", "patient_id"])
    ours = pd.read_parquet(tmp_path / "per_person.parquet")
    ours = ours.assign(cma=ours.parameters.str.removeprefix("measure=").str.upper()).set_index(["cma", "person_id"])
    ours = ours.loc[reference.index].value
    assert len(reference) == 9 * len(patients)
    # The file has ten decimals.
    assert np.allclose(ours, reference.value, rtol=0, atol=1e-9, equal_nan=True)

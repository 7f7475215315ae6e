"""Kinds of the start of treatment give, on the reference set, what its columns of initiation and CMA2 tell."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from linkage_server.lab.evaluate import evaluate_files
from tests.support.adherer_oracle import GROUPS, definition, expected, files, folder

pytestmark = pytest.mark.shared_data

# Codes and supply of the reference set; rows after an exit are registers' faults, and it has some.
WINDOW = 'window = { from = 0, to = 90 }\nreversals = "net_latest"'
INDICATORS = (
    *(
        f'id = "{group.lower()}_start"\nkind = "new_or_continuing"\ncodes = "{group.lower()}"\n'
        f"lookback_days = [180, 365]\n{WINDOW}"
        for group in GROUPS
    ),
    *(
        f'id = "{group.lower()}_time"\nkind = "time_to_initiation"\ncodes = "{group.lower()}"\nfollow_up_days = 91\n'
        'reversals = "net_latest"\nat_days = 90\nstatistic = ["count", "km", "cif"]'
        for group in GROUPS
    ),
    f'id = "groups"\nkind = "combination"\ncodes = ["statin", "p2y12", "asa"]\nend_at_exit = false\n'
    f"at_least = [1, 2, 3]\n{WINDOW}",
    'id = "possession"\nkind = "medication_possession_ratio"\ncodes = "statin"\nsupply = "given"\n'
    'observe = { from = 0, to = 365 }\nstart = "first_dispensing"',
)


@pytest.fixture(scope="module")
def results(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("laboratory")
    head, _, _ = definition(shared_data).partition("[[indicator]]")
    text = head + "".join(f"\n[[indicator]]\n{body}\n" for body in INDICATORS)
    (out / "set.toml").write_text(text, encoding="utf-8")
    evaluate_files(
        out / "set.toml",
        population=folder(shared_data) / "input" / "persons.parquet",
        events=files(shared_data),
        out=out,
        write_persons=True,
    )
    return out


@pytest.fixture(scope="module")
def per_person(results: Path) -> pd.DataFrame:
    return pd.read_parquet(results / "per_person.parquet").set_index("person_id")


@pytest.fixture(scope="module")
def stays(shared_data: Path) -> pd.Series:
    """Days from the index day until a person leaves; a large number for who does not."""
    persons = pd.read_parquet(folder(shared_data) / "input" / "persons.parquet").set_index("person_id")
    dates = persons[["index_date", "death_date", "emigration_date"]].apply(pd.to_datetime)
    leaves = dates[["death_date", "emigration_date"]].min(axis=1)
    return (leaves - dates.index_date).dt.days.fillna(10_000)


def of(per_person: pd.DataFrame, indicator: str, parameters: str) -> pd.DataFrame:
    chosen = per_person[(per_person.indicator == indicator) & (per_person.parameters == parameters)]
    assert len(chosen), (indicator, parameters)
    return chosen


@pytest.mark.parametrize("group", GROUPS)
def test_levels_of_the_start_follow_from_the_windows_of_the_reference(shared_data, per_person, stays, group):
    reference = expected(shared_data, "initiation")
    reference = reference[reference.grp == group].set_index("person_id")
    stayed = stays[stays > 90].index
    reference = reference.loc[reference.index.intersection(stayed)]
    for lookback in (180, 365):
        before, started = reference[f"prior_{lookback}"] == 1, reference.d0_90 == 1
        levels = {"new": started & ~before, "continuing": started & before, "none": ~started}
        for level, wanted in levels.items():
            point = f"lookback_days={lookback};within_days=90;level={level}"
            ours = of(per_person, f"{group.lower()}_start", point).loc[reference.index]
            assert (ours.value == wanted).all(), (lookback, level)


@pytest.mark.parametrize("group", GROUPS)
def test_who_begins_within_ninety_days_is_whose_time_ended_so(shared_data, results, per_person, stays, group):
    reference = expected(shared_data, "initiation")
    reference = reference[reference.grp == group].set_index("person_id")
    stayed = reference.index.intersection(stays[stays > 90].index)
    began = of(per_person, f"{group.lower()}_time", "measure=initiated").loc[stayed].value
    assert (began == reference.d0_90[stayed]).all()
    # With nobody censored before day 90 but by death, the cumulative incidence is the share of those who began.
    survival = pd.read_parquet(results / "survival.parquet")
    curve = survival[(survival.indicator == f"{group.lower()}_time") & (survival.statistic == "cif_initiated")]
    times = pd.read_parquet(results / "times.parquet")
    own = times[times.indicator == f"{group.lower()}_time"]
    if not ((own.ending == "censored") & (own.days < 91)).any():
        assert curve.value.to_numpy() == pytest.approx([(own.ending == "event").mean()], abs=1e-12)


def test_groups_are_as_many_as_the_reference_has_columns_with_a_row(shared_data, per_person):
    reference = expected(shared_data, "initiation")
    reference = reference[reference.grp.isin(["STATIN", "P2Y12", "ASA"])]
    groups = reference.groupby("person_id").d0_90.sum()
    assert (of(per_person, "groups", "within_days=90;measure=groups").loc[groups.index].value == groups).all()
    for least in (1, 2, 3):
        ours = of(per_person, "groups", f"within_days=90;at_least={least}").loc[groups.index].value
        assert (ours == (groups >= least)).all()


def test_the_ratio_from_the_first_dispensing_is_cma2_of_the_reference(shared_data, per_person, stays):
    reference = expected(shared_data, "cma")
    reference = (
        reference[(reference.config == "c03_index") & (reference.measure == "CMA2")].set_index("person_id").value
    )
    events = pd.read_parquet(folder(shared_data) / "input" / "events.parquet")
    persons = pd.read_parquet(folder(shared_data) / "input" / "persons.parquet").set_index("person_id")
    day = pd.to_datetime(events.date) - pd.to_datetime(events.person_id.map(persons.index_date))
    # A row on day 365 belongs to the window of the reference and not to 365 days.
    on_the_last_day = set(events.person_id[(events.grp == "STATIN") & (day.dt.days == 365)])
    same = [person for person in reference.dropna().index if stays[person] >= 365 and person not in on_the_last_day]
    assert len(same) > 100
    ours = of(per_person, "possession", "observe_days=365").loc[same].value
    assert np.allclose(ours, reference[same], rtol=0, atol=1e-12)

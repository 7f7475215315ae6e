"""Drug use periods are, on the reference set, those of PRE2DUPR 0.2.0, day for day; so is how long packages last.

The reference run took the netted rows of statins and P2Y12 inhibitors with hospital stays and the package's own
defaults. A package is a drug in a strength and size, numbered over all products in the order of their written values;
defined daily doses are packages x tablets x strength / DDD. All packages have parameters, so no drug needs any.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from linkage_server.lab.evaluate import evaluate_files
from tests.support.adherer_oracle import expected, files, folder

pytestmark = pytest.mark.shared_data

MILLIGRAMS_A_DDD = {"B01AC04": 75, "B01AC24": 180, "C10AA01": 30, "C10AA05": 20, "C10AA07": 10}
PERIOD = ["person_id", "atc", "start", "end", "days", "hospital_days", "purchases", "last_purchase"]
SET = """
[set]
id = "reference"
version = "1.0.0"
[codes.drugs]
atc_include = {codes}
[drug_use.default]
hospital = "add"
[[indicator]]
id = "periods"
kind = "drug_use_periods"
codes = "drugs"
drug_use = "default"
observe = {{ from = 0, to = 365 }}
measure = ["periods", "days_in_use", "in_use"]
at_days = [0, 180]
end_at_exit = false
"""


def written(rows: pd.DataFrame) -> pd.DataFrame:
    """What tells a package from another, as text."""
    return pd.DataFrame(
        {"atc": rows.atc, "strength": rows.strength.map("{:g}".format), "pack_size": rows.pack_size.astype(str)}
    )


def purchases(shared_data: Path, file: str = "events") -> pd.DataFrame:
    rows = pd.read_parquet(folder(shared_data) / "input" / f"{file}.parquet")
    netted = pd.read_parquet(folder(shared_data) / "input" / "events.parquet")
    products = written(netted).drop_duplicates().sort_values(["atc", "strength", "pack_size"])
    products["pack_id"] = np.arange(1, len(products) + 1)
    rows["pack_id"] = written(rows).merge(products, how="left").pack_id.fillna(0).astype(int).to_numpy()
    rows = rows[rows.atc.isin(MILLIGRAMS_A_DDD)]
    ddd = rows.packs * rows.pack_size * rows.strength / rows.atc.map(MILLIGRAMS_A_DDD)
    return rows[["person_id", "date", "atc", "pack_id", "packs"]].assign(ddd=ddd)


@pytest.fixture(scope="module")
def results(shared_data, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("periods")
    purchases(shared_data).to_parquet(out / "purchases.parquet")
    (out / "set.toml").write_text(SET.format(codes=json.dumps(sorted(MILLIGRAMS_A_DDD))))
    return evaluated(shared_data, out)


def evaluated(shared_data: Path, out: Path) -> Path:
    evaluate_files(
        out / "set.toml",
        population=folder(shared_data) / "input" / "persons.parquet",
        events={"lmed": out / "purchases.parquet", "par_sv": files(shared_data)["par_sv"]},
        out=out,
        write_persons=True,
        by=[["sex"]],
        parameters={"default.packages": folder(shared_data) / "expected" / "pre2dup_package_parameters.parquet"},
    )
    return out


def test_every_period(shared_data, results):
    wanted = expected(shared_data, "pre2dup_periods").sort_values(["person_id", "atc", "dup_start"])
    ours = pd.read_parquet(results / "drug_use_periods.parquet").sort_values(["person_id", "atc", "start"])
    for column, name in (
        ("person_id", "person_id"),
        ("atc", "atc"),
        ("days", "dup_days"),
        ("hospital_days", "dup_hospital_days"),
        ("purchases", "dup_n_purchases"),
    ):
        assert ours[column].tolist() == wanted[name].tolist(), name
    for column, name in (("start", "dup_start"), ("end", "dup_end"), ("last_purchase", "dup_last_purchase")):
        assert ours[column].astype(str).tolist() == wanted[name].tolist(), name
    assert np.allclose(ours.ddd, wanted.dup_total_DDD, rtol=1e-9, atol=0)
    # Averages are published with three decimals, and one of them lies on the edge between two.
    assert np.allclose(ours.ddd_per_day, wanted.dup_temporal_average_DDDs, rtol=0, atol=0.0005 + 1e-9)


def test_every_period_from_rows_that_we_net_ourselves_and_nearly_every_one_from_doses_of_four_digits(
    shared_data, results, tmp_path
):
    wanted = set(pd.read_parquet(results / "drug_use_periods.parquet")[PERIOD].itertuples(index=False, name=None))
    text = (results / "set.toml").read_text().replace('hospital = "add"', 'hospital = "add"\nreversals = "net_latest"')
    rows = purchases(shared_data, "dispensings")
    for doses, least in ((rows.ddd, 1.0), (rows.ddd.round(4), 0.995)):
        (tmp_path / "set.toml").write_text(text)
        rows.assign(ddd=doses).to_parquet(tmp_path / "purchases.parquet")
        evaluated(shared_data, tmp_path)
        ours = pd.read_parquet(tmp_path / "drug_use_periods.parquet")
        found = set(ours[PERIOD].itertuples(index=False, name=None))
        assert len(found & wanted) >= least * len(found | wanted)


def test_common_days_of_packages(shared_data, results):
    wanted = expected(shared_data, "pre2dup_package_parameters").set_index("pack_id").common_duration
    ours = pd.read_parquet(results / "package_days.parquet").set_index("product").common_days
    ours.index = ours.index.astype(int)
    assert wanted.notna().sum() > 20
    assert ours.loc[wanted.index].astype(float).equals(wanted.astype(float).rename("common_days"))


def test_what_is_told_of_persons_follows_from_the_list_of_periods(shared_data, results):
    persons = pd.read_parquet(folder(shared_data) / "input" / "persons.parquet").set_index("person_id")
    periods = pd.read_parquet(results / "drug_use_periods.parquet")
    told = pd.read_parquet(results / "per_person.parquet").set_index(["parameters", "person_id"]).value
    index = pd.to_datetime(persons.index_date)
    for person, day_0 in index.items():
        own = periods[periods.person_id == person]
        start = (pd.to_datetime(own.start) - day_0).dt.days.to_numpy()
        end = (pd.to_datetime(own.end) - day_0).dt.days.to_numpy()
        days = {day for first, after in zip(start, end, strict=True) for day in range(max(first, 0), min(after, 365))}
        number = int(((start < 365) & (end > 0)).sum())
        assert told["observe_days=365;measure=periods", person] == number
        assert told["observe_days=365;measure=days_in_use", person] == len(days)
        for day in (0, 180):
            assert told[f"measure=in_use;at_day={day}", person] == (day in days)


def test_the_definition_that_is_written_holds_the_table_of_packages(shared_data, results):
    about = json.loads((results / "definition.json").read_text())
    packages = about["definition"]["drug_use"]["default"]["packages"]
    assert packages["13"] == {"days_max": 28.0, "days_min": 7.0, "days_usual": 14.0, "ddd_low": 0.5, "ddd_usual": 1.0}
    assert len(packages) == len(expected(shared_data, "pre2dup_package_parameters"))

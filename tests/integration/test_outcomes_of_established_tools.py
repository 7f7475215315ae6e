"""Rates with and without treatment, and sequence symmetry, are on the reference set those of established R software."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from linkage_server.lab.evaluate import evaluate_files
from tests.support.adherer_oracle import expected, files, folder

pytestmark = pytest.mark.shared_data

OUTCOMES = ("I21", "I63", "K92", "S72")
HEADER = """
[set]
id = "reference"
version = "1.0.0"
[codes.statin]
atc_include = {statins}
[supply.given]
steps = ["days_supply"]
cap_days = 3650
reversals = "net_latest"
"""
RATE = """
[codes.{name}]
icd10_include = ["{code}"]
[[indicator]]
id = "rate_{name}"
kind = "outcome_rate"
codes = "statin"
supply = "given"
outcome = {{ register = "outcomes", date = "date", codes = "{name}", columns = "diagnosis" }}
observe = {{ from = 0, to = 730 }}
statistic = ["count", "rate", "rate_ratio"]
"""
SEQUENCE = """
[codes.index_{place}]
atc_include = ["{index}"]
[codes.marker_{place}]
atc_include = ["{marker}"]
[[indicator]]
id = "sequence_{place}"
kind = "sequence_symmetry"
codes = "index_{place}"
marker = "marker_{place}"
reversals = "net_latest"
statistic = ["count", "share", "crude_ratio", "null_ratio", "adjusted_ratio"]
"""


@pytest.fixture(scope="module")
def results(shared_data, tmp_path_factory) -> Path:
    rows = pd.read_parquet(files(shared_data)["lmed"], columns=["grp", "atc"])
    statins = sorted(rows.atc[rows.grp == "STATIN"].unique())
    text = HEADER.format(statins=str(statins).replace("'", '"'))
    text += "".join(RATE.format(name=code.lower(), code=code) for code in OUTCOMES)
    for place, pair in expected(shared_data, "sequence_symmetry").iterrows():
        text += SEQUENCE.format(place=place, index=pair["index"].lstrip("^"), marker=pair.marker.lstrip("^"))
    out = tmp_path_factory.mktemp("outcomes")
    (out / "set.toml").write_text(text)
    given = files(shared_data)
    evaluate_files(
        out / "set.toml",
        population=folder(shared_data) / "input" / "persons.parquet",
        events={"lmed": given["lmed"], "outcomes": given["outcomes"]},
        out=out,
        write_persons=True,
        by=[["sex"]],
    )
    return out


@pytest.mark.parametrize("code", OUTCOMES)
def test_rates_by_arm_with_their_limits(shared_data, results, code):
    table = pd.read_parquet(results / "table.parquet")
    table = table[(table.indicator == f"rate_{code.lower()}") & (table.sex == "total")]
    table = table[table.statistic == "rate_per_1000_person_years"].set_index("parameters")
    wanted = expected(shared_data, "incidence_rates")
    for arm in wanted[wanted.icd10 == code].itertuples():
        name = "exposed" if arm.exposed else "unexposed"
        ours = table.loc[f"observe_days=730;grace_days=30;arm={name}"]
        assert ours.numerator == arm.events
        found = (ours.person_time, ours.value, ours.lower, ours.upper)
        assert found == pytest.approx((arm.person_years, arm.rate_per_1000py, arm.lower, arm.upper), rel=1e-9)


@pytest.mark.parametrize("code", OUTCOMES)
def test_ratios_of_rates(shared_data, results, code):
    found = pd.read_parquet(results / "statistics.parquet")
    found = found[(found.indicator == f"rate_{code.lower()}") & (found.sex == "total")].set_index("statistic")
    wanted = expected(shared_data, "incidence_rates").query("icd10 == @code").set_index("exposed")
    ratio, exposed = found.loc["rate_ratio"], wanted.loc[1]
    assert (ratio.value, ratio.lower, ratio.upper) == pytest.approx(
        (exposed.rate_ratio, exposed.rr_lower, exposed.rr_upper), rel=1e-9
    )
    assert found.loc["rate_exposed"].value == pytest.approx(exposed.rate_per_1000py, rel=1e-9)


def test_days_of_persons_add_up_to_the_person_years(shared_data, results):
    persons = pd.read_parquet(results / "per_person.parquet")
    wanted = expected(shared_data, "incidence_rates").query("icd10 == 'I21'").set_index("exposed").person_years
    for exposed, name in ((1, "exposed"), (0, "unexposed")):
        own = persons[(persons.indicator == "rate_i21") & persons.parameters.str.endswith(f"measure={name}_days")]
        assert own.value.sum() / 365.25 == pytest.approx(wanted[exposed], rel=1e-9)


def test_sequences_with_crude_null_and_adjusted_ratios(shared_data, results):
    found = pd.read_parquet(results / "statistics.parquet")
    found = found[found.sex == "total"].set_index(["indicator", "statistic", "interval"])
    for pair in expected(shared_data, "sequence_symmetry").itertuples():
        ours = found.loc[f"sequence_{pair.Index}"]
        exact, jeffreys = ours.loc["crude_ratio", "exact"], ours.loc["crude_ratio", "jeffreys"]
        assert (exact.numerator, exact.denominator) == (pair.index_first, pair.marker_first)
        assert exact.value == pytest.approx(pair.csr, rel=1e-9)
        assert (exact.lower, exact.upper) == pytest.approx((pair.csr_exact_lower, pair.csr_exact_upper), rel=1e-9)
        wanted = (pair.csr_jeffreys_lower, pair.csr_jeffreys_upper)
        assert (jeffreys.lower, jeffreys.upper) == pytest.approx(wanted, rel=1e-9)
        assert ours.loc["null_ratio", ""].value == pytest.approx(pair.nsr, rel=1e-9)
        assert ours.loc["adjusted_ratio", "exact"].value == pytest.approx(pair.asr, rel=1e-9)


def test_strata_add_up_to_all_in_counts(results):
    found = pd.read_parquet(results / "statistics.parquet")
    crude = found[(found.statistic == "crude_ratio") & (found.interval == "exact")]
    assert len(crude)
    for _, rows in crude.groupby("indicator"):
        by_sex = rows.set_index("sex")[["numerator", "denominator"]]
        assert np.allclose(by_sex.loc[["man", "woman"]].sum(), by_sex.loc["total"])

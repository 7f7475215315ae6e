"""The laboratory gives, on the reference set of 200 invented persons, what established R software gives on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from linkage.indicator_definition import load_indicator_set
from linkage_core.indicators.days_of_supply import days_of_supply
from linkage_core.indicators.dispensings import Dispensings
from linkage_core.indicators.reversals import net
from linkage_core.intervals import clopper_pearson, poisson_exact, wilson
from linkage_server.lab.evaluate import evaluate_files
from linkage_server.lab.inputs import read_inputs
from tests.support.adherer_oracle import GROUPS, INITIATION_COLUMNS, definition, expected, files, folder

pytestmark = pytest.mark.shared_data


@pytest.fixture(scope="module")
def results(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("laboratory")
    (out / "set.toml").write_text(definition(shared_data), encoding="utf-8")
    evaluate_files(
        out / "set.toml",
        population=folder(shared_data) / "input" / "persons.parquet",
        events=files(shared_data),
        out=out,
        write_persons=True,
        by=[["hospital"]],
        columns={"outcomes": {"date": "date", "diagnosis": "icd10"}},
    )
    return out


@pytest.fixture(scope="module")
def per_person(results: Path) -> pd.DataFrame:
    return pd.read_parquet(results / "per_person.parquet")


def of(per_person: pd.DataFrame, indicator: str, parameters: str = "") -> pd.DataFrame:
    chosen = per_person[(per_person.indicator == indicator) & (per_person.parameters == parameters)]
    assert len(chosen) > 0, f"no values of {indicator}/{parameters}"
    return chosen.set_index("person_id")


@pytest.mark.parametrize(
    "config",
    ["p1_statin_nocarry", "p2_statin_carry", "p3_statin_carry_hosp", "p4_statin_carry_cap180", "p5_dapt_carry_hosp"],
)
def test_days_covered_are_those_of_the_day_by_day_simulation(shared_data, per_person, config):
    reference = expected(shared_data, "pdc_daily")
    reference = reference[reference.config == config].set_index("person_id")
    for combine, days in (("any", "days_any"), ("all", "days_all")):
        ours = of(per_person, f"{config}_{combine}", "observe_days=365").loc[reference.index]
        assert (ours.denominator == reference.days).all()
        assert (ours.numerator == reference[days]).all()
        assert np.allclose(ours.value, reference[days] / reference.days, rtol=0, atol=1e-12)
        reached = of(per_person, f"{config}_{combine}", "observe_days=365;at_least=0.8").loc[reference.index]
        assert (reached.value == (10 * reference[days] >= 8 * reference.days)).all()


@pytest.mark.parametrize("group", GROUPS)
def test_initiation_in_every_window_is_that_of_the_reference(shared_data, per_person, group):
    reference = expected(shared_data, "initiation")
    reference = reference[reference.grp == group].set_index("person_id")
    for column, suffix, parameters in INITIATION_COLUMNS:
        ours = of(per_person, f"{group.lower()}_{suffix}", parameters).loc[reference.index]
        assert (ours.value.fillna(0) == reference[column]).all(), column
    excluded = of(per_person, f"{group.lower()}_new", "within_days=90").loc[reference.index]
    assert ((excluded.reason == "excluded:washout") == (reference.prior_365 == 1)).all()


def test_initiation_by_hospital_has_the_exact_and_score_intervals_of_the_reference(shared_data, results):
    reference = expected(shared_data, "initiation_by_hospital")
    table = pd.read_parquet(results / "table.parquet")
    ours = table[(table.indicator == "statin_new") & (table.statistic == "share") & (table.hospital != "total")]
    ours = ours.assign(hospital=ours.hospital.astype(int)).set_index("hospital").loc[reference.hospital]
    assert ours.numerator.to_numpy().tolist() == reference.x.tolist()
    assert ours.denominator.to_numpy().tolist() == reference.n.tolist()
    assert np.allclose(ours[["value", "lower", "upper"]], reference[["share", "cp_lower", "cp_upper"]], rtol=1e-9)
    limits = wilson(reference.x, reference.n)
    assert np.allclose(np.c_[limits.lower, limits.upper], reference[["w_lower", "w_upper"]], rtol=1e-9)


def test_drugs_on_day_365_are_counted_by_each_of_the_three_windows(shared_data, per_person):
    reference = expected(shared_data, "drugs_on_day365").set_index("person_id")
    for indicator, parameters, column in (
        ("dispensed", "at_day=365;dispensed_within_days=120", "n_120d"),
        ("dispensed", "at_day=365;dispensed_within_days=365", "n_365d"),
        ("supplied", "at_day=365;rule=supply", "n_supply"),
        ("psychotropics", "at_day=365;dispensed_within_days=120", "psycho_120d"),
    ):
        ours = of(per_person, indicator, parameters).loc[reference.index]
        seen = ours.value.notna()
        assert (ours.value[seen] == reference[column][seen]).all(), column
        assert (ours.reason[~seen] == "no_time").all()
    many = of(per_person, "dispensed", "at_day=365;dispensed_within_days=120;at_least=5").loc[reference.index]
    assert (many.value[many.value.notna()] == (reference.n_120d >= 5)[many.value.notna()]).all()


def test_users_doses_dispensings_and_costs_of_each_cell_are_those_of_the_reference(shared_data, per_person):
    reference = expected(shared_data, "rate_cells")
    persons = pd.read_parquet(folder(shared_data) / "input" / "persons.parquet")
    born = pd.to_datetime(persons.set_index("person_id").birth_date)
    sexes = persons.set_index("person_id").sex
    for column, indicator, parameters in (
        ("users", "users", ""),
        ("dispensings", "dispensings", ""),
        ("ddd", "ddd", ""),
        ("cost_total", "cost", "cost=total"),
        ("cost_patient", "cost", "cost=patient"),
    ):
        for group in GROUPS:
            ours = of(per_person, f"{group.lower()}_{indicator}_year", parameters).reset_index()
            year = ours.period.astype(int)
            age = year - ours.person_id.map(born).dt.year
            low = (age // 5 * 5).clip(upper=int(reference.age_group.str.extract(r"(\d+)")[0].astype(int).max()))
            cells = ours.value.groupby([year, ours.person_id.map(sexes), low]).sum()
            wanted = reference[reference.grp == group]
            lowest = wanted.age_group.str.extract(r"(\d+)")[0].astype(int)
            for year_, sex, low_, value in zip(wanted.year, wanted.sex, lowest, wanted[column], strict=True):
                assert cells.get((year_, sex, low_), 0.0) == pytest.approx(value, abs=1e-6), (group, column)


def test_exact_intervals_of_rates_are_those_of_the_reference(shared_data):
    reference = expected(shared_data, "rates_standardised")
    users, people = reference.users.to_numpy(), reference.population.to_numpy()
    for ours, names in (
        (poisson_exact(users).lower / people, "poisson_lower"),
        (poisson_exact(users).upper / people, "poisson_upper"),
        (clopper_pearson(users, people).lower, "clopper_lower"),
        (clopper_pearson(users, people).upper, "clopper_upper"),
        (wilson(users, people).lower, "wilson_lower"),
        (wilson(users, people).upper, "wilson_upper"),
    ):
        assert np.allclose(1000 * ours, reference[names], rtol=1e-9), names


@pytest.mark.parametrize("group", GROUPS)
def test_monthly_sums_are_those_of_the_reference(shared_data, per_person, group):
    reference = expected(shared_data, "monthly")
    reference = reference[reference.grp == group].set_index("month")
    for column, indicator, parameters in (
        ("dispensings", "dispensings", ""),
        ("ddd", "ddd", ""),
        ("cost_total", "cost", "cost=total"),
    ):
        ours = of(per_person, f"{group.lower()}_{indicator}_month", parameters).groupby("period").value.sum()
        assert np.allclose(ours.loc[reference.index], reference[column].fillna(0), atol=1e-6), column


def test_outcomes_and_their_person_years_are_those_of_the_reference(shared_data, results):
    reference = expected(shared_data, "incidence_rates").groupby("icd10")[["events", "person_years"]].sum()
    table = pd.read_parquet(results / "table.parquet")
    table = table[(table.hospital == "total") & table.statistic.str.startswith("rate")].set_index("indicator")
    for code, wanted in reference.iterrows():
        ours = table.loc[f"outcome_{code.lower()}"]
        assert ours.numerator == wanted.events
        assert ours.person_time == pytest.approx(wanted.person_years, rel=1e-9)
        assert ours.value == pytest.approx(1000 * wanted.events / wanted.person_years, rel=1e-9)


def test_netting_leaves_the_dispensings_of_the_reference(shared_data, results):
    reference = pd.read_parquet(folder(shared_data) / "input" / "events.parquet").set_index("row_id")
    inputs = read_inputs(
        load_indicator_set(results / "set.toml"),
        population=folder(shared_data) / "input" / "persons.parquet",
        events={"lmed": files(shared_data)["lmed"]},
        told={},
    )
    rows = Dispensings(inputs.events["lmed"], "lmed")
    netted = net(rows, "net_latest")
    supply = days_of_supply(rows, inputs.definition.supply["given"], netted)
    row_id = np.array([int(text) for text in rows.column("row_id").to_pylist()])
    kept = netted.left > 0
    assert sorted(row_id[kept]) == sorted(reference.index)
    reference = reference.loc[row_id[kept]]
    assert (netted.left[kept] == 100 * reference.packs).all()
    assert (supply.supply_64ths[kept] == 64 * reference.duration).all()
    assert netted.reversed_rows == (rows.quantity < 0).sum() == netted.netted_rows + netted.unmatched_rows


@pytest.mark.parametrize(
    ("run", "observe", "lookback"), [("A", "{ from = 0, to = 730 }", 0), ("B", "{ from = 182, to = 547 }", 182)]
)
def test_days_covered_from_one_pooled_stock_are_cma7_of_adherer(shared_data, tmp_path, run, observe, lookback):
    given = shared_data / "data" / "adherer-dispensing"
    events = pd.read_csv(given / "med_events.csv")
    events.groupby("PATIENT_ID").DATE.min().rename("index_date").to_csv(tmp_path / "persons.csv")
    (tmp_path / "set.toml").write_text(
        f"""
        [set]
        id = "cma7"
        version = "1.0.0"
        [codes.any]
        atc_include = ["MED"]
        [supply.given]
        steps = ["days_supply"]
        cap_days = 3650
        [[indicator]]
        id = "cma7"
        kind = "proportion_of_days_covered"
        codes = "any"
        supply = "given"
        observe = {observe}
        lookback_days = {lookback}
        carry_over = "pooled"
        stock_cap_days = "none"
        """
    )
    evaluate_files(
        tmp_path / "set.toml",
        population=tmp_path / "persons.csv",
        events={"lmed": given / "med_events.csv"},
        out=tmp_path,
        write_persons=True,
        columns={"lmed": {"atc": "CATEGORY"}},
    )
    reference = pd.read_csv(given / "expected_cma.csv")
    reference = reference[(reference.run == run) & (reference.cma == "CMA7")].set_index("patient_id").value
    ours = pd.read_parquet(tmp_path / "per_person.parquet").set_index("person_id").loc[reference.index]
    assert len(ours) == 100
    assert (ours.reason == "ok").all()
    assert np.allclose(ours.value, reference.fillna(0), rtol=0, atol=1e-9)

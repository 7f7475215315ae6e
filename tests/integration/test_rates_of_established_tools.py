"""`lab evaluate` gives, on the reference set, the rates, series and shares that established R software gives."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from linkage_server.lab.evaluate import evaluate_files
from linkage_server.lab.population_results import Asked
from tests.support.adherer_oracle import GROUPS, definition, expected, files, folder

pytestmark = pytest.mark.shared_data

YEARS = 'calendar = { from = 2018-01-01, until = 2023-01-01, step = "year" }\nend_at_exit = false\n'
EVERY_YEAR = YEARS.replace("2018", "2017").replace("2023", "2024")
MONTHS = EVERY_YEAR.replace("year", "month")
RATES = '"per_1000_inhabitants", "standardised_per_1000_inhabitants"'
KINDS = (
    ("users", f'kind = "users"\nreversals = "sum"\nstatistic = [{RATES}]\nstandard = {{ from_age = 40 }}', YEARS),
    ("ddd", 'kind = "ddd"\nstatistic = ["per_1000_inhabitants", "ddd_per_1000_inhabitants_per_day"]', YEARS),
    ("dispensings", 'kind = "dispensings"\nstatistic = ["per_1000_inhabitants"]', YEARS),
    ("cost", 'kind = "cost"\ncost = ["total", "patient"]\nstatistic = ["per_1000_inhabitants"]', YEARS),
    (
        "substitution",
        'kind = "generic_substitution"\nsubstituted = "true"\nnot_substituted = "false"\nstatistic = ["sum", "share"]',
        EVERY_YEAR,
    ),
    # Users of a month are all with a dispensing in it, also where it is taken back later.
    ("users_month", 'kind = "users"\nreversals = "drop_negative"\nstatistic = ["count"]', MONTHS),
    ("dispensings_month", 'kind = "dispensings"', MONTHS),
    ("packages_month", 'kind = "packages"', MONTHS),
    ("ddd_month", 'kind = "ddd"', MONTHS),
    ("cost_month", 'kind = "cost"', MONTHS),
)


@pytest.fixture(scope="module")
def results(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("rates")
    code_sets, _, _ = definition(shared_data).partition("[[indicator]]")
    indicators = [
        f'[[indicator]]\nid = "{group.lower()}_{name}"\ncodes = "{group.lower()}"\n{kind}\n{calendar}'
        for group in GROUPS
        for name, kind, calendar in KINDS
    ]
    indicators += [
        f'[[indicator]]\nid = "initiation_{interval}"\nkind = "initiation"\ncodes = "statin"\n'
        'reversals = "net_latest"\n'
        "window = { from = 0, to = 90 }\nwashout = { from = -365, to = -1 }\nend_at_exit = false\n"
        f'interval = "{interval}"\n'
        for interval in ("wilson", "clopper-pearson")
    ]
    (out / "set.toml").write_text("".join([code_sets, *indicators]), encoding="utf-8")
    evaluate_files(
        out / "set.toml",
        population=folder(shared_data) / "input" / "persons.parquet",
        events={"lmed": files(shared_data)["lmed"]},
        out=out,
        by=[["sex", "age"], ["hospital"]],
        asked=Asked(compare=["hospital"]),
        inhabitants=folder(shared_data) / "input" / "population.parquet",
    )
    return out


@pytest.fixture(scope="module")
def rates(results: Path) -> pd.DataFrame:
    found = pd.read_parquet(results / "rates.parquet")
    found["grp"] = found.indicator.str.partition("_")[0].str.upper()
    found["what"] = found.indicator.str.partition("_")[2]
    found["sex"] = found.sex.map({"man": "M", "woman": "F", "total": "total"})
    return found


@pytest.mark.parametrize(
    ("column", "what", "parameters"),
    [
        ("users", "users", ""),
        ("ddd", "ddd", ""),
        ("dispensings", "dispensings", ""),
        ("cost_total", "cost", "cost=total"),
        ("cost_patient", "cost", "cost=patient"),
    ],
)
def test_every_cell_of_year_sex_and_age_group_has_its_count_and_population(
    shared_data, rates, column, what, parameters
):
    reference = expected(shared_data, "rate_cells").set_index(["year", "sex", "age_group", "grp"])
    ours = rates[
        (rates.what == what)
        & (rates.parameters == parameters)
        & (rates.statistic == "per_1000_inhabitants")
        & rates.interval.isin(["", "poisson"])
        & (rates.sex != "total")
        & (rates.age != "total")
    ]
    ours = ours.assign(year=ours.period.astype(int)).set_index(["year", "sex", "age", "grp"])
    assert ours.index.is_unique
    assert set(ours.index) == set(reference.index)
    ours = ours.loc[reference.index]
    assert (ours.denominator == reference.population).all()
    assert np.allclose(ours.numerator, reference[column], rtol=1e-9, atol=1e-9)
    assert (rates.outside.dropna() == 0).all()


def test_rates_by_sex_and_their_limits(shared_data, rates):
    reference = expected(shared_data, "rates_standardised").set_index(["year", "grp", "sex"])
    by_sex = rates[(rates.age == "total") & (rates.sex != "total")]
    by_sex = by_sex.assign(year=by_sex.period.astype(int)).set_index(["year", "grp", "sex"])

    def ours(what: str, statistic: str, interval: str = "", parameters: str = "") -> pd.DataFrame:
        found = by_sex[(by_sex.what == what) & (by_sex.statistic == statistic) & (by_sex.interval == interval)]
        found = found[found.parameters == parameters]
        assert set(found.index) == set(reference.index)
        return found.loc[reference.index]

    users = ours("users", "per_1000_inhabitants", "poisson")
    assert (users.numerator == reference.users).all()
    assert (users.denominator == reference.population).all()
    for interval, name in (("poisson", "poisson"), ("clopper-pearson", "clopper"), ("wilson", "wilson")):
        found = ours("users", "per_1000_inhabitants", interval)
        wanted = reference[["users_per_1000", f"{name}_lower", f"{name}_upper"]]
        assert np.allclose(found[["value", "lower", "upper"]], wanted, rtol=1e-9, atol=0), interval
    standardised = ours("users", "standardised_per_1000_inhabitants", "gamma")
    wanted = reference[["std_per_1000", "std_lower", "std_upper"]]
    assert np.allclose(standardised[["value", "lower", "upper"]], wanted, rtol=1e-9, atol=0)
    assert np.allclose(ours("ddd", "ddd_per_1000_inhabitants_per_day").value, reference.did, rtol=1e-9, atol=0)
    assert np.allclose(
        ours("dispensings", "per_1000_inhabitants").value, reference.dispensings_per_1000, rtol=1e-9, atol=0
    )
    for part in ("total", "patient"):
        found = ours("cost", "per_1000_inhabitants", parameters=f"cost={part}")
        assert np.allclose(found.numerator, reference[f"cost_{part}"], rtol=1e-9, atol=0)


def test_the_share_of_substitutions_is_exact(shared_data, results, rates):
    reference = expected(shared_data, "substitution_share").set_index(["grp", "year"])
    ours = rates[(rates.statistic == "share") & (rates.sex == "total") & (rates.age == "total")]
    ours = ours[ours.hospital == "total"]
    ours = ours.assign(year=ours.period.astype(int)).set_index(["grp", "year"]).loc[reference.index]
    assert (ours.denominator == reference.rows).all()
    assert (ours.numerator == reference.substituted).all()
    assert np.allclose(ours.value, reference.share, rtol=0, atol=1e-12)
    table = pd.read_parquet(results / "table.parquet")
    table = table[
        (table.sex == "total") & (table.age == "total") & (table.hospital == "total") & (table.year != "total")
    ]
    for rows, wanted in (
        ("substituted", reference.substituted),
        ("not_substituted", reference.rows - reference.substituted),
    ):
        sums = table[table.parameters == f"rows={rows}"]
        sums = sums.assign(grp=sums.indicator.str.partition("_")[0].str.upper(), year=sums.year.astype(int))
        assert (sums.set_index(["grp", "year"]).loc[reference.index].value == wanted).all()


def test_monthly_series(shared_data, results):
    reference = expected(shared_data, "monthly").set_index(["grp", "month"])
    table = pd.read_parquet(results / "table.parquet")
    table = table[
        (table.sex == "total") & (table.age == "total") & (table.hospital == "total") & (table.month != "total")
    ]
    for column, name in (
        ("users", "users"),
        ("dispensings", "dispensings"),
        ("packs", "packages"),
        ("ddd", "ddd"),
        ("cost_total", "cost"),
    ):
        ours = table[table.indicator.str.endswith(f"_{name}_month")]
        ours = ours.assign(grp=ours.indicator.str.partition("_")[0].str.upper()).set_index(["grp", "month"])
        assert np.allclose(ours.loc[reference.index].value, reference[column], rtol=1e-9, atol=1e-9), column
        others = ours.drop(reference.index)
        assert (others.value == 0).all(), column


def test_initiation_by_hospital_with_exact_and_score_limits(shared_data, results):
    reference = expected(shared_data, "initiation_by_hospital").set_index("hospital")
    table = pd.read_parquet(results / "table.parquet")
    compared = pd.read_parquet(results / "comparison.parquet")
    for interval, prefix in (("wilson", "w"), ("clopper-pearson", "cp")):
        name = f"initiation_{interval}"
        shares = table[(table.indicator == name) & (table.statistic == "share") & (table.hospital != "total")]
        units = compared[(compared.indicator == name) & (compared.unit != "total")]
        for found, unit in ((shares, shares.hospital), (units, units.unit)):
            ours = found.assign(hospital=unit.astype(int)).set_index("hospital")
            assert set(ours.index) == set(reference.index)
            ours = ours.loc[reference.index]
            assert (ours.numerator == reference.x).all()
            assert (ours.denominator == reference.n).all()
            wanted = reference[["share", f"{prefix}_lower", f"{prefix}_upper"]]
            assert np.allclose(ours[["value", "lower", "upper"]], wanted, rtol=1e-9, atol=0), interval
        overall = reference.x.sum() / reference.n.sum()
        assert np.allclose(units.overall, overall, rtol=1e-12)
        # Hospitals of up to thirteen persons: nothing of theirs is out of the ordinary.
        assert (units.lower_998 <= units.lower_95).all()
        assert (units.upper_95 <= units.upper_998).all()

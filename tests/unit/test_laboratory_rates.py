"""Rates, quantiles and rolling periods of a laboratory run, on files that can be checked on paper."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from linkage.errors import InputRefused
from linkage_server.lab.evaluate import evaluate_files

HEAD = '[set]\nid = "tried"\nversion = "0.1.0"\n[codes.statin]\natc_include = ["C10AA"]\n'
YEARS = 'calendar = { from = 2020-01-01, until = 2022-01-01, step = "year" }\n'
# anna is 39 on 31 December 2020 and 40 a year later; dora is too young for the table of inhabitants.
PEOPLE = """person_id,birth_date,sex,region
anna,1981-06-01,F,north
bo,1950-01-01,M,north
cleo,1950-12-31,F,south
dora,2010-01-01,F,south
"""
ROWS = """person_id,date,atc,packs,ddd
anna,2020-03-01,C10AA05,1,100
anna,2021-03-01,C10AA05,1,100
bo,2020-02-01,C10AA05,2,200
bo,2020-05-01,C10AA05,-1,-100
cleo,2021-05-01,C10AA01,1,50
dora,2021-05-01,C10AA05,1,10
"""
INHABITANTS = "year,sex,age_group,population\n" + "".join(
    f"{year},{sex},{age},{number}\n"
    for year in (2020, 2021)
    for sex, age, number in (("F", "20-39", 400), ("F", "40+", 100), ("M", "20-39", 300), ("M", "40+", 200))
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "people.csv").write_text(PEOPLE)
    (tmp_path / "lmed.csv").write_text(ROWS)
    (tmp_path / "inhabitants.csv").write_text(INHABITANTS)
    return tmp_path


def run(folder: Path, *indicators: str, by=(), **more: object) -> Path:
    text = HEAD + "".join(f'[[indicator]]\nid = "i{number}"\n{body}\n' for number, body in enumerate(indicators))
    (folder / "set.toml").write_text(text)
    evaluate_files(
        folder / "set.toml",
        population=folder / "people.csv",
        events={"lmed": folder / "lmed.csv"},
        out=folder / "out",
        by=by,
        **more,
    )
    return folder / "out"


def rates(folder: Path, *indicators: str, by=(), **more: object) -> pd.DataFrame:
    more.setdefault("inhabitants", folder / "inhabitants.csv")
    return pd.read_csv(run(folder, *indicators, by=by, **more) / "rates.csv", keep_default_na=False, na_values=[""])


USERS = f'kind = "users"\ncodes = "statin"\n{YEARS}'


def test_ages_are_those_of_31_december_and_who_is_in_no_age_group_is_outside(folder):
    found = rates(folder, f'{USERS}statistic = ["per_1000_inhabitants"]', by=[["sex", "age"]])
    found = found[found.interval == "poisson"].set_index(["period", "sex", "age"])
    wanted = {
        (2020, "woman", "20-39"): (1, 400, 2.5),
        (2020, "man", "40+"): (1, 200, 5),
        (2021, "woman", "20-39"): (0, 400, 0),
        (2021, "woman", "40+"): (2, 100, 20),
        (2021, "woman", "total"): (2, 500, 4),
        (2021, "total", "total"): (2, 1000, 2),
    }
    for cell, numbers in wanted.items():
        assert tuple(found.loc[cell, ["numerator", "denominator", "value"]]) == numbers, cell
    assert found.loc[(2021, "woman", "total"), "outside"] == 1
    assert found.loc[(2021, "man", "total"), "outside"] == 0
    assert found.loc[(2021, "woman", "40+"), "outside"] == 0


def test_an_age_group_may_be_a_single_age(folder):
    (folder / "inhabitants.csv").write_text(INHABITANTS.replace("20-39", "39").replace("40+", "40-99"))
    found = rates(folder, f'{USERS}statistic = ["per_1000_inhabitants"]', by=[["age"]])
    found = found[found.interval == "poisson"].set_index(["period", "age"])
    assert found.numerator.to_dict() == {
        (2020, "39"): 1,
        (2020, "40-99"): 1,
        (2020, "total"): 2,
        (2021, "39"): 0,
        (2021, "40-99"): 2,
        (2021, "total"): 2,
    }


def test_bands_of_ages_are_made_of_age_groups(folder):
    found = rates(folder, f'{USERS}statistic = ["per_1000_inhabitants"]', by=[["age:20+"], ["age:<30,30+"]][:1])
    found = found[(found.interval == "poisson") & (found.age == "20+") & (found.period == 2021)]
    assert found[["numerator", "denominator", "outside"]].values.tolist() == [[2, 1000, 0]]
    with pytest.raises(InputRefused, match="cuts the age group '20-39'"):
        rates(folder, f'{USERS}statistic = ["per_1000_inhabitants"]', by=[["age:<30,30+"]])


def test_doses_are_told_per_thousand_inhabitants_and_day(folder):
    body = f'kind = "ddd"\ncodes = "statin"\n{YEARS}statistic = ["ddd_per_1000_inhabitants_per_day"]'
    found = rates(folder, body).set_index("period")
    assert found.loc[2020, "value"] == pytest.approx(1000 * 200 / (1000 * 366))
    assert found.loc[2021, "value"] == pytest.approx(1000 * 150 / (1000 * 365))
    assert found.loc[2020, "person_time"] == pytest.approx(1000 * 366 / 365.25)


def test_standardised_rates_are_of_the_margins_over_age(folder):
    weights = '"20-39" = 1, "40+" = 3'
    body = f'{USERS}statistic = ["standardised_per_1000_inhabitants"]\nstandard = {{ weights = {{ {weights} }} }}'
    found = rates(folder, body, by=[["sex", "age"], ["region"]]).set_index(["period", "sex"])
    assert set(found.age) == {"total"}
    assert found.loc[(2021, "woman"), "value"] == pytest.approx(0.75 * 20)
    assert found.loc[(2021, "total"), "value"] == pytest.approx(0.75 * 1000 * 2 / 300)


def test_a_stratum_without_inhabitants_leaves_the_standardised_rate_empty(folder):
    text = INHABITANTS.replace("2021,F,20-39,400", "2021,F,20-39,0")
    (folder / "inhabitants.csv").write_text(text)
    weights = 'standard = { weights = { "20-39" = 1, "40+" = 3 } }'
    found = rates(folder, f'{USERS}statistic = ["standardised_per_1000_inhabitants"]\n{weights}', by=[["sex"]])
    found = found.set_index(["period", "sex"])
    assert pd.isna(found.loc[(2021, "woman"), "value"])
    assert found.loc[(2021, "woman"), "numerator"] == 2
    assert found.loc[(2021, "man"), "value"] == 0


def test_observed_are_compared_with_those_expected_at_the_rates_of_all(folder):
    body = f'{USERS}statistic = ["smr"]\nstandard = {{ weights = {{ "20-39" = 1, "40+" = 1 }} }}'
    found = rates(folder, body, by=[["sex"]]).set_index(["period", "sex"])
    # 2021: 2 of 300 aged 40 or more are users, both women.
    assert found.loc[(2021, "woman"), ["numerator", "denominator"]].tolist() == [2, pytest.approx(100 * 2 / 300)]
    assert found.loc[(2021, "woman"), "value"] == pytest.approx(3)
    assert found.loc[(2021, "man"), "value"] == 0
    assert found.loc[(2021, "total"), "value"] == pytest.approx(1)


def test_a_crossing_that_inhabitants_lack_has_no_rates(folder):
    found = rates(folder, f'{USERS}statistic = ["per_1000_inhabitants"]', by=[["region"]])
    assert set(found.region) == {"total"}


def test_periods_are_not_crossed_with_index_periods(folder):
    people = PEOPLE.replace("region\n", "region,index_date\n").replace("north\n", "north,2020-05-01\n")
    (folder / "people.csv").write_text(people.replace("south\n", "south,2020-05-01\n"))
    found = rates(folder, f'{USERS}statistic = ["per_1000_inhabitants"]', by=[["index:month"], ["sex", "age"]])
    assert set(found.index_month) == {"total"}
    # Ages of rates are those on 31 December, whatever the index day.
    found = found[found.interval == "poisson"].set_index(["period", "sex", "age"])
    assert found.loc[(2021, "woman", "40+"), "numerator"] == 2


def test_a_declared_stratum_named_age_stays_what_it_is(folder):
    (folder / "people.csv").write_text(PEOPLE.replace("region", "age"))
    table = pd.read_csv(run(folder, USERS, by=[["age"]]) / "table.csv")
    assert set(table.age) == {"north", "south", "total"}


def test_row_variables_split_the_numerator(folder):
    body = f'{USERS}row_strata = ["atc"]\nstatistic = ["per_1000_inhabitants"]'
    found = rates(folder, body)
    found = found[(found.period == 2021) & (found.interval == "poisson")].set_index("atc")
    assert found.numerator.to_dict() == {"total": 2, "C10AA01": 1, "C10AA05": 1}
    assert set(found.denominator) == {1000}


def test_more_users_than_inhabitants_are_a_rate_but_no_share(folder):
    (folder / "inhabitants.csv").write_text("year,persons\n2020,1\n2021,1\n")
    found = rates(folder, f'{USERS}statistic = ["per_1000_inhabitants"]').set_index(["period", "interval"])
    assert found.loc[(2021, "poisson"), "value"] == 3000
    assert found.loc[(2021, "poisson"), "upper"] > 3000
    assert pd.isna(found.loc[(2021, "wilson"), "upper"])


def test_a_year_that_the_table_lacks_has_counts_without_rates(folder):
    (folder / "inhabitants.csv").write_text("year,persons\n2020,1000\n")
    found = rates(folder, f'{USERS}statistic = ["per_1000_inhabitants"]')
    found = found[found.interval == "poisson"].set_index("period")
    assert found.loc[2021, "numerator"] == 3
    assert pd.isna(found.loc[2021, "value"])
    assert pd.isna(found.loc[2021, "denominator"])


def test_rates_without_inhabitants_are_refused(folder):
    body = f'{USERS}statistic = ["per_1000_inhabitants"]'
    with pytest.raises(InputRefused, match="how many inhabitants are there"):
        rates(folder, body, inhabitants=None)
    with pytest.raises(InputRefused, match="which tells none"):
        rates(folder, USERS, by=[["age"]], inhabitants=None)
    (folder / "inhabitants.csv").write_text("year,persons\n2020,1\n")
    with pytest.raises(InputRefused, match="standardised by age, which the table of inhabitants lacks"):
        rates(folder, f'{USERS}statistic = ["smr"]\nstandard = {{}}')
    (folder / "inhabitants.csv").write_text("year,sex,persons\n2020,x,1\n")
    with pytest.raises(InputRefused, match="neither man nor woman"):
        rates(folder, body)


def test_rolling_periods_are_told_apart_from_the_table(folder):
    calendar = 'calendar = { from = 2021-01-01, until = 2022-01-01, step = "quarter", rolling = 4 }'
    by = [["region"], ["age:<40,40+"]]
    out = run(folder, f'kind = "users"\ncodes = "statin"\n{calendar}\nstatistic = ["count", "share"]', by=by)
    assert len(pd.read_csv(out / "table.csv")) == 0
    found = pd.read_csv(out / "rates.csv")
    ages = found[(found.statistic == "share") & (found.period == "2021-Q4")].set_index("age")
    assert ages.loc["40+", ["numerator", "denominator"]].tolist() == [2, 3]
    found = found[found.age == "total"].set_index(["period", "region", "statistic"])
    # From 1 April 2020 to 31 March 2021: anna again, and bo, of whose two packages one came back in May.
    assert found.loc[("2021-Q1", "total", "persons"), "value"] == 1
    assert found.loc[("2021-Q4", "total", "persons"), "value"] == 3
    assert found.loc[("2021-Q4", "south", "share"), ["numerator", "denominator"]].tolist() == [2, 2]
    assert set(found.parameters) == {"rolling=4"}


def test_an_incomplete_period_is_marked_by_itself(folder):
    from datetime import date

    calendar = 'calendar = { from = 2021-01-01, until = 2022-01-01, step = "quarter", rolling = 2 }'
    out = run(folder, f'kind = "dispensings"\n{calendar}', data_until={"lmed": date(2021, 9, 30)})
    found = pd.read_csv(out / "rates.csv").set_index("period")
    assert found.status.tolist() == ["ok", "ok", "ok", "incomplete"]


def test_substitutions_by_article_and_year(folder):
    rows = (
        ROWS.replace("ddd\n", "ddd,BYTET\n")
        .replace("00\n", "00,1\n")
        .replace("50\n", "50,3\n")
        .replace(",10\n", ",10,\n")
    )
    (folder / "lmed.csv").write_text(rows)
    body = f'kind = "generic_substitution"\nsubstituted = "1"\nnot_substituted = "3"\n{YEARS}row_strata = ["atc"]\n'
    out = run(folder, f'{body}statistic = ["sum", "share"]')
    found = pd.read_csv(out / "rates.csv").set_index(["period", "atc"])
    assert found.loc[(2021, "total"), ["numerator", "denominator", "value"]].tolist() == [1, 2, 0.5]
    assert found.loc[(2021, "C10AA01"), "value"] == 0
    assert found.parameters.isna().all()
    table = pd.read_csv(out / "table.csv").set_index(["parameters", "year", "atc"])
    assert table.loc[("rows=substituted", "total", "total"), "value"] == 3
    assert table.loc[("rows=not_substituted", "total", "total"), "value"] == 1


def test_medians_and_quantiles_with_their_limits(folder):
    body = f'kind = "ddd"\ncodes = "statin"\n{YEARS}statistic = ["median", "quantile:0.75"]'
    out = run(folder, body, by=[["sex"]])
    found = pd.read_csv(out / "quantiles.csv").set_index(["period", "sex", "statistic"])
    # 2020: 100, 100, 0 and 0; 2021: 100, 0, 50 and 10.
    assert found.loc[(2020, "total", "median"), "value"] == 50
    assert found.loc[(2020, "woman", "median"), ["value", "denominator"]].tolist() == [0, 3]
    assert found.loc[(2021, "total", "quantile:0.75"), "value"] == pytest.approx(62.5)
    assert set(found.interval) == {"order statistics"}
    assert len(pd.read_csv(out / "table.csv")) == 0

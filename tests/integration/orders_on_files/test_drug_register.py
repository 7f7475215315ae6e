"""An order on the made-up Swedish drug register: every cell is what SQL on the raw file says."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pytest

from tests.support.orders_on_files import FilesOfOthers
from tests.support.sql_answers import Question, SqlAnswers, assert_the_same
from tests.support.supply_in_sql import days_covered, stock

pytestmark = pytest.mark.shared_data

DRUG_SET = """
[set]
id = "others"
version = "1.0.0"
[exits]
death = { register = "swereg_dors", date = "death_date" }
[codes.n05]
atc_include = ["N05"]
atc_exclude = ["N05C"]
[codes.n06]
atc_include = ["N06"]
[codes.g03]
atc_include = ["G03"]
[codes.heart]
atc_include = ["C03", "C07", "C08", "C09", "C10"]
[supply.ddd]
steps = ["ddd:1"]
cap_days = 365

[[indicator]]
id = "users"
kind = "users"
register = "swereg_lmed"
codes = "n05"
calendar = { from = 2013-01-01, until = 2014-01-01, step = "month" }
statistic = ["count", "per_1000"]
[[indicator]]
id = "dispensings"
kind = "dispensings"
register = "swereg_lmed"
codes = "g03"
observe = { from = 0, to = 730 }
statistic = ["sum", "mean"]
[[indicator]]
id = "ddd"
kind = "ddd"
register = "swereg_lmed"
codes = "heart"
observe = { from = 0, to = [365, 1095] }
statistic = ["sum", "mean"]
[[indicator]]
id = "started"
kind = "initiation"
register = "swereg_lmed"
codes = ["n05", "n06"]
window = { from = 0, to = [90, 365] }
[[indicator]]
id = "started_both"
kind = "initiation"
register = "swereg_lmed"
codes = ["n05", "n06"]
combine = "all"
window = { from = 0, to = 1095 }
[[indicator]]
id = "new_users"
kind = "initiation"
register = "swereg_lmed"
codes = "heart"
window = { from = 0, to = 365 }
washout = { from = -365, to = -1, effect = "exclude" }
[[indicator]]
id = "covered"
kind = "proportion_of_days_covered"
register = "swereg_lmed"
codes = "g03"
supply = "ddd"
observe = { from = 0, to = 365 }
stock_cap_days = "none"
threshold = 0.8
[[indicator]]
id = "covered_by_both"
kind = "proportion_of_days_covered"
register = "swereg_lmed"
codes = ["g03", "heart"]
combine = "all"
supply = "ddd"
observe = { from = 0, to = 365 }
stock_cap_days = "none"
[[indicator]]
id = "drugs"
kind = "drugs_at_date"
register = "swereg_lmed"
at_day = 365
rule = "dispensed"
dispensed_within_days = 365
code_length = 4
at_least = 2
[[indicator]]
id = "supplied"
kind = "drugs_at_date"
register = "swereg_lmed"
at_day = 365
rule = "supply"
supply = "ddd"
"""


def only(indicator: str, definition: str) -> str:
    """The set with one of its indicators."""
    header, *indicators = definition.split("[[indicator]]")
    return header + "".join(f"[[indicator]]{one}" for one in indicators if f'id = "{indicator}"' in one)


def drug_questions() -> dict[str, Question]:
    """The facts of DRUG_SET, in SQL."""
    levels = "[atc] AS atc, if(bytet IS NULL, [], [bytet]) AS substitution, specialties AS prescriber_specialty"
    in_set = {
        "n05": "atc LIKE 'N05%' AND atc NOT LIKE 'N05C%'",
        "n06": "atc LIKE 'N06%'",
        "g03": "atc LIKE 'G03%'",
        "heart": "(atc LIKE 'C03%' OR atc LIKE 'C07%' OR atc LIKE 'C08%' OR atc LIKE 'C09%' OR atc LIKE 'C10%')",
    }
    psych = f"(({in_set['n05']}) OR ({in_set['n06']}))"
    observed = "SELECT person FROM follow WHERE until > idx"

    def rows(codes: str, days: int, weight: str = "1") -> str:
        return f"""SELECT person, {weight} AS weight, {levels} FROM lm JOIN follow USING (person)
                   WHERE {codes} AND day >= idx AND day < least(idx + {days}, until)"""

    asked = {
        "dispensings/observe_days=730": Question(observed, rows(in_set["g03"], 730)),
        "ddd/observe_days=365": Question(observed, rows(in_set["heart"], 365, "packages * ddd")),
        "ddd/observe_days=1095": Question(observed, rows(in_set["heart"], 1095, "packages * ddd")),
        "started/within_days=90": Question(observed, rows(psych, 91)),
        "started/within_days=365": Question(observed, rows(psych, 366)),
        "started_both/within_days=1095": Question(
            observed,
            f"""{rows(psych, 1096)} AND person IN (SELECT person FROM ({rows(in_set["n05"], 1096)}))
                AND person IN (SELECT person FROM ({rows(in_set["n06"], 1096)}))""",
        ),
        "new_users/within_days=365": Question(
            f"""{observed} AND person NOT IN (SELECT person FROM lm JOIN follow USING (person)
                WHERE {in_set["heart"]} AND day BETWEEN idx - 365 AND idx - 1)""",
            rows(in_set["heart"], 366),
        ),
        "users": Question(
            """SELECT person, strftime(month, '%Y-%m') AS period FROM follow, months
               WHERE least(month + INTERVAL 1 MONTH, until) > month""",
            f"""SELECT person, strftime(day, '%Y-%m') AS period, 1 AS weight, {levels}
                FROM lm JOIN follow USING (person) WHERE {in_set["n05"]} AND day < until AND year(day) = 2013""",
        ),
    }
    supply = "least(packages * ddd, 365)"
    window = "SELECT person, idx AS first, least(idx + 365, until) AS last FROM follow WHERE until > idx"

    def runs(codes: str, group: int) -> str:
        looked_at = f"""SELECT person, atc AS drug, day, {supply} AS supply FROM lm JOIN follow USING (person)
                        WHERE {codes} AND day >= idx - 180 AND day < least(idx + 365, until)"""
        return f"SELECT *, {group} AS grp FROM ({stock(looked_at, each='person, drug')})"

    one = days_covered(runs(in_set["g03"], 0), window=window)
    both = days_covered(f"{runs(in_set['g03'], 0)} UNION ALL {runs(in_set['heart'], 1)}", window=window, at_least=2)
    for name, covered in (("covered", one), ("covered_by_both", both)):
        share = f"SELECT person, covered, last - first AS days FROM ({covered}) JOIN ({window}) USING (person)"
        asked[f"{name}/observe_days=365"] = Question(
            observed, f"SELECT person, round(covered / days, 3)::DECIMAL(18, 3) AS weight FROM ({share})"
        )
        asked[f"{name}/observe_days=365;at_least=0.8"] = Question(
            observed, f"SELECT person, (covered * 5 >= days * 4)::INTEGER AS weight FROM ({share})"
        )
    alive = "SELECT person FROM follow, ends WHERE died > idx + 365 AND ends.lm > idx + 365"
    recently = """SELECT person, count(DISTINCT left(atc, 4)) AS weight FROM lm JOIN follow USING (person)
                  WHERE day <= idx + 365 AND day > idx GROUP BY person"""
    at_hand = f"""SELECT person, count(DISTINCT atc) AS weight FROM lm JOIN follow USING (person)
                  WHERE day <= idx + 365 AND day + {supply} > idx + 365 GROUP BY person"""
    recent = "drugs/at_day=365;dispensed_within_days=365;denominator=alive_at_N"
    asked[recent] = Question(alive, recently)
    asked[f"{recent};at_least=2"] = Question(
        alive, f"SELECT person, (weight >= 2)::INTEGER AS weight FROM ({recently})"
    )
    asked["supplied/at_day=365;rule=supply;denominator=alive_at_N"] = Question(alive, at_hand)
    return asked


def test_every_cell_of_an_order_on_the_drug_register_is_what_sql_says(
    swereg: FilesOfOthers, swereg_sql: duckdb.DuckDBPyConnection, swereg_persons: pa.Table
) -> None:
    answered = swereg.answer(
        swereg_persons,
        indicators=DRUG_SET,
        by=[
            ["age_then"],
            ["sex"],
            ["row:substitution"],
        ],
    )
    statuses = assert_the_same(answered, SqlAnswers(swereg_sql, drug_questions()), minimum_cell=10)
    assert statuses["ok"] + statuses["incomplete"] > 100
    assert statuses["suppressed"] > 20


def test_rows_with_several_levels_count_once_under_each(
    swereg: FilesOfOthers, swereg_sql: duckdb.DuckDBPyConnection, swereg_persons: pa.Table
) -> None:
    # Some rows of the file name one specialty twice.
    doubled = swereg_sql.sql("SELECT count(*) FROM rx WHERE SPKOD1 = SPKOD2 OR SPKOD2 = SPKOD3").fetchall()[0][0]
    assert doubled > 0
    answered = swereg.answer(
        swereg_persons,
        indicators=only("dispensings", DRUG_SET),
        by=[["row:prescriber_specialty"]],
    )
    statuses = assert_the_same(answered, SqlAnswers(swereg_sql, drug_questions()), minimum_cell=10)
    assert statuses["ok"] + statuses["incomplete"] > 20

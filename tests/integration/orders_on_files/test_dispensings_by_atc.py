"""An order on dispensings of sixteen persons, by ATC code and main group: every cell is what SQL on the file says."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from linkage.errors import DisclosureRefused
from tests.support.orders_on_files import SMALL_FILES, FilesOfOthers
from tests.support.sql_answers import Question, SqlAnswers, assert_the_same
from tests.support.supply_in_sql import days_covered, reading, stock

pytestmark = pytest.mark.shared_data

ATC_SET = """
[set]
id = "others"
version = "1.0.0"
[exits]
death = false
[codes.gut]
atc_include = ["A"]
[supply.given]
steps = ["days_supply"]
cap_days = 3650

[[indicator]]
id = "users"
kind = "users"
register = "adherer_med_events_atc"
codes = "gut"
calendar = { from = 2056-07-01, until = 2058-07-01, step = "quarter" }
[[indicator]]
id = "dispensings"
kind = "dispensings"
register = "adherer_med_events_atc"
observe = { from = 0, to = 730 }
statistic = ["sum", "mean"]
[[indicator]]
id = "covered"
kind = "proportion_of_days_covered"
register = "adherer_med_events_atc"
codes = "gut"
supply = "given"
observe = { from = 0, to = 365 }
stock_cap_days = "none"
[[indicator]]
id = "drugs"
kind = "drugs_at_date"
register = "adherer_med_events_atc"
at_day = 180
rule = "dispensed"
dispensed_within_days = 90
code_length = 5
denominator = "all"
at_least = [2, 5]
"""


@pytest.fixture(scope="module")
def by_atc(
    shared_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[FilesOfOthers, duckdb.DuckDBPyConnection]:
    path = shared_data / "data" / "adherer-dispensing" / "med_events_atc.csv"
    sql = reading(ev=path)
    sql.execute("""
        CREATE TABLE lm AS SELECT PATIENT_ID AS person, DATE::DATE AS day, CATEGORY AS drug, CATEGORY_L1 AS main_group,
            -- Supply is counted in 1/64 days; the register keeps four decimals.
            floor(round(DURATION::DOUBLE, 4) * 64) / 64 AS supply FROM ev;
        CREATE TABLE pop AS SELECT person, min(day) AS index_date,
            if(count(*) > 60, 'many', 'few') AS dispensed FROM lm GROUP BY person;
        CREATE TABLE follow AS SELECT person, index_date AS idx,
            (SELECT date_trunc('month', max(day)) + INTERVAL 1 MONTH FROM lm)::DATE AS until FROM pop;
        CREATE TABLE quarters AS SELECT unnest(generate_series(DATE '2056-07-01', DATE '2058-04-01',
            INTERVAL 3 MONTH))::DATE AS quarter;
    """)
    return FilesOfOthers.load(tmp_path_factory.mktemp("by_atc"), {"adherer_med_events_atc": path}), sql


def test_every_cell_of_an_order_on_dispensings_by_atc_is_what_sql_says(
    by_atc: tuple[FilesOfOthers, duckdb.DuckDBPyConnection],
) -> None:
    registers, sql = by_atc
    answered = registers.answer(
        sql.sql("SELECT person, index_date, dispensed FROM pop").to_arrow_table(),
        indicators=ATC_SET,
        by=[["dispensed"], ["row:atc"], ["row:category_l1"]],
        policy=SMALL_FILES,
    )
    levels = "[drug] AS atc, if(main_group = '', [], [main_group]) AS category_l1"
    gut = "SELECT lm.* FROM lm JOIN follow USING (person) WHERE drug LIKE 'A%' AND day < least(idx + 365, until)"
    window = "SELECT person, idx AS first, least(idx + 365, until) AS last FROM follow"
    counted = days_covered(f"SELECT *, 0 AS grp FROM ({stock(gut, each='person, drug')})", window=window)
    observed = "SELECT person FROM follow"
    drugs = """SELECT person, count(DISTINCT left(drug, 5)) AS weight FROM lm JOIN follow USING (person)
               WHERE day <= idx + 180 AND day > idx + 90 GROUP BY person"""
    followed = "SELECT person FROM follow WHERE until > idx + 180"
    period = "year({0}) || '-Q' || quarter({0})"
    questions = {
        "users": Question(
            f"SELECT person, {period.format('quarter')} AS period FROM follow, quarters WHERE until > quarter",
            f"""SELECT person, {period.format("day")} AS period, 1 AS weight, {levels} FROM lm
                WHERE drug LIKE 'A%' AND day >= '2056-07-01' AND day < '2058-07-01'""",
        ),
        "dispensings/observe_days=730": Question(
            observed,
            f"""SELECT person, 1 AS weight, {levels} FROM lm JOIN follow USING (person)
                WHERE day < least(idx + 730, until)""",
        ),
        "covered/observe_days=365": Question(
            observed,
            f"""SELECT person, round(covered / (last - first), 3)::DECIMAL(18, 3) AS weight
                FROM ({counted}) JOIN ({window}) USING (person)""",
        ),
        "drugs/at_day=180;dispensed_within_days=90": Question(followed, drugs),
        **{
            f"drugs/at_day=180;dispensed_within_days=90;at_least={least}": Question(
                followed, f"SELECT person, (weight >= {least})::INTEGER AS weight FROM ({drugs})"
            )
            for least in (2, 5)
        },
    }
    statuses = assert_the_same(answered, SqlAnswers(sql, questions), minimum_cell=3)
    assert statuses["ok"] + statuses["incomplete"] > 30
    assert statuses["suppressed"] > 30


def test_sixteen_persons_get_no_table_under_the_standard_policy(
    by_atc: tuple[FilesOfOthers, duckdb.DuckDBPyConnection],
) -> None:
    registers, sql = by_atc
    persons = sql.sql("SELECT person, index_date FROM pop").to_arrow_table()
    with pytest.raises(DisclosureRefused):
        registers.answer(persons, indicators=ATC_SET, by=[])

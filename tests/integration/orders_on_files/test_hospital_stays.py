"""An order on dispensings with hospital stays: every cell is what SQL on the raw files says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.orders_on_files import SMALL_FILES, FilesOfOthers
from tests.support.sql_answers import Question, SqlAnswers, assert_the_same
from tests.support.supply_in_sql import days_covered, reading, stock

pytestmark = pytest.mark.shared_data

DURCOMP_SET = """
[set]
id = "others"
version = "1.0.0"
[exits]
death = false
[codes.gut]
atc_include = ["A"]
[codes.lungs]
atc_include = ["R"]
[supply.month]
steps = ["fixed:30"]
hospital = "freeze"
hospital_register = "adherer_hospital"

[[indicator]]
id = "users"
kind = "users"
register = "adherer_dispensing"
codes = "lungs"
observe = { from = 0, to = 180 }
[[indicator]]
id = "dispensings"
kind = "dispensings"
register = "adherer_dispensing"
codes = "gut"
calendar = { from = 2056-07-01, until = 2058-07-01, step = "month" }
statistic = ["sum", "mean"]
[[indicator]]
id = "started"
kind = "initiation"
register = "adherer_dispensing"
codes = ["gut", "lungs"]
combine = "all"
window = { from = 0, to = [30, 180] }
[[indicator]]
id = "covered"
kind = "proportion_of_days_covered"
register = "adherer_dispensing"
codes = "lungs"
supply = "month"
observe = { from = 30, to = 395 }
lookback_days = 30
stock_cap_days = "none"
threshold = 0.5
[[indicator]]
id = "admitted"
kind = "event_in_window"
register = "adherer_hospital"
date = "admission_date"
window = { from = 0, to = 365 }
statistic = ["count", "share", "rate"]
"""


def test_every_cell_of_an_order_on_dispensings_with_hospital_stays_is_what_sql_says(
    shared_data: Path, tmp_path: Path
) -> None:
    folder = shared_data / "data" / "adherer-dispensing"
    files = {
        "adherer_dispensing": folder / "durcomp_dispensing.csv",
        "adherer_hospital": folder / "durcomp_hospitalisation.csv",
    }
    registers = FilesOfOthers.load(tmp_path, files)
    sql = reading(disp=files["adherer_dispensing"], hosp=files["adherer_hospital"])
    sql.execute("""
        CREATE TABLE lm AS SELECT ID AS person, "DATE.DISP"::DATE AS day, "ATC.CODE" AS drug, line FROM disp;
        CREATE TABLE stay AS SELECT ID AS person, "DATE.IN"::DATE AS admitted, "DATE.OUT"::DATE AS left_on FROM hosp;
        CREATE TABLE pop AS SELECT person, min(day) AS index_date,
            if(person IN (SELECT person FROM stay), 'yes', 'no') AS stayed FROM lm GROUP BY person;
        CREATE TABLE follow AS SELECT person, index_date AS idx,
            (SELECT date_trunc('month', max(day)) + INTERVAL 1 MONTH FROM lm)::DATE AS until,
            (SELECT date_trunc('month', max(admitted)) + INTERVAL 1 MONTH FROM stay)::DATE AS stays_until FROM pop;
        CREATE TABLE months AS SELECT unnest(generate_series(DATE '2056-07-01', DATE '2058-06-01',
            INTERVAL 1 MONTH))::DATE AS month;
        -- Days out of hospital, numbered: time in which supply is used and observed.
        CREATE TABLE home AS SELECT d.person, on_day,
                DATE '2000-01-01' + (row_number() OVER (PARTITION BY d.person ORDER BY on_day))::INTEGER AS home_day
            FROM (SELECT person, unnest(generate_series(idx, idx + 500, INTERVAL 1 DAY))::DATE AS on_day FROM follow) d
            WHERE NOT EXISTS (
                SELECT 1 FROM stay WHERE stay.person = d.person AND on_day >= admitted AND on_day < left_on);
    """)
    answered = registers.answer(
        sql.sql("SELECT person, index_date, stayed FROM pop").to_arrow_table(),
        indicators=DURCOMP_SET,
        by=[["stayed"]],
        policy=SMALL_FILES,
    )
    observed = "SELECT person FROM follow"

    def rows(days: int, codes: str) -> str:
        return f"""SELECT person, 1 AS weight, [drug] AS atc FROM lm JOIN follow USING (person)
                   WHERE {codes} AND day < least(idx + {days}, until)"""

    def both(days: int) -> str:
        return f"""{rows(days, "left(drug, 1) IN ('A', 'R')")}
                   AND person IN (SELECT person FROM ({rows(days, "drug LIKE 'A%'")}))
                   AND person IN (SELECT person FROM ({rows(days, "drug LIKE 'R%'")}))"""

    # A package dispensed during a stay counts from the first day out of it.
    at_home = """SELECT lm.person, drug, min(home_day) AS day, 30 AS supply
                 FROM lm JOIN home ON home.person = lm.person AND on_day >= lm.day
                 JOIN follow ON follow.person = lm.person
                 WHERE drug LIKE 'R%' AND lm.day < least(idx + 395, until) GROUP BY lm.person, drug, lm.day, lm.line"""
    window = """SELECT person, min(home_day) AS first, max(home_day) + 1 AS last FROM home JOIN follow USING (person)
                WHERE on_day >= idx + 30 AND on_day < least(idx + 395, until) GROUP BY person"""
    runs = f"SELECT *, 0 AS grp FROM ({stock(at_home, each='person, drug')})"
    covered = f"""SELECT person, covered, last - first AS days FROM ({days_covered(runs, window=window)})
                  JOIN ({window}) USING (person)"""
    among = "SELECT person FROM follow WHERE until > idx + 30"
    stayed = """SELECT person, min(admitted) AS event FROM stay JOIN follow USING (person)
                WHERE admitted >= idx AND admitted < least(idx + 366, stays_until) GROUP BY person"""
    questions = {
        "users/observe_days=180": Question(observed, rows(180, "drug LIKE 'R%'")),
        "dispensings": Question(
            "SELECT person, strftime(month, '%Y-%m') AS period FROM follow, months WHERE until > month",
            """SELECT person, strftime(day, '%Y-%m') AS period, 1 AS weight, [drug] AS atc FROM lm
               WHERE drug LIKE 'A%' AND day >= '2056-07-01' AND day < '2058-07-01'""",
        ),
        "started/within_days=30": Question(observed, both(31)),
        "started/within_days=180": Question(observed, both(181)),
        "covered/observe_days=365": Question(
            among, f"SELECT person, round(covered / days, 3)::DECIMAL(18, 3) AS weight FROM ({covered})"
        ),
        "covered/observe_days=365;at_least=0.5": Question(
            among, f"SELECT person, (covered * 2 >= days)::INTEGER AS weight FROM ({covered})"
        ),
        "admitted/within_days=365": Question(
            f"""SELECT person, least(coalesce(event + 1, DATE '9999-01-01'), idx + 366, stays_until) - idx AS at_risk
                FROM follow LEFT JOIN ({stayed}) USING (person) WHERE stays_until > idx""",
            f"SELECT person, 1 AS weight FROM ({stayed})",
        ),
    }
    statuses = assert_the_same(answered, SqlAnswers(sql, questions), minimum_cell=3)
    assert statuses["ok"] + statuses["incomplete"] > 20

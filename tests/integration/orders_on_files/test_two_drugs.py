"""An order on dispensings of two drugs: every cell is what SQL says, and coverage what its authors computed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.orders_on_files import FilesOfOthers
from tests.support.sql_answers import Question, SqlAnswers, assert_the_same
from tests.support.supply_in_sql import days_covered, reading, stock

pytestmark = pytest.mark.shared_data

MED_EVENTS_SET = """
[set]
id = "others"
version = "1.0.0"
[exits]
death = false
[codes.a]
atc_include = ["C07AB02"]
[codes.b]
atc_include = ["C09AA02"]
[codes.both]
atc_include = ["C"]
[supply.given]
steps = ["days_supply"]
cap_days = 3650

[[indicator]]
id = "users"
kind = "users"
register = "adherer_med_events"
codes = "b"
observe = { from = 0, to = [180, 730] }
[[indicator]]
id = "dispensings"
kind = "dispensings"
register = "adherer_med_events"
observe = { from = 0, to = 730 }
statistic = ["sum", "mean"]
[[indicator]]
id = "switched"
kind = "initiation"
register = "adherer_med_events"
codes = ["a", "b"]
combine = "all"
window = { from = 0, to = 365 }
[[indicator]]
id = "run_a"
kind = "proportion_of_days_covered"
register = "adherer_med_events"
codes = "both"
supply = "given"
observe = { from = 0, to = 730 }
carry_over = "pooled"
stock_cap_days = "none"
threshold = [0.5, 0.8]
[[indicator]]
id = "run_b"
kind = "proportion_of_days_covered"
register = "adherer_med_events"
codes = "both"
supply = "given"
observe = { from = 182, to = 547 }
lookback_days = 182
carry_over = "pooled"
stock_cap_days = "none"
[[indicator]]
id = "each_drug"
kind = "proportion_of_days_covered"
register = "adherer_med_events"
codes = "both"
supply = "given"
observe = { from = 0, to = 730 }
stock_cap_days = "none"
[[indicator]]
id = "drugs"
kind = "drugs_at_date"
register = "adherer_med_events"
at_day = [90, 365]
rule = "supply"
supply = "given"
denominator = "all"
"""


def test_every_cell_of_an_order_on_dispensings_of_two_drugs_is_what_sql_says(shared_data: Path, tmp_path: Path) -> None:
    folder = shared_data / "data" / "adherer-dispensing"
    sql = reading(ev=folder / "med_events.csv", cma=folder / "expected_cma.csv")
    # A set selects by ATC code, which the two nameless drugs of the file have none of.
    coded = tmp_path / "coded.csv"
    sql.execute("UPDATE ev SET CATEGORY = CASE CATEGORY WHEN 'medA' THEN 'C07AB02' ELSE 'C09AA02' END")
    sql.execute(f"COPY (SELECT * EXCLUDE line FROM ev ORDER BY line) TO '{coded}'")
    registers = FilesOfOthers.load(tmp_path, {"adherer_med_events": coded})
    sql.execute("""
        CREATE TABLE lm AS SELECT PATIENT_ID AS person, DATE::DATE AS day, CATEGORY AS drug, DURATION::INTEGER AS supply
            FROM ev;
        CREATE TABLE pop AS SELECT person, min(day) AS index_date, min(arg_drug) AS first_drug FROM
            (SELECT *, arg_min(drug, day) OVER (PARTITION BY person) AS arg_drug FROM lm) GROUP BY person;
        ALTER TABLE pop ADD COLUMN index_year VARCHAR; UPDATE pop SET index_year = year(index_date)::VARCHAR;
        -- Nobody is followed past the last month of the file.
        CREATE TABLE follow AS SELECT person, index_date AS idx,
            (SELECT date_trunc('month', max(day)) + INTERVAL 1 MONTH FROM lm)::DATE AS until FROM pop;
    """)
    answered = registers.answer(
        sql.sql("SELECT person, index_date, first_drug FROM pop").to_arrow_table(),
        indicators=MED_EVENTS_SET,
        by=[["first_drug"], ["index:year"], ["row:atc"]],
    )
    observed = "SELECT person FROM follow"

    def rows(days: int, codes: str = "true") -> str:
        return f"""SELECT person, 1 AS weight, [drug] AS atc FROM lm JOIN follow USING (person)
                   WHERE {codes} AND day >= idx AND day < least(idx + {days}, until)"""

    def covered(first: int, last: int, each: str) -> str:
        looked_at = f"SELECT lm.* FROM lm JOIN follow USING (person) WHERE day < idx + {last}"
        window = f"SELECT person, idx + {first} AS first, least(idx + {last}, until) AS last FROM follow"
        counted = days_covered(f"SELECT *, 0 AS grp FROM ({stock(looked_at, each=each)})", window=window)
        return f"SELECT person, covered, last - first AS days FROM ({counted}) JOIN ({window}) USING (person)"

    def share(first: int, last: int, each: str) -> Question:
        days = covered(first, last, each)
        among = f"SELECT person FROM follow WHERE until > idx + {first}"
        return Question(among, f"SELECT person, round(covered / days, 3)::DECIMAL(18, 3) AS weight FROM ({days})")

    def reached(threshold: float) -> Question:
        days = covered(0, 730, "person")
        return Question(observed, f"SELECT person, (covered >= {threshold} * days)::INTEGER AS weight FROM ({days})")

    def at_hand(day: int) -> Question:
        return Question(
            f"SELECT person FROM follow WHERE until > idx + {day}",
            f"""SELECT person, count(DISTINCT drug) AS weight FROM lm JOIN follow USING (person)
                WHERE day <= idx + {day} AND day + supply > idx + {day} GROUP BY person""",
        )

    both = f"""{rows(366)} AND person IN (SELECT person FROM ({rows(366, "drug = 'C07AB02'")}))
               AND person IN (SELECT person FROM ({rows(366, "drug = 'C09AA02'")}))"""
    questions = {
        "users/observe_days=180": Question(observed, rows(180, "drug = 'C09AA02'")),
        "users/observe_days=730": Question(observed, rows(730, "drug = 'C09AA02'")),
        "dispensings/observe_days=730": Question(observed, rows(730)),
        "switched/within_days=365": Question(observed, both),
        "run_a/observe_days=730": share(0, 730, "person"),
        "run_a/observe_days=730;at_least=0.5": reached(0.5),
        "run_a/observe_days=730;at_least=0.8": reached(0.8),
        "run_b/observe_days=365": share(182, 547, "person"),
        "each_drug/observe_days=730": share(0, 730, "person, drug"),
        "drugs/at_day=90;rule=supply": at_hand(90),
        "drugs/at_day=365;rule=supply": at_hand(365),
    }
    statuses = assert_the_same(answered, SqlAnswers(sql, questions), minimum_cell=10)
    assert statuses["ok"] + statuses["incomplete"] > 60

    # The authors of the file computed the same with their own program: CMA7, rounded to ten decimals; ours of each
    # person to three.
    for name, run in (("run_a", "A"), ("run_b", "B")):
        mean = next(
            row["value"]
            for row in answered.protected.table.to_pylist()
            if (row["indicator"], row["statistic"]) == (name, "mean")
            and {row["first_drug"], row["index_year"]} == {"total"}
        )
        theirs = sql.sql(f"SELECT avg(value::DOUBLE) FROM cma WHERE run = '{run}' AND cma = 'CMA7'").fetchall()[0][0]
        assert mean == pytest.approx(theirs, abs=5e-4)

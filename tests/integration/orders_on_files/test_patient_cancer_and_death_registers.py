"""An order on the made-up Swedish patient, cancer and death registers: every cell is what SQL on the raw files says."""

from __future__ import annotations

import duckdb
import pyarrow as pa
import pytest

from tests.support.orders_on_files import FilesOfOthers
from tests.support.sql_answers import Question, SqlAnswers, assert_the_same

pytestmark = pytest.mark.shared_data

EVENT_SET = """
[set]
id = "others"
version = "1.0.0"
[exits]
death = { register = "swereg_dors", date = "death_date" }
[codes.mental]
icd10_include = ["F"]
[codes.gender]
icd10_include = ["F64"]
[codes.tumour]
icd10_include = ["C"]

[[indicator]]
id = "death"
kind = "event_in_window"
register = "swereg_dors"
date = "death_date"
window = { from = 0, to = 2555 }
statistic = ["count", "share", "rate"]
[[indicator]]
id = "inpatient"
kind = "event_in_window"
register = "swereg_par_sv"
date = "admission_date"
codes = "mental"
columns = ["main_diagnosis", "diagnosis"]
window = { from = 0, to = [365, 1825] }
statistic = ["count", "share", "rate"]
[[indicator]]
id = "outpatient"
kind = "event_in_window"
register = "swereg_par_ov"
date = "admission_date"
codes = "gender"
columns = ["main_diagnosis"]
window = { from = 0, to = 1825 }
washout = { from = -3650, to = -1, effect = "stratify" }
[[indicator]]
id = "tumour"
kind = "event_in_window"
register = "swereg_cancer"
date = "diagnosis_date"
codes = "tumour"
columns = ["icd10"]
window = { from = 0, to = 3650 }
denominator = ["all", "alive_at_N"]
"""


def event_questions() -> dict[str, Question]:
    """The facts of EVENT_SET, in SQL."""

    def asked(rows: str, *, end: str, days: int, death_ends: bool = True, also: str = "true") -> Question:
        until = f"least({end}, died)" if death_ends else end
        first = f"""SELECT person, min(day) AS event FROM ({rows}) JOIN follow USING (person), ends
                    WHERE day >= idx AND day < least(idx + {days + 1}, {until}) GROUP BY person"""
        # Who died before the index day is among the persons, with no day at risk.
        return Question(
            f"""SELECT person,
                    greatest(0, least(coalesce(event + 1, DATE '9999-01-01'), idx + {days + 1}, {until}) - idx)
                    AS at_risk FROM follow LEFT JOIN ({first}) USING (person), ends WHERE {end} > idx AND {also}""",
            f"SELECT person, 1 AS weight FROM ({first})",
        )

    def care(source: str, codes: str, columns: str) -> tuple[str, str]:
        rows = f"SELECT LopNr AS person, INDATUM::DATE AS day FROM dx WHERE SOURCE = '{source}'"
        coded = f"len([code FOR code IN [{columns}] IF upper(replace(code, '.', '')) LIKE '{codes}%']) > 0"
        last = f"(SELECT date_trunc('month', max(day)) + INTERVAL 1 MONTH FROM ({rows}))::DATE"
        return f"{rows} AND {coded}", last

    secondary = ", ".join(f"DIA{number}" for number in range(1, 31))
    inpatient, inpatient_end = care("inpatient", "F", f"HDIA, {secondary}")
    outpatient, outpatient_end = care("outpatient", "F64", "HDIA")
    tumours, tumours_end = care("cancer", "C", "HDIA")
    before = f"""person IN (SELECT person FROM ({outpatient}) JOIN follow USING (person)
                 WHERE day BETWEEN idx - 3650 AND idx - 1)"""
    place = {"end": outpatient_end, "days": 1825}
    return {
        "death/within_days=2555": asked(
            "SELECT person, died AS day FROM death", end="ends.dors", days=2555, death_ends=False
        ),
        "inpatient/within_days=365": asked(inpatient, end=inpatient_end, days=365),
        "inpatient/within_days=1825": asked(inpatient, end=inpatient_end, days=1825),
        "outpatient/within_days=1825": asked(outpatient, **place),
        "outpatient/within_days=1825;before=none": asked(outpatient, **place, also=f"NOT {before}"),
        "outpatient/within_days=1825;before=any": asked(outpatient, **place, also=before),
        "tumour/within_days=3650": asked(tumours, end=tumours_end, days=3650),
        "tumour/within_days=3650;denominator=alive_at_N": asked(
            tumours, end=tumours_end, days=3650, also="died >= idx + 3651"
        ),
    }


def test_every_cell_of_an_order_on_patient_cancer_and_death_registers_is_what_sql_says(
    swereg: FilesOfOthers, swereg_sql: duckdb.DuckDBPyConnection, swereg_persons: pa.Table
) -> None:
    answered = swereg.answer(
        swereg_persons,
        indicators=EVENT_SET,
        by=[["age_then", "sex"], ["prescriber"], ["age:<30,30-49,50+"], ["index:year"]],
    )
    statuses = assert_the_same(answered, SqlAnswers(swereg_sql, event_questions()), minimum_cell=10)
    assert statuses["ok"] + statuses["incomplete"] > 150
    assert statuses["suppressed"] > 20

"""Real orders on files that nobody here wrote; every cell, counted and published, is compared with SQL on raw files.

The SQL reads the raw files and the definitions in words; it shares no code with the service. Orders go the whole way:
ingest, plan, join, evaluate, count, protect.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from linkage.errors import DisclosureRefused
from tests.support.orders_on_files import SMALL_FILES, FilesOfOthers
from tests.support.sql_answers import Question, SqlAnswers, assert_the_same

pytestmark = pytest.mark.shared_data


def reading(**files: Path) -> duckdb.DuckDBPyConnection:
    """A connection with a view of each raw file, every column as text, rows numbered as they stand."""
    connection = duckdb.connect(":memory:")
    for name, path in files.items():
        connection.execute(
            f"CREATE TABLE {name} AS SELECT *, row_number() OVER () AS line FROM read_csv('{path}', all_varchar = true)"
        )
    return connection


def stock(rows: str, *, each: str) -> str:
    """SELECT person, drug, day, days: runs of days covered, supply carried over from package to package.

    Args:
        rows: SELECT person, drug, day, supply.
        each: "person, drug" for a stock of each drug, "person" for one stock.

    A part of a day that is left waits for the next package.
    """
    same = " AND ".join(f"n.{column} = f.{column}" for column in each.split(", "))
    return f"""
    WITH RECURSIVE numbered AS MATERIALIZED (
        SELECT *, row_number() OVER (PARTITION BY {each} ORDER BY day) AS nth,
               lead(day) OVER (PARTITION BY {each} ORDER BY day) - day AS gap
        FROM ({rows})
    ), followed AS (
        SELECT *, supply AS stock FROM numbered WHERE nth = 1
        UNION ALL
        SELECT n.*, f.stock - least(floor(f.stock), f.gap) + n.supply
        FROM followed f JOIN numbered n ON n.nth = f.nth + 1 AND {same}
    )
    SELECT person, drug, day, least(floor(stock), coalesce(gap, 1000000))::INTEGER AS days FROM followed"""


def days_covered(runs: str, *, window: str, at_least: int = 1) -> str:
    """SELECT person, covered: days of [first, last) on which at least so many groups were covered.

    Args:
        runs: SELECT person, drug, day, days, grp.
        window: SELECT person, first, last.
    """
    return f"""
    SELECT person, count(*) AS covered FROM (
        SELECT person, on_day FROM (
            SELECT person, grp, unnest(generate_series(greatest(day, first), least(day + days, last) - 1)) AS on_day
            FROM (SELECT person, grp, day - DATE '1970-01-01' AS day, days FROM ({runs}))
            JOIN (SELECT person, first - DATE '1970-01-01' AS first, last - DATE '1970-01-01' AS last FROM ({window}))
            USING (person)
        ) GROUP BY person, on_day HAVING count(DISTINCT grp) >= {at_least}
    ) GROUP BY person"""


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


def only(indicator: str, definition: str) -> str:
    """The set with one of its indicators."""
    header, *indicators = definition.split("[[indicator]]")
    return header + "".join(f"[[indicator]]{one}" for one in indicators if f'id = "{indicator}"' in one)


SWEREG_TABLES = """
CREATE TABLE lm AS SELECT p444_lopnr_personnr AS person, EDATUM::DATE AS day, ATC AS atc, ANTAL::INTEGER AS packages,
    forpddd::INTEGER AS ddd, ALDER::INTEGER AS age_then, YRKE AS yrke, BYTET AS bytet, line,
    list_distinct([code FOR code IN [SPKOD1, SPKOD2, SPKOD3] IF code <> '']) AS specialties FROM rx;
CREATE TABLE death AS SELECT lopnr AS person, arg_min(dodsdat, (ulorsak = '', line))::DATE AS died
    FROM cod GROUP BY lopnr;
-- The index day is the first dispensing from 2012 on; twenty more persons are in no register at all.
CREATE TABLE pop AS
    SELECT lm.person, min(day) FILTER (day >= '2012-01-01') AS found,
        coalesce(found, DATE '2012-01-01') AS index_date,
        CASE WHEN min(age_then) < 30 THEN '-29' WHEN min(age_then) < 60 THEN '30-59' ELSE '60-' END AS age_then,
        coalesce(arg_min(yrke, lm.line), 'none') AS prescriber,
        make_date(any_value(trim(fodelseman))::INTEGER, 7, 1) AS birth_date,
        lm.person::INTEGER % 2 AS odd
    FROM lm JOIN dem ON dem.lopnr = lm.person GROUP BY lm.person
    UNION ALL
    SELECT (90000 + n)::VARCHAR, NULL, DATE '2015-06-30', '30-59', 'none', DATE '1970-07-01', 0 FROM range(20) t(n);
ALTER TABLE pop ADD COLUMN sex VARCHAR;
ALTER TABLE pop ADD COLUMN age VARCHAR;
ALTER TABLE pop ADD COLUMN index_year VARCHAR;
UPDATE pop SET sex = if(odd = 1, 'man', 'woman'), index_year = year(index_date)::VARCHAR,
    age = CASE WHEN date_sub('year', birth_date, index_date) < 30 THEN '<30'
               WHEN date_sub('year', birth_date, index_date) < 50 THEN '30-49' ELSE '50+' END;
CREATE TABLE ends AS SELECT (SELECT date_trunc('month', max(day)) + INTERVAL 1 MONTH FROM lm)::DATE AS lm,
    (SELECT date_trunc('month', max(died)) + INTERVAL 1 MONTH FROM death)::DATE AS dors;
CREATE TABLE follow AS SELECT person, index_date AS idx, coalesce(died, DATE '9999-01-01') AS died,
    least(coalesce(died, DATE '9999-01-01'), ends.lm) AS until FROM pop LEFT JOIN death USING (person), ends;
CREATE TABLE months AS SELECT unnest(generate_series(DATE '2013-01-01', DATE '2013-12-01', INTERVAL 1 MONTH))::DATE
    AS month;
"""


@pytest.fixture(scope="module")
def swereg(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> FilesOfOthers:
    folder = shared_data / "data" / "swereg-fake-registers"
    diagnoses = folder / "fake_diagnoses.csv.gz"
    return FilesOfOthers.load(
        tmp_path_factory.mktemp("swereg"),
        {
            "swereg_lmed": folder / "fake_prescriptions.csv.gz",
            "swereg_par_sv": diagnoses,
            "swereg_par_ov": diagnoses,
            "swereg_cancer": diagnoses,
            "swereg_dors": folder / "fake_cod.csv",
        },
    )


@pytest.fixture(scope="module")
def swereg_sql(shared_data: Path) -> duckdb.DuckDBPyConnection:
    folder = shared_data / "data" / "swereg-fake-registers"
    connection = reading(
        rx=folder / "fake_prescriptions.csv.gz",
        dx=folder / "fake_diagnoses.csv.gz",
        cod=folder / "fake_cod.csv",
        dem=folder / "fake_demographics.csv",
    )
    connection.execute(SWEREG_TABLES)
    return connection


@pytest.fixture(scope="module")
def swereg_persons(swereg_sql: duckdb.DuckDBPyConnection) -> pa.Table:
    return swereg_sql.sql(
        "SELECT person, index_date, birth_date, if(odd = 1, 1, 2)::UTINYINT AS sex, age_then, prescriber FROM pop"
    ).to_arrow_table()


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
            observed, f"SELECT person, round(covered / days, 6)::DECIMAL(18, 6) AS weight FROM ({share})"
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


MED_EVENTS_SET = """
[set]
id = "others"
version = "1.0.0"
[exits]
death = false
[codes.a]
atc_include = ["MEDA"]
[codes.b]
atc_include = ["MEDB"]
[codes.both]
atc_include = ["MED"]
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
    registers = FilesOfOthers.load(tmp_path, {"adherer_med_events": folder / "med_events.csv"})
    sql = reading(ev=folder / "med_events.csv", cma=folder / "expected_cma.csv")
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
        return Question(among, f"SELECT person, round(covered / days, 6)::DECIMAL(18, 6) AS weight FROM ({days})")

    def reached(threshold: float) -> Question:
        days = covered(0, 730, "person")
        return Question(observed, f"SELECT person, (covered >= {threshold} * days)::INTEGER AS weight FROM ({days})")

    def at_hand(day: int) -> Question:
        return Question(
            f"SELECT person FROM follow WHERE until > idx + {day}",
            f"""SELECT person, count(DISTINCT drug) AS weight FROM lm JOIN follow USING (person)
                WHERE day <= idx + {day} AND day + supply > idx + {day} GROUP BY person""",
        )

    both = f"""{rows(366)} AND person IN (SELECT person FROM ({rows(366, "drug = 'medA'")}))
               AND person IN (SELECT person FROM ({rows(366, "drug = 'medB'")}))"""
    questions = {
        "users/observe_days=180": Question(observed, rows(180, "drug = 'medB'")),
        "users/observe_days=730": Question(observed, rows(730, "drug = 'medB'")),
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

    # The authors of the file computed the same with their own program: CMA7, rounded to ten decimals.
    for name, run in (("run_a", "A"), ("run_b", "B")):
        mean = next(
            row["value"]
            for row in answered.protected.table.to_pylist()
            if (row["indicator"], row["statistic"]) == (name, "mean")
            and {row["first_drug"], row["index_year"]} == {"total"}
        )
        theirs = sql.sql(f"SELECT avg(value::DOUBLE) FROM cma WHERE run = '{run}' AND cma = 'CMA7'").fetchall()[0][0]
        assert mean == pytest.approx(theirs, abs=1e-6)


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
            f"""SELECT person, round(covered / (last - first), 6)::DECIMAL(18, 6) AS weight
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
            among, f"SELECT person, round(covered / days, 6)::DECIMAL(18, 6) AS weight FROM ({covered})"
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

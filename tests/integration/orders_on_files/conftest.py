"""Orders on files that nobody here wrote; every cell, counted and published, is compared with SQL on raw files.

The SQL reads the raw files and the definitions in words; it shares no code with the service. Orders go the whole way:
ingest, plan, join, evaluate, count, protect. Here: the made-up Swedish registers, which orders of two kinds ask.
"""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pytest

from tests.support.orders_on_files import FilesOfOthers
from tests.support.supply_in_sql import reading

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


@pytest.fixture(scope="session")
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


@pytest.fixture(scope="session")
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


@pytest.fixture(scope="session")
def swereg_persons(swereg_sql: duckdb.DuckDBPyConnection) -> pa.Table:
    return swereg_sql.sql(
        "SELECT person, index_date, birth_date, if(odd = 1, 1, 2)::UTINYINT AS sex, age_then, prescriber FROM pop"
    ).to_arrow_table()

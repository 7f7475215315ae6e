"""Files that nobody here wrote, loaded by definition files of their own and compared with DuckDB on the raw files."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from linkage_server.registers.ingest import load_delivery
from linkage_server.registers.quality_report import QualityReport
from tests.support.register_loading import settings_in, stored_rows, test_definition

pytestmark = pytest.mark.shared_data

FILES = {
    "swereg_lmed": "swereg-fake-registers/fake_prescriptions.csv.gz",
    "swereg_par_sv": "swereg-fake-registers/fake_diagnoses.csv.gz",
    "swereg_par_ov": "swereg-fake-registers/fake_diagnoses.csv.gz",
    "swereg_cancer": "swereg-fake-registers/fake_diagnoses.csv.gz",
    "swereg_dors": "swereg-fake-registers/fake_cod.csv",
    "adherer_med_events": "adherer-dispensing/med_events.csv",
    "adherer_med_events_atc": "adherer-dispensing/med_events_atc.csv",
    "adherer_dispensing": "adherer-dispensing/durcomp_dispensing.csv",
    "adherer_hospital": "adherer-dispensing/durcomp_hospitalisation.csv",
}


def load(name: str, shared_data: Path, folder: Path) -> tuple[QualityReport, pa.Table, int]:
    """The report, the stored rows and the number of persons."""
    settings = settings_in(folder)
    report = load_delivery(test_definition(name), [shared_data / "data" / FILES[name]], settings=settings)
    persons = sum(part.keys_hi.size for part in settings.store.partitions(settings.store.current(name)))
    return report, stored_rows(settings, name), persons


def ask(shared_data: Path, name: str, query: str) -> list[tuple]:
    """Independent SQL on the raw file, every column as text."""
    path = shared_data / "data" / FILES[name]
    return duckdb.sql(query.replace("FILE", f"read_csv('{path}', all_varchar = true)")).fetchall()


@pytest.mark.parametrize("name", FILES)
def test_every_row_is_accounted_for(name: str, shared_data: Path, tmp_path: Path) -> None:
    report, stored, _ = load(name, shared_data, tmp_path)

    assert report.rows.read == ask(shared_data, name, "SELECT count(*) FROM FILE")[0][0]
    assert report.rows.read == report.rows.stored + report.rows.quarantined + report.rows.merged + report.rows.set_aside
    assert report.rows.stored == stored.num_rows
    assert report.rows.quarantined == 0


def test_made_up_dispensings_have_the_sums_that_sql_finds(shared_data: Path, tmp_path: Path) -> None:
    _, stored, persons = load("swereg_lmed", shared_data, tmp_path)
    sql = ask(
        shared_data,
        "swereg_lmed",
        """SELECT ATC, count(*), sum(ANTAL::DECIMAL(18, 2)), sum(forpddd::DECIMAL(18, 2)), min(EDATUM), max(FDATUM)
           FROM FILE GROUP BY ATC ORDER BY ATC""",
    )

    sums = [("packages", "count"), ("packages", "sum"), ("ddd_per_package", "sum")]
    ours = stored.group_by("atc").aggregate([*sums, ("dispensing_date", "min"), ("prescribing_date", "max")])
    columns = [ours["atc"], *(ours[f"{name}_{what}"] for name, what in sums)]
    dates = [ours["dispensing_date_min"].cast(pa.string()), ours["prescribing_date_max"].cast(pa.string())]
    assert sorted(zip(*(column.to_pylist() for column in [*columns, *dates]), strict=True)) == [
        (atc, rows, int(packages * 100), int(ddd * 100), first, last) for atc, rows, packages, ddd, first, last in sql
    ]
    assert persons == ask(shared_data, "swereg_lmed", "SELECT count(DISTINCT p444_lopnr_personnr) FROM FILE")[0][0]


def test_made_up_places_get_their_leading_zero_back(shared_data: Path, tmp_path: Path) -> None:
    report, stored, _ = load("swereg_lmed", shared_data, tmp_path)
    sql = ask(
        shared_data, "swereg_lmed", "SELECT lpad(LK, 4, '0'), count(*) FROM FILE WHERE LK <> '' GROUP BY 1 ORDER BY 1"
    )

    counted = stored.filter(pc.is_valid(stored["residence"])).group_by("residence").aggregate([("residence", "count")])
    assert sorted(zip(counted["residence"].to_pylist(), counted["residence_count"].to_pylist(), strict=True)) == sql
    assert any(count.rule == "leading_zeros_restored" and count.variable == "lk" for count in report.counted_by_rule)


@pytest.mark.parametrize(
    ("name", "source"), [("swereg_par_sv", "inpatient"), ("swereg_par_ov", "outpatient"), ("swereg_cancer", "cancer")]
)
def test_one_shared_file_is_split_by_its_source_column(
    name: str, source: str, shared_data: Path, tmp_path: Path
) -> None:
    report, stored, persons = load(name, shared_data, tmp_path)
    rows, distinct = ask(
        shared_data, name, f"SELECT count(*), count(DISTINCT LopNr) FROM FILE WHERE SOURCE = '{source}'"
    )[0]

    assert (stored.num_rows, persons) == (rows, distinct)
    assert report.rows.set_aside == 5000 - rows


def test_secondary_diagnoses_and_procedures_are_those_that_sql_unpivots(shared_data: Path, tmp_path: Path) -> None:
    _, stored, _ = load("swereg_par_sv", shared_data, tmp_path)
    columns = ", ".join(f"DIA{number}" for number in range(1, 31))
    sql = ask(
        shared_data,
        "swereg_par_sv",
        f"""SELECT code, count(*) FROM (SELECT unnest([{columns}]) AS code FROM FILE WHERE SOURCE = 'inpatient')
            WHERE code <> '' GROUP BY code ORDER BY code""",
    )
    operations = ask(shared_data, "swereg_par_sv", "SELECT count(*) FROM FILE WHERE SOURCE = 'inpatient' AND OP <> ''")[
        0
    ][0]

    counted = pc.value_counts(pc.list_flatten(stored["diagnosis"].combine_chunks()))
    assert sorted((item["values"], item["counts"]) for item in counted.to_pylist()) == sql
    assert sum(len(row) for row in stored["procedure"].to_pylist()) == operations


def test_two_rows_of_one_death_become_one(shared_data: Path, tmp_path: Path) -> None:
    report, stored, persons = load("swereg_dors", shared_data, tmp_path)

    assert (stored.num_rows, persons, report.rows.merged) == (48, 48, 2)


def test_fractional_days_of_supply_keep_four_decimals(shared_data: Path, tmp_path: Path) -> None:
    _, stored, persons = load("adherer_med_events_atc", shared_data, tmp_path)
    total = ask(shared_data, "adherer_med_events_atc", "SELECT sum(round(DURATION::DECIMAL(18, 9), 4)) FROM FILE")[0][0]

    assert pc.sum(stored["days_supply"]).as_py() == int(total * 10_000)
    assert persons == 16

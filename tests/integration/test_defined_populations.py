"""Orders whose population registers define, on a real server: no file is sent, and nobody's id leaves the run."""

from __future__ import annotations

import base64
import signal
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from importlib import resources
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from linkage.errors import InputRefused, OrderRejected
from linkage.population_rules import canonical_sha256
from linkage_client.api import Linkage, verify
from linkage_client.home import ClientHome
from linkage_core.disclosure import from_bytes, to_bytes
from linkage_server.commands_register import register_app
from linkage_server.demo.made_up_registers import MadeUpRegisters
from linkage_server.runs.linkage_run import run_linkage
from linkage_server.runs.plan import RunPlan
from linkage_server.runs.reproduce import reproduce
from linkage_server.storage.tables import ProtectedTableRow, RunRow
from tests.support.defined_orders import INFARCTIONS
from tests.support.loaded_service import LoadedService, copy_home
from tests.support.unplanned_ends import KILL, serving


@pytest.fixture(scope="module")
def heart(running: LoadedService, tmp_path_factory: pytest.TempPathFactory) -> ClientHome:
    return running.enrol(tmp_path_factory.mktemp("heart") / "client", organisation="heart-register")


@pytest.fixture(scope="module")
def order_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("order") / "order.toml"
    path.write_text(INFARCTIONS)
    return path


@pytest.fixture(scope="module")
def released_order(running: LoadedService, heart: ClientHome, order_file: Path) -> str:
    with Linkage(heart.root) as linkage:
        submitted = linkage.submit(order_file)
    assert submitted.receipt is None
    # Nothing is waited for but the officer.
    assert submitted.order.state == "awaiting_approval"
    running.approve(submitted.order.name)
    assert running.wait_until(submitted.order.name, {"awaiting_release", "failed"}) == "awaiting_release"
    running.release(submitted.order.name)
    return submitted.order.name


@pytest.fixture(scope="module")
def delivery(heart: ClientHome, released_order: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fetched") / "results"
    with Linkage(heart.root) as linkage:
        linkage.fetch(released_order, folder)
    return folder


QUERY = """
WITH stays AS (
    SELECT LopNr AS person, strptime(INDATUMA, '%Y%m%d')::DATE AS day, ALDER::INTEGER AS age, SJUKHUS AS hospital,
        if(KON = '1', 'man', 'woman') AS sex
    FROM read_csv('{stays}', delim = ';', all_varchar = true) WHERE hdia LIKE 'I21%'
),
fresh AS (
    SELECT * FROM stays s WHERE day >= DATE '2023-01-01' AND age >= 18
        AND NOT EXISTS (FROM stays o WHERE o.person = s.person AND o.day < s.day AND o.day >= s.day - 365)
),
members AS (
    SELECT person, min(day) AS day, arg_min(hospital, day) AS hospital, arg_min(sex, day) AS sex FROM fresh
    GROUP BY person
),
dead AS (
    SELECT personnummer AS person, try_strptime(DODSDAT, '%Y%m%d')::DATE AS died
    FROM read_csv('{deaths}', delim = ';', all_varchar = true) WHERE ULORSAK <> ''
)
SELECT {level} AS level, count(*) AS persons FROM members LEFT JOIN dead USING (person)
WHERE died IS NULL OR died NOT BETWEEN day AND day + 7 GROUP BY ALL ORDER BY 1
"""
"""Persons after their exclusion, from the delivered files; shares no code with the service."""


def persons_by(level: str, made: MadeUpRegisters) -> dict[str, int]:
    files = {name: files[0] for name, files in made.deliveries}
    query = QUERY.format(level=level, stays=files["par_sv"], deaths=files["dors"])
    return dict(duckdb.sql(query).fetchall())


@pytest.mark.parametrize(("column", "level"), [("hospital", "hospital"), ("index_year", "year(day)::VARCHAR")])
def test_the_table_counts_those_whom_a_query_of_the_delivered_files_finds(
    heart: ClientHome, delivery: Path, made: MadeUpRegisters, column: str, level: str
) -> None:
    verify(delivery, home=heart.root)
    table = pq.read_table(delivery / "table.parquet")
    others = {"hospital", "sex", "age", "index_year"} - {column}
    printed = {
        row[column]: row["denominator"]
        for row in table.filter(pc.equal(table["statistic"], "share")).to_pylist()
        if row["denominator"] is not None and all(row[other] == "total" for other in others)
    }
    expected = persons_by(level, made)
    assert printed.pop("total") == sum(expected.values())
    assert printed
    assert printed == {level: expected[level] for level in printed}


def test_the_report_says_who_is_counted_and_that_nobody_was_sent_in(delivery: Path) -> None:
    report = (delivery / "report.html").read_text()
    assert "not applicable: the registers define the population" in report
    for words in (
        "defined by registers, from 2023-01-01 up to, not including, 2026-01-01",
        "I21 in main diagnosis of par_sv, by admission date, aged 18 to 150, with none on the 365 days before",
        "a row of dors, by death date, on day 0 to 7 after the index day, both included",
    ):
        assert words in report


def test_a_released_order_is_computed_again_byte_for_byte(
    running: LoadedService, released_order: str, delivery: Path
) -> None:
    outcome = reproduce(running.service.run_desk, released_order, delivered=delivery)
    assert outcome.differing == ()
    assert outcome.files >= 4


def test_no_id_of_the_population_is_anywhere_but_in_the_registers_and_the_numbering_of_the_ledger(
    running: LoadedService, released_order: str, delivery: Path
) -> None:
    plan = plan_of(running, released_order)
    population = running.service.run_desk.sources(plan).population(plan).population
    assert population.persons > 100
    ids = population.hashed_ids.to_pylist()[::7]
    secrets = [form for who in ids for form in (who, who.hex().encode(), base64.b64encode(who)[:21])]
    registers, ledger = running.root / "store", running.root / "releases" / "ledger"
    for path in [*running.root.rglob("*"), *delivery.rglob("*")]:
        # Later releases are compared with this one person by person: the ledger knows them by keyed hash.
        if path.is_file() and registers not in path.parents and not path.match(f"{ledger}/persons-*"):
            content = path.read_bytes()
            assert not any(secret in content for secret in secrets), path
    assert not list((running.root / "populations").glob("*.arrow"))


def plan_of(running: LoadedService, order: str) -> RunPlan:
    with running.service.database.reading() as session:
        return RunPlan.from_json(session.get_one(RunRow, order.rsplit("/", maxsplit=1)[1]).plan)


def test_the_plan_pins_definition_and_snapshots(running: LoadedService, released_order: str) -> None:
    plan = plan_of(running, released_order)
    assert plan.population.file == ""
    assert plan.population.sha256 == canonical_sha256(plan.document.population)
    assert RunPlan.from_json(plan.model_dump(mode="json", by_alias=True)).sha256() == plan.sha256()
    actions = [entry.action for entry in running.service.trail.newest(limit=10_000, subject=released_order)]
    assert {"order.file", "order.approve", "order.running"} <= set(actions)


def test_threads_and_memory_change_no_byte(running: LoadedService, released_order: str) -> None:
    desk = running.service.run_desk
    plan = plan_of(running, released_order)
    tables = {
        to_bytes(run_linkage(plan, replace(desk.sources(plan), **means), report=lambda _: None).table)
        for means in (
            {"threads": 1, "memory_bytes": 1 << 30},
            {"threads": 4, "memory_bytes": 1 << 30},
            {"threads": 3, "memory_bytes": 200_000},
        )
    }
    assert len(tables) == 1


def test_an_explanation_needs_no_number_of_persons(heart: ClientHome, order_file: Path) -> None:
    with Linkage(heart.root) as linkage:
        told = linkage.explain(order_file)
        some = linkage.explain(order_file, persons=500)
    assert told.persons > some.persons
    assert {register.name for register in some.registers} == {"lmed", "par_sv", "dors"}
    assert "main_diagnosis" in next(one.columns for one in some.registers if one.name == "par_sv")


def test_a_population_is_not_sent_for_such_an_order(heart: ClientHome, order_file: Path, made: MadeUpRegisters) -> None:
    with Linkage(heart.root) as linkage, pytest.raises(InputRefused, match="no file is sent"):
        linkage.submit(order_file, made.population)


def test_every_fault_that_only_the_service_knows_is_told_at_once(heart: ClientHome, tmp_path: Path) -> None:
    faulty = tmp_path / "order.toml"
    text = INFARCTIONS.replace('columns = ["main_diagnosis"]', 'columns = ["shoe_size"]')
    text = text.replace('column = "hospital" }', 'column = "diagnosis" }')
    faulty.write_text(text.replace('registers = ["lmed", "par_sv", "dors"]', 'registers = ["lmed", "dors"]'))
    with Linkage(heart.root) as linkage, pytest.raises(OrderRejected) as refused:
        linkage.submit(faulty)
    for words in ("shoe_size", "lack 'par_sv'", "population.defined.strata.hospital"):
        assert words in str(refused.value)


def submitted_and_run(running: LoadedService, heart: ClientHome, folder: Path, text: str) -> tuple[str, str, str]:
    """Name, state and reason of an order once its run has ended."""
    path = folder / "order.toml"
    path.write_text(text)
    with Linkage(heart.root) as linkage:
        name = linkage.submit(path).order.name
        running.approve(name)
        state = running.wait_until(name, {"awaiting_release", "failed"})
        return name, state, linkage.order(name).reason


def test_a_definition_of_one_person_is_refused_as_one_of_nobody_is(
    running: LoadedService, heart: ClientHome, made: MadeUpRegisters, tmp_path: Path
) -> None:
    """Whoever knows a neighbour's hospital, age and month must not learn that she was there."""
    files = {name: files[0] for name, files in made.deliveries}
    reads = f"read_csv('{files['par_sv']}', delim=';', all_varchar=true)"
    hospital, age, admitted = duckdb.sql(
        f"SELECT SJUKHUS, ALDER::INTEGER, strptime(INDATUMA, '%Y%m%d')::DATE FROM {reads} WHERE hdia LIKE 'I21%' "
        "AND INDATUMA > '2024' ORDER BY 3, 1 LIMIT 1"
    ).fetchall()[0]
    limits = f'where = [{{ column = "hospital", starts_with = ["{hospital}"] }}]'
    period = f"period = {{ from = {admitted}, until = {admitted + timedelta(days=1)} }}"
    narrow = INFARCTIONS.replace("period = { from = 2023-01-01, until = 2026-01-01 }", period)
    named = narrow.replace("age = { from = 18 }", f"age = {{ from = {age}, to = {age} }}\n{limits}")
    nobody = narrow.replace("age = { from = 18 }", "age = { from = 140 }")
    reasons = set()
    for number, text in enumerate((named, nobody)):
        folder = tmp_path / str(number)
        folder.mkdir()
        _, state, reason = submitted_and_run(running, heart, folder, text)
        assert state == "failed"
        reasons.add(reason)
    assert len(reasons) == 1
    assert "fewer persons than the 50" in reasons.pop()


def test_the_standard_report_tells_drug_patient_both_and_either_by_year_and_sex(
    running: LoadedService, heart: ClientHome, tmp_path: Path
) -> None:
    text = (resources.files("linkage") / "definitions" / "orders" / "standard-report.toml").read_text(encoding="utf-8")
    name, state, _ = submitted_and_run(running, heart, tmp_path, text)
    assert state == "awaiting_release"
    running.release(name)
    with Linkage(heart.root) as linkage:
        linkage.fetch(name, tmp_path / "report")
    table = pq.read_table(tmp_path / "report" / "table.parquet").to_pylist()
    totals = {
        row["parameters"]: row["value"] for row in table if row["statistic"] == "persons" and row["sex"] == "total"
    }
    years = ("2023", "2024", "2025")
    assert totals.keys() == {
        f"year={year};in={one}"
        for year in years
        for one in ("drug", "patient", "both", "either", "drug_only", "patient_only")
    }
    for year in years:
        drug, patient, both, either = (totals[f"year={year};in={one}"] for one in ("drug", "patient", "both", "either"))
        if None not in (drug, patient, both, either):
            assert drug + patient - both == either
    assert any(value for value in totals.values())
    assert "In the drug register" in (tmp_path / "report" / "report.html").read_text()


SENT = """
title = "Infarctions of persons who are sent in"
purpose = "quality assurance"
registers = ["lmed", "par_sv", "dors", "cancer"]
formats = ["parquet", "csv"]
by = [["hospital"], ["index:year"]]

[[indicators]]
set = "swedeheart-secondary-prevention"
version = "1.0.0"
only = ["statin_initiation"]

[population]
strata = ["hospital"]

[population.codes.infarction]
icd10_include = ["I21"]

[population.index_event]
kind = "diagnosis"
codes = "infarction"
columns = ["main_diagnosis"]
period = { from = 2024-07-01, until = 2025-01-01 }

[[population.exclude]]
id = "tumour_before"
kind = "tumour"
window = { to = -1 }

[contact]
name = "Test"
email = "test@example.org"

[legal_basis]
text = "Made-up persons."
"""


def test_registers_tell_index_days_and_exclusions_of_persons_who_are_sent_in(
    running: LoadedService, heart: ClientHome, made: MadeUpRegisters, tmp_path: Path
) -> None:
    (tmp_path / "order.toml").write_text(SENT)
    with Linkage(heart.root) as linkage:
        name = linkage.submit(tmp_path / "order.toml", made.population).order.name
        running.wait_until(name, {"awaiting_approval"})
        running.approve(name)
        assert running.wait_until(name, {"awaiting_release", "failed"}) == "awaiting_release"
        running.release(name)
        linkage.fetch(name, tmp_path / "delivery")
    plan = plan_of(running, name)
    population = running.service.run_desk.sources(plan).population(plan).population
    assert population.excluded is not None
    excluded = Counter(population.excluded.to_pylist())
    assert excluded["no_index_event"] >= 10
    assert excluded["tumour_before"] >= 10
    assert population.index_date is not None
    assert population.index_date.null_count == excluded["no_index_event"]
    reasons = {row["reason"]: row["persons"] for row in reasons_of(running, name)}
    assert reasons["excluded:no_index_event"] in (excluded["no_index_event"], None)
    assert reasons["excluded:tumour_before"] in (excluded["tumour_before"], None)


def reasons_of(running: LoadedService, order: str) -> list[dict[str, Any]]:
    """Why persons have no value, as the protected table tells it."""
    with running.service.database.reading() as session:
        stored = session.get_one(ProtectedTableRow, order.rsplit("/", maxsplit=1)[1])
    rows: list[dict[str, Any]] = from_bytes(
        (running.root / stored.file).read_bytes(), sha256=stored.sha256
    ).reasons.to_pylist()
    return rows


@pytest.mark.parametrize(("place", "before"), [("define", False), ("compute", False)])
def test_an_order_whose_server_is_killed_while_persons_are_selected_is_run_again(
    loaded_home: tuple[Path, MadeUpRegisters], tmp_path: Path, delivery: Path, place: str, before: bool
) -> None:
    service = copy_home(loaded_home[0], tmp_path / "home")
    heart = service.enrol(tmp_path / "heart", organisation="heart-register")
    service.command = serving(KILL, module="linkage_server.runs.linkage_run", place=place, before=before)
    service.start()
    (tmp_path / "order.toml").write_text(INFARCTIONS)
    with Linkage(heart.root) as linkage:
        name = linkage.submit(tmp_path / "order.toml").order.name
    service.approve(name)
    assert service.process is not None
    assert service.process.wait(timeout=60) == -signal.SIGKILL
    service.process = None
    service.command = LoadedService.command
    service.start()
    try:
        assert service.wait_until(name, {"awaiting_release", "failed"}) == "awaiting_release"
        service.release(name)
        with Linkage(heart.root) as linkage:
            linkage.fetch(name, tmp_path / "results")
        # What else a table's file holds names the order.
        assert (tmp_path / "results" / "table.csv").read_bytes() == (delivery / "table.csv").read_bytes()
    finally:
        service.stop()
        service.service.database.close()


def test_an_erased_person_is_found_by_no_definition_from_then_on(
    running: LoadedService, released_order: str, made: MadeUpRegisters, delivery: Path
) -> None:
    plan, desk = plan_of(running, released_order), running.service.run_desk
    before = set(desk.sources(plan).population(plan).population.hashed_ids.to_pylist())
    numbers = [line.split(",")[0].strip('"') for line in made.population.read_text().splitlines()[1:31]]
    erased = CliRunner().invoke(
        register_app, ["erase", "--reference", "Dnr 5-2026", "--home", str(running.root)], input="\n".join(numbers)
    )
    assert erased.exit_code == 0, erased.output
    after = set(desk.sources(plan).population(plan).population.hashed_ids.to_pylist())
    assert after < before
    assert 20 <= len(before - after) <= 30
    assert reproduce(desk, released_order, delivered=delivery).erased == ("Dnr 5-2026",)

"""Orders whose population registers define, on a real server: no file is sent, and nobody's id leaves the run."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from linkage.errors import InputRefused, OrderRejected
from linkage_client.api import Linkage, verify
from linkage_client.home import ClientHome
from linkage_server.demo.made_up_registers import MadeUpRegisters
from linkage_server.runs.reproduce import reproduce
from tests.support.defined_orders import INFARCTIONS
from tests.support.loaded_service import LoadedService


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


def test_the_report_says_that_nobody_was_sent_in(delivery: Path) -> None:
    assert "not applicable: the registers define the population" in (delivery / "report.html").read_text()


def test_a_released_order_is_computed_again_byte_for_byte(
    running: LoadedService, released_order: str, delivery: Path
) -> None:
    outcome = reproduce(running.service.run_desk, released_order, delivered=delivery)
    assert outcome.differing == ()
    assert outcome.files >= 4


def test_no_population_is_kept_and_no_run_tells_of_a_person(running: LoadedService, released_order: str) -> None:
    order_id = released_order.rsplit("/", maxsplit=1)[1]
    kept = [path.name for path in running.root.rglob("*") if "population" in path.name and path.is_file()]
    assert kept == []
    assert not any(order_id in path.name and path.suffix == ".arrow" for path in running.root.rglob("*"))


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

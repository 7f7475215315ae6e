"""From submit to released table: 100,000 persons on 10 million dispensings, and the compute part against its peers.

The whole journey goes over a real service in a process of its own: check, seal, upload, open and pseudonymise, a
written policy's approval, linking, computing, disclosure control, the officer's release, and the fetched and verified
delivery. The register is loaded beforehand.

The peers answer the same question on the same rows with hashed ids; they know no encryption, no approval and no
disclosure control, so they are compared with the run's own stages up to the counted cells. Persons: see `unborn`.
"""

from __future__ import annotations

import dataclasses
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet
import sqlalchemy as sa

from benchmarks import order_question, unborn
from benchmarks.served import ORGANISATION, make_home, served
from linkage_client.api import Linkage
from linkage_core.events import split_ids
from linkage_core.pseudonyms import Pseudonyms, pseudonymise
from linkage_server.assembly import Service
from linkage_server.registers.ingest import load_delivery
from linkage_server.storage.tables import RunRow

TITLE = "From submit to released table: 100,000 persons on 10 million dispensings"
ROWS, REGISTER_PERSONS, POPULATION, ORDERS, TURNS = 10_000_000, 666_667, 100_000, 3, 3

ORDER = """
title = "Secondary prevention, by hospital and sex"
purpose = "quality assurance"
registers = ["dispensings"]
by = [["hospital", "sex"]]

[[indicators]]
set = "benchmark"
version = "1.0.0"

[population]
index_date = true
strata = ["hospital"]
reference_date = 2101-01-01

[contact]
name = "Nobody"
email = "nobody@example.org"

[legal_basis]
text = "Made-up persons: no personal data."
"""


def run() -> list[dict[str, Any]]:
    """The journey by its parts, then the three sides."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        numbers = unborn.unborn_numbers(REGISTER_PERSONS, seed=1)
        population = unborn.draw_population(numbers, persons=POPULATION, seed=3)
        _load(folder, numbers)
        unborn.write_population(folder / "population.csv", population)
        journeys = _journeys(folder)
        service = Service.open(folder / "home")
        _write_for_peers(folder, numbers, population, service)
        service.database.close()
        return _shown(journeys) + _compared(folder)


def _load(folder: Path, numbers: pa.StringArray) -> None:
    service = make_home(folder / "home", indicators=order_question.indicator_set())
    delivery = folder / "dispensings-with-numbers.parquet"
    unborn.write_delivery(delivery, numbers, unborn.dispensings(ROWS, REGISTER_PERSONS, seed=2))
    settings = service.ingest_settings(reference_date=unborn.REFERENCE_DATE)
    report = load_delivery(
        service.offer().registers["dispensings"],
        [delivery],
        settings=dataclasses.replace(settings, today=unborn.REFERENCE_DATE),
    )
    assert report.rows.stored == ROWS
    delivery.unlink()
    service.database.close()


def _journeys(folder: Path) -> list[dict[str, float]]:
    """Seconds of each part of each order; the first warms up and is left out."""
    service = served(folder / "home")
    try:
        service.enrol(folder / "client", organisation=ORGANISATION)
        taken = []
        with Linkage(folder / "client") as linkage:
            for turn in range(ORDERS + 1):
                order_file = folder / f"order-{turn}.toml"
                order_file.write_text(ORDER.replace("by hospital", f"order {turn}, by hospital"))
                marks = [time.perf_counter()]
                order = linkage.submit(order_file, folder / "population.csv").order.name
                marks.append(time.perf_counter())
                service.wait_until(order, {"awaiting_release"})
                marks.append(time.perf_counter())
                service.release(order)
                linkage.wait(order)
                linkage.fetch(order, folder / f"results-{turn}")
                marks.append(time.perf_counter())
                assert (folder / f"results-{turn}" / "table.parquet").exists()
                parts = ("check, seal, upload, open", "approve, link, compute, protect", "release, fetch, verify")
                taken.append(dict(zip(parts, np.diff(marks).tolist(), strict=True)))
        with service.service.database.reading() as session:
            plan = session.scalars(sa.select(RunRow.plan).where(RunRow.order_id == order.rpartition("/")[2])).one()
        (folder / "plan.json").write_text(json.dumps(plan))
        return taken[1:]
    finally:
        service.service.database.close()
        service.stop()


def _write_for_peers(folder: Path, numbers: pa.StringArray, population: pa.Table, service: Service) -> None:
    """The same rows with hashed ids, as a Parquet file and as a DuckDB file."""
    pepper = service.key_ring.pepper()

    def hashed(of: pa.StringArray) -> Pseudonyms:
        return pseudonymise(of, reference_date=unborn.REFERENCE_DATE, pepper=pepper)

    high, low = split_ids(hashed(numbers).hashed_ids)
    writer = None
    for part in unborn.dispensings(ROWS, REGISTER_PERSONS, seed=2):
        columns = {"hi": high[part.person], "lo": low[part.person]}
        columns |= {field.name: part.columns[field.name] for field in part.columns.schema}
        columns["atc"] = part.columns["atc"].cast(pa.string())
        table = pa.table(columns)
        writer = writer or pa.parquet.ParquetWriter(folder / "dispensings.parquet", table.schema)
        writer.write_table(table)
    assert writer is not None
    writer.close()
    found = hashed(population["personnummer"].combine_chunks())
    high, low = split_ids(found.hashed_ids)
    people = {
        "hi": high,
        "lo": low,
        "person": np.arange(len(high), dtype=np.int32),
        "index_date": population["index_date"],
        "hospital": population["hospital"],
        "sex": np.array(["", "man", "woman"])[found.sex.to_numpy()],
    }
    pa.parquet.write_table(pa.table(people), folder / "population.parquet")
    with duckdb.connect(str(folder / "peers.duckdb")) as database:
        for table_name in ("dispensings", "population"):
            file = folder / f"{table_name}.parquet"
            database.execute(f"create table {table_name} as select * from read_parquet('{file}')")


def _shown(journeys: list[dict[str, float]]) -> list[dict[str, Any]]:
    totals = [sum(parts.values()) for parts in journeys]
    rows = [_row("The whole journey, submit to verified delivery", totals)]
    return rows + [_row(f"of which: {part}", [parts[part] for parts in journeys]) for part in journeys[0]]


def _row(what: str, seconds: list[float]) -> dict[str, Any]:
    return {
        "": what,
        "seconds (median)": statistics.median(seconds),
        "fastest": min(seconds),
        "slowest": max(seconds),
        "times Linkage": "",
        "peak memory MiB": "",
    }


def _compared(folder: Path) -> list[dict[str, Any]]:
    """Every side in processes of its own, in turn; the answers are compared before a figure is shown."""
    told: dict[str, list[dict[str, Any]]] = {side: [] for side in order_question.SIDES}
    for _ in range(TURNS):
        for side, runs in told.items():
            runs.append(_ask(side, folder))
    first = told["Linkage"][0]["answer"]
    assert len(first) > 400
    for runs in told.values():
        for one in runs:
            assert one["answer"] == first
    ours = 0.0
    rows = []
    for side, runs in told.items():
        seconds = [taken for one in runs for taken in one["seconds"][1:]]
        ours = ours or statistics.median(seconds)
        row = _row(f"compute part alone: {side}", seconds)
        row["times Linkage"] = statistics.median(seconds) / ours
        row["peak memory MiB"] = max(one["peak_bytes"] for one in runs) // 2**20
        rows.append(row)
    return rows


def _ask(side: str, folder: Path) -> dict[str, Any]:
    answered = subprocess.run(
        [sys.executable, "-m", "benchmarks.order_question", side, str(folder)],
        check=True,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    told: dict[str, Any] = json.loads(answered.stdout)
    return told

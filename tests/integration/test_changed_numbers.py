"""Persons whose identity number changed, through the whole journey: her rows are hers, whichever number is sent.

The numbers, their changes and the registers are those of the made-up country part; SQL on the raw files says what must
come out.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from typer.testing import CliRunner

from linkage_client.home import ClientHome
from linkage_server.commands_register import register_app
from linkage_server.demo.made_up_registers import MadeUpRegisters
from tests.support.loaded_service import LoadedService
from tests.support.whole_journey import fetched

INDICATORS = """
[set]
id = "changed-numbers"
version = "1.0.0"
[exits]
death = false
[[indicator]]
id = "users"
kind = "users"
reversals = "none"
calendar = { from = 2023-01-01, until = 2026-01-01, step = "whole" }
statistic = ["count"]
[[indicator]]
id = "dispensings"
kind = "dispensings"
calendar = { from = 2023-01-01, until = 2026-01-01, step = "whole" }
[[indicator]]
id = "in_hospital"
kind = "event_in_window"
register = "par_sv"
date = "admission_date"
window = { from = 0, to = 1095 }
statistic = ["count"]
[[indicator]]
id = "died"
kind = "event_in_window"
register = "dors"
date = "death_date"
window = { from = 0, to = 1095 }
statistic = ["count"]
"""


@dataclass(frozen=True)
class RawFiles:
    """SQL on the files the registers were loaded from."""

    connection: duckdb.DuckDBPyConnection

    @classmethod
    def of(cls, made: MadeUpRegisters) -> RawFiles:
        connection = duckdb.connect(":memory:")
        drugs, december, stays, _, _, deaths = (files[0] for _, files in made.deliveries)
        columns = "personnummer::VARCHAR AS written, ANTAL::DOUBLE AS packages"
        connection.execute(f"""
            CREATE TABLE change AS SELECT old, new FROM read_csv('{made.number_history}', all_varchar = true);
            CREATE TABLE drug AS SELECT {columns} FROM '{drugs}' UNION ALL
                SELECT {columns} FROM read_csv('{december}', types = {{'personnummer': 'VARCHAR'}});
            CREATE TABLE stay AS SELECT * FROM read_csv('{stays}', delim = ';', all_varchar = true);
            CREATE TABLE death AS SELECT * FROM read_csv('{deaths}', delim = ';', all_varchar = true);
        """)
        return cls(connection)

    def asked(self, query: str) -> int:
        return self.connection.sql(query).fetchall()[0][0]


@pytest.fixture(scope="module")
def raw(made: MadeUpRegisters) -> RawFiles:
    return RawFiles.of(made)


@pytest.fixture(scope="module")
def client(running: LoadedService, made: MadeUpRegisters, tmp_path_factory: pytest.TempPathFactory) -> ClientHome:
    learnt = CliRunner().invoke(
        register_app,
        ["history", str(made.number_history), "--reference-date", "2026-01-15", "--home", str(running.root)],
        catch_exceptions=False,
    )
    assert learnt.exit_code == 0
    return running.enrol(tmp_path_factory.mktemp("changed") / "client", organisation="changed-numbers")


def written(raw: RawFiles, path: Path, numbers: str) -> Path:
    """A population file of the numbers that a query gives, all with one index date."""
    rows = f"SELECT number AS personnummer, DATE '2023-01-01' AS index_date, side FROM ({numbers})"
    raw.connection.sql(rows).write_csv(str(path))
    return path


def value(table: pa.Table, indicator: str, **strata: str) -> float | None:
    """The one number of an indicator over all periods."""
    named = {"side": "total", **strata}
    lines = [
        line
        for line in table.to_pylist()
        if line["indicator"] == indicator
        and line.get("calendar", "total") == "total"
        and all(line[name] == level for name, level in named.items())
    ]
    assert len(lines) == 1
    return lines[0]["value"]


HERS = "(SELECT new AS person, old AS number FROM change UNION ALL SELECT new, new FROM change)"
# Persons are parted by something that the made-up registers do not know of.
SIDE = "if(substr(new, 11, 1) < '5', 'left', 'right')"
POPULATIONS = {
    "new": f"SELECT new AS number, {SIDE} AS side FROM change",
    "old": f"SELECT old AS number, {SIDE} AS side FROM change",
    "either": f"SELECT if(substr(new, 12, 1) < '5', old, new) AS number, {SIDE} AS side FROM change",
    # What was sent under the old number stands back for what was sent under the new one.
    "both": f"SELECT new AS number, {SIDE} AS side FROM change UNION ALL SELECT old, 'left' FROM change",
}


def expected(raw: RawFiles, side: str) -> dict[str, float]:
    """What belongs to the persons whose number changed, under either number."""
    hers = f"JOIN {HERS} ON number = {{}} WHERE {SIDE.replace('new', 'person')} = '{side}'"
    drugs, stays, deaths = hers.format("written"), hers.format("LopNr"), hers.format("personnummer")
    return {
        "users": raw.asked(f"SELECT count(DISTINCT person) FROM drug {drugs}"),
        "dispensings": raw.asked(f"SELECT sum(sign(packages)) FROM drug {drugs}"),
        "in_hospital": raw.asked(f"SELECT count(DISTINCT person) FROM stay {stays} AND INDATUMA >= '2023'"),
        "died": raw.asked(f"SELECT count(DISTINCT person) FROM death {deaths} AND DODSDAT >= '2023'"),
    }


@pytest.mark.parametrize("sent", POPULATIONS)
def test_rows_under_the_old_and_the_new_number_are_hers_whichever_was_sent(
    sent: str, running: LoadedService, client: ClientHome, raw: RawFiles, tmp_path: Path
) -> None:
    alone = raw.asked("SELECT count(DISTINCT new) FROM change WHERE new IN (SELECT written FROM drug)")
    sides = {side: expected(raw, side) for side in ("left", "right")}
    assert sides["left"]["users"] + sides["right"]["users"] > alone + 50, "rows under old numbers must matter"

    table = fetched(
        running,
        client,
        tmp_path,
        population=written(raw, tmp_path / "population.csv", POPULATIONS[sent]),
        indicators=INDICATORS,
        by=[["side"]],
        strata=["side"],
        registers=["lmed", "par_sv", "dors"],
    )

    for indicator in ("users", "dispensings", "in_hospital", "died"):
        by_side = {side: numbers[indicator] for side, numbers in sides.items()}
        shown = {side: value(table, indicator, side=side) for side in sides}
        assert value(table, indicator) in (sum(by_side.values()), None)
        assert {side: shown[side] if shown[side] is not None else by_side[side] for side in sides} == by_side
        if min(by_side.values()) >= 40:
            assert None not in shown.values()

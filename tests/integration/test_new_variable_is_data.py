"""A new variable is an edit of the register's definition file alone: the prescribing reason, which is still to come.

Nothing here imports or changes a module: the test writes a TOML file, loads deliveries and reads them back.
"""

from __future__ import annotations

import json
from collections import Counter
from importlib import resources
from pathlib import Path

import duckdb
import pyarrow as pa
import pytest
from typer.testing import CliRunner

from linkage.register_catalogue import RegisterDefinition, canonical_sha256, load_registers, shipped_registers
from linkage_client.__main__ import run
from linkage_client.api import Linkage
from linkage_core.events import Population
from linkage_core.join import join_events
from linkage_server.commands_register import register_app
from linkage_server.demo.made_up_registers import MadeUpRegisters
from linkage_server.registers.ingest import load_delivery
from linkage_server.registers.quality_report import QualityReport
from tests.support.loaded_service import LoadedService
from tests.support.register_loading import PERSONS, settings_in, stored_rows, write_csv
from tests.support.whole_journey import fetched

# Tabell 1 of the founding report: six prescribing reasons.
REASONS = (
    "195658003",
    "68890003",
    "50591000052105",
    "55731000052109",
    "54601000052109",
    "48371000052102",
)

NEW_VARIABLE = """
[[variables]]
name = "forskrivningsorsak"
title = { sv = "Förskrivningsorsak", en = "Prescribing reason" }
source_names = ["FORSKRIVNINGSORSAK{1..3}", "forskrivningsorsak"]
type = "code"
many = true
separator = " "
maximum_values = 3
concept = "prescribing_reason"
role = "dimension"
code_system = "snomed-ct"
bad_code = "quarantine"
since = 2028-09-01
experimental = true

[[variables.codes]]
code = "195658003"
title = { sv = "Akut bakteriell faryngit", en = "Acute bacterial pharyngitis" }
[[variables.codes]]
code = "68890003"
title = { sv = "Schizoaffektivt syndrom", en = "Schizoaffective disorder" }
[[variables.codes]]
code = "50591000052105"
title = { sv = "Rökavvänjning", en = "Smoking cessation" }
[[variables.codes]]
code = "55731000052109"
title = { sv = "ROS1-positiv icke-småcellig lungcancer", en = "ROS1-positive non-small cell lung cancer" }
[[variables.codes]]
code = "54601000052109"
title = { sv = "Smärta vid njurstensanfall", en = "Pain of renal colic" }
[[variables.codes]]
code = "48371000052102"
title = { sv = "Förebyggande av tromboembolisk sjukdom vid kardiomyopati", en = "Prevention in cardiomyopathy" }
"""
HEADER = "personnummer;EDATUM;ATC;ANTAL;FORSKRIVNINGSORSAK1;FORSKRIVNINGSORSAK2;FORSKRIVNINGSORSAK3"


def edit_definition(folder: Path) -> RegisterDefinition:
    """The shipped register with the new variable, as the holder's own definition file."""
    shipped = (resources.files("linkage") / "definitions" / "registers" / "lmed.toml").read_text(encoding="utf-8")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "lmed.toml").write_text(shipped + NEW_VARIABLE, encoding="utf-8")
    return load_registers(folder)["lmed"]


@pytest.fixture
def definition(tmp_path: Path) -> RegisterDefinition:
    return edit_definition(tmp_path / "definitions" / "registers")


def rows(*reasons: tuple[str, ...]) -> list[str]:
    padded = [(*given, "", "", "")[:3] for given in reasons]
    return [HEADER, *(f"{PERSONS[place]};2025-01-15;J01CE02;1;{';'.join(given)}" for place, given in enumerate(padded))]


def test_zero_to_three_reasons_a_dispensing_are_stored(definition: RegisterDefinition, tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    lines = rows((), REASONS[:1], REASONS[:2], REASONS[:3], REASONS[3:])
    report = load_delivery(definition, [write_csv(tmp_path / "d.csv", lines)], settings=settings)

    stored = stored_rows(settings, "lmed")["prescribing_reason"].to_pylist()
    assert sorted(len(reasons) for reasons in stored) == [0, 1, 2, 3, 3]
    assert {reason for reasons in stored for reason in reasons} == set(REASONS)
    assert report.rows.quarantined == 0
    assert next(v for v in report.variables if v.name == "forskrivningsorsak").codes == {"correct": 9}


def test_one_column_with_spaces_is_another_way_to_deliver_them(definition: RegisterDefinition, tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    lines = [
        "personnummer;EDATUM;ATC;ANTAL;Forskrivningsorsak",
        f"{PERSONS[0]};2025-01-15;J01CE02;1;{' '.join(REASONS[:2])}",
    ]
    load_delivery(definition, [write_csv(tmp_path / "d.csv", lines)], settings=settings)

    assert stored_rows(settings, "lmed")["prescribing_reason"].to_pylist() == [list(REASONS[:2])]


@pytest.mark.parametrize("place", range(6))
def test_a_reason_with_one_digit_changed_is_quarantined(
    definition: RegisterDefinition, tmp_path: Path, place: int
) -> None:
    wrong = str((int(REASONS[place][0]) % 9) + 1) + REASONS[place][1:]
    settings = settings_in(tmp_path)
    report = load_delivery(definition, [write_csv(tmp_path / "d.csv", rows(REASONS[:1], (wrong,)))], settings=settings)

    assert [(count.rule, count.variable, count.rows) for count in report.quarantined_by_rule] == [
        ("bad_code", "forskrivningsorsak", 1)
    ]
    assert report.rows.stored == 1


def test_four_reasons_are_too_many(definition: RegisterDefinition, tmp_path: Path) -> None:
    lines = [
        "personnummer;EDATUM;ATC;ANTAL;forskrivningsorsak",
        f"{PERSONS[0]};2025-01-15;J01CE02;1;{' '.join(REASONS[:4])}",
    ]
    lines.append(f"{PERSONS[1]};2025-01-15;J01CE02;1;")
    report = load_delivery(definition, [write_csv(tmp_path / "d.csv", lines)], settings=settings_in(tmp_path))

    assert [count.rule for count in report.quarantined_by_rule] == ["too_many_values"]


def test_older_months_without_the_variable_still_load_and_join(definition: RegisterDefinition, tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    old = [HEADER.split(";FORSK")[0], *(f"{PERSONS[place]};2024-12-15;J01CE02;1" for place in range(5))]
    load_delivery(shipped_registers()["lmed"], [write_csv(tmp_path / "old.csv", old)], settings=settings)
    later = [line.replace("2024-12", "2024-11") for line in old]
    load_delivery(definition, [write_csv(tmp_path / "later.csv", later)], settings=settings)
    lines = rows(REASONS[:1], REASONS[1:3], REASONS[3:], (), ())
    report = load_delivery(definition, [write_csv(tmp_path / "new.csv", lines)], settings=settings)

    assert settings.store.current("lmed").definition_sha256 == canonical_sha256(definition) == report.definition_sha256
    partitions = settings.store.partitions(settings.store.current("lmed"))
    ids = sorted(
        high.item().to_bytes(8, "big") + low.item().to_bytes(8, "big")
        for high, low in zip(partitions[0].keys_hi, partitions[0].keys_lo, strict=True)
    )
    events = join_events(Population(pa.array(ids, pa.binary(16))), partitions)

    # Used as a dimension: dispensings by reason, those without one in a class of their own.
    counted: Counter[str] = Counter()
    for reasons in events.rows.column("prescribing_reason").to_pylist():
        counted.update(reasons or ["none given"])
    assert counted == {**dict.fromkeys(REASONS, 1), "none given": 12}


USERS_BY_REASON = """
[set]
id = "reasons"
version = "1.0.0"
[exits]
death = false
[[indicator]]
id = "users"
kind = "users"
reversals = "none"
calendar = { from = 2025-11-01, until = 2026-02-01, step = "month" }
statistic = ["count"]
[[indicator]]
id = "dispensings"
kind = "dispensings"
calendar = { from = 2026-01-01, until = 2026-02-01, step = "month" }
"""


def january(made: MadeUpRegisters, path: Path) -> Path:
    """December again, a month later and with zero to three reasons a dispensing; corrections are left out."""
    december = next(files[0] for name, files in made.deliveries if files[0].name.startswith("lmed_2025-12"))
    reason = f"{list(REASONS)}[1 + ((line + {{0}}) % 6)::INTEGER]"
    chosen = [f"if(line % 4 > {place}, {reason.format(place)}, NULL)" for place in range(3)]
    duckdb.sql(f"""
        WITH numbered AS (
            SELECT *, row_number() OVER () AS line
            FROM read_csv('{december}', all_varchar = true)
            WHERE EDATUM >= '2025-12' AND ANTAL::DOUBLE > 0 AND personnummer <> '')
        SELECT * EXCLUDE (line) REPLACE (replace(EDATUM, '2025-12-', '2026-01-') AS EDATUM, '2026' AS AR),
            {", ".join(f"{one} AS FORSKRIVNINGSORSAK{place + 1}" for place, one in enumerate(chosen))}
        FROM numbered""").write_csv(str(path))
    return path


def test_a_running_service_takes_the_new_variable_from_delivery_to_published_table(
    running: LoadedService, made: MadeUpRegisters, tmp_path: Path
) -> None:
    client = running.enrol(tmp_path / "client", organisation="reasons")
    with Linkage(client.root) as linkage:
        assert "prescribing_reason" not in {variable.name for variable in linkage.variables(register="lmed")}

    # The whole edit. The service is not restarted, and no module is touched.
    definitions = running.root / "definitions" / "registers"
    edit_definition(definitions)
    delivery = january(made, tmp_path / "lmed_2026-01.csv")
    arguments = ["load", "lmed", str(delivery), "--reference-date", "2026-02-10", "--home", str(running.root), "--json"]
    loaded = CliRunner().invoke(register_app, arguments, catch_exceptions=False)
    told = json.loads(loaded.stdout)
    assert told.pop("load")["seconds"], "what the load took stands beside the report"
    report = QualityReport.model_validate_json(json.dumps(told))
    assert report.rows.quarantined == 0, report.quarantined_by_rule
    reasons = next(variable for variable in report.variables if variable.name == "forskrivningsorsak")
    assert reasons.codes["correct"] == sum(min(line % 4, 3) for line in range(1, report.rows.read + 1))

    with Linkage(client.root) as linkage:
        listed = {variable.name: variable for variable in linkage.variables(register="lmed")}
        titles = {code.code: code.title_en for code in linkage.codes("snomed-ct")}
    assert (listed["prescribing_reason"].code_system, listed["prescribing_reason"].experimental) == ("snomed-ct", True)
    assert titles["195658003"] == "Acute bacterial pharyngitis"

    people = duckdb.sql(f"SELECT DISTINCT personnummer FROM read_csv('{delivery}', all_varchar = true)")
    everybody = tmp_path / "population.csv"
    duckdb.sql("SELECT personnummer, DATE '2025-01-01' AS index_date FROM people").write_csv(str(everybody))
    table = fetched(
        running,
        client,
        tmp_path,
        population=everybody,
        indicators=USERS_BY_REASON,
        by=[["row:prescribing_reason"]],
    ).to_pylist()
    assert people.fetchall()

    rows = f"""SELECT personnummer, list_distinct([code FOR code IN
                   [FORSKRIVNINGSORSAK1, FORSKRIVNINGSORSAK2, FORSKRIVNINGSORSAK3] IF code <> '']) AS reasons
               FROM read_csv('{delivery}', all_varchar = true)"""
    sql = duckdb.sql(f"""
        SELECT reason, count(DISTINCT personnummer), count(*) FROM (
            SELECT unnest(if(len(reasons) = 0, ['not_recorded'], reasons)) AS reason, personnummer FROM ({rows}))
        GROUP BY reason""")
    expected: dict[tuple[str, str], int] = {}
    for reason, users, dispensings in sql.fetchall():
        expected |= {("users", reason): users, ("dispensings", reason): dispensings}
    in_january = {
        (line["indicator"], line["prescribing_reason"]): line["value"]
        for line in table
        if line["month"] == "2026-01" and line["prescribing_reason"] != "total"
    }
    assert in_january == expected
    assert {reason for _, reason in in_january} == {*REASONS, "not_recorded"}

    # Older months lie as they were loaded, and count as not recorded.
    november = {
        line["prescribing_reason"]: line["value"]
        for line in table
        if line["indicator"] == "users" and line["month"] == "2025-11"
    }
    assert november["not_recorded"] == november["total"] > 0
    assert {november[reason] for reason in REASONS} == {0}
    page = (tmp_path / "delivery" / "report.html").read_text(encoding="utf-8")
    assert "Prescribing reason" in page
    assert all(title in page for title in ("Smoking cessation", "Pain of renal colic", "Not recorded"))


def test_the_client_lists_codes_of_shipped_lists(
    running: LoadedService, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    client = running.enrol(tmp_path / "client", organisation="codes")
    assert run(["catalogue", "codes", "county", "--home", str(client.root), "--json"]) == 0
    assert {code["code"] for code in json.loads(capsys.readouterr().out)} >= {"01", "12", "25"}
    assert run(["catalogue", "codes", "county", "--prefix", "12", "--home", str(client.root)]) == 0
    assert "Skåne län" in capsys.readouterr().out


def test_reasons_from_parquet_come_as_lists_of_whole_numbers(definition: RegisterDefinition, tmp_path: Path) -> None:
    import datetime

    import pyarrow.parquet as pq

    delivered = pa.table(
        {
            "personnummer": PERSONS[:2],
            "EDATUM": pa.array([datetime.date(2025, 1, 15)] * 2),
            "ATC": ["J01CE02"] * 2,
            "ANTAL": [1, 1],
            "forskrivningsorsak": pa.array([[int(reason) for reason in REASONS[:3]], None], pa.list_(pa.int64())),
        }
    )
    pq.write_table(delivered, tmp_path / "d.parquet")
    settings = settings_in(tmp_path)
    load_delivery(definition, [tmp_path / "d.parquet"], settings=settings)

    stored = stored_rows(settings, "lmed")["prescribing_reason"].to_pylist()
    assert sorted(stored, key=len) == [[], list(REASONS[:3])]

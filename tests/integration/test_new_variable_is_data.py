"""A new variable is an edit of the register's definition file alone: the prescribing reason, which is still to come.

Nothing here imports or changes a module: the test writes a TOML file, loads deliveries and reads them back.
"""

from __future__ import annotations

from collections import Counter
from importlib import resources
from pathlib import Path

import pyarrow as pa
import pytest

from linkage.register_catalogue import RegisterDefinition, canonical_sha256, load_registers, shipped_registers
from linkage_core.events import Population
from linkage_core.join import join_events
from linkage_server.registers.ingest import load_delivery
from tests.support.register_loading import PERSONS, settings_in, stored_rows, write_csv

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
"""
HEADER = "personnummer;EDATUM;ATC;ANTAL;FORSKRIVNINGSORSAK1;FORSKRIVNINGSORSAK2;FORSKRIVNINGSORSAK3"


@pytest.fixture
def definition(tmp_path: Path) -> RegisterDefinition:
    """The shipped register with the new variable, as the holder's own definition file."""
    shipped = (resources.files("linkage") / "definitions" / "registers" / "lmed.toml").read_text(encoding="utf-8")
    folder = tmp_path / "definitions" / "registers"
    folder.mkdir(parents=True)
    (folder / "lmed.toml").write_text(shipped + NEW_VARIABLE, encoding="utf-8")
    return load_registers(folder)["lmed"]


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

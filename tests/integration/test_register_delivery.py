"""Deliveries as they come: every kind of file, loaded once; every wrong one refused whole with its mend."""

from __future__ import annotations

import contextlib
import gzip
import stat
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from linkage.errors import Conflict, DeliveryRejected, InputRefused, LinkageError, StorageFull
from linkage.register_catalogue import RegisterDefinition, shipped_registers
from linkage_server.registers.ingest import IngestSettings, load_delivery
from linkage_server.registers.number_changes import read_number_changes
from linkage_server.registers.progress import Progress
from linkage_server.registers.quality_report import QualityReport, ReportFolder
from tests.support.register_loading import PEPPER, PERSONS, TODAY, settings_in, stored_rows, write_csv
from tests.support.sas7bdat import Column, write_sas7bdat

HEADER = "personnummer,EDATUM,ATC,ANTAL"


def dispensings(*, months: range = range(1, 7), each: int = 30, year: int = 2024, first: int = 0) -> list[str]:
    """Lines of a delivery with `each` dispensings a month."""
    return [
        f"{PERSONS[first + number]},{year}-{month:02d}-{1 + number % 28:02d},C10AA05,1"
        for month in months
        for number in range(each)
    ]


def lmed() -> RegisterDefinition:
    return shipped_registers()["lmed"]


def load(
    settings: IngestSettings,
    *files: Path,
    definition: RegisterDefinition | None = None,
    **keywords: bool | Callable[[Progress], None],
) -> QualityReport:
    return load_delivery(definition or lmed(), list(files), settings=settings, **keywords)


@pytest.fixture
def settings(tmp_path: Path) -> IngestSettings:
    return settings_in(tmp_path)


# ---- Every kind of file


def table() -> pa.Table:
    rows = dispensings()
    columns = zip(*(row.split(",") for row in rows), strict=True)
    return pa.table(dict(zip(HEADER.split(","), (pa.array(column) for column in columns), strict=True)))


def as_csv(path: Path) -> Path:
    return write_csv(path, [HEADER, *dispensings()])


def as_semicolons_with_bom(path: Path) -> Path:
    path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join([HEADER, *dispensings()]).replace(",", ";").encode())
    return path


def as_gzip(path: Path) -> Path:
    path.write_bytes(gzip.compress("\n".join([HEADER, *dispensings()]).encode()))
    return path


def as_parquet(path: Path) -> Path:
    typed = table()
    typed = typed.set_column(0, "personnummer", typed["personnummer"].cast(pa.int64()))
    typed = typed.set_column(1, "EDATUM", typed["EDATUM"].cast(pa.date32()))
    typed = typed.set_column(2, "ATC", typed["ATC"].dictionary_encode())
    typed = typed.set_column(3, "ANTAL", typed["ANTAL"].cast(pa.float64()))
    pq.write_table(typed, path, row_group_size=50)
    return path


def as_arrow_file(path: Path) -> Path:
    with pa.ipc.new_file(path, table().schema) as writer:
        writer.write_table(table(), max_chunksize=37)
    return path


def as_arrow_stream(path: Path) -> Path:
    with pa.ipc.new_stream(path, table().schema) as writer:
        writer.write_table(table(), max_chunksize=37)
    return path


def as_sas(path: Path) -> Path:
    columns = [Column("LopNr", 12), Column("edatum", format="YYMMDD10."), Column("ATC", 7), Column("antal")]
    rows = [(person, date.fromisoformat(day), atc, float(packages)) for person, day, atc, packages in split_rows()]
    return write_sas7bdat(path, columns, rows)


def as_sas_with_numbers_for_everything(path: Path) -> Path:
    columns = [Column("pnr"), Column("EDATUM", format="DATETIME20."), Column("ATC", 7), Column("ANTAL")]
    seconds = 86_400.0
    rows = [
        (float(person), (date.fromisoformat(day) - date(1960, 1, 1)).days * seconds + 1, atc, float(packages))
        for person, day, atc, packages in split_rows()
    ]
    return write_sas7bdat(path, columns, rows)


def split_rows() -> list[list[str]]:
    return [row.split(",") for row in dispensings()]


KINDS = [as_csv, as_semicolons_with_bom, as_gzip, as_parquet, as_arrow_file, as_arrow_stream]


@pytest.mark.parametrize("make", [*KINDS, as_sas, as_sas_with_numbers_for_everything])
def test_the_same_rows_come_in_from_every_kind_of_file(
    settings: IngestSettings, tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    report = load(settings, make(tmp_path / "delivery.any"))

    stored = stored_rows(settings, "lmed", ["dispensing_date", "atc", "packages"])
    assert report.rows.stored == stored.num_rows == 180
    assert set(stored["packages"].to_pylist()) == {100}
    assert settings.store.partitions(settings.store.current("lmed"))[0].keys_hi.size == 30


def test_a_sas_file_is_read_in_chunks_and_missing_numbers_stay_missing(
    settings: IngestSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("linkage_server.registers.sas_reader.ROWS_PER_CHUNK", 50)
    columns = [Column("LopNr", 12), Column("EDATUM", format="DATE9."), Column("ATC", 7), Column("ANTAL"), Column("LK")]
    columns.append(Column("forpddd"))
    rows = [
        (person, date.fromisoformat(day), atc, 0.1 + 0.2, 115.0, None if number % 2 else 16.67)
        for number, (person, day, atc, _) in enumerate(split_rows())
    ]
    report = load(settings, write_sas7bdat(tmp_path / "ut_r_lmed_1_2024.sas7bdat", columns, rows))

    stored = stored_rows(settings, "lmed", ["packages", "residence", "ddd_per_package"])
    assert report.rows.stored == 180
    assert set(stored["packages"].to_pylist()) == {30}
    assert set(stored["residence"].to_pylist()) == {"0115"}
    assert sorted(set(stored["ddd_per_package"].to_pylist()), key=str) == [1667, None]


@pytest.mark.parametrize("keep", [100, 1024, 3000, 6000])
def test_a_sas_file_that_is_cut_short_is_refused(settings: IngestSettings, tmp_path: Path, keep: int) -> None:
    path = as_sas(tmp_path / "d.sas7bdat")
    path.write_bytes(path.read_bytes()[:keep])

    with pytest.raises(DeliveryRejected):
        load(settings, path)
    assert settings.store.registers() == []


def test_several_files_are_one_delivery(settings: IngestSettings, tmp_path: Path) -> None:
    first = write_csv(tmp_path / "a.csv", [HEADER, *dispensings(months=range(1, 4))])
    second = write_csv(tmp_path / "b.csv", [HEADER, *dispensings(months=range(4, 7))])

    report = load(settings, first, second)

    assert [file.rows for file in report.files] == [90, 90]
    assert load(settings, second, first).status == "held already"


def test_the_same_delivery_twice_changes_nothing(settings: IngestSettings, tmp_path: Path) -> None:
    path = as_csv(tmp_path / "delivery.csv")
    first = load(settings, path)
    again = load(settings, path.rename(tmp_path / "renamed.csv"))

    assert (again.status, again.snapshot_id) == ("held already", first.snapshot_id)
    assert len(settings.store.snapshots("lmed")) == 1


def test_a_second_month_makes_a_second_snapshot_and_shows_what_was_filled_before(
    settings: IngestSettings, tmp_path: Path
) -> None:
    load(settings, as_csv(tmp_path / "first.csv"))
    rows = [f"{row},{1000 + place}" for place, row in enumerate(dispensings(months=range(7, 8)))]
    report = load(settings, write_csv(tmp_path / "july.csv", [f"{HEADER},VARUNR", *rows]))

    variable = next(v for v in report.variables if v.name == "varunr")
    assert (variable.share_before, variable.share_filled, variable.drifted) == (0.0, 1.0, True)
    assert settings.store.current("lmed").rows == 210
    assert len(settings.store.snapshots("lmed")) == 2


def test_a_full_extract_replaces_what_was_there(settings: IngestSettings, tmp_path: Path) -> None:
    load(settings, as_csv(tmp_path / "old.csv"))
    load(settings, write_csv(tmp_path / "new.csv", [HEADER, *dispensings(each=10)]), replace=True)

    assert settings.store.current("lmed").rows == 60


def test_progress_tells_stage_rows_and_share(settings: IngestSettings, tmp_path: Path) -> None:
    ticks = iter(float(tick) for tick in range(1000))
    seen: list[Progress] = []
    load(replace(settings, monotonic=lambda: next(ticks)), as_csv(tmp_path / "d.csv"), show=seen.append)

    assert [progress.stage for progress in seen] == ["checking", "reading", "sorting", "sorting", "done"]
    assert [(progress.rows, progress.share) for progress in seen[1:]] == [(180, 1.0), (0, 0.0), (180, 1.0), (180, 1.0)]


# ---- Rows that break rules


def test_each_bad_row_is_named_with_row_variable_and_rule_and_never_with_a_value(
    settings: IngestSettings, tmp_path: Path
) -> None:
    wrong_digit = PERSONS[9][:-1] + str((int(PERSONS[9][-1]) + 1) % 10)
    lines = [
        HEADER,
        *dispensings(),
        f"{wrong_digit},2024-01-01,C10AA05,1",
        f"{PERSONS[1]},yesterday,C10AA05,1",
        f"{PERSONS[1]},2024-01-01,C10AA05,lots",
        f"{PERSONS[1]},2024-01-01,,1",
        f"{PERSONS[1]},2024-01-01,C10AA05",
        f"{PERSONS[1]},2031-01-01,C10AA05,1",
        f"{PERSONS[1]},1999-01-01,C10AA05,1",
        f"{PERSONS[1]},2024-01-01,C10AA05,99999",
    ]
    report = load(settings, write_csv(tmp_path / "d.csv", lines))

    path = settings.quarantine_folder / "lmed" / report.quarantine_file
    listed = {(row["row"], row["variable"], row["rule"]) for row in pa_csv.read_csv(path).to_pylist()}
    assert listed == {
        (181, "personnummer", "wrong_identity_number"),
        (182, "edatum", "not_a_date"),
        (183, "antal", "not_a_number"),
        (184, "atc", "missing_value"),
        (185, "", "damaged_row"),
        (186, "edatum", "date_in_the_future"),
        (187, "edatum", "date_too_early"),
        (188, "antal", "out_of_range"),
    }
    text = path.read_text()
    assert not any(person in text for person in (wrong_digit, PERSONS[1], "yesterday", "lots"))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert report.rows.quarantined == 8
    assert report.rows.read == report.rows.stored + report.rows.quarantined == 188


def test_row_numbers_stay_right_after_damaged_rows(settings: IngestSettings, tmp_path: Path) -> None:
    lines = [HEADER, *dispensings(), "1,2", f"{PERSONS[1]},x,C10AA05,1", "a,b,c,d,e", f"{PERSONS[1]},x,C10AA05,1"]
    report = load(settings, write_csv(tmp_path / "d.csv", lines))

    listed = pa_csv.read_csv(settings.quarantine_folder / "lmed" / report.quarantine_file)
    assert sorted(listed["row"].to_pylist()) == [181, 182, 183, 184]


def test_codes_of_quarantined_rows_are_not_stored(settings: IngestSettings, tmp_path: Path) -> None:
    lines = [f"{HEADER},produkt", *(f"{row},Known" for row in dispensings()), ",2024-01-01,C10AA05,1,Stray"]
    load(settings, write_csv(tmp_path / "d.csv", lines))

    for file in (tmp_path / "store").rglob("*"):
        assert not file.is_file() or b"Stray" not in file.read_bytes()


# ---- Deliveries refused whole


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"\n\n", "has no header"),
        (b"PK\x03\x04rest", "spreadsheet"),
        ("personnummer;EDATUM".encode("utf-16"), "UTF-16"),
        (b"\x7fELF\x00\x00\x00\x00", "neither text nor"),
        (b"PAR1 cut short", "damaged"),
        (b"ARROW1\x00\x00 cut short", "damaged"),
        (gzip.compress(HEADER.encode() + b"\n" + b"x,y,z,w\n" * 9000)[:60], "damaged"),
        (HEADER.encode() + b"\n", "no rows"),
        (b"EDATUM,ATC,ANTAL\n2024-01-01,C10AA05,1\n", "required columns are missing for register 'lmed': personnummer"),
        (b"personnummer EDATUM ATC ANTAL\n1 2 3 4\n", "required columns are missing"),
        (HEADER.encode() + b",atc\n1,2024-01-01,C10AA05,1,C10\n", "more than once: atc"),
        (HEADER.encode() + b"\nx,2024-01-01,C10AA05,1\n", "every row of the delivery breaks a rule"),
        (HEADER.encode() + b",lform\n1,2024-01-01,C10AA05,1,\xd6gondroppar\n", "not UTF-8"),
        (HEADER.encode() + b"\na,b\xb2\n", "not UTF-8"),
        (HEADER.encode() + b'\n"' + b"x" * 9_000_000, "quotation mark"),
        (HEADER.encode() + b'\n"' + b"x" * 20_000_000, "quotation mark"),
        (HEADER.encode() + b'\n"' + b"x,2024-01-01,C10AA05,1\n" * 50, "quotation mark"),
        (HEADER.encode() + b'\n1,2024-01-01,C10AA05,"' + b"x,2024-01-01,C10AA05,1\n" * 5000, "quotation mark"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_file_that_is_not_a_delivery_is_refused_in_words(
    settings: IngestSettings, tmp_path: Path, content: bytes, says: str
) -> None:
    path = tmp_path / "delivery.csv"
    path.write_bytes(content)

    with pytest.raises(DeliveryRejected, match=says) as refused:
        load(settings, path)

    assert refused.value.mend
    assert refused.value.exit_code == 3
    assert settings.store.registers() == []


def test_a_file_without_a_header_is_refused_without_repeating_its_first_row(
    settings: IngestSettings, tmp_path: Path
) -> None:
    path = write_csv(tmp_path / "d.csv", dispensings())
    strict = lmed().model_copy(update={"delivery": lmed().delivery.model_copy(update={"unknown_columns": "refuse"})})

    for definition in (lmed(), strict):
        with pytest.raises(DeliveryRejected) as refused:
            load(settings, path, definition=definition)
        assert PERSONS[0] not in str(refused.value)


@pytest.mark.parametrize(
    "strange",
    [
        pa.array([[1]] * 180),
        pa.array([{"a": 1}] * 180),
        pa.array([b"\xff\xfe"] * 180, pa.binary()),
        pa.array([2.0**60] * 180),
        pa.array([float("inf")] * 180),
        pa.array([10**10] * 180, pa.duration("s")),
        pa.array([1.5] * 180, pa.float16()),
        pa.array([True] * 180),
        pa.array([10**17] * 180, pa.decimal128(38, 5)),
    ],
    ids=lambda array: str(array.type),
)
@pytest.mark.parametrize("column", ["ANTAL", "ATC", "EDATUM", "SPKOD1", "personnummer", "DOSERING"])
@pytest.mark.parametrize("person_format", ["personnummer", "opaque"])
def test_columns_of_strange_types_end_in_quarantine_or_a_refusal_and_never_in_a_foreign_error(
    settings: IngestSettings, tmp_path: Path, strange: pa.Array, column: str, person_format: str
) -> None:
    columns = {name: table()[name] for name in table().column_names}
    pq.write_table(pa.table({**columns, column: strange}), tmp_path / "d.parquet")
    definition = lmed().model_copy(update={"person_format": person_format})

    with contextlib.suppress(DeliveryRejected):
        report = load(settings, tmp_path / "d.parquet", definition=definition)
        assert report.rows.read == report.rows.stored + report.rows.quarantined == 180


def test_text_that_is_not_utf_8_inside_parquet_is_refused(settings: IngestSettings, tmp_path: Path) -> None:
    wrong = pa.Array.from_buffers(pa.string(), 180, pa.array([b"\xff"] * 180).buffers())
    pq.write_table(table().set_column(2, "ATC", wrong), tmp_path / "d.parquet")

    with pytest.raises(DeliveryRejected, match="not UTF-8"):
        load(settings, tmp_path / "d.parquet")


def test_a_missing_file_is_refused(settings: IngestSettings, tmp_path: Path) -> None:
    with pytest.raises(DeliveryRejected, match="cannot be read"):
        load(settings, tmp_path / "nowhere.csv")


def test_a_month_twenty_per_cent_short_is_refused_and_the_snapshot_before_stays(
    settings: IngestSettings, tmp_path: Path
) -> None:
    before = load(settings, write_csv(tmp_path / "a.csv", [HEADER, *dispensings(each=300)]))
    short = write_csv(tmp_path / "july.csv", [HEADER, *dispensings(months=range(7, 8), each=240)])

    with pytest.raises(DeliveryRejected, match="month 2024-07 has 240 rows, 20% fewer than the 300 expected"):
        load(settings, short)

    assert settings.store.current("lmed").snapshot_id == before.snapshot_id
    refused = [report for report in ReportFolder(tmp_path / "store", "lmed").all() if report.status == "refused"]
    assert "2024-07" in refused[0].refusal
    assert (
        load(settings, write_csv(tmp_path / "ok.csv", [HEADER, *dispensings(months=range(7, 8), each=245)])).rows.stored
        == 245
    )


def test_a_month_that_is_missing_between_others_is_refused(settings: IngestSettings, tmp_path: Path) -> None:
    rows = [*dispensings(months=range(1, 4)), *dispensings(months=range(5, 9))]

    with pytest.raises(DeliveryRejected, match="month 2024-04 has 0 rows"):
        load(settings, write_csv(tmp_path / "d.csv", [HEADER, *rows]))


def test_late_corrections_of_a_month_that_is_held_do_not_look_like_a_short_month(
    settings: IngestSettings, tmp_path: Path
) -> None:
    load(settings, write_csv(tmp_path / "a.csv", [HEADER, *dispensings(each=300)]))
    rows = [*dispensings(months=range(7, 8), each=300), f"{PERSONS[0]},2024-02-01,C10AA05,-1"]

    assert load(settings, write_csv(tmp_path / "july.csv", [HEADER, *rows])).corrections == 1


def test_rows_that_were_loaded_before_and_exported_anew_are_pointed_out(
    settings: IngestSettings, tmp_path: Path
) -> None:
    rows = dispensings(each=300)
    load(settings, write_csv(tmp_path / "a.csv", [HEADER, *rows]))
    anew = write_csv(tmp_path / "b.csv", [line.replace(",", ";") for line in (HEADER, *rows)])

    twice = load(settings, anew)
    assert "the register held 300 rows of 2024-06 already, and this delivery adds 300" in twice.warnings[0]
    replaced = load(settings, write_csv(tmp_path / "c.csv", [HEADER, *reversed(rows)]), replace=True)
    later = load(settings, write_csv(tmp_path / "d.csv", [HEADER, *dispensings(months=range(7, 8), each=300)]))
    assert not replaced.warnings
    assert not later.warnings


def test_a_delivery_where_a_fifth_of_many_rows_breaks_rules_is_refused(
    settings: IngestSettings, tmp_path: Path
) -> None:
    rows = [*dispensings(each=600), *(row.replace("C10AA05", "") for row in dispensings(each=250))]

    with pytest.raises(DeliveryRejected, match="rows break a rule"):
        load(settings, write_csv(tmp_path / "d.csv", [HEADER, *rows]))


def test_an_unknown_column_is_reported_and_refused_only_where_the_definition_says_so(
    settings: IngestSettings, tmp_path: Path
) -> None:
    path = write_csv(tmp_path / "d.csv", [f"{HEADER},surprise", *(f"{row},x" for row in dispensings())])
    strict = lmed().model_copy(update={"delivery": lmed().delivery.model_copy(update={"unknown_columns": "refuse"})})

    with pytest.raises(DeliveryRejected, match="surprise"):
        load(settings, path, definition=strict)
    assert "surprise" in load(settings, path).warnings[0]


# ---- Accidents


def test_two_loads_at_once_are_a_clear_conflict(settings: IngestSettings, tmp_path: Path) -> None:
    path = as_csv(tmp_path / "d.csv")
    seen: list[LinkageError] = []

    def load_again(progress: Progress) -> None:
        if progress.stage == "reading":
            try:
                load(settings, path)
            except LinkageError as refused:
                seen.append(refused)

    load(settings, path, show=load_again)

    assert [
        (type(refused) is not LinkageError, isinstance(refused, Conflict), refused.exit_code) for refused in seen
    ] == [(True, True, 6)]
    assert settings.store.current("lmed").rows == 180


def test_a_full_disk_stops_the_load_and_changes_nothing(
    settings: IngestSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = load(settings, as_csv(tmp_path / "d.csv"))
    july = write_csv(tmp_path / "july.csv", [HEADER, *dispensings(months=range(7, 8)), "x,2024-07-01,C10AA05,1"])

    def no_room(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("linkage_server.registers.quarantine.os.fsync", no_room)
    with pytest.raises(StorageFull):
        load(settings, july)
    monkeypatch.undo()

    assert settings.store.current("lmed").snapshot_id == before.snapshot_id
    assert [path.name for path in (tmp_path / "quarantine").rglob("*") if path.is_file()] == []
    assert load(settings, july).rows.stored == 30


def test_what_a_killed_load_left_is_swept_by_the_next(settings: IngestSettings, tmp_path: Path) -> None:
    folder = settings.quarantine_folder / "lmed"
    folder.mkdir(parents=True)
    (folder / ".abc.csv.partial").write_text("half")

    load(settings, as_csv(tmp_path / "d.csv"))

    assert list(folder.iterdir()) == []


def test_no_identity_number_lies_anywhere_after_a_load(settings: IngestSettings, tmp_path: Path) -> None:
    load(settings, as_csv(tmp_path / "d.csv")).model_dump_json()

    for file in [*(tmp_path / "store").rglob("*"), *(tmp_path / "quarantine").rglob("*")]:
        if file.is_file():
            content = file.read_bytes()
            assert not any(person.encode() in content or person[2:].encode() in content for person in PERSONS[:30])


# ---- Changed numbers


def test_changed_numbers_are_read_as_hashes_and_a_bad_row_is_named_by_its_number(tmp_path: Path) -> None:
    good = write_csv(tmp_path / "good.csv", ["old,new", f"{PERSONS[0]},{PERSONS[1]}"])
    bad = write_csv(tmp_path / "bad.csv", ["old,new", f"{PERSONS[0]},{PERSONS[1]}", f"{PERSONS[2]},unknown"])

    assert len(read_number_changes(good, peppers=[PEPPER], reference_date=TODAY).old) == 1
    with pytest.raises(InputRefused, match="rows 2") as refused:
        read_number_changes(bad, peppers=[PEPPER], reference_date=TODAY)
    assert PERSONS[2] not in str(refused.value)


def test_a_file_named_by_an_identity_number_is_refused_before_its_name_is_kept(tmp_path: Path) -> None:
    path = write_csv(tmp_path / f"{PERSONS[0]}.csv", ["LopNr;ATC"])
    with pytest.raises(InputRefused, match="name of a file") as refused:
        load_delivery(shipped_registers()["lmed"], [path], settings=settings_in(tmp_path / "home"))
    assert PERSONS[0] not in str(refused.value)

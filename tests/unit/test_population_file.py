"""A population file is read or refused, and every fault in it is named without its value."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from datetime import date
from pathlib import Path

import openpyxl
import pyarrow as pa
import pyarrow.feather
import pytest
from pyarrow import parquet

from linkage.errors import PopulationRejected
from linkage.personal_identity_number import NumberKind
from linkage.population_file import (
    PopulationCheck,
    PopulationLayout,
    check_population,
    layout_of,
    read_population,
)
from linkage_server.demo.test_numbers import read_test_numbers
from tests.support.dates import REFERENCE_DATE

NUMBERS = read_test_numbers()[40_000:]
LAYOUT = PopulationLayout(index_date_required=True, strata=("hospital",), reference_date=REFERENCE_DATE)
ROWS = [(number, f"2024-03-{1 + place % 28:02}", f"Hospital {place % 3}") for place, number in enumerate(NUMBERS[:60])]
HEADER = ("personnummer", "index_date", "hospital")


def as_csv(rows: list[tuple[str, ...]], *, delimiter: str = ",", header: tuple[str, ...] = HEADER) -> str:
    return "".join(delimiter.join(row) + "\n" for row in [header, *rows])


def check_text(tmp_path: Path, content: str | bytes, layout: PopulationLayout = LAYOUT) -> PopulationCheck:
    path = tmp_path / "population.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return check_population(path, layout=layout)


def table() -> pa.Table:
    columns = [list(column) for column in zip(*ROWS, strict=True)]
    dates = [date.fromisoformat(day) for day in columns[1]]
    return pa.table({"Personnummer": columns[0], "index_date": dates, "HOSPITAL": columns[2]})


def write_workbook(path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(HEADER)
    for number, day, hospital in ROWS:
        book.active.append([int(number), date.fromisoformat(day), hospital])
    book.save(path)


def write_stream(path: Path) -> None:
    with pa.ipc.new_stream(path, table().schema) as writer:
        writer.write_table(table(), max_chunksize=7)


WRITERS: dict[str, Callable[[Path], object]] = {
    "comma": lambda path: path.write_text(as_csv(ROWS)),
    "semicolon": lambda path: path.write_text(as_csv(ROWS, delimiter=";")),
    "tab": lambda path: path.write_text(as_csv(ROWS, delimiter="\t")),
    "byte order mark and Windows line ends": lambda path: path.write_bytes(
        b"\xef\xbb\xbf" + as_csv(ROWS).replace("\n", "\r\n").encode()
    ),
    "quoted": lambda path: path.write_text(as_csv([tuple(f'"{one}"' for one in row) for row in [HEADER, *ROWS]][1:])),
    "empty lines at the end": lambda path: path.write_text(as_csv(ROWS) + ",,\n\n\n"),
    "parquet": lambda path: parquet.write_table(table(), path),
    "parquet zstd": lambda path: parquet.write_table(table(), path, compression="zstd"),
    "feather lz4": lambda path: pyarrow.feather.write_feather(table(), path, compression="lz4"),
    "feather plain": lambda path: pyarrow.feather.write_feather(table(), path, compression="uncompressed"),
    "arrow stream": write_stream,
    "workbook": write_workbook,
}


@pytest.mark.parametrize("writer", WRITERS.values(), ids=WRITERS)
def test_every_format_gives_the_same_population(tmp_path: Path, writer: Callable[[Path], object]) -> None:
    path = tmp_path / "population"
    writer(path)
    check = check_population(path, layout=LAYOUT)
    assert list(check.problems) == []
    assert check.rows == 60
    assert check.population is not None
    assert check.population.identity.to_pylist() == [number.encode() for number, _, _ in ROWS]
    assert check.population.index_date is not None
    assert [day.isoformat() for day in check.population.index_date.to_pylist()] == [day for _, day, _ in ROWS]
    assert check.population.strata["hospital"].to_pylist() == [hospital for _, _, hospital in ROWS]


def test_every_bad_row_is_listed_with_row_column_rule_and_mend_and_no_value(tmp_path: Path) -> None:
    wrong = NUMBERS[0][:-1] + str((int(NUMBERS[0][-1]) + 1) % 10)
    content = as_csv(
        [
            (wrong, "2024-01-01", "A"),
            (NUMBERS[1], "2024-02-30", "A"),
            (NUMBERS[2], "", "A"),
            (NUMBERS[3], "2025-06-01", "A"),
            (NUMBERS[4], "1850-06-01", "A"),
            (NUMBERS[5], "2024-01-01", NUMBERS[6]),
            ("", "2024-01-01", "A"),
            (NUMBERS[7], "2024-01-01", "A", "extra"),
            (NUMBERS[8], "2024-01-01", "A" * 101),
        ]
    )
    check = check_text(tmp_path, content)
    assert [(problem.row, problem.column) for problem in check.problems] == [
        (2, "personnummer"),
        (3, "index_date"),
        (4, "index_date"),
        (5, "index_date"),
        (6, "index_date"),
        (7, "hospital"),
        (8, "personnummer"),
        (9, ""),
        (10, "hospital"),
    ]
    assert not check.clean
    assert check.population is None
    printed = str(list(check.problems)) + repr(check)
    assert all(problem.rule and problem.mend for problem in check.problems)
    assert not any(number in printed or number[2:] in printed for number in [wrong, *NUMBERS[:9]])
    assert "2024-02-30" not in printed


def test_a_million_bad_rows_are_all_listed(tmp_path: Path) -> None:
    content = "personnummer\n" + "199013011234\n" * 1_000_000
    layout = PopulationLayout(index_date_required=False, strata=(), reference_date=REFERENCE_DATE)
    check = check_text(tmp_path, content, layout)
    assert len(check.problems) == 1_000_001
    assert check.problems[0].row == 0
    assert check.problems[1].row == 2
    assert check.problems[-1].row == 1_000_001


def test_exact_repeats_are_merged_and_counted(tmp_path: Path) -> None:
    number, day, hospital = ROWS[0]
    again = (f"{number[:8]}-{number[8:]}", day, f" {hospital} ")
    check = check_text(tmp_path, as_csv([*ROWS, again, ROWS[1]]))
    assert check.clean
    assert check.merged == 2
    assert check.population is not None
    assert len(check.population.identity) == 60


def test_rows_of_one_person_that_differ_are_refused_naming_both(tmp_path: Path) -> None:
    number, day, hospital = ROWS[0]
    check = check_text(tmp_path, as_csv([*ROWS, (number, day, "Other"), (number, "2024-05-05", hospital)]))
    assert [(problem.row, problem.column) for problem in check.problems] == [(62, "hospital"), (63, "index_date")]
    assert all("row 2" in problem.rule for problem in check.problems)


def test_reserve_and_interim_numbers_are_counted_and_sent_as_they_are(tmp_path: Path) -> None:
    reserve = f"{NUMBERS[0][:8]}AB12"
    check = check_text(tmp_path, as_csv([*ROWS, (reserve, "2024-01-01", "A")]))
    assert check.clean
    assert check.kinds[NumberKind.RESERVE] == 1
    assert check.population is not None
    assert check.population.identity[-1].as_py() == reserve.encode()


def test_columns_the_order_does_not_name_are_told_and_not_sent(tmp_path: Path) -> None:
    rows = [(*row, "secret") for row in ROWS]
    check = check_text(tmp_path, as_csv(rows, header=(*HEADER, "note")))
    assert check.ignored_columns == ("'note'",)
    assert check.population is not None
    assert list(check.population.strata) == ["hospital"]


def test_a_hundred_thousand_levels_are_one_problem(tmp_path: Path) -> None:
    rows = [(NUMBERS[place % 3000], "2024-01-01", f"level {place}") for place in range(100_000)]
    problems = list(check_text(tmp_path, as_csv(rows)).problems)
    assert problems[0].row == 0
    assert "100,000 different values" in problems[0].rule


def test_a_file_without_one_linkable_number_is_refused(tmp_path: Path) -> None:
    check = check_text(tmp_path, as_csv([("x" * 12, "2024-01-01", "A")]))
    assert any("no number that can be linked" in problem.rule for problem in check.problems)


def test_an_empty_stratum_is_a_missing_value(tmp_path: Path) -> None:
    check = check_text(tmp_path, as_csv([*ROWS, (NUMBERS[70], "2024-01-01", " ")]))
    assert check.clean
    assert check.population is not None
    assert check.population.strata["hospital"][-1].as_py() is None


def test_index_dates_outside_the_orders_range_are_refused(tmp_path: Path) -> None:
    layout = PopulationLayout(True, ("hospital",), REFERENCE_DATE, (date(2024, 3, 5), date(2024, 3, 20)))
    rows = [problem.row for problem in check_text(tmp_path, as_csv(ROWS[:28]), layout).problems]
    assert rows == [2, 3, 4, 5, *range(22, 30)]


def test_a_layout_can_be_read_off_a_file(tmp_path: Path) -> None:
    path = tmp_path / "population.csv"
    path.write_text(as_csv(ROWS))
    layout = layout_of(read_population(path, reference_date=REFERENCE_DATE))
    assert layout == LAYOUT


GZIP = b"\x1f\x8b\x08\x00"
REFUSED_FILES = {
    "empty": (b"", "is empty"),
    "header only": (as_csv([]).encode(), "no row"),
    "binary": (bytes(range(256)) * 10, "binary"),
    "binary later": (as_csv(ROWS).encode() + b"\x00\x01", "line 62 holds binary"),
    "utf-16": (as_csv(ROWS).encode("utf-16"), "UTF-16"),
    "windows-1252": (as_csv([*ROWS, (NUMBERS[70], "2024-01-01", "Örebro")]).encode("cp1252"), "line 62 is not written"),
    "pipes": (as_csv(ROWS, delimiter="|").encode(), "divided by '|'"),
    "no identity column": (as_csv(ROWS, header=("id", "index_date", "hospital")).encode(), "no column 'personnummer'"),
    "no header": (as_csv(ROWS[1:], header=ROWS[0]).encode(), "no column 'personnummer'"),
    "missing stratum": (as_csv(ROWS, header=("personnummer", "index_date", "clinic")).encode(), "no column 'hospital'"),
    "doubled column": (as_csv(ROWS, header=("personnummer", "hospital", "Hospital")).encode(), "stands twice"),
    "gzip": (GZIP + bytes(20), "compressed with gzip"),
    "old excel": (b"\xd0\xcf\x11\xe0" + bytes(20), "old Excel"),
    "broken parquet": (b"PAR1" + bytes(60) + b"PAR1", "no Parquet file"),
    "broken arrow": (b"ARROW1\x00\x00" + b"\xff" * 60, "no Arrow file|unpack to more"),
    "broken workbook": (b"PK\x03\x04" + bytes(60), "broken"),
    "open quote": (as_csv(ROWS).replace("Hospital 0", '"Hospital 0', 1).encode(), "quotation mark"),
}


@pytest.mark.parametrize(("content", "message"), REFUSED_FILES.values(), ids=REFUSED_FILES)
def test_a_file_that_is_no_population_is_refused_in_words(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(PopulationRejected, match=message) as refusal:
        check_text(tmp_path, content)
    assert refusal.value.mend
    assert refusal.value.__cause__ is None
    assert not any(number in str(refusal.value) for number in NUMBERS[:71])


def test_more_rows_than_allowed_are_refused_in_every_format(tmp_path: Path) -> None:
    layout = PopulationLayout(True, ("hospital",), REFERENCE_DATE, max_rows=59)
    for name, writer in WRITERS.items():
        path = tmp_path / name
        writer(path)
        with pytest.raises(PopulationRejected, match="rows"):
            check_population(path, layout=layout)


def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.csv"
    path.write_text(as_csv(ROWS))
    with path.open("r+b") as file:
        file.truncate(2**31)
    with pytest.raises(PopulationRejected, match="bytes; at most"):
        check_population(path, layout=LAYOUT)


@pytest.mark.parametrize("compression", ["lz4", "zstd"])
def test_an_arrow_bomb_is_refused_before_it_unpacks(
    tmp_path: Path, compression: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "bomb.arrow"
    bomb = pa.table({"personnummer": pa.array([" " * 1_000_000] * 40)})
    pyarrow.feather.write_feather(bomb, path, compression=compression)
    monkeypatch.setattr("linkage.population_readers.MAXIMUM_UNPACKED_BYTES", 1_000_000)
    before = pa.total_allocated_bytes()
    with pytest.raises(PopulationRejected, match="unpack to more bytes"):
        check_population(path, layout=LAYOUT)
    assert pa.total_allocated_bytes() <= before + 1_000_000


def test_an_arrow_file_that_claims_billions_of_nulls_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "nulls.arrow"
    batch = pa.record_batch([pa.nulls(2**31 - 1)], names=["personnummer"])
    with pa.ipc.new_stream(path, batch.schema) as writer:
        writer.write_batch(batch)
    assert path.stat().st_size < 1000
    with pytest.raises(PopulationRejected, match="more rows"):
        check_population(path, layout=LAYOUT)


def test_a_parquet_bomb_is_refused_before_it_unpacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bomb.parquet"
    bomb = pa.table({"personnummer": pa.array([" " * 100_000] * 400)})
    monkeypatch.setattr("linkage.population_readers.MAXIMUM_UNPACKED_BYTES", 1_000_000)
    for use_dictionary in (True, False):
        parquet.write_table(bomb, path, compression="zstd", use_dictionary=use_dictionary)
        with pytest.raises(PopulationRejected, match="unpack to more bytes"):
            check_population(path, layout=LAYOUT)


def test_a_workbook_whose_table_does_not_begin_in_the_first_row_says_so(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append([])
    book.active.append([])
    book.active.append(HEADER)
    book.save(tmp_path / "low.xlsx")
    with pytest.raises(PopulationRejected, match="the first row of the first sheet is empty"):
        check_population(tmp_path / "low.xlsx", layout=LAYOUT)
    book.create_sheet("First", 0)
    book.save(tmp_path / "second.xlsx")
    with pytest.raises(PopulationRejected, match="the first row of the first sheet is empty"):
        check_population(tmp_path / "second.xlsx", layout=LAYOUT)


def test_a_zip_bomb_in_a_workbook_is_refused_before_it_unpacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as container:
        container.writestr("xl/workbook.xml", "<workbook/>")
        container.writestr("xl/worksheets/sheet1.xml", b" " * 5_000_000)
    monkeypatch.setattr("linkage.population_workbook.MAXIMUM_UNPACKED_BYTES", 1_000_000)
    with pytest.raises(PopulationRejected, match="unpack to more than"):
        check_population(path, layout=LAYOUT)


def test_a_workbook_that_defines_entities_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "entities.xlsx"
    with zipfile.ZipFile(path, "w") as container:
        container.writestr("xl/workbook.xml", '<!DOCTYPE a [<!ENTITY b "c">]><workbook>&b;</workbook>')
    with pytest.raises(PopulationRejected, match="broken"):
        check_population(path, layout=LAYOUT)


def test_every_damaged_byte_of_an_arrow_file_is_survived(tmp_path: Path) -> None:
    whole = tmp_path / "whole.arrow"
    write_stream(whole)
    content = whole.read_bytes()
    for place in range(0, len(content), 11):
        damaged = content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]
        try:
            check_text(tmp_path, damaged)
        except PopulationRejected as refusal:
            assert not any(number in str(refusal) for number in NUMBERS[:60])  # noqa: PT017  # both ends are right

"""Each format says the same numbers, says nothing of what is kept back, and is the same bytes each time."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.csv as pacsv
import pytest
from jsonstat_validator import validate_jsonstat

from linkage.released_table import NUMBER_COLUMNS, LineStatus, schema_of
from linkage_server.release import cube
from linkage_server.release.csv_file import csv_files, csv_text
from linkage_server.release.json_stat import json_stat_files
from linkage_server.release.px import px_files
from linkage_server.release.xlsx import xlsx_files
from tests.support.released_example import DIMENSIONS, example_context, example_table

ROOT = Path(__file__).resolve().parents[2]
LINES: list[dict[str, Any]] = example_table().table.to_pylist()

DIGESTS = """
import json
from linkage_server.release.delivery import prepare_delivery
from tests.support.released_example import example_context, example_table
delivery = prepare_delivery(example_table(), example_context())
files = {file.path: file.entry().sha256 for file in delivery.files}
print(json.dumps([files, delivery.manifest.to_json().decode()]))
"""


def digests(*, hash_seed: str, home: Path) -> list[Any]:
    search = os.pathsep.join(str(ROOT / part) for part in (".", "core", "server", "client"))
    clock = {"TZ": "Asia/Tokyo" if hash_seed == "2" else "UTC", "LC_ALL": "C.UTF-8"}
    environment = {
        "PYTHONPATH": search,
        "PYTHONHASHSEED": hash_seed,
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        **clock,
    }
    done = subprocess.run(
        [sys.executable, "-c", DIGESTS], capture_output=True, check=True, cwd=ROOT, env=environment, text=True
    )
    return list(json.loads(done.stdout))


def test_two_processes_write_the_same_bytes_in_every_format(tmp_path: Path) -> None:
    first, second = (digests(hash_seed=seed, home=tmp_path / seed) for seed in ("1", "2"))
    assert first == second
    assert {Path(name).suffix for name in first[0]} == {".parquet", ".csv", ".json", ".xlsx", ".px", ".html"}


def test_csv_reads_back_as_the_same_table() -> None:
    schema = schema_of(DIMENSIONS)
    options = pacsv.ConvertOptions(column_types=schema, null_values=["NA"], strings_can_be_null=False)
    raw = csv_files(example_table(), example_context())[0].content
    assert pacsv.read_csv(io.BytesIO(raw), convert_options=options).equals(example_table().table)


def test_kept_back_numbers_are_na_in_csv_and_never_empty_or_zero() -> None:
    for line in csv.DictReader(io.StringIO(csv_text(example_table()))):
        numbers = [line[name] for name in NUMBER_COLUMNS]
        assert "" not in numbers
        if line["status"] == "suppressed":
            assert set(numbers) == {"NA"}


def test_csvw_metadata_describes_every_column_and_its_key() -> None:
    table, described, *_ = csv_files(example_table(), example_context())
    metadata = json.loads(described.content)
    header = table.content.decode().splitlines()[0].split(",")
    columns = metadata["tableSchema"]["columns"]
    assert [column["name"] for column in columns] == header
    assert metadata["url"] == table.path
    assert described.path == f"{table.path}-metadata.json"
    assert all(column["null"] == "NA" for column in columns if column["name"] in NUMBER_COLUMNS)
    keys = [tuple(line[name] for name in metadata["tableSchema"]["primaryKey"]) for line in LINES]
    assert len(set(keys)) == len(keys)


def test_json_stat_passes_a_validator_that_others_wrote() -> None:
    files = json_stat_files(example_table(), example_context())
    assert [file.path for file in files] == [
        "by-hospital.json-stat.json",
        "by-sex-age.json-stat.json",
        "by-index_month.json-stat.json",
    ]
    for file in files:
        assert validate_jsonstat(json.loads(file.content)) is True


def test_json_stat_says_each_line_of_its_crossing_and_null_with_a_status_for_what_is_kept_back() -> None:
    for file in json_stat_files(example_table(), example_context()):
        dataset = json.loads(file.content)
        strata = [name for name in dataset["id"] if name not in {"indicator", "statistic", "measure"}]
        others = [d.name for d in DIMENSIONS if d.name not in strata]
        own = [line for line in LINES if all(line[name] == "total" for name in others)]
        assert own
        for line in own:
            for measure in dataset["dimension"]["measure"]["category"]["index"]:
                cell = json_stat_cell(dataset, line, measure, strata)
                assert cell[0] == line[measure]
                if line["status"] == LineStatus.SUPPRESSED:
                    assert cell == (None, "suppressed")
                elif line["status"] == LineStatus.INCOMPLETE and line[measure] is not None:
                    assert cell[1] == "incomplete"
        assert dataset["role"]["metric"] == ["measure"]
        assert ("time" in dataset["role"]) == (strata == ["index_month"])


def json_stat_cell(dataset: dict[str, Any], line: dict[str, Any], measure: str, strata: list[str]) -> tuple[Any, Any]:
    indicator = f"{line['indicator']}/{line['parameters']}".rstrip("/")
    codes = [indicator, line["statistic"], *(line[name] for name in strata), measure]
    place = 0
    for name, size, code in zip(dataset["id"], dataset["size"], codes, strict=True):
        place = place * size + dataset["dimension"][name]["category"]["index"][code]
    return dataset["value"][place], dataset["status"].get(str(place))


@pytest.mark.filterwarnings("ignore")  # of pyaxis, which others wrote
def test_px_reads_back_in_a_reader_that_others_wrote(tmp_path: Path) -> None:
    pyaxis = pytest.importorskip("pyaxis.pyaxis")
    path = tmp_path / "by-hospital.px"
    path.write_bytes(px_files(example_table(), example_context())[0].content)
    frame = pyaxis.parse(uri=str(path), encoding="utf-8", null_values=r'^"\."$', sd_values=r'^"\.\."$')["DATA"]
    read = {tuple(str(cell) for cell in row[:-1]): str(row[-1]) for row in frame.itertuples(index=False)}
    seen = {"shown": 0, "kept back": 0}
    for line in LINES:
        if line["sex"] == line["age"] == line["index_month"] == "total" and line["statistic"] == "share":
            title = example_context().indicator(line["indicator"]).title.en
            title += f", within {line['parameters'].partition('=')[2]} days" if line["parameters"] else ""
            hospital = "All" if line["hospital"] == "total" else line["hospital"]
            cell = read[title, "Share of persons", hospital, "Value"]
            if line["status"] == LineStatus.SUPPRESSED:
                seen["kept back"] += 1
                assert cell in {"", "nan", "NaN", ".."}
            else:
                seen["shown"] += 1
                assert float(cell) == pytest.approx(line["value"], abs=1e-6)
    assert min(seen.values()) > 0


def test_px_marks_what_is_kept_back_with_dots_and_explains_them() -> None:
    text = px_files(example_table(), example_context())[0].content.decode()
    assert 'DATASYMBOL2="Kept back to protect persons; it is not zero"' not in text, "a semicolon ends a keyword"
    assert "DATASYMBOL2=" in text
    data = text.partition("DATA=")[2]
    kept_back = [line for line in LINES if line["status"] == "suppressed" and line["hospital"] != "total"]
    measures = 5  # nobody's person-time is in the example
    assert data.count('".."') == len(kept_back) * measures


def test_the_workbook_shows_a_mark_and_no_blank_where_a_number_is_kept_back() -> None:
    workbook = openpyxl.load_workbook(io.BytesIO(xlsx_files(example_table(), example_context())[0].content))
    assert workbook.sheetnames == ["Read me", "Table", "Definitions"]
    rows = list(workbook["Table"].iter_rows(values_only=True))
    header, body = list(rows[0]), rows[1:]
    assert len(body) == len(LINES)
    for row, line in zip(body, LINES, strict=True):
        cells = dict(zip(header, row, strict=True))
        for name in NUMBER_COLUMNS:
            if line["status"] == LineStatus.SUPPRESSED:
                assert cells[name] == "×"
            else:
                assert cells[name] == ("–" if line[name] is None else pytest.approx(line[name]))


def test_the_workbook_holds_no_time_and_no_author() -> None:
    workbook = openpyxl.load_workbook(io.BytesIO(xlsx_files(example_table(), example_context())[0].content))
    assert workbook.properties.created is not None
    assert workbook.properties.created.year == 2000
    assert not workbook.properties.creator


def test_a_crossing_too_large_for_one_file_becomes_one_file_for_each_indicator(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cube, "LARGEST_CUBE", 1000)
    files = json_stat_files(example_table(), example_context())
    names = [file.path.removesuffix(".json-stat.json") for file in files]
    assert names[:4] == ["by-hospital-1", "by-hospital-2", "by-hospital-3", "by-hospital-4"]
    hospital_lines = sum(file.rows or 0 for file in files[:4])
    monkeypatch.undo()
    assert hospital_lines == json_stat_files(example_table(), example_context())[0].rows


def test_a_table_without_strata_is_delivered_too() -> None:
    rows = [line for line in LINES if all(line[d.name] == "total" for d in DIMENSIONS)]
    names = schema_of(()).names
    table = pa.Table.from_pylist([{name: line[name] for name in names} for line in rows], schema=schema_of(()))
    released = type(example_table())(table, ())
    assert [file.path for file in px_files(released, example_context())] == ["overall.px"]
    assert validate_jsonstat(json.loads(json_stat_files(released, example_context())[0].content)) is True

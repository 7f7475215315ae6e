"""The demo's registers: official test numbers only, the same from the same seed, and of the size they say."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
import pytest

from linkage.register_catalogue import shipped_registers
from linkage_server.demo.made_up_people import HOSPITALS
from linkage_server.demo.made_up_registers import MadeUpRegisters, made_up_dispensings, make_registers
from linkage_server.demo.test_numbers import read_test_numbers

SIZE = 60_000


@pytest.fixture(scope="module")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> MadeUpRegisters:
    return make_registers(tmp_path_factory.mktemp("made-up"), dispensings=SIZE)


def read(path: Path) -> pa.Table:
    if path.suffix == ".parquet":
        return pa.parquet.read_table(path)
    delimiter = ";" if ";" in path.read_text().splitlines()[0] else ","
    numbers = {"personnummer": pa.string(), "LopNr": pa.string(), "old": pa.string(), "new": pa.string()}
    return pa.csv.read_csv(
        path,
        parse_options=pa.csv.ParseOptions(delimiter=delimiter),
        convert_options=pa.csv.ConvertOptions(column_types=numbers),
    )


def lmed(made_up: MadeUpRegisters) -> tuple[pa.Table, pa.Table]:
    first, second = (read(files[0]) for name, files in made_up.deliveries if name == "lmed")
    return first, second


def test_every_number_is_an_official_test_number(made_up: MadeUpRegisters) -> None:
    official = pa.array(read_test_numbers())
    paths = [files[0] for _, files in made_up.deliveries] + [made_up.population, made_up.number_history]
    for path in paths:
        table = read(path)
        for name in {"personnummer", "LopNr", "old", "new"} & set(table.column_names):
            numbers = pc.replace_substring(table[name].drop_null(), "-", "")
            assert pc.all(pc.is_in(numbers.filter(pc.not_equal(numbers, "")), value_set=official)).as_py(), path.name


def test_the_same_seed_makes_the_same_files_and_another_does_not(made_up: MadeUpRegisters, tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    (tmp_path / "other").mkdir()
    again = make_registers(tmp_path / "again", dispensings=SIZE)
    other = make_registers(tmp_path / "other", dispensings=SIZE, seed=7)
    for (_, (path,)), (_, (copy,)), (_, (different,)) in zip(
        made_up.deliveries, again.deliveries, other.deliveries, strict=True
    ):
        assert path.read_bytes() == copy.read_bytes()
        assert path.read_bytes() != different.read_bytes()
    assert made_up.population.read_bytes() == again.population.read_bytes()


def test_every_column_is_known_to_the_shipped_definitions(made_up: MadeUpRegisters) -> None:
    for name, (path,) in made_up.deliveries:
        known = " ".join(source for variable in shipped_registers()[name].variables for source in variable.source_names)
        for column in read(path).column_names:
            assert column.rstrip("0123456789").lower() in known.lower(), (name, column)


def test_the_population_is_the_size_it_says_and_spread_over_twelve_hospitals(made_up: MadeUpRegisters) -> None:
    population = read(made_up.population)
    assert population.num_rows == made_up.persons == SIZE // 105
    assert len(pc.unique(population["personnummer"])) == made_up.persons
    assert set(population["hospital"].to_pylist()) <= set(HOSPITALS)


def test_dispensings_are_about_as_many_as_asked_for_and_a_few_are_corrections(made_up: MadeUpRegisters) -> None:
    first, second = lmed(made_up)
    assert made_up.dispensings == first.num_rows + second.num_rows
    assert 0.9 * SIZE < made_up.dispensings < 1.1 * SIZE
    negative = pc.sum(pc.less(first["ANTAL"], 0)).as_py() / first.num_rows
    assert 0.005 < negative < 0.02


def test_decembers_delivery_brings_late_corrections_of_november(made_up: MadeUpRegisters) -> None:
    first, second = lmed(made_up)
    november = second.filter(pc.less(second["EDATUM"], pa.scalar("2025-12-01").cast(pa.date32())))
    assert november.num_rows > 0
    assert pc.all(pc.less(november["ANTAL"], 0)).as_py()
    assert pc.max(first["EDATUM"]).as_py().isoformat() == "2025-11-30"


def test_nobody_is_dispensed_or_admitted_after_death(made_up: MadeUpRegisters) -> None:
    files = {name: files[0] for name, files in made_up.deliveries}
    deaths = read(files["dors"])
    dated = deaths.filter(pc.not_equal(pc.utf8_slice_codeunits(pc.cast(deaths["DODSDAT"], pa.string()), 6, 8), "00"))
    dated = dated.group_by("personnummer").aggregate([("DODSDAT", "min")])
    stays = read(files["par_sv"]).join(dated, "LopNr", "personnummer", "inner")
    assert stays.num_rows > 0
    assert pc.all(pc.less_equal(stays["INDATUMA"], stays["DODSDAT_min"])).as_py()


def test_dispensings_for_scale_have_random_ids_and_come_again_from_the_same_seed() -> None:
    batches = list(made_up_dispensings(5_000, 100, 1))
    ids = pa.concat_arrays([ids for ids, _ in batches])
    assert (len(ids), len(pc.unique(ids))) == (5_000, len(set(ids.to_pylist())))
    assert len(set(ids.to_pylist())) <= 100
    assert sum(rows.num_rows for _, rows in batches) == 5_000
    again = next(made_up_dispensings(5_000, 100, 1))
    assert again[0].equals(batches[0][0])
    assert again[1].equals(batches[0][1])

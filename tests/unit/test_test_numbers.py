"""The numbers the demo uses are Skatteverket's, all of them and no other."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

from linkage_server.demo.test_numbers import read_test_numbers


def test_there_are_41127_personnummer_and_2264_coordination_numbers() -> None:
    numbers = read_test_numbers()
    coordination = [number for number in numbers if int(number[6:8]) >= 60]
    assert len(numbers) == len(set(numbers)) == 41_127 + 2_264
    assert len(coordination) == 2_264
    assert all(len(number) == 12 and number.isdigit() for number in numbers)


def test_they_are_the_official_lists(shared_data: Path) -> None:
    folder = shared_data / "data" / "skatteverket-test-numbers"
    personnummer = json.loads(gzip.decompress((folder / "allPins.json.gz").read_bytes()))
    coordination = json.loads((folder / "allCoords.json").read_text())
    assert set(read_test_numbers()) == {*personnummer, *coordination}

"""Primary non-adherence where a register of prescriptions is described and loaded, and the refusal where none is."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pytest

from linkage.disclosure_policy import shipped_policies
from linkage.order import OrderFaults
from linkage.register_catalogue import shipped_registers
from linkage_server.lab.evaluate import evaluate_files
from linkage_server.lab.results import counts
from linkage_server.orders.check_order import check_order
from linkage_server.orders.offer import Offer
from tests.support.orders import order_text
from tests.support.orders_on_files import FilesOfOthers
from tests.support.register_loading import TODAY, write_csv

INDEX = date(2024, 1, 1)
SET = """
[set]
id = "prescribed"
version = "1.0.0"
[exits]
death = false
[codes.statin]
atc_include = ["C10AA"]
[[indicator]]
id = "never_collected"
kind = "primary_non_adherence"
register = "made_up_dispensings"
prescriptions = "made_up_prescriptions"
codes = "statin"
window = { from = 0, to = 90 }
within_days = 30
measure = ["first", "prescriptions", "not_dispensed"]
"""
PERSONS = [f"p{number:03}" for number in range(90)]


def files_in(folder: Path) -> dict[str, Path]:
    """Everybody is prescribed a statin on 10 January; 60 collect it in time, 10 too late, 10 had it cancelled."""
    prescribed, collected = ["lopnr,issued,atc,cancelled"], ["lopnr,collected,atc"]
    for number, person in enumerate(PERSONS):
        prescribed.append(f"{person},2024-01-10,C10AA05,{'true' if 70 <= number < 80 else 'false'}")
        collected.append(f"{person},2023-05-01,C10AA05")
        if number < 70:
            collected.append(f"{person},2024-02-{9 if number < 60 else 10:02},C10AA05")
    return {
        "made_up_prescriptions": write_csv(folder / "prescribed.csv", prescribed),
        "made_up_dispensings": write_csv(folder / "collected.csv", collected),
    }


EXPECTED = {"first": (20, 80), "prescriptions": (80, None), "not_dispensed": (20, None)}


def test_prescriptions_and_dispensings_of_two_registers_are_linked(tmp_path: Path) -> None:
    loaded = FilesOfOthers.load(tmp_path, files_in(tmp_path))
    persons = pa.table({"person": PERSONS, "index_date": [INDEX] * len(PERSONS)})
    answered = loaded.answer(persons, indicators=SET, by=[])
    assert numbers_of(counts(answered.counted).to_pylist()) == EXPECTED
    assert numbers_of(answered.protected.table.to_pylist()) == EXPECTED


def numbers_of(lines: list[dict[str, object]]) -> dict[str, tuple[object, object]]:
    found = {}
    for line in lines:
        measure = str(line["parameters"]).rpartition("=")[2]
        if line["indicator"] == "never_collected" and line["statistic"] in ("share", "sum"):
            is_share = line["statistic"] == "share"
            found[measure] = (
                line["numerator"] if is_share else line["value"],
                line["denominator"] if is_share else None,
            )
    return found


def test_the_laboratory_reads_prescriptions_from_a_plain_file(tmp_path: Path) -> None:
    people = write_csv(tmp_path / "people.csv", ["lopnr,index_date", *(f"{person},{INDEX}" for person in PERSONS)])
    (tmp_path / "set.toml").write_text(SET, encoding="utf-8")
    told = {
        "made_up_prescriptions": {"prescribing_date": "issued"},
        "made_up_dispensings": {"dispensing_date": "collected"},
    }
    evaluate_files(
        tmp_path / "set.toml", population=people, events=files_in(tmp_path), out=tmp_path / "out", columns=told
    )
    written = pyarrow.csv.read_csv(tmp_path / "out" / "table.csv").to_pylist()
    assert numbers_of(written) == EXPECTED


def test_an_order_for_prescriptions_that_nobody_holds_is_refused_and_says_so() -> None:
    offer = Offer(
        registers=shipped_registers(),
        sets={},
        policies=shipped_policies(),
        preapprovals=(),
        standard_policy="standard@1.0.0",
        minimum_policy="standard@1.0.0",
    )
    inline = SET.replace('register = "made_up_dispensings"\n', "").replace("made_up_prescriptions", "eprescriptions")
    text = order_text(indicators=[{"inline": inline}], registers=["lmed"])
    with pytest.raises(OrderFaults) as refusal:
        check_order(text, offer=offer, ordered_on=TODAY)
    said = {fault.field: fault for fault in refusal.value.faults}
    assert "no register that comes with the service holds prescriptions" in said["indicators[0]"].rule

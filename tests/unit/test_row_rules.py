"""Rules over several variables of a row, as a definition states them."""

from __future__ import annotations

from pathlib import Path

from linkage.register_catalogue import LocalizedText, shipped_registers
from linkage.register_rules import RefusedValues, SumOf
from linkage.register_variable import Action
from linkage_server.registers.ingest import load_delivery
from tests.support.register_loading import PERSONS, settings_in, stored_rows, write_csv

TITLE = LocalizedText(sv="Regel", en="Rule")
HEADER = "personnummer;EDATUM;ATC;ANTAL;OTYP;TKOST;LKOST;EGENAVGIFT"


def load(folder: Path, rule: RefusedValues | SumOf, *rows: str) -> tuple[dict[str, int], list[str]]:
    """Rows quarantined by rule, and the order types stored."""
    definition = shipped_registers()["lmed"].model_copy(update={"rules": (rule,)})
    settings = settings_in(folder)
    lines = [HEADER, *(f"{PERSONS[place]};2024-01-15;C10AA05;1;{row}" for place, row in enumerate(rows))]
    report = load_delivery(definition, [write_csv(folder / "d.csv", lines)], settings=settings)
    quarantined = {count.rule: count.rows for count in report.quarantined_by_rule}
    return quarantined, stored_rows(settings, "lmed")["order_type"].to_pylist()


def test_an_in_hospital_order_does_not_belong_in_the_drug_register(tmp_path: Path) -> None:
    rule = RefusedValues(kind="refused_values", variable="otyp", values=("HOSPITAL",), title=TITLE)

    quarantined, stored = load(tmp_path, rule, "R;;;", "HOSPITAL;;;", ";;;")

    assert quarantined == {"refused_values": 1}
    assert set(stored) == {None, "R"}


def test_a_sum_may_be_off_by_the_tolerance_and_not_by_more(tmp_path: Path) -> None:
    rule = SumOf(
        kind="sum_of",
        variable="tkost",
        parts=("lkost", "egenavgift"),
        tolerance=1.0,
        action=Action.QUARANTINE,
        title=TITLE,
    )

    quarantined, stored = load(tmp_path, rule, "A;10,00;5,00;4,00", "B;10,00;5,00;3,99", "C;10,00;5,00;", "D;;;")

    assert quarantined == {"sum_of": 1}
    assert sorted(stored) == ["A", "C", "D"]

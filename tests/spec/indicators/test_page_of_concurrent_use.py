"""The tables of docs/manual/concurrent-use.md are what the program answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from linkage_core.indicators import PersonValues
from tests.support.indicator_tables import drawn_set, evaluated, lmed, outcome, population

PAGE = Path(__file__).resolve().parents[3] / "docs" / "manual" / "concurrent-use.md"
ANNA = ["anna"]
CODES = """
[set]
id = "page"
version = "1.0.0"
[codes.nsaid]
atc_include = ["M01A"]
[codes.asa]
atc_include = ["B01AC06"]
[codes.statin]
atc_include = ["C10AA"]
[codes.ezetimibe]
atc_include = ["C10AX09"]
[supply.given]
steps = ["days_supply"]
cap_days = 1000
"""


def table(head: str) -> list[list[str]]:
    """Cells of the table that has this head."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    rows = []
    for line in lines[lines.index(head) + 2 :]:
        if not line.startswith("|"):
            return rows
        rows.append([cell.strip() for cell in line[1:-1].split("|")])
    return rows


def answered(body: str, *rows: str) -> dict[str, PersonValues]:
    definition = drawn_set(f'id = "x"\n{body}', header=CODES)
    return evaluated(definition, population=population(ANNA), lmed=lmed(ANNA, *rows))


@pytest.mark.parametrize(("kind", "says", "parameters", "answer"), table("| kind | says | parameters | answer |"))
def test_annas_drugs_are_counted_as_the_manual_says(kind, says, parameters, answer):
    rows = [f"anna {day} {drug} 1 {days}" for drug, day, days in table("| drug | day | days of supply |")]
    kind, says, parameters = (cell.strip("`") for cell in (kind, says, parameters))
    window = 'denominator = "all"'
    if kind != "drugs_at_date":
        window, parameters = "observe = { from = 0, to = 100 }", f"observe_days=100;{parameters}"
    values = answered(f'kind = "{kind}"\n{window}\n' + says.replace("; ", "\n"), *rows)
    assert outcome(values[f"x/{parameters}"])[0] == (float(answer), "ok")


LINES = table("| supply of a statin | supply of ezetimibe | lines |")


@pytest.mark.parametrize(("statin", "ezetimibe", "told"), LINES)
def test_lines_are_those_of_the_manual(statin, ezetimibe, told):
    rows = []
    for code, cell in (("C10AA05", statin), ("C10AX09", ezetimibe)):
        for stretch in filter(None, cell.split(" and ")):
            first, after = map(int, stretch.split("-"))
            rows.append(f"anna {first} {code} 1 {after - first}")
    body = 'kind = "treatment_lines"\ncodes = ["statin", "ezetimibe"]\nsupply = "given"\nstock_cap_days = "none"\n'
    value = answered(f"{body}observe = {{ from = 0, to = 365 }}", *rows)["x/observe_days=365;measure=lines"]
    found = value.lines
    assert found is not None
    names = [None, "statin", "ezetimibe", "statin+ezetimibe"]
    origin = 18262  # 1 January 2020
    lines = [
        f"{names[found.treatment[line, 0]]} {found.start[line, 0] - origin}-{found.end[line, 0] - origin}"
        for line in range(found.lines[0])
    ]
    assert ", ".join(lines) == told


def test_the_manual_has_its_tables():
    assert len(LINES) == 8
    assert len(table("| kind | says | parameters | answer |")) == 9

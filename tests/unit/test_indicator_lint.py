"""What lint finds in an indicator set: each rule once, with its place, and what refuses a set."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from linkage.code_prefixes import fault_of_prefix
from linkage.errors import DefinitionRejected
from linkage.indicator_definition import load_indicator_set, shipped_sets
from linkage.indicator_lint import Severity, lint, refuse_errors
from linkage_server.__main__ import app

TODAY = date(2026, 6, 1)
SET = """
[set]
id = "mine"
version = "1.0.0"
owner = "Me"
next_review = 2027-01-01
title = { sv = "Min", en = "Mine" }
description = { sv = "Min", en = "Mine" }
[codes.statin]
atc_include = ["C10AA", "C10BA"]
atc_exclude = ["C10BA10"]
[supply.usual]
steps = ["units_per_day:1"]
[[indicator]]
id = "start"
kind = "initiation"
codes = "statin"
window = { from = 0, to = 90 }
title = { sv = "Start", en = "Start" }
description = { sv = "Start", en = "Start" }
[[indicator]]
id = "covered"
kind = "proportion_of_days_covered"
codes = "statin"
supply = "usual"
observe = { from = 0, to = 365 }
title = { sv = "Start", en = "Start" }
description = { sv = "Start", en = "Start" }
"""


def found(text: str) -> list[tuple[str, str, str]]:
    return [(one.severity.value, one.place, one.rule) for one in lint(load_indicator_set(text), today=TODAY)]


def test_a_set_in_order_has_no_findings() -> None:
    assert found(SET) == []


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        ('"C10BA"]', '"C10BA", "K10"]', ("error", "codes.statin.atc_include[3]", "unknown_code")),
        ('"C10BA"]', '"C10B10"]', ("error", "codes.statin.atc_include[2]", "unknown_code")),
        ('["C10BA10"]', '["C10"]', ("error", "codes.statin.atc_include", "empty_set")),
        ('["C10BA10"]', '["C10BA"]', ("warning", "codes.statin.atc_include", "excluded_whole")),
        ('"C10BA"]', '"C10BA", "C10AA05"]', ("warning", "codes.statin.atc_include[3]", "shadowed")),
        ('"C10BA10"', '"C10BX"', ("warning", "codes.statin.atc_exclude[1]", "excludes_nothing")),
        ('owner = "Me"', "", ("warning", "set.owner", "no_owner")),
        ("next_review = 2027-01-01", "", ("warning", "set.next_review", "no_review")),
        ("2027-01-01", "2026-05-31", ("warning", "set.next_review", "review_overdue")),
        ('"units_per_day:1"', '"ddd:1"', ("warning", "supply.usual.steps", "ddd_alone")),
        (
            "[supply.usual]",
            '[codes.asa]\natc_include = ["B01AC06"]\n[supply.usual]',
            ("warning", "codes.asa", "unused"),
        ),
        (
            "[supply.usual]",
            '[supply.other]\nsteps = ["fixed:30"]\n[supply.usual]',
            ("warning", "supply.other", "unused"),
        ),
        (
            "[supply.usual]",
            "[drug_use.never.drugs.C10AA]\nddd_low = 1\nddd_usual = 1\ndays_min = 9\ndays_max = 99\n[supply.usual]",
            ("warning", "drug_use.never", "unused"),
        ),
        (
            "[supply.usual]",
            '[codes.copy]\natc_include = ["C10BA", "C10AA"]\natc_exclude = ["C10BA10"]\n[supply.usual]',
            ("warning", "codes.copy", "same_codes"),
        ),
        ('id = "covered"', 'id = "sta-rt"', ("warning", "indicator.sta-rt", "overlapping_names")),
        ('title = { sv = "Min", en = "Mine" }', "", ("warning", "set.title", "no_words")),
        ('atc_exclude = ["C10BA10"]', "needs_review = true", ("note", "codes.statin", "needs_review")),
        (
            'atc_exclude = ["C10BA10"]',
            "valid = { from = 2020-01-01, until = 2020-01-01 }",
            ("error", "codes.statin.valid", "empty_set"),
        ),
    ],
)
def test_each_rule_tells_its_place(old: str, new: str, finding: tuple[str, str, str]) -> None:
    assert old in SET
    assert finding in found(SET.replace(old, new, 1))


def test_indicators_of_unsigned_codes_are_listed() -> None:
    notes = [place for severity, place, _ in found(SET.replace('atc_exclude = ["C10BA10"]', "needs_review = true"))]
    assert notes == ["codes.statin", "indicator.start", "indicator.covered"]


def test_a_set_of_more_than_ten_thousand_indicators_is_refused() -> None:
    body = SET.partition("[[indicator]]")[0].replace('[supply.usual]\nsteps = ["units_per_day:1"]\n', "")
    one = '[[indicator]]\nid = "i{}"\nkind = "users"\ncodes = "statin"\nobserve = {{ from = 0, to = 9 }}\n'
    text = body + "".join(one.format(number) for number in range(10_001))
    assert ("error", "indicator", "too_many") in found(text)


def test_long_lists_and_long_prefixes_are_told_without_repeating_them() -> None:
    many = ", ".join(f'"C{number:02}AA{code:02}"' for number in range(1, 100) for code in range(1, 100))
    assert found(SET.replace('["C10AA", "C10BA"]', f'["C10", {many}]'))[0][2] == "shadowed"
    (error, *_) = lint(load_indicator_set(SET.replace('"C10AA"', f'"C{"0" * 5000}"')), today=TODAY)
    assert (error.rule, len(error.message) < 200) == ("unknown_code", True)


def test_a_refusal_of_many_errors_stays_short() -> None:
    many = ", ".join(f'"K{number}"' for number in range(500))
    with pytest.raises(DefinitionRejected, match="and 480 more") as refused:
        refuse_errors(load_indicator_set(SET.replace('"C10AA"', many)), today=TODAY, source="mine.toml")
    assert len(refused.value.message) < 4000


def test_errors_refuse_a_set_and_warnings_do_not() -> None:
    with pytest.raises(
        DefinitionRejected, match=r"codes\.statin\.atc_include\[1\]: no code begins with 'K10'"
    ) as refused:
        refuse_errors(load_indicator_set(SET.replace('"C10AA"', '"K10"')), today=TODAY, source="mine.toml")
    assert refused.value.mend
    assert refuse_errors(load_indicator_set(SET.replace('owner = "Me"', "")), today=TODAY, source="mine.toml")


@pytest.mark.parametrize(
    ("system", "right", "wrong"),
    [
        ("atc", ["C", "C1", "C10", "C10A", "C10AA", "C10AA0", "C10AA05", "Y75"], ["E10", "C10AAA", "10", "C10AA055"]),
        ("icd10", ["I", "I2", "I21", "I219", "F03X", "K922B"], ["21", "I21.9", "II1", "IA1"]),
        ("kva", ["FNG05", "FNG", "AF021", "9999"], ["FNG055", "F1", "99999"]),
        ("icdo3", ["C50", "C509", "81403", "8140", "M81403"], ["D50", "C5099", "814033A2"]),
        ("snomed", ["195658003", "50591000052105"], ["195658004", "19565", "abc"]),
    ],
)  # fmt: skip
def test_prefixes_are_held_against_the_form_of_their_system(system: str, right: list[str], wrong: list[str]) -> None:
    assert [prefix for prefix in right if fault_of_prefix(prefix, system=system)] == []
    assert [prefix for prefix in wrong if not fault_of_prefix(prefix, system=system)] == []


def test_shipped_sets_have_no_errors() -> None:
    for name, definition in shipped_sets().items():
        assert [one for one in lint(definition, today=TODAY) if one.severity is Severity.ERROR] == [], name


def linted(tmp_path: Path, text: str, *arguments: str) -> tuple[int, str]:
    file = tmp_path / "mine.toml"
    file.write_text(text, encoding="utf-8")
    outcome = CliRunner().invoke(app, ["lab", "lint", str(file), *arguments])
    return outcome.exit_code, outcome.stdout


def test_the_command_refuses_errors_with_3_and_shows_warnings_with_0(tmp_path: Path) -> None:
    code, told = linted(tmp_path, SET.replace('owner = "Me"', ""))
    assert (code, "warning: set.owner" in told, "0 errors, 1 warning, 0 notes" in told) == (0, True, True)
    code, told = linted(tmp_path, SET.replace('"C10AA"', '"K10"'))
    assert (code, "error: codes.statin.atc_include[1]" in told) == (3, True)
    code, told = linted(tmp_path, SET.replace("initiation", "initation"), "--json")
    (finding,) = json.loads(told)["findings"]
    assert (code, finding["rule"], finding["severity"]) == (3, "definition", "error")
    assert "unknown kind 'initation'" in finding["message"]


def test_codes_are_looked_up_in_a_register_and_named_from_it(tmp_path: Path) -> None:
    rows = tmp_path / "lmed.csv"
    rows.write_text("ATC,SUBNAMN\nC10AA05,Atorvastatin\nC10AA05,Atorvastatin\nC10AX09,Ezetimib\n", encoding="utf-8")
    code, told = linted(tmp_path, SET, "--register", f"lmed={rows}", "--json")
    answer = json.loads(told)
    assert code == 0
    assert answer["matched"] == [
        {"codes": "statin", "register": "lmed", "column": "atc", "names": {"C10AA05": "Atorvastatin"}}
    ]
    assert [(one["place"], one["rule"]) for one in answer["findings"]] == [
        ("codes.statin.atc_include[2]", "matches_nothing"),
        ("codes.statin.atc_exclude[1]", "matches_nothing"),
    ]


SUBSTITUTED = """
[[indicator]]
id = "substituted"
kind = "generic_substitution"
observe = { from = 0, to = 365 }
substituted = ["1", "2"]
not_substituted = ["utan byte"]
title = { sv = "Utbytta", en = "Substituted" }
description = { sv = "Utbytta", en = "Substituted" }
"""


def test_codes_of_substitution_that_no_row_can_have_are_told(tmp_path: Path) -> None:
    _, told = linted(tmp_path, SET + SUBSTITUTED, "--json")
    slips = [one["place"] for one in json.loads(told)["findings"] if one["rule"] == "no_row_has_code"]
    assert slips == ["indicator.substituted.not_substituted[1]"]
    rows = tmp_path / "lmed.csv"
    rows.write_text("ATC,BYTET\nC10AA05,1\nC10AA05,utan byte\n", encoding="utf-8")
    _, told = linted(tmp_path, SET + SUBSTITUTED, "--register", f"lmed={rows}", "--json")
    slips = [one["place"] for one in json.loads(told)["findings"] if one["rule"] == "no_row_has_code"]
    assert slips == ["indicator.substituted.substituted[2]"]


def test_diagnoses_are_looked_up_in_all_numbered_columns(tmp_path: Path) -> None:
    rows = tmp_path / "par.csv"
    rows.write_text("hdia,DIA1,DIA2\nI21.9,E11,\nK92.2,,I48\n", encoding="utf-8")
    text = SET.replace("[supply.usual]", '[codes.infarction]\nicd10_include = ["I21", "I48"]\n[supply.usual]')
    _, told = linted(tmp_path, text, "--register", f"par_sv={rows}", "--json")
    matched = {code for one in json.loads(told)["matched"] for code in one["names"]}
    assert matched == {"I21.9", "I48"}


def test_a_register_without_codes_is_refused(tmp_path: Path) -> None:
    rows = tmp_path / "lmed.csv"
    rows.write_text("a,b\n1,2\n", encoding="utf-8")
    file = tmp_path / "mine.toml"
    file.write_text(SET, encoding="utf-8")
    outcome = CliRunner().invoke(app, ["lab", "lint", str(file), "--register", f"lmed={rows}"])
    assert "no column holds codes" in str(outcome.exception)


def test_each_fault_of_a_set_is_told_by_itself_and_in_words(tmp_path: Path) -> None:
    """Three faults: a version, a step of supply, a statistic that is none of the choices."""
    file = tmp_path / "set.toml"
    file.write_text(
        '[set]\nid = "x"\nversion = "1"\n[codes.a]\natc_include = ["C10AA"]\n[supply.q]\nsteps = ["dosge"]\n'
        '[[indicator]]\nid = "v"\nkind = "proportion_of_days_covered"\ncodes = "a"\nsupply = "q"\n'
        'observe = { from = 0, to = 365 }\nstatistic = ["most"]\n'
    )
    told = json.loads(CliRunner().invoke(app, ["lab", "lint", str(file), "--json"]).output)["findings"]
    assert [finding["place"] for finding in told] == [
        "set.version",
        "supply.q.steps[1]",
        "indicator[1].proportion_of_days_covered.statistic[1]",
    ]
    assert told[0]["message"] == "a version is written 1.0.0."
    assert told[2]["message"] == "Input should be 'mean', 'count' or 'share', or: median, or quantile:0.9."
    assert not any("pattern" in finding["message"] for finding in told)


def test_a_file_that_is_no_set_is_named_once(tmp_path: Path) -> None:
    (tmp_path / "set.toml").write_text("[set\n", encoding="utf-8")
    said = CliRunner().invoke(app, ["lab", "lint", str(tmp_path / "set.toml")]).output
    assert (said.count("set.toml"), "is not TOML" in said) == (1, True)

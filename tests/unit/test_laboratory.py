"""`linkage-server lab evaluate` on small files: what it finds, writes and refuses."""

from __future__ import annotations

import hashlib
import json
import math
from importlib import resources
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import typer
from typer.testing import CliRunner

from linkage.errors import InputRefused
from linkage.indicator_definition import load_indicator_set
from linkage_core.indicators import Measure, PersonValues
from linkage_server.__main__ import main
from linkage_server.lab.evaluate import evaluate_command, evaluate_files
from linkage_server.lab.results import per_person
from linkage_server.software_version import software_version

SET = """
[set]
id = "tried"
version = "0.1.0"
[codes.statin]
atc_include = ["C10AA"]
[[indicator]]
id = "start"
kind = "initiation"
codes = "statin"
window = { from = 0, to = 90 }
[[indicator]]
id = "cost"
kind = "cost"
observe = { from = 0, to = 365 }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "set.toml").write_text(SET)
    (tmp_path / "population.csv").write_text(
        "id,index_date,hospital,death_date\np1,2020-01-01,north,\np2,2020-01-01,south,2020-01-20\np3,2020-06-01,south,\n"
    )
    (tmp_path / "lmed.csv").write_text(
        "LopNr,EDATUM,ATC,ANTAL,TKOST\np1,2020-01-05,C10AA05,1,99.50\np2,2020-02-01,C10AA05,1,10\nstranger,2020-01-01,C10AA05,1,1\n"
    )
    return tmp_path


def run(folder: Path, **more: object) -> pd.DataFrame:
    evaluate_files(
        folder / "set.toml",
        population=folder / "population.csv",
        events={"lmed": folder / "lmed.csv"},
        out=folder / "out",
        write_persons=True,
        **more,
    )
    return pd.read_csv(folder / "out" / "per_person.csv", keep_default_na=False)


def test_each_person_has_a_row_with_value_and_reason_under_her_own_name(folder):
    persons = run(folder)
    start = persons[persons.indicator == "start"]
    assert start[["person_id", "value", "reason"]].values.tolist() == [
        ["p1", 1, "ok"],
        ["p2", 0, "ok"],  # dispensed after the death that the population file tells
        ["p3", 0, "no_rows"],
    ]
    assert persons[persons.indicator == "cost"].value.tolist() == [99.5, 0, 0]


def test_a_value_that_is_not_whole_is_written_in_full_and_infinity_as_such():
    (indicator,) = load_indicator_set(SET.replace(SET[SET.rindex("[[indicator]]") :], "")).indicators
    value = PersonValues(
        indicator=indicator,
        parameters="",
        measure=Measure.AMOUNT,
        value=np.array([333_333, 0, 0, 0]),
        reason=np.array([0, 1, 1, 1], np.uint8),
        reasons=("ok", "no_time"),
        scale=1_000_000,
        number=np.array([1 / 3, np.inf, np.nan, 0]),
    )
    rows = per_person([value], persons=pa.array(["p1", "p2", "p3", "p4"]))
    first, infinite, not_a_number, none = rows.column("value").to_pylist()
    assert (first, infinite, none) == (1 / 3, math.inf, None)
    assert math.isnan(not_a_number)


def test_the_table_and_the_definition_with_its_hash_lie_beside(folder):
    run(folder, by=[["hospital"]])
    table = pd.read_csv(folder / "out" / "table.csv")
    share = table[(table.indicator == "start") & (table.statistic == "share")].set_index("hospital")
    assert share.loc["north", ["numerator", "denominator"]].tolist() == [1, 1]
    assert share.loc["total", ["numerator", "denominator"]].tolist() == [1, 3]
    about = json.loads((folder / "out" / "definition.json").read_text())
    assert about["set"] == "tried@0.1.0"
    assert len(about["sha256"]) == 64
    assert about["software"] == software_version()
    read = {name: hashlib.sha256((folder / f"{name}.csv").read_bytes()).hexdigest() for name in about["files"]}
    assert about["files"] == read
    assert {"population", "lmed"} <= read.keys()


def test_the_command_says_what_it_wrote(folder):
    app = typer.Typer()
    app.command()(evaluate_command)
    arguments = [str(folder / "set.toml"), "--population", str(folder / "population.csv")]
    arguments += ["--events", f"lmed={folder / 'lmed.csv'}", "--out", str(folder / "out"), "--per-person", "--json"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert str(folder / "out" / "per_person.parquet") in json.loads(result.output)["written"]


def test_a_refusal_of_the_command_ends_with_exit_code_3_and_its_mend(folder, monkeypatch, capsys):
    command = ["linkage-server", "lab", "evaluate", str(folder / "gone.toml")]
    monkeypatch.setattr("sys.argv", [*command, "--population", "people.csv", "--out", str(folder / "out")])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 3
    said = capsys.readouterr().err
    assert "gone.toml: cannot be read" in said
    assert "Check the path" in said


def test_a_column_that_no_name_tells_can_be_told(folder):
    (folder / "lmed.csv").write_text("who,when,what\np1,2020-01-05,C10AA05\n")
    with pytest.raises(InputRefused, match="no column tells the person"):
        run(folder)
    (folder / "set.toml").write_text(SET.partition('[[indicator]]\nid = "cost"')[0])
    told = {"lmed": {"person": "who", "dispensing_date": "when", "atc": "what"}}
    assert run(folder, columns=told).value.tolist() == [1, 0, 0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("id,index_date\np1,2020-01-01\np1,2020-01-02\n", "rows 1 and 2 below the header are of one person"),
        ("id,index_date\np1,2020-01-01\n,2020-01-02\n", "row 2 below the header names no person"),
        (
            "id,index_date\np1,2020-01-01\np2,2020-01-02\np3,soon\n",
            "column 'index_date': row 3 below the header cannot be read",
        ),
        ("name,index_date\np1,2020-01-01\n", "no column tells the person"),
    ],
)
def test_a_population_that_is_not_as_needed_is_refused_without_its_values(folder, content, message):
    (folder / "population.csv").write_text(content)
    with pytest.raises(InputRefused, match=message) as refused:
        run(folder)
    assert "soon" not in str(refused.value)
    assert "p1" not in str(refused.value)


def test_a_population_without_index_days_is_refused_where_days_are_counted_from_them(folder):
    (folder / "population.csv").write_text("id,hospital\np1,Falun\np2,Mora\n")
    with pytest.raises(InputRefused, match="has no column index_date, from which start"):
        run(folder)


def test_an_amount_beyond_64_bits_is_refused_and_not_wrapped(folder):
    # Hundredths of 2**63 - 1 packages would wrap to one package taken back.
    (folder / "lmed.csv").write_text(f"person_id,date,atc,packages\np1,2020-01-05,C10AA05,{2**63 - 1}\n")
    with pytest.raises(InputRefused, match="column 'packages': row 1 below the header cannot be read"):
        run(folder)


def test_a_file_of_an_unknown_kind_is_refused(folder):
    (folder / "lmed.csv").rename(folder / "lmed.xml")
    with pytest.raises(InputRefused, match="unknown kind of file"):
        evaluate_files(
            folder / "set.toml",
            population=folder / "population.csv",
            events={"lmed": folder / "lmed.xml"},
            out=folder / "out",
        )


def test_numbered_columns_of_a_register_become_one_list(folder):
    (folder / "set.toml").write_text(
        """
        [set]
        id = "x"
        version = "1.0.0"
        [codes.mi]
        icd10_include = ["I21"]
        [[indicator]]
        id = "mi"
        kind = "event_in_window"
        register = "par_sv"
        date = "admission_date"
        codes = "mi"
        columns = ["diagnosis"]
        window = { from = 0, to = 365 }
        """
    )
    (folder / "par.csv").write_text(
        "p1_lopnr_personnr,INDATUM,HDIA,DIA1,DIA2\np1,2020-02-01,I509,,I214\np3,2020-07-01,I219,E119,\n"
    )
    evaluate_files(
        folder / "set.toml",
        population=folder / "population.csv",
        events={"par_sv": folder / "par.csv"},
        out=folder / "out",
        write_persons=True,
    )
    assert pd.read_parquet(folder / "out" / "per_person.parquet").value.tolist() == [1, 0, 0]


def test_one_indicator_can_be_tried_by_itself(folder):
    assert set(run(folder, only=["cost"]).indicator) == {"cost"}
    with pytest.raises(InputRefused, match="has no indicator 'coast'"):
        run(folder, only=["coast"])


@pytest.mark.parametrize(
    "arguments",
    [
        ["evaluate", "set.toml", "--population", "population.csv", "--events", "lmed=lmed.csv", "--out", "/proc/x"],
        ["evaluate", "set.toml", "--population", "population.csv", "--events", "lmed=lmed.csv", "--out", "set.toml/x"],
        ["protect", "standard.toml", "cells.csv", "--layout", "layout.json", "--out", "/proc/x"],
        ["catalogue", "standard-report@1.0.0", "--html", "/proc/x"],
        ["schema", "--out", "/proc/x"],
    ],
)
def test_a_place_that_cannot_be_written_to_is_refused_input(folder, arguments, monkeypatch, capsys):
    policies = resources.files("linkage") / "definitions" / "policies"
    (folder / "standard.toml").write_text((policies / "standard.toml").read_text())
    (folder / "cells.csv").write_text("sex,persons\nmen,20\nwomen,30\n")
    layout = {"sex": {"total": "all", "hierarchies": [{"all": ["men", "women"]}]}}
    (folder / "layout.json").write_text(json.dumps({"dims": layout, "measures": {"persons": {"kind": "count"}}}))
    monkeypatch.chdir(folder)
    said = refused(["lab", *arguments], monkeypatch, capsys)
    assert arguments[-1] in said
    assert "Check the path" in said


def test_a_register_that_is_missing_is_mended_by_an_option_and_no_order(folder, monkeypatch, capsys):
    command = ["lab", "evaluate", str(folder / "set.toml"), "--population", str(folder / "population.csv")]
    said = refused([*command, "--out", str(folder / "out")], monkeypatch, capsys)
    assert "--events lmed=FILE" in said
    assert "order" not in said


def test_dates_of_death_that_are_missing_are_mended_by_an_option_and_no_order(folder, monkeypatch, capsys):
    alive = SET.replace('codes = "statin"\n', 'codes = "statin"\ndenominator = "alive_at_N"\n')
    (folder / "set.toml").write_text(alive)
    (folder / "population.csv").write_text("id,index_date\np1,2020-01-01\n")
    command = ["lab", "evaluate", str(folder / "set.toml"), "--population", str(folder / "population.csv")]
    command += ["--events", f"lmed={folder / 'lmed.csv'}", "--out", str(folder / "out")]
    said = refused(command, monkeypatch, capsys)
    assert "death_date into the population file" in said
    assert "order" not in said


@pytest.mark.parametrize("stands_for_none", ["9999-12-31", "2999-01-01", "1800-01-01", "0001-01-01"])
def test_an_index_date_that_stands_for_none_is_an_error_of_that_person_alone(folder, stands_for_none):
    people = (folder / "population.csv").read_text()
    (folder / "population.csv").write_text(people.replace("p3,2020-06-01", f"p3,{stands_for_none}"))
    found = run(folder, by=[["index:year"]])
    told = found[found.indicator == "start"].set_index("person_id")
    assert told.reason.to_dict() == {"p1": "ok", "p2": "ok", "p3": "error:index_date"}
    years = set(pd.read_csv(folder / "out" / "table.csv")["index_year"].astype(str))
    assert years == {"2020", "unknown", "total"}


def test_a_daily_dose_is_read_as_the_file_has_it(folder):
    """Twenty days that are left last forty at half the dose: two thirds of a tablet in four decimals are too few."""
    (folder / "set.toml").write_text(
        '[set]\nid = "x"\nversion = "1.0.0"\n[codes.a]\natc_include = ["C10"]\n[supply.s]\nsteps = ["days_supply"]\n'
        '[[indicator]]\nid = "cma"\nkind = "medication_availability"\ncodes = "a"\nsupply = "s"\nmeasure = "cma7"\n'
        'dosage_change = true\nfollow_up = { anchor = "index_date", length = 100 }\n'
    )
    (folder / "population.csv").write_text("id,index_date\np1,2020-01-01\np2,2020-01-01\n")
    doses = {"p1": (0.00002, 0.00001), "p2": (2 / 3, 1 / 3)}
    rows = [
        f"{person},2020-01-{day:02},C10AA05,1,30,{dose!r}\n"
        for person, both in doses.items()
        for day, dose in zip((1, 11), both, strict=True)
    ]
    (folder / "lmed.csv").write_text("id,date,atc,packages,duration,perday\n" + "".join(rows))
    evaluate_files(
        folder / "set.toml",
        population=folder / "population.csv",
        events={"lmed": folder / "lmed.csv"},
        out=folder / "out",
        write_persons=True,
        write_events=True,
    )
    events = pd.read_csv(folder / "out" / "events.csv")
    # Twenty days of the first are left on day 10, and last forty at half the dose.
    assert events.groupby("person_id")["carry_in_days"].max().to_dict() == {"p1": 40.0, "p2": 40.0}


def test_codes_that_no_row_has_are_told_beside_the_result(folder, monkeypatch, capsys):
    """They count nothing, and a 0 looks like an answer."""
    (folder / "set.toml").write_text(
        '[set]\nid = "x"\nversion = "1.0.0"\n[[indicator]]\nid = "sub"\nkind = "generic_substitution"\n'
        'observe = { from = 0, to = 365 }\nsubstituted = ["utbytt", "1"]\nnot_substituted = ["2"]\n'
    )
    (folder / "lmed.csv").write_text(
        "LopNr,EDATUM,ATC,ANTAL,BYTET\np1,2020-01-05,C10AA05,1,1\np2,2020-01-06,C10AA05,1,2\n"
    )
    command = ["linkage-server", "lab", "evaluate", str(folder / "set.toml"), "--out", str(folder / "out")]
    command += ["--population", str(folder / "population.csv"), "--events", f"lmed={folder / 'lmed.csv'}"]
    monkeypatch.setattr("sys.argv", command)
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    assert capsys.readouterr().err == "warning: sub: no row has the code 'utbytt', so that none is counted by it.\n"
    told = json.loads((folder / "out" / "definition.json").read_text())
    assert told["warnings"] == ["sub: no row has the code 'utbytt', so that none is counted by it."]


def refused(command, monkeypatch, capsys):
    """Run a command that is refused as input; what it says."""
    monkeypatch.setattr("sys.argv", ["linkage-server", *command])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 3
    return capsys.readouterr().err


@pytest.mark.parametrize("bands", ["age:<65,70+", "age:65+,<65", "age:<65,60+", "age:young"])
def test_bands_of_age_that_leave_somebody_out_are_refused_as_in_an_order(folder, bands):
    with pytest.raises(InputRefused, match=f"--by {bands.replace('+', '.')}") as refused:
        run(folder, by=[["hospital", bands]])
    assert "age:<65,65-74" in refused.value.mend
    assert not (folder / "out").exists()

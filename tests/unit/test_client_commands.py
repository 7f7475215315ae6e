"""The client's commands without a service: every bad input has its exit code, cause and mend, and no stack trace."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path

import pytest
from typer.testing import CliRunner

from linkage.errors import EXIT_CODES, NotFound
from linkage_client import commands_orders
from linkage_client.__main__ import run
from linkage_client.commands_catalogue import _require
from linkage_server.__main__ import app as server_app
from linkage_server.demo.test_numbers import read_test_numbers
from tests.support.orders import order_text

NUMBERS = read_test_numbers()[20_000:20_010]
HEADER = "personnummer;index_date;hospital\n"
GOOD = HEADER + "".join(f"{number};2024-03-01;Falun\n" for number in NUMBERS)


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    """Exit code and all that was printed; asserts what holds for every refusal."""
    code = run(arguments)
    out, err = capsys.readouterr()
    assert code != 0
    assert "Traceback" not in out + err
    assert not any(number in out + err or number[2:] in out + err for number in NUMBERS)
    return code, out + err


BAD_FILES: dict[str, bytes] = {
    "empty": b"",
    "binary": bytes(range(256)) * 20,
    "wrongly encoded": HEADER.encode() + "Köping".encode("utf-16"),
    "another delimiter": GOOD.replace(";", "|").encode(),
    "no such column": GOOD.replace("personnummer", "pnr").encode(),
    "a column twice": GOOD.replace("hospital", "index_date").encode(),
    "a header only": HEADER.encode(),
    "no valid row": (HEADER + "191200000000;2024-03-01;Falun\n").encode(),
    "one person, two hospitals": (GOOD + f"{NUMBERS[0]};2024-03-01;Mora\n").encode(),
    "a date out of range": GOOD.replace("2024-03-01", "2204-03-01", 1).encode(),
    "a date that is none": GOOD.replace("2024-03-01", "1/3 2024", 1).encode(),
    "a number in a stratum": GOOD.replace("Falun", NUMBERS[3], 1).encode(),
    "a row too long": (GOOD + f"{NUMBERS[0]};2024-03-01;Falun;more\n").encode(),
}


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_population_file_is_refused_by_check_and_by_submit(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    population, order = tmp_path / "population.csv", tmp_path / "order.toml"
    population.write_bytes(BAD_FILES[case])
    order.write_text(order_text())
    code, said = refused(["check", str(population), "--order", str(order)], capsys)
    assert (code, len(said) > 40) == (3, True)
    code, said = refused(["submit", str(order), "--population", str(population), "--home", str(tmp_path)], capsys)
    assert code == 3
    assert "Mend:" in said


def test_a_clean_file_ends_with_0(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "p.csv").write_text(GOOD)
    assert run(["check", str(tmp_path / "p.csv")]) == 0
    assert "The file is clean." in capsys.readouterr().out


def test_one_fault_and_one_repeated_row_are_told_as_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = GOOD.splitlines()
    (tmp_path / "p.csv").write_text("\n".join([*lines, lines[1]]))
    assert run(["check", str(tmp_path / "p.csv")]) == 0
    assert "1 row repeats another row" in capsys.readouterr().out
    (tmp_path / "p.csv").write_text("\n".join([*lines[:3], "x" + lines[4]]))
    code, said = refused(["check", str(tmp_path / "p.csv")], capsys)
    assert (code, said.endswith("\n1 fault.\n")) == (3, True)


def test_the_help_of_both_programs_tells_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    for shown in (capsys.readouterr().out, CliRunner().invoke(server_app, ["--help"]).output):
        assert EXIT_CODES in " ".join(shown.split())


def test_every_bad_row_is_listed_with_its_value_masked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = GOOD.splitlines()
    for row in (2, 5, 9):
        lines[row] = "x" + lines[row]
    (tmp_path / "p.csv").write_text("\n".join(lines))
    code, said = refused(["check", str(tmp_path / "p.csv")], capsys)
    assert code == 3
    assert [line.split("\t")[:3] for line in said.splitlines() if "\t" in line] == [
        [f"row {row}", "personnummer", "************"] for row in (3, 6, 10)
    ]
    assert run(["check", str(tmp_path / "p.csv"), "--json"]) == 3
    found = json.loads(capsys.readouterr().out)
    assert [problem["row"] for problem in found["problems"]] == [3, 6, 10]
    assert all(problem["rule"] and problem["mend"] for problem in found["problems"])


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["check", "/nowhere.csv"], 3),
        (["check"], 2),
        (["nonsense"], 2),
        (["submit", "/nowhere.toml", "--population", "/nowhere.csv"], 3),
        (["status"], 5),
        (["fetch", "order", "--to", "/nowhere"], 5),
        (["verify", "/nowhere"], 5),
        (["cancel", "order"], 5),
        (["catalogue", "registers"], 5),
        (["enrol", "/nowhere.json", "--pin", "00"], 3),
        (["init", "--organisation", "Not An Id"], 3),
    ],
)
def test_each_command_refuses_with_its_own_code_in_words_and_in_json(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    code: int,
) -> None:
    monkeypatch.setenv("LINKAGE_HOME", str(tmp_path / "home"))
    assert refused(arguments, capsys)[0] == code
    got = run([*arguments, "--json"])
    out = capsys.readouterr().out
    assert got == code
    assert json.loads(out)["exit_code"] == code


def test_init_makes_keys_once_and_a_wrong_pin_is_not_believed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    assert run(["init", "--organisation", "swedeheart", "--home", str(home)]) == 0
    assert {path.stat().st_mode & 0o777 for path in (home / "tls.key", home / "signing.pem")} == {0o600}
    assert home.stat().st_mode & 0o777 == 0o700
    capsys.readouterr()
    assert refused(["init", "--organisation", "swedeheart", "--home", str(home)], capsys)[0] == 6
    assert "PRIVATE" not in (home / "enrolment-request.json").read_text()


def test_a_bug_of_ours_ends_with_1_and_its_place_and_never_its_text(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_: Path) -> None:
        raise KeyError(NUMBERS[0])

    monkeypatch.setattr(commands_orders, "require_file", broken)
    code, said = refused(["check", "x.csv", "--order", "y.toml"], capsys)
    assert code == 1
    assert "KeyError" in said
    assert "broken" in said


def test_the_version_is_that_of_the_installed_distribution(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out.strip() == metadata.version("register-linkage")


def test_what_was_asked_for_by_name_and_is_not_there_is_refused_and_not_an_empty_answer() -> None:
    with pytest.raises(NotFound, match="no register of that name") as refusal:
        _require([], asked="nope", what="register of that name", mend="linkage catalogue registers")
    assert refusal.value.mend == "See: linkage catalogue registers"
    _require([], asked="", what="register of that name", mend="")
    _require(["lmed"], asked="lmed", what="register of that name", mend="")

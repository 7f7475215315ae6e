"""Differential privacy: what was spent stays spent, whatever is killed, and nobody draws twice about one question."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from linkage.differential_privacy import DifferentialPrivacy
from linkage.errors import DisclosureRefused, InputRefused, StateConflict
from linkage_server.__main__ import app
from linkage_server.lab.privacy_ledger import BUDGETS, PrivacyLedger, open_ledger
from tests.support.perturbed_tables import home_of, made_up_persons, policy_of, protect_persons

pytest.importorskip("opendp", reason="differential privacy is an extra")

RULES = DifferentialPrivacy(
    population="lmed", epsilon=1.0, unit="person", contributions=1, budget_epsilon=3.0, budget_delta=0.0
)
PERSONS = made_up_persons(5)
_STEPS = {"open", "os.rename", "os.truncate", "os.mkdir", "os.remove"}


def private_policy(**figures: object) -> Any:
    written = {
        "population": "lmed",
        "epsilon": 1.0,
        "unit": "person",
        "contributions": 1,
        "budget_epsilon": 2.5,
    } | figures
    body = "".join(f"{name} = {json.dumps(value)}\n" for name, value in written.items())
    return policy_of(f"[mechanism.differential_privacy]\n{body}")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return home_of(tmp_path_factory.mktemp("private") / "home")


def ask(ledger: PrivacyLedger, *, drawn: int) -> list[int]:
    """What a release does: known numbers, or newly drawn ones that are paid for."""
    known = ledger.find("a" * 64)
    if known is None:
        known = np.arange(3) + drawn
        ledger.pay("a" * 64, known, loss=1.0)
    return [int(number) for number in known]


def asked_and_killed(home: Path, *, step: int, drawn: int) -> bool:
    """Ask in a process that kills itself at a step; the numbers that it gave out lie in `given`. Whether it ended."""
    child = os.fork()
    if child == 0:
        left = step

        def count() -> bool:
            nonlocal left
            left -= 1
            return left == 0

        def watch(event: str, arguments: Any) -> None:
            if event in _STEPS and BUDGETS in str(arguments[0]) and count():
                os.kill(os.getpid(), signal.SIGKILL)

        whole_write, whole_sync = os.write, os.fsync

        def write(descriptor: int, content: bytes) -> int:
            if count():
                whole_write(descriptor, content[: len(content) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            return whole_write(descriptor, content)

        def sync(descriptor: int) -> None:
            if count():
                os.kill(os.getpid(), signal.SIGKILL)
            whole_sync(descriptor)

        os.write, os.fsync = write, sync  # type: ignore[assignment]
        sys.addaudithook(watch)
        with open_ledger(home, RULES) as ledger:
            numbers = ask(ledger, drawn=drawn)
        (home / "given").write_text(json.dumps(numbers))
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return not os.WIFSIGNALED(status)


def test_killed_at_any_step_it_gives_out_one_draw_and_pays_once(tmp_path: Path) -> None:
    kills = 0
    for step in range(1, 100):
        home = tmp_path / str(step)
        home.mkdir()
        ended = asked_and_killed(home, step=step, drawn=100)
        given = json.loads((home / "given").read_text()) if (home / "given").exists() else None
        assert ended == (given is not None)
        with open_ledger(home, RULES) as ledger:
            paid_before = len(ledger.releases)
            numbers = ask(ledger, drawn=200)
            assert len(ledger.releases) == 1
        assert numbers == ([100, 101, 102] if paid_before else [200, 201, 202])
        assert given is None or given == numbers
        if ended:
            break
        kills += 1
    assert kills > 10
    assert ended


def test_a_torn_line_was_never_given_out_and_is_cut_off(tmp_path: Path) -> None:
    with open_ledger(tmp_path, RULES) as ledger:
        ask(ledger, drawn=1)
    path = tmp_path / BUDGETS / "lmed" / "ledger.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"loss": 1.0, "numbers')
    with open_ledger(tmp_path, RULES) as ledger:
        assert len(ledger.releases) == 1
    assert path.read_bytes() == whole
    path.write_bytes(whole + b"not a line\n")
    with pytest.raises(InputRefused, match="not a ledger"), open_ledger(tmp_path, RULES):
        pass


def test_lost_numbers_are_not_drawn_anew(tmp_path: Path) -> None:
    with open_ledger(tmp_path, RULES) as ledger:
        ask(ledger, drawn=1)
    (numbers,) = (tmp_path / BUDGETS / "lmed").glob("*.npy")
    numbers.unlink()
    with open_ledger(tmp_path, RULES) as ledger, pytest.raises(StateConflict, match="not as they were stored"):
        ask(ledger, drawn=2)


def test_a_larger_budget_for_the_same_population_is_refused(tmp_path: Path) -> None:
    with open_ledger(tmp_path, RULES):
        pass
    larger = RULES.model_copy(update={"budget_epsilon": 9.0})
    with pytest.raises(StateConflict, match="was set when it was first released"), open_ledger(tmp_path, larger):
        pass


def test_the_same_release_gives_the_same_numbers_and_spends_nothing_and_others_until_the_budget_is_spent(
    home: Path, tmp_path: Path
) -> None:
    policy = private_policy()
    first = protect_persons(tmp_path / "one", PERSONS, policy, home)
    again = protect_persons(tmp_path / "two", PERSONS[::-1], policy, home)
    assert first == again
    one, two = (json.loads((tmp_path / name / "out" / "summary.json").read_text())["n"] for name in ("one", "two"))
    assert one == two
    assert one["budget_epsilon_spent"] == pytest.approx(1.0)
    other = protect_persons(tmp_path / "three", PERSONS[1:], policy, home)
    assert other != first
    # Two of two and a half are spent.
    with pytest.raises(DisclosureRefused, match=r"epsilon 2 of 2\.5 is spent"):
        protect_persons(tmp_path / "four", PERSONS[2:], policy, home)
    assert not (tmp_path / "four" / "out").exists()
    assert protect_persons(tmp_path / "five", PERSONS, policy, home) == first
    protect_persons(tmp_path / "six", PERSONS[2:], private_policy(epsilon=0.5), home)
    with pytest.raises(DisclosureRefused, match="is spent"):
        protect_persons(tmp_path / "seven", PERSONS[3:], private_policy(epsilon=0.1), home)
    trail = CliRunner().invoke(app, ["audit", "show", "--home", str(home), "--json"]).output
    assert trail.count('"privacy.release"') >= 7
    assert trail.count("budgets/lmed") >= 7


def test_three_tenths_fit_into_three_tenths(home: Path, tmp_path: Path) -> None:
    """Added up in binary fractions they are a little more."""
    policy = private_policy(population="tenths", epsilon=0.1, budget_epsilon=0.3)
    for number in range(3):
        protect_persons(tmp_path / str(number), PERSONS[number:], policy, home)
    with pytest.raises(DisclosureRefused, match="is spent"):
        protect_persons(tmp_path / "more", PERSONS[10:], policy, home)


def test_a_backup_keeps_what_was_spent(tmp_path: Path) -> None:
    home = home_of(tmp_path / "home")
    protect_persons(tmp_path / "one", PERSONS, private_policy(population="kept"), home)
    archive = tmp_path / "backup.tar"
    told = CliRunner().invoke(app, ["backup", str(archive), "--home", str(home)])
    assert told.exit_code == 0, told.output
    with tarfile.open(archive) as files:
        assert f"{BUDGETS}/kept/ledger.jsonl" in files.getnames()
    shutil.rmtree(home / BUDGETS)
    told = CliRunner().invoke(app, ["backup", str(tmp_path / "older.tar"), "--home", str(home)])
    assert told.exit_code == 0, "a home folder of an earlier version has none"


def test_noise_follows_no_seed(home: Path, tmp_path: Path) -> None:
    """Two populations with budgets of their own: the same question, other noise, whatever is seeded here."""
    drawn = []
    for name in ("first", "second"):
        np.random.seed(1)
        drawn.append(protect_persons(tmp_path / name, PERSONS, private_policy(population=name), home))
    assert drawn[0] != drawn[1]


def test_gaussian_releases_cost_less_together_than_one_by_one(home: Path, tmp_path: Path) -> None:
    policy = private_policy(population="gauss", delta=1e-6, budget_delta=1e-6, budget_epsilon=2.0)
    for number in range(2):
        protect_persons(tmp_path / str(number), PERSONS[number:], policy, home)
    spent = json.loads((tmp_path / "1" / "out" / "summary.json").read_text())["n"]["budget_epsilon_spent"]
    assert 1 < spent < 2

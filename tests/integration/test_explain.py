"""An order explained before it runs, and reported after: over the wire, and at the holder's console."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from linkage.errors import InputRefused, LinkageError, NotFound
from linkage_client import Linkage
from linkage_client.__main__ import run
from linkage_client.home import ClientHome
from linkage_server.__main__ import app
from linkage_server.demo.made_up_registers import MadeUpRegisters
from linkage_server.runs.linkage_run import STAGES
from tests.support.loaded_service import SMALL_ORDER, LoadedService


@pytest.fixture(scope="module")
def heart(running: LoadedService, tmp_path_factory: pytest.TempPathFactory) -> ClientHome:
    return running.enrol(tmp_path_factory.mktemp("heart") / "home", organisation="heart-register")


@pytest.fixture(scope="module")
def order_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("order") / "order.toml"
    path.write_text(SMALL_ORDER)
    return path


@pytest.fixture(scope="module")
def order(running: LoadedService, heart: ClientHome, order_file: Path, made: MadeUpRegisters) -> str:
    """An order whose population was accepted."""
    with Linkage(heart.root) as linkage:
        return linkage.submit(order_file, made.population).order.name


def console(service: LoadedService, *words: str) -> Any:
    result = CliRunner().invoke(app, [*words, "--home", str(service.root), "--json"])
    assert result.exit_code == 0, result.output
    return json.loads(result.output)


def test_an_order_file_is_explained_for_any_number_of_persons(heart: ClientHome, order_file: Path) -> None:
    with Linkage(heart.root) as linkage:
        few, many = (linkage.explain(order_file, persons=persons) for persons in (1234, 5_000_000))
        assert few.persons == 1200
        assert [one.name for one in few.registers] == ["lmed", "par_sv", "dors"]
        assert set(few.seconds) == set(STAGES)
        for one, other in zip(few.registers, many.registers, strict=True):
            assert 0 < one.rows <= other.rows
            assert 0 < one.bytes <= other.bytes <= other.bytes_held
            assert (one.snapshot, one.columns) == (other.snapshot, other.columns)
        assert few.registers[0].rows < many.registers[0].rows
        assert few.memory_bytes < few.memory_limit_bytes
        with pytest.raises(InputRefused, match="number of persons"):
            linkage.explain(order_file)
        with pytest.raises(LinkageError):
            linkage.explain(order_file, persons=2**63)


def test_an_explanation_knows_the_size_of_a_population_and_nothing_else_of_it(
    heart: ClientHome, order: str, order_file: Path, made: MadeUpRegisters
) -> None:
    sent = len(made.population.read_text().splitlines()) - 1
    with Linkage(heart.root) as linkage:
        assert linkage.explain(order) == linkage.explain(order_file, persons=sent)
        assert linkage.explain(order) == linkage.explain(order_file, persons=round(float(f"{sent:.1e}")))


def test_another_organisations_order_is_explained_to_nobody_else(
    running: LoadedService, order: str, tmp_path: Path
) -> None:
    stranger = running.enrol(tmp_path / "stranger", organisation="stroke-register")
    with Linkage(stranger.root) as linkage:
        answers = set()
        for name in (order, "organisations/heart-register/orders/bbbb-cccc-dddd"):
            with pytest.raises(NotFound) as refused:
                linkage.explain(name, persons=1000)
            answers.add((refused.value.message, refused.value.mend))
        assert len(answers) == 1


def test_an_explanation_is_an_access_in_the_audit_log_and_leaves_no_plan(
    running: LoadedService, heart: ClientHome, order: str
) -> None:
    with Linkage(heart.root) as linkage:
        linkage.explain(order)
        assert linkage.order(order).stage == ""
    newest = running.service.trail.newest(limit=3)
    explained = [one for one in newest if one.action.endswith("/ExplainOrder") and one.subject == order]
    assert [(one.outcome, one.actor) for one in explained] == [("OK", "heart-register")]


def test_the_commands_of_both_sides_say_the_same(
    running: LoadedService, heart: ClientHome, order: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["explain", order, "--home", str(heart.root), "--json"]) == 0
    theirs = json.loads(capsys.readouterr().out)
    for words in (("order", "explain", order), ("orders", "explain", order.rpartition("/")[2])):
        ours = console(running, *words)
        for name in ("persons", "blocks", "memory_bytes", "memory_limit_bytes", "rule"):
            assert ours[name] == theirs[name]
        assert [one["rows"] for one in ours["registers"]] == [one["rows"] for one in theirs["registers"]]
        # Names of deliveries are for the holder; the wire has their number.
        assert [one["deliveries"] for one in theirs["registers"][0]["segments"]] == [
            len(one["deliveries"]) for one in ours["registers"][0]["segments"]
        ]
    assert run(["explain", order, "--home", str(heart.root)]) == 0
    assert "Nothing was linked for it." in " ".join(capsys.readouterr().out.split())
    result = CliRunner().invoke(app, ["orders", "explain", order, "--home", str(running.root)])
    assert "beside the mapped registers" in result.output


def test_a_run_reports_what_it_touched_beside_what_was_expected(running: LoadedService, order: str) -> None:
    running.approve(order)
    running.wait_until(order, {"awaiting_release"})
    numbers = console(running, "orders", "show", order)["run"]
    expected, report = numbers["expected"], numbers["report"]
    assert report["blocks"] >= 1
    assert set(report["seconds"]) == set(STAGES) == set(expected["seconds"])
    assert report["core_seconds"] > 0
    for one, other in zip(expected["registers"], report["registers"], strict=True):
        assert one["name"] == other["name"]
        assert len(one["segments"]) == other["segments"]
        # Rough: two figures at most, and nothing exact about a few.
        assert other["rows"] == "<100" or len(other["rows"].strip("0")) <= 2
    shown = CliRunner().invoke(app, ["orders", "show", order, "--home", str(running.root)]).output
    assert "lmed: rows" in shown
    log = (running.root / "logs" / "service.jsonl").read_text()
    assert '"event": "run_touched"' in log
    assert '"event": "run_took"' in log
    # The next explanation is calibrated by this run.
    assert console(running, "orders", "explain", order)["earlier_runs"] == 1

"""The real client program against the real service program: what it does, and what it says when something is wrong."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest

from linkage.errors import EnvelopeRejected, ServiceUnavailable
from linkage.order import OrderState
from linkage_client import AsyncLinkage, Linkage, populations, submission
from linkage_client.__main__ import run
from linkage_client.home import ClientHome
from linkage_server.access.permits import Role
from linkage_server.demo.test_numbers import read_test_numbers
from linkage_server.storage.order_states import move_order
from tests.support.identity_search import IdentitySearch
from tests.support.loaded_service import LoadedService
from tests.support.orders import order_text
from tests.support.protected_example import counted_example, protected_example
from tests.support.released_example import example_context

ROWS = 400


@pytest.fixture(scope="module")
def home(running: LoadedService, tmp_path_factory: pytest.TempPathFactory) -> ClientHome:
    return running.enrol(tmp_path_factory.mktemp("client") / "home", organisation="swedeheart")


@dataclass
class Files:
    order: Path
    population: Path

    @property
    def arguments(self) -> list[str]:
        return [str(self.order), "--population", str(self.population)]


@pytest.fixture
def files(tmp_path: Path) -> Files:
    order, population = tmp_path / "order.toml", tmp_path / "population.csv"
    order.write_text(
        order_text(
            indicators=[{"set": "swedeheart-secondary-prevention", "version": "1.0.0"}],
            registers=["lmed", "par_sv", "dors"],
            title=tmp_path.name[:80],
        )
    )
    lines = ["personnummer;index_date;hospital"]
    for row, number in enumerate(read_test_numbers()[20_000 : 20_000 + ROWS]):
        born_long_ago = date(2024, 6, 1) + timedelta(row % 200)
        lines.append(f"{number};{born_long_ago};Hospital {row % 3}")
    population.write_text("\n".join(lines) + "\n")
    return Files(order, population)


def answer(arguments: list[str], home: ClientHome, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, object]]:
    """Exit code and JSON answer of one command."""
    code = run([*arguments, "--home", str(home.root), "--json"])
    return code, json.loads(capsys.readouterr().out)


def submitted(files: Files, home: ClientHome) -> str:
    with Linkage(home.root) as linkage:
        return linkage.submit(files.order, files.population).order.name


def test_an_order_is_submitted_shown_and_cancelled(
    files: Files, home: ClientHome, capsys: pytest.CaptureFixture[str]
) -> None:
    code, done = answer(["submit", *files.arguments], home, capsys)
    assert code == 0, done
    order, receipt = done["order"], done["receipt"]
    assert isinstance(order, dict)
    assert isinstance(receipt, dict)
    assert order["state"] == "awaiting_approval"
    assert receipt["linkable"] == "200-499"
    assert list(home.submissions.iterdir()) == []
    short = order["name"].rsplit("/", maxsplit=1)[1]
    code, shown = answer(["status", short], home, capsys)
    assert (code, shown["name"], shown["waits_for"]) == (0, order["name"], "officer")
    assert run(["status", "--home", str(home.root)]) == 0
    listed = capsys.readouterr().out
    assert order["name"] in listed
    assert "awaiting approval" in listed
    code, cancelled = answer(["cancel", short], home, capsys)
    assert (code, cancelled["state"]) == (0, "cancelled")
    code, refused = answer(["cancel", short], home, capsys)
    assert (code, "filed as a new order" in refused["error"]["mend"]) == (6, True)


def test_status_tells_what_the_orderer_does_next(
    files: Files, home: ClientHome, running: LoadedService, capsys: pytest.CaptureFixture[str]
) -> None:
    name = submitted(files, home)
    assert run(["status", name, "--home", str(home.root)]) == 0
    assert "files a new order" not in capsys.readouterr().out
    with running.service.database.transaction() as session:
        order_id = name.rsplit("/", maxsplit=1)[1]
        to = OrderState.RETURNED
        move_order(session, order_id=order_id, to=to, by="officer", reason="Too few.", expected_etag=None)
    assert run(["status", name, "--home", str(home.root)]) == 0
    assert "Mend the order file and submit it: that files a new order." in capsys.readouterr().out


def test_validate_only_files_nothing(files: Files, home: ClientHome, capsys: pytest.CaptureFixture[str]) -> None:
    with Linkage(home.root) as linkage:
        before = len(linkage.orders())
    assert run(["submit", *files.arguments, "--validate-only", "--home", str(home.root)]) == 0
    assert "Nothing was filed" in capsys.readouterr().out
    with Linkage(home.root) as linkage:
        assert len(linkage.orders()) == before
    assert list(home.submissions.iterdir()) == []


def test_the_asynchronous_api_gives_the_same(files: Files, home: ClientHome) -> None:
    async def journey() -> tuple[str, str, int]:
        async with AsyncLinkage(home.root) as linkage:
            done = await linkage.submit(files.order, files.population)
            found = await linkage.order(done.order.name)
            return found.state, found.name, len([one for one in await linkage.orders() if one.name == found.name])

    state, name, listed = asyncio.run(journey())
    with Linkage(home.root) as linkage:
        assert linkage.order(name).state == state == OrderState.AWAITING_APPROVAL
    assert listed == 1


def test_the_python_examples_of_the_manual_run(
    files: Files, home: ClientHome, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    manual = Path(__file__).resolve().parents[2] / "docs" / "manual" / "client.md"
    examples = re.findall(r"```python\n(.*?)```", manual.read_text(encoding="utf-8"), re.DOTALL)
    monkeypatch.chdir(files.order.parent)
    monkeypatch.setenv("LINKAGE_HOME", str(home.root))
    for example in examples:
        exec(compile(example, str(manual), "exec"), {})
    printed = capsys.readouterr().out
    assert len(examples) == 2
    assert "'lmed'" in printed
    assert f"{ROWS} None" in printed


@pytest.mark.parametrize("stage", ["start_upload", "send_bytes", "finish_upload"])
def test_a_submission_that_was_cut_off_goes_on_with_the_same_command(
    files: Files, home: ClientHome, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    async def cut(*_: object, **__: object) -> None:
        raise ServiceUnavailable("the line was cut.")

    with monkeypatch.context() as patched:
        patched.setattr(submission, stage, cut)
        with pytest.raises(ServiceUnavailable):
            submitted(files, home)
    (folder,) = home.submissions.iterdir()
    notes = json.loads((folder / "notes.json").read_text())
    sealed = (folder / "population.sealed").read_bytes()
    assert IdentitySearch(read_test_numbers()).in_folder(folder) == []
    assert submitted(files, home) == notes["order"]
    assert len(sealed) == notes["container_bytes"]
    assert list(home.submissions.iterdir()) == []


def test_an_order_whose_answer_was_lost_is_filed_once(
    files: Files, home: ClientHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: list[str] = []
    real = submission.create_order

    async def lose_the_answer(*arguments: object, **keywords: object) -> object:
        names.append((await real(*arguments, **keywords)).name)  # type: ignore[arg-type]
        raise ServiceUnavailable("the line was cut.")

    with monkeypatch.context() as patched:
        patched.setattr(submission, "create_order", lose_the_answer)
        with pytest.raises(ServiceUnavailable):
            submitted(files, home)
    assert [submitted(files, home)] == names


def test_an_upload_cut_in_the_middle_sends_only_the_rest(
    files: Files, home: ClientHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(populations, "MESSAGE_BYTES", 1_000)
    monkeypatch.setattr(populations, "_FIRST_PAUSE_SECONDS", 0.0)
    real, starts = populations._pieces, []

    async def cut_once(upload: str, path: Path, *, start: int, end: int, progress: object) -> object:
        starts.append(start)
        sent = 0
        async for piece in real(upload, path, start=start, end=end, progress=progress):  # type: ignore[arg-type]
            if len(starts) == 1 and sent == 3:
                return
            sent += 1
            yield piece

    monkeypatch.setattr(populations, "_pieces", cut_once)
    assert submitted(files, home)
    assert starts == [0, 3_000]


def test_an_envelope_signed_by_other_keys_is_refused_and_the_next_try_seals_anew(
    files: Files, home: ClientHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    from linkage.signatures import SigningKeyPair

    stranger = SigningKeyPair.generate()
    with monkeypatch.context() as patched:
        patched.setattr(ClientHome, "signing_key", lambda _: stranger)
        with pytest.raises(EnvelopeRejected, match="not a valid envelope"):
            submitted(files, home)
    (folder,) = home.submissions.iterdir()
    assert [entry.name for entry in folder.iterdir()] == ["notes.json"]
    order = json.loads((folder / "notes.json").read_text())["order"]
    assert submitted(files, home) == order


def test_the_catalogue_is_shown_as_tables_and_as_json(home: ClientHome, capsys: pytest.CaptureFixture[str]) -> None:
    for what, expected in (
        (["registers"], "lmed"),
        (["variables", "--register", "lmed"], "atc"),
        (["indicators"], "swedeheart-secondary-prevention"),
        (["policies"], "standard"),
    ):
        assert run(["catalogue", *what, "--home", str(home.root)]) == 0
        assert expected in capsys.readouterr().out
        assert run(["catalogue", *what, "--home", str(home.root), "--json"]) == 0
        assert expected in str(json.loads(capsys.readouterr().out))


def test_a_delivery_is_fetched_verified_and_fetched_again_without_harm(
    running: LoadedService, files: Files, home: ClientHome, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    order = release_something(running, submitted(files, home))
    to = tmp_path / "results"
    code, fetched = answer(["fetch", order, "--to", str(to)], home, capsys)
    assert code == 0, fetched
    assert {"manifest.json", "release.json"} <= {path.name for path in to.iterdir()}
    assert answer(["verify", str(to)], home, capsys)[0] == 0
    assert answer(["fetch", order, "--to", str(to)], home, capsys)[0] == 0
    victim = next(path for path in to.iterdir() if path.suffix == ".csv")
    victim.write_bytes(victim.read_bytes() + b" ")
    code, refused = answer(["verify", str(to)], home, capsys)
    assert (code, refused["error"]["reason"]) == (3, "RELEASE_NOT_VERIFIED")  # type: ignore[index]
    assert answer(["fetch", order, "--to", str(to)], home, capsys)[0] == 6
    assert sorted(path.name for path in tmp_path.iterdir() if "partial" in path.name) == []


def test_a_fetch_that_was_cut_off_uses_what_it_has(
    running: LoadedService, files: Files, home: ClientHome, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from linkage_client import releases

    order = release_something(running, submitted(files, home))
    told: list[int] = []
    real = releases._fetch_file

    async def cut_at_the_third(*arguments: object, **keywords: object) -> None:
        if len(told) == 2:
            raise ServiceUnavailable("the line was cut.")
        told.append(1)
        await real(*arguments, **keywords)  # type: ignore[arg-type]

    with Linkage(home.root) as linkage:
        with monkeypatch.context() as patched:
            patched.setattr(releases, "_fetch_file", cut_at_the_third)
            with pytest.raises(ServiceUnavailable):
                linkage.fetch(order, tmp_path / "results")
        (partial,) = tmp_path.glob(".results.*.partial")
        assert len(list(partial.iterdir())) == 2
        done: list[int] = []
        delivery = linkage.fetch(order, tmp_path / "results", progress=lambda _, at, __: done.append(at))
    assert not partial.exists()
    assert len(delivery.files) == len(list((tmp_path / "results").iterdir()))
    assert done == sorted(done)


def test_what_is_not_there_or_not_mine_is_not_found(
    running: LoadedService, files: Files, home: ClientHome, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    order = submitted(files, home)
    other = running.enrol(tmp_path / "other", organisation="riksstroke")
    for name in (order, "nothing-here", "organisations/swedeheart/orders/bcdfghjk"):
        assert answer(["status", name], other, capsys)[0] == 5
    assert answer(["fetch", order, "--to", str(tmp_path / "r")], home, capsys)[0] == 5
    assert not (tmp_path / "r").exists()


def test_an_unknown_indicator_set_register_and_purpose_are_named_before_anything_is_sent(
    files: Files, home: ClientHome, capsys: pytest.CaptureFixture[str]
) -> None:
    files.order.write_text(
        order_text(indicators=[{"set": "no-such-set", "version": "1.0.0"}], registers=["lmed", "no_such_register"])
    )
    code, refused = answer(["submit", *files.arguments], home, capsys)
    assert code == 3
    assert "indicators[0]" in str(refused)
    assert "registers[1]" in str(refused)
    assert str(home.submissions) not in str(refused)


def test_a_service_that_does_not_answer_ends_with_code_7_and_a_mend(
    home: ClientHome, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import shutil

    lost = ClientHome(Path(shutil.copytree(home.root, tmp_path / "lost")))
    reply = json.loads(lost.reply_file.read_text())
    lost.reply_file.write_text(json.dumps(reply | {"server_address": "localhost:1"}))
    code, refused = answer(["status"], lost, capsys)
    assert (code, refused["error"]["reason"]) == (7, "SERVICE_UNAVAILABLE")  # type: ignore[index]
    assert refused["error"]["mend"]  # type: ignore[index]


def test_a_revoked_organisation_is_turned_away(
    running: LoadedService, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from linkage_server.access.organisations import revoke_organisation

    gone = running.enrol(tmp_path / "gone", organisation="gone-register")
    assert answer(["status"], gone, capsys)[0] == 0
    with running.service.database.transaction() as session:
        revoke_organisation(session, "gone-register")
    code, refused = answer(["status"], gone, capsys)
    assert (code, refused["error"]["reason"]) == (4, "NOT_AUTHENTICATED")  # type: ignore[index]


def test_nothing_the_journey_left_holds_an_identity_number(running: LoadedService, home: ClientHome) -> None:
    search = IdentitySearch(read_test_numbers())
    assert search.in_folder(home.root) == []
    assert search.in_folder(running.root) == []


def release_something(running: LoadedService, order: str) -> str:
    """Let an officer release a made-up table for an order, without waiting for a run."""
    service = running.service
    order_id = order.rpartition("/")[2]
    with service.database.transaction() as session:
        for state, by in ((OrderState.APPROVED, "officer"), (OrderState.RUNNING, "service")):
            move_order(session, order_id=order_id, to=state, by=by, reason="test", expected_etag=None)
    context = example_context(order=order, formats=("parquet", "csv"))
    service.release_desk.take_in(order_id, protected_example(), context, counted=counted_example())
    officer = running.person(Role.OFFICER)
    review = service.release_desk.review(officer, order)
    service.release_desk.approve(officer, order, etag=review.etag, reasoning="a test")
    return order

"""The national-scale benchmark: sides that agree, runs that are compared, folders of somebody's own rows."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pytest_benchmark.cli import main as pytest_benchmark
from typer.testing import CliRunner

from benchmarks import tables
from benchmarks.scale import comparison, page, t1_identity
from benchmarks.scale.bench import Bench, tasks
from benchmarks.scale.data_set import DataSet, sides_installed
from benchmarks.scale.given_rows import GivenRows
from benchmarks.scale.peers import SIDES, opened
from benchmarks.scale.plots import write_plots
from benchmarks.scale.t5_nation import touched_bytes
from benchmarks.scale.t9_small_beside_big import SmallOrder
from linkage.errors import InputRefused
from linkage_core.events import HASHED_ID
from linkage_server.__main__ import app
from linkage_server.benchmark import machine
from linkage_server.benchmark.asked_persons import draw_persons
from linkage_server.benchmark.history import as_history, compare, write_history
from linkage_server.benchmark.machine import Bandwidth
from linkage_server.benchmark.made_up_rows import MadeUpRows
from linkage_server.benchmark.operator_run import of_home
from linkage_server.benchmark.our_side import OurSide
from linkage_server.benchmark.questions import QUESTIONS, Answer
from linkage_server.benchmark.results import OURS, CaseResult
from linkage_server.benchmark.rounds import Measured, SideFailed, measure
from linkage_server.benchmark.visit import sha256_of
from linkage_server.operations.home import HomeFolder
from linkage_server.registers.store import RegisterStore
from linkage_server.settings import DEFAULT_SETTINGS

ROWS, PERSONS = 12_000, 300
MADE_AT = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> DataSet:
    return DataSet(MadeUpRows(ROWS), tmp_path_factory.mktemp("rows"))


@pytest.fixture(scope="module")
def ours(data: DataSet) -> Callable[[str], Answer]:
    answers: dict[str, Answer] = {}

    def ask(question: str) -> Answer:
        if question not in answers:
            visit = data.visits(question, persons=_persons(question), sides=[], cold=False)[OURS]
            side = OurSide(**visit.arguments)
            answers[question] = side.answer(side.ask())
        return answers[question]

    return ask


def _persons(question: str) -> int | None:
    return None if question == "nation" else PERSONS


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("side", [side for side in SIDES if side.endswith("sorted")])
def test_every_peer_gives_our_answer(data: DataSet, ours: Callable[[str], Answer], question: str, side: str) -> None:
    package = SIDES[side][0]
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    visit = data.visits(question, persons=_persons(question), sides=[side], cold=False)[side]
    peer = opened(**visit.arguments)
    answer = peer.answer(peer.ask())
    assert len(answer) > 50
    assert answer == ours(question)


def test_answers_count_every_person_of_a_stratum_once(ours: Callable[[str], Answer]) -> None:
    covered_well = [number for cell, number in ours("nation").items() if cell.startswith("covered_well")]
    assert 0 < sum(covered_well) < ROWS // 15


def test_persons_follow_from_the_register_alone(data: DataSet) -> None:
    drawn = draw_persons(data.register, persons=PERSONS)
    again = draw_persons(data.register, persons=PERSONS)
    assert (drawn.low == again.low).all()
    assert (drawn.index_day == again.index_day).all()
    assert len(drawn) == PERSONS
    assert set(drawn.sex.tolist()) == {0, 1}


def test_bytes_that_must_be_touched_are_named(data: DataSet) -> None:
    parts = touched_bytes(data.register)
    assert parts["ids of the register"] == 16 * len(draw_persons(data.register, persons=None))
    assert 3 * ROWS <= parts["date and code of every row"] <= 8 * ROWS


def test_figures_are_given_only_for_equal_answers(data: DataSet) -> None:
    visits = dict(data.visits("adherence", persons=PERSONS, sides=[], cold=False))
    visits["another question"] = data.visits("adherence", persons=PERSONS // 2, sides=[], cold=False)[OURS]
    with pytest.raises(SideFailed, match="answers otherwise"):
        measure(visits, rounds=1)


def test_a_digest_does_not_depend_on_the_order_of_cells() -> None:
    assert sha256_of({"a|b": 1, "a|c": 2}) == sha256_of({"a|c": 2, "a|b": 1}) != sha256_of({"a|b": 2, "a|c": 1})


def test_a_register_that_grows_is_measured_with_made_up_rows_only(tmp_path: Path) -> None:
    _write(tmp_path / "rows", {})
    bench = Bench(
        rows=ROWS, persons=PERSONS, given=GivenRows(tmp_path / "rows"), cache=tmp_path, bandwidth=Bandwidth(1, 1)
    )
    assert list(tasks()["T7"].cases(bench)) == []


def test_every_way_of_hashing_numbers_gives_the_same_ids() -> None:
    sides = [
        getattr(t1_identity, name)(numbers=2_000) for name in ("OurColumn", "InSql", "HashOnly", "ByHand", "Library")
    ]
    answers = [side.answer(side.ask()) for side in sides]
    assert all(answer == answers[0] for answer in answers)
    assert set(answers[0]) == {"digest of 2000 ids"}


@pytest.mark.parametrize("text", ["203001011234", "203002300000", "20300101123"])
def test_loops_that_parse_refuse_what_is_no_number(text: str) -> None:
    with pytest.raises(ValueError, match=r"no identity number|out of range"):
        t1_identity.ByHand.parsed(text)


@pytest.mark.parametrize("shared", [True, False])
def test_a_small_order_answers_the_same_beside_a_nation_wide_run(data: DataSet, shared: bool) -> None:
    asked = {"store": str(data.register.folder), "register": data.register.register, "persons": PERSONS}
    alone = SmallOrder(**asked, beside=False, shared=shared)
    beside = SmallOrder(**asked, beside=True, shared=shared)
    assert beside.answer(beside.ask()) == alone.answer(alone.ask())
    nation = beside._nation
    del beside
    assert nation is not None
    assert not nation.is_alive()


# ---- Two runs compared


def _run(folder: Path, name: str, *, ours: float, peers: dict[str, float]) -> Path:
    sides = {OURS: _figures(ours)} | {side: _figures(seconds) for side, seconds in peers.items()}
    result = CaseResult("T4", "title", {"rows": 5}, False, sides)
    history = as_history([result], machine={}, commit="none", made_at=MADE_AT)
    return write_history(folder / name, history)


def _figures(seconds: float) -> Measured:
    return Measured(rounds=[[seconds, seconds, seconds]], reads=[0.0])


@pytest.mark.parametrize(("loss", "exit_code"), [(0.11, 1), (0.09, 0), (-0.5, 0)])
def test_a_ratio_that_falls_by_more_than_a_tenth_fails(tmp_path: Path, loss: float, exit_code: int) -> None:
    before = _run(tmp_path, "before", ours=0.01, peers={"DuckDB": 0.4, "Polars": 0.5})
    after = _run(tmp_path, "after", ours=0.01 / (1 - loss), peers={"DuckDB": 0.4, "Polars": 0.6})
    assert comparison.main([str(before), str(after)]) == exit_code


def test_a_busier_hour_is_no_regression(tmp_path: Path) -> None:
    before = _run(tmp_path, "before", ours=0.01, peers={"DuckDB": 0.4})
    after = _run(tmp_path, "after", ours=0.03, peers={"DuckDB": 1.2})
    assert comparison.main([str(before), str(after)]) == 0


def test_runs_without_peers_are_compared_by_speed(tmp_path: Path) -> None:
    before, after = (_run(tmp_path, name, ours=taken, peers={}) for name, taken in (("a", 0.1), ("b", 0.2)))
    (change,) = compare(json.loads(before.read_text()), json.loads(after.read_text()))
    assert (change.measure, round(change.change, 6), change.is_regression) == ("speed", -0.5, True)


def test_a_run_is_read_by_pytest_benchmark(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _run(tmp_path, "run", ours=0.01, peers={"DuckDB": 0.4})
    monkeypatch.setattr("sys.argv", ["pytest-benchmark", "compare", str(path)])
    pytest_benchmark()
    shown = capsys.readouterr().out
    assert "DuckDB" in shown
    assert "Linkage" in shown


def test_a_file_that_is_no_run_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text("{}")
    assert comparison.main([str(tmp_path / "other.json"), str(tmp_path / "missing.json")]) == 3


def test_plots_of_equal_figures_are_equal_files(tmp_path: Path) -> None:
    cases = [
        CaseResult("T8", "title", {"persons": persons}, False, {OURS: _figures(0.1), "DuckDB, sorted": _figures(2.0)})
        for persons in (100, 1_000, 10_000)
    ]
    one, other = (write_plots([*cases, _small_case()], tmp_path / name) for name in ("a", "b"))
    assert [path.name for path in one] == ["t8.svg", "t4.svg"]
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in other]


def _small_case() -> CaseResult:
    return CaseResult("T4", "title", {"rows": 5}, True, {OURS: _figures(0.1), "DuckDB, sorted": _figures(2.0)})


def test_a_page_names_the_fastest_peer_and_how_many_times_ours_it_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "README", tmp_path / "README.md")
    monkeypatch.setattr(page, "write_plots", lambda results: [])
    (tmp_path / "README.md").write_text("# Figures\n")
    earlier = CaseResult("T4", "title", {"rows": 5}, True, {OURS: _figures(9.0)})
    page.write_summary(
        [as_history([case], machine={}, commit="", made_at=MADE_AT) for case in (earlier, _small_case())]
    )
    page.write([_small_case()], machine.facts() | {"page_cache": "", "register": ""}, Bandwidth(1, 1), command="x")
    written = (tmp_path / "README.md").read_text()
    assert "| T4 | 5 rows, cold | 0.1 | DuckDB, sorted | 2 | 20.0 | 20.0 to 20.0 |" in written
    assert "### T4. title" in written


def test_a_case_is_shown_beside_its_newest_figures_with_the_other_page_cache() -> None:
    cold = _small_case()
    warm = CaseResult("T4", "title", {"rows": 5}, False, {OURS: _figures(0.2)})
    other = CaseResult("T4", "title", {"rows": 6}, False, {OURS: _figures(0.3)})
    runs = [as_history([warm, other, cold], machine={}, commit="", made_at=MADE_AT)]
    shown = page.with_other_temperature([cold], runs)
    assert [(one.name, one.sides[OURS].median) for one in shown] == [(warm.name, 0.2), (cold.name, 0.1)]
    assert shown[1] is cold


# ---- Rows that somebody gives


def _write(folder: Path, other: dict[str, pa.Array | None]) -> Path:
    columns: dict[str, Any] = {
        "id": pa.array([bytes([number]) * 16 for number in (2, 1, 2)], HASHED_ID),
        "dispensing_date": pa.array([date(2024, 1, 1), date(2024, 5, 1), None]),
        "atc": ["C01AA00", "C01AA00", "B01AA00"],
        "packages": pa.array([1.0, 2.4, 1.0]),
        "ddd_per_package": pa.array([98.3, 30.0, 30.0]),
    }
    columns |= other
    folder.mkdir(exist_ok=True)
    pq.write_table(
        pa.table({name: column for name, column in columns.items() if column is not None}), folder / "1.parquet"
    )
    return folder


def test_given_rows_are_whole_and_rounded(tmp_path: Path) -> None:
    ((ids, rows),) = GivenRows(_write(tmp_path / "rows", {})).batches()
    assert ids.to_pylist() == [bytes([2]) * 16, bytes([1]) * 16]
    assert rows["packages"].to_pylist() == [100, 200]
    assert rows["ddd_per_package"].to_pylist() == [9_800, 3_000]


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"atc": None}, "lack: atc"),
        ({"id": None}, "id \\(or hi and lo\\)"),
        ({"id": pa.array(["a", "b", "c"])}, "'id' is string"),
        ({"dispensing_date": pa.array(["a", "b", "c"])}, "'dispensing_date' is string, not a date"),
        ({"packages": pa.array(["1", "2", "3"])}, "'packages' is string, not a number"),
    ],
)
def test_a_column_that_is_missing_or_wrong_is_named(
    tmp_path: Path, other: dict[str, pa.Array | None], words: str
) -> None:
    with pytest.raises(InputRefused, match=words):
        GivenRows(_write(tmp_path / "rows", other))


def test_a_folder_without_parquet_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="no Parquet file"):
        GivenRows(tmp_path)
    (tmp_path / "text.parquet").write_text("no Parquet")
    with pytest.raises(InputRefused, match="not Parquet"):
        GivenRows(tmp_path)


# ---- The operator's own machine


@pytest.fixture
def home(tmp_path: Path) -> HomeFolder:
    return HomeFolder.create(tmp_path / "home", settings=DEFAULT_SETTINGS)


def test_an_operator_measures_made_up_rows_and_compares_with_the_last_run(home: HomeFolder) -> None:
    asked = ["benchmark", "t4", "--home", str(home.root), "--rows", "2000", "--rounds", "1", "--alone", "--json"]
    told = [json.loads(CliRunner().invoke(app, asked, catch_exceptions=False).stdout) for _ in range(2)]
    assert told[0]["since_last_run"] == []
    (change,) = told[1]["since_last_run"]
    assert change["case"] == "T4[rows=2000,persons=100000]-warm"
    assert told[1]["cases"][0]["sides"][OURS]["median_seconds"] > 0


def test_an_operator_measures_a_register_of_the_home_and_it_is_audited(home: HomeFolder, data: DataSet) -> None:
    (home.root / "store").rmdir()
    (home.root / "store").symlink_to(data.register.folder)
    asked = ["benchmark", "T4", "--register", "dispensings", "--home", str(home.root), "--rounds", "1"]
    told = CliRunner().invoke(app, asked, catch_exceptions=False)
    assert told.exit_code == 0
    assert f"{ROWS:,} rows" in told.stdout
    audit = CliRunner().invoke(app, ["audit", "show", "--home", str(home.root)], catch_exceptions=False)
    assert "register.benchmark" in audit.stdout


def test_a_register_of_something_else_is_refused(tmp_path: Path) -> None:
    store = RegisterStore(tmp_path)
    loading = store.begin_load(
        "cancer",
        definition_sha256="a",
        date_column="day",
        pepper_version=1,
        delivery_name="a",
        content_sha256="a",
    )
    with loading as load:
        load.add(pa.array([bytes(16)], HASHED_ID), pa.record_batch({"day": pa.array([date(2024, 1, 1)])}))
        load.publish()
    with pytest.raises(InputRefused, match="no register of dispensings"):
        of_home(store, "cancer", persons=10)


def test_peers_are_chosen_by_the_beginning_of_their_names() -> None:
    chosen = sides_installed(["duckdb, own"])
    assert all(side.startswith("DuckDB, own file") for side in chosen)

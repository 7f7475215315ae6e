"""Whatever ends the server, and whenever: no order is lost, none is released twice, and the bytes are the same."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from linkage.errors import ServiceUnavailable, StorageFull
from linkage_client import populations
from linkage_client.api import Linkage
from linkage_client.home import ClientHome
from linkage_server.demo.made_up_registers import MadeUpRegisters
from linkage_server.storage.tables import ProtectedTableRow, ReleaseRow, RunRow, UploadRow
from tests.support.loaded_service import SMALL_ORDER, LoadedService, copy_home
from tests.support.unplanned_ends import KILL, TERMINATE, kill_workers_at, release_until, serving, wait_for

RUN = "linkage_server.runs.linkage_run"
DESK = "linkage_server.release.release_desk"
VERSIONS = "linkage_server.release.table_versions"
SMALL_PIECES = 4_000


@dataclass
class Scene:
    """A service, a register that orders, and what an order gives that nothing disturbed."""

    service: LoadedService
    heart: ClientHome
    folder: Path
    population: Path
    undisturbed: dict[str, bytes]

    def order_file(self) -> Path:
        """A small order; all that are made of it give the same table."""
        path = self.folder / "order.toml"
        path.write_text(SMALL_ORDER)
        return path

    def serve(self, *command: str) -> None:
        self.service.command = command or LoadedService.command
        self.service.start()

    def submit(self) -> str:
        with Linkage(self.heart.root) as linkage:
            return linkage.submit(self.order_file(), self.population).order.name

    def approved(self) -> str:
        name = self.submit()
        self.service.approve(name)
        return name

    def died(self) -> int:
        """Exit code of a server that was to end by itself."""
        assert self.service.process is not None
        code = self.service.process.wait(timeout=60)
        self.service.process = None
        return code

    def tables(self, order: str) -> dict[str, bytes]:
        """The numbers of a release; what else is in it, or of which release a repeated number is, names the order."""
        folder = self.folder / f"fetched-{order.rsplit('/', maxsplit=1)[1]}"
        with Linkage(self.heart.root) as linkage:
            linkage.fetch(order, folder)
        table = pq.read_table(folder / "table.parquet").replace_schema_metadata()
        texts = pd.read_csv(folder / "table.csv", dtype=str, keep_default_na=False)
        both = {"table.csv": texts, "table.parquet": table.to_pandas()}
        return {name: one.drop(columns="as_of", errors="ignore").to_csv().encode() for name, one in both.items()}

    def ends_released_once(self, order: str) -> None:
        """Release the order if nobody has, and see that there is one release with the undisturbed bytes."""
        if self.service.wait_until(order, {"awaiting_release", "released"}) == "awaiting_release":
            self.service.release(order)
        order_id = order.rsplit("/", maxsplit=1)[1]
        with self.service.service.database.reading() as session:
            rows = session.scalars(sa.select(ReleaseRow).where(ReleaseRow.order_id == order_id)).all()
        delivered = self.service.root / "releases" / "delivered"
        assert [path for path in delivered.iterdir() if order_id in path.name] == [self.service.root / rows[0].folder]
        assert len(rows) == 1
        assert self.tables(order) == self.undisturbed


@pytest.fixture(scope="module")
def scene(
    loaded_home: tuple[Path, MadeUpRegisters], made: MadeUpRegisters, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("unplanned")
    service = copy_home(loaded_home[0], folder / "home")
    heart = service.enrol(folder / "heart", organisation="heart-register")
    scene = Scene(service, heart, folder, made.population, {})
    scene.serve()
    order = scene.approved()
    service.wait_until(order, {"awaiting_release"})
    service.release(order)
    scene.undisturbed = scene.tables(order)
    service.stop()
    yield scene
    service.stop()
    service.service.database.close()


@pytest.fixture(autouse=True)
def _stopped_afterwards(scene: Scene) -> Iterator[None]:
    yield
    scene.service.stop()


@pytest.fixture(autouse=True)
def _impatient_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(populations, "_FIRST_PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(populations, "MESSAGE_BYTES", SMALL_PIECES)


def test_an_order_whose_server_is_killed_in_upload_opening_and_run_is_released_once(scene: Scene) -> None:
    room, desk = "linkage_server.intake.upload", "linkage_server.intake.acceptance"
    scene.serve(*serving(KILL, module=room, place="Receiver.write", calls=(4,), more="module.COMMIT_BYTES = 1"))
    with pytest.raises(ServiceUnavailable):
        scene.submit()
    assert scene.died() == -signal.SIGKILL
    with scene.service.service.database.reading() as session:
        upload = session.scalars(sa.select(UploadRow).where(UploadRow.state == "started")).one()
    assert upload.bytes_stored == 3 * SMALL_PIECES < upload.container_bytes
    # The same command goes on where the disk ends, and meets a server that dies between opener and acceptance.
    scene.serve(*serving(KILL, module=desk, place="open_in_a_process", before=False))
    with pytest.raises(ServiceUnavailable):
        scene.submit()
    assert scene.died() == -signal.SIGKILL
    scene.serve(*serving(KILL, module=RUN, place="compute"))
    name = scene.approved()
    assert name.endswith(upload.order_id)
    assert list((scene.service.root / "spool").iterdir()) == []
    assert scene.died() == -signal.SIGKILL
    scene.serve()
    scene.ends_released_once(name)


def test_being_killed_anywhere_between_claim_and_release_leaves_one_release(scene: Scene) -> None:
    scene.serve()
    name = scene.submit()
    scene.service.stop()
    scene.service.approve(name)
    points = [
        "linkage_server.runs.linkage_run:load_population:before",
        f"{DESK}:ReleaseDesk.take_in:before",  # computed and protected, nothing kept yet
        f"{VERSIONS}:write_atomically:after",  # the table's file is there, its row is not
        f"{DESK}:ReleaseDesk.take_in:after",  # the order awaits release, the run does not know
    ]
    assert kill_workers_at(scene.service.root, points) == dict.fromkeys(points, -signal.SIGKILL)
    # An officer's console that is killed when the folder is published and its row is not written.
    killed = release_until(KILL, scene.service.root, name, module=DESK, place="write_delivery")
    assert killed == -signal.SIGKILL
    delivered = scene.service.root / "releases" / "delivered"
    order_id = name.rsplit("/", maxsplit=1)[1]
    assert any(order_id in path.name for path in delivered.iterdir())
    scene.serve()
    assert not any(order_id in path.name for path in delivered.iterdir())
    scene.ends_released_once(name)
    with scene.service.service.database.reading() as session:
        assert session.get_one(RunRow, order_id).attempt == 4
    scene.service.service.trail.verify()


def test_sigterm_lets_a_run_end_or_has_it_run_again_after_the_next_start(scene: Scene, tmp_path: Path) -> None:
    scene.serve(*serving(TERMINATE, module=RUN, place="compute"))
    ended = scene.approved()
    assert scene.died() == 0
    assert scene.service.wait_until(ended, {"awaiting_release"}, seconds=1) == "awaiting_release"
    # This run outlasts the grace.
    gate = tmp_path / "gate"
    grace = "import linkage_server.assembly; linkage_server.assembly.STOP_GRACE_SECONDS = 0.2"
    scene.serve(*serving(wait_for(gate), module=RUN, place="compute", more=grace))
    cut_off = scene.approved()
    reached(gate)
    assert scene.service.stop() == 0
    assert scene.service.wait_until(cut_off, {"running"}, seconds=1) == "running"
    scene.serve()
    for name in (ended, cut_off):
        scene.ends_released_once(name)


# A market split problem: bounds cut nothing off, so that a solver is busy with it for longer than anybody waits.
SOLVE_FOR_LONG = """
import linkage_server.assembly as assembly
import highspy, numpy
assembly.STOP_GRACE_SECONDS = 0.1
def solve_for_long():
    weights = numpy.random.default_rng(1).integers(0, 100, (4, 30))
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    chosen = [solver.addBinary() for _ in range(30)]
    for row in weights.tolist():
        solver.addConstr(sum(weight * one for weight, one in zip(row, chosen)) == sum(row) // 2)
    solver.run()
"""


def test_a_service_that_stops_amid_disclosure_control_ends_as_asked_and_the_order_runs_again(scene: Scene) -> None:
    # A solver that works on while the process ends would abort it, with its memory in a core file.
    act = f"{TERMINATE}; solve_for_long()"
    scene.serve(*serving(act, module=RUN, place="protect_beside", more=SOLVE_FOR_LONG))
    order = scene.approved()
    assert scene.died() == 0
    scene.serve()
    scene.ends_released_once(order)


def test_an_order_cancelled_while_it_runs_leaves_no_table(scene: Scene, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    scene.serve(*serving(wait_for(gate), module=RUN, place="compute"))
    name = scene.approved()
    reached(gate)
    with Linkage(scene.heart.root) as linkage:
        assert linkage.cancel(name).state == "cancelled"
    go_on(gate)
    # The worker is free again: the next order runs.
    scene.ends_released_once(scene.approved())
    assert scene.service.wait_until(name, {"cancelled"}, seconds=1) == "cancelled"
    order_id = name.rsplit("/", maxsplit=1)[1]
    with scene.service.service.database.reading() as session:
        assert session.get(ProtectedTableRow, order_id) is None
    assert not (scene.service.root / "releases" / "waiting" / f"{order_id}.parquet").exists()


def reached(gate: Path, call: int = 1) -> None:
    until = time.monotonic() + 60
    while not Path(f"{gate}-{call}.reached").exists():
        assert time.monotonic() < until, "the point was not reached"
        time.sleep(0.02)


def go_on(gate: Path, call: int = 1) -> None:
    Path(f"{gate}-{call}").touch()


# A full disk ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 96 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir(mode=0o700)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=96m,mode=0700", "tmpfs", str(disk)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("no small disk can be mounted here: it takes the rights of root")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(disk: Path) -> Path:
    """Take all the room there is, and return the file that takes it."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
    assert shutil.disk_usage(disk).free == 0
    return ballast


def test_a_full_disk_refuses_uploads_and_runs_and_loses_nothing(scene: Scene, small_disk: Path, tmp_path: Path) -> None:
    stopped = scene.service
    home = small_disk / "home"
    service = copy_home(stopped.root, home)
    heart = service.enrol(tmp_path / "heart", organisation="other-register")
    full = Scene(service, heart, tmp_path, scene.population, scene.undisturbed)
    runs = "linkage_server.runs.dispatcher"
    gate = tmp_path / "gate"
    wrapped = serving(
        wait_for(gate), module=runs, place="RunDesk.run", calls=(1, 2), more="module.OBSTACLE_SECONDS = 0.2"
    )
    full.serve(*wrapped)
    try:
        ballast = fill(small_disk)
        with pytest.raises(StorageFull):
            full.submit()
        ballast.unlink()
        name = full.submit()
        service.approve(name)
        reached(gate)
        ballast = fill(small_disk)
        go_on(gate)
        # The worker comes a second time: it met the full disk, decided nothing and tries again.
        reached(gate, call=2)
        assert service.wait_until(name, {"approved"}, seconds=1) == "approved"
        ballast.unlink()
        go_on(gate, call=2)
        full.ends_released_once(name)
        service.service.trail.verify()
    finally:
        service.stop()
        service.service.database.close()

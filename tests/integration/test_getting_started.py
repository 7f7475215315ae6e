"""The page for newcomers is true to the letter: its commands are run as they stand, and say what it shows.

Each command is a process, and the service serves in one of its own. What differs from run to run, as keys and the
order's name, is read off the output where the page shows it, and put into the commands that follow, as a reader would.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.loaded_service import PYTHONPATH

PAGE = Path(__file__).resolve().parents[2] / "docs" / "manual" / "getting-started.md"
PROGRAMS = {"linkage": "linkage_client", "linkage-server": "linkage_server"}
FINDS_FAULTS = "linkage check dirty.csv --order made-up/order.toml"
WAITS_FOR_THE_RUN = "linkage-server releases review"
SERVES = "linkage-server serve"
# The lines of drawn tables, which the page leaves out.
DRAWN = re.compile(r"[┏┡└━┳╇─┴┓┩┘ ]+")
PIECE = re.compile(
    r"(?P<of_this_run>\b[0-9a-f]{12,64}\b|\b[a-z]{4}-[a-z]{4}-[a-z]{4}\b|(?<=:)\d{4,5}\b|(?<=valid until )[\d-]+)"
    r"|(?P<anything>\.\.\.)|(?P<blank>\s+)|."
)

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the page is written for a POSIX shell")


@dataclass(frozen=True)
class Step:
    """A command of the page, and the lines it shows of the output; none where it shows none."""

    command: str
    shown: tuple[str, ...]


def steps_of(page: str) -> list[Step]:
    """Every command of the page, in order."""
    indented = "".join(f"{line[4:]}\n" for line in page.splitlines() if line.startswith("    "))
    parts = (part.splitlines() for part in re.split(r"^\$ ", indented, flags=re.MULTILINE)[1:])
    return [Step(command, tuple(shown)) for command, *shown in parts]


@dataclass
class Reader:
    """Somebody who types what the page says.

    Args:
        folder: where they sit, `/srv` on the page.
        home: Anna's own folder.
    """

    folder: Path
    home: Path
    environment: dict[str, str]
    told: dict[str, str] = field(default_factory=dict)

    def type(self, command: str, *, complaints: int = subprocess.PIPE) -> subprocess.Popen[str]:
        """Start a command with keys and names as this run has them."""
        if named := re.fullmatch(r"export (\w+)=(\S+)", command):
            self.environment[named[1]] = named[2]
        here = PIECE.sub(lambda piece: self.told.get(piece[0], piece[0]), command)
        return subprocess.Popen(
            ["/bin/sh", "-c", f"exec {here}" if command == SERVES else here],
            cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, stderr=complaints, text=True,
        )  # fmt: skip

    def type_and_wait(self, command: str) -> tuple[int, str]:
        """Run a command to its end; its exit code and what it printed, or complained of."""
        with self.type(command) as process:
            printed, complained = process.communicate(timeout=300)
        return process.returncode, printed or complained

    def read(self, shown: tuple[str, ...], printed: str) -> None:
        """Compare what the page shows with what was printed, and learn what this run has instead.

        A line "..." stands for any lines.
        """
        printed = printed.replace(str(self.folder), "/srv").replace(str(self.home), "/home/anna")
        lines = [line for line in printed.splitlines() if not DRAWN.fullmatch(line) and line]
        place, may_skip = 0, False
        for line in shown:
            if line.strip() == "...":
                may_skip = True
                continue
            pattern = re.compile("".join(map(_pattern_of, PIECE.finditer(line))))
            found = (pattern.fullmatch(other.rstrip()) for other in lines[place : None if may_skip else place + 1])
            there = next(((number, match) for number, match in enumerate(found) if match), None)
            assert there is not None, f"the page shows {line!r}, and this was printed:\n{printed}"
            names = [piece[0] for piece in PIECE.finditer(line) if piece["of_this_run"]]
            self.told.update(zip(names, there[1].groups(), strict=True))
            place, may_skip = place + there[0] + 1, False
        assert may_skip or place == len(lines), f"the page shows no more than {shown[-1]!r}, but:\n{printed}"


def _pattern_of(piece: re.Match[str]) -> str:
    """A piece of a shown line: "..." is any text, and what differs by run is captured."""
    if piece["of_this_run"]:
        return r"([\w-]+)"
    if piece["anything"]:
        return ".*"
    return r"\s+" if piece["blank"] else re.escape(piece[0])


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    """A reader with both programs, in folders of their own."""
    # Deeper than the homes of other tests, which hold no delivered files and are searched for identity numbers.
    folder, home, programs = (tmp_path / "machine" / name for name in ("srv", "anna", "bin"))
    for made in (folder, home, programs):
        made.mkdir(parents=True)
    for name, package in PROGRAMS.items():
        (programs / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {package} "$@"\n')
        (programs / name).chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LINKAGE_")}
    path = os.pathsep.join((str(programs), os.environ["PATH"]))
    return Reader(folder, home, kept | {"HOME": str(home), "PATH": path, "PYTHONPATH": PYTHONPATH})


@pytest.mark.slow
def test_the_page_for_newcomers_can_be_typed_from_top_to_bottom(reader: Reader) -> None:
    steps = steps_of(PAGE.read_text(encoding="utf-8"))
    assert [step.command for step in steps if step.command.startswith((FINDS_FAULTS, SERVES))] == [SERVES, FINDS_FAULTS]
    served: subprocess.Popen[str] | None = None
    try:
        for step in steps:
            if step.command == SERVES:
                # Its log would fill a pipe that nobody reads.
                served = reader.type(step.command, complaints=subprocess.DEVNULL)
                assert served.stdout is not None
                reader.read(step.shown, served.stdout.readline())
                continue
            code, printed = reader.type_and_wait(step.command)
            until = time.monotonic() + 120
            while step.command.startswith(WAITS_FOR_THE_RUN) and code == 6 and time.monotonic() < until:
                code, printed = reader.type_and_wait(step.command)
            assert code == (3 if step.command == FINDS_FAULTS else 0), f"{step.command}\n{printed}"
            if step.shown:
                reader.read(step.shown, printed)
    finally:
        if served is not None:
            served.terminate()
            served.communicate(timeout=60)
    assert (reader.folder / "results" / "report.html").stat().st_size > 10_000
    assert served is not None
    assert served.returncode == 0


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        (("It is 3.",), "It is 4."),
        (("It is 3.",), "It is 3.\nAnd more."),
        (("First.", "...", "Last."), "First.\nSecond."),
        (("Sent ...",), "Lost all"),
    ],
)
def test_an_output_that_differs_from_the_page_is_noticed(reader: Reader, shown: tuple[str, ...], printed: str) -> None:
    with pytest.raises(AssertionError, match="the page shows"):
        reader.read(shown, printed)

"""Every command line that a page shows is one that the programs have, and no command is left out of the manual."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from linkage_client.__main__ import app as client
from linkage_server.__main__ import app as server

ROOT = Path(__file__).resolve().parents[2]
MANUAL = [ROOT / "README.md", *sorted((ROOT / "docs" / "manual").rglob("*.md"))]
PAGES = [*MANUAL, ROOT / "CHANGELOG.md", *sorted((ROOT / "docs" / "decisions").glob("*.md"))]
# Click's own classes, wherever the version of Typer has them.
PROGRAMS: dict[str, Any] = {"linkage": get_command(client), "linkage-server": get_command(server)}
GROUPS = [name for name, command in PROGRAMS["linkage-server"].commands.items() if hasattr(command, "commands")]
# Officers who type the one word for the other are understood.
OTHER_WORDS = {"order"}


def shown_lines(page: Path) -> Iterator[str]:
    """Command lines of blocks and of sentences; what is continued on the next line is one."""
    text = re.sub(r"\\\n\s*", "", page.read_text(encoding="utf-8"))
    for line in re.findall(r"^(?: {4})?(?:\$ )?(linkage(?:-server)? .*)", text, re.MULTILINE):
        yield re.split(r"\s#|&&|\s>\s", line)[0]
    yield from re.findall(r"`(linkage(?:-server)?\s[^`]+)`", text)
    for line in re.findall(rf"`((?:{'|'.join(GROUPS)}) [^`]+)`", text):
        yield f"linkage-server {line}"


def read(line: str) -> tuple[set[str], list[str]]:
    """The commands of a line, of which `|` stands between several, and what it names that there is not."""
    # Between options it is one of these that is chosen, and not another command.
    program, *words = re.sub(r"\| --", "--", line).split()
    path, reached, offered, wrong = [program], set[str](), set[str](), list[str]()
    command, group = PROGRAMS[program], PROGRAMS[program]
    for word in words:
        name = word.rstrip(".,;:")
        if word == "|":
            command = group
            path = path[:-1]
        elif name in getattr(command, "commands", {}):
            group, command = command, command.commands[name]
            path = [*path, name]
            if not hasattr(command, "commands"):
                reached.add(" ".join(path))
                offered |= {option for one in command.params for option in (*one.opts, *one.secondary_opts)}
        elif name.startswith("--"):
            offered |= {option for one in command.params for option in one.opts}
            wrong += [name] if name.partition("=")[0] not in offered | {"--help"} else []
        elif name and hasattr(command, "commands"):
            wrong.append(name)
    return reached, wrong


def every_command(command: Any, path: str) -> Iterator[str]:
    for name, own in command.commands.items():
        if hasattr(own, "commands"):
            yield from every_command(own, f"{path} {name}") if name not in OTHER_WORDS else ()
        else:
            yield f"{path} {name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_command_line_of_a_page_exists(page: Path) -> None:
    assert not {line: wrong for line in shown_lines(page) if (wrong := read(line)[1])}


@pytest.mark.parametrize("program", PROGRAMS)
def test_the_manual_shows_every_command(program: str) -> None:
    shown = {command for page in MANUAL for line in shown_lines(page) for command in read(line)[0]}
    # A table of commands names them without the program, and the further ones of a group by their last word.
    table = (ROOT / "docs" / "manual" / "client.md").read_text(encoding="utf-8")
    named = {f"linkage {words}" for words in re.findall(r"`([a-z]+(?: [a-z]+)?)", table)}
    named |= {f"linkage catalogue {words}" for words in re.findall(r"/ `([a-z]+)", table)}
    assert not set(every_command(PROGRAMS[program], program)) - shown - named


@pytest.mark.parametrize(
    "line", ["linkage verfy DIR", "linkage verify DIR --truht t.csv", "linkage-server orders list | shows | approve"]
)
def test_a_line_that_no_program_has_is_noticed(line: str) -> None:
    assert read(line)[1]

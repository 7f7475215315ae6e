"""The holder's own indicator sets as they lie in the home folder: a file that is wrong refuses itself and nothing else.

A new file counts at once. A file that cannot be used is told with its fault, and what was read from it before stays on
offer: the version last read by this process, and every version that orders have used.
"""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from threading import Lock

from linkage.errors import DefinitionRejected, LinkageError
from linkage.free_text import find_identity_number, refuse_identity_number
from linkage.indicator_definition import IndicatorSet, load_indicator_set
from linkage.indicator_lint import refuse_errors
from linkage_server.operations.logs import log_event
from linkage_server.orders.used_sets import UsedSet

LARGEST_FILE = 16 * 2**20
"""Bytes; ten thousand indicators with their words take a third of it."""


@dataclass(frozen=True, slots=True)
class RefusedSet:
    """A file of indicator sets that cannot be used.

    Args:
        stays: sets that stay on offer as they were, by `id@version`.
    """

    file: str
    message: str
    mend: str
    stays: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HeldSets:
    """What the files give at one moment.

    Args:
        sets: by `id@version`; `files`: the file of each.
    """

    sets: Mapping[str, IndicatorSet]
    files: Mapping[str, str]
    refused: tuple[RefusedSet, ...]


@dataclass
class _Read:
    """A file as it was read last: what it says, or why it is refused; and what it said when it was in order."""

    state: tuple[int, int, int]
    definition: IndicatorSet | None
    refusal: LinkageError | None
    last_good: IndicatorSet | None


@dataclass
class SetShelf:
    """Reads each file once for each of its states; may be asked by several threads."""

    _known: dict[Path, _Read] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def read(self, folder: Path, *, used: Mapping[str, UsedSet]) -> HeldSets:
        """The sets of a folder; a folder that is not there holds none.

        Args:
            used: sets that orders named; a file that says something else of one is refused.
        """
        sets: dict[str, IndicatorSet] = {}
        files: dict[str, str] = {}
        refused: list[RefusedSet] = []
        for path in sorted(folder.glob("*.toml")):
            read = self._read(path)
            refusal = read.refusal or _changed(read.definition, used, files)
            kept = {name: one.definition for name, one in used.items() if one.file == path.name}
            if refusal is None and read.definition is not None:
                kept[read.definition.name] = read.definition
            elif read.definition is None and read.last_good is not None:
                kept.setdefault(read.last_good.name, read.last_good)
            for name, definition in kept.items():
                sets.setdefault(name, definition)
                files.setdefault(name, path.name)
            if refusal is not None:
                refused.append(RefusedSet(_shown(path), refusal.message, refusal.mend, tuple(sorted(kept))))
        return HeldSets(sets, files, tuple(refused))

    def _read(self, path: Path) -> _Read:
        try:
            about = path.stat()
            state = (about.st_mtime_ns, about.st_size, about.st_ino)
        except OSError:
            state = (0, 0, 0)
        with self._lock:
            known = self._known.get(path)
        if known is not None and known.state == state:
            return known
        definition, refusal = _load(path)
        last_good = definition or (known.last_good if known else None)
        read = _Read(state, definition, refusal, last_good)
        with self._lock:
            self._known[path] = read
        if refusal is not None:
            facts = refusal.facts
            log_event("set_refused", file=_shown(path), field=facts.get("field", ""), rule=facts.get("rule", ""))
        return read


def _shown(path: Path) -> str:
    """The file's name as messages and the log tell it."""
    return path.name if path.name.isprintable() and find_identity_number(path.name) is None else "?.toml"


def _load(path: Path) -> tuple[IndicatorSet | None, LinkageError | None]:
    if path.name != (shown := _shown(path)):
        message = f"{shown}: the name holds a character that cannot be told, or what looks like an identity number."
        return None, DefinitionRejected(message, mend="Rename the file.")
    try:
        about = path.stat()
        # A pipe would be waited for, and a device never ends.
        if not stat.S_ISREG(about.st_mode):
            return None, DefinitionRejected(f"{path.name}: is no plain file.", mend="Put the set itself there.")
        if about.st_size > LARGEST_FILE:
            message = f"{path.name}: is larger than {LARGEST_FILE // 2**20} MiB."
            return None, DefinitionRejected(message, mend="Divide the set.")
        # Refusals repeat what was written, so this is asked first.
        refuse_identity_number(path.read_text(encoding="utf-8", errors="replace"), what=path.name)
    except LinkageError as refusal:
        return None, refusal
    except OSError:
        return None, DefinitionRejected(f"{path.name}: cannot be read.", mend="Check the permissions.")
    try:
        definition = load_indicator_set(path)
        # Only errors count here, and none of them depends on the day.
        refuse_errors(definition, today=date.min, source=path.name)
    except DefinitionRejected as refusal:
        return None, DefinitionRejected(
            refusal.message.replace(str(path), path.name), mend=refusal.mend, facts=refusal.facts
        )
    return definition, None


def _changed(
    definition: IndicatorSet | None, used: Mapping[str, UsedSet], files: Mapping[str, str]
) -> LinkageError | None:
    """Why a set that is in order must not be offered beside what is there."""
    if definition is None:
        return None
    name = definition.name
    if name in used and used[name].definition != definition:
        return DefinitionRejected(
            f"{name} was used by orders and says something else now.",
            mend="A used version never changes: give what you wrote a new version.",
            facts={"field": "set.version", "rule": "used_version"},
        )
    if name in files:
        return DefinitionRejected(
            f"{name} stands in {files[name]} too.",
            mend="Give one of the two another version.",
            facts={"field": "set.version", "rule": "doubled"},
        )
    return None

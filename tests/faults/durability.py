"""What a power cut would spare: judged from the calls a process made, not from what its disk happened to keep.

A disk may keep anything that was not synced, or nothing of it, in any order. So a file is safe when it was synced after
its last write, and a name when its folder was synced after it was given; the name of each folder above, too.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tests.faults.preload import Call

WRITES = {"write", "writev", "pwrite", "pwritev", "sendfile", "copy_file_range", "ftruncate", "fallocate"}
LIST = "published.json"


class Disk:
    """What is not safe yet below one folder, all of which was safe at the beginning.

    Args:
        root: the folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._unsynced: set[str] = set()
        self._unnamed: set[str] = set()
        self._manifests = {path.stem: path.read_text() for path in root.glob("*/snapshots/*.json")}
        self._named = {str(path): self._needs(path, path.read_text()) for path in root.glob(f"*/{LIST}")}
        self._named_safely = dict(self._named)

    def complaints(self, calls: Iterable[Call]) -> Iterator[str]:
        """What a power cut could make of the calls that is neither the old state nor the new one."""
        for call in calls:
            if call.result < 0:
                continue
            if call.name == "rename":
                yield from self._move(call)
            elif call.name in {"unlink", "rmdir"}:
                yield from self._remove(call.path)
            else:
                self._follow(call)
        # What was acknowledged must be there after the lights come on again.
        for path in self._named:
            if not self._is_safe(path):
                yield f"acknowledged before {self._short(path)} was safe"

    def _follow(self, call: Call) -> None:
        if call.name in {"open", "mkdir"}:
            if not call.path.endswith("lock"):
                self._unnamed.add(call.path)
        elif call.name in WRITES:
            self._unsynced.add(call.path)
        elif call.name in {"fsync", "fdatasync"}:
            self._unsynced.discard(call.path)
            synced = {path for path in self._unnamed if str(Path(path).parent) == call.path}
            self._unnamed -= synced
            self._named_safely |= {path: self._named[path] for path in synced & self._named.keys()}

    def _move(self, call: Call) -> Iterator[str]:
        if any(_is_in(path, call.path) for path in self._unsynced):
            yield f"{self._short(call.second)} was put in place before its content was synced"
        self._unsynced = {_moved(path, call) for path in self._unsynced}
        self._unnamed = {_moved(path, call) for path in self._unnamed} | {call.second}
        place = Path(call.second)
        if place.parent.name == "snapshots":
            self._manifests[place.stem] = call.listed
        if place.name == LIST:
            self._named[call.second] = self._needs(place, call.listed)
            for path in self._named[call.second]:
                if not self._is_safe(path):
                    yield f"{self._short(path)} was listed before it was safe"

    def _remove(self, path: str) -> Iterator[str]:
        if any(path in needed for lists in (self._named, self._named_safely) for needed in lists.values()):
            yield f"{self._short(path)} was removed while a list that a power cut can bring back names it"
        self._unsynced.discard(path)
        self._unnamed.discard(path)

    def _needs(self, place: Path, listed: str) -> Sequence[str]:
        """Every file and folder that a list of snapshots names."""
        register = place.parent
        needed = []
        for line in json.loads(listed)["snapshots"]:
            needed.append(str(register / "snapshots" / f"{line['snapshot_id']}.json"))
            for segment in json.loads(self._manifests[line["snapshot_id"]])["segments"]:
                folder = register / "segments" / segment["segment_id"]
                needed += [str(folder), *(str(folder / file["name"]) for file in segment["files"])]
        return needed

    def _is_safe(self, path: str) -> bool:
        above = (str(folder) for folder in Path(path).parents if folder.is_relative_to(self.root))
        return path not in self._unsynced and not self._unnamed.intersection((path, *above))

    def _short(self, path: str) -> str:
        return str(Path(path).relative_to(self.root))


def _is_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")


def _moved(path: str, call: Call) -> str:
    return call.second + path.removeprefix(call.path) if _is_in(path, call.path) else path

"""The working folder of a load: runs on disk, and a journal that says which of them and which segments are whole.

    run-00000.rows     the bytes of a run
    run-00000.texts    distinct texts of its columns, an Arrow file of a batch a column
    run-00000.json     how the bytes are to be read; written by a checkpoint
    journal            a line an event, with its own checksum: a line that was cut, and what follows it, never happened

A line is written after what it names is on the disk.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from linkage_server.registers.load_runs import Facts, Run, StreamKey, lay_streams_out
from linkage_server.registers.manifest import Segment
from linkage_server.registers.mapped_files import MappedFiles
from linkage_server.registers.segment_layout import write_at
from linkage_server.storage.files import fsync_folder

CHECKSUM_DIGITS = 16
TEXT_SCHEMA = pa.schema([("text", pa.string())])


@dataclass(slots=True)
class Journal:
    """What a journal says.

    Attributes:
        mark: of the last checkpoint; None without one.
        runs: how many runs it holds.
        schema: of the rows; None as long as there were none.
        segments: finished since, by first partition.
    """

    mark: str | None = None
    runs: int = 0
    schema: pa.Schema | None = None
    segments: dict[int, Segment] = field(default_factory=dict)


class LoadFolder:
    """Files of one load.

    Attributes:
        mapped: those that are read as if they were memory.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.mapped = MappedFiles(path)

    def store(self, number: int, run: Run) -> int:
        """Write a run and take it out of memory; returns an open file to read it from."""
        assert run.content is not None
        descriptor = os.open(self._file(number, "rows"), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            write_at(descriptor, run.content, 0)
            if run.texts:
                path = self._file(number, "texts")
                with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, TEXT_SCHEMA) as writer:
                    for texts in run.texts.values():
                        writer.write_batch(pa.record_batch([texts], schema=TEXT_SCHEMA))
                run.texts = self._mapped_texts(number, list(run.texts))
        except BaseException:
            os.close(descriptor)
            raise
        run.content = None
        return descriptor

    def keep(self, number: int, run: Run) -> None:
        """Make a stored run readable by another process, whatever happens to this one."""
        self._file(number, "json").write_text(json.dumps(_description(run)))
        for ending in ("rows", "json", *(["texts"] if run.texts else [])):
            with self._file(number, ending).open("rb") as file:
                os.fsync(file.fileno())

    def open(self, number: int) -> tuple[Run, int]:
        """A run that was kept, and an open file to read it from."""
        run, text_columns = _described(json.loads(self._file(number, "json").read_text()))
        if text_columns:
            run.texts = self._mapped_texts(number, text_columns)
        return run, os.open(self._file(number, "rows"), os.O_RDONLY)

    def write_checkpoint(self, mark: str, *, runs: int, schema: pa.Schema | None) -> None:
        """Note that the first `runs` runs are whole."""
        serialized = None if schema is None else base64.b64encode(schema.serialize()).decode()
        self._append({"checkpoint": mark, "runs": runs, "schema": serialized})

    def write_segment(self, first: int, segment: Segment) -> None:
        """Note that the segment that begins with partition `first` is whole."""
        self._append({"segment": segment.model_dump(mode="json"), "first": first})

    def recover(self) -> Journal:
        """What the journal says; files that it does not name are removed, and so is a line that was cut."""
        journal, path = Journal(), self.path / "journal"
        whole = 0
        for line in path.read_bytes().splitlines(keepends=True) if path.exists() else []:
            entry = _entry(line)
            if entry is None:
                break
            whole += len(line)
            if "segment" in entry:
                journal.segments[entry["first"]] = Segment.model_validate(entry["segment"])
            else:
                schema = entry["schema"]
                read = None if schema is None else pa.ipc.read_schema(pa.py_buffer(base64.b64decode(schema)))
                journal = Journal(entry["checkpoint"], entry["runs"], read)
        if path.exists():
            os.truncate(path, whole)
        named = {
            self._file(number, ending).name for number in range(journal.runs) for ending in ("rows", "texts", "json")
        }
        for leftover in self.path.iterdir():
            if leftover.name not in named and leftover != path:
                _remove(leftover)
        return journal

    def _file(self, number: int, ending: str) -> Path:
        return self.path / f"run-{number:05}.{ending}"

    def _mapped_texts(self, number: int, columns: list[int]) -> dict[int, pa.StringArray]:
        reader = pa.ipc.open_file(self.mapped.read(self._file(number, "texts")))
        return {column: reader.get_batch(place).column(0) for place, column in enumerate(columns)}

    def _append(self, entry: Mapping[str, Any]) -> None:
        fsync_folder(self.path)
        content = json.dumps(entry).encode()
        with (self.path / "journal").open("ab") as file:
            file.write(_checksum(content) + b" " + content + b"\n")
            file.flush()
            os.fsync(file.fileno())
        fsync_folder(self.path)


def _entry(line: bytes) -> dict[str, Any] | None:
    checksum, _, content = line.partition(b" ")
    if not content.endswith(b"\n") or checksum != _checksum(content[:-1]):
        return None
    entry: dict[str, Any] = json.loads(content)
    return entry


def _checksum(content: bytes) -> bytes:
    return hashlib.sha256(content).hexdigest()[:CHECKSUM_DIGITS].encode()


def _remove(path: Path) -> None:
    if path.is_dir():
        for inner in path.iterdir():
            _remove(inner)
        path.rmdir()
    else:
        path.unlink()


def _description(run: Run) -> dict[str, Any]:
    return {
        "counts": run.counts.tolist(),
        "streams": [[*key, one.width, one.base, one.places is not None] for key, one in run.streams.items()],
        "facts": [
            {
                "least": one.least,
                "most": one.most,
                **{
                    name: None if counts is None else counts.tolist()
                    for name, counts in (
                        ("nulls", one.nulls),
                        ("elements", one.elements),
                        ("element_nulls", one.element_nulls),
                    )
                },
            }
            for one in run.facts
        ],
        "texts": list(run.texts),
    }


def _described(description: dict[str, Any]) -> tuple[Run, list[int]]:
    counts = np.array(description["counts"], np.int64)
    facts = [
        Facts(
            one["least"],
            one["most"],
            *(
                None if one[name] is None else np.array(one[name], np.int64)
                for name in ("nulls", "elements", "element_nulls")
            ),
        )
        for one in description["facts"]
    ]
    widths: dict[StreamKey, tuple[int, int, bool]] = {
        (number, part): (width, base, is_element) for number, part, width, base, is_element in description["streams"]
    }
    blocks, streams = lay_streams_out(widths, counts, facts)
    return Run(counts, blocks, streams, facts, {}), description["texts"]

"""The working folder of a load: runs that memory had no room for.

run-00000.rows     the bytes of a run
run-00000.texts    distinct texts of its columns, an Arrow file of a batch a column
"""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa

from linkage_server.registers.load_runs import Run
from linkage_server.registers.mapped_files import MappedFiles
from linkage_server.registers.segment_layout import write_at

TEXT_SCHEMA = pa.schema([("text", pa.string())])


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
        assert run.memory is not None
        descriptor = os.open(self._file(number, "rows"), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        try:
            write_at(descriptor, run.memory.bytes, 0)
            if run.texts:
                path = self._file(number, "texts")
                with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, TEXT_SCHEMA) as writer:
                    for texts in run.texts.values():
                        writer.write_batch(pa.record_batch([texts], schema=TEXT_SCHEMA))
                run.texts = self._mapped_texts(number, list(run.texts))
        except BaseException:
            os.close(descriptor)
            raise
        run.memory = None
        return descriptor

    def _file(self, number: int, ending: str) -> Path:
        return self.path / f"run-{number:05}.{ending}"

    def _mapped_texts(self, number: int, columns: list[int]) -> dict[int, pa.StringArray]:
        reader = pa.ipc.open_file(self.mapped.read(self._file(number, "texts")))
        return {column: reader.get_batch(place).column(0) for place, column in enumerate(columns)}

"""SAS7BDAT is read where neither pandas nor polars is installed: the service does not need them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.sas7bdat import Column, write_sas7bdat

READ = """
import sys
class NotInstalled:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("pandas", "polars"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, NotInstalled())
sys.path[:0] = sys.argv[2:]
from pathlib import Path
from linkage_server.registers.sas_reader import SasFile
file = SasFile(Path(sys.argv[1]))
print(file.column_names, sum(batch.rows.num_rows for batch in file.batches(["ATC", "N"])))
"""


def test_sas7bdat_is_read_without_pandas(tmp_path: Path) -> None:
    path = write_sas7bdat(tmp_path / "x.sas7bdat", [Column("ATC", 7), Column("N")], [["C10AA05", 1.0], ["B", None]])
    roots = [str(Path(root).resolve()) for root in (".", "core", "server")]
    done = subprocess.run(
        [sys.executable, "-c", READ, str(path), *roots], check=True, capture_output=True, text=True, timeout=60
    )
    assert done.stdout.strip() == "('ATC', 'N') 2"

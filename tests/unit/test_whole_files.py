"""A plain file of the laboratory is read whole, or what keeps it from being read is said without its values."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from linkage.errors import InputRefused
from linkage_server.lab.whole_files import read_table

TABLE = "hospital,sex,n\nMora,men,12\nÅmål,women,7\n"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (TABLE.encode("utf-16"), "is written in UTF-16"),
        (TABLE.encode("windows-1252"), "line 3: is not written in UTF-8"),
        (TABLE.replace("sex", "kön").encode("windows-1252"), "line 1: is not written in UTF-8"),
        (TABLE.replace(",", ";").encode(), "the columns are divided by ';'"),
        (TABLE.replace(",", "\t").encode(), r"the columns are divided by '\\t'"),
        (f"{TABLE}Mora,men,3,4\n".encode(), "a row has more or fewer fields than the first line"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(InputRefused, match=said) as refused:
        read_table(path)
    assert refused.value.mend
    assert "Mora" not in refused.value.message
    packed = tmp_path / "table.csv.gz"
    packed.write_bytes(gzip.compress(content))
    with pytest.raises(InputRefused, match=said):
        read_table(packed)


def test_a_file_that_is_not_there_is_told_from_one_that_is_damaged(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="there is no such file"):
        read_table(tmp_path / "gone.csv")
    for name in ("table.parquet", "table.arrow", "table.csv.gz"):
        (tmp_path / name).write_bytes(b"PAR1 and no more")
        with pytest.raises(InputRefused, match="cannot be read, or is damaged"):
            read_table(tmp_path / name)


def test_a_mark_of_utf8_is_no_part_of_a_name(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text(TABLE, encoding="utf-8-sig")
    assert read_table(tmp_path / "table.csv").to_pydict() == {
        "hospital": ["Mora", "Åmål"],
        "sex": ["men", "women"],
        "n": [12, 7],
    }

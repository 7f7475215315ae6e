"""`lab protect --earlier`: releases of one table, month after month, on plain files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.csv
import pytest

from linkage.disclosure_policy import shipped_policies
from linkage.errors import InputRefused
from linkage_server.lab.protect import protect_file

STANDARD = shipped_policies()["standard@1.0.0"]
POLICY = STANDARD.model_copy(update={"expected_moves": 0})
LAYOUT: dict[str, Any] = {
    "dims": {
        "region": {"total": "SE", "hierarchies": [{"SE": ["A", "B", "C"]}]},
        "sex": {"total": "both", "hierarchies": [{"both": ["men", "women"]}]},
    },
    "measures": {"n": {"kind": "count"}},
}
START = {(region, sex): 50 + 20 * row for row, region in enumerate("ABC") for sex in ("men", "women")}
NOBODY: list[tuple[str, str, str, str]] = []


@pytest.fixture
def series(tmp_path: Path) -> Series:
    (tmp_path / "layout.json").write_text(json.dumps(LAYOUT), encoding="utf-8")
    return Series(tmp_path)


class Series:
    """Folders of releases, and the counts that they are of."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.counts = dict(START)
        self.releases: list[Path] = []

    def release(self, moved: list[tuple[str, str, str, str]] | None = None) -> dict[tuple[str, str], tuple[int, int]]:
        """Protect the next release; returns (number, release it is of) of each cell that is not blank."""
        for region, sex, _, move in moved or []:
            self.counts[region, sex] += 1 if move == "joined" else -1
        number = len(self.releases)
        table = self.folder / f"table{number}.csv"
        table.write_text("region,sex,n\n" + "".join(f"{r},{s},{n}\n" for (r, s), n in self.counts.items()))
        moves = self.folder / f"moved{number}.csv"
        moves.write_text("region,sex,person,move\n" + "".join(",".join(row) + "\n" for row in moved or []))
        out = self.folder / f"release{number}"
        protect_file(
            POLICY,
            table,
            layout=self.folder / "layout.json",
            out=out,
            earlier=self.releases,
            moved=moves if self.releases and moved is not None else None,
        )
        self.releases.append(out)
        rows = pyarrow.csv.read_csv(out / "released.csv").to_pylist()
        return {
            (row["region"], row["sex"]): (row["n"], row.get("n_as_of", 0)) for row in rows if row["n_status"] == "pub"
        }


def joined(region: str, sex: str, count: int, name: str) -> list[tuple[str, str, str, str]]:
    return [(region, sex, f"{name}{number}", "joined") for number in range(count)]


def test_numbers_stand_until_ten_people_moved(series: Series) -> None:
    series.release()
    second = series.release(joined("A", "men", 4, "april"))
    assert second["A", "men"] == (50, 0)
    assert second["SE", "both"] == (420, 0)
    third = series.release(joined("A", "men", 8, "may"))
    assert third["A", "men"] == (62, 2)
    assert third["SE", "both"] == (432, 2)
    assert third["B", "men"] == (70, 0)


def test_the_standard_policy_waits_until_moves_are_to_be_expected(
    series: Series, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(globals(), "POLICY", STANDARD)
    series.release()
    # Twelve of 420 persons: one and a half are to be expected in a cell of 50.
    assert series.release(joined("A", "men", 12, "april"))["A", "men"] == (50, 0)
    # It changes faster than the others; with the 38 it is 50, twice 25.
    assert series.release(joined("A", "men", 37, "may"))["A", "men"] == (50, 0)
    assert series.release(joined("A", "men", 1, "june"))["A", "men"] == (100, 3)


def test_an_officer_reads_why_a_number_is_old(series: Series) -> None:
    series.release()
    series.release(joined("A", "men", 4, "april"))
    rows = pyarrow.csv.read_csv(series.releases[1] / "officer.csv").to_pylist()
    reasons = {(row["region"], row["sex"]): row["n_reason"] for row in rows}
    assert reasons["A", "men"] == "few_people_moved"
    assert not reasons["C", "women"]


def test_a_month_without_moves_repeats_the_last(series: Series) -> None:
    first = series.release()
    assert series.release(NOBODY) == first


def test_the_same_releases_give_the_same_bytes(series: Series, tmp_path: Path) -> None:
    other = Series(tmp_path / "again")
    other.folder.mkdir()
    (other.folder / "layout.json").write_text(json.dumps(LAYOUT), encoding="utf-8")
    for one in (series, other):
        one.release()
        one.release(joined("B", "women", 11, "x"))
    for name in ("released.csv", "officer.csv", "ledger.parquet", "moves.parquet"):
        assert (series.releases[1] / name).read_bytes() == (other.releases[1] / name).read_bytes()


def test_the_ledger_is_its_owners_alone(series: Series) -> None:
    series.release()
    assert {(series.releases[0] / name).stat().st_mode & 0o077 for name in ("ledger.parquet", "moves.parquet")} == {0}


def test_a_release_that_is_left_out_is_refused(series: Series) -> None:
    series.release()
    series.release(joined("A", "men", 12, "x"))
    del series.releases[0]
    with pytest.raises(InputRefused, match="is release 1 of its table, and stands where release 0 belongs"):
        series.release(NOBODY)


def test_a_ledger_that_is_gone_is_refused(series: Series) -> None:
    series.release()
    (series.releases[0] / "ledger.parquet").unlink()
    with pytest.raises(InputRefused, match=r"the ledger entry of an earlier release is missing"):
        series.release(NOBODY)


def test_a_ledger_that_was_cut_short_is_refused(series: Series) -> None:
    series.release()
    ledger = series.releases[0] / "ledger.parquet"
    ledger.write_bytes(ledger.read_bytes()[:300])
    with pytest.raises(InputRefused, match=r"ledger\.parquet: is damaged or cut short"):
        series.release(NOBODY)


def test_moves_that_were_altered_are_refused(series: Series) -> None:
    series.release()
    series.release(joined("A", "men", 12, "x"))
    path = series.releases[1] / "moves.parquet"
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(InputRefused, match="is not what was written"):
        series.release(NOBODY)


def test_another_series_is_refused(series: Series, tmp_path: Path) -> None:
    other = Series(tmp_path / "other")
    other.folder.mkdir()
    (other.folder / "layout.json").write_text(json.dumps(LAYOUT), encoding="utf-8")
    other.counts["A", "men"] = 99
    other.release()
    series.release()
    series.release(joined("A", "men", 12, "x"))
    series.releases[0] = other.releases[0]
    with pytest.raises(InputRefused, match="does not follow the release before it"):
        series.release(NOBODY)


def test_another_table_or_policy_is_refused(series: Series, monkeypatch: pytest.MonkeyPatch) -> None:
    series.release()
    with monkeypatch.context() as changed:
        changed.setitem(globals(), "POLICY", POLICY.model_copy(update={"minimum_cell": 12}))
        with pytest.raises(InputRefused, match=r"was protected by standard@1\.0\.0"):
            series.release(NOBODY)
    dims = {**LAYOUT["dims"], "sex": {"total": "all", "hierarchies": [{"all": ["men", "women"]}]}}
    (series.folder / "layout.json").write_text(json.dumps({**LAYOUT, "dims": dims}), encoding="utf-8")
    with pytest.raises(InputRefused, match="a release of another table"):
        series.release(NOBODY)


def test_counts_that_the_moves_do_not_explain_are_refused(series: Series) -> None:
    series.release()
    series.counts["B", "men"] += 1
    with pytest.raises(InputRefused, match=r"first in cell \(B, men\)"):
        series.release(NOBODY)


def test_moves_must_be_told(series: Series) -> None:
    series.release()
    with pytest.raises(InputRefused, match="Who joined and left since the last release is not told"):
        series.release()
    with pytest.raises(InputRefused, match="row 1: move is neither joined nor left"):
        series.release([("A", "men", "x", "came")])


def test_one_count_at_a_time(series: Series) -> None:
    series.release()
    measures = {"n": {"kind": "count"}, "m": {"kind": "count"}}
    (series.folder / "layout.json").write_text(json.dumps({**LAYOUT, "measures": measures}), encoding="utf-8")
    with pytest.raises(InputRefused, match="Protect each count by itself"):
        series.release(NOBODY)


@pytest.mark.parametrize("number", ["1212121212", "0001019801"])
def test_an_identity_number_as_label_is_refused_and_not_repeated(series: Series, number: str) -> None:
    series.release()
    with pytest.raises(InputRefused, match="row 2: person is an identity number") as refused:
        series.release([("A", "men", "x", "joined"), ("A", "men", number, "joined")])
    assert number not in str(refused.value)

"""The checker accepts every release of a series, and nothing that differs in one cell, release, mover or proof."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from linkage.disclosure_policy import DisclosurePolicy, shipped_policies
from linkage_client.certificate_check import CheckFailed, NotAllProved
from linkage_client.certificate_check.orders import check_order
from linkage_core.disclosure import protect
from linkage_core.disclosure.cell_names import CellName
from linkage_core.release_history import EarlierTable, NextTable, first_states, next_table, table_beside_others
from tests.security import test_orders_over_time as months
from tests.support.order_evidence import altered, write_beside_others, write_series
from tests.support.people_by_region import REGION, USERS, by_region

STANDARD = shipped_policies()["standard@1.0.0"]
AT_ONCE = STANDARD.model_copy(update={"id": "at-once", "expected_moves": 0})
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Told:
    """A series, and what was said of it."""

    series: months.Series

    def write(self, month: int, folder: Path) -> Path:
        """Write the evidence of one month."""
        own = self.series.earlier[month]
        evidence = write_series(
            months.counted(self.series.people[month]),
            self.series.policy,
            answer=NextTable(self.series.tables[month], own.states),
            members=own.members,
            earlier=self.series.earlier[:month],
            folder=folder,
        )
        assert not evidence.unproved
        return folder


def told(seed: int, *, churn: int, releases: int, policy: DisclosurePolicy = STANDARD) -> Told:
    series = months.Series(policy)
    for people in months.make_series(seed, churn, releases).people:
        series.release(people)
    return Told(series)


@pytest.mark.parametrize(
    ("seed", "churn", "policy"), [(0, 1, AT_ONCE), (1, 10, STANDARD), (3, 30, AT_ONCE), (2, 100, STANDARD)]
)
def test_every_release_of_a_series_is_accepted(seed: int, churn: int, policy: Any, tmp_path: Path) -> None:
    one, anew = told(seed, churn=churn, releases=5, policy=policy), 0
    for month in range(1, 5):
        checked = check_order(one.write(month, tmp_path / str(month)))
        assert checked.earlier == [str(number) for number in range(month)]
        anew += checked.lines_anew
    assert (anew > 0) == (churn > 1)


@pytest.fixture(scope="module")
def third(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The evidence of the fourth of four releases, in which lines are counted anew, said again and kept back."""
    folder = told(2, churn=60, releases=4, policy=AT_ONCE).write(3, tmp_path_factory.mktemp("series") / "evidence")
    lines = pq.read_table(folder / "table.parquet").to_pylist()
    assert {"3", ""} < {line["as_of"] for line in lines}
    return folder


def rejected(folder: Path, name: str, rows: Rows) -> None:
    with altered(folder, name, rows), pytest.raises(CheckFailed):
        check_order(folder)


def each_rejected(folder: Path, name: str, others: Callable[[dict[str, Any]], list[dict[str, Any]]], *, of: int) -> int:
    """Reject a file with one row altered, every `of`th alteration; how many were tried."""
    rows = pq.read_table(folder / name).to_pylist()
    alterations = [(place, other) for place, row in enumerate(rows) for other in others(row)][::of]
    for place, other in alterations:
        rejected(folder, name, [*rows[:place], rows[place] | other, *rows[place + 1 :]])
    return len(alterations)


def test_every_altered_line_is_rejected(third: Path) -> None:
    empty = dict.fromkeys(("value", "lower", "upper", "numerator", "denominator", "person_time"))

    def others(row: dict[str, Any]) -> list[dict[str, Any]]:
        if row["status"] == "suppressed":
            return [{"status": "ok", "reason": ""}, {"as_of": "3"}, {"status": "ok", "reason": "", "value": 12.0}]
        kept = {"status": "suppressed", "reason": "small_cell_protection", "as_of": ""}
        numbers = [{name: row[name] + 1} for name in empty if row[name] is not None]
        return [*numbers, empty | kept, {"as_of": "2" if row["as_of"] != "2" else "3"}, {"as_of": ""},
                {"reason": "other"}]  # fmt: skip

    assert each_rejected(third, "table.parquet", others, of=1) > 80
    rows = pq.read_table(third / "table.parquet").to_pylist()
    for lines in (rows[1:], [*rows, rows[0]], [*rows, rows[0] | {"indicator": "other"}]):
        rejected(third, "table.parquet", lines)


def test_a_line_that_is_said_again_must_say_what_it_said(third: Path) -> None:
    own = {row["as_of"] for row in pq.read_table(third / "table.parquet").to_pylist()} - {"3", ""}
    assert own

    def others(row: dict[str, Any]) -> list[dict[str, Any]]:
        return [{"value": (row["value"] or 0.0) + 1.0}]

    rows = pq.read_table(third / "before.parquet").to_pylist()
    again = [place for place, row in enumerate(pq.read_table(third / "table.parquet").to_pylist())
             if row["as_of"] in own]  # fmt: skip
    assert again
    for place in again:
        rejected(third, "before.parquet", [*rows[:place], rows[place] | others(rows[place])[0], *rows[place + 1 :]])


def test_every_altered_count_number_and_release_is_rejected(third: Path) -> None:
    def counts(row: dict[str, Any]) -> list[dict[str, Any]]:
        numbers = [{"value": row["value"] + 1}, {"value": 0 if row["value"] else -1}]
        return [{"true": row["true"] + 1}, {"true": -1}, *(numbers if row["as_of"] >= 0 else numbers[:1])]

    def releases(row: dict[str, Any]) -> list[dict[str, Any]]:
        if row["release"] != 3:
            return [{"as_of": 3}, {"as_of": 7}, {"as_of": -4}, {"as_of": -2}]
        return [{"as_of": as_of} for as_of in range(-3, 4) if as_of != row["as_of"]]

    assert each_rejected(third, "said.parquet", counts, of=11) > 40
    assert each_rejected(third, "said.parquet", releases, of=7) > 40
    rows = pq.read_table(third / "said.parquet").to_pylist()
    for other in (rows[1:], [*rows, rows[-1]], [row for row in rows if row["release"] != 1]):
        rejected(third, "said.parquet", other)


def test_every_altered_number_of_movers_is_rejected(third: Path) -> None:
    def others(row: dict[str, Any]) -> list[dict[str, Any]]:
        changed = [-row["changes"][0], *row["changes"][1:]]
        later = [row["releases"][0] % 3 + 1, *row["releases"][1:]]
        elsewhere = [row["cells"][0] + 1, *row["cells"][1:]]
        return [{"persons": row["persons"] + 1}, {"persons": 0}, {"persons": -5}, {"changes": changed},
                {"releases": later}, {"cells": elsewhere}, {"cells": row["cells"][1:]}]  # fmt: skip

    assert each_rejected(third, "moved.parquet", others, of=13) > 40
    rows = pq.read_table(third / "moved.parquet").to_pylist()
    for other in (rows[1:], [*rows, rows[0]], []):
        rejected(third, "moved.parquet", other)


def test_every_altered_blank_or_proof_is_rejected(third: Path) -> None:
    assert each_rejected(third, "cells.parquet", lambda row: [{"blank": not row["blank"]}], of=3) > 10
    moves = pq.read_table(third / "certificates.parquet").to_pylist()
    assert each_rejected(third, "certificates.parquet", lambda row: [{"highest": 10_000}], of=1) == len(moves) > 0
    rejected(third, "certificates.parquet", [])


@pytest.mark.parametrize("names", [["0", "1", "3"], ["3"], [], ["0", "1", "1", "3"], ["0", "1", "2", 3], "0123", None])
def test_a_release_that_is_left_out_or_named_otherwise_is_rejected(third: Path, names: Any) -> None:
    statement = third / "evidence.json"
    before = statement.read_text()
    try:
        statement.write_text(json.dumps(json.loads(before) | {"releases": names}))
        with pytest.raises(CheckFailed):
            check_order(third)
    finally:
        statement.write_text(before)


def test_who_joins_a_whole_joins_one_of_its_parts(third: Path) -> None:
    """Two who moved at the same time change one cell: every count stays, and neither of them can be."""
    rows = pq.read_table(third / "moved.parquet").to_pylist()
    alike = [(one, other, at) for one, other in combinations(range(len(rows)), 2)
             for at in range(min(len(rows[one]["cells"]), len(rows[other]["cells"])))
             if rows[one]["persons"] == rows[other]["persons"]
             and all(rows[one][name] == rows[other][name] for name in ("releases", "changes"))
             and rows[one]["cells"][at] not in rows[other]["cells"]
             and rows[other]["cells"][at] not in rows[one]["cells"]]  # fmt: skip
    one, other, at = alike[0]
    rows[one]["cells"][at], rows[other]["cells"][at] = rows[other]["cells"][at], rows[one]["cells"][at]
    with altered(third, "moved.parquet", rows), pytest.raises(CheckFailed, match="joins or leaves a whole"):
        check_order(third)


def test_a_cell_that_may_not_be_known_is_not_counted_anew(third: Path) -> None:
    said = pq.read_table(third / "said.parquet").to_pylist()
    anew = next(row["cell"] for row in said[::-1] if row["release"] == row["as_of"] == 3)
    statement = third / "evidence.json"
    before = statement.read_text()
    try:
        statement.write_text(json.dumps(json.loads(before) | {"listed": {"company_secrecy": [anew]}}))
        with pytest.raises(CheckFailed, match="may not be known by the policy is counted anew"):
            check_order(third)
    finally:
        statement.write_text(before)


def test_no_number_is_of_a_release_that_comes_later_or_is_not_named(third: Path) -> None:
    said = pq.read_table(third / "said.parquet").to_pylist()
    cells = len(said) // 4
    kept = next(place for place, row in enumerate(said) if row["release"] == 3 and 0 <= row["as_of"] < 3)
    blank = next(place for place, row in enumerate(said) if row["release"] == 0 and row["as_of"] == -1)
    for place, other in (
        (kept, {"as_of": -3, "value": 0}),
        (blank, {"as_of": 3, "value": said[blank + 3 * cells]["true"]}),
    ):
        rows = [*said[:place], said[place] | other, *said[place + 1 :]]
        with altered(third, "said.parquet", rows), pytest.raises(CheckFailed, match="that cannot have told it"):
            check_order(third)


def test_a_further_column_is_rejected(third: Path) -> None:
    table = pq.read_table(third / "table.parquet")
    path, statement = third / "table.parquet", third / "evidence.json"
    before = path.read_bytes(), statement.read_text()
    try:
        pq.write_table(table.append_column("note", pa.array(["three left"] * table.num_rows)), path)
        told_of = json.loads(before[1])
        told_of["files"]["table.parquet"] = hashlib.sha256(path.read_bytes()).hexdigest()
        statement.write_text(json.dumps(told_of))
        with pytest.raises(CheckFailed, match="has not the columns"):
            check_order(third)
    finally:
        path.write_bytes(before[0])
        statement.write_text(before[1])


def test_a_number_that_is_counted_anew_when_few_moved_is_rejected(tmp_path: Path) -> None:
    """One leaves; whoever laid the table beside nothing would count every cell anew, and tell of her."""
    one = told(1, churn=0, releases=1)
    people = one.series.people[0]
    one.series.release({number: person for number, person in people.items() if number != 17})
    folder = one.write(1, tmp_path / "evidence")
    assert check_order(folder).lines_anew == 0
    said = pq.read_table(folder / "said.parquet").to_pylist()
    cells = pq.read_table(folder / "cells.parquet").to_pylist()
    moved = [place for group in pq.read_table(folder / "moved.parquet").to_pylist() for place in group["cells"]]
    place = next(cell for cell in moved if said[len(cells) + cell]["as_of"] == 0)
    said[len(cells) + place] |= {"as_of": 1, "value": cells[place]["value"]}
    cells[place] |= {"blank": False}
    _spoil(folder, "said.parquet", said)
    _spoil(folder, "cells.parquet", cells)
    with pytest.raises(CheckFailed, match="in which few people moved"):
        check_order(folder)


def test_a_number_that_is_counted_anew_too_soon_is_rejected(tmp_path: Path) -> None:
    """The service counts anew as early as can be, and the policy asks for 25 moves that were to be expected."""
    folder = told(3, churn=30, releases=3, policy=AT_ONCE).write(2, tmp_path / "evidence")
    check_order(folder)
    statement = json.loads((folder / "evidence.json").read_text())
    del statement["policy"]["expected_moves"]
    (folder / "evidence.json").write_text(json.dumps(statement))
    with pytest.raises(CheckFailed, match="before so many moves as the policy expects"):
        check_order(folder)


def test_what_nobody_tells_has_no_person_and_no_number_of_one(third: Path) -> None:
    """Groups say how many moved alike; nothing in a file is the number that the ledger gave a person."""
    assert pq.read_schema(third / "moved.parquet").names == ["persons", "releases", "cells", "changes"]
    groups = pq.read_table(third / "moved.parquet").to_pylist()
    keys = [(tuple(one["releases"]), tuple(one["cells"]), tuple(one["changes"])) for one in groups]
    assert keys == sorted(set(keys), key=lambda key: list(zip(*key, strict=True)))
    assert max(one["persons"] for one in groups) > 1


@pytest.mark.parametrize("name", ["said.parquet", "moved.parquet", "before.parquet", "cells.parquet", "evidence.json"])
def test_malformed_files_are_told_in_words(third: Path, tmp_path: Path, name: str) -> None:
    """Bytes that were lost, turned or doubled, and columns of another kind: a refusal in words, whatever it is."""
    random, content = np.random.default_rng(0), (third / name).read_bytes()
    spoiled = [content[:-9], b"", content * 2, b"{}", b"[]", content[: len(content) // 2]]
    for _ in range(15):
        place = int(random.integers(len(content)))
        spoiled.append(
            content[:place] + bytes([content[place] ^ (1 << int(random.integers(8)))]) + content[place + 1 :]
        )
    if name.endswith("parquet"):
        table = pq.read_table(third / name)
        spoiled += [_as_bytes(table.set_column(place, column, pa.array([other] * table.num_rows)))
                    for place, column in enumerate(table.column_names)
                    for other in ("x", 1.5, None, [1], 1 << 62, -(1 << 62))]  # fmt: skip
        spoiled += [_as_bytes(table.drop_columns(column)) for column in table.column_names]
    folder = tmp_path / "evidence"
    folder.mkdir()
    for file in third.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    statement = json.loads((third / "evidence.json").read_text())
    refused = 0
    for other in spoiled:
        (folder / name).write_bytes(other)
        if name != "evidence.json":
            statement["files"][name] = hashlib.sha256(other).hexdigest()
            (folder / "evidence.json").write_text(json.dumps(statement))
        refused += bool(_refusal(folder))
    # A turned bit may stand in a title, or in how the file was packed.
    assert refused > len(spoiled) // 2


def test_what_is_not_proved_is_named_and_never_accepted(third: Path) -> None:
    cells = pq.read_table(third / "cells.parquet").to_pylist()
    unproved = [{"row": row, "rest": rest, "cell": f"cell {row}", "reason": "none were found"}
                for row in range(len(cells)) for rest in (False, True)]  # fmt: skip
    with altered(third, "certificates.parquet", []):
        path = third / "evidence.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"unproved": unproved}))
        with pytest.raises(NotAllProved, match=r"cell \d+ \(none were found\)"):
            check_order(third)


def _refusal(folder: Path) -> str:
    try:
        check_order(folder)
    except CheckFailed as fault:
        return str(fault)
    return ""


def _spoil(folder: Path, name: str, rows: Rows) -> None:
    path, statement = folder / name, folder / "evidence.json"
    pq.write_table(pa.Table.from_pylist(rows, schema=pq.read_schema(path)), path)
    told_of = json.loads(statement.read_text())
    told_of["files"][name] = hashlib.sha256(path.read_bytes()).hexdigest()
    statement.write_text(json.dumps(told_of))


def _as_bytes(table: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return bytes(sink.getvalue())


@dataclass(frozen=True)
class Beside:
    """Another table, by sex alone and with a mean, beside a month of a series."""

    months: months.Series
    now: dict[int, months.Person]

    def write(self, folder: Path) -> Path:
        earlier = [replace(one, printed=None) for one in self.months.earlier[-1:]]
        table, members = months.other_table(self.now), months.members_of(self.now)
        answer = table_beside_others(table, STANDARD, members=members, earlier=earlier, name="other")
        evidence = write_beside_others(table, STANDARD, answer=answer, members=members, earlier=earlier, folder=folder)
        assert not evidence.unproved
        return folder


def beside(gone: int) -> Beside:
    """The people of a month less some of the men who started."""
    series = months.make_series(1, 0, months=1)
    people = series.people[0]
    men = [number for number, one in people.items() if one[1:] == ("man", True, True)]
    return Beside(series, {number: one for number, one in people.items() if number not in men[:gone]})


@pytest.mark.parametrize("gone", [0, 1, 9, 12, 40])
def test_another_table_of_nearly_the_same_people_is_accepted(gone: int, tmp_path: Path) -> None:
    checked = check_order(beside(gone).write(tmp_path / "evidence"))
    assert checked.earlier == ["0"]
    assert (checked.blank["persons"] > 0) == (0 < gone < STANDARD.minimum_cell)
    assert checked.blank["sum"] > 0


def test_lines_that_are_not_held_back_by_cell_are_compared_and_named_as_not_worked_out(tmp_path: Path) -> None:
    """Means say again what they said, whoever moved."""
    people = months.make_series(1, 0, months=1).people[0]
    first, members = months.other_table(people), months.members_of(people)
    printed = protect(first, AT_ONCE)
    states = first_states(first, printed, members=members, name="0")
    earlier = [EarlierTable("0", members, states, printed)]
    now = beside(40).now
    table, members = months.other_table(now), months.members_of(now)
    answer = next_table(table, AT_ONCE, members=members, earlier=earlier, name="1")
    folder = tmp_path / "evidence"
    write_series(table, AT_ONCE, answer=answer, members=members, earlier=earlier, folder=folder)
    checked = check_order(folder)
    assert checked.lines_anew > 0
    assert "3 lines of mean: their values are not worked out again" in checked.not_checked
    rows = pq.read_table(folder / "table.parquet").to_pylist()
    means = [place for place, row in enumerate(rows) if row["statistic"] == "mean"]
    assert {rows[place]["as_of"] for place in means} == {"0"}
    for place in means:
        rejected(folder, "table.parquet", [*rows[:place], rows[place] | {"value": 1.0}, *rows[place + 1 :]])
        rejected(folder, "table.parquet", [*rows[:place], rows[place] | {"as_of": "1"}, *rows[place + 1 :]])


def test_what_another_table_tells_of_few_is_rejected(tmp_path: Path) -> None:
    """A table that stands alone, and is said to have been laid beside."""
    one = beside(1)
    table, members = months.other_table(one.now), months.members_of(one.now)
    earlier = [replace(each, printed=None) for each in one.months.earlier]
    alone = protect(table, STANDARD)
    answer = NextTable(alone, first_states(table, alone, members=members, name="other"))
    folder = tmp_path / "evidence"
    write_beside_others(table, STANDARD, answer=answer, members=members, earlier=earlier, folder=folder)
    with pytest.raises(CheckFailed, match="in which few people moved"):
        check_order(folder)


@pytest.mark.parametrize(("gone", "accepted"), [(0, True), (1, False), (9, False), (10, True)])
def test_what_is_left_of_a_whole_is_rejected_where_few_moved_in_it(gone: int, accepted: bool, tmp_path: Path) -> None:
    """The north and the total are told of both days, and many moved in each; in the south and the islands few did."""
    north, south, islands = range(100), range(100, 150), range(150, 190)
    then, now = (by_region(north=north[first:], south=south[last:], islands=islands)
                 for first, last in ((0, 0), (12, gone)))  # fmt: skip
    south_now = CellName("persons", USERS, ((REGION, "south"),))
    alone, before = (protect(people.table(), STANDARD, by_hand=[south_now]) for people in (now, then))
    earlier = [EarlierTable("0", then.members, first_states(then.table(), before, members=then.members, name="0"))]
    answer = NextTable(alone, first_states(now.table(), alone, members=now.members, name="1"))
    folder = tmp_path / "evidence"
    write_beside_others(
        now.table(), STANDARD, answer=answer, members=now.members, earlier=earlier, folder=folder, by_hand=[south_now]
    )
    open_now = {row["levels"][0] if row["levels"] else "total"
                for row in pq.read_table(folder / "cells.parquet").to_pylist() if not row["blank"]}  # fmt: skip
    assert open_now == {"north", "total"}
    if accepted:
        assert check_order(folder).earlier == ["0"]
    else:
        with pytest.raises(CheckFailed, match="what is left of a whole differs by few people"):
            check_order(folder)


def test_a_sum_of_nearly_the_same_people_is_rejected(tmp_path: Path) -> None:
    folder = beside(0).write(tmp_path / "evidence")
    cells = pq.read_table(folder / "cells.parquet").to_pylist()
    _spoil(folder, "cells.parquet", [cell | {"blank": cell["kind"] == "persons" and cell["blank"]} for cell in cells])
    lines = pq.read_table(folder / "table.parquet").to_pylist()
    denominators = {cell["levels"][0] if cell["levels"] else "total": cell for cell in cells
                    if cell["key"] == months.FOLLOWED}  # fmt: skip
    sums = {cell["levels"][0] if cell["levels"] else "total": cell for cell in cells if cell["kind"] == "sum"}
    for line in lines:
        if line["statistic"] == "mean":
            amount, persons = (float(of[line["sex"]]["value"]) for of in (sums, denominators))
            line |= {"value": amount / persons, "numerator": amount, "denominator": int(persons), "status": "ok",
                     "reason": ""}  # fmt: skip
    _spoil(folder, "table.parquet", lines)
    with pytest.raises(CheckFailed, match="a sum is open of nearly the same people"):
        check_order(folder)


def test_every_altered_cell_beside_another_table_is_rejected(tmp_path: Path) -> None:
    folder = beside(9).write(tmp_path / "evidence")
    assert each_rejected(folder, "cells.parquet", lambda row: [{"blank": not row["blank"]}], of=1)
    assert each_rejected(folder, "said.parquet", lambda row: [{"true": row["true"] + 1}, {"as_of": 7}], of=1)
    assert each_rejected(folder, "moved.parquet", lambda row: [{"persons": row["persons"] + 1}], of=1)
    statement = folder / "evidence.json"
    statement.write_text(json.dumps(json.loads(statement.read_text()) | {"says_again": True}))
    with pytest.raises(CheckFailed):
        check_order(folder)

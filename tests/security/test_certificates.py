"""A checker of its own accepts what the laboratory releases, and nothing that differs from it in one place."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
import tomli_w
from typer.testing import CliRunner

from linkage.disclosure_policy import DisclosurePolicy, shipped_policies
from linkage.errors import InputRefused, ReleaseNotVerified
from linkage_client.__main__ import app
from linkage_client.certificate_check import Checked, CheckFailed, NotCheckedHere, check_release
from linkage_server.lab.protect import protect_file
from tests.security.test_laboratory_tables_hold import random_layout, write_table

STANDARD = shipped_policies()["standard@1.0.0"]
POLICIES = [
    STANDARD,
    STANDARD.model_copy(update={"id": "five", "minimum_cell": 5}),
    STANDARD.model_copy(update={"id": "wide", "minimum_candidates": 6}),
    STANDARD.model_copy(update={"id": "no-zeros", "zero_shown": False}),
    STANDARD.model_copy(update={"id": "classes", "class_disclosure": True}),
]


class Release:
    """A release with all that its checker needs."""

    def __init__(self, folder: Path, seed: int, *, policy: DisclosurePolicy, as_parquet: bool = False) -> None:
        random = np.random.default_rng(seed)
        layout = random_layout(random, 5)
        if seed % 3 == 0:
            layout["rules"] = {"n": {"min_count": policy.minimum_cell + 2, "min_width": 3}}
        self.truth = write_table(folder, layout, random, 12)
        if as_parquet:
            text = pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(layout["dims"], pa.string()))
            pq.write_table(pyarrow.csv.read_csv(self.truth, convert_options=text), folder / "table.parquet")
            self.truth = folder / "table.parquet"
        self.layout, self.policy, self.out = folder / "layout.json", folder / "policy.toml", folder / "out"
        self.policy.write_text(tomli_w.dumps(policy.model_dump(mode="json", exclude_none=True)), encoding="utf-8")
        protect_file(policy, self.truth, layout=self.layout, out=self.out)

    def check(self) -> Checked:
        return check_release(self.out, truth=self.truth, layout=self.layout, policy=self.policy)

    def altered(self, folder: Path) -> Release:
        """A copy that may be spoilt."""
        other = Release.__new__(Release)
        shutil.copytree(self.out, folder / "out")
        shutil.copy(self.truth, folder / self.truth.name)
        shutil.copy(self.layout, folder / "layout.json")
        other.truth, other.layout, other.policy = folder / self.truth.name, folder / "layout.json", self.policy
        other.out = folder / "out"
        return other


@pytest.mark.parametrize("seed", range(20))
def test_every_release_of_ours_is_accepted(seed: int, tmp_path: Path) -> None:
    release = Release(tmp_path, seed, policy=POLICIES[seed % len(POLICIES)], as_parquet=seed % 2 == 1)
    passed = release.check()
    summary = json.loads((release.out / "summary.json").read_text())["n"]
    assert (passed.cells, passed.blank["n"]) == (summary["cells"], summary["suppressed"])
    assert passed.sensitive["n"] == summary["sensitive"]
    assert passed.blank["n"] == 0 or passed.moves["n"] > 0


def change_table(path: Path, change: Callable[[list[dict[str, Any]]], None]) -> None:
    table = pq.read_table(path)
    rows = table.to_pylist()
    change(rows)
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)


def some(random: np.random.Generator, rows: list[dict[str, Any]], status: str) -> dict[str, Any]:
    fitting = [row for row in rows if row["n_status"] == status]
    return fitting[int(random.integers(len(fitting)))]


def print_one_more(release: Release, random: np.random.Generator) -> None:
    place = int(random.integers(1 << 30))

    def change(rows: list[dict[str, Any]]) -> None:
        shown = [row for row in rows if row["n_status"] == "pub"]
        shown[place % len(shown)]["n"] += 1

    for name in ("released", "officer")[: 1 + place % 2]:
        change_table(release.out / f"{name}.parquet", change)


def show_a_blank(release: Release, random: np.random.Generator) -> None:
    """A blank is printed, with its true number, in one copy or in both."""
    exact = Release.check(release)
    assert exact.blank["n"]
    seed = int(random.integers(1 << 30))
    given = pq.read_table(release.truth).to_pylist()
    names = [name for name in given[0] if name != "n"]
    true = {tuple(row[name] for name in names): row["n"] for row in given}

    def change(rows: list[dict[str, Any]]) -> None:
        blanks = [row for row in rows if row["n_status"] == "sup" and tuple(row[n] for n in names) in true]
        row = blanks[seed % len(blanks)]
        row.update({"n": true[tuple(row[name] for name in names)], "n_status": "pub"})
        if "n_reason" in row:
            row["n_reason"] = ""

    for name in ("released", "officer")[: 1 + seed % 2]:
        change_table(release.out / f"{name}.parquet", change)


def blank_one_more(release: Release, random: np.random.Generator) -> None:
    """A blank that nothing proves, told in both copies."""
    seed = int(random.integers(1 << 30))

    def change(rows: list[dict[str, Any]]) -> None:
        row = some(np.random.default_rng(seed), rows, "pub")
        row.update({"n": None, "n_status": "sup"})
        if "n_reason" in row:
            row["n_reason"] = "protects_small_cell"

    for name in ("released", "officer"):
        change_table(release.out / f"{name}.parquet", change)


def call_it_something_else(release: Release, random: np.random.Generator) -> None:
    status = ["pub", "sup"][int(random.integers(2))]
    other = {"pub": "sup", "sup": "pub"}[status]
    change_table(release.out / "released.parquet", lambda rows: some(random, rows, status).update(n_status=other))


def give_another_reason(release: Release, random: np.random.Generator) -> None:
    def change(rows: list[dict[str, Any]]) -> None:
        row = some(random, rows, "sup")
        others = [word for word in ("small_cell", "protects_small_cell", "dominance") if word != row["n_reason"]]
        row["n_reason"] = str(random.choice(others))

    change_table(release.out / "officer.parquet", change)


def exchange_two_rows(release: Release, random: np.random.Generator) -> None:
    def change(rows: list[dict[str, Any]]) -> None:
        one = int(random.integers(len(rows) - 1))
        rows[one], rows[one + 1] = rows[one + 1], rows[one]

    change_table(release.out / "released.parquet", change)


def leave_a_row_out(release: Release, random: np.random.Generator) -> None:
    change_table(release.out / "released.parquet", lambda rows: rows.pop(int(random.integers(len(rows)))) and None)


def change_the_truth(release: Release, random: np.random.Generator) -> None:
    change_table(release.truth, lambda rows: rows[int(random.integers(len(rows)))].update(n=int(1e6)))


def change_a_change(release: Release, random: np.random.Generator) -> None:
    def change(rows: list[dict[str, Any]]) -> None:
        row = rows[int(random.integers(len(rows)))]
        row["changes"][int(random.integers(len(row["changes"])))] += int(random.choice([-1, 1, 300]))

    change_table(release.out / "certificates.parquet", change)


def change_a_cell(release: Release, random: np.random.Generator) -> None:
    cells = pq.read_metadata(release.out / "released.parquet").num_rows

    def change(rows: list[dict[str, Any]]) -> None:
        row = rows[int(random.integers(len(rows)))]
        place = int(random.integers(len(row["cells"])))
        row["cells"][place] = (row["cells"][place] + int(random.integers(1, cells))) % cells

    change_table(release.out / "certificates.parquet", change)


def reach_too_far(release: Release, random: np.random.Generator) -> None:
    def change(rows: list[dict[str, Any]]) -> None:
        row = rows[int(random.integers(len(rows)))]
        row["lowest"] = -30_000

    change_table(release.out / "certificates.parquet", change)


def forget_the_proofs_of_a_cell(release: Release, random: np.random.Generator) -> None:
    def change(rows: list[dict[str, Any]]) -> None:
        row = rows[int(random.integers(len(rows)))]
        cell = row["proves"][0]
        for one in rows:
            one["proves"] = [other for other in one["proves"] if other != cell]

    change_table(release.out / "certificates.parquet", change)


def prove_another_cell(release: Release, random: np.random.Generator) -> None:
    def change(rows: list[dict[str, Any]]) -> None:
        row = rows[int(random.integers(len(rows)))]
        others = sorted(set(range(1000)) - set(row["cells"]))
        row["proves"].append(others[0])

    change_table(release.out / "certificates.parquet", change)


def move_out_of_all_numbers(release: Release, random: np.random.Generator) -> None:
    """Multiples of changes that come round to 0, or to anything, in numbers of 64 bits."""
    path, wide = release.out / "certificates.parquet", pa.int64()
    rows = pq.read_table(path).to_pylist()
    change, reach = [(4, 1 << 62), (1, 1 << 61), (1 << 62, 2)][int(random.integers(3))]
    for row in rows:
        row["changes"] = [change * (1 if own > 0 else -1) for own in row["changes"]]
        row["lowest"], row["highest"] = -reach, reach
    lists = {"cells": pa.list_(wide), "changes": pa.list_(wide), "proves": pa.list_(wide)}
    fields = {"measure": pa.string(), **lists, "lowest": wide, "highest": wide}
    order = pq.read_schema(path).names
    pq.write_table(pa.Table.from_pylist(rows, pa.schema([(name, fields[name]) for name in order])), path)


def add_a_column(release: Release, random: np.random.Generator) -> None:
    """The released table tells by the way what it does not tell where it should."""
    path = release.out / "released.parquet"
    table = pq.read_table(path)
    told = pa.array(random.integers(0, 9, table.num_rows))
    pq.write_table(table.append_column(["n_reason", "n_lo", "below"][int(random.integers(3))], told), path)


ALTERATIONS = [
    print_one_more,
    show_a_blank,
    blank_one_more,
    call_it_something_else,
    give_another_reason,
    exchange_two_rows,
    leave_a_row_out,
    change_the_truth,
    change_a_change,
    change_a_cell,
    reach_too_far,
    forget_the_proofs_of_a_cell,
    prove_another_cell,
    move_out_of_all_numbers,
    add_a_column,
]


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> list[Release]:
    return [
        Release(tmp_path_factory.mktemp(f"release-{seed}"), seed, policy=POLICIES[seed % 2], as_parquet=True)
        for seed in range(4)
    ]


@pytest.mark.parametrize("alter", ALTERATIONS, ids=lambda alter: alter.__name__)
@pytest.mark.parametrize("turn", range(4))
def test_one_alteration_is_always_rejected(
    alter: Callable[[Release, np.random.Generator], None], turn: int, releases: list[Release], tmp_path: Path
) -> None:
    for attempt in range(6):
        (folder := tmp_path / str(attempt)).mkdir()
        spoilt = releases[turn].altered(folder)
        alter(spoilt, np.random.default_rng(100 * turn + attempt))
        with pytest.raises(CheckFailed):
            spoilt.check()


def test_the_command_says_what_it_checked_and_fails_on_a_spoilt_release(
    releases: list[Release], tmp_path: Path
) -> None:
    release = releases[1]

    def verify(one: Release) -> Any:
        files = ["--truth", str(one.truth), "--layout", str(one.layout), "--policy", str(one.policy)]
        return CliRunner().invoke(app, ["verify", str(one.out), "--certificates", *files])

    good = verify(release)
    assert good.exit_code == 0, good.output
    assert "each proved" in good.output
    spoilt = release.altered(tmp_path)
    print_one_more(spoilt, np.random.default_rng(1))
    assert verify(spoilt).exit_code != 0
    assert CliRunner().invoke(app, ["verify", str(release.out), "--certificates"]).exit_code != 0
    told = CliRunner().invoke(app, ["verify", str(release.out), "--truth", str(release.truth)])
    assert isinstance(told.exception, InputRefused)
    assert "--certificates is not" in told.exception.message


def test_a_release_without_a_blank_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "table.csv").write_text("sex,n\nmen,40\nwomen,30\n")
    plan = {"dims": {"sex": {"total": "all", "hierarchies": [{"all": ["men", "women"]}]}}}
    (tmp_path / "layout.json").write_text(json.dumps({**plan, "measures": {"n": {"kind": "count"}}}))
    (tmp_path / "policy.toml").write_text(tomli_w.dumps(STANDARD.model_dump(mode="json", exclude_none=True)))
    table, layout = tmp_path / "table.csv", tmp_path / "layout.json"
    protect_file(STANDARD, table, layout=layout, out=tmp_path / "out")
    passed = check_release(tmp_path / "out", truth=table, layout=layout, policy=tmp_path / "policy.toml")
    assert passed.blank == {"n": 0}


def test_certificates_are_for_their_owner_alone_and_the_released_table_has_no_trace_of_them(
    releases: list[Release],
) -> None:
    out = releases[0].out
    assert (out / "certificates.parquet").stat().st_mode & 0o077 == 0
    assert not pc.any(
        pc.is_valid(pq.read_table(out / "released.parquet").filter(pc.field("n_status") == "sup")["n"])
    ).as_py()


def test_sums_without_contributions_and_changed_counts_are_refused_by_name(
    releases: list[Release], tmp_path: Path
) -> None:
    spoilt = releases[0].altered(tmp_path)
    plan = json.loads(spoilt.layout.read_text())
    spoilt.layout.write_text(json.dumps({**plan, "measures": {"n": {"kind": "magnitude"}}}))
    with pytest.raises(CheckFailed, match="contributions"):
        spoilt.check()
    spoilt.layout.write_text(json.dumps({**plan, "mechanism": {"rounding": {"kind": "nearest", "base": 5}}}))
    with pytest.raises(CheckFailed, match="another status than rnd"):
        spoilt.check()
    spoilt.layout.write_text(json.dumps({**plan, "mechanism": {"noise_bound": 5}}))
    with pytest.raises(CheckFailed, match="another noise"):
        spoilt.check()


@pytest.mark.parametrize("other", [{"zeros": True}, {"rules": {"n": {"min_cnt": 12}}}, {"attacker": {"knows": {}}}])
def test_what_a_layout_asks_for_and_nobody_checks_is_neither_proved_nor_called_bad(
    other: dict[str, Any], releases: list[Release], tmp_path: Path
) -> None:
    spoilt = releases[1].altered(tmp_path)
    spoilt.layout.write_text(json.dumps(json.loads(spoilt.layout.read_text()) | other))
    with pytest.raises(NotCheckedHere, match="not known to this check"):
        spoilt.check()


def test_a_rule_of_a_later_policy_is_not_passed_over(releases: list[Release], tmp_path: Path) -> None:
    spoilt = releases[1].altered(tmp_path)
    later = tmp_path / "later.toml"
    later.write_text("minimum_households = 4\n" + spoilt.policy.read_text())
    spoilt.policy = later
    with pytest.raises(NotCheckedHere, match="minimum_households"):
        spoilt.check()
    later.write_text('title = "An order"\n')
    with pytest.raises(CheckFailed, match="no disclosure policy"):
        spoilt.check()


@pytest.mark.parametrize("layout", ["[]", "{}", '{"dims": 1, "measures": {}}', '{"dims": {"a": {}}, "measures": {}}'])
def test_a_layout_of_another_form_is_told_so(layout: str, releases: list[Release], tmp_path: Path) -> None:
    spoilt = releases[0].altered(tmp_path)
    spoilt.layout.write_text(layout)
    with pytest.raises(CheckFailed, match=r"layout"):
        spoilt.check()


def test_a_release_beside_an_earlier_one_is_neither_proved_nor_called_bad(
    releases: list[Release], tmp_path: Path
) -> None:
    """Who does not name the earlier releases is told so, and not that the table is wrong."""
    later = releases[0].altered(tmp_path)
    released = pq.read_table(later.out / "released.parquet")
    pq.write_table(released.append_column("n_as_of", pa.array([1] * released.num_rows)), later.out / "released.parquet")
    (later.out / "certificates.parquet").unlink()
    files = ["--truth", str(later.truth), "--layout", str(later.layout), "--policy", str(later.policy)]
    told = CliRunner().invoke(app, ["verify", str(later.out), "--certificates", *files])
    assert isinstance(told.exception, ReleaseNotVerified)
    assert "nobody named these" in told.exception.message
    assert "nothing is proved" in told.exception.mend

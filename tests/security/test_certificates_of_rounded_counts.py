"""The checker accepts rounded counts of ours, whichever way they are rounded, and none of which one cell is altered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
import tomli_w

from linkage.disclosure_policy import DisclosurePolicy, shipped_policies
from linkage_client.certificate_check import Checked, CheckFailed, check_release
from linkage_server.lab.protect import protect_file
from tests.security.test_laboratory_tables_hold import random_layout, write_table

STANDARD = shipped_policies()["standard@1.0.0"]
KINDS = [("nearest", 5), ("up", 5), ("midpoint", 6), ("range", 5), ("controlled", 12)]


class Rounded:
    """A rounded release."""

    def __init__(self, folder: Path, kind: str, base: int, *, seed: int, by_layout: bool) -> None:
        random = np.random.default_rng(seed)
        plan = random_layout(random, 5)
        plan["dims"] = dict(list(plan["dims"].items())[:2])
        rounding = {"rounding": {"kind": kind, "base": base}}
        if by_layout:
            plan["mechanism"] = rounding
        text = write_table(folder, plan, random, 14)
        as_text = pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(plan["dims"], pa.string()))
        self.truth, self.layout, self.policy = folder / "t.parquet", folder / "layout.json", folder / "policy.toml"
        pq.write_table(pyarrow.csv.read_csv(text, convert_options=as_text), self.truth)
        mechanism = {} if by_layout else {"mechanism": {"rounding": {"method": kind, "base": base}}}
        policy = DisclosurePolicy.model_validate({**STANDARD.model_dump(), "id": "rounded", **mechanism})
        self.write_policy(policy)
        self.out = folder / "out"
        protect_file(policy, self.truth, layout=self.layout, out=self.out)

    def write_policy(self, policy: DisclosurePolicy) -> None:
        self.policy.write_text(tomli_w.dumps(policy.model_dump(mode="json", exclude_none=True)))

    def check(self) -> Checked:
        return check_release(self.out, truth=self.truth, layout=self.layout, policy=self.policy)

    def rows(self, name: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = pq.read_table(self.out / f"{name}.parquet").to_pylist()
        return rows

    def write(self, name: str, rows: list[dict[str, Any]]) -> None:
        path = self.out / f"{name}.parquet"
        pq.write_table(pa.Table.from_pylist(rows, schema=pq.read_schema(path)), path)


@pytest.mark.parametrize(("kind", "base"), KINDS)
@pytest.mark.parametrize("seed", range(2))
def test_every_rounded_release_is_accepted_and_no_other_number(kind: str, base: int, seed: int, tmp_path: Path) -> None:
    release = Rounded(tmp_path, kind, base, seed=seed, by_layout=seed == 1 and kind != "controlled")
    passed = release.check()
    assert (passed.blank["n"] > 0) == (kind != "controlled")
    originals = {name: release.rows(name) for name in ("released", "officer")}
    for place, row in enumerate(originals["released"]):
        columns = [name for name in ("n", "n_lo", "n_hi") if row.get(name) is not None]
        for column in columns or ["n"]:
            for further in (1, base):
                for name, rows in originals.items():
                    changed = [dict(one) for one in rows]
                    changed[place][column] = (changed[place][column] or 0) + further
                    changed[place]["n_status"] = "rng" if kind == "range" else "rnd"
                    if "n_reason" in changed[place]:
                        changed[place]["n_reason"] = ""
                    release.write(name, changed)
                with pytest.raises(CheckFailed):
                    release.check()
    for name, rows in originals.items():
        release.write(name, rows)
    release.check()


def test_a_base_that_tells_small_counts_is_rejected(tmp_path: Path) -> None:
    release = Rounded(tmp_path, "controlled", 12, seed=3, by_layout=False)
    plan = json.loads(release.layout.read_text())
    release.layout.write_text(json.dumps({**plan, "rules": {"n": {"min_count": 12}}}))
    with pytest.raises(CheckFailed, match=r"only blanks keep rules\.n\.min_count"):
        release.check()
    release.layout.write_text(json.dumps(plan))
    release.policy.write_text(release.policy.read_text().replace("base = 12", "base = 6"))
    with pytest.raises(CheckFailed, match="small counts"):
        release.check()


@pytest.mark.parametrize(
    ("rule", "value"),
    [("class_disclosure", "true"), ("minimum_prescribers", "2"), ("zero_shown", "false"), ("company_secrecy", "{}")],
)
def test_rules_that_only_blanks_keep_are_not_passed_over(rule: str, value: str, tmp_path: Path) -> None:
    release = Rounded(tmp_path, "controlled", 12, seed=3, by_layout=False)
    own = [line for line in release.policy.read_text().splitlines() if not line.startswith(rule)]
    release.policy.write_text("\n".join([f"{rule} = {value}", *own]))
    with pytest.raises(CheckFailed):
        release.check()
    release.policy.write_text("\n".join(own))
    release.check()


def test_a_layout_may_not_round_where_the_policy_hides_or_less_than_it_rounds(tmp_path: Path) -> None:
    """The tables are as the layout says, and hide nothing that the policy asks for."""
    release = Rounded(tmp_path, "controlled", 12, seed=3, by_layout=False)
    plan, rounded = json.loads(release.layout.read_text()), release.policy.read_text()
    release.layout.write_text(json.dumps({**plan, "mechanism": {"rounding": {"kind": "controlled", "base": 12}}}))
    release.check()
    release.policy.write_text(rounded.replace("base = 12", "base = 24"))
    with pytest.raises(CheckFailed, match="multiple of the policy's base"):
        release.check()
    release.write_policy(STANDARD)
    with pytest.raises(CheckFailed, match="noise or blanks"):
        release.check()


def test_a_reason_where_nothing_is_hidden_is_rejected(tmp_path: Path) -> None:
    release = Rounded(tmp_path, "controlled", 12, seed=3, by_layout=False)
    release.check()
    rows = release.rows("officer")
    rows[1]["n_reason"] = "small_cell"
    release.write("officer", rows)
    with pytest.raises(CheckFailed, match="has not a reason exactly for each blank"):
        release.check()


def test_a_number_that_adds_up_but_is_far_from_the_truth_is_rejected(tmp_path: Path) -> None:
    release = Rounded(tmp_path, "controlled", 12, seed=3, by_layout=False)
    for name in ("released", "officer"):
        rows = release.rows(name)
        for row in rows:
            row["n"] *= 3
        release.write(name, rows)
    with pytest.raises(CheckFailed, match="near the truth"):
        release.check()

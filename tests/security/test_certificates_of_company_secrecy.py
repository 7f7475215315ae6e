"""The checker decides company secrecy and exceptions by itself, and rejects what differs from that in one cell."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tomli_w
from typer.testing import CliRunner

from linkage.disclosure_policy import DisclosurePolicy, shipped_policies
from linkage_client.__main__ import app
from linkage_client.certificate_check import Checked, CheckFailed, check_release
from linkage_server.lab.protect import protect_file
from tests.support.altered_releases import reject_each_altered_cell, reject_each_altered_witness
from tests.support.manufacturers import write_table

STANDARD = shipped_policies()["standard@1.0.0"].model_dump(mode="json", exclude_none=True)
DAY = date(2026, 11, 22)
REGIONS, DRUGS = ("a", "b", "c"), ("C10AA01", "C10AA05", "C10AB04", "N02BE01", "N02BE51")
HIERARCHY = {"all": ["C10", "N02BE"], "C10": list(DRUGS[:3]), "N02BE": list(DRUGS[3:])}
COMPANIES = {"C10AA01": ["Nord", "Syd/Vast"], "C10AA05": ["Nord"], "N02BE01": ["Vast"], "N02BE51": ["Syd", "Ost"]}
CONSENT = {"company": "nord ", "first_day": "2026-01-01", "last_day": "2026-12-31", "reference": "1/2026"}
SIGNED = {"officer": "Eva Strand", "signed_at": "2026-01-01T00:00:00Z", "reason": "The region publishes it itself."}
WAYS: dict[str, dict[str, Any]] = {
    "plain": {},
    "three": {"rule": {"minimum_manufacturers": 3}},
    "consent": {"rule": {"consents": [CONSENT]}},
    "old consent": {"rule": {"consents": [CONSENT | {"last_day": "2026-11-21"}]}},
    "consent to a code": {"rule": {"consents": [CONSENT | {"codes": ["C10AA05"]}]}},
    "no list": {"listed": False},
    "excepted": {
        "exceptions": [
            {"rule": "company_secrecy", "cell": {"atc": "C10AA05", "region": "b"}, **SIGNED},
            {"rule": "class_disclosure", "cell": {"region": "a", "atc": "C10AA01"}, **SIGNED},
        ]
    },
    "excepted everywhere": {"exceptions": [{"rule": "class_disclosure", "cell": {}, **SIGNED}]},
}


class Sales:
    """Sums and packages by region and ATC code."""

    def __init__(self, folder: Path, seed: int, *, way: str, measures: tuple[str, ...] = ("cost",)) -> None:
        asked, random = WAYS[way], np.random.default_rng(seed)
        rule = {"measures": ["cost", "packages"], **asked.get("rule", {})}
        own = STANDARD | {"id": "sales", "minimum_contributors": 3, "p_percent": 10, "company_secrecy": rule}
        own |= {"class_disclosure": "exceptions" in asked, "exceptions": asked.get("exceptions", [])}
        own["exceptions_from"] = ["class_disclosure", "company_secrecy"]
        policy = DisclosurePolicy.model_validate_json(json.dumps(own))
        rows, given = [], []
        for region in REGIONS:
            for drug in DRUGS:
                empty = random.random() < 0.2
                amounts = [] if empty else random.lognormal(5, 0.4, int(random.integers(4, 9))).round(2).tolist()
                packages = 0 if empty else int(random.integers(3, 60))
                rows.append({"region": region, "atc": drug, "cost": round(sum(amounts), 2), "packages": packages})
                given += [
                    {"region": region, "atc": drug, "contributor": f"p{i}", "cost": amount}
                    for i, amount in enumerate(amounts)
                ]
        plan = {
            "dims": {
                "region": {"total": "SE", "hierarchies": [{"SE": list(REGIONS)}]},
                "atc": {"total": "all", "hierarchies": [HIERARCHY]},
            },
            "measures": {name: {"kind": "magnitude" if name == "cost" else "count"} for name in measures},
        }
        self.out, self.truth, self.given = folder / "out", folder / "table.parquet", folder / "given.parquet"
        pq.write_table(pa.Table.from_pylist(rows).select(["region", "atc", *measures]), self.truth)
        pq.write_table(pa.Table.from_pylist(given), self.given)
        self.layout, self.policy = folder / "layout.json", folder / "policy.toml"
        self.layout.write_text(json.dumps(plan), encoding="utf-8")
        self.policy.write_text(tomli_w.dumps(policy.model_dump(mode="json", exclude_none=True)), encoding="utf-8")
        self.listed = write_table(folder / "npl.csv", COMPANIES) if asked.get("listed", True) else None
        protect_file(
            policy, self.truth, layout=self.layout, out=self.out, contributions=self.given,
            manufacturers=self.listed, today=DAY,
        )  # fmt: skip

    def check(self, *, day: date = DAY) -> Checked:
        return check_release(
            self.out, truth=self.truth, layout=self.layout, policy=self.policy, contributions=self.given,
            manufacturers=self.listed, day=day,
        )  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("measures", [("cost",), ("packages",)])
@pytest.mark.parametrize("seed", range(3))
def test_every_release_of_ours_is_accepted(seed: int, measures: tuple[str, ...], way: str, tmp_path: Path) -> None:
    release = Sales(tmp_path, seed, way=way, measures=measures)
    passed = release.check()
    assert passed.blank[measures[0]] >= passed.sensitive[measures[0]] > 0


@pytest.mark.parametrize("way", ["plain", "consent to a code", "excepted"])
@pytest.mark.parametrize("measure", ["cost", "packages"])
def test_every_altered_cell_and_witness_is_rejected(measure: str, way: str, tmp_path: Path) -> None:
    release = Sales(tmp_path, 1, way=way, measures=(measure,))
    assert reject_each_altered_cell(release.out, measure, release.check) == 2 * 4 * 8
    assert reject_each_altered_witness(release.out, release.check)
    release.check()


@pytest.mark.parametrize("way", ["plain", "three", "consent", "excepted"])
def test_another_decision_about_companies_is_noticed(way: str, tmp_path: Path) -> None:
    """The list of another month, no list, or a consent that has run out: then other cells are marked."""
    release = Sales(tmp_path, 2, way=way)
    release.check()
    if way == "consent":
        with pytest.raises(CheckFailed):
            release.check(day=date(2027, 1, 1))
    release.listed = write_table(tmp_path / "other.csv", {code: [f"K{i}" for i in range(5)] for code in DRUGS})
    with pytest.raises(CheckFailed, match="company_secrecy"):
        release.check()
    release.listed = None
    with pytest.raises(CheckFailed):
        release.check()


def test_the_command_takes_the_list_of_products_and_the_day(tmp_path: Path) -> None:
    release = Sales(tmp_path, 0, way="consent")
    files = ["--truth", release.truth, "--layout", release.layout, "--policy", release.policy]
    files += ["--contributions", release.given, "--manufacturers", release.listed]
    command = ["verify", str(release.out), "--certificates", *map(str, files)]
    assert CliRunner().invoke(app, [*command, "--day", "2026-11-22"]).exit_code == 0
    assert CliRunner().invoke(app, [*command, "--day", "2027-01-01"]).exit_code != 0
    assert CliRunner().invoke(app, [*command, "--day", "yesterday"]).exit_code != 0

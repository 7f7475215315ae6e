"""The checker accepts tables of persons under several codes, and none that differ in a cell or in a proof."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tomli_w

from linkage.disclosure_policy import DisclosurePolicy, shipped_policies
from linkage_client.certificate_check import Checked, CheckFailed, check_release
from linkage_server.lab import multi_response
from linkage_server.lab.protect import protect_file
from tests.support.altered_releases import reject_each_altered_cell, reject_each_altered_witness

STANDARD = shipped_policies()["standard@1.0.0"]
POLICIES = [
    STANDARD,
    STANDARD.model_copy(update={"id": "five", "minimum_cell": 5, "multi_response": ("drug",)}),
    STANDARD.model_copy(update={"id": "no-zeros", "zero_shown": False}),
    STANDARD.model_copy(update={"id": "classes", "class_disclosure": True}),
]
REGIONS = ["a1", "a2", "b1", "b2"]
DRUGS = ["C", "C1", "C2", "D", "any"]


class Overlapping:
    """Persons by region and by drugs, of which each has some; C1 and C2 are under C."""

    def __init__(self, folder: Path, seed: int, *, policy: DisclosurePolicy = STANDARD) -> None:
        random = np.random.default_rng(seed)
        rows = []
        for region in REGIONS:
            has = random.random((int(random.integers(25, 90)), 3)) < random.choice([0.1, 0.5, 0.9], size=3)
            c1, c2, d = has.T
            counts = [(c1 | c2), c1, c2, d, c1 | c2 | d]
            rows += [
                {"region": region, "drug": drug, "n": int(who.sum())} for drug, who in zip(DRUGS, counts, strict=True)
            ]
        self.truth, self.out = folder / "table.parquet", folder / "out"
        pq.write_table(pa.Table.from_pylist(rows), self.truth)
        self.layout, self.policy = folder / "layout.json", folder / "policy.toml"
        plan: dict[str, Any] = {
            "dims": {
                "region": {"total": "all", "hierarchies": [{"all": ["a", "b"], "a": ["a1", "a2"], "b": ["b1", "b2"]}]},
                "drug": {"total": "any", "hierarchies": [{"any": ["C", "D"], "C": ["C1", "C2"]}]},
            },
            "measures": {"n": {"kind": "count"}},
            "attacker": {"multi_response": [] if policy.multi_response else ["drug"]},
        }
        self.layout.write_text(json.dumps(plan), encoding="utf-8")
        self.policy.write_text(tomli_w.dumps(policy.model_dump(mode="json", exclude_none=True)), encoding="utf-8")
        protect_file(policy, self.truth, layout=self.layout, out=self.out)

    def check(self) -> Checked:
        return check_release(self.out, truth=self.truth, layout=self.layout, policy=self.policy)


@pytest.mark.parametrize("seed", range(12))
def test_every_release_of_ours_is_accepted(seed: int, tmp_path: Path) -> None:
    Overlapping(tmp_path, seed, policy=POLICIES[seed % len(POLICIES)]).check()


@pytest.mark.parametrize("seed", [0, 3])
def test_every_altered_cell_and_witness_is_rejected(seed: int, tmp_path: Path) -> None:
    release = Overlapping(tmp_path, seed)
    assert reject_each_altered_cell(release.out, "n", release.check) == 2 * 7 * 5
    assert reject_each_altered_witness(release.out, release.check)
    release.check()


def test_a_protector_that_forgets_the_rests_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It hides small counts, prints 57 of 60, and every blank of it is proved."""

    def additive(*given: Any) -> Any:
        system = real(*given)
        none = np.zeros_like(system.remainder_sensitive)
        return replace(system, remainder_sensitive=none)

    real = multi_response._system
    monkeypatch.setattr(multi_response, "_system", additive)
    told = []
    for seed in range(6):
        (folder := tmp_path / str(seed)).mkdir()
        try:
            Overlapping(folder, seed).check()
        except CheckFailed as fault:
            told.append(str(fault))
    assert any("rest beside a code" in fault for fault in told)

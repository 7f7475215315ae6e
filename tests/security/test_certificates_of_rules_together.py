"""The checker accepts our releases whichever rules meet in them, month after month too, and no other number."""

from __future__ import annotations

import json
import os
from datetime import date
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tomli_w

from linkage.disclosure_policy import DisclosurePolicy, shipped_policies
from linkage_client.certificate_check import CheckFailed, Earlier, check_release
from linkage_server.lab.protect import protect_file
from tests.support.altered_releases import Rows, altered
from tests.support.manufacturers import write_table

SEEDS = range(int(os.environ.get("LINKAGE_ATTACK_SEEDS", "8")))
STANDARD = shipped_policies()["standard@1.0.0"].model_dump(mode="json", exclude_none=True)
TOWNS, DRUGS = ("a1", "a2", "b1", "b2", "b3"), ("C10AA01", "C10AA05", "N02BE01")
DIMENSIONS = {
    "town": {"total": "SE", "hierarchies": [{"SE": ["a", "b"], "a": ["a1", "a2"], "b": ["b1", "b2", "b3"]}]},
    "atc": {"total": "all", "hierarchies": [{"all": ["C10", "N02BE01"], "C10": ["C10AA01", "C10AA05"]}]},
}
COMPANIES = {"C10AA01": ["Nord", "Syd"], "C10AA05": ["Nord"], "N02BE01": ["Vast", "Ost"]}
DAY = date(2026, 11, 1)
Leaf = tuple[str, str]


class Months:
    """Packages by town and ATC code over some months, under rules that are drawn."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.random = folder, np.random.default_rng(seed)
        drawn = dict(zip(("zeros", "class", "prescribers", "companies", "share", "rules"), self.draws(6), strict=True))
        own = STANDARD | {"id": "drawn", "minimum_cell": 5, "expected_moves": 0, "zero_shown": drawn["zeros"]}
        own |= {"class_disclosure": drawn["class"], "minimum_prescribers": 3 * drawn["prescribers"]}
        if drawn["companies"]:
            own["company_secrecy"] = {"measures": ["packages"]}
        method = [None, "nearest", "up", "midpoint", "range"][int(self.random.integers(5))]
        if method:
            own["mechanism"] = {"rounding": {"method": method, "base": 4}}
        plan: dict[str, Any] = {"dims": DIMENSIONS, "measures": {"packages": {"kind": "count"}}}
        if drawn["share"]:
            plan["derived"] = {"of_all": {"kind": "share", "measure": "packages", "of": "town"}}
        if drawn["rules"]:
            plan["rules"] = {"packages": {"min_count": 8, "min_width": 4}}
        self.policy, self.layout = folder / "policy.toml", folder / "layout.json"
        self.made = DisclosurePolicy.model_validate_json(json.dumps(own))
        self.policy.write_text(tomli_w.dumps(self.made.model_dump(mode="json", exclude_none=True)), encoding="utf-8")
        self.layout.write_text(json.dumps(plan), encoding="utf-8")
        self.listed = write_table(folder / "npl.csv", COMPANIES)
        self.outs, self.moved = list[Path](), list[Path]()
        self.weight = self.random.dirichlet(np.full(15, 0.5))
        self.now = {f"p{person}": self.somewhere() for person in range(400)}

    def draws(self, many: int) -> list[bool]:
        found: list[bool] = (self.random.random(many) < 0.5).tolist()
        return found

    def somewhere(self) -> Leaf:
        return list(product(TOWNS, DRUGS))[self.random.choice(15, p=self.weight)]

    def release(self, *, replaced: int) -> Path:
        """The next month, in which so many persons are replaced."""
        month = len(self.outs)
        moves: list[tuple[str, Leaf, str]] = []
        for turn in range(replaced):
            gone, come = str(self.random.choice(sorted(self.now))), f"q{month}-{turn}"
            moves.append((gone, self.now.pop(gone), "left"))
            self.now[come] = self.somewhere()
            moves.append((come, self.now[come], "joined"))
        counts = dict.fromkeys(product(TOWNS, DRUGS), 0)
        for leaf in self.now.values():
            counts[leaf] += 1
        self.truth, self.given, moved = (self.folder / f"{name}{month}.parquet" for name in ("truth", "who", "moved"))
        self.write(self.truth, [(leaf, {"packages": count}) for leaf, count in counts.items()])
        prescribers = self.random.integers(0, 9, len(self.now)).tolist()
        people = zip(self.now.items(), prescribers, strict=True)
        self.write(self.given, [(at, {"contributor": who, "prescriber": f"d{own}"}) for (who, at), own in people])
        if self.outs:
            self.write(moved, [(leaf, {"person": who, "move": move}) for who, leaf, move in moves])
            self.moved.append(moved)
        out = self.folder / f"out{month}"
        protect_file(
            self.made, self.truth, layout=self.layout, out=out, contributions=self.given, earlier=self.outs,
            moved=moved if self.outs else None, manufacturers=self.listed, today=DAY,
        )  # fmt: skip
        self.outs.append(out)
        return out

    def write(self, path: Path, rows: list[tuple[Leaf, dict[str, Any]]]) -> None:
        pq.write_table(pa.Table.from_pylist([{"town": town, "atc": atc} | own for (town, atc), own in rows]), path)

    def check(self) -> None:
        """The newest release."""
        earlier = Earlier(self.outs[:-1], self.moved) if self.moved else None
        check_release(
            self.outs[-1], truth=self.truth, layout=self.layout, policy=self.policy, contributions=self.given,
            earlier=earlier, manufacturers=self.listed, day=DAY,
        )  # fmt: skip


@pytest.mark.parametrize("seed", SEEDS)
def test_rules_that_meet_are_checked_together(seed: int, tmp_path: Path) -> None:
    months = Months(tmp_path, seed)
    for replaced in (0, 12, 60):
        out = months.release(replaced=replaced)
        months.check()
        for place in range(seed % 5, 30, 5):
            for name in ("packages", "packages_lo", "of_all"):

                def change(released: Rows, officer: Rows, place: int = place, name: str = name) -> None:
                    for rows in (released, officer):
                        rows[place][name] = (rows[place][name] or 0) + 1

                both = [out / "released.parquet", out / "officer.parquet"]
                if name in pq.read_schema(both[0]).names:
                    with altered(both, change), pytest.raises(CheckFailed):
                        months.check()

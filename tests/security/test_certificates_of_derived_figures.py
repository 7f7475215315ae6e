"""A share or a mean that does not follow from what is printed is noticed, in every cell."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tomli_w

from linkage.disclosure_policy import shipped_policies
from linkage_client.certificate_check import CheckFailed, check_release
from linkage_server.lab.protect import protect_file
from tests.support.altered_releases import Rows, altered

POLICY = shipped_policies()["standard@1.0.0"].model_copy(update={"id": "five", "minimum_cell": 5})
TOWNS, SEXES = ("a", "b", "c", "d"), ("men", "women")
PLAN: dict[str, Any] = {
    "dims": {
        "town": {"total": "all", "hierarchies": [{"all": list(TOWNS)}]},
        "sex": {"total": "both", "hierarchies": [{"both": list(SEXES)}]},
    },
    "measures": {"n": {"kind": "count"}, "cost": {"kind": "magnitude"}},
    "derived": {
        "of_all": {"kind": "share", "measure": "n", "of": "town"},
        "a_person": {"kind": "mean", "sum": "cost", "count": "n"},
    },
}


@pytest.mark.parametrize("rounded", [False, True])
def test_every_altered_figure_is_rejected(rounded: bool, tmp_path: Path) -> None:
    random = np.random.default_rng(4)
    rows, given = [], []
    for town in TOWNS:
        for sex in SEXES:
            amounts = random.lognormal(4, 0.3, int(random.choice([0, 3, 11, 30]))).round(2).tolist()
            rows.append({"town": town, "sex": sex, "n": len(amounts), "cost": round(sum(amounts), 2)})
            given += [{"town": town, "sex": sex, "contributor": f"p{i}", "cost": x} for i, x in enumerate(amounts)]
    plan = dict(PLAN)
    if rounded:
        plan = {**PLAN, "measures": {"n": PLAN["measures"]["n"]}, "mechanism": {"rounding": {"kind": "up", "base": 3}}}
        plan["derived"] = {"of_all": PLAN["derived"]["of_all"]}
    table, who, layout, policy, out = (
        tmp_path / name for name in ("t.parquet", "who.parquet", "layout.json", "policy.toml", "out")
    )
    pq.write_table(pa.Table.from_pylist(rows).select(["town", "sex", *plan["measures"]]), table)
    pq.write_table(pa.Table.from_pylist(given), who)
    layout.write_text(json.dumps(plan))
    policy.write_text(tomli_w.dumps(POLICY.model_dump(mode="json", exclude_none=True)))
    protect_file(POLICY, table, layout=layout, out=out, contributions=who)

    def check() -> None:
        check_release(out, truth=table, layout=layout, policy=policy, contributions=who)

    check()
    statuses = set[str]()
    for name in plan["derived"]:
        for place, row in enumerate(pq.read_table(out / "officer.parquet").to_pylist()):
            statuses.add(row[f"{name}_status"])

            def number(*tables: Rows, place: int = place, name: str = name) -> None:
                for own in tables:
                    own[place][name] = (own[place][name] or 0) + 0.001

            def status(*tables: Rows, place: int = place, name: str = name) -> None:
                for own in tables:
                    own[place][f"{name}_status"] = "sup" if own[place][f"{name}_status"] == "und" else "und"

            for change in (number, status):
                with altered([out / "released.parquet", out / "officer.parquet"], change), pytest.raises(CheckFailed):
                    check()
    assert statuses >= ({"rnd", "sup"} if rounded else {"pub", "sup"})
    check()

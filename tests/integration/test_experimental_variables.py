"""A delivery says which experimental variables its indicators read, where the policy lets them out flagged."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pyarrow as pa

from linkage.disclosure_policy import DisclosurePolicy, shipped_policies
from linkage_server.runs.describe import describe
from linkage_server.runs.plan import RunPlan
from tests.support.orders_on_files import FilesOfOthers
from tests.support.register_loading import write_csv

SET = """
[set]
id = "made-up"
version = "1.0.0"
[exits]
death = false
[[indicator]]
id = "users"
kind = "users"
register = "made_up_dispensings"
reversals = "none"
calendar = { from = 2024-01-01, until = 2025-01-01 }
"""


def planned(folder: Path, *, policy: DisclosurePolicy) -> RunPlan:
    persons = [f"p{number:03}" for number in range(60)]
    rows = [f"{person},2024-05-10,C10AA05" for person in persons]
    files = FilesOfOthers.load(
        folder, {"made_up_dispensings": write_csv(folder / "made.csv", ["lopnr,collected,atc", *rows])}
    )
    table = pa.table({"person": persons, "index_date": [date(2024, 1, 1)] * len(persons)})
    return files.plan(table, indicators=SET, by=[["row:atc"]], policy=policy)


def test_a_flagged_variable_is_named_beside_each_indicator_that_reads_it(tmp_path: Path) -> None:
    written = shipped_policies()["standard@1.0.0"].model_dump()
    flags = {"id": "flags", "experimental": {"variables": ("atc",), "treatment": "flagged"}}
    plan = planned(tmp_path, policy=DisclosurePolicy.model_validate(written | flags))
    assert plan.experimental == ("atc",)
    facts = describe(plan, match_rate_band="not stated").indicators[0].facts
    assert ("Experimental variable", "atc: its quality is not assessed yet") in facts


def test_without_the_rule_the_plan_is_written_as_before_there_was_one(tmp_path: Path) -> None:
    plan = planned(tmp_path, policy=shipped_policies()["standard@1.0.0"])
    assert b"experimental" not in plan.canonical_form()
    assert b"company_rule" not in plan.canonical_form()
    assert not [fact for fact in describe(plan, match_rate_band="-").indicators[0].facts if "xperimental" in fact[0]]

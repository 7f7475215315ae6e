"""The evidence of an order's table, without a service: counts are protected, taken apart and written to a folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from linkage.disclosure_policy import DisclosurePolicy, canonical_sha256
from linkage.order import load_order
from linkage_core.counted_table import CountedTable
from linkage_core.disclosure import protect
from linkage_core.disclosure.cell_names import CellName
from linkage_core.release_history import EarlierTable, Members, NextTable
from linkage_core.table_review.reviewed_table import open_for_review
from linkage_core.table_review.series import beside_others, open_series
from linkage_server.release.recipe import Recipe
from linkage_server.reviews.evidence_room import OpenEvidence
from linkage_server.reviews.order_evidence import OrderEvidence, evidence_of_order
from linkage_server.reviews.review_desk import OpenReview
from linkage_server.runs.describe import describe
from linkage_server.runs.plan import PlannedPopulation, RunPlan
from tests.support.orders import ORDER


def opened_table(counted: CountedTable, policy: DisclosurePolicy) -> OpenReview:
    """A table as an officer opens it."""
    plan = _plan(policy)
    protected = protect(counted, policy)
    assert protected.hidden is not None
    table = open_for_review(counted, policy, protected.hidden)
    context = describe(plan, match_rate_band="98-100 %")
    return OpenReview(plan.order, "", 1, Recipe(), plan, context, counted, protected, table)


def write_files(counted: CountedTable, policy: DisclosurePolicy, folder: Path) -> OrderEvidence:
    """Write the evidence of a table to a folder."""
    return _written(OpenEvidence(opened_table(counted, policy)), folder)


def write_series(
    counted: CountedTable, policy: DisclosurePolicy, *, answer: NextTable, members: Members,
    earlier: Sequence[EarlierTable], folder: Path,
) -> OrderEvidence:  # fmt: skip
    """Write the evidence of what `next_table` made to a folder."""
    plan = _plan(policy)
    table, series = open_series(counted, policy, members=members, states=answer.states, earlier=earlier)
    before = earlier[-1].printed
    assert before is not None
    context = describe(plan, match_rate_band="98-100 %")
    review = OpenReview(plan.order, "", 1, Recipe(), plan, context, table.counted, answer.protected, table)
    return _written(OpenEvidence(review, series, before), folder)


def write_beside_others(
    counted: CountedTable,
    policy: DisclosurePolicy,
    *,
    answer: NextTable,
    members: Members,
    earlier: Sequence[EarlierTable],
    folder: Path,
    by_hand: Sequence[CellName] = (),
) -> OrderEvidence:
    """Write the evidence of what `table_beside_others` made to a folder."""
    plan, hidden = _plan(policy), answer.protected.hidden
    assert hidden is not None
    alone = open_for_review(counted, policy, hidden, by_hand=by_hand)
    table, series = beside_others(alone, members=members, states=answer.states, earlier=earlier)
    context = describe(plan, match_rate_band="98-100 %")
    review = OpenReview(plan.order, "", 1, Recipe(), plan, context, counted, answer.protected, table)
    return _written(OpenEvidence(review, series), folder)


def _written(opened: OpenEvidence, folder: Path) -> OrderEvidence:
    evidence = evidence_of_order(opened)
    folder.mkdir()
    for name, content in evidence.files.items():
        (folder / name).write_bytes(content)
    return evidence


def _plan(policy: DisclosurePolicy) -> RunPlan:
    return RunPlan(
        order="organisations/made-up/orders/aaaa-bbbb-cccc",
        organisation_title="Made-up",
        document=load_order(ORDER),
        population=PlannedPopulation(file="populations/x", sha256="", pepper_version=1),
        registers=(),
        sets=(),
        policy=policy,
        policy_sha256=canonical_sha256(policy),
        history_sha256="",
        software_version="test",
    )


@contextmanager
def altered(folder: Path, name: str, rows: list[dict[str, Any]]) -> Iterator[None]:
    """A Parquet file of the evidence with other rows, which the statement then names, as long as the block lasts."""
    path, statement = folder / name, folder / "evidence.json"
    before = path.read_bytes(), statement.read_bytes()
    pq.write_table(pa.Table.from_pylist(rows, schema=pq.read_schema(path)), path)
    told = json.loads(before[1])
    told["files"][name] = hashlib.sha256(path.read_bytes()).hexdigest()
    statement.write_text(json.dumps(told))
    try:
        yield
    finally:
        path.write_bytes(before[0])
        statement.write_bytes(before[1])

"""Computes a released order again from its stored plan, and compares the files with those that were delivered."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from linkage.errors import StateConflict
from linkage.order_states import parse_order_name
from linkage.release_manifest import MANIFEST
from linkage_server.release.coarsened_context import coarsened_context
from linkage_server.release.delivery import delivery_of
from linkage_server.release.recipe import Recipe
from linkage_server.release.table_versions import versions_of
from linkage_server.runs.describe import describe
from linkage_server.runs.linkage_run import run_linkage
from linkage_server.runs.make_version import counts_of, make_version
from linkage_server.runs.plan import RunPlan
from linkage_server.runs.run_desk import RunDesk
from linkage_server.storage.tables import RunRow


@dataclass(frozen=True, slots=True)
class Reproduction:
    """How a repetition compares.

    Attributes:
        files: how many were computed again.
        differing: names of those that differ.
        erased: references of the decisions by which rows were erased since from what the order read: the delivery
            cannot be computed as it was any more, and differences say nothing.
    """

    files: int
    differing: tuple[str, ...]
    erased: tuple[str, ...] = ()


def reproduce(desk: RunDesk, order: str, *, delivered: Path) -> Reproduction:
    """Run the stored plan of an order again; nothing is stored.

    Args:
        desk: where its plan lies and what it reads from.
        order: resource name.
        delivered: folder of the delivery to compare with.

    Raises:
        StateConflict: the plan was made by another version of the software.
    """
    _, order_id = parse_order_name(order)
    with desk.database.reading() as session:
        plan = RunPlan.from_json(session.get_one(RunRow, order_id).plan)
        versions = versions_of(session, order_id)
    if plan.software_version != desk.software_version:
        raise StateConflict(
            f"the delivery was made by version {plan.software_version}, this is {desk.software_version}.",
            mend="Install the version that the manifest names, and repeat.",
        )
    sources = desk.sources(plan, keep=False)
    answer = run_linkage(plan, sources, report=lambda _stage: None)
    recipe = next((version.recipe for version in versions if version.chosen), Recipe())
    table = answer.table
    if recipe != Recipe():
        table = make_version(plan, sources, counts_of(recipe, answer.counted), recipe)
    context = coarsened_context(describe(plan, match_rate_band=answer.match_rate_band), recipe)
    delivery = delivery_of(table, context)
    contents = {file.path: file.content for file in delivery.files} | {MANIFEST: delivery.manifest.to_json()}
    differing = sorted(
        name
        for name, content in contents.items()
        if not (delivered / name).is_file() or (delivered / name).read_bytes() != content
    )
    return Reproduction(files=len(contents), differing=tuple(differing), erased=_erased(desk, plan))


def _erased(desk: RunDesk, plan: RunPlan) -> tuple[str, ...]:
    references = [
        one for register in plan.registers for one in desk.store.erased_since(register.name, register.snapshot)
    ]
    if plan.history_sha256:
        references += desk.history.erased_since(plan.history_sha256)
    return tuple(dict.fromkeys(references))

"""Opens a table for its evidence: as officers open it, and one that goes on with a series together with that."""

from __future__ import annotations

from dataclasses import dataclass, replace

from linkage_core.disclosure import ProtectedTable
from linkage_core.table_review.series import Series, beside_others, open_series
from linkage_server.access.certificates import Caller
from linkage_server.release.context import ReleaseContext
from linkage_server.release.recipe import Recipe
from linkage_server.release.table_versions import chosen_version, find_version, load_counts, load_table
from linkage_server.reviews.review_desk import OpenReview, ReviewDesk
from linkage_server.runs.beside_earlier import laid_beside
from linkage_server.runs.plan import RunPlan
from linkage_server.storage.tables import RunRow


@dataclass(frozen=True, slots=True)
class OpenEvidence:
    """A version of a table with all that its evidence is made of.

    Args:
        review: the version; of a series the part of it that is decided cell by cell.
        series: what it and the releases said that it was laid beside, and who moved; None where it stands alone.
        before: the table whose lines are said again where they are not counted anew; None where none are.
    """

    review: OpenReview
    series: Series | None = None
    before: ProtectedTable | None = None


def open_for_evidence(desk: ReviewDesk, caller: Caller, order: str, *, version: int | None = None) -> OpenEvidence:
    """Take a version apart, the chosen one if none is named.

    Raises:
        NotFound: no such order or version, it was run before counts were kept, or it is not in the release ledger.
        ServiceUnavailable: an entry of the release ledger is missing or damaged.
    """
    with desk.database.reading() as session:
        order_id = desk.order_id(session, caller, order)
        plan = RunPlan.from_json(session.get_one(RunRow, order_id).plan)
    sources = desk.run_desk.sources(plan)
    found = laid_beside(plan, sources.earlier) if sources.earlier is not None else None
    if found is None:
        return OpenEvidence(desk.open(caller, order, version=version))
    own, earlier = found[0], found[1].tables
    if not found[1].repeats_last:
        alone = desk.open(caller, order, version=version)
        table, series = beside_others(alone.table, members=own.members, states=own.states, earlier=earlier)
        return OpenEvidence(replace(alone, table=table), series)
    with desk.database.reading() as session:
        made = find_version(session, order_id, version) if version else chosen_version(session, order_id)
        whole = load_counts(session, desk.home, order_id)
    secret = sources.company_secrets(plan, whole)
    table, series = open_series(
        whole, plan.policy, members=own.members, states=own.states, earlier=earlier, secret=secret
    )
    before = earlier[-1].printed
    assert before is not None, "what is said again was printed"
    review = OpenReview(
        order,
        desk.etag(caller, order),
        made.version,
        Recipe.model_validate(made.recipe),
        plan,
        ReleaseContext.model_validate(made.description),
        table.counted,
        load_table(desk.home, file=made.file, sha256=made.sha256),
        table,
    )
    return OpenEvidence(review, series, before)

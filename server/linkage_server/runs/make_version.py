"""A version of a table from the counts of its run: coarser, with further cells hidden, and protected anew."""

from __future__ import annotations

from linkage.errors import StateConflict
from linkage_core.counted_table import CountedTable
from linkage_core.disclosure import ProtectedTable, protect
from linkage_core.table_review.coarsening import coarsened
from linkage_core.table_review.reviewed_table import ReviewedTable, open_for_review
from linkage_server.release.recipe import Recipe
from linkage_server.runs.linkage_run import Sources
from linkage_server.runs.plan import RunPlan


def counts_of(recipe: Recipe, counted: CountedTable) -> CountedTable:
    """The counts of a version.

    Raises:
        InputRefused: the counts do not add up along a dimension, or do not have it.
    """
    for step in recipe.steps:
        counted = coarsened(counted, step.coarsening())
    return counted


def make_version(plan: RunPlan, sources: Sources, counted: CountedTable, recipe: Recipe) -> ProtectedTable:
    """Protect the counts of a version under the plan's policy.

    Args:
        plan: that the run followed.
        sources: where it read from; only manufacturers are read again.
        counted: the version's counts.
        recipe: the version.

    Raises:
        NotFound: a cell that is hidden by hand is not in the table.
        DisclosureRefused: the table cannot be protected.
        StateConflict: the run's table was laid beside earlier releases, which no other version of it was.
    """
    if plan.earlier:
        raise StateConflict(
            "the table was laid beside earlier releases, and another version of it would not be.",
            mend="Release it as it is, or withhold it.",
        )
    return protect(counted, plan.policy, secret=sources.company_secrets(plan, counted), by_hand=recipe.names)


def review_version(
    plan: RunPlan, sources: Sources, counted: CountedTable, recipe: Recipe, protected: ProtectedTable
) -> ReviewedTable | None:
    """Take a version apart for officers; None where it was stored without its blanks."""
    if protected.hidden is None:
        return None
    return open_for_review(
        counted,
        plan.policy,
        protected.hidden,
        secret=sources.company_secrets(plan, counted),
        by_hand=recipe.names,
    )

"""What is told about a table that an officer made coarser: its new crossings, and that it was."""

from __future__ import annotations

from linkage_server.release.context import ReleaseContext, Text
from linkage_server.release.recipe import Recipe, Step

_TITLES = {"county": Text(en="County", sv="Län")}
MADE_COARSER = "Made coarser than ordered"


def coarsened_context(context: ReleaseContext, recipe: Recipe) -> ReleaseContext:
    """The context of a version; cells that were hidden by hand look like all others and are not told."""
    for step in recipe.steps:
        context = _after(context, step)
    if not recipe.steps:
        return context
    told = tuple(step.in_words() for step in recipe.steps)
    facts = (*context.population, *((MADE_COARSER, one) for one in told))
    return context.model_copy(update={"coarsened": told, "population": facts})


def _after(context: ReleaseContext, step: Step) -> ReleaseContext:
    name = step.name or step.dimension
    titles = dict(context.strata_titles)
    if step.levels and name not in titles and name in _TITLES:
        titles[name] = _TITLES[name]
    after = context.model_copy(update={"strata_titles": titles})
    old, new = context.stratum_title(step.dimension).lower(), after.stratum_title(name) if step.levels else ""
    crossings = (
        tuple(part for one in crossing if (part := new if one.lower() == old else one)) for crossing in context.by
    )
    return after.model_copy(update={"by": tuple(dict.fromkeys(crossing for crossing in crossings if crossing))})

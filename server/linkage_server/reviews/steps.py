"""How an officer names a step: `age/2` is age in two levels, `sex/0` is sex left out, and any levels joined by hand."""

from __future__ import annotations

import re
from collections.abc import Sequence

from linkage.errors import InputRefused
from linkage_core.counted_table import TOTAL, CountedTable
from linkage_core.table_review.coarsening import Coarsening, coarsened, dimensions_of
from linkage_core.table_review.coarser_levels import coarser_steps, joined
from linkage_server.release.recipe import Step

_JOIN = re.compile(r"\s*([a-z][a-z0-9_]*)\s*:\s*(.+?)\s*=\s*([^=+]{1,64}?)\s*")
_NAME = re.compile(r"[\w .<>+/-]{1,64}")


def name_of(step: Coarsening) -> str:
    """The name of a step that is offered: its dimension and how many levels are left."""
    return f"{step.dimension}/{len({new for _, new in step.levels})}"


def named_steps(counted: CountedTable, names: Sequence[str], joins: Sequence[str]) -> list[Step]:
    """The steps that are named, in their order; those that join by hand last.

    Args:
        counted: counts of the version that is changed.
        names: such as age/2.
        joins: such as "hospital: Falun + Mora = Dalarna".

    Raises:
        InputRefused: the table does not offer such a step, or does not have such levels.
    """
    found = []
    for name in names:
        offered = {name_of(step): step for step in coarser_steps(counted)}
        if name not in offered:
            raise InputRefused(
                f"the table offers no step {name!r}.", mend=f"Choose of: {', '.join(offered) or 'none'}."
            )
        found.append(offered[name])
        counted = coarsened(counted, offered[name])
    for written in joins:
        step = _joined(counted, written)
        found.append(step)
        counted = coarsened(counted, step)
    return [Step.of(step) for step in found]


def _joined(counted: CountedTable, written: str) -> Coarsening:
    match = _JOIN.fullmatch(written)
    if match is None:
        raise InputRefused("--join is not written so.", mend='Such as --join "hospital: Falun + Mora = Dalarna".')
    dimension = dimensions_of(counted).get(match[1])
    levels = tuple(part.strip() for part in match[2].split(" + "))
    if dimension is None or len(levels) < 2 or not set(levels) <= set(dimension.levels):
        raise InputRefused(
            "--join names a dimension or levels that the table does not have, or fewer than two levels.",
            mend="Write the levels as the table does, with blanks around +.",
        )
    if match[3] == TOTAL or match[3] in set(dimension.levels) - set(levels) or not _NAME.fullmatch(match[3]):
        raise InputRefused("--join gives a name that stands for something else already.", mend="Choose another name.")
    return joined(dimension, levels, match[3])

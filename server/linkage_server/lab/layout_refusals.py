"""What a layout cannot ask for together, refused before any row is read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from linkage.disclosure_policy import DisclosurePolicy
from linkage.errors import InputRefused
from linkage.perturbation_rules import Mechanism
from linkage_server.lab.layout import Codes, Layout

_MOST_CELLS = 250_000
_MOST_CELLS_OF_COUNTS = 4_000_000


def refuse_changes_over_time(
    mechanism: Mechanism | None, policy: DisclosurePolicy, *, is_repeated: bool, path: Path
) -> None:
    """Return unless every number of a table is changed that was released before.

    Raises:
        InputRefused: it is.
    """
    if is_repeated and mechanism is not None and mechanism.replaces_suppression:
        raise InputRefused(
            f"{path}: policy {policy.name} changes every number, and releases over time hold numbers back.",
            mend="Use a policy that hides for what is released again and again.",
        )


def refuse_all_but_counts_once(
    plan: Layout, overlapping: list[str], *, is_repeated: bool, is_changed: bool, path: Path
) -> None:
    """Return if a layout asks for nothing special, or for counts that are released once.

    Args:
        plan: the layout.
        overlapping: dimensions in which a person may stand under several codes.
        is_repeated: whether there are earlier releases.
        is_changed: whether the policy rounds or adds noise.
        path: of the layout, for refusals.

    Raises:
        InputRefused: it asks for codes that do not add up, several tables, absent rows or known numbers, and for more.
    """
    counts_once = not is_repeated and not is_changed and plan.has_counts_only
    if overlapping and not counts_once:
        raise InputRefused(
            f"{path}: {', '.join(overlapping)} do not add up, which is protected for single releases of counts only.",
            mend="Leave magnitudes, noise, rounding and earlier releases out, or the dimension.",
        )
    if plan.tables and not counts_once:
        raise InputRefused(
            f"{path}: several tables of one crossing are protected for single releases of counts only.",
            mend="Leave magnitudes, noise, rounding and earlier releases out, or publish the crossing itself.",
        )
    asked = {
        "attacker.absent = unknown": plan.attacker.absent == "unknown",
        "attacker.known": bool(plan.attacker.known),
    }
    if any(asked.values()) and (overlapping or not counts_once):
        raise InputRefused(
            f"{path}: {' and '.join(name for name, is_asked in asked.items() if is_asked)} is for single releases of "
            "counts that add up.",
            mend="Leave magnitudes, noise, rounding, earlier releases and multi_response out, or give all rows.",
        )
    if plan.tables and overlapping:
        raise InputRefused(
            f"{path}: {', '.join(overlapping)} do not add up, which several tables of one crossing cannot have.",
            mend="Protect each table by itself with tables left out, and publish only one of them.",
        )


def refuse_many_cells(plan: Layout, codes: Mapping[str, Codes], *, is_repeated: bool, path: Path) -> None:
    """Return if a table has no more cells than can be protected.

    Raises:
        InputRefused: it has.
    """
    most = _MOST_CELLS_OF_COUNTS if plan.has_counts_only and not is_repeated else _MOST_CELLS
    if np.prod([len(own.codes) for own in codes.values()], dtype=np.float64) > most:
        raise InputRefused(f"{path}: more than {most} cells.", mend="Use fewer or coarser dimensions.")


def refuse_more_than_one_count(plan: Layout, mechanism: Mechanism | None, *, is_repeated: bool, path: Path) -> None:
    """Return unless a table of several measures is to be released over time, or with differential privacy.

    Raises:
        InputRefused: it is.
    """
    if plan.is_one_count:
        return
    if is_repeated:
        raise InputRefused(f"{path}: releases over time are for one count.", mend="Protect each count by itself.")
    if mechanism is not None and mechanism.differential_privacy is not None:
        raise InputRefused(
            f"{path}: differential privacy is for one count.", mend="Protect each by itself: each spends the budget."
        )

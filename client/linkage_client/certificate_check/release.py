"""One release as its measures are checked, and what is known of a measure that passed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from linkage_client.certificate_check.company import Suppliers
from linkage_client.certificate_check.dimensions import Dimension, Ints
from linkage_client.certificate_check.release_tables import Tables
from linkage_client.certificate_check.rounding import Rounding
from linkage_client.certificate_check.rules import Flags


@dataclass(frozen=True, slots=True)
class CheckedMeasure:
    """A measure that passed.

    Args:
        values: its cells, flat.
        sensitive: those that had to be blank by themselves.
        blank: all that are.
    """

    values: Ints
    sensitive: Flags
    blank: Flags


@dataclass(frozen=True, slots=True)
class Release:
    """What is the same for all measures of a release.

    Args:
        plan, policy: layout and policy as read.
        dimensions: of the layout.
        tables: the release and its truth.
        few_behind: cells that too few prescribers or workplaces stand behind.
        rounding: of counts.
        suppliers: who supplies what, for company secrecy.
    """

    plan: dict[str, Any]
    policy: dict[str, Any]
    dimensions: list[Dimension]
    tables: Tables
    few_behind: Flags
    rounding: Rounding | None
    suppliers: Suppliers

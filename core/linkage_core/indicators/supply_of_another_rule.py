"""Days of supply by another rule for reversed rows: only rows of which other packages are left are asked anew."""

from __future__ import annotations

import numpy as np

from linkage.indicator_kinds import SupplyModel
from linkage_core.events import PersonEvents
from linkage_core.indicators.days_of_supply import DaysOfSupply, days_of_supply
from linkage_core.indicators.dispensings import Dispensings
from linkage_core.indicators.reversals import NettedRows
from linkage_core.indicators.values import Int64s


def differs_by_rows(model: SupplyModel, other: str) -> bool:
    """Whether supply by two rules can differ only where what is left of a row does.

    Periods of drug use look at all rows of a person, and `net_latest` has a rule of its own for what is left.
    """
    return "net_latest" not in (model.reversals, other) and not any(step.startswith("pre2dup:") for step in model.steps)


def supply_of_another_rule(
    dispensings: Dispensings, model: SupplyModel, netted: NettedRows, *, known: DaysOfSupply, known_netted: NettedRows
) -> DaysOfSupply:
    """What `days_of_supply` says, from what is known by a rule that leaves nearly every row the same."""
    places = np.flatnonzero(netted.left != known_netted.left)
    supply, unserved = known.supply_64ths.copy(), known.unserved.copy()
    step, capped = known.step.copy(), known.capped.copy()
    if len(places):
        part = _rows_at(dispensings, places)
        # The reversed rows themselves are not among them, but took from these.
        left = NettedRows(netted.left[places], np.arange(len(places)), None)
        found = days_of_supply(part, model, left)
        supply[places], unserved[places] = found.supply_64ths, found.unserved
        step[places], capped[places] = found.step, found.capped
    return DaysOfSupply(supply, unserved, known.steps, step, capped)


def _rows_at(dispensings: Dispensings, places: Int64s) -> Dispensings:
    """Some rows, as those of one person."""
    rows = dispensings.events.rows.take(places)
    events = PersonEvents(offsets=np.array([0, len(places)], np.int64), rows=rows, found=np.ones(1, np.bool_))
    return Dispensings(events, dispensings.register)

"""How many released tables the recipients of an order have already that tell of persons it tells of too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.compute as pc
import sqlalchemy as sa

from linkage.order_states import OrderState
from linkage_server.intake.population_store import load_population
from linkage_server.intake.pseudonymise import HashedPopulation
from linkage_server.ledger.release_ledger import ReleaseLedger
from linkage_server.storage.database import Database
from linkage_server.storage.tables import OrderRow, PopulationRow


@dataclass(frozen=True, slots=True)
class OverlappingTables:
    """Compares populations.

    Args:
        database: orders and populations.
        home: folder that populations lie below.
        together: groups of organisations that are taken to share what they are sent.
    """

    database: Database
    home: Path
    together: Sequence[Sequence[str]]
    _read: dict[str, HashedPopulation] = field(default_factory=dict)

    def count(self, order_id: str) -> int:
        """Released tables with at least one person in common; those that cannot be compared are counted.

        Populations that registers define, and those hashed under another pepper, cannot be compared.
        """
        with self.database.reading() as session:
            organisation = session.get_one(OrderRow, order_id).organisation
            recipients = ReleaseLedger(self.database, self.home, self.together).recipients(organisation)
            mine = session.get(PopulationRow, order_id)
            others = session.execute(
                sa.select(OrderRow.order_id, PopulationRow)
                .outerjoin(PopulationRow, PopulationRow.order_id == OrderRow.order_id)
                .where(
                    OrderRow.organisation.in_(recipients),
                    OrderRow.order_id != order_id,
                    OrderRow.state == OrderState.RELEASED.value,
                )
            ).all()
        return sum(self._may_overlap(mine, other) for _, other in others)

    def _may_overlap(self, one: PopulationRow | None, other: PopulationRow | None) -> bool:
        if one is None or other is None or one.pepper_version != other.pepper_version:
            return True
        if one.sha256 == other.sha256:
            return True
        own, theirs = (self._population(row).population.hashed_ids for row in (one, other))
        return bool(pc.any(pc.is_in(own, value_set=theirs)).as_py())

    def _population(self, row: PopulationRow) -> HashedPopulation:
        if row.order_id not in self._read:
            self._read[row.order_id] = load_population(self.home / row.file, sha256=row.sha256)
        return self._read[row.order_id]

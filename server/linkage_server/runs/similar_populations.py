"""Refuses a population that differs by a few persons from one that the same recipient had a table of.

Whoever holds both tables subtracts them and is left with a table of those few; so with sums of three and four tables.
The populations are compared before anything is computed, so that a refusal tells nothing of the registers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from linkage.order_states import OrderState
from linkage_core.events import Population
from linkage_server.intake.population_store import load_population
from linkage_server.ledger.release_ledger import ReleaseLedger, release_id, too_similar
from linkage_server.runs.combined_populations import few_left
from linkage_server.runs.plan import RunPlan
from linkage_server.storage.database import Database
from linkage_server.storage.tables import OrderRow, PopulationRow

# Tables that left, or may leave any moment. One that is withheld, cancelled or failed is never seen.
_MAY_LEAVE = (OrderState.RUNNING.value, OrderState.AWAITING_RELEASE.value, OrderState.RELEASED.value)


@dataclass(frozen=True, slots=True)
class SimilarPopulations:
    """The gate before each run.

    Args:
        database: orders and populations.
        home: folder that populations lie below.
        together: groups of organisations that are taken to share what they are sent.
    """

    database: Database
    home: Path
    together: Sequence[Sequence[str]]

    def refuse(self, order_id: str, plan: RunPlan) -> None:
        """Look at what the recipients of an order had before.

        Populations are compared under the pepper that hashes them: one from before a rotation is not found again.

        Released tables that the plan is laid beside are left out: they hold the new one back cell by cell.

        Raises:
            DisclosureRefused: another population differs by some persons, but by fewer than the policy's minimum cell,
                or a signed sum of this and two or three others is of so few. It names no order and no number.
        """
        beside = {one.release for one in plan.earlier}
        ledger = ReleaseLedger(self.database, self.home, self.together)
        with self.database.reading() as session:
            organisation = session.get_one(OrderRow, order_id).organisation
            mine = session.get(PopulationRow, order_id)
            if mine is None:
                return
            few = plan.policy.minimum_cell
            others = session.scalars(
                sa.select(PopulationRow)
                .join(OrderRow, OrderRow.order_id == PopulationRow.order_id)
                .where(
                    OrderRow.organisation.in_(ledger.recipients(organisation)),
                    OrderRow.order_id != order_id,
                    OrderRow.state.in_(_MAY_LEAVE),
                    # As many persons apart at least as the numbers of persons are.
                    sa.func.abs(PopulationRow.linkable - mine.linkable) < few,
                    PopulationRow.sha256 != mine.sha256,
                )
            ).all()
            combined = session.scalars(
                sa.select(PopulationRow)
                .join(OrderRow, OrderRow.order_id == PopulationRow.order_id)
                .where(
                    OrderRow.organisation.in_(ledger.recipients(organisation)),
                    OrderRow.order_id != order_id,
                    OrderRow.state.in_(_MAY_LEAVE),
                    PopulationRow.pepper_version == mine.pepper_version,
                )
                .order_by(PopulationRow.accepted_at.desc(), PopulationRow.order_id)
            ).all()
        asked = self._population(mine)
        for row in (row for row in others if release_id(row.order_id) not in beside):
            if row.pepper_version == mine.pepper_version and 0 < persons_apart(asked, self._population(row)) < few:
                raise too_similar()
        # The same file once, as it was sent last.
        newest = {row.sha256: row for row in reversed(combined)}
        sources = [
            partial(self._population, newest[sha256]) for sha256 in dict.fromkeys(row.sha256 for row in combined)
        ]
        if len(sources) > 1 and few_left(partial(self._population, mine), sources, few=few):
            raise too_similar()

    def _population(self, row: PopulationRow) -> Population:
        return load_population(self.home / row.file, sha256=row.sha256).population


def persons_apart(one: Population, other: Population) -> int:
    """How many persons are in one of two populations alone, or in both with other facts (index date, strata).

    Facts that only one of the populations has are not compared.
    """
    names = sorted(_facts(one).keys() & _facts(other).keys())
    left, right = _rows(one, names), _rows(other, names)
    keys = left.column_names
    apart = [
        alone.join(rest, keys=keys, join_type="left anti")["person"].combine_chunks()
        for alone, rest in ((left, right), (right, left))
    ]
    return len(pc.unique(pa.concat_arrays(apart)))


def _facts(population: Population) -> dict[str, pa.Array]:
    optional = {"index_date": population.index_date, "birth_date": population.birth_date, "sex": population.sex}
    return {name: column for name, column in (optional | dict(population.strata)).items() if column is not None}


def _rows(population: Population, names: Sequence[str]) -> pa.Table:
    """One text a fact; a join matches no missing value, so these are a text too."""
    facts = _facts(population)
    columns = {name: pc.fill_null(facts[name].cast(pa.string()), "") for name in names}
    return pa.table({"person": population.hashed_ids.cast(pa.binary()), **columns})

"""Protects a run's table beside the earlier releases that its plan is pinned to, and makes its ledger entry."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from sqlalchemy.orm import Session

from linkage.disclosure_policy import canonical_sha256
from linkage.errors import StateConflict
from linkage.order import OrderDocument
from linkage.order_states import parse_order_name
from linkage_core.counted_persons import CountedPersons
from linkage_core.counted_table import CountedTable
from linkage_core.disclosure import ProtectedTable, protect
from linkage_core.disclosure.withheld import WithheldIndicators
from linkage_core.events import NumberHistory
from linkage_core.release_history import first_states, next_table, number_members, table_beside_others
from linkage_server.ledger.entry_file import Entry
from linkage_server.ledger.release_ledger import Beside, ReleaseLedger, release_id
from linkage_server.registers.store import RegisterStore
from linkage_server.runs.plan import RunPlan
from linkage_server.storage.tables import RunRow


@dataclass(frozen=True, slots=True)
class Counted:
    """What a run counted.

    Args:
        table: exact counts.
        persons: who was counted where.
        hashed_ids: of the population, in the order of `persons`.
        match_rate_band: how many were found.
    """

    table: CountedTable
    persons: CountedPersons
    hashed_ids: pa.FixedSizeBinaryArray
    match_rate_band: str


@dataclass(frozen=True, slots=True)
class EarlierReleases:
    """Where a run finds what was released before.

    Args:
        ledger: the release ledger.
        history: changes of identity numbers; None where there are none.
        keep: new persons get numbers for good; False where nothing is to be written.
    """

    ledger: ReleaseLedger
    history: NumberHistory | None
    keep: bool = True


def protect_beside(
    plan: RunPlan, counted: Counted, *, earlier: EarlierReleases | None, secret: WithheldIndicators
) -> tuple[ProtectedTable, Entry]:
    """The protected table, and its ledger entry; a table that nothing was released before of is protected by itself.

    Args:
        earlier: None where a table stands alone: persons are numbered by their place.

    Raises:
        DisclosureRefused: the policy forbids the table, or it is too similar to one that it cannot be laid beside.
        ServiceUnavailable: an entry of the ledger is missing or damaged.
    """
    version = plan.population.pepper_version
    if earlier is None:
        numbers = np.arange(len(counted.hashed_ids), dtype=np.uint32)
    else:
        persons, history = earlier.ledger.persons, earlier.history
        numbers = persons.of(counted.hashed_ids, pepper_version=version, history=history, keep=earlier.keep)
    members = number_members(counted.persons, numbers)
    name = release_id(parse_order_name(plan.order)[1])
    beside = None
    if earlier is not None and plan.earlier:
        unite = earlier.ledger.persons.unite(pepper_version=version, history=earlier.history)
        beside = earlier.ledger.beside(plan.earlier, members, unite=unite)
    if beside is None:
        protected = protect(counted.table, plan.policy, secret=secret)
        states = first_states(counted.table, protected, members=members, name=name)
        return protected, Entry(members, states, counted.match_rate_band)
    lay = next_table if beside.repeats_last else table_beside_others
    answer = lay(counted.table, plan.policy, members=members, earlier=beside.tables, name=name, secret=secret)
    return answer.protected, Entry(members, answer.states, beside.match_rate_band or counted.match_rate_band)


def laid_beside(plan: RunPlan, earlier: EarlierReleases) -> tuple[Entry, Beside] | None:
    """The ledger entry of a table that was laid beside earlier ones, and these; None where it stands alone.

    Raises:
        NotFound: it is not in the ledger.
        ServiceUnavailable: an entry is missing or damaged.
    """
    if not plan.earlier:
        return None
    ledger, version = earlier.ledger, plan.population.pepper_version
    unite = ledger.persons.unite(pepper_version=version, history=earlier.history)
    own = ledger.entry(parse_order_name(plan.order)[1], unite=unite)
    beside = ledger.beside(plan.earlier, own.members, unite=unite)
    return (own, beside) if beside is not None else None


def layout_sha256(plan: RunPlan) -> str:
    """Hash of what makes two tables tables of one layout: indicators, strata, rules of the population and policy."""
    return hashlib.sha256(
        json.dumps(
            {
                "sets": [[one.sha256, list(one.only) if one.only is not None else None] for one in plan.sets],
                "by": [list(crossing) for crossing in plan.document.by],
                "population": _rules(plan.document),
                "policy": canonical_sha256(plan.policy),
            },
            sort_keys=True,
        ).encode()
    ).hexdigest()


def data_read(plan: RunPlan, store: RegisterStore) -> dict[str, str]:
    """Hash of the rows that a plan reads of each register, the same however they are stored; history under ""."""
    found = {"": plan.history_sha256}
    for register in plan.registers:
        manifest = store.snapshot(register.name, register.snapshot)
        # Deliveries add rows, an erasure takes some away; compaction does neither.
        rows = [one.content_sha256 for one in manifest.deliveries], manifest.rows, manifest.pepper_version
        found[register.name] = hashlib.sha256(json.dumps(rows).encode()).hexdigest()
    return found


def refuse_without_entry(session: Session, ledger: ReleaseLedger, organisation: str, *, layout: str) -> None:
    """Before a plan is pinned: every release of its table to the same recipients must be in the ledger.

    Raises:
        StateConflict: one is not.
    """
    for order_id in ledger.without_entry(session, organisation):
        run = session.get(RunRow, order_id)
        if run is not None and layout_sha256(RunPlan.from_json(run.plan)) == layout:
            raise StateConflict(
                "an earlier release of this table is not in the release ledger.",
                mend="The register holder runs `linkage-server releases enter` for it, then the order is sent again.",
            )


def _rules(document: OrderDocument) -> object:
    return document.population.model_dump(mode="json")

"""Every table of the service's state, as typed classes.

    organisations ─┬─ certificates, signing_keys
                   └─ orders ─┬─ order_steps, secrecy_decisions
                              ├─ uploads, seen_envelopes ─ populations
                              ├─ runs ─ run_counts, table_versions, release_approvals
                              │         protected_tables ─ releases
                              └─ (names only) used_sets, request_ids, operations, audit_entries

No table holds an identity number, a hashed id or a cell: those lie in files, and only their names, sizes and hashes
are here. Row counts of populations are kept for the planner and leave the house only in bands.
"""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, Integer, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from linkage_server.storage.base import Base, Json

# SQLite only numbers rows by itself in a column that is plainly INTEGER.
RowNumber = BigInteger().with_variant(Integer(), "sqlite")


class OrganisationRow(Base):
    """An organisation that may order, or the register holder's own officers and operators."""

    __tablename__ = "organisations"

    organisation: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class CertificateRow(Base):
    """A client certificate that the private CA issued."""

    __tablename__ = "certificates"

    # Hexadecimal, lower case: serial numbers have up to 160 bits.
    serial: Mapped[str] = mapped_column(primary_key=True)
    # SHA-256 of the DER certificate, hexadecimal.
    fingerprint: Mapped[str] = mapped_column(unique=True)
    organisation: Mapped[str] = mapped_column(ForeignKey("organisations.organisation"), index=True)
    role: Mapped[str]
    issued_at: Mapped[datetime]
    not_after: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class SigningKeyRow(Base):
    """An organisation's public signing keys (Ed25519 and ML-DSA-65), under which its envelopes verify."""

    __tablename__ = "signing_keys"

    key_id: Mapped[str] = mapped_column(primary_key=True)
    organisation: Mapped[str] = mapped_column(ForeignKey("organisations.organisation"), index=True)
    # As PublicSigningKeys writes itself to JSON.
    public_keys: Mapped[str] = mapped_column(Text)
    added_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]


class OrderRow(Base):
    """An order and where it stands. `state` changes only through `order_states.move_order`."""

    __tablename__ = "orders"
    __table_args__ = (Index("ix_orders_organisation_created", "organisation", "created_at", "order_id"),)

    order_id: Mapped[str] = mapped_column(primary_key=True)
    organisation: Mapped[str] = mapped_column(ForeignKey("organisations.organisation"))
    # The order file as filed, TOML.
    document: Mapped[str] = mapped_column(Text)
    # SHA-256 of the canonical form, hexadecimal.
    document_sha256: Mapped[str]
    title: Mapped[str]
    purpose: Mapped[str]
    state: Mapped[str] = mapped_column(index=True)
    etag: Mapped[str]
    # Why the order stands where it stands, in words.
    reason: Mapped[str] = mapped_column(Text, default="")
    # Disclosure policy, "id@version", and the hash of its canonical form.
    policy: Mapped[str]
    policy_sha256: Mapped[str]
    # Name of the written policy that approved the order, if one did.
    approved_by_policy: Mapped[str | None]
    # Register name -> snapshot id; filled when the run is planned.
    snapshot_pins: Mapped[Json | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class OrderStepRow(Base):
    """One step of an order; never changed, never taken away."""

    __tablename__ = "order_steps"

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=True)
    order_id: Mapped[str] = mapped_column(ForeignKey("orders.order_id"), index=True)
    state: Mapped[str]
    at: Mapped[datetime]
    # Role that made the step: "orderer", "officer", "policy" or "service".
    by: Mapped[str]
    reason: Mapped[str] = mapped_column(Text, default="")


class SecrecyDecisionRow(Base):
    """The decision under the secrecy act that lets an order run; one for each approval."""

    __tablename__ = "secrecy_decisions"

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=True)
    order_id: Mapped[str] = mapped_column(ForeignKey("orders.order_id"), index=True)
    exception: Mapped[str]
    no_harm: Mapped[bool]
    reasoning: Mapped[str] = mapped_column(Text)
    decider: Mapped[str]
    # Written policy "id@version" that decided, if no person did.
    policy: Mapped[str | None]
    decided_at: Mapped[datetime]


class UploadRow(Base):
    """A sealed container on its way in. Its bytes lie in the spool."""

    __tablename__ = "uploads"
    __table_args__ = (UniqueConstraint("order_id", "upload_id"),)

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=True)
    order_id: Mapped[str] = mapped_column(ForeignKey("orders.order_id"), index=True)
    # UUID4 of the envelope.
    upload_id: Mapped[str]
    container_bytes: Mapped[int]
    # SHA-256 announced for the whole container.
    container_sha256: Mapped[bytes]
    # Acknowledged bytes: fsynced before they are counted here.
    bytes_stored: Mapped[int] = mapped_column(default=0)
    # "started", "complete", "opening", "accepted" or "refused".
    state: Mapped[str]
    reason: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class SeenEnvelopeRow(Base):
    """An envelope that was accepted once and never is again."""

    __tablename__ = "seen_envelopes"
    __table_args__ = (UniqueConstraint("organisation", "upload_id"), UniqueConstraint("order_id", "manifest_sha256"))

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=True)
    organisation: Mapped[str] = mapped_column(ForeignKey("organisations.organisation"))
    upload_id: Mapped[str]
    order_id: Mapped[str] = mapped_column(ForeignKey("orders.order_id"))
    # SHA-256 of the manifest as received, hexadecimal.
    manifest_sha256: Mapped[str]
    seen_at: Mapped[datetime]


class PopulationRow(Base):
    """A hashed population: one for each order. Its rows lie in the named file."""

    __tablename__ = "populations"

    order_id: Mapped[str] = mapped_column(ForeignKey("orders.order_id"), primary_key=True)
    upload_id: Mapped[str]
    # Relative to the home folder.
    file: Mapped[str]
    # SHA-256 of the file, hexadecimal.
    sha256: Mapped[str]
    rows: Mapped[int]
    linkable: Mapped[int]
    # NumberKind name -> rows that can never be linked.
    not_linkable: Mapped[Json]
    # Stratum -> number of levels.
    strata: Mapped[Json]
    reference_date: Mapped[date]
    has_index_date: Mapped[bool]
    pepper_version: Mapped[int]
    manifest_sha256: Mapped[str]
    accepted_at: Mapped[datetime]


class RunRow(Base):
    """The run of an order: what was planned, how far it came."""

    __tablename__ = "runs"

    order_id: Mapped[str] = mapped_column(ForeignKey("orders.order_id"), primary_key=True)
    plan: Mapped[Json]
    plan_sha256: Mapped[str]
    stage: Mapped[str]
    stages_done: Mapped[int] = mapped_column(default=0)
    stages_total: Mapped[int] = mapped_column(default=0)
    # "waiting", "running", "done", "failed" or "cancelled".
    state: Mapped[str] = mapped_column(index=True)
    attempt: Mapped[int] = mapped_column(default=0)
    error: Mapped[str] = mapped_column(Text, default="")
    started_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    # What the planner expected when the run was planned, and what it touched and took; rough, see runs/rough.py.
    expected: Mapped[Json | None]
    report: Mapped[Json | None]


class ProtectedTableRow(Base):
    """A table that passed disclosure control and waits for, or has had, its release."""

    __tablename__ = "protected_tables"

    order_id: Mapped[str] = mapped_column(ForeignKey("orders.order_id"), primary_key=True)
    # Relative to the home folder.
    file: Mapped[str]
    sha256: Mapped[str]
    # "id@version" and canonical hash.
    policy: Mapped[str]
    policy_sha256: Mapped[str]
    cells: Mapped[int]
    cells_suppressed: Mapped[int]
    suppressed_by_reason: Mapped[Json]
    # Dimensions, notes and what else the release desk needs to describe the table; no cell.
    description: Mapped[Json]
    created_at: Mapped[datetime]


class RunCountsRow(Base):
    """The exact counts of a run, kept for the officers who decide on its table."""

    __tablename__ = "run_counts"

    order_id: Mapped[str] = mapped_column(ForeignKey("orders.order_id"), primary_key=True)
    # Relative to the home folder.
    file: Mapped[str]
    # SHA-256 of the file, hexadecimal.
    sha256: Mapped[str]
    created_at: Mapped[datetime]


class TableVersionRow(Base):
    """One version of an order's protected table: the run's own is the first. Append only.

    Which one is released, `protected_tables` tells.
    """

    __tablename__ = "table_versions"

    order_id: Mapped[str] = mapped_column(ForeignKey("orders.order_id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    # Relative to the home folder, and the file's SHA-256 in hexadecimal.
    file: Mapped[str]
    sha256: Mapped[str]
    # What was made coarser and hidden besides, as release/recipe.py writes it.
    recipe: Mapped[Json]
    # Who made it, "" for the run, and why.
    officer: Mapped[str]
    reasoning: Mapped[str] = mapped_column(Text, default="")
    cells: Mapped[int]
    cells_suppressed: Mapped[int]
    suppressed_by_reason: Mapped[Json]
    # As in protected_tables.
    description: Mapped[Json]
    # What the queue is ranked by, and how many blanks were proved anew; None where it was not measured.
    measures: Mapped[Json | None]
    created_at: Mapped[datetime]


class ReleaseApprovalRow(Base):
    """An officer's approval of one version of a table, where the policy asks for two officers. Append only."""

    __tablename__ = "release_approvals"
    __table_args__ = (UniqueConstraint("order_id", "table_sha256", "person"),)

    id: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=True)
    order_id: Mapped[str] = mapped_column(ForeignKey("orders.order_id"), index=True)
    table_sha256: Mapped[str]
    # The officer as the audit trail names them, and the same in one way of writing.
    officer: Mapped[str]
    person: Mapped[str]
    reasoning: Mapped[str] = mapped_column(Text)
    approved_at: Mapped[datetime]


class ReleaseRow(Base):
    """What was delivered for an order."""

    __tablename__ = "releases"

    release_id: Mapped[str] = mapped_column(primary_key=True)
    order_id: Mapped[str] = mapped_column(ForeignKey("orders.order_id"), unique=True)
    # Relative to the home folder.
    folder: Mapped[str]
    manifest_sha256: Mapped[str]
    decider: Mapped[str]
    reasoning: Mapped[str] = mapped_column(Text)
    released_at: Mapped[datetime]


class LedgerEntryRow(Base):
    """What the release ledger keeps of an order's table; it counts once the order is released."""

    __tablename__ = "ledger_entries"

    order_id: Mapped[str] = mapped_column(ForeignKey("orders.order_id"), primary_key=True)
    # Tables of one layout are laid beside each other: indicators, strata and policy.
    layout_sha256: Mapped[str] = mapped_column(index=True)
    # Relative to the home folder, and the file's SHA-256 in hexadecimal.
    file: Mapped[str]
    sha256: Mapped[str]
    # Of the protected table that it tells of.
    table_sha256: Mapped[str]
    # Ids of the releases that the run was laid beside.
    earlier: Mapped[list[str]] = mapped_column(JSON)
    # Register -> hash of the rows that were read, however they are stored; and the number history under "".
    data: Mapped[Json]
    created_at: Mapped[datetime]


class PersonNumbersRow(Base):
    """Ids that have numbers in the release ledger: those of one file, in the order of their numbers, by pepper."""

    __tablename__ = "person_numbers"

    # Number of the file's first id.
    first: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    pepper_version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    persons: Mapped[int]
    # Relative to the home folder, and the file's SHA-256 in hexadecimal.
    file: Mapped[str]
    sha256: Mapped[str]
    created_at: Mapped[datetime]


class UsedSetRow(Base):
    """An indicator set that an order named. What was used never changes: this is what it said then."""

    __tablename__ = "used_sets"

    # "id@version".
    name: Mapped[str] = mapped_column(primary_key=True)
    # File of definitions/indicators it was read from; "" for one that comes with the program.
    file: Mapped[str]
    # Canonical form, and its SHA-256 in hexadecimal.
    definition: Mapped[Json]
    sha256: Mapped[str]
    used_at: Mapped[datetime]


class RequestIdRow(Base):
    """A request that was taken on, with its answer once there is one; kept for at least thirty days."""

    __tablename__ = "request_ids"

    organisation: Mapped[str] = mapped_column(primary_key=True)
    method: Mapped[str] = mapped_column(primary_key=True)
    request_id: Mapped[str] = mapped_column(primary_key=True)
    # SHA-256 of the request without its id, hexadecimal.
    body_sha256: Mapped[str]
    response: Mapped[bytes]
    created_at: Mapped[datetime] = mapped_column(index=True)


class AuditEntryRow(Base):
    """One link of the audit chain. Append only."""

    __tablename__ = "audit_entries"

    seq: Mapped[int] = mapped_column(RowNumber, primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    actor: Mapped[str]
    role: Mapped[str]
    action: Mapped[str] = mapped_column(index=True)
    subject: Mapped[str] = mapped_column(index=True)
    outcome: Mapped[str]
    # Hexadecimal SHA-256 of the entry before, and of this one.
    previous_hash: Mapped[str]
    hash: Mapped[str] = mapped_column(unique=True)


class OperationRow(Base):
    """A long-running operation that a client may ask after."""

    __tablename__ = "operations"

    # "operations/{id}".
    name: Mapped[str] = mapped_column(primary_key=True)
    organisation: Mapped[str] = mapped_column(ForeignKey("organisations.organisation"), index=True)
    kind: Mapped[str]
    order_id: Mapped[str | None] = mapped_column(ForeignKey("orders.order_id"), index=True)
    done: Mapped[bool] = mapped_column(default=False)
    # Serialised google.rpc.Status, response and metadata (Any).
    error: Mapped[bytes | None]
    response: Mapped[bytes | None]
    operation_metadata: Mapped[bytes | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]

"""Which organisations are known, with their certificates and the keys under which they sign."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from sqlalchemy.orm import Session

from linkage.enrolment import EnrolmentRequest
from linkage.errors import Conflict, InputRefused, NotFound
from linkage.free_text import refuse_identity_number
from linkage.signatures import PublicSigningKeys
from linkage_server.access.certificate_authority import CertificateAuthority
from linkage_server.access.certificates import serial_text
from linkage_server.access.permits import Role
from linkage_server.storage.database import now
from linkage_server.storage.tables import CertificateRow, OrganisationRow, SigningKeyRow


@dataclass(frozen=True, slots=True)
class OrganisationView:
    """An organisation and its certificates that are still trusted."""

    organisation: str
    title: str
    created_at: datetime
    revoked_at: datetime | None
    # Role -> number of certificates that are neither revoked nor run out.
    certificates: dict[str, int]


def admit_organisation(
    session: Session, *, authority: CertificateAuthority, request: EnrolmentRequest, role: Role, holder: str
) -> x509.Certificate:
    """Issue a certificate for a request and write down its organisation, certificate and signing keys.

    An organisation may have several certificates; its officers and operators are the holder's own people.

    Args:
        session: a writer's session.
        authority: the holder's CA.
        request: what the organisation sent.
        role: what the certificate lets its holder be.
        holder: the register holder's own organisation.

    Raises:
        InputRefused: the request's keys are no keys, or a role that the organisation cannot have.
        Conflict: the organisation's access was revoked.
    """
    if (request.organisation == holder) != (role is not Role.ORDERER):
        raise InputRefused(
            f"the organisation {request.organisation!r} cannot have the role {role}.",
            mend=f"Officers and operators belong to {holder!r}, the register holder; orderers to any other.",
        )
    for text, what in ((request.organisation, "the organisation's short name"), (request.title, "its title")):
        refuse_identity_number(text, what=what)
    keys = request.public_signing_keys
    moment = now(session)
    organisation = session.get(OrganisationRow, request.organisation)
    if organisation is None:
        session.add(OrganisationRow(organisation=request.organisation, title=request.title, created_at=moment))
        session.flush()
    elif organisation.revoked_at is not None:
        raise Conflict(
            f"the access of {request.organisation!r} was revoked.", mend="Let it enrol under another short name."
        )
    certificate = authority.issue(
        request.certificate_request.encode(), organisation=request.organisation, role=role.value, now=moment
    )
    session.add(
        CertificateRow(
            serial=serial_text(certificate.serial_number),
            fingerprint=certificate.fingerprint(SHA256()).hex(),
            organisation=request.organisation,
            role=role.value,
            issued_at=moment,
            not_after=certificate.not_valid_after_utc,
        )
    )
    _remember_keys(session, request.organisation, keys, at=moment)
    session.flush()
    return certificate


def revoke_organisation(session: Session, organisation: str) -> None:
    """End an organisation's access at once: its certificates, and the keys under which it signs.

    Raises:
        NotFound: there is none of that name.
    """
    row = session.get(OrganisationRow, organisation)
    if row is None:
        raise NotFound("there is no organisation of that name.", mend="See: linkage-server organisation list")
    moment = now(session)
    row.revoked_at = row.revoked_at or moment
    for kind in (CertificateRow, SigningKeyRow):
        still_trusted = sa.and_(kind.organisation == organisation, kind.revoked_at.is_(None))
        session.execute(sa.update(kind).where(still_trusted).values(revoked_at=moment))


def list_organisations(session: Session) -> list[OrganisationView]:
    """Every organisation ever admitted, ascending by name."""
    moment = now(session)
    trusted = sa.and_(CertificateRow.revoked_at.is_(None), CertificateRow.not_after > moment)
    counted = (
        sa.select(CertificateRow.organisation, CertificateRow.role, sa.func.count())
        .where(trusted)
        .group_by(CertificateRow.organisation, CertificateRow.role)
    )
    certificates: dict[str, dict[str, int]] = {}
    for organisation, role, count in session.execute(counted):
        certificates.setdefault(organisation, {})[role] = count
    return [
        OrganisationView(
            organisation=row.organisation,
            title=row.title,
            created_at=row.created_at,
            revoked_at=row.revoked_at,
            certificates=certificates.get(row.organisation, {}),
        )
        for row in session.scalars(sa.select(OrganisationRow).order_by(OrganisationRow.organisation))
    ]


def trusted_signing_keys(session: Session, organisation: str) -> dict[str, PublicSigningKeys]:
    """Keys under which an organisation's envelopes may verify, by key id."""
    query = sa.select(SigningKeyRow).where(
        SigningKeyRow.organisation == organisation, SigningKeyRow.revoked_at.is_(None)
    )
    return {row.key_id: PublicSigningKeys.from_json(row.public_keys) for row in session.scalars(query)}


def _remember_keys(session: Session, organisation: str, keys: PublicSigningKeys, *, at: datetime) -> None:
    known = session.get(SigningKeyRow, keys.key_id)
    if known is None:
        session.add(
            SigningKeyRow(key_id=keys.key_id, organisation=organisation, public_keys=keys.to_json(), added_at=at)
        )
    elif known.organisation != organisation:
        raise Conflict("these signing keys belong to another organisation.", mend="Run `linkage init` in a new folder.")

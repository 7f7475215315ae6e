"""Who calls: from the certificate that TLS has checked to a caller the service knows and still trusts."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from linkage.errors import NotAuthenticated
from linkage_server.storage.database import Database, now
from linkage_server.storage.tables import CertificateRow, OrganisationRow


@dataclass(frozen=True, slots=True)
class Caller:
    """An organisation in one of its roles."""

    organisation: str
    # "orderer", "officer" or "operator".
    role: str
    # Hexadecimal; "" for an officer at the holder's own console.
    certificate_serial: str
    # The person or desk that the certificate or the console names; the organisation if none.
    name: str = ""

    @property
    def actor(self) -> str:
        """Who the audit trail and a decision name."""
        return f"{self.organisation}/{self.name}" if self.name else self.organisation


def identify_caller(database: Database, pem: bytes) -> Caller:
    """Look up the certificate of a connection; called for each call, so that a revocation works at once.

    Args:
        database: where issued certificates are written down.
        pem: the peer's certificate, whose chain TLS has checked.

    Raises:
        NotAuthenticated: none, unknown, revoked or run out. The caller hears the same for all.
    """
    try:
        certificate = x509.load_pem_x509_certificate(pem)
        common_name = _first(certificate, NameOID.COMMON_NAME)
    except ValueError:
        raise _unknown() from None
    with database.reading() as session:
        row = session.get(CertificateRow, serial_text(certificate.serial_number))
        if row is None or row.revoked_at is not None or row.fingerprint != certificate.fingerprint(SHA256()).hex():
            raise _unknown()
        organisation = session.get_one(OrganisationRow, row.organisation)
        if organisation.revoked_at is not None or now(session) >= row.not_after:
            raise _unknown()
        name = common_name if common_name != row.organisation else ""
        return Caller(organisation=row.organisation, role=row.role, certificate_serial=row.serial, name=name)


def serial_text(serial: int) -> str:
    """A serial number as it is written down: lower-case hexadecimal."""
    return f"{serial:x}"


def _first(certificate: x509.Certificate, oid: x509.ObjectIdentifier) -> str:
    values = certificate.subject.get_attributes_for_oid(oid)
    return str(values[0].value) if values else ""


def _unknown() -> NotAuthenticated:
    return NotAuthenticated(
        "the certificate is not one that this service trusts.",
        mend="Run `linkage enrol` with the register holder's reply, or ask for a new certificate.",
    )

"""Admits organisations: issues the certificate, writes the reply they enrol with, and records who let them in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from linkage.enrolment import EnrolmentReply, EnrolmentRequest
from linkage_server.access.certificate_authority import CertificateAuthority
from linkage_server.access.certificates import Caller
from linkage_server.access.organisations import admit_organisation
from linkage_server.access.permits import Role
from linkage_server.audit.trail import AuditTrail
from linkage_server.keys.key_ring import KeyRing
from linkage_server.settings import Settings
from linkage_server.storage.database import Database
from linkage_server.storage.files import write_atomically


@dataclass(frozen=True, slots=True)
class EnrolmentDesk:
    """Where enrolment requests are answered.

    Args:
        database: the service's state.
        trail: where each admission is recorded.
        keys: folder of the private CA and of the key ring.
        settings: the holder's name and the address that clients reach the service under.
    """

    database: Database
    trail: AuditTrail
    keys: Path
    settings: Settings

    def admit(self, operator: Caller, letter: EnrolmentRequest, *, role: Role, out: Path) -> EnrolmentReply:
        """Issue a certificate and write the reply, in one step: neither is there without the other.

        Raises:
            InputRefused: the request's keys are no keys, or a role that the organisation cannot have.
            Conflict: the organisation's access was revoked.
        """
        authority, keys = CertificateAuthority.load(self.keys), KeyRing(self.keys)
        with self.database.transaction() as session:
            certificate = admit_organisation(
                session, authority=authority, request=letter, role=role, holder=self.settings.holder.organisation
            )
            reply = EnrolmentReply(
                organisation=letter.organisation,
                role=role.value,
                server_address=self.settings.listen.public_address,
                certificate=certificate.public_bytes(Encoding.PEM).decode("ascii"),
                ca_certificate=authority.certificate_pem.decode("ascii"),
                envelope_key=keys.envelope_key().public.to_json(),
                release_signing_keys=keys.release_signing_key().public.to_json(),
            )
            self.trail.record(
                session,
                actor=operator.actor,
                role=operator.role,
                action="organisation.add",
                subject=f"organisations/{letter.organisation}",
                outcome="OK",
            )
            write_atomically(out, reply.to_json().encode())
        return reply

"""Becoming known to a register holder: keys are made here, and only their public halves leave."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import ValidationError

from linkage.enrolment import EnrolmentReply, EnrolmentRequest, read_letter
from linkage.errors import Conflict, InputRefused, NotAuthenticated
from linkage.key_files import write_secret_file
from linkage.signatures import SigningKeyPair, pkcs8_pem
from linkage_client.home import ClientHome


@dataclass(frozen=True, slots=True)
class Enrolled:
    """Whom the client is enrolled with, as which organisation, and until when."""

    organisation: str
    role: str
    server_address: str
    fingerprint: str
    certificate_not_after: datetime


def make_request(home: ClientHome, *, organisation: str, title: str) -> EnrolmentRequest:
    """Make keys and write the enrolment request.

    Raises:
        Conflict: the home folder holds keys already.
        InputRefused: the organisation's identifier or title is not of the agreed form.
    """
    if home.signing_key_file.exists() or home.tls_key_file.exists():
        raise Conflict(f"{home.root} holds keys already.", mend="Use them, or choose another --home.")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation[:64] or "?"),
            x509.NameAttribute(NameOID.COMMON_NAME, organisation[:64] or "?"),
        ]
    )
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    signing_key = SigningKeyPair.generate()
    try:
        letter = EnrolmentRequest(
            organisation=organisation,
            title=title,
            certificate_request=request.public_bytes(serialization.Encoding.PEM).decode("ascii"),
            signing_keys=signing_key.public.to_json(),
        )
    except ValidationError as refusal:
        fields = ", ".join(sorted({str(detail["loc"][0]) for detail in refusal.errors()}))
        raise InputRefused(
            f"{fields}: not of the agreed form.",
            mend="The organisation is 2 to 63 lower-case letters, digits and hyphens; the title is one line.",
        ) from None
    home.create()
    write_secret_file(home.tls_key_file, pkcs8_pem(key))
    signing_key.save(home.signing_key_file)
    home.request_file.write_text(letter.to_json(), encoding="utf-8")
    return letter


def accept_reply(home: ClientHome, reply: EnrolmentReply, *, pin: str) -> Enrolled:
    """Keep the holder's reply once its pin and its certificate were checked.

    Args:
        home: the folder that the request was made in.
        reply: the holder's answer.
        pin: the fingerprint, as the holder told it over another channel.

    Raises:
        NotAuthenticated: the reply is from another holder, for another organisation or for another key.
    """
    reply.require_pin(pin)
    request = read_letter(home.request_file, EnrolmentRequest)
    certificate = _certificate(reply)
    own_key = serialization.load_pem_private_key(home.tls_key(), password=None)
    if reply.organisation != request.organisation or certificate.public_key() != own_key.public_key():
        raise NotAuthenticated(
            "the reply answers another client's request.", mend="Ask for the reply to the request made here."
        )
    home.reply_file.write_text(reply.to_json(), encoding="utf-8")
    return describe(reply)


def describe(reply: EnrolmentReply) -> Enrolled:
    """The enrolment in short."""
    return Enrolled(
        organisation=reply.organisation,
        role=reply.role,
        server_address=reply.server_address,
        fingerprint=reply.fingerprint,
        certificate_not_after=_certificate(reply).not_valid_after_utc,
    )


def days_left(reply: EnrolmentReply) -> int:
    """Whole days until the client's certificate ends; negative once it has."""
    return (_certificate(reply).not_valid_after_utc - datetime.now(UTC)).days


def require_in_time(reply: EnrolmentReply) -> None:
    """Return if the client's certificate holds today.

    The service drops a connection with any other certificate without a word, which looks as if it were not there.

    Raises:
        NotAuthenticated: it has ended, or has not begun, by this machine's clock.
    """
    certificate, now = _certificate(reply), datetime.now(UTC)
    if now >= certificate.not_valid_after_utc:
        raise NotAuthenticated(
            f"the certificate ended on {certificate.not_valid_after_utc:%Y-%m-%d}.",
            mend="Send enrolment-request.json to the register holder again, and `linkage enrol` the new reply.",
        )
    if now < certificate.not_valid_before_utc:
        raise NotAuthenticated(
            f"the certificate is not valid before {certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC, and this "
            f"machine's clock says {now:%Y-%m-%d %H:%M}.",
            mend="Set this machine's clock.",
        )


def _certificate(reply: EnrolmentReply) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(reply.certificate.encode("ascii"))
    except ValueError:
        raise InputRefused("the certificate in the reply cannot be read.", mend="Ask for the reply again.") from None

"""How an organisation and a register holder come to know each other: two small files, carried by people.

The organisation writes a request (`linkage init`), and the operator answers it (`linkage-server organisation add`).
Everything by which the holder is later recognised, its CA, its envelope key and its release desk's keys, is bound
together in one fingerprint. The two sides compare it over another channel than the one the reply came by: a reply that
was swapped on its way carries another fingerprint, and `linkage enrol --pin` refuses it.
"""

from __future__ import annotations

import hashlib
import re
import ssl
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from linkage.envelope_keys import RecipientPublicKey
from linkage.errors import InputRefused, NotAuthenticated
from linkage.signatures import PublicSigningKeys

REQUEST_FILE = "enrolment-request.json"
_LARGEST_FILE = 64 * 1024
_DOMAIN = b"register-linkage holder fingerprint v1\x00"

# Resource names are made of it, so it must not look like anything else.
OrganisationId = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{1,62}$")]
# PEM with room for a comment, and the JSON text that the public keys write themselves.
_Pem = Annotated[str, StringConstraints(max_length=16_384, pattern=r"^-----BEGIN ")]
_KeyText = Annotated[str, StringConstraints(max_length=8_192)]


class _Letter(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    def to_json(self) -> str:
        """The file's text."""
        return self.model_dump_json(indent=2) + "\n"


class EnrolmentRequest(_Letter):
    """What an organisation sends: nothing in it is secret."""

    format: Literal["linkage-enrolment-request-1"] = "linkage-enrolment-request-1"
    organisation: OrganisationId
    # The organisation's name for people.
    title: str = Field(min_length=1, max_length=200)
    # PKCS #10 in PEM, signed by the key that will speak TLS.
    certificate_request: _Pem
    # As PublicSigningKeys.to_json writes them.
    signing_keys: _KeyText

    @property
    def public_signing_keys(self) -> PublicSigningKeys:
        """Keys under which the organisation's envelopes will verify; `InputRefused` if they are not keys."""
        return PublicSigningKeys.from_json(self.signing_keys)


class EnrolmentReply(_Letter):
    """What the holder answers: nothing in it is secret, all of it must be genuine."""

    format: Literal["linkage-enrolment-reply-1"] = "linkage-enrolment-reply-1"
    organisation: OrganisationId
    role: Literal["orderer", "officer", "operator"]
    # "host:port".
    server_address: str = Field(pattern=r"^[A-Za-z0-9.\-\[\]:]{1,255}:\d{1,5}$")
    certificate: _Pem
    ca_certificate: _Pem
    # As RecipientPublicKey.to_json and PublicSigningKeys.to_json write them.
    envelope_key: _KeyText
    release_signing_keys: _KeyText

    @property
    def recipient(self) -> RecipientPublicKey:
        """The key that populations are sealed to; `InputRefused` if it is not one."""
        return RecipientPublicKey.from_json(self.envelope_key)

    @property
    def release_keys(self) -> PublicSigningKeys:
        """Keys under which deliveries verify; `InputRefused` if they are not keys."""
        return PublicSigningKeys.from_json(self.release_signing_keys)

    @property
    def fingerprint(self) -> str:
        """What both sides compare."""
        return holder_fingerprint(
            ca_certificate=self.ca_certificate, envelope_key=self.recipient, release_keys=self.release_keys
        )

    def require_pin(self, pin: str) -> None:
        """Return if the reply comes from the holder that the pin names. Spaces, colons and case do not matter.

        Raises:
            NotAuthenticated: it names another.
        """
        if re.sub(r"[\s:]", "", pin).lower() != self.fingerprint:
            raise NotAuthenticated(
                "the reply's fingerprint is not the one that was pinned.",
                mend="Ask the register holder to read the fingerprint aloud; do not use this reply if it differs.",
            )


def holder_fingerprint(
    *, ca_certificate: str, envelope_key: RecipientPublicKey, release_keys: PublicSigningKeys
) -> str:
    """One SHA-256, 64 hexadecimal characters, over all keys by which a register holder is recognised."""
    try:
        certificate = ssl.PEM_cert_to_DER_cert(ca_certificate.strip())
    except ValueError:
        raise InputRefused("the CA's certificate cannot be read.", mend="Ask for the reply again.") from None
    digest = hashlib.sha256(_DOMAIN + hashlib.sha256(certificate).digest())
    digest.update(bytes.fromhex(envelope_key.key_id) + bytes.fromhex(release_keys.key_id))
    return digest.hexdigest()


Letter = TypeVar("Letter", EnrolmentRequest, EnrolmentReply)


def read_letter(path: Path, kind: type[Letter]) -> Letter:
    """Read a request or a reply.

    Raises:
        InputRefused: missing, too large, or not what it should be; names the file and its fields.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_LARGEST_FILE + 1)
    except OSError:
        raise InputRefused(f"{path} cannot be read.", mend="Check the path.") from None
    if len(content) > _LARGEST_FILE:
        raise InputRefused(f"{path.name} is too large to be an enrolment file.", mend="Check the path.")
    try:
        return kind.model_validate_json(content)
    except ValidationError as error:
        fields = sorted({".".join(str(part) for part in detail["loc"]) or "the file" for detail in error.errors()})
        raise InputRefused(
            f"{path.name} is not an enrolment file as agreed: {', '.join(fields)}.", mend="Ask its sender for it again."
        ) from None

"""Signatures that stand as long as either Ed25519 or ML-DSA-65 does: two are made, and both must verify.

Every signature is made for one purpose, its context ("linkage envelope statement v1"), and is bound to the pair of keys
that made it. A signature for one purpose never verifies for another, and one half cannot be moved to another pair.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey, MLDSA65PublicKey

from linkage.errors import InputRefused, SignatureRefused
from linkage.key_files import read_secret_file, write_secret_file

_DOMAIN = b"register-linkage signature v1\x00"
_KEY_ID_DOMAIN = b"register-linkage signing key id v1\x00"
_PEM_BLOCK = re.compile(rb"-----BEGIN PRIVATE KEY-----.+?-----END PRIVATE KEY-----\n?", re.DOTALL)
ED25519_BYTES = 64
ML_DSA_65_BYTES = 3309


@dataclass(frozen=True, slots=True)
class Signature:
    """The two signatures over one message."""

    ed25519: bytes
    ml_dsa_65: bytes

    def to_json(self) -> dict[str, str]:
        """Both signatures as base64 text."""
        return {"ed25519": _text(self.ed25519), "ml_dsa_65": _text(self.ml_dsa_65)}

    @classmethod
    def from_json(cls, document: object) -> Signature:
        """Read what `to_json` gave.

        Raises:
            SignatureRefused: it is not two base64 texts.
        """
        try:
            return cls(**_decode_pair(document))
        except ValueError:
            raise SignatureRefused("the signature is not written as agreed.", mend=_ASK_SENDER) from None


@dataclass(frozen=True, slots=True)
class PublicSigningKeys:
    """The public half of a signing key pair, raw bytes: 32 of Ed25519 and 1,952 of ML-DSA-65."""

    ed25519: bytes
    ml_dsa_65: bytes

    @property
    def key_id(self) -> str:
        """SHA-256 over both public keys, 64 hexadecimal characters: also the fingerprint to pin."""
        return hashlib.sha256(_KEY_ID_DOMAIN + self.ed25519 + self.ml_dsa_65).hexdigest()

    def verify(self, message: bytes, signature: Signature, *, context: str) -> None:
        """Return if both signatures are of this message, for this context, by these keys.

        Raises:
            SignatureRefused: one of them is not; which one is not told.
        """
        framed = _framed(message, context=context, key_id=self.key_id)
        try:
            Ed25519PublicKey.from_public_bytes(self.ed25519).verify(signature.ed25519, framed)
            MLDSA65PublicKey.from_public_bytes(self.ml_dsa_65).verify(signature.ml_dsa_65, framed)
        except (InvalidSignature, ValueError):
            raise SignatureRefused("the signature does not verify.", mend=_ASK_SENDER) from None

    def to_json(self) -> str:
        """Both keys and their key id as one line of JSON."""
        keys = {"ed25519": _text(self.ed25519), "ml_dsa_65": _text(self.ml_dsa_65)}
        return json.dumps({"key_id": self.key_id, **keys}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str | bytes) -> PublicSigningKeys:
        """Read what `to_json` gave, and check that the key id is that of the keys.

        Raises:
            InputRefused: it is not that, or the key id is another pair's.
        """
        try:
            document = json.loads(text)
            keys = cls(**_decode_pair(document))
            Ed25519PublicKey.from_public_bytes(keys.ed25519)
            MLDSA65PublicKey.from_public_bytes(keys.ml_dsa_65)
        except ValueError:
            raise InputRefused("these are not public signing keys.", mend="Copy the whole JSON text again.") from None
        if document.get("key_id", keys.key_id) != keys.key_id:
            raise InputRefused("the key id does not belong to these public keys.", mend="Copy the whole text again.")
        return keys


@dataclass(frozen=True, slots=True)
class SigningKeyPair:
    """An organisation's (or the release desk's) secret signing keys."""

    ed25519: Ed25519PrivateKey
    ml_dsa_65: MLDSA65PrivateKey

    @classmethod
    def generate(cls) -> SigningKeyPair:
        """A new pair from the operating system's randomness."""
        return cls(Ed25519PrivateKey.generate(), MLDSA65PrivateKey.generate())

    @property
    def public(self) -> PublicSigningKeys:
        """The public half."""
        return PublicSigningKeys(
            self.ed25519.public_key().public_bytes_raw(), self.ml_dsa_65.public_key().public_bytes_raw()
        )

    @property
    def key_id(self) -> str:
        """The public half's key id."""
        return self.public.key_id

    def sign(self, message: bytes, *, context: str) -> Signature:
        """Both signatures over `message` for one purpose, named by `context`."""
        framed = _framed(message, context=context, key_id=self.key_id)
        return Signature(self.ed25519.sign(framed), self.ml_dsa_65.sign(framed))

    def save(self, path: Path) -> None:
        """Write both keys as PKCS #8 PEM to a new file with mode 0600; `Conflict` if it exists."""
        write_secret_file(path, self.to_pem())

    @classmethod
    def load(cls, path: Path) -> SigningKeyPair:
        """Read what `save` wrote; `InputRefused` if it is not that or others can read the file."""
        return cls.from_pem(read_secret_file(path))

    def to_pem(self) -> bytes:
        """Both keys as two PKCS #8 PEM blocks."""
        return pkcs8_pem(self.ed25519) + pkcs8_pem(self.ml_dsa_65)

    @classmethod
    def from_pem(cls, pem: bytes) -> SigningKeyPair:
        """Read what `to_pem` gave; `InputRefused` if it is not that."""
        keys = load_pkcs8_blocks(pem)
        if len(keys) == 2:
            ed25519, ml_dsa_65 = keys
            if isinstance(ed25519, Ed25519PrivateKey) and isinstance(ml_dsa_65, MLDSA65PrivateKey):
                return cls(ed25519, ml_dsa_65)
        raise InputRefused("this is not a signing key file.", mend="It holds an Ed25519 and an ML-DSA-65 key, in PEM.")


def pkcs8_pem(key: object) -> bytes:
    """One secret key of `cryptography` as an unencrypted PKCS #8 PEM block."""
    return key.private_bytes(  # type: ignore[attr-defined, no-any-return]  # each key class has it, no common base
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def load_pkcs8_blocks(pem: bytes) -> list[object]:
    """Every secret key of a PEM file, in order; a block that is not one makes the list empty."""
    try:
        return [serialization.load_pem_private_key(block, password=None) for block in _PEM_BLOCK.findall(pem)]
    except (ValueError, TypeError):
        return []


def _framed(message: bytes, *, context: str, key_id: str) -> bytes:
    purpose = context.encode()
    return _DOMAIN + len(purpose).to_bytes(2, "big") + purpose + bytes.fromhex(key_id) + message


def _decode_pair(document: object) -> dict[str, bytes]:
    try:
        return {
            name: base64.b64decode(document[name], validate=True)  # type: ignore[index]  # checked by the except
            for name in ("ed25519", "ml_dsa_65")
        }
    except (KeyError, TypeError, binascii.Error):
        raise ValueError("not a pair of base64 texts") from None


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


_ASK_SENDER = "Fetch it again; if that does not help, ask its sender."

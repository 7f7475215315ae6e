"""Keys that a population is sealed to: X-Wing, the hybrid of ML-KEM-768 and X25519.

What was recorded on the way today stays closed as long as either of the two is unbroken.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PrivateKey, MLKEM768X25519PublicKey

from linkage.errors import InputRefused
from linkage.key_files import read_secret_file, write_secret_file
from linkage.signatures import load_pkcs8_blocks, pkcs8_pem

_KEY_ID_DOMAIN = b"register-linkage envelope key id v1\x00"


@dataclass(frozen=True, slots=True)
class RecipientPublicKey:
    """The register holder's public envelope key, raw bytes: 1,184 of ML-KEM-768 and 32 of X25519."""

    ml_kem_768: bytes
    x25519: bytes

    @property
    def key_id(self) -> str:
        """SHA-256 over both public keys, 64 hexadecimal characters: also the fingerprint to pin."""
        return hashlib.sha256(_KEY_ID_DOMAIN + self.ml_kem_768 + self.x25519).hexdigest()

    def for_hpke(self) -> MLKEM768X25519PublicKey:
        """The key as the HPKE library takes it."""
        return MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(self.ml_kem_768), X25519PublicKey.from_public_bytes(self.x25519)
        )

    def to_json(self) -> str:
        """Both halves and their key id as one line of JSON."""
        halves = {"ml_kem_768": self.ml_kem_768, "x25519": self.x25519}
        encoded = {name: base64.b64encode(raw).decode("ascii") for name, raw in halves.items()}
        return json.dumps({"key_id": self.key_id, **encoded}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str | bytes) -> RecipientPublicKey:
        """Read what `to_json` gave, and check that the key id is that of the key.

        Raises:
            InputRefused: it is not that, or the key id is another key's.
        """
        try:
            document = json.loads(text)
            key = cls(*(base64.b64decode(document[name], validate=True) for name in ("ml_kem_768", "x25519")))
            key.for_hpke()
        except (ValueError, KeyError, TypeError, binascii.Error):
            raise InputRefused("this is not a public envelope key.", mend="Copy the whole JSON text again.") from None
        if document.get("key_id", key.key_id) != key.key_id:
            raise InputRefused("the key id does not belong to this public key.", mend="Copy the whole text again.")
        return key


@dataclass(frozen=True, slots=True)
class RecipientKeyPair:
    """The register holder's secret envelope key."""

    ml_kem_768: MLKEM768PrivateKey
    x25519: X25519PrivateKey

    @classmethod
    def generate(cls) -> RecipientKeyPair:
        """A new key from the operating system's randomness."""
        return cls(MLKEM768PrivateKey.generate(), X25519PrivateKey.generate())

    @property
    def public(self) -> RecipientPublicKey:
        """The public half."""
        return RecipientPublicKey(
            self.ml_kem_768.public_key().public_bytes_raw(), self.x25519.public_key().public_bytes_raw()
        )

    @property
    def key_id(self) -> str:
        """The public half's key id."""
        return self.public.key_id

    def for_hpke(self) -> MLKEM768X25519PrivateKey:
        """The key as the HPKE library takes it."""
        return MLKEM768X25519PrivateKey(self.ml_kem_768, self.x25519)

    def to_pem(self) -> bytes:
        """Both halves as two PKCS #8 PEM blocks."""
        return pkcs8_pem(self.ml_kem_768) + pkcs8_pem(self.x25519)

    @classmethod
    def from_pem(cls, pem: bytes) -> RecipientKeyPair:
        """Read what `to_pem` gave; `InputRefused` if it is not that."""
        keys = load_pkcs8_blocks(pem)
        if len(keys) == 2:
            ml_kem_768, x25519 = keys
            if isinstance(ml_kem_768, MLKEM768PrivateKey) and isinstance(x25519, X25519PrivateKey):
                return cls(ml_kem_768, x25519)
        raise InputRefused(
            "this is not an envelope key file.", mend="It holds an ML-KEM-768 and an X25519 key, in PEM."
        )

    def save(self, path: Path) -> None:
        """Write both halves as PKCS #8 PEM to a new file with mode 0600; `Conflict` if it exists."""
        write_secret_file(path, self.to_pem())

    @classmethod
    def load(cls, path: Path) -> RecipientKeyPair:
        """Read what `save` wrote; `InputRefused` if it is not that or others can read the file."""
        return cls.from_pem(read_secret_file(path))

"""Populations, keys and sealed containers for tests; every number is one of the official test numbers."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from linkage.envelope import SealedPopulation, seal
from linkage.envelope_keys import RecipientKeyPair
from linkage.population_file import CheckedPopulation
from linkage.signatures import SigningKeyPair
from linkage_server.demo.test_numbers import read_test_numbers

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ORGANISATION = "swedeheart"
ORDER = "organisations/swedeheart/orders/0f3b6f3e"
UPLOAD_ID = "5f0f3a52-6a1e-4d52-9d0c-2f6a3c1b7e10"


def recipient_from_seed(seed: bytes) -> RecipientKeyPair:
    """The X-Wing key that a 32-byte seed stands for (draft-connolly-cfrg-xwing-kem, 5.2)."""
    expanded = hashlib.shake_256(seed).digest(96)
    return RecipientKeyPair(
        MLKEM768PrivateKey.from_seed_bytes(expanded[:64]), X25519PrivateKey.from_private_bytes(expanded[64:])
    )


def population(rows: int = 10, *, strata_levels: int = 2, index_date: bool = True) -> CheckedPopulation:
    """The first test numbers, each with an index date and a hospital."""
    numbers = read_test_numbers()[:rows]
    levels = [f"Hospital {level}" for level in range(strata_levels)]
    indices = pa.array([row % strata_levels for row in range(len(numbers))], pa.int32())
    return CheckedPopulation(
        identity=pa.array([number.encode() for number in numbers], pa.binary()),
        index_date=pa.array([date(2024, 1, 1) + timedelta(row % 365) for row in range(len(numbers))])
        if index_date
        else None,
        strata={"hospital": pa.DictionaryArray.from_arrays(indices, pa.array(levels))},
        reference_date=date(2025, 1, 1),
    )


@dataclass(frozen=True)
class Sealer:
    """A sending organisation and a receiving register holder."""

    recipient: RecipientKeyPair = field(default_factory=RecipientKeyPair.generate)
    signing_key: SigningKeyPair = field(default_factory=SigningKeyPair.generate)

    def seal(self, path: Path, content: CheckedPopulation | None = None, **overrides: object) -> SealedPopulation:
        """Seal with the defaults of this module; any argument of `linkage.envelope.seal` can be given instead."""
        arguments: dict[str, object] = {
            "order": ORDER,
            "organisation": ORGANISATION,
            "recipient": self.recipient.public,
            "signing_key": self.signing_key,
            "now": NOW,
            "upload_id": UPLOAD_ID,
        }
        return seal(content or population(), path, **(arguments | overrides))  # type: ignore[arg-type]

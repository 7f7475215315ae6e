"""Makes the sealed container that pins the format: `python tests/vectors/envelope/make_envelope_vectors.py`.

HPKE draws fresh randomness, so another run gives another container that must open just the same. The payload names the
first ten official test numbers by their place in the list; none is written out here.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent.parent
SEED = hashlib.sha256(b"recipient of the envelope vectors").digest()


def main() -> None:
    """Write container.sealed and container.json."""
    sys.path[:0] = [str(ROOT), str(ROOT / "server")]
    from linkage.envelope_payload import payload_blocks
    from tests.support.sealing import NOW, ORDER, ORGANISATION, Sealer, population, recipient_from_seed

    sealer = Sealer(recipient=recipient_from_seed(SEED))
    content = population(rows=10)
    sealed = sealer.seal(HERE / "container.sealed", content, chunk_bytes=64)
    description = {
        "x_wing_seed": SEED.hex(),
        "recipient_key_id": sealer.recipient.key_id,
        "signing_keys": json.loads(sealer.signing_key.public.to_json()),
        "order": ORDER,
        "organisation": ORGANISATION,
        "upload_id": sealed.upload_id,
        "opened_at": NOW.isoformat(),
        "manifest_sha256": sealed.manifest_sha256.hex(),
        "container_sha256": sealed.container_sha256.hex(),
        "payload_sha256": hashlib.sha256(b"".join(payload_blocks(content))).hexdigest(),
    }
    (HERE / "container.json").write_text(json.dumps(description, indent=2) + "\n")


if __name__ == "__main__":
    main()

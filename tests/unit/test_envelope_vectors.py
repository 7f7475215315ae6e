"""The format of sealed containers is fixed by a file, and a second implementation opens it."""

from __future__ import annotations

import hashlib
import io
import json
from datetime import datetime
from pathlib import Path

import pytest
import tink
from tink import hybrid, secret_key_access, signature
from tink.proto import ed25519_pb2, hpke_pb2, ml_dsa_pb2, tink_pb2

from linkage.envelope import MAGIC, chunk_info, inspect_manifest, open_chunks, verify_statement
from linkage.signatures import PublicSigningKeys
from linkage.wire.v1 import envelope_pb2 as wire
from tests.support.sealing import recipient_from_seed

FOLDER = Path(__file__).resolve().parent.parent / "vectors" / "envelope"
CONTAINER = (FOLDER / "container.sealed").read_bytes()
EXPECTED = json.loads((FOLDER / "container.json").read_text())
SEED = bytes.fromhex(EXPECTED["x_wing_seed"])


def test_the_fixed_container_still_opens() -> None:
    assert hashlib.sha256(CONTAINER).hexdigest() == EXPECTED["container_sha256"]
    recipient = recipient_from_seed(SEED)
    assert recipient.key_id == EXPECTED["recipient_key_id"]
    file = io.BytesIO(CONTAINER)
    inspected = inspect_manifest(file, container_bytes=len(CONTAINER))
    assert inspected.manifest_sha256.hex() == EXPECTED["manifest_sha256"]
    inspected.manifest.require(
        order=EXPECTED["order"],
        organisation=EXPECTED["organisation"],
        upload_id=EXPECTED["upload_id"],
        now=datetime.fromisoformat(EXPECTED["opened_at"]),
    )
    keys = PublicSigningKeys.from_json(json.dumps(EXPECTED["signing_keys"]))
    verified = verify_statement(file, inspected, signing_keys=keys)
    payload = b"".join(open_chunks(file, verified, recipient=recipient))
    assert hashlib.sha256(payload).hexdigest() == EXPECTED["payload_sha256"]


def test_tink_opens_every_chunk_of_the_fixed_container() -> None:
    """Tink is another implementation of X-Wing and HPKE; only the framing below is read anew here."""
    hybrid.register()
    opener = _tink_opener(SEED, recipient_from_seed(SEED).public.ml_kem_768 + recipient_from_seed(SEED).public.x25519)
    manifest, chunks, _ = _read_container(CONTAINER)
    digest = hashlib.sha256(manifest).digest()
    payload = b""
    for index, chunk in enumerate(chunks):
        payload += opener.decrypt(chunk, chunk_info(digest, index=index, final=index == len(chunks) - 1))
    assert len(chunks) > 2
    assert hashlib.sha256(payload).hexdigest() == EXPECTED["payload_sha256"]
    with pytest.raises(tink.TinkError):
        opener.decrypt(chunks[0], chunk_info(digest, index=0, final=True))


def test_tink_verifies_both_signatures_of_the_fixed_container() -> None:
    signature.register()
    keys = PublicSigningKeys.from_json(json.dumps(EXPECTED["signing_keys"]))
    _, _, statement = _read_container(CONTAINER)
    signed_bytes = CONTAINER[: len(CONTAINER) - 4 - len(statement.SerializeToString())]
    context = b"linkage envelope statement v1"
    message = (
        b"register-linkage signature v1\x00"
        + len(context).to_bytes(2, "big")
        + context
        + bytes.fromhex(keys.key_id)
        + hashlib.sha256(signed_bytes).digest()
    )
    ed25519 = ed25519_pb2.Ed25519PublicKey(key_value=keys.ed25519).SerializeToString()
    _tink_verifier("Ed25519PublicKey", ed25519).verify(statement.ed25519_signature, message)
    ml_dsa = ml_dsa_pb2.MlDsaPublicKey(
        params=ml_dsa_pb2.MlDsaParams(ml_dsa_instance=ml_dsa_pb2.ML_DSA_65), key_value=keys.ml_dsa_65
    ).SerializeToString()
    _tink_verifier("MlDsaPublicKey", ml_dsa).verify(statement.ml_dsa_65_signature, message)


def _read_container(container: bytes) -> tuple[bytes, list[bytes], wire.EnvelopeStatement]:
    """Magic, then parts with a four-byte length in front: manifest, chunks, statement."""
    assert container.startswith(MAGIC)
    parts, place = [], len(MAGIC)
    while place < len(container):
        length = int.from_bytes(container[place : place + 4], "big")
        parts.append(container[place + 4 : place + 4 + length])
        place += 4 + length
    return parts[0], parts[1:-1], wire.EnvelopeStatement.FromString(parts[-1])


def _tink_opener(seed: bytes, public: bytes) -> hybrid.HybridDecrypt:
    params = hpke_pb2.HpkeParams(kem=hpke_pb2.X_WING, kdf=hpke_pb2.HKDF_SHA256, aead=hpke_pb2.AES_256_GCM)
    key = hpke_pb2.HpkePrivateKey(
        public_key=hpke_pb2.HpkePublicKey(params=params, public_key=public), private_key=seed
    ).SerializeToString()
    return _tink_handle("HpkePrivateKey", key, tink_pb2.KeyData.ASYMMETRIC_PRIVATE).primitive(hybrid.HybridDecrypt)


def _tink_verifier(kind: str, key: bytes) -> signature.PublicKeyVerify:
    return _tink_handle(kind, key, tink_pb2.KeyData.ASYMMETRIC_PUBLIC).primitive(signature.PublicKeyVerify)


def _tink_handle(kind: str, key: bytes, material: int) -> tink.KeysetHandle:
    keyset = tink_pb2.Keyset(primary_key_id=1)
    keyset.key.add(
        key_data=tink_pb2.KeyData(
            type_url=f"type.googleapis.com/google.crypto.tink.{kind}", value=key, key_material_type=material
        ),
        status=tink_pb2.ENABLED,
        key_id=1,
        output_prefix_type=tink_pb2.RAW,
    )
    return tink.proto_keyset_format.parse(keyset.SerializeToString(), secret_key_access.TOKEN)

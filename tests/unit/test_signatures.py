"""What a signature of this house promises."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from linkage.envelope_keys import RecipientKeyPair, RecipientPublicKey
from linkage.errors import Conflict, InputRefused, SignatureRefused
from linkage.signatures import PublicSigningKeys, Signature, SigningKeyPair

KEYS = SigningKeyPair.generate()
OTHERS = SigningKeyPair.generate()
CONTEXT = "test statement v1"


def test_a_signature_verifies_for_its_message_context_and_keys() -> None:
    KEYS.public.verify(b"message", KEYS.sign(b"message", context=CONTEXT), context=CONTEXT)


@pytest.mark.parametrize("broken", ["ed25519", "ml_dsa_65"])
def test_both_halves_must_verify(broken: str) -> None:
    good = KEYS.sign(b"message", context=CONTEXT)
    halves = {"ed25519": good.ed25519, "ml_dsa_65": good.ml_dsa_65}
    halves[broken] = halves[broken][:-1] + bytes([halves[broken][-1] ^ 1])
    with pytest.raises(SignatureRefused, match="does not verify"):
        KEYS.public.verify(b"message", Signature(**halves), context=CONTEXT)


@pytest.mark.parametrize("broken", ["ed25519", "ml_dsa_65"])
def test_an_empty_half_is_refused_like_a_wrong_one(broken: str) -> None:
    good = KEYS.sign(b"message", context=CONTEXT)
    halves = {"ed25519": good.ed25519, "ml_dsa_65": good.ml_dsa_65} | {broken: b""}
    with pytest.raises(SignatureRefused, match="does not verify"):
        KEYS.public.verify(b"message", Signature(**halves), context=CONTEXT)


def test_a_signature_for_one_purpose_does_not_serve_another() -> None:
    signature = KEYS.sign(b"message", context=CONTEXT)
    with pytest.raises(SignatureRefused):
        KEYS.public.verify(b"message", signature, context="another statement v1")


def test_context_and_message_cannot_be_shifted_into_each_other() -> None:
    signature = KEYS.sign(b"bmessage", context="a")
    with pytest.raises(SignatureRefused):
        KEYS.public.verify(b"message", signature, context="ab")


def test_anothers_keys_and_another_message_are_refused() -> None:
    signature = KEYS.sign(b"message", context=CONTEXT)
    with pytest.raises(SignatureRefused):
        OTHERS.public.verify(b"message", signature, context=CONTEXT)
    with pytest.raises(SignatureRefused):
        KEYS.public.verify(b"massage", signature, context=CONTEXT)


def test_half_of_one_pair_cannot_be_used_in_another_pair() -> None:
    mixed = SigningKeyPair(KEYS.ed25519, OTHERS.ml_dsa_65)
    signature = mixed.sign(b"message", context=CONTEXT)
    own = KEYS.sign(b"message", context=CONTEXT)
    with pytest.raises(SignatureRefused):
        KEYS.public.verify(b"message", Signature(signature.ed25519, own.ml_dsa_65), context=CONTEXT)


def test_key_files_are_for_their_owner_only_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "signing.pem"
    KEYS.save(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert SigningKeyPair.load(path).public == KEYS.public
    with pytest.raises(Conflict, match="exists already"):
        OTHERS.save(path)
    assert SigningKeyPair.load(path).public == KEYS.public
    assert [entry.name for entry in tmp_path.iterdir()] == ["signing.pem"]


def test_a_key_file_that_others_can_read_is_refused_with_its_mend(tmp_path: Path) -> None:
    path = tmp_path / "signing.pem"
    KEYS.save(path)
    path.chmod(0o644)
    with pytest.raises(InputRefused, match="chmod 600"):
        SigningKeyPair.load(path)


def test_a_file_of_another_kind_is_not_a_key_file(tmp_path: Path) -> None:
    path = tmp_path / "envelope.pem"
    RecipientKeyPair.generate().save(path)
    with pytest.raises(InputRefused, match="not a signing key file"):
        SigningKeyPair.load(path)
    with pytest.raises(InputRefused, match="not an envelope key file"):
        RecipientKeyPair.from_pem(KEYS.to_pem())
    with pytest.raises(InputRefused, match="cannot be read"):
        SigningKeyPair.load(tmp_path / "missing.pem")


def test_public_keys_travel_as_json_and_their_key_id_is_checked() -> None:
    assert PublicSigningKeys.from_json(KEYS.public.to_json()) == KEYS.public
    document = json.loads(KEYS.public.to_json()) | {"key_id": OTHERS.key_id}
    with pytest.raises(InputRefused, match="does not belong"):
        PublicSigningKeys.from_json(json.dumps(document))
    for wrong in ("", "[]", "{}", '{"ed25519": 1, "ml_dsa_65": 2}', '{"ed25519": "AA==", "ml_dsa_65": "AA=="}'):
        with pytest.raises(InputRefused, match="not public signing keys"):
            PublicSigningKeys.from_json(wrong)


def test_signatures_travel_as_json() -> None:
    signature = KEYS.sign(b"message", context=CONTEXT)
    assert Signature.from_json(json.loads(json.dumps(signature.to_json()))) == signature
    with pytest.raises(SignatureRefused, match="not written as agreed"):
        Signature.from_json({"ed25519": "?"})


def test_envelope_keys_travel_as_pem_and_json(tmp_path: Path) -> None:
    pair = RecipientKeyPair.generate()
    pair.save(tmp_path / "envelope.pem")
    assert RecipientKeyPair.load(tmp_path / "envelope.pem").public == pair.public
    assert RecipientPublicKey.from_json(pair.public.to_json()) == pair.public
    other = json.loads(pair.public.to_json()) | {"key_id": "0" * 64}
    with pytest.raises(InputRefused, match="does not belong"):
        RecipientPublicKey.from_json(json.dumps(other))
    for wrong in ("", "[]", "{}", '{"ml_kem_768": "AA==", "x25519": "AA=="}'):
        with pytest.raises(InputRefused, match="not a public envelope key"):
            RecipientPublicKey.from_json(wrong)

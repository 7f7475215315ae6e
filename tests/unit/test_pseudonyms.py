"""Identity numbers become hashed ids under a pepper: published vectors, any number of threads, nothing left over."""

from __future__ import annotations

import gc
import hmac
import pickle
from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from linkage.errors import InputRefused
from linkage.personal_identity_number import NumberKind, NumberProblem
from linkage_core.kernels.identity_number import parse_text_numbers
from linkage_core.kernels.keyed_hash import HashKey, hash_binary_column, hash_fixed_column
from linkage_core.pseudonyms import Pepper, derive_key, pseudonymise, pseudonymise_opaque
from linkage_server.demo.test_numbers import read_test_numbers
from tests.support.dates import REFERENCE_DATE

NUMBERS = read_test_numbers()
PEPPER = Pepper(1, bytes(range(32)))

# RFC 4231, section 4: key, data, HMAC-SHA-256. Case 5 is cut to 128 bits there, as our ids are.
RFC_4231 = [
    ("0b" * 20, b"Hi There".hex(), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
    (
        b"Jefe".hex(),
        b"what do ya want for nothing?".hex(),
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    ),
    ("aa" * 20, "dd" * 50, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
    (
        bytes(range(1, 26)).hex(),
        "cd" * 50,
        "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
    ),
    ("0c" * 20, b"Test With Truncation".hex(), "a3b6167473100ee06e0c796c2955552b"),
    (
        "aa" * 131,
        b"Test Using Larger Than Block-Size Key - Hash Key First".hex(),
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    ),
    (
        "aa" * 131,
        b"This is a test using a larger than block-size key and a larger than block-size data. "
        b"The key needs to be hashed before being used by the HMAC algorithm.".hex(),
        "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
    ),
]


@pytest.mark.parametrize("portable", [False, True])
@pytest.mark.parametrize(("key", "data", "digest"), RFC_4231)
def test_the_vectors_of_rfc_4231(key: str, data: str, digest: str, portable: bool) -> None:
    expected = bytes.fromhex(digest)
    assert HashKey(bytes.fromhex(key), portable=portable).digest(bytes.fromhex(data))[: len(expected)] == expected


@pytest.mark.parametrize("size", [0, 1, 12, 54, 55, 56, 63, 64, 65, 118, 119, 120, 127, 128, 129, 1000])
@pytest.mark.parametrize("portable", [False, True])
def test_every_way_a_message_can_meet_the_block_size(size: int, portable: bool) -> None:
    message = bytes(range(256))[:size] if size <= 256 else b"x" * size
    assert HashKey(PEPPER.key, portable=portable).digest(message) == hmac.digest(PEPPER.key, message, "sha256")


def test_every_official_number_gets_the_first_128_bits_of_its_hmac() -> None:
    pseudonyms = pseudonymise(pa.array(NUMBERS), reference_date=REFERENCE_DATE, pepper=PEPPER)
    expected = [hmac.digest(PEPPER.key, number.encode(), "sha256")[:16] for number in NUMBERS]
    assert pseudonyms.hashed_ids.to_pylist() == expected
    assert pseudonyms.hashed_ids.type == pa.binary(16)


def test_the_same_person_in_two_written_forms_has_one_hashed_id() -> None:
    written = [f"{NUMBERS[0][:8]}-{NUMBERS[0][8:]}", f"{NUMBERS[0][2:8]}+{NUMBERS[0][8:]}", f" {NUMBERS[0]} "]
    hashed = pseudonymise(pa.array(written), reference_date=REFERENCE_DATE, pepper=PEPPER).hashed_ids
    assert len(set(hashed.to_pylist())) == 1
    whole = pseudonymise(pa.array([int(NUMBERS[0])]), reference_date=REFERENCE_DATE, pepper=PEPPER).hashed_ids
    assert whole[0] == hashed[0]


def test_what_cannot_be_linked_is_null_in_every_column() -> None:
    column = pa.array([NUMBERS[0], None, "", NUMBERS[0][:8] + "AB12", "5" * 12])
    pseudonyms = pseudonymise(column, reference_date=REFERENCE_DATE, pepper=PEPPER)
    for values in (pseudonyms.hashed_ids, pseudonyms.birth_date, pseudonyms.sex):
        assert [value is not None for value in values.to_pylist()] == [True, False, False, False, False]
    assert pseudonyms.kinds.tolist()[:4] == [
        NumberKind.PERSONNUMMER,
        NumberKind.INVALID,
        NumberKind.INVALID,
        NumberKind.RESERVE,
    ]
    assert pseudonyms.problems.tolist() == [0, NumberProblem.EMPTY, NumberProblem.EMPTY, 0, NumberProblem.NO_SUCH_DATE]
    assert pseudonyms.hashed_ids.buffers()[1].to_pybytes()[16:] == bytes(64)


def test_the_pepper_decides_the_id() -> None:
    column = pa.array(NUMBERS[:100])
    one = pseudonymise(column, reference_date=REFERENCE_DATE, pepper=PEPPER).hashed_ids
    other = pseudonymise(column, reference_date=REFERENCE_DATE, pepper=Pepper(2, bytes(32))).hashed_ids
    assert not set(one.to_pylist()) & set(other.to_pylist())


def test_any_number_of_threads_gives_the_same_ids() -> None:
    column = pa.array([*(NUMBERS * 2), None, "x"] * 2)
    one = pseudonymise(column, reference_date=REFERENCE_DATE, pepper=PEPPER)
    for threads in (2, 5):
        several = pseudonymise(column, reference_date=REFERENCE_DATE, pepper=PEPPER, threads=threads)
        assert several.hashed_ids.equals(one.hashed_ids)
        assert several.birth_date.equals(one.birth_date)
        assert (several.problems == one.problems).all()


def test_an_empty_column_gives_empty_columns() -> None:
    pseudonyms = pseudonymise(pa.array([], pa.string()), reference_date=REFERENCE_DATE, pepper=PEPPER)
    assert len(pseudonyms.hashed_ids) == len(pseudonyms.birth_date) == len(pseudonyms.kinds) == 0
    assert len(pseudonymise_opaque(pa.chunked_array([], pa.string()), pepper=PEPPER)) == 0


def test_the_numbers_in_the_clear_do_not_stay_in_memory() -> None:
    seen = []
    real = np.empty

    def remember(*arguments: object, **named: object) -> np.ndarray:
        made = real(*arguments, **named)  # type: ignore[call-overload]
        if made.ndim == 2 and made.shape[1] == 12:
            seen.append(made)
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(np, "empty", remember)
        pseudonymise(pa.array(NUMBERS), reference_date=REFERENCE_DATE, pepper=PEPPER)
    gc.collect()
    assert sum(map(len, seen)) == len(NUMBERS)
    assert not any(buffer.any() for buffer in seen)


# Project numbers and other identifiers


def test_project_numbers_are_hashed_as_text_and_keep_nulls() -> None:
    whole = pseudonymise_opaque(pa.array([17, None, 4]), pepper=PEPPER)
    text = pseudonymise_opaque(pa.array(["17", None, "4"]), pepper=PEPPER)
    assert whole.equals(text)
    assert whole.null_count == 1
    assert whole[0] != whole[2]


def test_an_empty_identifier_is_nobodys() -> None:
    hashed = pseudonymise_opaque(pa.array(["a", "", None, "b"]).slice(1), pepper=PEPPER)
    assert hashed.is_valid().to_pylist() == [False, False, True]


def test_a_project_number_never_meets_an_identity_number() -> None:
    person = pseudonymise(pa.array(NUMBERS[:50]), reference_date=REFERENCE_DATE, pepper=PEPPER).hashed_ids
    opaque = pseudonymise_opaque(pa.array(NUMBERS[:50]), pepper=PEPPER)
    assert not set(person.to_pylist()) & set(opaque.to_pylist())


@pytest.mark.parametrize(
    "values",
    [
        pa.array(["id-1", "id-2"], pa.large_string()),
        pa.array([b"id-1", b"id-2"], pa.binary(4)),
        pa.array(["id-1", "id-2"]).dictionary_encode(),
        pa.chunked_array([["id-1"], ["id-2"]]),
    ],
)
def test_identifiers_are_read_from_every_kind_of_text(values: pa.Array) -> None:
    assert pseudonymise_opaque(values, pepper=PEPPER).equals(
        pseudonymise_opaque(pa.array(["id-1", "id-2"]), pepper=PEPPER)
    )


def test_identifiers_of_another_type_are_refused() -> None:
    with pytest.raises(InputRefused, match="date32"):
        pseudonymise_opaque(pa.array([date(2024, 1, 1)]), pepper=PEPPER)


def test_derived_keys_differ_by_purpose_and_from_the_pepper() -> None:
    keys = {derive_key(PEPPER, "one purpose"), derive_key(PEPPER, "another purpose"), PEPPER.key}
    assert len(keys) == 3
    assert all(len(key) == 32 for key in keys)


# The kernels' outputs


def test_an_output_of_another_size_is_refused_before_anything_is_written() -> None:
    key, column = HashKey(b"key"), pa.array([b"abc", b"def"])
    for shape in ((1, 16), (2, 15), (3, 16)):
        with pytest.raises(ValueError, match="16 bytes"):
            hash_binary_column(key, column, digests=np.zeros(shape, np.uint8))
    with pytest.raises(ValueError, match="16 bytes"):
        hash_fixed_column(key, column.cast(pa.binary(3)), digests=np.zeros((1, 16), np.uint8))


@pytest.mark.parametrize(("rows", "width", "message"), [(1, 12, "as many rows"), (2, 11, "twelve digits")])
def test_parsed_columns_of_another_size_are_refused(rows: int, width: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_text_numbers(
            pa.array(["", ""]),
            reference_date=REFERENCE_DATE,
            kinds=np.zeros(2, np.uint8),
            problems=np.zeros(rows, np.uint8),
            canonical=np.zeros((2, width), np.uint8),
            birth_days=np.zeros(2, np.int32),
            sexes=np.zeros(2, np.uint8),
        )


def test_a_hash_key_cannot_be_pickled() -> None:
    with pytest.raises(TypeError, match="not for keeping"):
        pickle.dumps(HashKey(b"key"))

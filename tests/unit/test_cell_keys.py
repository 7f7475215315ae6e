"""Record keys follow from the noise key and the hashed id alone; a cell's key from who is counted."""

from __future__ import annotations

import hmac

import numpy as np
import pyarrow as pa
import pytest

from linkage.errors import InputRefused
from linkage_core.perturbation.cell_keys import NoiseKey, cell_keys, contributor_keys, mixed_keys, record_keys

KEY = NoiseKey(1, 1, bytes(range(32)))
IDS = [bytes([n]) * 16 for n in range(1, 6)]


def ids(values: list[bytes | None]) -> pa.FixedSizeBinaryArray:
    return pa.array(values, pa.binary(16))


def test_a_record_key_is_the_first_eight_bytes_of_the_keyed_hash() -> None:
    stated = [int.from_bytes(hmac.digest(KEY.key, one, "sha256")[:8], "big") for one in IDS]
    assert record_keys(ids(IDS), KEY).tolist() == stated
    assert record_keys(ids([b"", *IDS][1:]).slice(2), KEY).tolist() == stated[2:]


def test_another_noise_key_has_nothing_in_common() -> None:
    other = NoiseKey(2, 1, bytes(32))
    assert not set(record_keys(ids(IDS), KEY).tolist()) & set(record_keys(ids(IDS), other).tolist())


def test_a_cell_key_is_the_sum_over_different_persons_modulo_two_to_the_64th() -> None:
    keys = np.array([2**63, 2**63 + 5, 7], np.uint64)
    # Cell 0: persons 0 and 1, person 1 in two rows. Cell 1: nobody. Cell 2: person 2.
    counts, sums = cell_keys(np.array([0, 0, 0, 2]), np.array([0, 1, 1, 2]), keys, size=4)
    assert counts.tolist() == [2, 0, 1, 0]
    assert sums.tolist() == [5, 0, 7, 0]


def test_no_rows_are_no_persons() -> None:
    counts, sums = cell_keys(np.array([], np.int64), np.array([], np.int64), np.array([], np.uint64), size=2)
    assert (counts.tolist(), sums.tolist()) == ([0, 0], [0, 0])


def test_a_company_group_has_a_key_of_its_own_by_its_name() -> None:
    one, other = contributor_keys(["Group A", "Group B"], KEY).tolist()
    assert one != other
    stated = hmac.digest(KEY.key, b"contributor\x00Group A", "sha256")[:8]
    assert one == int.from_bytes(stated, "big")


def test_amounts_have_keys_by_cell_contributor_and_measure() -> None:
    cell, giver = np.array([1], np.uint64), np.array([2], np.uint64)
    found = {
        int(mixed_keys(cell, giver, measure="cost")[0]),
        int(mixed_keys(giver, cell, measure="cost")[0]),
        int(mixed_keys(cell, giver, measure="packages")[0]),
        int(mixed_keys(cell + np.uint64(1), giver, measure="cost")[0]),
        int(mixed_keys(cell, giver + np.uint64(1), measure="cost")[0]),
    }
    assert len(found) == 5


def test_a_missing_id_is_refused_without_a_value() -> None:
    with pytest.raises(InputRefused, match="no record key"):
        record_keys(ids([IDS[0], None]), KEY)


def test_no_printed_form_of_a_noise_key_holds_it() -> None:
    key = NoiseKey(1, 1, b"\xab" * 32)
    assert "ab" * 4 not in f"{key!r} {key}".lower()
    assert "\\xab" not in repr(key)


def test_a_noise_key_has_32_bytes_and_versions_from_1() -> None:
    for version, pepper, key in ((1, 1, b"short"), (0, 1, bytes(32)), (1, 0, bytes(32))):
        with pytest.raises(ValueError, match="noise key"):
            NoiseKey(version, pepper, key)

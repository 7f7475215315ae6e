"""A register moves to a new pepper without identity numbers, and populations follow by the same links."""

from __future__ import annotations

import hashlib
import hmac
from datetime import date

import numpy as np
import pyarrow as pa
import pytest

from linkage_core.events import HASHED_ID
from linkage_core.pepper_chain import next_ids, pseudonymise_opaque_through, pseudonymise_through
from linkage_core.pseudonyms import Pepper, derive_key, pseudonymise, pseudonymise_opaque
from linkage_server.demo.test_numbers import read_test_numbers

PEPPERS = [Pepper(version, bytes([version]) * 32) for version in (1, 2, 3)]
NUMBERS = pa.array(read_test_numbers()[:2000:40])
DAY = date(2025, 1, 1)


def test_moving_a_registers_ids_arrives_where_a_population_arrives() -> None:
    stored = pseudonymise(NUMBERS, reference_date=DAY, pepper=PEPPERS[0]).hashed_ids
    for pepper in PEPPERS[1:]:
        stored = next_ids(stored, pepper=pepper)
    asked = pseudonymise_through(NUMBERS, reference_date=DAY, peppers=PEPPERS)
    assert asked.hashed_ids.equals(stored)
    assert len(set(stored.to_pylist())) == len(NUMBERS)


def test_one_pepper_is_no_link() -> None:
    through = pseudonymise_through(NUMBERS, reference_date=DAY, peppers=PEPPERS[:1])
    assert through.hashed_ids.equals(pseudonymise(NUMBERS, reference_date=DAY, pepper=PEPPERS[0]).hashed_ids)


def test_a_link_is_hmac_under_a_key_derived_for_links() -> None:
    (stored,) = pseudonymise(NUMBERS[:1], reference_date=DAY, pepper=PEPPERS[0]).hashed_ids.to_pylist()
    key = derive_key(PEPPERS[1], "link between two pepper versions, version 1")
    expected = hmac.new(key, stored, hashlib.sha256).digest()[:16]
    assert next_ids(pa.array([stored], HASHED_ID), pepper=PEPPERS[1]).to_pylist() == [expected]


def test_the_new_pepper_alone_does_not_give_the_new_id() -> None:
    through = pseudonymise_through(NUMBERS, reference_date=DAY, peppers=PEPPERS[:2]).hashed_ids
    alone = pseudonymise(NUMBERS, reference_date=DAY, pepper=PEPPERS[1]).hashed_ids
    assert not set(through.to_pylist()) & set(alone.to_pylist())


def test_what_cannot_be_linked_stays_null_and_a_slice_is_a_slice() -> None:
    ids = pa.array([None, b"\x01" * 16, b"\x02" * 16, None], HASHED_ID)
    linked = next_ids(ids, pepper=PEPPERS[1])
    assert linked.is_valid().to_pylist() == [False, True, True, False]
    assert next_ids(ids.slice(1, 2), pepper=PEPPERS[1]).to_pylist() == linked.to_pylist()[1:3]
    unlinkable = pseudonymise_through(pa.array(["", None]), reference_date=DAY, peppers=PEPPERS)
    assert unlinkable.hashed_ids.null_count == 2
    assert len(np.unique(unlinkable.kinds)) == 1


def test_project_numbers_follow_the_same_links() -> None:
    values = pa.array(["1", "2", None])
    stored = pseudonymise_opaque(values, pepper=PEPPERS[0])
    asked = pseudonymise_opaque_through(values, peppers=PEPPERS[:2])
    assert asked.equals(next_ids(stored, pepper=PEPPERS[1]))


@pytest.mark.parametrize("versions", [[], [1, 3], [2, 1], [2]])
def test_a_missing_link_is_refused(versions: list[int]) -> None:
    with pytest.raises(ValueError, match="none left out"):
        pseudonymise_through(NUMBERS, reference_date=DAY, peppers=[Pepper(one, bytes(32)) for one in versions])

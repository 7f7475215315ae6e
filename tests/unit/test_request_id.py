"""Ids of requests: random, and never taken for a person's number."""

from __future__ import annotations

import uuid

import pytest

from linkage import request_id
from linkage.free_text import find_identity_number
from linkage_server.demo.test_numbers import read_test_numbers
from linkage_server.orders.request_ids import require_request_id


def test_an_id_that_reads_like_an_identity_number_is_drawn_again(monkeypatch: pytest.MonkeyPatch) -> None:
    number = next(one for one in read_test_numbers() if one[8] in "1234" and one.startswith("19"))
    unlucky = uuid.UUID(f"ab{number[2:8]}-{number[8:]}-4abc-8abc-abcdefabcdef")
    assert find_identity_number(str(unlucky)) is not None
    drawn = [unlucky, uuid.UUID("abcdefab-abcd-4abc-8abc-abcdefabcdef")]
    monkeypatch.setattr(request_id.uuid, "uuid4", lambda: drawn.pop(0))

    made = request_id.new_request_id()

    assert made == "abcdefab-abcd-4abc-8abc-abcdefabcdef"
    require_request_id(made)


def test_two_ids_are_never_the_same() -> None:
    assert len({request_id.new_request_id() for _ in range(100)}) == 100

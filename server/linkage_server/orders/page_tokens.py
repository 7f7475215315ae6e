"""Page tokens that only continue the question they were given for."""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from collections.abc import Sequence

from linkage.errors import InputRefused

_TAG_BYTES = 16


def make_page_token(key: bytes, *, question: Sequence[str], cursor: Sequence[str]) -> str:
    """A token that leads on from `cursor`, sealed to who asks and what is asked."""
    place = json.dumps(list(cursor)).encode()
    return base64.urlsafe_b64encode(_tag(key, question, place) + place).decode("ascii")


def read_page_token(key: bytes, token: str, *, question: Sequence[str]) -> list[str]:
    """The cursor in a token.

    Raises:
        InputRefused: not a token of ours, or one of another question.
    """
    try:
        raw = base64.b64decode(token.encode("ascii"), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raw = b""
    tag, place = raw[:_TAG_BYTES], raw[_TAG_BYTES:]
    if not place or not hmac.compare_digest(tag, _tag(key, question, place)):
        raise InputRefused(
            "page_token does not belong to this question.", mend="Start again without a token and keep the filter."
        )
    return [str(part) for part in json.loads(place)]


def _tag(key: bytes, question: Sequence[str], place: bytes) -> bytes:
    message = json.dumps(list(question)).encode() + b"\x00" + place
    return hmac.digest(key, message, "sha256")[:_TAG_BYTES]

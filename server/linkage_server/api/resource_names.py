"""Which resource a request speaks of, for the audit log; only names of the form that the service itself gives."""

from __future__ import annotations

import re
from typing import Any

_RESOURCE = re.compile(
    r"organisations/[a-z][a-z0-9-]{1,62}/orders/[a-z0-9-]{8,64}(/(uploads|releases)/[a-z0-9-]{8,64})?"
)
# A hostile caller could spell an identity number as a resource; such a name never reaches the log.
_LONG_DIGITS = re.compile(r"\d{6}[-+]?\d{4}")
_FIELDS = ("name", "order", "upload", "release")


def subject_of(request: Any) -> str:
    """The resource name in `request`, or "" where there is none of our form."""
    for field in _FIELDS:
        value = getattr(request, field, "")
        if isinstance(value, str) and _RESOURCE.fullmatch(value) and not _LONG_DIGITS.search(value):
            return value
    return ""

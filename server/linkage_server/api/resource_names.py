"""Which resource a request speaks of, for the audit log; only names of the form that the service itself gives."""

from __future__ import annotations

import re
from typing import Any

_RESOURCE = re.compile(
    r"organisations/[a-z0-9][a-z0-9-]{0,62}/orders/[a-z0-9][a-z0-9-]{0,62}(/(uploads|releases)/[a-z0-9-]{1,64})?"
)
_FIELDS = ("name", "order", "upload", "release")


def subject_of(request: Any) -> str:
    """The resource name in `request`; "" where there is none of our form. The trail hides what looks like a number."""
    for field in _FIELDS:
        value = getattr(request, field, "")
        if isinstance(value, str) and _RESOURCE.fullmatch(value):
            return value
    return ""

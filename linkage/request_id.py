"""Ids that a client makes up for its requests and uploads."""

from __future__ import annotations

import uuid

from linkage.free_text import find_identity_number


def new_request_id() -> str:
    """A new UUID4, and never the one in eight thousand that reads like an identity number: the service stores none."""
    while find_identity_number(made := str(uuid.uuid4())) is not None:
        pass
    return made

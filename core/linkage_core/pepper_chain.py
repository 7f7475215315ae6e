"""Hashed ids under the newest pepper, reached link by link, so that a register can follow without identity numbers.

    id under the first pepper = first 16 bytes of HMAC-SHA-256(pepper 1, twelve digits)
    id under pepper n         = first 16 bytes of HMAC-SHA-256(link key of pepper n, id under pepper n - 1)

The register holder deletes identity numbers once they are hashed, so a new pepper cannot be applied to them. It can be
applied to the ids: a register moves from n - 1 to n by hashing what it holds, a population by walking all links.
Reasons, odds of a collision and what a leaked pepper is worth: docs/decisions/pepper-rotation.md.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import date

import numpy as np
import pyarrow as pa

from linkage_core.events import HASHED_ID
from linkage_core.kernels.keyed_hash import HashKey, hash_fixed_column
from linkage_core.pseudonyms import Pepper, Pseudonyms, derive_key, pseudonymise, pseudonymise_opaque

_LINK_PURPOSE = "link between two pepper versions, version 1"


def pseudonymise_through(
    numbers: pa.Array | pa.ChunkedArray, *, reference_date: date, peppers: Sequence[Pepper], threads: int = 1
) -> Pseudonyms:
    """Parse identity numbers and hash them through every pepper; arguments as in `pseudonymise`.

    Args:
        peppers: all versions from the first on, in order; the last is the version of the result.
    """
    first, *links = _in_order(peppers)
    pseudonyms = pseudonymise(numbers, reference_date=reference_date, pepper=first, threads=threads)
    return dataclasses.replace(pseudonyms, hashed_ids=_through(pseudonyms.hashed_ids, links))


def pseudonymise_opaque_through(
    values: pa.Array | pa.ChunkedArray, *, peppers: Sequence[Pepper]
) -> pa.FixedSizeBinaryArray:
    """The same for project numbers, see `pseudonymise_opaque`."""
    first, *links = _in_order(peppers)
    return _through(pseudonymise_opaque(values, pepper=first), links)


def next_ids(hashed_ids: pa.FixedSizeBinaryArray, *, pepper: Pepper) -> pa.FixedSizeBinaryArray:
    """Ids under `pepper` from ids under the version before it; a null stays null."""
    digests = np.empty((len(hashed_ids), 16), np.uint8)
    hash_fixed_column(HashKey(derive_key(pepper, _LINK_PURPOSE)), hashed_ids, digests=digests)
    linked = pa.FixedSizeBinaryArray.from_buffers(HASHED_ID, len(hashed_ids), [None, pa.py_buffer(digests)])
    if not hashed_ids.null_count:
        return linked
    return pa.array(linked.to_pylist(), HASHED_ID, mask=np.asarray(hashed_ids.is_null()))


def _through(hashed_ids: pa.FixedSizeBinaryArray, links: Sequence[Pepper]) -> pa.FixedSizeBinaryArray:
    for pepper in links:
        hashed_ids = next_ids(hashed_ids, pepper=pepper)
    return hashed_ids


def _in_order(peppers: Sequence[Pepper]) -> Sequence[Pepper]:
    versions = [pepper.version for pepper in peppers]
    if not versions or versions != list(range(1, len(versions) + 1)):
        raise ValueError("peppers are given from the first version to the newest, none left out")
    return peppers

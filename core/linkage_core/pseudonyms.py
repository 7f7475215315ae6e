"""From identity numbers to pseudonyms: parsed and hashed from bytes, no Python object per number.

    hashed id = first 16 bytes of HMAC-SHA-256(pepper, twelve canonical ASCII digits)

An unkeyed hash would be no protection: all numbers there can be are hashed in two minutes. Whoever has the pepper can
undo the pseudonyms; it lives in the key ring alone (linkage_server.keys).
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from linkage.errors import InputRefused
from linkage.personal_identity_number import NumberKind
from linkage.written_columns import fixed_binary, number_column
from linkage_core.kernels.identity_number import parse_fixed_numbers, parse_integer_numbers, parse_text_numbers
from linkage_core.kernels.keyed_hash import HashKey, hash_binary_column, hash_fixed_column

HASHED_ID = pa.binary(16)
"""Arrow type of a hashed id."""

_OPAQUE_PURPOSE = "opaque person identifiers, version 1"
_ROWS_PER_PART = 1 << 15


@dataclass(frozen=True, slots=True)
class Pepper:
    """The secret that keys the pseudonyms, with the version that stores and populations name.

    Args:
        version: 1, 2, ... in the order of the key ring's rotations.
        key: 32 random bytes; never printed.
    """

    version: int
    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.key) != 32 or self.version < 1:
            raise ValueError("a pepper has 32 bytes and a version from 1")


@dataclass(frozen=True, slots=True)
class Pseudonyms:
    """A column of identity numbers turned into hashed ids, row by row.

    Args:
        hashed_ids: fixed_size_binary(16); null where the number cannot be linked.
        kinds: uint8, a `NumberKind` a row.
        problems: uint8, a `NumberProblem` a row.
        birth_date: date32; null where hashed_ids is. An unknown month or day counts as the first there is.
        sex: uint8, 1 man, 2 woman; null where hashed_ids is.
    """

    hashed_ids: pa.FixedSizeBinaryArray
    kinds: npt.NDArray[np.uint8]
    problems: npt.NDArray[np.uint8]
    birth_date: pa.Date32Array
    sex: pa.UInt8Array


def pseudonymise(
    numbers: pa.Array | pa.ChunkedArray, *, reference_date: date, pepper: Pepper, threads: int = 1
) -> Pseudonyms:
    """Parse and hash a column of identity numbers.

    Args:
        numbers: text, bytes or whole numbers, in any written form.
        reference_date: resolves ten digits, and nobody is born after it.
        pepper: keys the hash.
        threads: how many cores to use; the result is the same for any number.

    Raises:
        InputRefused: the column's type cannot hold identity numbers.
    """
    column = number_column(numbers)
    rows = len(column)
    key = HashKey(pepper.key)
    parse = _parser(column.type)
    kinds, problems, sexes = np.empty((3, rows), np.uint8)
    birth_days = np.empty(rows, np.int32)
    digests = np.empty((rows, 16), np.uint8)

    def work(start: int, stop: int) -> None:
        part = slice(start, stop)
        canonical = np.empty((stop - start, 12), np.uint8)
        parse(
            column.slice(start, stop - start),
            reference_date=reference_date,
            kinds=kinds[part],
            problems=problems[part],
            canonical=canonical,
            birth_days=birth_days[part],
            sexes=sexes[part],
        )
        parsed = fixed_binary(canonical, kinds[part] <= NumberKind.COORDINATION)
        hash_fixed_column(key, parsed, digests=digests[part])
        canonical.fill(0)  # The numbers in the clear need not outlive their hash.

    _in_parts(work, rows=rows, threads=threads)
    linkable = kinds <= NumberKind.COORDINATION
    return Pseudonyms(
        fixed_binary(digests, linkable),
        kinds,
        problems,
        pa.array(birth_days, mask=~linkable).cast(pa.date32()),
        pa.array(sexes, mask=~linkable),
    )


def pseudonymise_opaque(values: pa.Array | pa.ChunkedArray, *, pepper: Pepper) -> pa.FixedSizeBinaryArray:
    """Hash a column of project numbers (LopNr) or other identifiers that say nothing of the person by themselves.

    They are hashed as text, under a key of their own: a project number never meets an identity number.

    Args:
        values: text, bytes or whole numbers; whole numbers are written in decimal. Nulls and empty text stay null.
        pepper: the key is derived from it.

    Raises:
        InputRefused: the column's type cannot hold identifiers.
    """
    column = values
    if isinstance(column, pa.ChunkedArray):
        column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_integer(column.type) or pa.types.is_null(column.type):
        column = column.cast(pa.string())
    elif pa.types.is_fixed_size_binary(column.type):
        column = column.cast(pa.binary())
    if not (pa.types.is_string(column.type) or pa.types.is_binary(column.type) or _is_large(column.type)):
        raise InputRefused(
            f"Identifiers cannot be read from a column of type {column.type}.",
            mend="Give the column as text, or as whole numbers.",
        )
    digests = np.empty((len(column), 16), np.uint8)
    hash_binary_column(HashKey(derive_key(pepper, _OPAQUE_PURPOSE)), column, digests=digests)
    present = pc.greater(pc.fill_null(pc.binary_length(column), 0), 0).to_numpy(zero_copy_only=False)
    digests[~present] = 0
    return fixed_binary(digests, present)


def derive_key(pepper: Pepper, purpose: str) -> bytes:
    """A key of 32 bytes for another purpose than identity numbers; one purpose's key tells nothing of another's.

    HMAC as a key derivation (NIST SP 800-108, one block): the purpose is never twelve digits, so that no derived key is
    a hashed id's digest.
    """
    assert not (len(purpose) == 12 and purpose.isdigit()), "a purpose is a phrase"
    return hmac.digest(pepper.key, b"linkage derived key\x00" + purpose.encode(), "sha256")


def _parser(arrow_type: pa.DataType) -> Callable[..., None]:
    if pa.types.is_int64(arrow_type):
        return parse_integer_numbers
    return parse_fixed_numbers if pa.types.is_fixed_size_binary(arrow_type) else parse_text_numbers


def _in_parts(work: Callable[[int, int], None], *, rows: int, threads: int) -> None:
    """Call `work` on row ranges small enough to stay in the cache, on several threads at once."""
    parts = [(start, min(start + _ROWS_PER_PART, rows)) for start in range(0, rows, _ROWS_PER_PART)]
    if threads == 1 or len(parts) == 1:
        for start, stop in parts:
            work(start, stop)
        return
    with ThreadPoolExecutor(max_workers=threads) as pool:
        for done in [pool.submit(work, start, stop) for start, stop in parts]:
            done.result()


def _is_large(arrow_type: pa.DataType) -> bool:
    return bool(pa.types.is_large_string(arrow_type) or pa.types.is_large_binary(arrow_type))

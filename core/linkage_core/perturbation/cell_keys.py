"""Record keys of persons and keys of cells.

    record key = first 8 bytes, big-endian, of HMAC-SHA-256(noise key, hashed id)
    cell key   = sum of the record keys of the different persons of the cell, modulo 2**64

A cell's key depends on who is counted and on nothing else: the same persons have the same key in every table, register
and month. Sums of blocks that share no person add up to the whole's. Who owns the identity numbers has neither the
noise key nor the pepper, so computes no key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from linkage.errors import InputRefused
from linkage_core.kernels.keyed_hash import HashKey, hash_binary_column, hash_fixed_column
from linkage_core.perturbation.noise_table import Ints, Keys

_CONTRIBUTOR = b"contributor\x00"


@dataclass(frozen=True, slots=True)
class NoiseKey:
    """The secret behind all noise of a policy.

    Args:
        version: 1, 2, ... as the key ring has it; policies and deliveries name it.
        pepper_version: of the hashed ids it was made for. Ids under another pepper have other record keys, which would
            be fresh noise.
        key: 32 random bytes; never printed.
    """

    version: int
    pepper_version: int
    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.key) != 32 or self.version < 1 or self.pepper_version < 1:
            raise ValueError("a noise key has 32 bytes, and versions from 1")


def record_keys(hashed_ids: pa.FixedSizeBinaryArray, key: NoiseKey) -> Keys:
    """The record key of each hashed id.

    Raises:
        InputRefused: an id is missing.
    """
    if hashed_ids.null_count:
        raise InputRefused("a person without a hashed id has no record key.", mend="Leave out who is not linked.")
    digests = np.empty((len(hashed_ids), 16), np.uint8)
    hash_fixed_column(HashKey(key.key), hashed_ids, digests=digests)
    return _first_eight(digests)


def contributor_keys(names: Sequence[str], key: NoiseKey) -> Keys:
    """The record key of each contributor that is no person, such as a company group, by its name."""
    column = pa.array([_CONTRIBUTOR + name.encode() for name in names], pa.binary())
    digests = np.empty((len(column), 16), np.uint8)
    hash_binary_column(HashKey(key.key), column, digests=digests)
    return _first_eight(digests)


def cell_keys(cells: Ints, persons: Ints, keys: Keys, *, size: int) -> tuple[Ints, Keys]:
    """How many different persons each cell has, and its key.

    Args:
        cells: int64, the cell of each row; a person may have several rows in a cell and counts once.
        persons: int64, the person of each row, as a position in `keys`.
        keys: uint64, record keys.
        size: the number of cells; a cell without rows has nobody, and the key 0.
    """
    counts, sums = np.zeros(size, dtype=np.int64), np.zeros(size, dtype=np.uint64)
    # Sorted and compared with the one before: a tenth of what np.unique takes for as many different pairs.
    pairs = np.sort(cells * keys.size + persons)
    once = pairs[np.diff(pairs, prepend=-1) != 0]
    if once.size:
        cell = once // keys.size
        starts = np.flatnonzero(np.diff(cell, prepend=-1))
        sums[cell[starts]] = np.add.reduceat(keys[once % keys.size], starts)
        counts[cell[starts]] = np.diff(starts, append=cell.size)
    return counts, sums


def mixed_keys(cells: Keys, contributors: Keys, *, measure: str) -> Keys:
    """A key of its own for a contributor's part in a cell's sum of a measure.

    Both keys are secret, so mixing them needs no secret (the finaliser of SplitMix64, Steele and others 2014).
    """
    name = pa.array([measure.encode()], pa.binary())
    digest = np.empty((1, 16), np.uint8)
    hash_binary_column(HashKey(bytes(32)), name, digests=digest)
    mixed = _scattered(contributors ^ _first_eight(digest)[0])
    return _scattered(cells + mixed)


def _first_eight(digests: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> Keys:
    return np.ascontiguousarray(digests[:, :8]).view(">u8").ravel().astype(np.uint64)


def _scattered(keys: Keys) -> Keys:
    keys = (keys ^ (keys >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    keys = (keys ^ (keys >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return keys ^ (keys >> np.uint64(31))

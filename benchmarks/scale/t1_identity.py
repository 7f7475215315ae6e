"""T1: identity numbers parsed and hashed under a key, ten million as a column of text.

No peer hashes under a key (HMAC): Polars has no cryptographic hash at all; DuckDB has SHA-256, from which SQL can put a
HMAC together, beside SQL that checks date and check digit. Else there is what everybody writes: a loop over the
standard library's `hmac`, which OpenSSL computes, with a parser before it.
"""

from __future__ import annotations

import hmac
from abc import ABC, abstractmethod
from collections.abc import Iterator
from datetime import date
from hashlib import sha256
from pathlib import Path

import duckdb
import pyarrow as pa
from personnummer import personnummer  # type: ignore[import-untyped] # not typed

from benchmarks.scale.bench import Bench, Case, Task
from benchmarks.unborn import REFERENCE_DATE, unborn_numbers
from linkage_core.pseudonyms import Pepper, pseudonymise
from linkage_server.benchmark.questions import Answer
from linkage_server.benchmark.results import OURS
from linkage_server.benchmark.visit import Visit

TITLE = "Identity numbers parsed and hashed under a key"
MANY, FEWER = 10_000_000, 1_000_000
PEPPER = Pepper(1, bytes(range(32)))
THREADS = 2


class Numbers(ABC):
    """Numbers of persons who are not born yet, as text in memory and nowhere else.

    Args:
        numbers: how many.
    """

    def __init__(self, *, numbers: int) -> None:
        self.column = unborn_numbers(numbers, seed=1)

    @abstractmethod
    def ask(self) -> pa.Array | pa.ChunkedArray:
        """The numbers' ids, 16 bytes each."""

    def answer(self, result: pa.Array | pa.ChunkedArray) -> Answer:
        """One cell: the beginning of the digest of all ids."""
        ids = b"".join(result.to_pylist())
        return {f"digest of {len(result)} ids": int.from_bytes(sha256(ids).digest()[:6])}

    def forget(self) -> None:  # noqa: B027 - nothing to override
        """Nothing is read from files."""

    def files(self) -> list[Path]:
        """None."""
        return []


class OurColumn(Numbers):
    """As a load does it: the column in, ids out, on all cores."""

    def ask(self) -> pa.Array:
        """Parse and hash."""
        return pseudonymise(self.column, reference_date=REFERENCE_DATE, pepper=PEPPER, threads=THREADS).hashed_ids


class InSql(Numbers):
    """DuckDB: HMAC put together from two SHA-256; length, date and check digit tested in SQL."""

    def __init__(self, *, numbers: int) -> None:
        super().__init__(numbers=numbers)
        database = duckdb.connect(config={"threads": THREADS})
        self._numbers = database.from_arrow(pa.table({"number": self.column}))

    def ask(self) -> pa.ChunkedArray:
        """Parse and hash."""
        found = self._numbers.query("numbers", _SQL)
        assert found is not None
        return found.to_arrow_table()["id"]


class Loop(Numbers):
    """A loop over Python's strings."""

    def ask(self) -> pa.Array:
        """Parse and hash, from a column to a column."""
        key, parsed = PEPPER.key, self.parsed
        ids = [hmac.digest(key, parsed(number), "sha256")[:16] for number in self.column.to_pylist()]
        return pa.array(ids, pa.binary(16))

    @staticmethod
    @abstractmethod
    def parsed(number: str) -> bytes:
        """The number in its one form; raises where it is none."""


class HashOnly(Loop):
    """`hmac` alone: nothing is parsed nor checked, which is less than ours does."""

    @staticmethod
    def parsed(number: str) -> bytes:
        """The text's bytes."""
        return number.encode()


class ByHand(Loop):
    """The least that can be called parsing: length, date and check digit, and no other way of writing a number."""

    @staticmethod
    def parsed(number: str) -> bytes:
        """Twelve digits, checked."""
        digits = number.encode()
        date(int(digits[:4]), int(digits[4:6]), int(digits[6:8]))
        products = [(digit - 48) * (2 - place % 2) for place, digit in enumerate(digits[2:])]
        if len(digits) != 12 or sum(one - 9 if one > 9 else one for one in products) % 10:
            raise ValueError("no identity number")
        return digits


class Library(Loop):
    """The package `personnummer`, which knows every way of writing a number, as ours does."""

    @staticmethod
    def parsed(number: str) -> bytes:
        """Twelve digits, checked."""
        written: str = personnummer.parse(number).format(True)
        return written.encode()


def _sql() -> str:
    def padded(byte: int) -> str:
        return "".join(f"\\x{one ^ byte:02X}" for one in PEPPER.key.ljust(64, b"\0"))

    def product(place: int) -> str:
        digit = f"digits // {10 ** (11 - place)} % 10"
        return f"({digit})" if place % 2 else f"(2 * ({digit}) - 9 * ({digit} > 4)::int)"

    inner = f"unhex(sha256('{padded(0x36)}'::blob || number::blob))"
    check = " + ".join(product(place) for place in range(2, 12))
    return f"""
        select case when length(number) = 12 and ({check}) % 10 = 0
                     and try_strptime(number[:8], '%Y%m%d') is not null
               then unhex(sha256('{padded(0x5C)}'::blob || {inner})[:32]) end as id
        from (select number, try_cast(number as bigint) as digits from numbers)"""


_SQL = _sql()
_HASH_ONLY = {OURS: OurColumn, "DuckDB, HMAC of two SHA-256": InSql, "hmac loop, nothing parsed": HashOnly}
_ALL = {**_HASH_ONLY, "hmac loop, parsed by hand": ByHand, "hmac loop, personnummer": Library}


def _cases(bench: Bench) -> Iterator[Case]:
    if False not in bench.temperatures:
        return  # no file is read
    # Loops that parse would take minutes a question with ten million.
    for numbers, sides in ((MANY, _HASH_ONLY), (FEWER, _ALL)):
        yield Case(
            title=TITLE,
            parameters={"numbers": numbers},
            cold=False,
            visits={name: Visit(f"{__name__}:{side.__name__}", {"numbers": numbers}) for name, side in sides.items()},
        )


TASK = Task("T1", TITLE, _cases)

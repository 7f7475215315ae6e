"""Identity numbers parsed and hashed per second, against the libraries and a plain `hmac` loop, in one run."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable
from datetime import date

import numpy as np
import pyarrow as pa
from personnummer import personnummer
from stdnum.se import personnummer as stdnum_personnummer

from linkage.personal_identity_number import check_numbers
from linkage_core.kernels.keyed_hash import HashKey, hash_fixed_column
from linkage_core.pseudonyms import Pepper, pseudonymise
from linkage_server.demo.test_numbers import read_test_numbers

TITLE = "Identity numbers parsed and hashed"
REFERENCE_DATE = date(2025, 1, 1)
PEPPER = Pepper(1, bytes(range(32)))
IDS = 1_000_000
LOOP_IDS = 41_127
ROUNDS = 3


def run() -> list[dict[str, object]]:
    """One row for each way: what, ids per second, and how many times faster the core does the same."""
    numbers = [number for number in read_test_numbers() if int(number[6:8]) < 60][:LOOP_IDS]
    column = pa.array((numbers * (IDS // len(numbers) + 1))[:IDS])
    canonical = check_numbers(column, reference_date=REFERENCE_DATE).canonical
    digests = np.empty((IDS, 16), np.uint8)
    expected = [hmac.digest(PEPPER.key, number.encode(), "sha256")[:16] for number in numbers]

    def core(threads: int) -> list[bytes]:
        found = pseudonymise(column, reference_date=REFERENCE_DATE, pepper=PEPPER, threads=threads).hashed_ids
        return list(found.slice(0, len(numbers)).to_pylist())

    def hash_only(portable: bool) -> None:
        hash_fixed_column(HashKey(PEPPER.key, portable=portable), canonical, digests=digests)

    def loop_parse_and_hash() -> list[bytes]:
        return [
            hmac.digest(PEPPER.key, personnummer.parse(number).format(True).encode(), "sha256")[:16]
            for number in numbers
        ]

    assert core(1) == core(2) == expected == loop_parse_and_hash()
    for portable in (False, True):
        hash_only(portable)
        assert [row.tobytes() for row in digests[: len(numbers)]] == expected
    assert canonical.slice(0, len(numbers)).to_pylist() == [number.encode() for number in numbers]
    assert all(map(personnummer.valid, numbers))
    assert all(map(stdnum_personnummer.is_valid, numbers))

    ways: list[tuple[str, int, Callable[[], object]]] = [
        ("core: parse and hash, 1 thread", IDS, lambda: core(1)),
        ("core: parse and hash, 2 threads", IDS, lambda: core(2)),
        ("core: hash only", IDS, lambda: hash_only(False)),
        ("core: hash only, without SHA extensions", IDS, lambda: hash_only(True)),
        ("linkage: check a column (numpy)", IDS, lambda: check_numbers(column, reference_date=REFERENCE_DATE)),
        ("hmac loop: hash only", LOOP_IDS, lambda: [hmac.digest(PEPPER.key, n.encode(), "sha256") for n in numbers]),
        ("personnummer: check only", LOOP_IDS, lambda: [personnummer.valid(number) for number in numbers]),
        ("python-stdnum: check only", LOOP_IDS, lambda: [stdnum_personnummer.is_valid(number) for number in numbers]),
        ("personnummer + hmac loop: parse and hash", LOOP_IDS, loop_parse_and_hash),
    ]
    # Rounds are interleaved, so that a busy moment of the machine meets every way.
    seconds: dict[str, list[float]] = {what: [] for what, _, _ in ways}
    for _ in range(ROUNDS):
        for what, _, way in ways:
            begun = time.perf_counter()
            way()
            seconds[what].append(time.perf_counter() - begun)
    rate = {what: ids / float(np.median(seconds[what])) for what, ids, _ in ways}
    return [
        {
            "what": what,
            "ids_per_second": round(rate[what]),
            "core_is_times_faster": round(rate[ways[0][0]] / rate[what], 1),
        }
        for what, _, _ in ways
    ]


def main() -> None:
    """Print the table."""
    for row in run():
        print(f"{row['what']:<45} {row['ids_per_second']:>12,} ids/s   core is {row['core_is_times_faster']:>6}x")


if __name__ == "__main__":
    main()

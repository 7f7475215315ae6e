"""The official test numbers: the only identity numbers the demo and the tests ever use.

Source: Skatteverket's open test-number service, as published in github.com/personnummer/meta (commit c44a844a):
41,127 distinct personnummer and 2,264 coordination numbers. Skatteverket states that they can never be assigned.
"""

from __future__ import annotations

import gzip
from pathlib import Path

TEST_NUMBERS = Path(__file__).with_name("test_numbers.txt.gz")


def read_test_numbers() -> list[str]:
    """Every official test number, distinct, 12 digits each: personnummer, then coordination numbers, both ascending."""
    return gzip.decompress(TEST_NUMBERS.read_bytes()).decode("ascii").split()

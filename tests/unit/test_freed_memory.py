"""Freed memory: the same pages serve one block of work after the other, and go back to the system on demand."""

from __future__ import annotations

import json
import platform
import subprocess
import sys

import pytest

PAGE, BLOCK = 4096, 32 * (2 << 20)
WORK = f"""
import json, resource
import numpy as np
from linkage_server.operations.freed_memory import give_back_memory, keep_freed_memory
from linkage_server.registers.load_memory import resident_bytes

def first_touches():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    arrays = [np.ones(2 << 20, np.uint8) for _ in range({BLOCK} >> 21)]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

keep_freed_memory()
touched = [first_touches(), first_touches()]
held = resident_bytes()
give_back_memory()
print(json.dumps([*touched, held - resident_bytes()]))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library decides by itself")
def test_a_block_of_work_finds_the_memory_of_the_one_before_it():
    done = subprocess.run([sys.executable, "-c", WORK], capture_output=True, text=True, check=True)
    first, second, given_back = json.loads(done.stdout)
    # Pages may be large ones; a block that begins with none of its own touches all of them.
    assert second <= first // 20
    assert given_back > BLOCK // 2

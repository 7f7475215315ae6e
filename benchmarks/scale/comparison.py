"""Compares two runs of the national-scale benchmark: `./run bench compare BEFORE AFTER`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.tables import as_markdown
from linkage.errors import LinkageError
from linkage_server.benchmark.history import MOST_LOSS, compare, read_history

_WORDS = {"ratio": "fastest peer's time over ours", "speed": "questions a second"}


def main(arguments: Sequence[str]) -> int:
    """Print every case that both runs measured; 1 where one lost more than a tenth."""
    parser = argparse.ArgumentParser(prog="./run bench compare", description=__doc__)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    asked = parser.parse_args(arguments)
    try:
        changes = compare(read_history(asked.before), read_history(asked.after))
    except LinkageError as refusal:
        sys.stderr.write(f"Refused: {refusal.message}\n{refusal.mend}\n")
        return refusal.exit_code
    rows = [
        {
            "case": one.case,
            "measure": _WORDS[one.measure],
            "before": one.before,
            "after": one.after,
            "change": f"{one.change:+.1%}",
            "": "REGRESSION" if one.is_regression else "",
        }
        for one in changes
    ]
    print(as_markdown(rows))
    worse = [one.case for one in changes if one.is_regression]
    if worse:
        print(f"\n{len(worse)} of {len(changes)} cases lost more than {MOST_LOSS:.0%}.")
    return 1 if worse else 0

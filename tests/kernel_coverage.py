"""Which lines of the kernels the tests reach, inside `nogil` too.

    .venv/bin/python core/build_variant.py trace && .venv/bin/python -m tests.kernel_coverage [pytest arguments]

Prints the share of lines by kernel and the numbers of those never reached; leaves with pytest's exit code, or 9 when a
kernel falls below the share that `--at-least` demands. The trace build tells Python's trace function each line it
runs; which lines there are is read from the C code that it was made of.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
import threading
from collections import defaultdict
from collections.abc import Callable, Generator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
GENERATED = ROOT / "build" / "c-trace" / "core" / "linkage_core" / "kernels"
TESTS = ["tests/generative", "tests/unit/test_arrow_loan.py", "tests/unit/test_pseudonyms.py"]
_TRACED = re.compile(r"__Pyx_TraceLine\((\d+),")
Tracer = Callable[[FrameType, str, Any], Any]


class Reached:
    """A plug-in of pytest that notes the lines of kernels that each test runs."""

    def __init__(self) -> None:
        self.lines: dict[str, set[int]] = defaultdict(set)

    @pytest.hookimpl(wrapper=True)
    def pytest_pyfunc_call(self) -> Generator[None, object, object]:
        # Set for each test: what runs between tests may take the trace function away.
        before = sys.gettrace()
        threading.settrace(self._on_call)
        sys.settrace(self._on_call)
        try:
            return (yield)
        finally:
            sys.settrace(before)
            threading.settrace(before)  # type: ignore[arg-type]

    def _on_call(self, frame: FrameType, event: str, _: Any) -> Tracer | None:
        return self._on_line(frame, event, None) if frame.f_code.co_filename.endswith((".pyx", ".pxd")) else None

    def _on_line(self, frame: FrameType, event: str, _: Any) -> Tracer:
        self.lines[Path(frame.f_code.co_filename).name].add(frame.f_lineno)
        return self._on_line


def lines_of_functions(kernel: str) -> set[int]:
    """Lines that a function of the kernel may run; what runs at import alone is left out."""
    generated = (GENERATED / f"{kernel}.c").read_text()
    body = generated.split("__pyx_pymod_exec_", 1)[0]
    return {int(line) for line in _TRACED.findall(body)}


def main() -> int:
    """Run, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--at-least", type=int, default=0, metavar="PER_CENT")
    wanted, arguments = parser.parse_known_args()
    os.environ["LINKAGE_KERNELS"] = "trace"
    plugin = Reached()
    code = int(pytest.main(arguments or ["-q", "-p", "no:cacheprovider", *TESTS], plugins=[plugin]))
    short = False
    for path in sorted(GENERATED.glob("*.c")):
        lines = lines_of_functions(path.stem)
        missed = sorted(lines - plugin.lines[f"{path.stem}.pyx"])
        share = 100 * (len(lines) - len(missed)) // max(len(lines), 1)
        short |= share < wanted.at_least
        print(f"{path.stem:20} {share:3} % of {len(lines):3} lines  {' '.join(map(str, missed))}")  # noqa: T201
    return code or (9 if short else 0)


if __name__ == "__main__":
    sys.exit(main())

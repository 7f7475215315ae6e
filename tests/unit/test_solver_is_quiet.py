"""Commands print JSON to standard output: the solver behind them must not write there, banners neither."""

from __future__ import annotations

import subprocess
import sys

SOLVE = """
import numpy as np
from scipy import sparse
from linkage_core.disclosure.witnesses import new_solver, run_solver

one = np.ones(1)
solver = new_solver(sparse.csr_array(np.ones((1, 1))), one, (0 * one, 9 * one), (2 * one, 5 * one))
assert run_solver(solver).tolist() == [2.0]
"""


def test_nothing_is_written_while_a_programme_is_solved() -> None:
    done = subprocess.run([sys.executable, "-c", SOLVE], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

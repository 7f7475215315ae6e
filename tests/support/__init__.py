"""What tests share. Importing it puts the kernels of the chosen variant in place, before anything imports a kernel."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import linkage_core.kernels

# A process of a test's own that imported the service first keeps the kernels it has; tests/architecture checks that the
# tests' process has those that were asked for.
loaded = any(name.startswith("linkage_core.kernels.") for name in sys.modules)
if (variant := os.environ.get("LINKAGE_KERNELS")) and not loaded:
    folder = Path(__file__).resolve().parents[2] / "build" / f"kernels-{variant}"
    assert any(folder.glob("*.so")), f"build the kernels first: python core/build_variant.py {variant}"
    linkage_core.kernels.__path__.insert(0, str(folder))

"""What tests share. Importing it puts the kernels of the chosen variant in place, before anything imports a kernel."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import linkage_core.kernels

if variant := os.environ.get("LINKAGE_KERNELS"):
    folder = Path(__file__).resolve().parents[2] / "build" / f"kernels-{variant}"
    assert any(folder.glob("*.so")), f"build the kernels first: python core/build_variant.py {variant}"
    loaded = [name for name in sys.modules if name.startswith("linkage_core.kernels.")]
    assert not loaded, f"loaded before their variant was chosen: {loaded}"
    linkage_core.kernels.__path__.insert(0, str(folder))

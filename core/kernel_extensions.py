"""The Cython kernels as extensions: every `.pyx` is one, and one more holds what Cython would put into each."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension

ROOT = Path(__file__).resolve().parent.parent
KERNELS = ROOT / "core" / "linkage_core" / "kernels"
PACKAGE = "linkage_core.kernels"
SHARED = "_cython_shared"
"""Memory views and their like, compiled once: they were more than half of each kernel and of the time to build it."""

NAMED_SOURCE = re.compile(r'linkage_core\.kernels\.(\w+) cimport|"(\w+\.h)"')
DIRECTIVES = {
    "language_level": "3",
    "boundscheck": False,
    "wraparound": False,
    "cdivision": True,
    "embedsignature": True,
}
COMPILE_ARGS = {
    "release": ["-O3", "-g0", "-DCYTHON_WITHOUT_ASSERTIONS", "-Wno-unused-variable"],
    "test": ["-O2", "-g0", "-UNDEBUG", "-Wno-maybe-uninitialized"],
    "trace": ["-O0", "-DCYTHON_TRACE_NOGIL=1", "-DCYTHON_USE_SYS_MONITORING=0"],
    "sanitize": ["-O1", "-g", "-UNDEBUG", "-fsanitize=address,undefined", "-fno-omit-frame-pointer"],
}
LINK_ARGS = {"sanitize": ["-fsanitize=address,undefined"]}


def all_modules() -> list[str]:
    """Names of all modules to build, without their package."""
    return [SHARED, *sorted(path.stem for path in KERNELS.glob("*.pyx"))]


def sources_of(module: str) -> set[Path]:
    """A module's source with the declarations and headers that it names, those that these name, and this file."""
    found, waiting = {Path(__file__)}, [KERNELS / f"{module}.pyx"]
    while waiting:
        path = waiting.pop()
        if path not in found and path.exists():
            found.add(path)
            waiting += [KERNELS / ((a and f"{a}.pxd") or b) for a, b in NAMED_SOURCE.findall(path.read_text())]
    return found


def declare(modules: Iterable[str], variant: str) -> list[Extension]:
    """Modules as extensions with the sources that people write; the working folder has to be the project's."""
    folder = KERNELS.relative_to(ROOT)
    return [
        Extension(
            f"{PACKAGE}.{module}",
            [str(folder / f"{module}.{'c' if module == SHARED else 'pyx'}")],
            include_dirs=[str(KERNELS)],
            extra_compile_args=COMPILE_ARGS[variant],
            extra_link_args=LINK_ARGS.get(variant, []),
        )
        for module in modules
    ]


def translate(declared: list[Extension], variant: str) -> None:
    """Write the C code of extensions to `build/c-VARIANT` and make it their source."""
    generated = ROOT / "build" / f"c-{variant}"
    # Cython keeps copies of headers beside what it generates and renews those that look older: a header that came with
    # an old date, as from another branch, would not be seen.
    for copy in generated.rglob("*.h"):
        copy.unlink()
    with no_performance_hints():
        translated = cythonize(
            declared,
            build_dir=str(generated.relative_to(ROOT)),
            compiler_directives=DIRECTIVES | ({"linetrace": True} if variant == "trace" else {}),
            include_path=[str(ROOT / "core")],
            shared_utility_qualified_name=f"{PACKAGE}.{SHARED}",
            nthreads=os.cpu_count(),
            force=True,
            quiet=True,
        )
    sources = {extension.name: extension.sources for extension in translated}
    for extension in declared:
        extension.sources = sources[extension.name]


@contextlib.contextmanager
def no_performance_hints() -> Iterator[None]:
    """Stop the build on a hint of Cython's, for instance a void function that asks for the GIL after each call."""
    with tempfile.TemporaryFile() as said:
        before = os.dup(2)  # the processes that translate write to the descriptor
        os.dup2(said.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(before, 2)
            os.close(before)
            said.seek(0)
            words = said.read().decode(errors="replace")
            sys.stderr.write(words)
    if "performance hint:" in words:
        sys.exit("Cython gave a performance hint (above); mend the kernel, as hints fail the build.")

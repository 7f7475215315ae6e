"""Builds the Cython kernels in one of four variants; what is fresh is left alone.

    release    -O3, assertions compiled out; lies beside the sources, as an installation has it
    test       assertions on
    trace      line tracing for coverage of the kernels, inside nogil too
    sanitize   AddressSanitizer and UndefinedBehaviorSanitizer

All but release lie in build/kernels-VARIANT; the tests load them when LINKAGE_KERNELS names the variant.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import sys
import sysconfig
from pathlib import Path

from setuptools.dist import Distribution

from kernel_extensions import COMPILE_ARGS, KERNELS, ROOT, all_modules, declare, sources_of, translate

SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")


def output_folder(variant: str) -> Path:
    """Where a variant's shared objects lie."""
    return KERNELS if variant == "release" else ROOT / "build" / f"kernels-{variant}"


def stale_modules(variant: str, *, force: bool) -> list[str]:
    """Modules whose shared object is missing or older than what it is made of."""

    def is_stale(module: str) -> bool:
        built = output_folder(variant) / (module + SUFFIX)
        return force or not built.exists() or built.stat().st_mtime < max(p.stat().st_mtime for p in sources_of(module))

    return [module for module in all_modules() if is_stale(module)]


def build(variant: str, modules: list[str]) -> None:
    """Compile modules in `variant`, as many at once as there are cores."""
    kernels = declare(modules, variant)
    translate(kernels, variant)
    command = Distribution({"ext_modules": kernels}).get_command_obj("build_ext")
    staging = ROOT / "build" / f"lib-{variant}"
    command.build_lib, command.build_temp = str(staging), str(ROOT / "build" / f"temp-{variant}")
    command.parallel, command.force = os.cpu_count(), True
    command.ensure_finalized()
    command.run()
    output_folder(variant).mkdir(parents=True, exist_ok=True)
    for module in modules:
        built = staging / "linkage_core" / "kernels" / (module + SUFFIX)
        built.replace(output_folder(variant) / built.name)


def main() -> None:
    """Build what is stale in the variant that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("variant", choices=sorted(COMPILE_ARGS), nargs="?", default="release")
    parser.add_argument("--force", action="store_true", help="build even what is fresh")
    parser.add_argument("--quiet", action="store_true", help="say nothing when there is nothing to do")
    arguments = parser.parse_args()
    os.chdir(ROOT)
    (ROOT / "build").mkdir(exist_ok=True)
    with (ROOT / "build" / "kernels.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        stale = stale_modules(arguments.variant, force=arguments.force)
        if stale:
            print(f"building {len(stale)} kernels ({arguments.variant})", file=sys.stderr)
            build(arguments.variant, stale)
        elif not arguments.quiet:
            print(f"kernels are fresh ({arguments.variant})", file=sys.stderr)


if __name__ == "__main__":
    main()

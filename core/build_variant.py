"""Builds the Cython kernels in one of four variants; what is fresh is left alone.

    release    -O3, assertions compiled out; lies beside the sources, as an installation has it
    test       assertions on
    trace      line tracing for coverage of the kernels, inside nogil too
    sanitize   AddressSanitizer and UndefinedBehaviorSanitizer

All but release lie in build/kernels-VARIANT; the tests load them when LINKAGE_KERNELS names the variant.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import io
import os
import re
import sys
import sysconfig
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KERNELS = ROOT / "core" / "linkage_core" / "kernels"
NAMED_SOURCE = re.compile(r'linkage_core\.kernels\.(\w+) cimport|"(\w+\.h)"')
SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")

COMPILE_ARGS = {
    "release": ["-O3", "-DCYTHON_WITHOUT_ASSERTIONS", "-Wno-unused-variable"],
    "test": ["-O2", "-UNDEBUG"],
    "trace": ["-O0", "-DCYTHON_TRACE_NOGIL=1", "-DCYTHON_USE_SYS_MONITORING=0"],
    "sanitize": ["-O1", "-g", "-UNDEBUG", "-fsanitize=address,undefined", "-fno-omit-frame-pointer"],
}
LINK_ARGS = {"sanitize": ["-fsanitize=address,undefined"]}


def declared_kernels() -> dict[str, Path]:
    """Module name and source of every kernel in pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    modules = project["tool"]["setuptools"]["ext-modules"]
    return {module["name"]: ROOT / module["sources"][0] for module in modules}


def output_folder(variant: str) -> Path:
    """Where a variant's shared objects lie."""
    return KERNELS if variant == "release" else ROOT / "build" / f"kernels-{variant}"


def sources_of(source: Path) -> set[Path]:
    """A kernel's source with the declarations and headers that it names, and those that these name."""
    found, waiting = set[Path](), [source]
    while waiting:
        path = waiting.pop()
        if path not in found and path.exists():
            found.add(path)
            waiting += [KERNELS / ((a and f"{a}.pxd") or b) for a, b in NAMED_SOURCE.findall(path.read_text())]
    return found


def stale_kernels(variant: str, *, force: bool) -> dict[str, Path]:
    """Kernels whose shared object is missing or older than what it is made of, or than this file."""
    stale = {}
    for name, source in declared_kernels().items():
        built = output_folder(variant) / (name.rsplit(".", 1)[1] + SUFFIX)
        made_of = sources_of(source) | {Path(__file__)}
        if force or not built.exists() or built.stat().st_mtime < max(path.stat().st_mtime for path in made_of):
            stale[name] = source
    return stale


@contextlib.contextmanager
def no_performance_hints() -> Iterator[None]:
    """Stop the build on a hint of Cython's, for instance a void function that asks for the GIL after each call."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            yield
    finally:
        sys.stderr.write(said.getvalue())
    if "performance hint:" in said.getvalue():
        sys.exit("Cython gave a performance hint (above); mend the kernel, as hints fail the build.")


def build(variant: str, kernels: dict[str, Path]) -> None:
    """Compile `kernels` in `variant`, as many at once as there are cores."""
    from Cython.Build import cythonize
    from setuptools import Extension
    from setuptools.dist import Distribution

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    directives = dict(project["tool"]["distutils"]["build_ext"]["cython-directives"])
    if variant == "trace":
        directives["linetrace"] = True
    generated = ROOT / "build" / f"c-{variant}"
    # Cython keeps copies of headers beside what it generates and renews those that look older: a header that came with
    # an old date, as from another branch, would not be seen.
    for copy in generated.rglob("*.h"):
        copy.unlink()
    with no_performance_hints():
        extensions = cythonize(
            [
                Extension(
                    name,
                    [str(source.relative_to(ROOT))],
                    extra_compile_args=COMPILE_ARGS[variant],
                    extra_link_args=LINK_ARGS.get(variant, []),
                )
                for name, source in kernels.items()
            ],
            build_dir=str(generated),
            compiler_directives=directives,
            include_path=[str(ROOT / "core")],
            force=True,
            quiet=True,
        )
    for extension in extensions:
        extension.include_dirs.append(str(KERNELS))
    command = Distribution({"ext_modules": extensions}).get_command_obj("build_ext")
    staging = ROOT / "build" / f"lib-{variant}"
    command.build_lib, command.build_temp = str(staging), str(ROOT / "build" / f"temp-{variant}")
    command.parallel, command.force = os.cpu_count(), True
    command.ensure_finalized()
    command.run()
    output_folder(variant).mkdir(parents=True, exist_ok=True)
    for name in kernels:
        built = staging.joinpath(*name.split(".")).with_name(name.rsplit(".", 1)[1] + SUFFIX)
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
        stale = stale_kernels(arguments.variant, force=arguments.force)
        if stale:
            print(f"building {len(stale)} kernels ({arguments.variant})", file=sys.stderr)
            build(arguments.variant, stale)
        elif not arguments.quiet:
            print(f"kernels are fresh ({arguments.variant})", file=sys.stderr)


if __name__ == "__main__":
    main()

"""Builds the kernels where the project is installed; all else stands in pyproject.toml."""

import os
import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_ext import build_ext

sys.path.insert(0, str(Path(__file__).resolve().parent / "core"))

from kernel_extensions import all_modules, declare, translate


class BuildKernels(build_ext):
    """Translates when it builds, and not whenever something asks for the project's name."""

    def run(self) -> None:
        """Translate, then compile as many at once as there are cores."""
        translate(self.extensions, "release")
        self.parallel = os.cpu_count()
        super().run()


setup(ext_modules=declare(all_modules(), "release"), cmdclass={"build_ext": BuildKernels})

"""Changes one thing at a time in disclosure control and looks whether a test notices: cosmic-ray, on a sample.

    pip install 'register-linkage[mutation]'
    nice -n 19 python -m tests.mutants [--each 6] [--seed 1] [MODULE ...]

`mutants.toml` groups modules with the tests that answer for them. A mutant lives in a forked process, one at a time, so
that neither files nor other runs see it. Changes of annotations and of `strict=True` are left out: no run differs by
them. Prints how many of each module were killed, and the survivors as diffs.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import difflib
import importlib.abc
import importlib.util
import io
import os
import random
import signal
import sys
import tomllib
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

ROOT = Path(__file__).resolve().parent.parent
PATHS = (".", "core", "server", "client")
OPTIONS = ("--noconftest", "-p", "no:cacheprovider")
TIME_OUT_SECONDS = 600
"""A mutant that takes longer is killed: it no longer ends."""

Span = tuple[tuple[int, int], tuple[int, int]]
"""First and last position of a piece of code: line and column."""


def main() -> int:
    """Change, test, report; exit code 0 whatever survives, for a survivor is read by a person."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", help="names of modules; all if none is named")
    parser.add_argument("--each", type=int, default=6, help="mutants of a module")
    parser.add_argument("--seed", type=int, default=1, help="which ones")
    wanted = parser.parse_args()
    os.chdir(ROOT)
    sys.path[:0] = [str(ROOT / part) for part in PATHS]
    # What is imported before the fork, pytest's plugins too, need not be imported by each mutant.
    with contextlib.redirect_stdout(io.StringIO()):
        pytest.main(["-qq", "--collect-only", *OPTIONS, "tests/unit/test_lab_protect.py"])
    killed = tried = 0
    for group in tomllib.loads((ROOT / "tests" / "mutants.toml").read_text())["group"]:
        modules = [module for module in group["modules"] if not wanted.modules or module in wanted.modules]
        if modules and not passes(group["tests"]):
            raise SystemExit(f"the tests of {group['name']} fail without any change")
        for module in modules:
            outcome = try_module(group["package"], module, group["tests"], each=wanted.each, seed=wanted.seed)
            killed, tried = killed + outcome[0], tried + outcome[1]
    say(f"all: {killed} of {tried} killed")
    return 0


def try_module(package: str, module: str, tests: list[str], *, each: int, seed: int) -> tuple[int, int]:
    """Mutants of a module that were killed, and that were tried."""
    name = f"{package}.{module}"
    source = (ROOT / "core" / f"{name.replace('.', '/')}.py").read_text()
    mutants = sampled(source, each=each, seed=seed)
    survivors = [mutant for mutant in mutants if passes(tests, name=name, source=mutant)]
    say(f"{name}: {len(mutants) - len(survivors)} of {len(mutants)} killed")
    for mutant in survivors:
        say("".join(difflib.unified_diff(source.splitlines(True), mutant.splitlines(True), name, name, n=1)))
    return len(mutants) - len(survivors), len(mutants)


def sampled(source: str, *, each: int, seed: int) -> list[str]:
    """Some changed sources of a module."""
    left_out = spans_without_effect(source)
    tree = get_ast(source)
    changes: list[Callable[[], str | None]] = []
    for operator in (get_operator(name)() for name in sorted(operator_names()) if not get_operator(name).arguments()):
        positions = [at for node in ast_nodes(tree) for at, _ in operator.mutation_positions(node)]
        for number, at in enumerate(positions):
            if not any(first <= at <= last for first, last in left_out):
                changes.append(lambda operator=operator, number=number: mutate_code(source, operator, number))
    picked = random.Random(seed).sample(changes, min(each, len(changes)))
    return [mutant for mutant in (change() for change in picked) if mutant is not None]


def spans_without_effect(source: str) -> list[Span]:
    """Annotations, and `strict=` of zip."""
    found: list[ast.expr | None] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            found += [node.returns, *(one.annotation for one in every)]
        elif isinstance(node, ast.AnnAssign):
            found.append(node.annotation)
        elif isinstance(node, ast.keyword) and node.arg == "strict":
            found.append(node.value)
    return [((n.lineno, n.col_offset), (n.end_lineno or 0, n.end_col_offset or 0)) for n in found if n is not None]


def passes(tests: list[str], *, name: str = "", source: str = "") -> bool:
    """Whether tests pass in a process of their own, in which a module has another source."""
    if not (child := os.fork()):
        signal.alarm(TIME_OUT_SECONDS)
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, 1)
        os.dup2(nothing, 2)
        try:
            forget_our_modules()
            if name:
                sys.meta_path.insert(0, Changed(name, source))
            code = pytest.main(["-q", "-x", *OPTIONS, *tests])
        except BaseException:
            code = 1
        os._exit(int(code))
    return os.waitpid(child, 0)[1] == 0


def forget_our_modules() -> None:
    """All that may have imported the changed module is imported again; compiled kernels and the words stay."""
    for known in list(sys.modules):
        ours = known.startswith(("linkage_core", "linkage_server", "linkage_client", "tests."))
        if ours and ".kernels" not in known and known != "linkage_core":
            del sys.modules[known]


class Changed(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives one module another source."""

    def __init__(self, name: str, source: str) -> None:
        self.name, self.source = name, source

    def find_spec(self, name: str, path: object, target: object = None) -> ModuleSpec | None:
        """This module, and no other."""
        return importlib.util.spec_from_loader(name, self) if name == self.name else None

    def exec_module(self, module: ModuleType) -> None:
        """Run the changed source."""
        exec(compile(self.source, self.name, "exec"), module.__dict__)


def say(text: str) -> None:
    """A line, at once: a run takes an hour."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

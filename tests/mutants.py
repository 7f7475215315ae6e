"""Changes one thing at a time in disclosure control and looks whether a test notices: cosmic-ray, on a sample.

    pip install 'register-linkage[mutation]'
    nice -n 19 python -m tests.mutants [--each 20 | --sample 300] [--seed 1] [--at-once 1] [MODULE ...]

First all tests that `mutants.toml` names run once, and what lines each of them reaches is written down. A mutant then
meets only the tests that reach its line, the quickest first, up to the first that fails. It lives in a forked process
whose function got other code, so that neither files nor other runs see it. Left out is what no run can differ by:
signatures, annotations, `strict=`, what a dataclass may not, assertions. Of a `+` no bit operator is made, and the
like: such a mutant dies of any test. Prints how many of each module and package were killed, with a confidence interval
of the share, and the survivors as diffs. A survivor that is as good as the original is entered under `alike` in
`mutants_alike.toml`, with the reason, and is no longer tried. Before its mutants a module itself meets the tests in the
same two ways: it must live, or their deaths would say nothing. With `--outcomes FILE` a run that was ended goes on, and
one after new tests tries survivors alone.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import difflib
import functools
import gc
import importlib
import importlib.abc
import importlib.util
import inspect
import os
import pickle
import random
import signal
import sys
import time
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, FrameType, FunctionType, ModuleType
from typing import Any

import pytest
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names

from tests.support.mutant_outcomes import Outcomes, Share

ROOT = Path(__file__).resolve().parent.parent
PATHS = (".", "core", "server", "client")
PACKAGES = ("core", "server")
OPTIONS = ("-q", "-s", "-p", "no:cacheprovider", "-p", "no:faulthandler", "-p", "no:xdist", "-p", "no:benchmark")
TIMES_AS_LONG, SECONDS_MORE = 3.0, 30.0
"""A mutant whose tests take so much longer, by the processor's time, is killed: it no longer ends.

The seconds are for what tests keep for one another: the first of them takes the time of all."""

SECONDS_OF_CONTROL = 1.0
"""So long are the tests together that a module meets without a change."""

OTHER_OPERATORS = {
    "Add": ("Sub", "Mul"),
    "Sub": ("Add", "Mul"),
    "Mul": ("Add", "Div", "FloorDiv"),
    "Div": ("Mul", "FloorDiv"),
    "FloorDiv": ("Mul", "Div", "Mod"),
    "Mod": ("FloorDiv", "Add"),
    "Pow": ("Mul", "Div"),
    "BitAnd": ("BitOr", "BitXor"),
    "BitOr": ("BitAnd", "BitXor"),
    "BitXor": ("BitOr", "BitAnd"),
    "LShift": ("RShift",),
    "RShift": ("LShift",),
    "Lt": ("LtE", "Gt", "NotEq"),
    "LtE": ("Lt", "GtE", "Eq"),
    "Gt": ("GtE", "Lt", "NotEq"),
    "GtE": ("Gt", "LtE", "Eq"),
    "Eq": ("NotEq", "LtE", "GtE"),
    "NotEq": ("Eq", "Lt", "Gt"),
    "Is": ("IsNot",),
    "IsNot": ("Is",),
    "In": ("NotIn",),
    "NotIn": ("In",),
}
"""What may stand where an operator stands, by the last two parts of a cosmic-ray operator's name."""

Position = tuple[int, int]
"""Line and column."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A module with one change: the name, its source, that with the change, and where that is."""

    module: str
    source: str
    changed: str
    at: Position

    def lines(self) -> tuple[str, str]:
        """The changed lines before and after, without their indentation."""
        told = list(difflib.ndiff(self.source.splitlines(), self.changed.splitlines()))
        return tuple("\n".join(line[2:].strip() for line in told if line[:2] == sign) for sign in ("- ", "+ "))  # type: ignore[return-value]


@dataclass(frozen=True, slots=True)
class Reach:
    """What tests reach: the tests of a module's line, the seconds of a test, and the sources that this is true of."""

    tests: dict[tuple[str, int], list[str]]
    seconds: dict[str, float]
    sources: dict[str, str]

    def add(self, other: Reach) -> None:
        """Take in other tests."""
        self.seconds.update(other.seconds)
        for line, tests in other.tests.items():
            self.tests.setdefault(line, []).extend(tests)

    def of(self, mutant: Mutant, *, every: bool, seconds: float) -> list[str]:
        """Tests that a mutant meets, the quickest first, together about so long as they take of the original."""
        lines = [line for module, line in self.tests if module == mutant.module] if every else [mutant.at[0]]
        found = {test for line in lines for test in self.tests.get((mutant.module, line), ())}
        if every:  # what stands outside of functions is reached without a line of them, by tests beside those
            files = {test.partition("::")[0] for test in found}
            found = {test for test in self.seconds if test.partition("::")[0] in files}
        taken, left = [], seconds  # the quickest, up to the one with which time is up
        for test in sorted(found, key=lambda test: self.seconds[test]):
            taken.append(test)
            left -= self.seconds[test]
            if left < 0:
                break
        # Those of one file one after another, or what they share is made anew for each.
        first = {test.partition("::")[0]: place for place, test in reversed(list(enumerate(taken)))}
        return sorted(taken, key=lambda test: first[test.partition("::")[0]])


def main() -> int:
    """Change, test, report; exit code 0 whatever survives, for a survivor is read by a person."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", help="names of modules or packages; all if none is named")
    parser.add_argument("--each", type=int, default=20, help="mutants of a module; 0: one of every place")
    parser.add_argument("--sample", type=int, help="mutants of a package instead, drawn from all its modules")
    parser.add_argument("--seconds", type=float, default=5.0, help="how long the tests of a mutant take together")
    parser.add_argument("--seed", type=int, default=1, help="which ones")
    parser.add_argument("--at-once", type=int, default=1, help="processes")
    parser.add_argument("--reach", type=Path, help="file that keeps which test reaches what line, for the next run")
    parser.add_argument("--outcomes", type=Path, help="file that keeps which mutants died, for the next run")
    wanted = parser.parse_args()
    os.chdir(ROOT)
    sys.path[:0] = [str(ROOT / part) for part in PATHS]
    settings = tomllib.loads((ROOT / "tests" / "mutants.toml").read_text())
    return int(pytest.main([*OPTIONS, *settings["tests"]], plugins=[Trial(wanted, settings["packages"])]))


class Trial:
    """A plugin of pytest: once all tests are collected, mutants meet them instead of their running."""

    def __init__(self, wanted: argparse.Namespace, packages: list[str]) -> None:
        self.wanted = wanted
        self.packages = packages
        self.every = modules_of(packages)
        names = set(wanted.modules)
        self.modules = [one for one in self.every if not names or not names.isdisjoint(one.rsplit(".", 2)[-2:])]

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Instead of pytest's own."""
        items = {item.nodeid: item for item in session.items}
        gc.collect()
        gc.freeze()  # or each child would copy all of memory at its first collection
        trier = Trier(items, self.reach(items), self.wanted.seconds, self.wanted.at_once)
        outcomes = Outcomes(self.wanted.outcomes)
        for package in self.packages:
            modules = [one for one in self.modules if one.startswith(f"{package}.")]
            mutants = self.drawn(package, modules)
            killed = [self.killed(module, mutants[module], trier, outcomes) for module in modules if mutants[module]]
            share = Share(sum(killed), sum(map(len, mutants.values())))
            even = self.wanted.sample is not None or self.wanted.each == 0  # else small modules weigh as much as large
            say(f"{package}: {share if even else share.counted()}")
        return True

    def drawn(self, package: str, modules: list[str]) -> dict[str, list[Mutant]]:
        """Mutants of a package, by module."""
        alike = alikes()
        if self.wanted.sample is None:
            each, seed = self.wanted.each, self.wanted.seed
            return {module: drawn(places(module), each, f"{seed} {module}", alike) for module in modules}
        every = [place for module in modules for place in places(module)]
        found: dict[str, list[Mutant]] = {module: [] for module in modules}
        for mutant in drawn(every, self.wanted.sample, f"{self.wanted.seed} {package}", alike):
            found[mutant.module].append(mutant)
        return found

    def killed(self, module: str, mutants: list[Mutant], trier: Trier, outcomes: Outcomes) -> int:
        """How many of a module's mutants die; survivors are printed."""
        left = [mutant for mutant in mutants if not outcomes.died(module, mutant.changed)]
        if left:
            trier.try_unchanged(module)
        killed = len(mutants) - len(left)
        for mutant, survives, tests in trier.tried(left):
            if survives:
                say(f"survives {tests} tests: {module}")
                source, changed = mutant.source.splitlines(True), mutant.changed.splitlines(True)
                say("".join(list(difflib.unified_diff(source, changed, n=1))[2:]))
            else:
                killed += 1
                outcomes.keep(module, mutant.changed)
        say(f"{module}: {Share(killed, len(mutants))}")
        return killed

    def reach(self, items: dict[str, pytest.Item]) -> Reach:
        """What tests reach: as an earlier run of the same sources wrote it down, for new tests as it is now."""
        kept = self.wanted.reach
        found = pickle.loads(kept.read_bytes()) if kept is not None and kept.exists() else None
        if found is None or found.sources != {module: text_of(module) for module in self.every}:
            found = reached(items, self.every)
        elif new := {name: item for name, item in items.items() if name not in found.seconds}:
            found.add(reached(new, self.every))
        if kept is not None:
            kept.write_bytes(pickle.dumps(found))
        return found


def alikes() -> set[tuple[str, str, str]]:
    """Changes that change nothing: module, the line before, and after; "" after it for whatever the line becomes."""
    found = tomllib.loads((ROOT / "tests" / "mutants_alike.toml").read_text())["alike"]
    return {(one["module"], one["was"], one.get("becomes", "")) for one in found}


def modules_of(packages: list[str]) -> list[str]:
    """Names of all modules of packages."""
    return [
        f"{package}.{path.stem}"
        for package in packages
        for path in sorted(source_file(package).parent.glob("*.py"))
        if path.stem != "__init__"
    ]


def source_file(name: str) -> Path:
    """The file of a module or package."""
    paths = [ROOT / part / name.replace(".", "/") for part in PACKAGES]
    every = [one for path in paths for one in (path.with_suffix(".py"), path / "__init__.py")]
    return next(path for path in every if path.exists())


def text_of(module: str) -> str:
    """The source of a module."""
    return source_file(module).read_text()


def reached(items: dict[str, pytest.Item], modules: list[str]) -> Reach:
    """Run tests once without a change, and write down the lines that each reaches."""
    say("which test reaches what line ...")
    read, write = os.pipe()
    if not os.fork():
        os.close(read)
        silence()
        watch = Watch({str(source_file(module)): module for module in modules})
        run(list(items.values()), watch)
        with os.fdopen(write, "wb") as out:
            pickle.dump((watch.failed, dict(watch.tests), watch.seconds), out)
        os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as got:
        failed, lines, seconds = pickle.load(got)
    os.wait()
    if failed:
        raise SystemExit(f"tests fail without any change: {failed}")
    say(f"{len(seconds)} tests, {sum(seconds.values()):.0f} s")
    return Reach(lines, seconds, {module: text_of(module) for module in modules})


def run(items: list[pytest.Item], plugin: object) -> None:
    """Run collected tests, watched by a plugin."""
    if items:
        items[0].config.pluginmanager.register(plugin)
    for item, following in zip(items, [*items[1:], None], strict=True):
        item.ihook.pytest_runtest_protocol(item=item, nextitem=following)


class Watch:
    """A plugin of pytest: which lines of our modules each test reaches, and how long it takes."""

    def __init__(self, modules: dict[str, str]) -> None:
        self.modules = modules
        self.tests: dict[tuple[str, int], list[str]] = defaultdict(list)
        self.seconds: dict[str, float] = {}
        self.failed: list[str] = []
        self.seen: set[tuple[str, int]] = set()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
        """Around a test and its fixtures."""
        self.seen = set()
        began = time.process_time()
        sys.settrace(self.enter)
        try:
            return (yield)
        finally:
            sys.settrace(None)
            self.seconds[item.nodeid] = time.process_time() - began
            for at in self.seen:
                self.tests[at].append(item.nodeid)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what failed."""
        if report.failed:
            self.failed.append(report.nodeid)

    def enter(self, frame: FrameType, event: str, argument: object) -> Any:  # a tracer, or none
        """Follow calls of our modules, and no others."""
        module = self.modules.get(frame.f_code.co_filename)
        if module is None:
            return None
        seen = self.seen

        def line(frame: FrameType, event: str, argument: object) -> Any:  # itself
            seen.add((module, frame.f_lineno))
            return line

        seen.add((module, frame.f_lineno))
        return line


class Verdict:
    """A plugin of pytest: the process ends with the first test that fails."""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """After each part of a test."""
        if report.failed:
            os._exit(1)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a module may change, and the changes that make sense: operators of cosmic-ray, with which of its places."""

    module: str
    source: str
    at: Position
    changes: list[tuple[Any, int]]


def places(module: str) -> list[Place]:
    """All places of a module, in their order."""
    source = text_of(module)
    left_out = spans_without_effect(source)
    tree = get_ast(source)
    changes: dict[Position, list[tuple[Any, int]]] = defaultdict(list)
    for name in sorted(operator_names()):
        if get_operator(name).arguments() or not makes_sense(name):
            continue
        operator = get_operator(name)()
        positions = [at for node in ast_nodes(tree) for at, _ in operator.mutation_positions(node)]
        for number, at in enumerate(positions):
            if not any(first <= at < last for first, last in left_out):
                changes[at].append((operator, number))
    return [Place(module, source, at, changes[at]) for at in sorted(changes)]


def drawn(every: list[Place], most: int, seed: str, alike: set[tuple[str, str, str]]) -> list[Mutant]:
    """At most so many places at random (0: all), each with one of its changes; what is alike is left out."""
    chance = random.Random(seed)
    shuffled = every.copy()
    chance.shuffle(shuffled)
    taken: list[Mutant] = []
    for place in shuffled:
        operator, number = chance.choice(place.changes)
        changed = mutate_code(place.source, operator, number)
        if changed is None or not parses(changed):
            continue
        mutant = Mutant(place.module, place.source, changed, place.at)
        name, (was, becomes) = place.module.rsplit(".", 1)[-1], mutant.lines()
        if (name, was, becomes) in alike or (name, was, "") in alike:
            continue
        taken.append(mutant)
        if len(taken) == most:
            break
    return taken


def parses(source: str) -> bool:
    """Whether it is Python: a `/` between parameters is no division."""
    with contextlib.suppress(SyntaxError):
        ast.parse(source)
        return True
    return False


def makes_sense(name: str) -> bool:
    """Whether an operator's other may stand in its place."""
    parts = name.split("/")[-1].split("_")
    if parts[0] in ("ReplaceBinaryOperator", "ReplaceComparisonOperator"):
        return parts[2] in OTHER_OPERATORS.get(parts[1], ())
    return parts[0] != "RemoveDecorator"


def spans_without_effect(source: str) -> list[tuple[Position, Position]]:
    """First and last position of signatures, annotations, `strict=` of zip, decorators, assertions."""
    found: list[ast.expr | ast.stmt | None] = []
    signatures: list[tuple[Position, Position]] = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            signatures.append(((node.lineno, node.col_offset), (node.body[0].lineno, node.body[0].col_offset)))
            found += node.decorator_list
        elif isinstance(node, ast.ClassDef):
            found += node.decorator_list
        elif isinstance(node, ast.AnnAssign):
            found.append(node.annotation)
        elif isinstance(node, ast.Assert):
            found.append(node)
        elif isinstance(node, ast.keyword) and node.arg == "strict":
            found.append(node.value)
    spans = [((n.lineno, n.col_offset), (n.end_lineno or 0, n.end_col_offset or 0)) for n in found if n is not None]
    return [*signatures, *spans]


class Trier:
    """Lets mutants meet tests, each in a process of its own."""

    def __init__(self, items: dict[str, pytest.Item], reach: Reach, seconds: float, at_once: int) -> None:
        self.items, self.reach, self.seconds, self.at_once = items, reach, seconds, at_once
        self.running: dict[int, tuple[Mutant, int]] = {}

    def tried(self, mutants: Iterable[Mutant]) -> Iterator[tuple[Mutant, bool, int]]:
        """Each mutant, whether it survives, and how many tests it met."""
        for mutant in mutants:
            function = function_around(mutant)
            if not (tests := self.tests(mutant, every=function is None, seconds=self.seconds)):
                yield mutant, True, 0
                continue
            if len(self.running) == self.at_once:
                yield self.ended()
            self.running[start(mutant, function, *tests)] = mutant, len(tests[0])
        while self.running:
            yield self.ended()

    def tests(self, mutant: Mutant, *, every: bool, seconds: float) -> tuple[list[pytest.Item], float] | None:
        """What a mutant meets, and after how many seconds it no longer ends; None if nothing reaches it."""
        names = self.reach.of(mutant, every=every, seconds=seconds)
        limit = SECONDS_MORE + TIMES_AS_LONG * sum(self.reach.seconds[name] for name in names)
        found = [self.items[name] for name in names if name in self.items]
        return (found, limit) if found else None

    def ended(self) -> tuple[Mutant, bool, int]:
        """The first of the processes that ends."""
        child, status = os.wait()
        mutant, tests = self.running.pop(child)
        return mutant, status == 0, tests

    def try_unchanged(self, module: str) -> None:
        """Refuse a module that dies of its tests without any change, in its functions or imported anew."""
        source = text_of(module)
        itself = Mutant(module, source, source, (0, 0))
        if (tests := self.tests(itself, every=True, seconds=SECONDS_OF_CONTROL)) is None:
            return
        first = next((name for name, _ in functions(ast.parse(source).body, "")), None)
        for function in {first, None}:
            self.running[start(itself, function, *tests)] = itself, len(tests[0])
            if not self.ended()[1]:
                raise SystemExit(f"{module} dies of its tests without any change, {function or 'imported anew'}")


def start(mutant: Mutant, function: str | None, tests: list[pytest.Item], limit: float) -> int:
    """A process in which a mutant meets its tests."""
    if child := os.fork():
        return child
    signal.setitimer(signal.ITIMER_PROF, limit)
    silence()
    code = 1
    with contextlib.suppress(BaseException):
        if function is not None and gave_other_code(mutant, function):
            run(tests, Verdict())
            code = 0
        else:
            forget_our_modules()
            sys.meta_path.insert(0, Changed(mutant.module, mutant.changed))
            code = int(pytest.main([*OPTIONS, *(test.nodeid for test in tests)], plugins=[Verdict()]))
    os._exit(code)


def silence() -> None:
    """Write to nowhere."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)


def function_around(mutant: Mutant) -> str | None:
    """Qualified name of the outermost function in whose body the change is; None if it is outside of all."""
    for name, node in functions(ast.parse(mutant.source).body, ""):
        if (
            (node.body[0].lineno, node.body[0].col_offset)
            <= mutant.at
            <= (node.end_lineno or 0, node.end_col_offset or 0)
        ):
            return name
    return None


def functions(body: list[ast.stmt], prefix: str) -> Iterator[tuple[str, ast.FunctionDef]]:
    """All functions and methods, not those within others."""
    for node in body:
        if isinstance(node, ast.FunctionDef):
            yield prefix + node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from functions(node.body, f"{prefix}{node.name}.")


def gave_other_code(mutant: Mutant, name: str) -> bool:
    """Put the changed code into the function that everybody already holds; False if it is another kind of thing."""
    found: Any = importlib.import_module(mutant.module)  # a module, then what lies in it
    for part in name.split("."):
        found = inspect.getattr_static(found, part)
    if isinstance(found, classmethod | staticmethod):
        found = found.__func__
    if isinstance(found, property):
        found = found.fget
    if isinstance(found, functools.cached_property):
        found = found.func
    found = inspect.unwrap(found)
    if not isinstance(found, FunctionType):
        return False
    path = str(source_file(mutant.module))
    # Future features as of the source: this module has the same one.
    for code in codes(compile(mutant.changed, path, "exec")):
        if code.co_qualname == name and len(code.co_freevars) == len(found.__code__.co_freevars):
            found.__code__ = code
            return True
    return False


def codes(code: CodeType) -> Iterator[CodeType]:
    """A code and all within it."""
    yield code
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield from codes(one)


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
    """A line, at once: a run takes hours."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

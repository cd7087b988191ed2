"""Change one operator at random, many times, and see whether the tests notice.

A first run of the tests notes which of them reach each line; then every mutant is tried by
those alone, each in a process of its own. What survives is listed, to be judged by hand: a
change that changes nothing, or a test that is missing. Run it with nothing else to do:

    nice python scripts/mutants.py --sample 150 --seed 1
"""

from __future__ import annotations

import argparse
import ast
import copy
import gc
import os
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import pytest

TOP = Path(__file__).resolve().parents[1]
ROOMS = ("model", "engines", "endpoints", "analysis", "simulation")
TESTS = tuple(
    f"tests/{kind}"
    for kind in ("unit", "reference", "property", "combinations", "agreement", "statistical")
) + tuple(f"src/lupusim/{room}" for room in ROOMS)
MOST_TESTS = 120
FEWEST_TESTS = 20
SECONDS = 120
NOT_TRIED = 77
_SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}


@dataclass(frozen=True)
class Place:
    """An operator in a file: the how many-th of those that can be changed, and where."""

    path: Path
    number: int
    line: int
    change: str


def main() -> None:
    """Draw the sample, try it, and say what survived."""
    parser = argparse.ArgumentParser(description="Change one operator, many times.")
    parser.add_argument("--sample", type=int, default=150)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--coverage", type=Path, default=TOP / "build" / "mutants.coverage")
    asked = parser.parse_args()
    chosen = ["-q", "-n", "0", "-m", "not slow", "-s", "-p", "no:cov"]
    chosen += [str(TOP / one) for one in TESTS]
    if not asked.coverage.exists():
        note_reach(asked.coverage)
        sys.exit(f"{asked.coverage} is written: run this again")
    pytest.main(chosen, plugins=[Trial(asked.sample, asked.seed, asked.coverage)])


def note_reach(file: Path) -> None:
    """Run the tests and write which of them reach each line."""
    file.parent.mkdir(parents=True, exist_ok=True)
    os.environ["COVERAGE_FILE"] = str(file)
    rooms = [f"--cov=lupusim.{room}" for room in ROOMS]
    rest = ["-q", "-n", "0", "-m", "not slow", "--cov-context=test", "--cov-report="]
    pytest.main([*rest, *rooms, *(str(TOP / one) for one in TESTS)])


def reached_lines(file: Path) -> dict[Path, dict[int, list[str]]]:
    """Return, for every file and line, the tests that reach it; from a run made before."""
    from coverage import CoverageData

    found = CoverageData(basename=str(file))
    found.read()
    return {
        Path(path): {
            line: sorted({one.partition("|")[0] for one in tests if one})
            for line, tests in found.contexts_by_lineno(path).items()
            if any(tests)
        }
        for path in found.measured_files()
    }


def places_in(path: Path) -> list[Place]:
    """Return the operators of a file that can be changed."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [
        Place(path, number, node.lineno, change)
        for number, (node, _, change) in enumerate(_changes(tree))
    ]


def _changes(tree: ast.AST) -> Iterator[tuple[Any, ast.AST, str]]:
    """Yield each node that can be changed, what it becomes, and in words."""
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp | ast.BoolOp | ast.AugAssign) and type(node.op) in _SWAPS:
            other: Any = copy.copy(node)
            other.op = _SWAPS[type(node.op)]()
            yield node, other, _in_words(node, other)
        elif isinstance(node, ast.Compare) and type(node.ops[0]) in _SWAPS:
            other = copy.copy(node)
            other.ops = [_SWAPS[type(node.ops[0])](), *node.ops[1:]]
            yield node, other, _in_words(node, other)


def _in_words(node: ast.AST, other: ast.AST) -> str:
    return f"`{ast.unparse(node)[:70]}` -> `{ast.unparse(other)[:70]}`"


def mutated(place: Place) -> ast.Module:
    """Return the syntax tree of a file with one operator changed, its lines as they were."""
    tree = ast.parse(place.path.read_text(encoding="utf-8"))
    node, other, _ = list(_changes(tree))[place.number]
    node.__dict__.update(other.__dict__)
    return tree


class Trial:
    """A plug-in that collects the tests once, and tries every mutant on those that reach it.

    A mutant lives in a process of its own, forked when all is loaded: there the changed function
    gets its new code, whoever has imported it.
    """

    def __init__(self, sample: int, seed: int, file: Path) -> None:
        self.sample, self.seed, self.file = sample, seed, file
        self.failed = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note that a test fails."""
        self.failed = self.failed or report.failed

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Try the mutants in place of the tests."""
        gc.unfreeze()  # the tests' own configuration hides what is loaded from `gc`
        items = {item.nodeid: item for item in session.items}
        reached = reached_lines(self.file)
        every = [one for path in reached for one in places_in(path) if one.line in reached[path]]
        inside = [one for one in every if function_of(one) is not None]
        drawn = random.Random(self.seed).sample(inside, min(self.sample, len(inside)))
        n_killed = n_tried = 0
        for number, place in enumerate(drawn, 1):
            names = [name for name in reached[place.path][place.line] if name in items]
            # A function whose answers are kept is reached by the first that asks: others notice.
            near = {
                name for tests in reached[place.path].values() for name in tests if name in items
            }
            few = chosen_tests(place, names, random.Random(number))
            few = [*few, *sorted(near.difference(few))][: max(len(few), FEWEST_TESTS)]
            killed = self.is_killed(place, [items[name] for name in few])
            n_killed += killed is True
            n_tried += killed is not None
            said = f"{place.path.relative_to(TOP)}:{place.line} {place.change}"
            result = {True: "killed", False: "SURVIVED", None: "not tried"}[killed]
            print(f"{number}/{len(drawn)} {result} {said} ({len(few)} tests)", flush=True)
        print(f"{n_killed} of {n_tried} killed; {len(inside)} places")
        return True

    def is_killed(self, place: Place, items: list[pytest.Item]) -> bool | None:
        """Return whether one of the tests fails, or they don't end in time; None if not tried."""
        child = os.fork()
        if child == 0:
            try:
                os._exit(self.try_it(place, items))
            except LookupError as error:
                print(error, flush=True)
                os._exit(NOT_TRIED)
        began = time.monotonic()
        while time.monotonic() - began < SECONDS:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                code = os.waitstatus_to_exitcode(status)
                return None if code == NOT_TRIED else code != 0
            time.sleep(0.02)
        os.kill(child, 9)
        os.waitpid(child, 0)
        return True

    def try_it(self, place: Place, items: list[pytest.Item]) -> int:
        """Change the function and run tests until one fails; return whether one has."""
        function = function_of(place)
        assert function is not None
        function.__code__ = code_of(mutated(place), place, function.__code__)
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        for item, following in zip(items, [*items[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if self.failed:
                return 1
        return 0


def chosen_tests(place: Place, names: list[str], rng: random.Random) -> list[str]:
    """Return the tests to try: those named after the file first, then others at random."""
    own = [name for name in names if place.path.stem in name.partition("::")[0]]
    rest = [name for name in names if name not in set(own)]
    return [*rng.sample(own, len(own)), *rng.sample(rest, len(rest))][:MOST_TESTS]


def function_of(place: Place) -> FunctionType | None:
    """Return the loaded function that holds an operator; None where it stands outside of one."""
    found = None
    for function in _functions(str(place.path)):
        lines = [line for _, _, line in function.__code__.co_lines() if line is not None]
        inside = function.__code__.co_firstlineno <= place.line <= max(lines, default=0)
        if inside and (
            found is None or found.__code__.co_firstlineno < function.__code__.co_firstlineno
        ):
            found = function
    return found


@cache
def _functions(path: str) -> list[FunctionType]:
    every = [one for one in gc.get_objects() if isinstance(one, FunctionType)]
    return [one for one in every if one.__code__.co_filename == path]


def code_of(source: ast.Module, place: Place, known: CodeType) -> CodeType:
    """Return the code of the function of the same name and line in a changed source."""
    waiting = [compile(source, str(place.path), "exec")]
    while waiting:
        code = waiting.pop()
        same = code.co_qualname == known.co_qualname and code.co_freevars == known.co_freevars
        if same and code.co_firstlineno == known.co_firstlineno:
            return code
        waiting += [one for one in code.co_consts if isinstance(one, CodeType)]
    raise LookupError(f"{known.co_qualname} is not in the changed source")


if __name__ == "__main__":
    main()

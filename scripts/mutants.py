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
import os
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.machinery import SourceFileLoader
from pathlib import Path
from typing import Any

import pytest

TOP = Path(__file__).resolve().parents[1]
ROOMS = ("model", "engines", "endpoints", "analysis", "simulation")
TESTS = (*(f"tests/unit/{room}" for room in ROOMS), "tests/reference/analysis")
MOST_TESTS = 60
SECONDS = 60
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
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sample", type=int, default=150)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--coverage", type=Path, default=TOP / "build" / "mutants.coverage")
    asked = parser.parse_args()
    reached = reached_lines(asked.coverage)
    places = [place for path in reached for place in places_in(path) if place.line in reached[path]]
    drawn = random.Random(asked.seed).sample(places, min(asked.sample, len(places)))
    survivors = []
    for number, place in enumerate(drawn, 1):
        tests = reached[place.path][place.line]
        killed = is_killed(place, tests, random.Random(number))
        survivors += [] if killed else [place]
        said = f"{place.path.relative_to(TOP)}:{place.line} {place.change}"
        print(f"{number}/{len(drawn)} {'killed' if killed else 'SURVIVED'} {said}", flush=True)
    n_killed = len(drawn) - len(survivors)
    print(f"{n_killed} of {len(drawn)} killed ({n_killed / len(drawn):.0%}); {len(places)} places")


def reached_lines(file: Path) -> dict[Path, dict[int, list[str]]]:
    """Return, for every file and line, the tests that reach it; from a run made once."""
    from coverage import CoverageData

    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        os.environ["COVERAGE_FILE"] = str(file)
        rooms = [f"--cov=lupusim.{room}" for room in ROOMS]
        rest = ["-q", "-n", "0", "-m", "not slow", "--cov-context=test", "--cov-report="]
        pytest.main([*rest, *rooms, *(str(TOP / one) for one in TESTS)])
        sys.exit(f"{file} is written: run this again")
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


def mutated(place: Place) -> str:
    """Return the source of a file with one operator changed."""
    tree = ast.parse(place.path.read_text(encoding="utf-8"))
    node, other, _ = list(_changes(tree))[place.number]
    node.__dict__.update(other.__dict__)
    return ast.unparse(tree)


def is_killed(place: Place, tests: list[str], rng: random.Random) -> bool:
    """Return whether one of the tests fails, or nothing ends in time."""
    few = tests if len(tests) <= MOST_TESTS else rng.sample(tests, MOST_TESTS)
    child = os.fork()
    if child == 0:
        os._exit(_try(place, few))
    began = time.monotonic()
    while time.monotonic() - began < SECONDS:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status) != 0
        time.sleep(0.05)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return True


def _try(place: Place, tests: list[str]) -> int:
    """Run tests in this process, with the changed source in place of the file's."""
    code = compile(mutated(place), str(place.path), "exec")
    plain = SourceFileLoader.get_code

    def get_code(loader: SourceFileLoader, name: str) -> Any:
        return code if loader.get_filename(name) == str(place.path) else plain(loader, name)

    SourceFileLoader.get_code = get_code  # type: ignore[method-assign]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.chdir(TOP)
    return int(pytest.main(["-q", "-x", "-n", "0", "-p", "no:cov", *tests]))


if __name__ == "__main__":
    import numpy  # noqa: F401
    import pandas  # noqa: F401
    import scipy.stats  # noqa: F401

    main()

"""Change one place of the code at random, many times, and see whether the quick tests notice.

A first run of the tests notes which of them reach each line; then every mutant is tried by
those alone, own tests first, each in a process of its own. What survives is listed, to be judged
by reading: a change that changes nothing (`scripts/mutants_page.py` keeps the reasons), or a test
that is missing. `--again` tries the survivors of an earlier answer once more.

    python scripts/mutants.py --seed 1 --n 200 > build/mutants1.txt
    python scripts/mutants.py --again build/mutants1.txt
"""

from __future__ import annotations

import argparse
import ast
import copy
import gc
import importlib
import json
import mmap
import os
import pkgutil
import random
import re
import resource
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import pytest

TOP = Path(__file__).resolve().parents[1]
ROOMS = ("model", "engines", "endpoints", "analysis", "simulation")
TESTS = tuple(
    f"tests/{kind}"
    for kind in (
        "unit",
        "reference",
        "property",
        "combinations",
        "agreement",
        "statistical",
        "plugins",
        "interface/cli",
        "interface/scenario",
    )
) + tuple(f"src/lupusim/{room}" for room in ROOMS)
REACH = TOP / "build" / "mutants.coverage"
MOST_SECONDS = 60.0  # of tests for one mutant, by what each took when it was traced
FEWEST_TESTS = 30
PATIENCE = 20  # seconds of processor time for one test, beside five times what it took
MOST_WAITING = 600  # seconds
NOT_TRIED = 77
_QUICK = "not slow and not browser"
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
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}


@dataclass(frozen=True)
class Place:
    """A place in a file: the how many-th of those that can be changed, and where."""

    path: Path
    number: int
    line: int
    change: str

    @property
    def at(self) -> str:
        """File and line."""
        return f"{self.path.relative_to(TOP)}:{self.line}"


def main() -> None:
    """Draw the sample, try it, and say what survived."""
    parser = argparse.ArgumentParser(description="Change one place, many times.")
    parser.add_argument("--n", type=int, default=150)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--again", type=Path, help="an earlier answer, whose survivors are tried")
    parser.add_argument("--reach", type=Path, default=REACH)
    parser.add_argument("--tests", nargs="+", default=TESTS, help="other tests than the default")
    asked = parser.parse_args()
    if not asked.reach.exists():
        note_reach(asked.reach, asked.tests)
        sys.exit(f"{asked.reach} is written: run this again")
    lines = asked.again.read_text(encoding="utf-8").splitlines() if asked.again else None
    chosen = ["-q", "-n", "0", "-m", _QUICK, "-s", "-p", "no:cov"]
    chosen += [str(TOP / one) for one in asked.tests]
    pytest.main(chosen, plugins=[Trial(asked.n, asked.seed, Reach.of(asked.reach), lines)])


def note_reach(file: Path, tests: Sequence[str]) -> None:
    """Run the tests, write which of them reach each line, and how long each takes."""
    file.parent.mkdir(parents=True, exist_ok=True)
    os.environ["COVERAGE_FILE"] = str(file)
    settings = file.with_suffix(".ini")
    rooms = "\n".join(f"    lupusim.{room}" for room in ROOMS)
    settings.write_text(f"[run]\nbranch = false\nsource =\n{rooms}\n", encoding="utf-8")
    traced = ["--cov", f"--cov-config={settings}", "--cov-context=test", "--cov-report="]
    noted = Seconds()
    where = [str(TOP / one) for one in tests]
    pytest.main(["-q", "-n", "2", "-m", _QUICK, *traced, *where], plugins=[noted])
    passed = {name: spent for name, spent in noted.spent.items() if name not in noted.failed}
    file.with_suffix(".json").write_text(json.dumps(passed), encoding="utf-8")


class Seconds:
    """A plug-in that notes how long each test takes, and which fail unchanged."""

    def __init__(self) -> None:
        self.spent: dict[str, float] = defaultdict(float)
        self.failed: set[str] = set()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note one phase of a test."""
        self.spent[report.nodeid] += report.duration
        if not report.passed:
            self.failed.add(report.nodeid)


@dataclass(frozen=True)
class Reach:
    """Which tests reach each line of each file, and how many seconds each takes."""

    lines: dict[Path, dict[int, list[str]]]
    seconds: dict[str, float]

    @classmethod
    def of(cls, file: Path) -> Reach:
        """Read what a run has noted; a test that failed unchanged is not there."""
        from coverage import CoverageData

        found = CoverageData(basename=str(file))
        found.read()
        seconds = json.loads(file.with_suffix(".json").read_text(encoding="utf-8"))
        lines = {
            Path(path): {
                line: sorted({one.partition("|")[0] for one in tests}.intersection(seconds))
                for line, tests in found.contexts_by_lineno(path).items()
            }
            for path in found.measured_files()
        }
        return cls(lines, seconds)

    def tests_of(self, place: Place, known: dict[str, pytest.Item]) -> list[pytest.Item]:
        """Return the tests to try: the unit tests of the package, then one case of each other."""
        names = [name for name in self.lines[place.path].get(place.line, ()) if name in known]
        # A function whose answers are kept is reached by the first that asks: others notice.
        near = Counter(name for tests in self.lines[place.path].values() for name in tests)
        left = known.keys() - set(names)
        others = [name for name, _ in near.most_common() if name in left]
        names += others[: max(0, FEWEST_TESTS - len(names))]
        chosen = self._within_time(place, names)
        cost: dict[str, float] = defaultdict(float)
        for name in chosen:
            cost[_module(name)] += self.seconds[name]
        chosen.sort(key=lambda name: (_distance(place, name), cost[_module(name)], _module(name)))
        return [known[name] for name in chosen]

    def _within_time(self, place: Place, names: list[str]) -> list[str]:
        cases: dict[str, int] = defaultdict(int)
        keys = {}
        for name in sorted(names, key=lambda name: self.seconds[name]):
            function = name.partition("[")[0]
            far = _distance(place, name)
            keys[name] = (far, cases[function] if far == _MOST_FAR else 0, self.seconds[name])
            cases[function] += 1
        spent = 0.0
        chosen: list[str] = []
        for name in sorted(names, key=lambda name: keys[name]):
            spent += self.seconds[name]
            if not chosen or spent < MOST_SECONDS:
                chosen.append(name)
        return chosen


def _module(name: str) -> str:
    return name.partition("::")[0]


_MOST_FAR = 2


def _distance(place: Place, name: str) -> int:
    """Return 0 for tests named after the file, 1 for unit tests of its package, 2 for others."""
    room = place.path.relative_to(TOP / "src" / "lupusim").parts[0]
    if place.path.stem in _module(name):
        return 0
    return 1 if name.startswith((f"tests/unit/{room}/", f"src/lupusim/{room}/")) else _MOST_FAR


def places_in(path: Path) -> list[Place]:
    """Return the places of a file that can be changed."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [
        Place(path, number, node.lineno, change)
        for number, (node, _, change) in enumerate(_changes(tree))
    ]


def _changes(tree: ast.AST) -> Iterator[tuple[Any, dict[str, Any], str]]:
    """Yield each node that can be changed, the attributes that it gets, and the change in words."""
    for node in _asked_nodes(tree):
        for changed in _new_attributes(node):
            other = copy.copy(node)
            other.__dict__.update(changed)
            yield node, changed, f"`{_shown(node)}` -> `{_shown(other)}`"


def _asked_nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Walk through what is computed: no annotation, and nothing of what an error says."""
    for child in ast.iter_child_nodes(tree):
        hidden = {getattr(tree, name, None) for name in ("annotation", "returns")}
        if child not in hidden and not isinstance(child, ast.Raise):
            yield child
            yield from _asked_nodes(child)


def _new_attributes(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, ast.BinOp | ast.BoolOp | ast.AugAssign) and type(node.op) in _SWAPS:
        yield {"op": _SWAPS[type(node.op)]()}
    elif isinstance(node, ast.Compare) and type(node.ops[0]) in _SWAPS:
        yield {"ops": [_SWAPS[type(node.ops[0])](), *node.ops[1:]]}
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield {"op": ast.UAdd()}
    elif isinstance(node, ast.If | ast.IfExp):
        yield {"test": ast.UnaryOp(ast.Not(), node.test)}


def _shown(node: ast.AST) -> str:
    """Return the code of a node, in one line."""
    shown = ast.unparse(node).splitlines()[0]
    return shown if len(shown) < 90 else f"{shown[:87]}..."


def mutated(place: Place) -> ast.Module:
    """Return the syntax tree of a file with one place changed, its lines as they were."""
    tree = ast.parse(place.path.read_text(encoding="utf-8"))
    node, changed, _ = list(_changes(tree))[place.number]
    node.__dict__.update(changed)
    return ast.fix_missing_locations(tree)


class Trial:
    """A plug-in that collects the tests once, and tries every mutant on those that reach it.

    A mutant lives in a process of its own, forked when all is loaded: there the changed function
    gets its new code, whoever has imported it. A test that fails without a change, too, kills none.
    """

    def __init__(self, n: int, seed: int, reach: Reach, again: list[str] | None) -> None:
        self.n, self.seed, self.reach, self.again = n, seed, reach, again
        self.failed = False
        self.sound: set[str] = set()
        self.begun = mmap.mmap(-1, 4)  # shared with what is forked

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note that a test fails."""
        self.failed = self.failed or report.failed

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Try the mutants in place of the tests."""
        gc.unfreeze()  # the tests' own configuration hides what is loaded from `gc`
        import_all()
        known = {item.nodeid: item for item in session.items if item.nodeid in self.reach.seconds}
        drawn, n_places = self.drawn()
        gc.freeze()
        n_killed = n_tried = 0
        for number, place in enumerate(drawn, 1):
            items = self.reach.tests_of(place, known)
            killer = self.killer_of(place, items)
            n_killed += bool(killer)
            n_tried += killer is not None
            result = "not tried" if killer is None else "killed" if killer else "SURVIVED"
            by = f" by {killer}" if killer else ""
            said = f"{result} {place.at} {place.change} ({len(items)} tests){by}"
            print(f"{number}/{len(drawn)} {said}", flush=True)
        print(f"{n_killed} of {n_tried} killed; {n_places} places")
        return True

    def drawn(self) -> tuple[list[Place], int]:
        """Return the places to try, and how many there are."""
        reached = self.reach.lines
        every = [one for path in sorted(reached) for one in places_in(path)]
        inside = [one for one in every if function_of(one) is not None]
        if self.again is None:
            return random.Random(self.seed).sample(inside, min(self.n, len(inside))), len(inside)
        asked = {(found[1], found[2]) for line in self.again if (found := _SURVIVOR.search(line))}
        exact = [one for one in inside if (one.at, one.change) in asked]
        moved = asked.difference((one.at, one.change) for one in exact)
        files = {(at.partition(":")[0], change) for at, change in moved}
        near = [one for one in inside if (one.at.partition(":")[0], one.change) in files]
        return [*exact, *near], len(inside)

    def killer_of(self, place: Place, items: list[pytest.Item]) -> str | None:
        """Return the test that fails, or whose time ends; "" if none does, None if not tried."""
        while items:
            code = forked(partial(self.try_it, place, items))
            if code in (0, NOT_TRIED):
                return "" if code == 0 else None
            last = items[int.from_bytes(self.begun[:4])]
            if last.nodeid not in self.sound and forked(partial(self.run_tests, [last])) == 0:
                self.sound.add(last.nodeid)
            if last.nodeid in self.sound:
                return last.nodeid
            items = [one for one in items if one is not last]
        return ""

    def try_it(self, place: Place, items: list[pytest.Item]) -> int:
        """Change the function and run tests until one fails; return whether one has."""
        function = function_of(place)
        assert function is not None
        try:
            function.__code__ = code_of(mutated(place), place, function.__code__)
        except LookupError:
            return NOT_TRIED
        return self.run_tests(items)

    def run_tests(self, items: list[pytest.Item]) -> int:
        """Run tests until one fails, writing down which begins; return whether one has."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        for number, item in enumerate(items):
            self.begun[:4] = number.to_bytes(4)
            allowed = time.process_time() + PATIENCE + 5 * self.reach.seconds[item.nodeid]
            resource.setrlimit(resource.RLIMIT_CPU, (int(allowed), resource.RLIM_INFINITY))
            following = items[number + 1] if number + 1 < len(items) else None
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if self.failed:
                return 1
        return 0


def import_all() -> None:
    """Import every module of the packages that are asked."""
    for room in ROOMS:
        package = importlib.import_module(f"lupusim.{room}")
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)


def forked(work: Callable[[], int]) -> int:
    """Return what some work returns in a process of its own, or that it did not end."""
    child = os.fork()
    if child == 0:
        os._exit(work())
    began = time.monotonic()
    while time.monotonic() - began < MOST_WAITING:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, 9)
    os.waitpid(child, 0)
    return -9


_SURVIVOR = re.compile(r"SURVIVED (\S+?:\d+) (`.*`) \(\d+ tests\)")


def function_of(place: Place) -> FunctionType | None:
    """Return the loaded function that holds a place; None where it stands outside of one."""
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

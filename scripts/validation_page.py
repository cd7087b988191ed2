"""Write docs/reference/validation.md: what the tests compare with what, and how close it came.

The tests against other programs, published numbers and closed forms, and those between engines, are
run while every comparison that they make is listened to: `numpy.testing.assert_allclose`,
`pytest.approx` and `assert_within_mcse`. Takes a few minutes.
"""

from __future__ import annotations

import ast
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

TOP = Path(__file__).resolve().parents[1]
PAGE = TOP / "docs/reference/validation.md"
SUITES = ("tests/reference", "tests/agreement")
_HEAD = """# Validation

What was compared with what, and how close it came: written by `scripts/validation_page.py`, which
runs the tests and listens to every comparison they make. Relative differences are those of the
comparison furthest off, or absolute ones where the right number is 0; simulated numbers are given
in Monte Carlo standard errors, of which 4 are allowed. "long" tests belong to the long suite;
"holds" stands for yes or no, such as of a control that must fail.

| also | where |
|---|---|
| type I error of every test, in small, unequal and stratified arms | [levels](levels_of_tests.md) |
| type I error of every trial as planned | beside each power: the null twin |
| formula, assumption, source | [methods](../methods.md), [of the tests](methods_of_tests.md) |
| on your own machine | `lupusim selftest` |
| speed, and where lupusim is slower | [beside other programs](../comparison.md#speed) |

Beside these stand tests that need no other program: of every kind beside every other it may meet
(`tests/combinations`), of any valid input (`tests/property`), and of whole simulated trials against
exact sums, closed forms and second simulations in plain NumPy (`tests/statistical`).

How well tests bite: of places changed at random in `model`, `engines`, `endpoints`, `analysis` and
`simulation`, the quick tests notice most; [mutants](mutants.md) has the shares, and what was judged
of every change that was not noticed.
"""


@dataclass
class Heard:
    """What was heard of one test: differences, and distances in standard errors."""

    differences: list[float] = field(default_factory=list)
    distances: list[float] = field(default_factory=list)


class Listener:
    """A plug-in that notes every comparison of the test that runs."""

    def __init__(self) -> None:
        self.heard: dict[str, Heard] = defaultdict(Heard)
        self.failed: list[str] = []
        self.now = ""

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Note which test begins; all cases of one are one."""
        self.now = item.nodeid.partition("[")[0]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what fails."""
        if report.failed:
            self.failed.append(report.nodeid)

    def difference(self, found: Any, right: Any) -> None:
        """Note by how much numbers differ."""
        try:
            one, other = np.broadcast_arrays(np.asarray(found, float), np.asarray(right, float))
        except (TypeError, ValueError):
            return
        known = np.isfinite(one) & np.isfinite(other)
        if not known.any():
            return
        away = np.abs(one[known] - other[known])
        scale = np.abs(other)[known]
        self.heard[self.now].differences.append(
            float(np.max(away / np.where(scale > 0, scale, 1.0)))
        )

    def distance(self, found: Any, right: Any, mcse: Any) -> None:
        """Note how many standard errors a simulated number is away."""
        away = np.abs(np.asarray(found, float) - np.asarray(right, float))
        with np.errstate(divide="ignore", invalid="ignore"):
            errors = np.where(away == 0, 0.0, away / np.asarray(mcse, float))
        self.heard[self.now].distances.append(float(np.max(errors)))


def listen() -> Listener:
    """Run the suites and return what was heard."""
    sys.path.insert(0, str(TOP / "tests" / "support"))
    import tolerance

    listener = Listener()
    allclose, within = np.testing.assert_allclose, tolerance.assert_within_mcse
    scalar: Any = type(pytest.approx(1.0))
    equal = scalar.__eq__

    def heard_allclose(actual: Any, desired: Any, *rest: Any, **words: Any) -> None:
        allclose(actual, desired, *rest, **words)
        listener.difference(actual, desired)

    def heard_within(estimate: Any, expected: Any, *, mcse: Any) -> None:
        within(estimate, expected, mcse=mcse)
        listener.distance(estimate, expected, mcse)

    def heard_equal(self: Any, actual: Any) -> bool:
        is_equal: bool = equal(self, actual)
        if is_equal:
            listener.difference(actual, self.expected)
        return is_equal

    np.testing.assert_allclose = heard_allclose
    tolerance.assert_within_mcse = heard_within
    scalar.__eq__ = heard_equal
    chosen = ["-q", "-n", "0", "-m", "not slow", *(str(TOP / suite) for suite in SUITES)]
    pytest.main(chosen, plugins=[listener])
    return listener


def files() -> list[Path]:
    """Return the files of the suites."""
    return [path for suite in SUITES for path in sorted((TOP / suite).rglob("test_*.py"))]


def tests_of(path: Path) -> Iterator[tuple[str, bool]]:
    """Yield the tests of a file, and whether each belongs to the long suite."""
    text = path.read_text(encoding="utf-8")
    all_long = "\npytestmark = pytest.mark.slow\n" in text
    for one in ast.parse(text).body:
        if isinstance(one, ast.FunctionDef) and one.name.startswith("test_"):
            marks = " ".join(ast.unparse(mark) for mark in one.decorator_list)
            yield one.name, all_long or "mark.slow" in marks


def page(heard: dict[str, Heard]) -> str:
    """Return the text of the page."""
    return _HEAD + "".join(_section(path, heard) for path in files())


def _section(path: Path, heard: dict[str, Heard]) -> str:
    name = path.relative_to(TOP).as_posix()
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    first, _, rest = said.partition("\n\n")
    first, _, more = " ".join(first.split()).rstrip(".").partition("; ")
    rest = f"{more[:1].upper()}{more[1:]}. {rest}" if more else rest
    rows = [
        f"| {_words(test)} | {_how_close(heard.get(f'{name}::{test}', Heard()), is_long)} |"
        for test, is_long in tests_of(path)
    ]
    note = f"{' '.join(rest.split())}\n\n".replace("``", "`") if rest else ""
    head = f"\n## {first}\n\n`{name}`\n\n{note}"
    return head + "\n".join(["| what holds | how close |", "|---|---|", *rows]) + "\n"


def _words(test: str) -> str:
    return test.removeprefix("test_").replace("_", " ")


def _how_close(one: Heard, is_long: bool) -> str:
    parts = []
    if one.differences:
        furthest = max(one.differences)
        said = "equal" if furthest == 0 else f"furthest {furthest:.0e}"
        parts.append(f"{_counted(one.differences)}, {said}")
    if one.distances:
        parts.append(f"{_counted(one.distances)}, furthest {max(one.distances):.1f} errors")
    return "; ".join(parts) or ("long" if is_long else "holds")


def _counted(numbers: list[float]) -> str:
    return f"{len(numbers)} comparison{'s' if len(numbers) > 1 else ''}"


if __name__ == "__main__":
    result = listen()
    if result.failed:
        sys.exit("not written, because these fail:\n  " + "\n  ".join(result.failed))
    PAGE.write_text(page(result.heard), encoding="utf-8")

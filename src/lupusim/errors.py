"""One family of exceptions: each says where, what was found, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


class LupusimError(Exception):
    """Anything that lupusim raises on purpose, apart from a plain ``ValueError``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong in an input file: where it is, what is wrong, what to do.

    Parameters
    ----------
    key : str
        Dotted path of the key, such as ``arms.1.allocation``; empty for the file as a whole.
    fault, fix : str
        What was found, and what to do about it.
    line, column : int or None
        Position in the file, both counted from 1.
    """

    key: str
    fault: str
    fix: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        place = "" if self.line is None else f"line {self.line}, "
        where = f"{place}{self.key}" if self.key else place.removesuffix(", ") or "file"
        return f"{where}: {self.fault}. {self.fix}"


def fault_and_fix(error: ValueError) -> tuple[str, str]:
    """Return what a message of two sentences says: what is wrong, and what to do about it."""
    fault, _, fix = str(error).rstrip(".").partition(". ")
    return fault, f"{fix or 'Change it'}."


class InputError(LupusimError, ValueError):
    """A file is unusable; carries every problem found, not only the first."""

    consequence = "nothing was done"

    def __init__(self, file: Path | str, problems: Sequence[Problem]) -> None:
        self.file = file
        self.problems = tuple(problems)
        noun = "problem" if len(self.problems) == 1 else "problems"
        headline = f"{file}: {len(self.problems)} {noun}, {self.consequence}"
        super().__init__("\n  ".join([headline, *map(str, self.problems)]))

    def __reduce__(self) -> tuple[type[InputError], tuple[Path | str, tuple[Problem, ...]]]:
        return type(self), (self.file, self.problems)


class ScenarioError(InputError):
    """A scenario file is unusable."""

    consequence = "nothing was simulated"


class ModelError(InputError):
    """A model file is unusable."""

    consequence = "the model was not read"


class EvidenceError(InputError):
    """An evidence file is unusable."""

    consequence = "nothing was calibrated"


class PluginError(LupusimError):
    """A package that is installed offers lupusim something that cannot be used."""


class NoExactSolutionError(LupusimError):
    """The model's future depends on more of its past than the exact engine can carry."""

"""A number of a scenario file that may have other values, in the unit it is written in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lupusim.common.frozen import dataclass
from lupusim.common.spelling import nearest
from lupusim.errors import ScenarioError
from lupusim.planning.sensitivity.one_at_a_time import Value, WhatIf
from lupusim.planning.solving.number import Number
from lupusim.scenario.document.amounts import percentage, starting_share
from lupusim.scenario.document.content import is_number, is_text
from lupusim.scenario.document.yaml_reader import read_document
from lupusim.scenario.files.packaged import find_packaged
from lupusim.scenario.files.shorthand import reaching
from lupusim.scenario.files.variation import scalar_paths, value_at
from lupusim.scenario.files.what_if import what_if_of

_NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_HALF = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedNumber:
    """A number as a file writes it, such as ``15 % a year``."""

    value: float  # the number alone
    before: str | None = None
    after: str | None = None
    """`before` and `after`: what stands around it; None where the file has a plain number."""
    whole: bool = False  # whether it is a whole number that can have no fraction

    def written(self, value: float) -> Value:
        """Return another value as the file would say it."""
        if self.before is None:
            return int(value) if self.whole else value
        return f"{self.before}{value:.12g}{self.after}"

    @property
    def unit(self) -> str:
        """What stands around it, such as ``% a year``; empty for nothing."""
        return f"{self.before or ''}{self.after or ''}".strip()

    def in_words(self, value: str) -> str:
        """Return a value that is already rounded, with what stands around it."""
        return f"{self.before or ''}{value}{self.after or ''}"

    def parse(self, words: str) -> float:
        """Return the number in words that may have the same unit.

        Raises
        ------
        ValueError
            If they are no number.
        """
        if self.before is None and (share := percentage(words)) is not None:
            return share
        plain = words.strip().removesuffix((self.after or "").strip()).strip()
        return float(plain)


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberInFile:
    """A number of a scenario file, and the trials that it makes."""

    paths: tuple[str, ...]  # where it stands; several places have the same value
    stated: StatedNumber  # as the file has it at the first
    build: WhatIf  # returns the trial with other values at some paths

    def number(self, between: tuple[float, float] | None) -> Number:
        """Return it for a search, between two values of its unit or all around."""
        written = self.stated.written

        return Number(
            design=lambda value: self.build(dict.fromkeys(self.paths, written(value))),
            stated=self.stated.value,
            whole=self.stated.whole,
            name=" = ".join(self.paths),
            between=between,
        )


def number_at(name_or_path: str | Path, paths: Sequence[str]) -> NumberInFile:
    """Return the number at a path of a scenario file, or at several that are to be the same.

    Paths lead through the file as it is written, or as its few words are spelled out:
    ``dropout.per_year`` is there also where the file says ``dropout: 15 % a year``.

    Parameters
    ----------
    name_or_path : str or Path
        Name of a packaged scenario, or the path of a scenario file.
    paths : sequence of str
        Such as ``dropout.per_year``.

    Raises
    ------
    ScenarioError
        If there is no such file, or anything in it is wrong.
    ValueError
        If there is no single number at a path.
    """
    path = find_packaged("scenarios", name_or_path, ScenarioError)
    document = reaching(read_document(path, ScenarioError), paths)
    build = what_if_of(document, folder=path.parent)
    stated = [_number(document.content, name) for name in paths]
    found = NumberInFile(paths=tuple(paths), stated=stated[0], build=build)
    if stated[0].before is None and _is_whole(found):
        whole = StatedNumber(value=stated[0].value, whole=True)
        return NumberInFile(paths=found.paths, stated=whole, build=build)
    return found


def _number(content: Mapping[str, Any], path: str) -> StatedNumber:
    value = value_at(content, path)
    if is_number(value):
        return StatedNumber(value=float(value))
    found = _numbers(value)
    if len(found) == 1:
        (match,) = found
        before, after = match.string[: match.start()], match.string[match.end() :]
        return StatedNumber(value=float(match[0]), before=before, after=after)
    numbers = [name for name in scalar_paths(content) if _is_number(value_at(content, name))]
    if value is None:
        raise ValueError(f"the file has nothing at {path!r}. {nearest(path, numbers)}")
    below = [name for name in numbers if name.startswith(f"{path}.")]
    fix = nearest(path, below or numbers)
    raise ValueError(f"the file has no single number at {path!r}. {fix}")


def _is_number(value: object) -> bool:
    return is_number(value) or len(_numbers(value)) == 1


def _numbers(value: object) -> list[re.Match[str]]:
    """Return the numbers in words; of ``10 % in 24 weeks`` the share alone, which may vary."""
    found = list(_NUMBER.finditer(value)) if is_text(value) else []
    return found[:1] if starting_share(value) else found


def _is_whole(found: NumberInFile) -> bool:
    """Return whether a number can have no fraction."""
    value = found.stated.value
    number = found.number((value, value + 1))
    return value.is_integer() and not any(number.possible(value + k) for k in (-_HALF, _HALF))

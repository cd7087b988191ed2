"""The folder that the page was started in: nothing outside it is read or written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lupusim.common.frozen import dataclass
from lupusim.common.output import write
from lupusim.errors import Problem
from lupusim.scenario.document.content import is_text, items
from lupusim.scenario.document.yaml_reader import MAX_BYTES, child_key

RUNS = "runs"
_MOST_FILES = 500
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}")
_PROSE = frozenset({"title", "question", "source", "estimand", "description", "note", "quote"})


@dataclass(frozen=True, slots=True, kw_only=True)
class StartFolder:
    """Files below one folder."""

    path: Path  # the folder, absolute, links followed

    def inside(self, name: str | Path) -> Path:
        """Return the path of a file below the folder.

        Raises
        ------
        ValueError
            If it lies outside, also by way of a link.
        """
        found = (self.path / name).resolve()
        if not found.is_relative_to(self.path):
            raise ValueError(f"{name}: lies outside {self.path}. Move the file into that folder")
        return found

    def shown(self, path: Path) -> str:
        """Return how commands call a file: its path from the folder."""
        return path.relative_to(self.path).as_posix()

    def scenario_files(self) -> list[str]:
        """Return the scenario files in the folder and one level below it, sorted."""
        return sorted(self._files("lupusim/scenario/"))

    def model_files(self) -> list[str]:
        """Return the model files in the folder and one level below it, sorted."""
        return sorted(self._files("lupusim/model/"))

    def _files(self, schema: str) -> Iterator[str]:
        found = [*self.path.glob("*.yaml"), *self.path.glob("*/*.yaml")]
        for path in sorted(found)[:_MOST_FILES]:
            if path.relative_to(self.path).parts[0] != RUNS and _says(path, schema):
                yield self.shown(path)

    def read(self, name: str) -> str:
        """Return the text of a file.

        Raises
        ------
        ValueError
            If it lies outside, is too large, or is no text.
        OSError
            If it cannot be read.
        """
        path = self.inside(name)
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"{name}: is larger than a megabyte, and no scenario")
        try:
            return path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise ValueError(f"{name}: is no text in UTF-8") from None

    def save(self, name: str, text: str, *, over: str = "") -> str:
        """Write a file and return its name.

        Parameters
        ----------
        name : str
            Of a file in the folder, or of one in a folder below it.
        text : str
            What it shall hold.
        over : str
            What the file held when it was opened; only then it may be replaced.

        Raises
        ------
        ValueError
            If the name is none for a scenario file, or something else stands there.
        OSError
            If it cannot be written.
        """
        *above, last = name.split("/")
        if not all(map(_NAME.fullmatch, (*above, last))) or not last.endswith(".yaml"):
            raise ValueError(f"{name!r} is no name for a file. Write one such as my_trial.yaml")
        path = self.inside(name)
        if path.exists() and (not over or self.read(name) != over):
            raise ValueError(f"{name} exists and was not opened here. Give another name")
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, text)
        return self.shown(path)

    def strangers(self, content: object, beside: Path) -> list[Problem]:
        """Return a problem for every file outside the folder that a scenario names.

        Parameters
        ----------
        content : object
            Of the scenario file.
        beside : Path
            The folder that its relative paths start from.
        """
        return [
            Problem(
                key=key,
                fault=f"the page reads only files in {self.path}, and {value!r} lies elsewhere",
                fix="Copy it there.",
            )
            for key, value in _names_of_files(content, "")
            if not (beside / value).resolve().is_relative_to(self.path)
        ]


def _says(path: Path, schema: str) -> bool:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return f"schema: {schema}" in file.read(4000)
    except OSError:
        return False


def _names_of_files(content: object, key: str) -> Iterator[tuple[str, str]]:
    """Yield the key and the value of every text that may name a file."""
    for name, value in items(content):
        if name not in _PROSE:
            yield from _names_of_files(value, child_key(key, name))
    if is_text(content) and _may_be_a_file(content, key):
        yield key, content


def _may_be_a_file(value: str, key: str) -> bool:
    named = key.rpartition(".")[2] == "model"
    pathlike = "/" in value or "\\" in value or value.endswith((".yaml", ".yml", ".npz"))
    return named or pathlike


def plain_name(words: str) -> str:
    """Return words as a name that is safe in any path.

    Examples
    --------
    >>> plain_name("../Two rates: 30 %"), plain_name("!!")
    ('Two_rates_30', 'trial')
    """
    kept: Any = re.sub(r"[^A-Za-z0-9-]+", "_", words).strip("_-")[:40]
    return str(kept) or "trial"

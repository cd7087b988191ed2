"""Content hashes: the same trial, or the same code, gives the same few letters anywhere."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache, wraps
from pathlib import Path
from types import FunctionType
from typing import TypeVar

import numpy as np

from lupusim.common.frozen import remembered
from lupusim.trial import Trial

_WORDS_ONLY = {"description", "source"}  # of a model: printed, never computed with
_LETTERS = 24
_MOST_ANSWERS = 128
_Answer = TypeVar("_Answer")
# What decides a simulated number; the rest of the package only reads, shows or stores it.
_ENGINE_ROOM = (
    "analysis",
    "common/arrays.py",
    "common/compiled",
    "common/rng.py",
    "endpoints",
    "engines",
    "model",
    "planning",
    "records",
    "simulation",
    "trial",
)


@remembered(64)
def trial_fingerprint(trial: Trial) -> str:
    """Return the content hash of a fully resolved trial.

    It covers every number and name that the simulation sees, and neither the seed, nor the
    number of replicates, nor how they are spread over processes, nor the scenario's other
    designs. Equal trials have equal hashes, however their scenario was written.

    Raises
    ------
    TypeError
        If the trial holds something whose content cannot be told.
    """
    return content_hash(trial)


def remembered_by_content(answer: Callable[[Trial], _Answer]) -> Callable[[Trial], _Answer]:
    """Make a function of a trial answer at once for one of the same content.

    Designs have the same null twin, and a size that is asked about is searched from afterwards.
    What it raises is not remembered.
    """
    known: dict[str, _Answer] = {}

    @wraps(answer)
    def answered(trial: Trial) -> _Answer:
        try:
            name = trial_fingerprint(trial)
        except TypeError:  # a plug-in whose content cannot be told
            return answer(trial)
        if name not in known:
            if len(known) >= _MOST_ANSWERS:
                known.clear()
            known[name] = answer(trial)
        return known[name]

    return answered


def content_hash(*parts: object) -> str:
    """Return the content hash of parts of a trial.

    Raises
    ------
    TypeError
        If one holds something whose content cannot be told.
    """
    text = json.dumps(_plain(parts[0] if len(parts) == 1 else parts), separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:_LETTERS]


def _plain(part: object) -> object:
    """Return nested lists of text that are equal exactly where two objects mean the same."""
    if part is None or isinstance(part, str | bool):
        return part
    if isinstance(part, int | float | np.number):
        return float(part).hex()  # 1 and 1.0 are one number
    if isinstance(part, Enum):
        return [type(part).__qualname__, part.name]
    if isinstance(part, FunctionType | type):
        return [part.__module__, part.__qualname__]
    return _plain_parts(part)


def _plain_parts(part: object) -> object:
    if is_dataclass(part):
        kept = ([f.name, _plain(getattr(part, f.name))] for f in fields(part) if _counts(f.name))
        return [type(part).__qualname__, *kept]
    if isinstance(part, Mapping):  # in its own order, which may decide who draws first
        return ["mapping", *([_plain(key), _plain(value)] for key, value in part.items())]
    if isinstance(part, np.ndarray):
        return ["array", list(part.shape), *map(_plain, part.ravel().tolist())]
    if isinstance(part, tuple | list | range):
        return ["sequence", *map(_plain, part)]
    if isinstance(part, set | frozenset):
        return ["set", *sorted(json.dumps(_plain(item)) for item in part)]
    raise TypeError(f"{type(part).__qualname__} has no content hash: {part!r}")


def _counts(name: str) -> bool:
    return name not in _WORDS_ONLY


@cache
def code_fingerprint() -> str:
    """Return the hash of the installed code that decides simulated numbers.

    Two installations with the same version and different code would mix different numbers.
    """
    digest = hashlib.sha256()
    for path in _engine_room(Path(__file__).parents[1]):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:_LETTERS]


def _engine_room(package: Path) -> Iterator[Path]:
    for name in _ENGINE_ROOM:
        place = package / name
        yield from sorted(place.rglob("*.py")) if place.is_dir() else (place,)


def versions() -> dict[str, str]:
    """Return the versions of Python, lupusim and NumPy."""
    return dict(_versions())


@cache
def _versions() -> dict[str, str]:
    # SPEED: to find them takes as long as to simulate hundreds of trials (benchmarks/cases.py)
    import platform
    from importlib.metadata import version

    names = ("lupusim", "numpy")
    return {"python": platform.python_version(), **{name: version(name) for name in names}}

"""Files that are written: in one step, under safe names, and never over somebody else's."""

from __future__ import annotations

import hashlib
import json
import math
import os
import shutil
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lupusim.errors import LupusimError

if TYPE_CHECKING:
    import pandas as pd

KNOWN_FILES = ".lupusim-files.json"
"""In every folder of results: what lupusim wrote there, each file with its digest."""

_LONGEST_STEM = 100  # bytes, so that endings and drafts fit in the 255 of a file system
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_RESERVED = {"con", "prn", "aux", "nul", *(f"{d}{k}" for d in ("com", "lpt") for k in range(1, 10))}


class OutputError(LupusimError):
    """A file or folder cannot be used as asked; nothing in it was changed."""


class IfPresent(Enum):
    """What to do where somebody else's file has the name of one to be written."""

    REFUSE = "refuse"
    """Leave it alone and say so."""
    REPLACE = "replace"
    """Replace it."""


def write(path: str | Path, content: str | bytes) -> Path:
    """Write a file beside its place and rename it; a full disk leaves the old file or none.

    Parameters
    ----------
    path : str or Path
        An ordinary file of that name is replaced.
    content : str or bytes
        Text is written in UTF-8.

    Raises
    ------
    OSError
        If it cannot be written; it names `path`.
    OutputError
        If something else than an ordinary file has that name.
    """
    path = Path(path)
    _refuse_special(path)
    coded = _coded(content)
    draft = _draft(path)
    try:
        with draft.open("wb") as stream:
            stream.write(coded)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(path)
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error
    finally:
        _drop(draft)
    return path


def _draft(path: Path) -> Path:
    return path.with_name(f".lupusim-{os.getpid()}-{_digest(path.name.encode())[:12]}")


def _drop(draft: Path) -> None:
    """Remove a draft; where that cannot be done, what was wrong before is what is told."""
    with suppress(OSError):
        draft.unlink(missing_ok=True)


def _refuse_special(path: Path) -> None:
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise OutputError(f"{path} is no ordinary file and is left as it is: give another name")


def try_file(path: str | Path, if_present: IfPresent = IfPresent.REFUSE) -> None:
    """Find out, before work begins, whether a file can be written.

    Raises
    ------
    OutputError
        If there is one and `if_present` is REFUSE, or if it has no folder to be in.
    OSError
        If its folder cannot be written.
    """
    path = Path(path)
    _refuse_special(path)
    if path.exists() and if_present is IfPresent.REFUSE:
        raise OutputError(f"{path} exists already: give another name, or replace it with --force")
    if not path.parent.is_dir():
        raise OutputError(f"{path}: there is no folder {path.parent}: make it, or give another")
    _try_folder(path.parent)


def _try_folder(folder: Path) -> None:
    """Raise OSError, which names the folder, unless files can be written in it."""
    draft = _draft(folder / "trial")
    try:
        draft.write_bytes(b"lupusim")
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(folder)) from error
    finally:
        _drop(draft)


@contextmanager
def new_folder(path: str | Path) -> Iterator[Path]:
    """Make a folder as a whole: what is written beside it takes its name at the end, or goes.

    Parameters
    ----------
    path : str or Path
        Where there is nothing yet, or an empty folder.

    Yields
    ------
    Path
        An empty folder beside it, to be filled.

    Raises
    ------
    OutputError
        If there is something already.
    OSError
        If it cannot be written.
    """
    path = Path(path)
    if path.is_symlink() or (path.exists() and not (path.is_dir() and not any(path.iterdir()))):
        raise OutputError(f"{path} exists already and is not empty: give another name")
    draft = _draft(path.absolute())
    try:
        draft.mkdir(parents=True)
        yield draft
        if path.exists():
            path.rmdir()
        draft.replace(path)
    except OSError as error:
        if error.filename is not None and Path(error.filename) == draft:
            error.filename = str(path)  # as it was asked for
        raise
    finally:
        shutil.rmtree(draft, ignore_errors=True)


class Folder:
    """A folder of results, in which files that lupusim did not write are left alone.

    A file is known as ours by its digest: one that was changed since is the user's.

    Parameters
    ----------
    path : str or Path
        Made when a name in it is reserved or a file written.
    if_present : IfPresent
        What to do with somebody else's file of the same name.
    """

    def __init__(self, path: str | Path, if_present: IfPresent = IfPresent.REFUSE) -> None:
        self.path = Path(path)
        self.if_present = if_present

    def reserve(self, names: Iterable[str]) -> None:
        """Find out, before work begins, whether files of these names can be written.

        Raises
        ------
        OutputError
            If one of them is somebody else's, or leads out of the folder.
        OSError
            If the folder cannot be made or written.
        """
        names = list(names)
        self._check(names)
        self.path.mkdir(parents=True, exist_ok=True)
        _try_folder(self.path)

    def _check(self, names: Sequence[str]) -> None:
        known = self._known()
        strangers = []
        for name in names:
            path = self.path / name
            if not path.resolve().is_relative_to(self.path.resolve()):
                raise OutputError(f"{name!r} leads out of the folder {self.path}")
            _refuse_special(path)
            if path.exists() and known.get(name) != _digest(path.read_bytes()):
                strangers.append(str(path))
        if strangers and self.if_present is IfPresent.REFUSE:
            what = (
                "exists already and is not as" if len(strangers) == 1 else "exist already, not as"
            )
            raise OutputError(
                f"{', '.join(strangers)} {what} lupusim left it: nothing was changed. "
                "Give another folder, or replace what is there with --force"
            )

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file into the folder; return its path.

        Raises
        ------
        OutputError, OSError
            As :meth:`reserve` and :func:`write`.
        """
        self._check([name])
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path, content)
        self._note(name, _digest(_coded(content)))
        return path

    def keep(self, *names: str) -> None:
        """Note files as ours that were written here by other means than :meth:`write`."""
        for name in names:
            self._note(name, _digest((self.path / name).read_bytes()))

    def _known(self) -> dict[str, str]:
        """Return the digests of the files that were written here; empty if unreadable."""
        return read_object(self.path / KNOWN_FILES) or {}

    def _note(self, name: str, digest: str) -> None:
        write(self.path / KNOWN_FILES, json.dumps(self._known() | {name: digest}, indent=1))


def read_object(path: Path) -> dict[str, Any] | None:
    """Return the object that a JSON file holds; None where it holds none, or is unreadable."""
    try:
        return as_object(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return None


def as_object(content: object) -> dict[str, Any] | None:
    """Return what was read from JSON, if it is an object."""
    return content if isinstance(content, dict) else None


def as_json(content: Any) -> Any:
    """Return nested data as JSON knows it: a number that does not exist is null."""
    if isinstance(content, Mapping):
        return {name: as_json(part) for name, part in content.items()}
    if isinstance(content, list | tuple):
        return [as_json(part) for part in content]
    return None if isinstance(content, float) and not math.isfinite(content) else content


def _coded(content: str | bytes) -> bytes:
    return content.encode("utf-8") if isinstance(content, str) else content


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def file_stems(names: Iterable[str]) -> dict[str, str]:
    """Return for each name a file's name without ending: safe on any system, no two the same.

    Letters of any script and digits stay; what a path or a shell could take for its own
    becomes ``_``.

    Examples
    --------
    >>> file_stems(["CR/PR at week 52", "β", "../../outside", "a b", "A_b"])["CR/PR at week 52"]
    'CR_PR_at_week_52'
    >>> file_stems(["../../outside"])
    {'../../outside': 'outside'}
    >>> file_stems(["a b", "A_b"])
    {'a b': 'a_b', 'A_b': 'A_b-2'}
    """
    stems: dict[str, str] = {}
    taken: set[str] = set()
    for name in names:
        stem = _stem(name)
        number = 1
        while (own := stem if number == 1 else f"{stem}-{number}").casefold() in taken:
            number += 1
        taken.add(own.casefold())
        stems[name] = own
    return stems


def _stem(name: str) -> str:
    kept = "".join(c if c.isalnum() or c in "-+." or _joins(c) else "_" for c in name)
    short = kept.strip("._").encode("utf-8")[:_LONGEST_STEM].decode("utf-8", "ignore")
    if not short or short.casefold().partition(".")[0] in _RESERVED:
        return f"{short}_"
    return short


def _joins(character: str) -> bool:
    """Return whether a character belongs to the letter before it, such as an accent."""
    return unicodedata.category(character).startswith("M")


def csv_text(table: pd.DataFrame, *, index: bool = False) -> str:
    r"""Return a table as CSV that a spreadsheet shows and never runs.

    Text that would be a formula there (it starts with ``=``, ``+``, ``-`` or ``@`` and is no
    number) is written behind an apostrophe, as a spreadsheet marks text.

    Examples
    --------
    >>> import pandas as pd
    >>> csv_text(pd.DataFrame({"arm": ["=1+1", "msc"], "effect": [-0.5, 1.0]}))
    "arm,effect\n'=1+1,-0.5\nmsc,1.0\n"
    """
    safe = table.copy(deep=False)
    for place, kind in enumerate(table.dtypes):
        if kind.kind not in "biufMm":
            safe.isetitem(place, table.iloc[:, place].astype(object).map(_as_text).array)
    safe.columns = safe.columns.map(_as_text)
    if index:
        safe.index = safe.index.map(_as_text)
        safe.index.name = table.index.name
    return safe.to_csv(index=index, lineterminator="\n")


def _as_text(cell: Any) -> Any:
    if not isinstance(cell, str) or not cell.startswith(_FORMULA):
        return cell
    try:
        float(cell)
    except ValueError:
        return f"'{cell}"
    return cell


def apart(names: Sequence[str], taken: Iterable[str]) -> list[str]:
    """Return the names as columns of their own beside those that a table has already.

    Examples
    --------
    >>> apart(["arm", "nephritis"], ["patient", "arm"])
    ['arm (2)', 'nephritis']
    """
    used = set(taken)
    found = []
    for name in names:
        own, number = name, 1
        while own in used:
            number += 1
            own = f"{name} ({number})"
        used.add(own)
        found.append(own)
    return found


__all__ = [
    "KNOWN_FILES",
    "Folder",
    "IfPresent",
    "OutputError",
    "apart",
    "csv_text",
    "file_stems",
    "new_folder",
    "try_file",
    "write",
]

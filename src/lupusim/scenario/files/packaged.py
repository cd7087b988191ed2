"""Find the files that come with lupusim by their names."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from lupusim.common.output import Folder, IfPresent, OutputError
from lupusim.common.spelling import nearest
from lupusim.errors import InputError, Problem
from lupusim.scenario.document.yaml_reader import read_document

_ASKED_FOR = {
    "models": ("a packaged model", "'calibrate --model {0}', 'occupancy {0}', 'show {0}'"),
    "evidence": ("packaged evidence", "'lupusim calibrate {0}'"),
    "scenarios": ("a packaged scenario", "'lupusim run {0}'"),
    "cohorts": ("a packaged cohort model", "'lupusim cohort {0}'"),
    "decisions": ("a packaged decision", "'lupusim decide {0}'"),
}
"""What each kind is called, and which commands read it."""


def packaged_names(folder: str) -> tuple[str, ...]:
    """Return the names of the packaged files of a kind, sorted.

    Parameters
    ----------
    folder : str
        ``models``, ``evidence`` or ``scenarios``.

    Examples
    --------
    >>> packaged_names("decisions")
    ('hiv', 'sick-sicker', 'sick-sicker-yearly')
    """
    entries = files("lupusim").joinpath("data", folder).iterdir()
    return tuple(sorted(e.name[:-5] for e in entries if e.name.endswith(".yaml")))


def find_packaged(
    folder: str,
    name_or_path: str | Path,
    error_class: type[InputError],
    *,
    beside: Path | None = None,
) -> Path:
    """Return the path of a packaged file or of the user's own.

    Parameters
    ----------
    folder : str
        ``models``, ``evidence`` or ``scenarios``.
    name_or_path : str or Path
        A bare word is a packaged name; anything with a folder or a suffix is a path.
    error_class : type of InputError
        What to raise.
    beside : Path, optional
        Folder from which a relative path is read; default: the working folder.

    Raises
    ------
    InputError
        If a bare word is neither a packaged name nor a file.
    """
    text = str(name_or_path)
    if text in packaged_names(folder):
        return Path(str(files("lupusim").joinpath("data", folder, f"{text}.yaml")))
    path = (beside or Path()) / name_or_path
    looks_like_path = Path(text).suffix in {".yaml", ".yml"} or "/" in text or "\\" in text
    if looks_like_path or isinstance(name_or_path, Path) or path.exists():
        return path
    fault = f"nothing packaged is called {text!r}, and there is no such file"
    fix = nearest(text, packaged_names(folder))
    for kind, (what, where) in _ASKED_FOR.items():
        if text in packaged_names(kind):
            fault, fix = f"{text!r} is {what}", f"Name it where one is read: {where.format(text)}."
    raise error_class(text, [Problem(key="", fault=fault, fix=fix)])


def packaged_descriptions(folder: str) -> dict[str, str]:
    """Return the packaged names of a kind, each with its title or description in one line."""
    described = {}
    for name in packaged_names(folder):
        path = find_packaged(folder, name, InputError)
        content = read_document(path, InputError).content
        described[name] = str(content.get("description") or content.get("title") or "").strip()
    return described


def copy_packaged(
    targets: Mapping[str, Path], *, if_present: IfPresent = IfPresent.REFUSE
) -> list[Path]:
    """Copy the packaged files of some kinds, each into a folder; return the copies' paths.

    Raises
    ------
    OutputError
        If one of them is there already and `if_present` is REFUSE.
    """
    contents = {
        kind: {
            source.name: source.read_bytes()
            for source in files("lupusim").joinpath("data", kind).iterdir()
            if source.name.endswith((".yaml", ".npz"))
        }
        for kind in targets
    }
    present = [
        path
        for kind, named in contents.items()
        for n in named
        if (path := targets[kind] / n).exists()
    ]
    if present and if_present is IfPresent.REFUSE:
        raise OutputError(
            f"{present[0]} exists already; nothing was copied. Give another folder, or replace "
            "what is there with --force"
        )
    copied = []
    for kind, named in contents.items():
        copies = Folder(targets[kind], if_present)
        copies.reserve(sorted(named))
        copied += [copies.write(name, named[name]) for name in sorted(named)]
    return copied

"""How a report is written: the kind of file by its ending, and nothing of others is lost."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

from lupusim.common.frozen import dataclass
from lupusim.common.output import IfPresent, try_file, write
from lupusim.errors import LupusimError
from lupusim.report.document import html, markdown, pdf, word
from lupusim.report.document.parts import Document
from lupusim.report.document.seal import digest, is_sealed, sealed
from lupusim.report.figures.style import need


class StrangersFileError(LupusimError):
    """A file is there that lupusim has not written; it was left alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of file that a report can be written as."""

    extra: str
    modules: tuple[str, ...]
    """`extra` and `modules`: what must be installed, and the extra that does it."""
    is_ours: Callable[[Path], bool]
    """Whether a file that is there is a report of ours that nobody has changed."""
    contents: Callable[[Document, Path], dict[Path, bytes]]
    """From the report and the path to the content of each file."""
    beside: Callable[[Path], Iterable[Path]] = lambda _: ()
    """The files that are there and may be written again beside the report."""


def _is_sealed(path: Path) -> bool:
    return is_sealed(path.read_bytes())


def _docx_is_ours(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            seal = digest(archive.read("word/document.xml")).encode()
            return seal in archive.read("docProps/core.xml")
    except (zipfile.BadZipFile, KeyError, OSError, ValueError):
        return False


def _figures_of(path: Path) -> Path:
    return path.with_name(f"{path.stem}_figures")


def _markdown(document: Document, path: Path) -> dict[Path, bytes]:
    folder = _figures_of(path)
    text, figures = markdown.as_markdown(document, folder.name)
    drawn = {folder / name: sealed(content) for name, content in figures.items()}
    return drawn | {path: sealed(text.encode())}


KINDS = {
    ".html": Kind(
        extra="report",
        modules=("matplotlib",),
        is_ours=_is_sealed,
        contents=lambda document, path: {path: sealed(html.as_html(document).encode())},
    ),
    ".md": Kind(
        extra="report",
        modules=("matplotlib",),
        is_ours=_is_sealed,
        contents=_markdown,
        beside=lambda path: sorted(_figures_of(path).glob("figure_*.svg")),
    ),
    ".docx": Kind(
        extra="report",
        modules=("matplotlib", "docx"),
        is_ours=_docx_is_ours,
        contents=lambda document, path: {path: word.as_docx(document)},
    ),
    ".pdf": Kind(
        extra="pdf",
        modules=("matplotlib", "typst"),
        is_ours=_is_sealed,
        contents=lambda document, path: {path: sealed(pdf.as_pdf(document), b"%", b"")},
    ),
}
"""Kinds of files by their ending."""


def check_file(path: Path, *, force: bool = False) -> Kind:
    """Check, before any work, that a report can be written there; return its kind.

    Parameters
    ----------
    path : Path
        Where.
    force : bool
        Whether a file of somebody else may be lost.

    Raises
    ------
    ValueError
        If the ending is of no kind.
    MissingExtraError
        If a package is missing.
    StrangersFileError
        If a file is there that is no report of lupusim's, or was changed since.
    """
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        raise ValueError(f"{str(path)!r} must end in {', '.join(KINDS)}")
    need(kind.extra, *kind.modules)
    if path.is_dir():
        raise StrangersFileError(f"{path} is a folder: give a file that ends in {path.suffix}")
    path.parent.mkdir(parents=True, exist_ok=True)
    try_file(path, IfPresent.REPLACE)
    if not force:
        _refuse_strangers(path, kind)
    return kind


def _refuse_strangers(path: Path, kind: Kind) -> None:
    known = [(path, kind.is_ours), *((figure, _is_sealed) for figure in kind.beside(path))]
    for there, is_ours in known:
        if there.exists() and not is_ours(there):
            raise StrangersFileError(
                f"{there} is there and is not as lupusim wrote it: it was left alone. Give another "
                "file, or --force to write over it"
            )


def write_report(document: Document, path: Path, *, force: bool = False) -> Path:
    """Write a report as HTML, Markdown, DOCX or PDF, by the ending of the file.

    Parameters
    ----------
    document : Document
        From :func:`lupusim.report.document.content.document_of`.
    path : Path
        Where; a report of lupusim's that is there, and was not changed, is written again,
        nothing else.
    force : bool
        Whether a file of somebody else may be lost.

    Raises
    ------
    ValueError, MissingExtraError, StrangersFileError
        See :func:`check_file`.
    OutputError, OSError
        See :func:`lupusim.common.output.write`.
    """
    kind = check_file(path, force=force)
    for target, content in kind.contents(document, path).items():
        target.parent.mkdir(parents=True, exist_ok=True)
        write(target, content)
    return path

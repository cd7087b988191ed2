"""How a report is written: the kind of file by its ending, and nothing of others is lost."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lupusim.errors import LupusimError
from lupusim.output import write
from lupusim.report.document import html, markdown, pdf, word
from lupusim.report.document.parts import Document
from lupusim.report.figures.style import need


class StrangersFileError(LupusimError):
    """A file is there that lupusim has not written; it was left alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of file that a report can be written as.

    Parameters
    ----------
    extra, modules : str, tuple of str
        What must be installed, and the extra that does it.
    is_ours : callable
        Whether a file that is there is a report of ours.
    contents : callable
        From the report and the path to the content of each file.
    """

    extra: str
    modules: tuple[str, ...]
    is_ours: Callable[[Path], bool]
    contents: Callable[[Document, Path], dict[Path, bytes]]


def _text_has(mark: str) -> Callable[[Path], bool]:
    def has(path: Path) -> bool:
        with path.open("rb") as file:
            return mark.encode() in file.read(4096)

    return has


def _docx_is_ours(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return word.MARK.encode() in archive.read("docProps/core.xml")
    except (zipfile.BadZipFile, KeyError):
        return False


def _pdf_is_ours(path: Path) -> bool:
    content = path.read_bytes()
    return content.startswith(b"%PDF") and pdf.MARK.encode() in content


def _markdown(document: Document, path: Path) -> dict[Path, bytes]:
    folder = path.with_name(f"{path.stem}_figures")
    text, figures = markdown.as_markdown(document, folder.name)
    return {folder / name: content for name, content in figures.items()} | {path: text.encode()}


KINDS = {
    ".html": Kind(
        extra="report",
        modules=("matplotlib",),
        is_ours=_text_has(html.MARK),
        contents=lambda document, path: {path: html.as_html(document).encode()},
    ),
    ".md": Kind(
        extra="report",
        modules=("matplotlib",),
        is_ours=_text_has(markdown.MARK),
        contents=_markdown,
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
        is_ours=_pdf_is_ours,
        contents=lambda document, path: {path: pdf.as_pdf(document)},
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
        If a file is there that is no report of lupusim's.
    """
    kind = KINDS.get(path.suffix.lower())
    if kind is None:
        raise ValueError(f"{str(path)!r} must end in {', '.join(KINDS)}")
    need(kind.extra, *kind.modules)
    if path.is_dir():
        raise StrangersFileError(f"{path} is a folder: give a file that ends in {path.suffix}")
    if path.exists() and not force and not kind.is_ours(path):
        raise StrangersFileError(
            f"{path} is there and is no report of lupusim's: it was left alone. Give another "
            "file, or --force to write over it"
        )
    return kind


def write_report(document: Document, path: Path, *, force: bool = False) -> Path:
    """Write a report as HTML, Markdown, DOCX or PDF, by the ending of the file.

    Parameters
    ----------
    document : Document
        From :func:`lupusim.report.document.content.document_of`.
    path : Path
        Where; a report of lupusim's that is there is written again, nothing else.
    force : bool
        Whether a file of somebody else may be lost.

    Raises
    ------
    ValueError, MissingExtraError, StrangersFileError
        See :func:`check_file`.
    OutputError, OSError
        See :func:`lupusim.output.write`.
    """
    kind = check_file(path, force=force)
    for target, content in kind.contents(document, path).items():
        target.parent.mkdir(parents=True, exist_ok=True)
        write(target, content)
    return path

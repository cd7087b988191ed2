"""The report as PDF, set by Typst: real headings, tables and captions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from lupusim.report.document.parts import Document, Picture, Table, without_controls
from lupusim.report.figures.style import as_svg

_HEAD = """#set document(title: {title}, author: "lupusim", keywords: ("lupusim report",))
#set page(paper: "a4", margin: (x: 18mm, y: 20mm), numbering: "1 / 1")
#set text(size: 10pt, lang: "en")
#set par(justify: false, leading: 0.6em)
#show heading.where(level: 1): set text(size: 13pt)
#show heading: set block(above: 1.6em, below: 0.8em)
#show figure.where(kind: table): set figure.caption(position: top)
#show figure.where(kind: table): set block(breakable: true)
#show figure.caption: set text(size: 9pt)
#show figure.caption: set align(left)
#show figure.caption.where(kind: table): it => block(sticky: true, it)
#set table.cell(breakable: false)
#show raw: set text(size: 8pt)
#text(size: 17pt, weight: "bold", {title})

#text(fill: luma(35%), {subtitle})
"""


_LETTERS = 125  # of small text that fit beside each other between the margins
_PADDING = 4  # letters, beside each text of a table
_SHORT = 12  # rows that stay on one page
_LONG_WORD = re.compile(r"\S{30}(?=\S{10})")


class _TypstWriter:
    """Collects the parts as markup; all text is a string literal, so that it is no markup."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.figures: dict[str, bytes] = {}

    def words(self, text: str, *, loud: bool) -> None:
        shown = f"#text({_quoted(text)})"
        box = f"#block(stroke: (left: 2pt + rgb(138, 59, 0)), inset: 8pt)[{shown}]"
        self.lines += [box if loud else shown, ""]

    def items(self, texts: Sequence[str]) -> None:
        self.lines += [f"#list({', '.join(map(_quoted, texts))})", ""]

    def table(self, table: Table) -> None:
        n = len(table.head)
        sides = ", ".join("left" if table.is_words(k) else "right" for k in range(n))
        head = ", ".join(f"strong({_quoted(name)})" for name in table.head)
        rows = "".join(f"{', '.join(map(_quoted, row))},\n" for row in table.rows)
        columns = "(auto, 1fr)" if table.wordy and n == 2 else str(n)
        if sum(table.natural_widths()) + _PADDING * n > _LETTERS:
            columns = f"({', '.join(f'{k}fr' for k in table.widths(_LETTERS, padding=_PADDING))},)"
        whole = "false" if len(table.rows) < _SHORT else "true"
        self.lines += [
            f"#block(breakable: {whole}, figure(caption: {_quoted(table.caption)}, kind: table, "
            f"text(size: 8pt, table(columns: {columns}, stroke: (x: none, y: 0.4pt + luma(75%)), "
            f"align: ({sides},), "
            f"table.header({head}),\n{rows}))))",
            "",
        ]

    def picture(self, picture: Picture) -> None:
        name = f"figure_{len(self.figures) + 1}.svg"
        self.figures[name] = as_svg(picture.figure)
        image = f'image("{name}", width: 92%, alt: {_quoted(picture.alternative)})'
        self.lines += [f"#figure({image}, caption: {_quoted(picture.caption)})", ""]

    def listing(self, text: str) -> None:
        self.lines += [f"#raw({_quoted(text)}, block: true)", ""]


def _quoted(text: str) -> str:
    """Return text as a string literal of Typst."""
    kept = without_controls(text)
    kept = _LONG_WORD.sub("\\g<0>\u200b", kept)  # or it would run over the edge of the page
    return '"' + kept.replace("\\", "\\\\").replace('"', '\\"') + '"'


def as_pdf(document: Document) -> bytes:
    """Return a report as the content of a PDF file.

    Parameters
    ----------
    document : Document
        From :func:`lupusim.report.document.content.document_of`.
    """
    import typst

    writer = _TypstWriter()
    title, subtitle = _quoted(document.title), _quoted(document.subtitle)
    writer.lines += [_HEAD.format(title=title, subtitle=subtitle), ""]
    for text in document.answer:
        writer.words(text, loud=False)
    for number, section in enumerate(document.sections, start=1):
        heading = _quoted(f"{number}. {section.title}")
        writer.lines += [f"#heading(level: 1, {heading})", ""]
        if section.items:
            items = _quoted(f"ICH E20 draft: {section.items}")
            said = f'text(fill: luma(35%), style: "italic", {items})'
            writer.lines += [f"#block(sticky: true, {said})", ""]
        for part in section.parts:
            part.write(writer)
    with TemporaryDirectory() as scratch:
        for name, content in writer.figures.items():
            (Path(scratch) / name).write_bytes(content)
        source = Path(scratch) / "report.typ"
        source.write_text("\n".join(writer.lines), encoding="utf-8")
        content = typst.compile(str(source), format="pdf")
    return bytes(content)

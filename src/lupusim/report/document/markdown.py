"""The report as Markdown, its figures as SVG files beside it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from lupusim.report.document.parts import Document, Picture, Table
from lupusim.report.figures.style import as_svg

MARK = "<!-- lupusim report -->"
"""Says what made the file."""

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$&!])")


class _MarkdownWriter:
    """Collects the parts as Markdown, and the figures as files."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.lines: list[str] = []
        self.figures: dict[str, bytes] = {}
        self.n_tables = 0

    def words(self, text: str, *, loud: bool) -> None:
        self.lines += [f"> {_plain(text)}" if loud else _plain(text), ""]

    def items(self, texts: Sequence[str]) -> None:
        self.lines += [*(f"- {_plain(text)}" for text in texts), ""]

    def table(self, table: Table) -> None:
        self.n_tables += 1
        sides = ["---" if table.is_words(k) else "---:" for k in range(len(table.head))]
        rows = (table.head, *table.rows)
        lines = [f"| {' | '.join(map(_plain, row))} |" for row in rows]
        caption = f"**Table {self.n_tables}.** {_plain(table.caption)}"
        self.lines += [caption, "", lines[0], f"| {' | '.join(sides)} |", *lines[1:], ""]

    def picture(self, picture: Picture) -> None:
        number = len(self.figures) + 1
        name = f"figure_{number}.svg"
        self.figures[name] = as_svg(picture.figure)
        image = f"![{_plain(picture.alternative)}](<{self.folder}/{name}>)"
        self.lines += [image, "", f"**Figure {number}.** {_plain(picture.caption)}", ""]

    def listing(self, text: str) -> None:
        longest = max((len(run) for run in re.findall("`+", text)), default=0)
        fence = "`" * max(3, longest + 1)
        self.lines += [fence, text.rstrip("\n"), fence, ""]


def _plain(text: str) -> str:
    """Return text that means itself: no markup, no line break."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def as_markdown(document: Document, folder: str) -> tuple[str, dict[str, bytes]]:
    """Return a report as Markdown, and its figures by their names in a folder beside it.

    Parameters
    ----------
    document : Document
        From :func:`lupusim.report.document.content.document_of`.
    folder : str
        Name of the folder of the figures.
    """
    writer = _MarkdownWriter(folder)
    writer.lines += [MARK, "", f"# {_plain(document.title)}", "", _plain(document.subtitle), ""]
    for text in document.answer:
        writer.words(text, loud=False)
    for number, section in enumerate(document.sections, start=1):
        writer.lines += [f"## {number}. {_plain(section.title)}", ""]
        if section.items:
            writer.lines += [f"*ICH E20 draft: {_plain(section.items)}*", ""]
        for part in section.parts:
            part.write(writer)
    return "\n".join(writer.lines), writer.figures

"""The report as one HTML file: nothing is loaded from elsewhere, all text is escaped."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape
from importlib.resources import files

from lupusim.report.document.parts import Document, Picture, Section, Table
from lupusim.report.figures.style import as_svg

MARK = '<meta name="generator" content="lupusim report">'
"""Says what made the file."""

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
{mark}
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<header><h1>{title}</h1>
<p class="subtitle">{subtitle}</p>
</header>
<main>
{answer}
<nav aria-label="Contents"><h2>Contents</h2><ol>
{contents}</ol></nav>
{body}</main>
</body>
</html>
"""


_SHORT = 12  # rows of a table that no page of print divides
_NAME = 16  # letters beyond which what stands first in a row is a name that needs room


class _HtmlWriter:
    """Collects the parts as HTML, and numbers tables and figures."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.n_tables = self.n_figures = 0

    def words(self, text: str, *, loud: bool) -> None:
        kind = ' class="loud" role="note"' if loud else ""
        self.lines.append(f"<p{kind}>{escape(text)}</p>")

    def items(self, texts: Sequence[str]) -> None:
        each = "".join(f"<li>{escape(text)}</li>" for text in texts)
        self.lines.append(f"<ul>{each}</ul>")

    def table(self, table: Table) -> None:
        self.n_tables += 1
        short = " short" if len(table.rows) <= _SHORT else ""
        named = any(len(row[0]) > _NAME for row in table.rows)
        kind = "words" if table.wordy else "numbers named" if named else "numbers"
        sides = ["" if table.is_words(k) else ' class="n"' for k in range(len(table.head))]
        heads = zip(sides, table.head, strict=True)
        head = "".join(f'<th scope="col"{side}>{escape(name)}</th>' for side, name in heads)
        rows = "".join(_row(row, sides) for row in table.rows)
        self.lines.append(
            f'<div class="wide{short}" tabindex="0"><table class="{kind}">'
            f"<caption><b>Table {self.n_tables}.</b> {escape(table.caption)}</caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
        )

    def picture(self, picture: Picture) -> None:
        self.n_figures += 1
        content = base64.b64encode(as_svg(picture.figure)).decode("ascii")
        self.lines.append(
            f'<figure><img alt="{escape(picture.alternative)}" '
            f'src="data:image/svg+xml;base64,{content}">'
            f"<figcaption><b>Figure {self.n_figures}.</b> {escape(picture.caption)}</figcaption>"
            "</figure>"
        )

    def listing(self, text: str) -> None:
        self.lines.append(f"<pre>{escape(text)}</pre>")


def _row(row: Sequence[str], sides: Sequence[str]) -> str:
    first, *others = row
    each = zip(sides[1:], others, strict=True)
    cells = "".join(f"<td{side}>{escape(cell)}</td>" for side, cell in each)
    return f'<tr><th scope="row">{escape(first)}</th>{cells}</tr>\n'


def as_html(document: Document) -> str:
    """Return a report as one page that needs nothing else.

    Parameters
    ----------
    document : Document
        From :func:`lupusim.report.document.content.document_of`.
    """
    writer = _HtmlWriter()
    contents = ""
    for number, section in enumerate(document.sections, start=1):
        title = escape(section.title)
        contents += f'<li><a href="#section-{number}">{title}</a></li>\n'
        writer.lines.append(f'<section><h2 id="section-{number}">{number}. {title}</h2>')
        _write(section, writer)
        writer.lines.append("</section>")
    answer = "".join(f"<p>{escape(text)}</p>" for text in document.answer)
    return _PAGE.format(
        policy=_POLICY,
        mark=MARK,
        title=escape(document.title),
        subtitle=escape(document.subtitle),
        style=files(__package__).joinpath("report.css").read_text(encoding="utf-8"),
        answer=f'<div class="answer">{answer}</div>' if answer else "",
        contents=contents,
        body="\n".join(writer.lines) + "\n",
    )


def _write(section: Section, writer: _HtmlWriter) -> None:
    if section.items:
        writer.lines.append(f'<p class="items">ICH E20 draft: {escape(section.items)}</p>')
    for part in section.parts:
        part.write(writer)

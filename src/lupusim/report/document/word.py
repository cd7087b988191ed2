"""The report as a DOCX file: real headings, tables and captions."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from lupusim.report.document.parts import Document, Picture, Table, without_controls
from lupusim.report.document.seal import digest
from lupusim.report.figures.style import as_png

_WIDTH = 6.3  # inches between the margins
_SMALL = 8  # points, in tables
_MARGIN = 0.98  # inches
_LONGEST_TITLE = 255  # letters, in the properties of a file


class _WordWriter:
    """Adds the parts to a document of python-docx."""

    def __init__(self, target: Any) -> None:
        self.target = target

    def words(self, text: str, *, loud: bool) -> None:
        self.target.add_paragraph(without_controls(text), style="Intense Quote" if loud else None)

    def items(self, texts: Sequence[str]) -> None:
        for text in texts:
            self.target.add_paragraph(without_controls(text), style="List Bullet")

    def table(self, table: Table) -> None:
        self._caption("Table", table.caption, before=True)
        grid = self.target.add_table(rows=1, cols=len(table.head))
        grid.style = "Light List"
        _fill(grid.rows[0].cells, table.head, bold=True)
        _repeat_on_each_page(grid.rows[0])
        right = [not table.is_words(k) for k in range(len(table.head))]
        for row in table.rows:
            _fill(grid.add_row().cells, row, right=right)
        self.target.add_paragraph()

    def picture(self, picture: Picture) -> None:
        from docx.shared import Inches

        content = io.BytesIO(as_png(picture.figure))
        shape = self.target.add_picture(content, width=Inches(_WIDTH))
        shape._inline.docPr.set("descr", picture.alternative)
        self._caption("Figure", picture.caption)

    def listing(self, text: str) -> None:
        from docx.shared import Pt

        run = self.target.add_paragraph().add_run(without_controls(text))
        run.font.name, run.font.size = "Courier New", Pt(_SMALL)

    def _caption(self, kind: str, text: str, *, before: bool = False) -> None:
        """Add a caption whose number is a field, so that Word lists and renumbers it."""
        paragraph = self.target.add_paragraph(f"{kind} ", style="Caption")
        paragraph.paragraph_format.keep_with_next = before
        _sequence_number(paragraph, kind)
        paragraph.add_run(f". {without_controls(text)}")


def _fill(
    cells: Sequence[Any], texts: Sequence[str], *, bold: bool = False, right: Sequence[bool] = ()
) -> None:
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.shared import Pt

    for number, (cell, text) in enumerate(zip(cells, texts, strict=True)):
        paragraph = cell.paragraphs[0]
        run = paragraph.add_run(without_controls(text))
        run.font.size, run.bold = Pt(_SMALL), bold
        paragraph.paragraph_format.space_after = Pt(1)
        if number < len(right) and right[number]:
            paragraph.alignment = WD_ALIGN_PARAGRAPH.RIGHT


def _repeat_on_each_page(row: Any) -> None:
    from docx.oxml import OxmlElement

    row._tr.get_or_add_trPr().append(OxmlElement("w:tblHeader"))


def _sequence_number(paragraph: Any, kind: str) -> None:
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    count = sum(1 for p in paragraph._parent.paragraphs if p.text.startswith(f"{kind} "))
    field = OxmlElement("w:fldSimple")
    field.set(qn("w:instr"), f"SEQ {kind} \\* ARABIC")
    run, text = OxmlElement("w:r"), OxmlElement("w:t")
    text.text = str(count)
    run.append(text)
    field.append(run)
    paragraph._p.append(field)


def as_docx(document: Document) -> bytes:
    """Return a report as the content of a DOCX file.

    Parameters
    ----------
    document : Document
        From :func:`lupusim.report.document.content.document_of`.
    """
    import docx
    from docx.shared import Inches

    target = docx.Document()
    for side in ("left_margin", "right_margin"):
        setattr(target.sections[0], side, Inches(_MARGIN))
    about = target.core_properties
    about.title, about.author = without_controls(document.title)[:_LONGEST_TITLE], "lupusim"
    writer = _WordWriter(target)
    target.add_heading(without_controls(document.title), level=0)
    target.add_paragraph(without_controls(document.subtitle), style="Subtitle")
    for text in document.answer:
        writer.words(text, loud=False)
    for number, section in enumerate(document.sections, start=1):
        target.add_heading(f"{number}. {without_controls(section.title)}", level=1)
        if section.items:
            target.add_paragraph().add_run(f"ICH E20 draft: {section.items}").italic = True
        for part in section.parts:
            part.write(writer)
    about.comments = f"lupusim report, seal {digest(target.part.blob)}"
    content = io.BytesIO()
    target.save(content)
    return content.getvalue()

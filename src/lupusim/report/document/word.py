"""The report as a DOCX file: real headings, tables and captions."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from lupusim.report.document.parts import Document, Picture, Table, without_controls
from lupusim.report.document.seal import digest
from lupusim.report.figures.style import as_png

_PAGE = (8.27, 11.69)  # inches, A4
_MARGIN = 0.9  # inches
_WIDTH = _PAGE[0] - 2 * _MARGIN
_TEXT, _SMALL = 10, 8  # points, of the text and of tables
_LETTERS = 104  # of small text that fit beside each other between the margins
_PADDING = 4  # letters, beside each text of a table
_SHORT = 12  # rows that stay on one page
_LONGEST_TITLE = 255  # letters, in the properties of a file
_FONT = "Calibri"
_QUIET, _INK = "5A6169", "1A1D21"
_STYLES = {  # size in points, whether bold, color, points above and below
    "Normal": (_TEXT, False, _INK, 0, 6),
    "Title": (20, True, _INK, 0, 4),
    "Subtitle": (_TEXT, False, _QUIET, 0, 10),
    "Heading 1": (13, True, _INK, 18, 4),
    "Caption": (9, False, _QUIET, 6, 4),
    "Intense Quote": (_TEXT, True, "8A3B00", 6, 6),
}


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
        right = [not table.is_words(k) for k in range(len(table.head))]
        _fill(grid.rows[0].cells, table.head, bold=True, right=right)
        for row in table.rows:
            _fill(grid.add_row().cells, row, right=right)
        _lay_out(grid, table.widths(_LETTERS, padding=_PADDING))
        self.target.add_paragraph()

    def picture(self, picture: Picture) -> None:
        from docx.shared import Inches

        content = io.BytesIO(as_png(picture.figure))
        shape = self.target.add_picture(content, width=Inches(_WIDTH))
        self.target.paragraphs[-1].paragraph_format.keep_with_next = True
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


def _lay_out(grid: Any, widths: Sequence[int]) -> None:
    """Give columns their widths in letters, lines between rows, and rows that hold together."""
    from docx.shared import Inches

    grid.autofit = False
    for column, letters in zip(grid.columns, widths, strict=True):
        column.width = Inches(_WIDTH * letters / _LETTERS)
        for cell in column.cells:
            cell.width = column.width
    borders = _element("w:tblBorders")
    for side in ("top", "bottom", "insideH"):
        borders.append(_element(f"w:{side}", val="single", sz="4", color="BFC5CC"))
    grid._tbl.tblPr.append(borders)
    grid.rows[0]._tr.get_or_add_trPr().append(_element("w:tblHeader"))
    for number, row in enumerate(grid.rows, start=1):
        row._tr.get_or_add_trPr().append(_element("w:cantSplit"))
        if len(grid.rows) <= _SHORT and number < len(grid.rows):
            for cell in row.cells:
                cell.paragraphs[0].paragraph_format.keep_with_next = True


def _element(name: str, **values: str) -> Any:
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    made = OxmlElement(name)
    for key, value in values.items():
        made.set(qn(f"w:{key}"), value)
    return made


def _sequence_number(paragraph: Any, kind: str) -> None:
    count = sum(1 for p in paragraph._parent.paragraphs if p.text.startswith(f"{kind} "))
    _field(paragraph, f"SEQ {kind} \\* ARABIC", str(count))


def _field(paragraph: Any, code: str, shown: str) -> None:
    """Add what Word works out itself, with what it shows until then."""
    field, run, text = _element("w:fldSimple", instr=code), _element("w:r"), _element("w:t")
    text.text = shown
    run.append(text)
    field.append(run)
    paragraph._p.append(field)


def _empty() -> Any:
    """Return a document of A4 pages with numbers, and styles for its texts."""
    import docx
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.shared import Inches

    target = docx.Document()
    section = target.sections[0]
    section.page_width, section.page_height = map(Inches, _PAGE)
    for side in ("left_margin", "right_margin", "top_margin", "bottom_margin"):
        setattr(section, side, Inches(_MARGIN))
    foot = section.footer.paragraphs[0]
    foot.alignment = WD_ALIGN_PARAGRAPH.CENTER
    _field(foot, "PAGE", "1")
    for name, look in _STYLES.items():
        _restyle(target.styles[name], *look)
    return target


def _restyle(style: Any, size: int, bold: bool, color: str, above: int, below: int) -> None:
    from docx.oxml.ns import qn
    from docx.shared import Pt, RGBColor

    style.font.name, style.font.size, style.font.bold, style.font.italic = (
        _FONT, Pt(size), bold, False,
    )  # fmt: skip
    style.font.color.rgb = RGBColor.from_string(color)
    shape = style.paragraph_format
    shape.space_before, shape.space_after = Pt(above), Pt(below)
    fonts = style.element.rPr.rFonts
    for key in [key for key in fonts.attrib if "Theme" in key]:
        del fonts.attrib[key]  # or the font of a theme would win
    fonts.set(qn("w:cs"), _FONT)
    for unwanted in (*style.element.rPr.findall(qn("w:spacing")), *_borders_of(style)):
        unwanted.getparent().remove(unwanted)


def _borders_of(style: Any) -> list[Any]:
    from docx.oxml.ns import qn

    found = style.element.pPr
    return [] if found is None else [*found.findall(qn("w:pBdr"))]


def as_docx(document: Document) -> bytes:
    """Return a report as the content of a DOCX file.

    Parameters
    ----------
    document : Document
        From :func:`lupusim.report.document.content.document_of`.
    """
    target = _empty()
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
            items = target.add_paragraph()
            items.add_run(f"ICH E20 draft: {section.items}").italic = True
            items.paragraph_format.keep_with_next = True
        for part in section.parts:
            part.write(writer)
    about.comments = f"lupusim report, seal {digest(target.part.blob)}"
    content = io.BytesIO()
    target.save(content)
    return content.getvalue()

"""The report of a run: one content, written as HTML, Markdown, DOCX or PDF.

:func:`~lupusim.report.document.content.document_of` makes the content of a result;
:func:`~lupusim.report.document.files.write_report` writes it by the ending of the file.
"""

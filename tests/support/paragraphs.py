"""What a protocol says of one design."""

from __future__ import annotations

from lupusim.planning.runs.results import PointResult
from lupusim.report.document.protocol import design_paragraphs


def paragraph_of(point: PointResult) -> str:
    (said,) = design_paragraphs([("", point)])
    return said

"""A short validation of this installation, as a page that a quality department can file."""

from __future__ import annotations

from lupusim.report.selftest.comparison import Comparison
from lupusim.report.selftest.page import document_of, platform_rows
from lupusim.report.selftest.validation import GROUPS, Checked, validate

__all__ = ["GROUPS", "Checked", "Comparison", "document_of", "platform_rows", "validate"]

"""Write docs/reference/columns.md: every column of CSV and JSON with its unit."""

from __future__ import annotations

from pathlib import Path

from lupusim.report.columns import page

PAGE = Path(__file__).resolve().parents[1] / "docs/reference/columns.md"

if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")

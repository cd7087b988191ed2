"""The manual: pages of text, built into a site that works offline and served on this machine."""

from __future__ import annotations

from lupusim.report.manual.serving import serve
from lupusim.report.manual.site import SiteError, build, need_sphinx
from lupusim.report.manual.sources import root_of_pages

__all__ = ["SiteError", "build", "need_sphinx", "root_of_pages", "serve"]

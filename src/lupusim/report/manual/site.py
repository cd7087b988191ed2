"""The site: Sphinx reads the pages and writes HTML that loads nothing from elsewhere."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lupusim import __version__
from lupusim.errors import LupusimError
from lupusim.report.manual.policy import guard_pages
from lupusim.report.manual.sources import gather, root_of_pages

_OPTIONS: dict[str, Any] = {
    "project": "lupusim",
    "author": "the lupusim developers",
    "copyright": "the lupusim developers",
    "version": __version__,
    "release": __version__,
    "extensions": [
        "myst_parser",
        "sphinx.ext.autodoc",
        "sphinx.ext.napoleon",
        "lupusim.report.manual.formulas",
    ],
    "napoleon_google_docstring": False,
    "autodoc_typehints": "none",
    "toc_object_entries": False,
    "myst_enable_extensions": ["dollarmath", "deflist"],
    "myst_heading_anchors": 3,
    "html_theme": "furo",
    "html_title": f"lupusim {__version__}",
    "html_math_renderer": "mathml",
    "html_static_path": ["_static"],
    "html_css_files": ["site.css"],
    "html_copy_source": False,
    "html_show_sourcelink": False,
    "html_show_sphinx": False,
    "html_theme_options": {"top_of_page_buttons": []},
    "smartquotes": False,  # of commands' options they make dashes
}
_FULL = re.compile(rf"(?:Errno |OSError\(){errno.ENOSPC}\b")
_FLAGS = ("--builder", "html", "--fail-on-warning", "--keep-going", "--quiet", "--no-color")


class SiteError(LupusimError):
    """The site was not built: something in the pages is wrong."""


def need_sphinx() -> None:
    """Raise unless what builds the site is installed.

    Raises
    ------
    ValueError
        It says what to install.
    """
    if any(find_spec(name) is None for name in ("sphinx", "myst_parser", "furo")):
        raise ValueError('the manual needs more: pip install "lupusim[docs]"')


def build(folder: Path, *, root: Path | None = None) -> Path:
    """Build the site; every warning is an error.

    Parameters
    ----------
    folder : Path
        Where the site is written, made if need be.
    root : Path or None
        Folder with ``docs`` and ``notebooks``; None for lupusim's own.

    Returns
    -------
    Path
        Its first page.

    Raises
    ------
    SiteError
        If the generator warns of anything; it says of what.
    OSError
        If there is no room for it.
    ValueError
        If the generator is not installed.
    """
    need_sphinx()
    with tempfile.TemporaryDirectory(prefix="lupusim-docs-") as scratch:
        pages = Path(scratch) / "pages"
        pages.mkdir()
        gather(root or root_of_pages(), pages)
        options = "".join(f"{name} = {value!r}\n" for name, value in _OPTIONS.items())
        (pages / "conf.py").write_text(options, encoding="utf-8")
        kept = str(Path(scratch) / "doctrees")
        # A process of its own: Sphinx keeps what it registers for as long as the process lives.
        done = subprocess.run(
            [sys.executable, "-P", "-m", "sphinx", *_FLAGS, "-d", kept, str(pages), str(folder)],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "TMPDIR": scratch},
        )
    if done.returncode and _FULL.search(done.stderr):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
    if done.returncode:
        raise SiteError(f"the pages of the manual have faults:\n{_faults(done.stderr, pages)}")
    guard_pages(folder)
    return folder / "index.html"


def _faults(said: str, pages: Path) -> str:
    """Return what the generator warns of, with names of pages in place of paths."""
    return said.replace(f"{pages.resolve()}/", "").replace(f"{pages}/", "").strip()

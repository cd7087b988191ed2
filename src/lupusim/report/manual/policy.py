"""What the manual's pages may do: run their own scripts, known by their digests, and no others."""

from __future__ import annotations

import hashlib
import re
from base64 import b64encode
from pathlib import Path

_HEAD = re.compile(r"<head>\s*(?:<meta charset=[^>]*>)?")  # stays among the first 1024 bytes
_INLINE = re.compile(r"<script(?![^>]*\bsrc=)[^>]*>(.*?)</script>", re.DOTALL)
_POLICY = (
    "default-src 'none'; script-src {scripts}; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'"
)


def guard_pages(folder: Path) -> None:
    """Write a content security policy into every page of a site."""
    for path in sorted(folder.rglob("*.html")):
        text = path.read_text(encoding="utf-8")
        path.write_text(guarded(text), encoding="utf-8")


def guarded(page: str) -> str:
    """Return a page with a policy that fits it.

    Parameters
    ----------
    page : str
        HTML of a page whose scripts are files beside it, or stand in it.

    Raises
    ------
    ValueError
        If the page has no head to hold it.

    Examples
    --------
    >>> guarded("<head></head>")[:60]
    '<head><meta http-equiv="Content-Security-Policy" content="de'
    """
    head = _HEAD.search(page)
    if head is None:
        raise ValueError("the page has no <head>, so that no policy can be set")
    digests = (hashlib.sha256(script.encode()).digest() for script in _INLINE.findall(page))
    scripts = " ".join(["'self'", *(f"'sha256-{b64encode(d).decode()}'" for d in digests)])
    policy = _POLICY.format(scripts=scripts)
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    return f"{page[: head.end()]}{meta}{page[head.end() :]}"

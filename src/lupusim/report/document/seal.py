"""A seal at the end of a file that lupusim wrote: it breaks when anything before it is changed."""

from __future__ import annotations

import hashlib
import re

_SEAL = re.compile(rb"\n(?:<!-- |%)lupusim report, seal ([0-9a-f]{32})(?: -->)?\n\Z")


def digest(content: bytes) -> str:
    """Return what a seal says of the content before it.

    Examples
    --------
    >>> len(digest(b"a report"))
    32
    """
    return hashlib.blake2b(content, digest_size=16).hexdigest()


def sealed(content: bytes, begin: bytes = b"<!-- ", end: bytes = b" -->") -> bytes:
    """Return content with a seal behind it, which is a comment in its language.

    Parameters
    ----------
    content : bytes
        Of a file.
    begin, end : bytes
        Of a comment; the default is that of HTML, SVG and Markdown.

    Examples
    --------
    >>> is_sealed(sealed(b"a report")), is_sealed(sealed(b"a report").replace(b"a", b"my"))
    (True, False)
    """
    seal = b"lupusim report, seal " + digest(content).encode()
    return content + b"\n" + begin + seal + end + b"\n"


def is_sealed(content: bytes) -> bool:
    """Return whether content is as it was sealed."""
    found = _SEAL.search(content[-100:])
    if found is None:
        return False
    before = content[: len(content) - len(found[0])]
    return digest(before).encode() == found[1]

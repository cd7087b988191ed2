"""What a misspelled name was meant to be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

_MEANT = {
    "date": "calendar_time",
    "hr": "hazard_ratio",
    "n": "sample_size",
    "size": "sample_size",
}
"""What people call a name of ours that looks otherwise."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a sentence that helps: the nearest valid name, or all of them.

    Near is also what differs in case, hyphens and spaces alone, or has the initials only.

    Examples
    --------
    >>> nearest("CMH", ["logrank", "cochran_mantel_haenszel"])
    "Did you mean 'cochran_mantel_haenszel'?"
    """
    names = list(known)
    if found := near(name, names):
        return f"Did you mean {found[0]!r}?"
    return f"Valid: {', '.join(names) or 'none'}."


def near(name: str, names: Sequence[str]) -> list[str]:
    """Return the valid name that is meant by another, as far as one can tell.

    Examples
    --------
    >>> near("samplesize", ["sample_size", "arms"]), near("n", ["sample_size"]), near("x", ["arms"])
    (['sample_size'], ['sample_size'], [])
    """
    plain = {_plain(other): other for other in names}
    called = [n for n in names if n == _MEANT.get(name.lower())]
    match = called or get_close_matches(name, names, n=1)
    match = match or [plain[other] for other in get_close_matches(_plain(name), plain, n=1)]
    return match or [n for n in names if "_" in n and _initials(n) == name.lower()][:1]


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


def _initials(name: str) -> str:
    return "".join(word[:1] for word in name.split("_"))

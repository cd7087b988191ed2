"""Where a number of a scenario comes from, and that what stands in for a source is none."""

from __future__ import annotations

import re
from collections.abc import Mapping

NO_SOURCE = "assumption (no source stated)"
_STAND_IN = re.compile(
    r"\W*(?:say here.*|an? assumption|assumption|assumed|todo\b.*|tbd|to be (?:added|stated).*|"
    r"none|unknown|source|n/?a|x+)?\W*",
    re.IGNORECASE | re.DOTALL,
)


def source_in_words(words: str) -> str:
    """Return a source in one line; of what only stands in for one that there is none.

    Examples
    --------
    >>> source_in_words("say here where your numbers come from: assumption")
    'assumption (no source stated)'
    >>> source_in_words("BLISS-52: 17 to 21 % in a year")
    'BLISS-52: 17 to 21 % in a year'
    """
    line = " ".join(words.split())
    return NO_SOURCE if _STAND_IN.fullmatch(line) else line


def source_of(sources: Mapping[str, str], *keys: str) -> str:
    """Return the sources stated at some keys or below, at the first that has one.

    Parameters
    ----------
    sources : mapping of str to str
        By the key that each stands under; ``scenario`` for the whole file.
    *keys : str
        Where the number stands, the nearest first.
    """
    for key in (*keys, "scenario"):
        found = [w for place, w in sources.items() if place == key or place.startswith(f"{key}.")]
        if found:
            return "; ".join(dict.fromkeys(map(source_in_words, found)))
    return NO_SOURCE

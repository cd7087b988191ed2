"""Write docs/reference/mutants.md: how many mutants the tests noticed, and what of the others.

Reads answers of ``scripts/mutants.py`` and what was judged of survivors, in
``scripts/survivors.tsv``: file, change, and why it cannot be noticed, or "asked now by" a test:

    python scripts/mutants_page.py build/mutants1.txt ... [--again build/again1.txt ...]
"""

from __future__ import annotations

import argparse
import math
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
PAGE = TOP / "docs" / "reference" / "mutants.md"
JUDGED = TOP / "scripts" / "survivors.tsv"
_LINE = re.compile(r"\d+/\d+ (killed|SURVIVED) src/lupusim/(\w+)/(\S+?):(\d+) (`.*`) \(\d+ tests\)")
_ASKED = "asked now by"
_HEAD = """# How well the tests bite

`scripts/mutants.py` changes one place of `model`, `engines`, `endpoints`, `analysis` or
`simulation`, drawn at random, and runs the quick tests that reach it, in a process of its own. A
mutant is killed if a test fails or does not end. What is changed, as in mutmut and cosmic-ray: one
operator of arithmetic, comparison, membership, identity or logic, a sign, or the condition of an
`if`. What is not: annotations, what an error says, constants of a module, defaults, and numbers.
At most a minute of tests is spent on each, and the long suite is not asked, so that a survivor may
still be noticed by others. Anyone can draw again:

    python scripts/mutants.py --seed 1 --n 200 > build/mutants1.txt
    python scripts/mutants_page.py build/mutants1.txt

(the first call of the first line notes which tests reach what, in minutes, and says so). Last
drawn: {n} of {n_places} places; in brackets 95 % limits. {note}

"""
_JUDGED = """
Every survivor was read. Some change nothing that can be asked for, such as `<` for `<=` where
equality has no probability, or another step of a search that ends at the same root: they stand
below with the reason, and count in the fourth column as not killed, in the last one not at all.
The others were holes in the quick tests when the sample was drawn.
"""

Row = tuple[bool, str, str, str, str]


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description="Write the page of mutants.")
    parser.add_argument("answers", nargs="+", type=Path)
    parser.add_argument("--again", nargs="*", type=Path, default=[], help="survivors, tried again")
    parser.add_argument("--note", default="", help="a sentence about this sample")
    asked = parser.parse_args()
    answers, again = (_text(files) for files in (asked.answers, asked.again))
    later = {row[1:] for row in _rows(again) if row[0]}
    rows = [(row[0] or row[1:] in later, *row[1:]) for row in _rows(answers)]
    reasons = dict(_judgments())
    n_places = max(int(one) for one in re.findall(r"killed; (\d+) places", answers))
    head = _HEAD.format(n=len(rows), n_places=n_places, note=asked.note)
    PAGE.write_text(head + "\n".join(_page(rows, reasons)) + "\n", encoding="utf-8")
    print(f"{PAGE} is written")


def _text(files: list[Path]) -> str:
    return "".join(file.read_text(encoding="utf-8") for file in files)


def _rows(text: str) -> Iterator[Row]:
    """Yield whether each mutant was killed, its package, file, line and change."""
    for found in _LINE.finditer(text):
        yield found[1] == "killed", found[2], found[3], found[4], found[5]


def _judgments() -> Iterator[tuple[tuple[str, str], str]]:
    for line in JUDGED.read_text(encoding="utf-8").splitlines():
        file, change, reason = line.split("\t")
        yield (file, change), reason


def _page(rows: list[Row], reasons: dict[tuple[str, str], str]) -> Iterator[str]:
    lived = sorted(
        (f"{room}/{file}", int(line), change, reasons.get((f"{room}/{file}", change), ""))
        for killed, room, file, line, change in rows
        if not killed
    )
    idle = [one for one in lived if one[3] and not one[3].startswith(_ASKED)]
    tried = Counter(row[1] for row in rows)
    killed = Counter(row[1] for row in rows if row[0])
    nothing = Counter(one[0].partition("/")[0] for one in idle)
    yield "| package | tried | killed | of all | change nothing | of the others |"
    yield "|---|---|---|---|---|---|"
    for room in sorted(tried):
        yield _row(room, tried[room], killed[room], nothing[room])
    yield _row("all", tried.total(), killed.total(), nothing.total())
    yield _JUDGED
    yield from _listed("What changes nothing", idle)
    yield from _listed("What no quick test noticed", [one for one in lived if one not in idle])


def _row(room: str, tried: int, killed: int, nothing: int) -> str:
    shares = f"{_share(killed, tried)} | {nothing} | {_share(killed, tried - nothing)}"
    return f"| {room} | {tried} | {killed} | {shares} |"


def _listed(title: str, some: list[tuple[str, int, str, str]]) -> Iterator[str]:
    yield from (f"## {title}", "", "| where | change | judged |", "|---|---|---|")
    for file, line, change, reason in some:
        yield f"| {file}:{line} | {change.replace('|', chr(92) + '|')} | {reason} |"
    yield ""


def _share(k: int, n: int) -> str:
    """Return a share with Wilson's 95 % limits."""
    if n == 0:
        return ""
    z = 1.959963984540054
    middle, reach = (
        (k + z**2 / 2) / (n + z**2),
        z * math.sqrt(k * (n - k) / n + z**2 / 4) / (n + z**2),
    )
    return f"{100 * k / n:.0f} % ({100 * (middle - reach):.0f} to {100 * (middle + reach):.0f})"


if __name__ == "__main__":
    main()

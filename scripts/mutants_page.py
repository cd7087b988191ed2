"""Write docs/mutants.md: how many mutants the tests noticed, and what was judged of the others.

Reads answers of ``scripts/mutants.py`` and the judgments in ``scripts/survivors.tsv`` (file,
change, reason: what cannot be noticed, and why):

    python scripts/mutants_page.py build/mutants1.txt ...
"""

from __future__ import annotations

import math
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

TOP = Path(__file__).resolve().parents[1]
PAGE = TOP / "docs" / "mutants.md"
JUDGED = TOP / "scripts" / "survivors.tsv"
_LINE = re.compile(r"\d+/\d+ (killed|SURVIVED) src/lupusim/(\w+)/(\S+?):(\d+) (`.*`) \(\d+ tests\)")
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

(the first call of the first line notes which tests reach what, in minutes, and says so).

"""
_JUDGED = """
Every survivor was read. Some changes change nothing that can be asked for, such as `<` for `<=`
where equality has no probability, or a step in a search that ends at the same root. They stand
below with the reason. The others are holes in the tests.
"""

Row = tuple[bool, str, str, str, str]


def main() -> None:
    """Write the page."""
    texts = [Path(name).read_text(encoding="utf-8") for name in sys.argv[1:]]
    if not texts:
        sys.exit("Name answers of scripts/mutants.py: see the head of this file.")
    rows = [row for text in texts for row in _rows(text)]
    reasons = dict(_judgments())
    PAGE.write_text(_HEAD + "\n".join(_page(rows, reasons)) + "\n", encoding="utf-8")
    print(f"{PAGE} is written")


def _rows(text: str) -> Iterator[Row]:
    """Yield whether each mutant was killed, its package, file, line and change."""
    for found in _LINE.finditer(text):
        yield found[1] == "killed", found[2], found[3], found[4], found[5]


def _judgments() -> Iterator[tuple[tuple[str, str], str]]:
    for line in JUDGED.read_text(encoding="utf-8").splitlines():
        file, change, reason = line.split("\t")
        yield (file, change), reason


def _page(rows: list[Row], reasons: dict[tuple[str, str], str]) -> Iterator[str]:
    tried = Counter(room for _, room, *_ in rows)
    killed = Counter(room for yes, room, *_ in rows if yes)
    lived = sorted(
        {(f"{room}/{file}", int(line), change) for yes, room, file, line, change in rows if not yes}
    )
    idle = Counter(
        room
        for yes, room, file, _, change in rows
        if not yes and (f"{room}/{file}", change) in reasons
    )
    yield "| package | tried | killed | of these | changes nothing | of what could be noticed |"
    yield "|---|---|---|---|---|---|"
    for room in (*sorted(tried), "all"):
        n, k, e = (
            sum(one.values()) if room == "all" else one[room] for one in (tried, killed, idle)
        )
        yield f"| {room} | {n} | {k} | {_share(k, n)} | {e} | {_share(k, n - e)} |"
    yield _JUDGED
    for title, known in (("What changes nothing", True), ("What no quick test noticed", False)):
        some = [one for one in lived if ((one[0], one[2]) in reasons) is known]
        if some:
            yield from (
                f"## {title}",
                "",
                "| where | change | why |" if known else "| where | change |",
            )
            yield "|---|---|---|" if known else "|---|---|"
        for file, line, change in some:
            said = f" {reasons[file, change]} |" if known else ""
            yield f"| {file}:{line} | {_cell(change)} |{said}"
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


def _cell(change: str) -> str:
    return change.replace("|", "\\|")


if __name__ == "__main__":
    main()

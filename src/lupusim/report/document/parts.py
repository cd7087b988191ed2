"""What a report is made of, whatever file it is written to."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from lupusim.common.frozen import dataclass

if TYPE_CHECKING:
    from matplotlib.figure import Figure


_WORD = re.compile(r"(?!none|below|above)[^\W\d_]{3,}")  # not what stands beside a number


def without_controls(text: str) -> str:
    r"""Return text without what no file can hold as text: control characters, halves of letters.

    Spaces and joiners of any script stay, which are part of a name.

    Examples
    --------
    >>> without_controls("a\x00b\u200cc\td")
    'ab\u200cc\td'
    """
    return "".join(letter for letter in text if letter in "\n\t" or _is_text(letter))


def _is_text(letter: str) -> bool:
    return unicodedata.category(letter) not in ("Cc", "Cs") and letter not in "\ufffe\uffff"


class Writer(Protocol):
    """Writes the parts of a report into a kind of file."""

    def words(self, text: str, *, loud: bool) -> None:
        """Write a paragraph; a loud one stands out."""
        ...

    def items(self, texts: Sequence[str]) -> None:
        """Write a list."""
        ...

    def table(self, table: Table) -> None:
        """Write a table with its caption."""
        ...

    def picture(self, picture: Picture) -> None:
        """Write a picture with its caption."""
        ...

    def listing(self, text: str) -> None:
        """Write text as it is, in a fixed pitch."""
        ...


class Part(Protocol):
    """A part of a section."""

    def write(self, writer: Writer) -> None:
        """Have itself written."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """A paragraph; `loud` where a reader must not miss it."""

    text: str
    loud: bool = False

    def write(self, writer: Writer) -> None:
        """Have itself written."""
        writer.words(self.text, loud=self.loud)


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """A list."""

    texts: tuple[str, ...]

    def write(self, writer: Writer) -> None:
        """Have itself written."""
        writer.items(self.texts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Rows of text under headings; the first column names the row."""

    caption: str  # what it shows
    head: tuple[str, ...]  # headings of the columns
    rows: tuple[tuple[str, ...], ...]  # as wide as the head
    wordy: bool = False  # whether all columns hold words, not numbers

    def __post_init__(self) -> None:
        if any(len(row) != len(self.head) for row in self.rows):
            raise ValueError(f"rows of table {self.caption!r} must be as wide as its head")

    def is_words(self, column: int) -> bool:
        """Return whether a column holds words, which stand on the left, or numbers."""
        if self.wordy or column == 0:
            return True
        wordy = sum(bool(_WORD.search(row[column])) for row in self.rows)
        return 2 * wordy > len(self.rows)

    def natural_widths(self) -> list[int]:
        """Return how many letters the longest text of each column has."""
        return [max(map(len, column)) for column in zip(self.head, *self.rows, strict=True)]

    def widths(self, room: int, *, padding: int = 0) -> list[int]:
        """Return letters for each column that do not exceed a room together.

        Columns of short texts have what they need; the rest is shared by the others, in lines,
        and no word is divided that has room. What is left goes to the last column of words.

        Examples
        --------
        >>> Table(caption="", head=("a", "b"), rows=(("c", "d " * 45),)).widths(40)
        [1, 39]
        >>> Table(caption="", head=("a " * 25, "b", "c " * 25), rows=()).widths(41)
        [20, 1, 20]
        >>> Table(caption="", head=("a", "b"), rows=(), wordy=True).widths(40)
        [1, 39]
        """
        columns = [*zip(self.head, *self.rows, strict=True)]
        words = [max(len(w) for text in column for w in text.split() or "") for column in columns]
        wanted = [width + padding for width in self.natural_widths()]
        given, left = dict[int, int](), room
        for number, column in enumerate(sorted(range(len(wanted)), key=wanted.__getitem__)):
            fair = max(left // (len(wanted) - number), words[column] + padding)
            given[column] = max(1, min(wanted[column], fair))
            left -= given[column]
        if self.wordy:
            given[len(wanted) - 1] += max(left, 0)
        over = max(1.0, sum(given.values()) / room)
        return [int(given[column] / over) or 1 for column in range(len(wanted))]

    def write(self, writer: Writer) -> None:
        """Have itself written."""
        writer.table(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A figure, what it shows, and what somebody must know who can't see it."""

    caption: str
    alternative: str
    figure: Figure

    def write(self, writer: Writer) -> None:
        """Have itself written."""
        writer.picture(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """Text as it is, such as a file."""

    text: str

    def write(self, writer: Writer) -> None:
        """Have itself written."""
        writer.listing(self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A heading with what stands below it."""

    title: str
    parts: tuple[Part, ...]  # in their order
    items: str = ""  # which items of the ICH E20 draft are answered there; empty for none


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A report."""

    title: str
    subtitle: str
    """`title` and `subtitle`: of the whole."""
    answer: tuple[str, ...]  # what it says, in a few sentences
    sections: tuple[Section, ...]  # in their order

"""Tables of answers that fit the width they are printed at, whatever that is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

_FRAME = 3  # of each column: its line and two spaces
_EDGE = 1


class AnswerTable:
    """Rows of an answer: as a table where that fits, else one below the other.

    In a table errors stand in brackets behind their numbers, or below them if that makes it fit.

    Built as a table of rich is, by :meth:`add_column` and :meth:`add_row`. Title and caption are
    lines of their own, as wide as what it is printed at; no number is ever cut or broken.
    """

    def __init__(self, title: str, caption: str = "") -> None:
        self.title, self.caption = title, caption
        self._columns: list[tuple[str, bool]] = []
        self._rows: list[tuple[str, ...]] = []

    def add_column(self, name: str, *, justify: str = "left") -> None:
        """Add a column; numbers are justified ``right``, and stand in one line."""
        self._columns.append((name, justify == "right"))

    def add_row(self, *cells: str) -> None:
        """Add a row: a cell for each column."""
        self._rows.append(cells)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the title, the rows in the form that fits, and the caption."""
        del console
        yield Text(self.title)
        forms = (one._fitted(options.max_width) for one in (self, self._with_errors_below()))
        table = next((form for form in forms if form is not None), None)
        if table is not None:
            yield table
        else:
            yield from map(Text, self._lines())
        if self.caption:
            yield Text(self.caption)

    def _with_errors_below(self) -> AnswerTable:
        """Return the same with what stands in brackets in a line of its own below its number."""
        made = AnswerTable(self.title, self.caption)
        made._columns = self._columns
        for row in self._rows:
            cells = zip(row, self._columns, strict=True)
            made.add_row(*(c.replace(" (", "\n(") if number else c for c, (_, number) in cells))
        return made

    def _fitted(self, width: int) -> Table | None:
        """Return a table that fits a width; None if there is none."""
        widths = [self._narrowest(position) for position in range(len(self._columns))]
        room = width - sum(widths) - _FRAME * len(widths) - _EDGE
        return None if room < 0 else self._table(self._widened(widths, room))

    def _narrowest(self, position: int) -> int:
        """Return the characters that a column needs: of words the longest, of numbers all."""
        name, in_one_line = self._columns[position]
        cells = [row[position] for row in self._rows]
        split = str.splitlines if in_one_line else str.split
        parts = [part for cell in cells for part in split(cell)]
        return max(map(len, [*name.split(), *parts]), default=0)

    def _widened(self, widths: list[int], room: int) -> list[int]:
        """Return widths with so many more characters, to heads of numbers first, then to words."""
        made = list(widths)
        for position in sorted(range(len(made)), key=lambda k: not self._columns[k][1]):
            cells = [self._columns[position][0], *(row[position] for row in self._rows)]
            longest = max(len(line) for cell in cells for line in cell.splitlines() or [""])
            more = min(max(longest - made[position], 0), room)
            made[position], room = made[position] + more, room - more
        return made

    def _table(self, widths: list[int]) -> Table:
        table = Table(show_header=any(name for name, _ in self._columns))
        for (name, is_number), width in zip(self._columns, widths, strict=True):
            table.add_column(
                Text(name),
                justify="right" if is_number else "left",
                width=width,
                overflow="fold",
            )
        for row in self._rows:
            table.add_row(*map(Text, row))
        return table

    def _lines(self) -> Iterator[str]:
        """Yield a line for each cell that is not empty, and one between rows."""
        names = [name for name, _ in self._columns]
        for row in self._rows:
            yield ""
            for name, cell in zip(names, row, strict=True):
                if cell:
                    told = " ".join(cell.splitlines())
                    yield f"{name}: {told}" if name else told
        yield ""

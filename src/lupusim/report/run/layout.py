"""A table of quantities by design that fits the width it is given, and drops nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from textwrap import wrap

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from lupusim.common.frozen import dataclass
from lupusim.planning.runs.results import RunResult
from lupusim.report.words.paths import last_steps, naming, steps_in_words
from lupusim.trial.scenario import label, shown

_WIDEST_LABEL = 48
_NARROWEST_LABEL = 22
_WIDEST_HEADING = 30
_FRAME = 3  # characters around the text of a column
_EDGE = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Headings:
    """What the designs of a run are called in its tables."""

    names: tuple[str, ...]
    """Of each design: what varies, each path by its last step where that is enough, or a number
    where that would be too long."""
    key: tuple[str, ...]  # what the short names mean; empty where they say it all
    corner: str  # what stands above the labels of rows: what varies, one to a line
    tops: tuple[str, ...]  # what stands above each design's column: its values, one to a line


def headings(result: RunResult) -> Headings:
    """Return what each design point is called."""
    texts = [[str(shown(value)) for value in point.values.values()] for point in result.points]
    if max((len(text) for values in texts for text in values), default=0) <= _WIDEST_HEADING:
        return Headings(
            names=tuple(short_label(point.values, between="\n") for point in result.points),
            key=tuple(_paths(result)),
            corner="\n".join(last_steps(result.points[0].values).values()) if texts else "",
            tops=tuple("\n".join(values) for values in texts),
        )
    names = tuple(f"design {number}" for number in range(1, len(texts) + 1))
    said = (label(point.values) for point in result.points)
    key = tuple(map(": ".join, zip(names, said, strict=True)))
    return Headings(names=names, key=key, corner="", tops=names)


def _paths(result: RunResult) -> Iterator[str]:
    if result.points:
        called = naming(result.scenario)
        yield from map(": ".join, steps_in_words(result.points[0].values, called))


def short_label(values: Mapping[str, object], *, between: str = "") -> str:
    """Return what distinguishes a design, each path by its last step where that is enough.

    Between its parts stands a comma, or a semicolon where names have commas.

    Examples
    --------
    >>> short_label({"arms.msc.outcomes.response": "55 %", "sample_size": 120})
    'response = 55 %, sample_size = 120'
    """
    steps = last_steps(values)
    between = between or ("; " if any("," in step for step in steps.values()) else ", ")
    return label({steps[path]: value for path, value in values.items()}, between=between)


_NOTES = {
    "sd: spread from trial to trial": ("sd of ", ", sd "),
    "(0): no spread between trials": ("(0)",),
}
"""What a caption explains, and by which marks a text needs it."""


def _notes(texts: Iterable[str]) -> str:
    """Return what a caption explains of the texts of its table."""
    told = tuple(texts)
    needed = (
        note for note, marks in _NOTES.items() if any(mark in t for t in told for mark in marks)
    )
    return "".join(f"; {note}" for note in needed)


def in_order(columns: Sequence[Iterable[str]]) -> list[str]:
    """Return the rows of all columns; what one alone has stands before the row that follows there.

    Examples
    --------
    >>> in_order([["power (mmrm)", "months"], ["power (ancova)", "months"]])
    ['power (mmrm)', 'power (ancova)', 'months']
    """
    rows: list[str] = []
    for column in columns:
        place = len(rows)
        for row in reversed(list(column)):
            if row in rows:
                place = rows.index(row)
            else:
                rows.insert(place, row)
    return rows


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedTable:
    """Rows of quantities and columns of designs, as many beside each other as fit."""

    title: str  # stands above the first block
    caption: str  # stands below the last
    headings: Headings  # what the designs are called
    columns: Sequence[Mapping[str, str]]
    """For each design the text of each row; a row that a design lacks is empty."""
    overview: Sequence[Mapping[str, str]] = ()
    """For each design what stands in its row, where they would not fit beside each other; none for
    blocks of columns."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield one table, or several where one would not fit."""
        del console
        blocks = list(self._blocks(options.max_width))
        names = self._names_that_fit(options.max_width) if len(blocks) > 1 else []
        if names:
            yield self._rows(names, options.max_width)
            return
        for number, block in enumerate(blocks):
            table = self._table(block, options.max_width)
            table.title = Text(self.title) if number == 0 else None
            told = (text for column in self.columns for row in column.items() for text in row)
            caption = Text(f"{self.caption}{_notes(told)}")
            table.caption = caption if number == len(blocks) - 1 else None
            yield table

    def _names_that_fit(self, width: int) -> list[str]:
        """Return the columns of a table with a row for each design; none where it is too wide.

        Where they do not all fit, their headings take several lines; where that is not enough,
        some that are the same in every design stand below instead.
        """
        names = list(dict.fromkeys(name for row in self.overview for name in row))
        if self.headings.corner == "sample_size" and "patients" in names:
            names.remove("patients")  # it stands in the first column
        for name in self._same_in_all() if names else ():
            if name in names and self._rows_width(names, self._broken) > width:
                names.remove(name)
        return names if names and self._rows_width(names, self._broken) <= width else []

    def _same_in_all(self) -> dict[str, str]:
        """Return what is the same in every design."""
        first, *others = self.overview
        return {n: cell for n, cell in first.items() if all(r.get(n) == cell for r in others)}

    def _rows_width(self, names: Sequence[str], heading: Callable[[str], str] = str) -> int:
        """Return the characters that a row for each design needs, with headings so written."""
        called = zip(*self._called(), strict=True)
        widths = [max(map(len, column)) for column in called]
        for name in names:
            widths.append(max(self._cell_width(name), *map(len, heading(name).split("\n"))))
        return sum(widths) + _FRAME * len(widths) + _EDGE

    def _cell_width(self, name: str) -> int:
        """Return the characters of the longest cell of a column."""
        return max(len(row.get(name, "")) for row in self.overview)

    def _broken(self, name: str) -> str:
        """Return a heading in as many lines as make its column no wider than it must be."""
        longest = max(map(len, name.split()))
        return "\n".join(wrap(name, max(longest, self._cell_width(name)), break_on_hyphens=False))

    def _called(self) -> list[list[str]]:
        """Return what varies, and the values of each design, a column for each that varies."""
        return [words.split("\n") for words in (self.headings.corner, *self.headings.tops)]

    def _rows(self, names: Sequence[str], width: int) -> Table:
        """Return a row for each design."""
        heading = str if self._rows_width(names) <= width else self._broken
        left = {n: cell for n, cell in self._same_in_all().items() if n not in names}
        if self.headings.corner == "sample_size":
            left.pop("patients", None)
        same = "".join(f"; {name} in each: {cell}" for name, cell in left.items())
        notes = _notes(cell for row in self.overview for cell in row.values())
        caption = Text(f"{self.caption}{notes}{same}; --details: all rows")
        table = Table(title=Text(self.title), caption=caption)
        varied, *values = self._called()
        for name in varied:
            table.add_column(Text(name), no_wrap=True)
        for name in names:
            table.add_column(Text(heading(name)), justify="right", no_wrap=True)
        for own, row in zip(values, self.overview, strict=True):
            table.add_row(*map(Text, own), *(Text(row.get(name, "")) for name in names))
        return table

    def _width(self, position: int) -> int:
        """Return the characters that the longest line of a design's column has."""
        texts = (self.headings.tops[position], *self.columns[position].values())
        return max(len(line) for text in texts for line in text.split("\n"))

    def _label_width(self, block: Sequence[int], width: int) -> int:
        """Return how wide the labels beside some designs may be."""
        longest = max((len(row) for column in self.columns for row in column), default=0)
        taken = sum(self._width(position) + _FRAME for position in block) + _FRAME + _EDGE
        return max(1, min(longest, _WIDEST_LABEL, width - taken))

    def _blocks(self, width: int) -> Iterator[list[int]]:
        """Yield the positions of the designs that stand beside each other."""
        block: list[int] = []
        varied = max(map(len, self.headings.corner.split("\n")))  # above the labels
        used = start = max(_NARROWEST_LABEL, min(varied, _WIDEST_LABEL)) + _FRAME + _EDGE
        for position in range(len(self.columns)):
            needed = self._width(position) + _FRAME
            if block and used + needed > width:
                yield block
                block, used = [], start
            block.append(position)
            used += needed
        yield block

    def _table(self, block: Sequence[int], width: int) -> Table:
        table = Table(show_header=bool(self.headings.corner or any(self.headings.tops)))
        label_width = self._label_width(block, width)
        table.add_column(Text(self.headings.corner), min_width=label_width, overflow="fold")
        for position in block:
            top = Text(self.headings.tops[position])
            table.add_column(top, justify="right", overflow="fold")
        for row in in_order(self.columns):
            cells = [self.columns[position].get(row, "") for position in block]
            if any(cells):
                table.add_row(Text(row), *map(Text, cells))
        return table

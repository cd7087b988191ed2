"""What every page has: the bar at its top, headings, tables, and the command at its foot."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from nicegui import ui

from lupusim.app.drawing.theme import REMEMBER_THEME, STYLE, TOGGLE_THEME
from lupusim.errors import Problem

PAGES = (
    ("Start", "/"),
    ("Disease", "/disease"),
    ("Evidence", "/evidence"),
    ("Design", "/design"),
    ("Run", "/run"),
    ("Compare", "/compare"),
    ("Report", "/report"),
)


_WORD = re.compile(r" *[^ ]+ ?")  # of a command, with the blanks around it


@contextmanager
def page(here: str, heading: str, lead: str = "") -> Iterator[ui.label]:
    """Draw the frame of a page around what is drawn inside; give its heading, to be changed."""
    ui.page_title(f"{heading} · lupusim")
    ui.add_css(STYLE)
    ui.add_head_html(REMEMBER_THEME)
    ui.dark_mode(None)
    with ui.element("header").classes("bar"):
        ui.link("lupusim", "/").classes("brand")
        with ui.element("nav").props('aria-label="Pages"'):
            for name, address in PAGES:
                link = ui.link(name, address).classes("here" if name == here else "")
                if name == here:
                    link.props('aria-current="page"')
        toggle = ui.button("Light or dark").props("flat dense").classes("small")
        toggle.on("click", js_handler=f"() => {TOGGLE_THEME}")
    with ui.element("div").classes("sheet"):
        with ui.element("div"):
            shown = title(heading, 1)
            if lead:
                ui.label(lead).classes("lead")
        yield shown


def title(words: str, level: int = 2) -> ui.label:
    """Draw a heading."""
    with ui.element(f"h{level}"):
        return ui.label(words)


@contextmanager
def panel(heading: str = "") -> Iterator[None]:
    """Draw a box around what is drawn inside."""
    with ui.element("section").classes("panel"):
        if heading:
            title(heading)
        yield


@contextmanager
def box(classes: str) -> Iterator[None]:
    """Lay out what is drawn inside."""
    with ui.element("div").classes(classes):
        yield


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], *, words: int = 1) -> None:
    """Draw a table whose first columns are words and the others numbers.

    On a narrow screen each row is a list of its cells, each beside its heading.
    """
    shown = ui.element("div").classes("scroll").props('tabindex="0" role="region"')
    shown.props["aria-label"] = f"Table: {', '.join(headings)}"
    with shown, ui.element("table").classes("plain"):
        with ui.element("thead"), ui.element("tr"):
            for position, heading in enumerate(headings):
                with ui.element("th").classes(_column(position, words)).props('scope="col"'):
                    ui.label(heading)
        with ui.element("tbody"):
            for row in rows:
                with ui.element("tr"):
                    for position, (heading, cell) in enumerate(zip(headings, row, strict=True)):
                        with ui.element("td").classes(_column(position, words)) as drawn:
                            drawn.props["data-heading"] = heading if position else ""
                            if cell:
                                ui.label(cell)


def _column(position: int, words: int) -> str:
    return "" if position < words else "number"


def problems(found: Sequence[Problem]) -> None:
    """Draw what is wrong in a file, each with its place and what to do."""
    for problem in found:
        ui.label(str(problem)).classes("problem")


class Command:
    """The command, or the lines of Python, that reproduce what a page shows."""

    def __init__(self, words: str = "") -> None:
        self._words = ""
        with ui.element("div").classes("command"):
            ui.label("The same by command").classes("muted small")
            self._code = ui.element("div").classes("mono")
            self._code.props('role="group" aria-label="Command that reproduces this page"')
            button = ui.button("Copy").props("flat dense no-caps")
            button.on(
                "click",
                js_handler="(e) => navigator.clipboard.writeText("
                "e.target.closest('.command').querySelector('.mono').dataset.words)",
            )
        self.say(words)

    def say(self, words: str) -> None:
        """Show another command; its lines break between its words alone."""
        if words == self._words:
            return
        self._words = words
        self._code.props["data-words"] = words
        self._code.update()
        self._code.clear()
        with self._code:
            for line in words.split("\n"):
                with ui.element("div"):
                    for word in words_of_line(line):
                        ui.label(word).classes("word")


def words_of_line(line: str) -> list[str]:
    """Return the words of a command's line, with all blanks.

    Examples
    --------
    >>> words_of_line("  size --power 0.9")
    ['  size ', '--power ', '0.9']
    """
    return _WORD.findall(line)


def action(words: str, *, main: bool = False) -> ui.button:
    """Draw a button; the main one of a page is filled."""
    button = ui.button(words, color=None).props("unelevated no-caps")
    return button.classes("action main" if main else "action")

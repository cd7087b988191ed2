"""What every page has: the bar at its top, headings, tables, and the command at its foot."""

from __future__ import annotations

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


@contextmanager
def page(here: str, heading: str, lead: str = "") -> Iterator[None]:
    """Draw the frame of a page around what is drawn inside."""
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
            title(heading, 1)
            if lead:
                ui.label(lead).classes("lead")
        yield


def title(words: str, level: int = 2) -> None:
    """Draw a heading."""
    with ui.element(f"h{level}"):
        ui.label(words)


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
    """Draw a table whose first columns are words and the others numbers."""
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
                    for position, cell in enumerate(row):
                        with ui.element("td").classes(_column(position, words)):
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
        with ui.element("div").classes("command"):
            with ui.element("div").style("flex: 1; min-width: 0"):
                ui.label("The same by command").classes("muted small")
                self._code = ui.label(words).classes("mono")
            self._code.style("white-space: pre-wrap; overflow-wrap: anywhere")
            self._code.props('role="group" aria-label="Command that reproduces this page"')
            button = ui.button("Copy").props("flat dense no-caps")
            button.on(
                "click",
                js_handler="(e) => navigator.clipboard.writeText("
                "e.target.closest('.command').querySelector('.mono').innerText)",
            )

    def say(self, words: str) -> None:
        """Show another command."""
        self._code.set_text(words)


def action(words: str, *, main: bool = False) -> ui.button:
    """Draw a button; the main one of a page is filled."""
    button = ui.button(words, color=None).props("unelevated no-caps")
    return button.classes("action main" if main else "action")

"""The figures of reports in a page: drawn by the same functions, shown as they are sent."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from nicegui import run, ui

from lupusim.errors import LupusimError
from lupusim.report.figures.style import as_svg

if TYPE_CHECKING:
    from matplotlib.figure import Figure


_ONE_AT_A_TIME = Lock()  # how Matplotlib draws is set for the whole process


def picture_in(name: str) -> ui.element:
    """Draw the frame of a picture, and return the picture, empty yet.

    On a narrow screen it keeps a width at which its words can be read, and is scrolled.
    """
    with ui.element("div").classes("scroll").props('tabindex="0" role="region"') as frame:
        frame.props["aria-label"] = f"Picture: {name}"
        return ui.element("img").classes("diagram")


def show_svg(content: bytes, alternative: str) -> None:
    """Draw a picture; `alternative` is what it says to those who can't see it."""
    picture = picture_in(alternative)
    coded = base64.b64encode(content).decode("ascii")
    picture.props["src"] = f"data:image/svg+xml;base64,{coded}"
    picture.props["alt"] = alternative


def show_later(draw: Callable[[], bytes], alternative: str) -> None:
    """Draw a picture as soon as it is made, beside what else the page does; or say why not."""
    place = ui.element("div")
    with place:
        ui.label("The picture is being drawn.").classes("muted small")

    async def show() -> None:
        content, why = None, ""
        try:
            content = await run.io_bound(draw)
        except (ImportError, LupusimError, ValueError, OSError) as error:  # of other versions, ...
            why = f"There is no picture: {error}"
        if place.is_deleted:
            return
        place.clear()
        with place:
            if content:
                show_svg(content, alternative)
            elif why:
                ui.label(why).classes("muted small")

    ui.timer(0.05, show, once=True)


def picture_of_run(folder: Path) -> bytes:
    """Return the figure that says most of a run that a folder keeps."""
    from lupusim.report.figures.runs import run_figure
    from lupusim.report.run.kept import load_run

    return _drawn(lambda: run_figure(load_run(folder)))


def picture_of_runs(folders: Mapping[str, Path]) -> bytes:
    """Return the operating characteristics of kept runs side by side, by their names."""
    from lupusim.report.figures.runs import characteristics_figure, named_of_runs
    from lupusim.report.run.kept import load_run

    def draw() -> Figure:
        runs = [(name, load_run(folder)) for name, folder in folders.items()]
        return characteristics_figure(named_of_runs(runs))

    return _drawn(draw)


def _drawn(draw: Callable[[], Figure]) -> bytes:
    with _ONE_AT_A_TIME:
        return as_svg(draw())

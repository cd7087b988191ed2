"""Runs side by side."""

from __future__ import annotations

from nicegui import ui

from lupusim.app.drawing.frame import Command, box, page, panel, table
from lupusim.app.drawing.pictures import picture_of_runs, show_later
from lupusim.app.folder import RUNS
from lupusim.app.runs.jobs import command_line
from lupusim.app.runs.past_runs import PastRun, past_runs
from lupusim.app.runs.results import names_in_words, table_of
from lupusim.app.site import Site

_CHOSEN_AT_FIRST = 3


def draw(site: Site, first: str) -> None:
    """Draw the page; `first` is a run that is chosen from the start."""
    lead = "Choose runs: their designs stand below one another, each power with its limits."
    with page("Compare", "Compare runs", lead):
        finished = [run for run in past_runs(site.folder) if run.result]
        if not finished:
            with panel():
                ui.label("No run is finished yet. Run two designs, then compare them here.")
                ui.link("Open a design", "/design").classes("plain")
            Command("lupusim run two_rates --precision plan --out runs/two_rates-1")
            return
        _Comparison(finished, first).build()


class _Comparison:
    """One visit to the page."""

    def __init__(self, finished: list[PastRun], first: str) -> None:
        self._runs = finished
        latest = [run.name for run in finished[:_CHOSEN_AT_FIRST]]
        self._chosen = {first, *latest} if first else set(latest)

    def build(self) -> None:
        with panel("Runs"), box("line"):
            for run in self._runs:
                tick = ui.checkbox(run.name, value=run.name in self._chosen)
                tick.on_value_change(lambda e, name=run.name: self._tick(name, bool(e.value)))
        self._body = ui.element("div").classes("stack").style("gap: 24px")
        self._command = Command()
        self._draw()

    def _tick(self, name: str, on: bool) -> None:
        self._chosen = self._chosen | {name} if on else self._chosen - {name}
        self._draw()

    def _draw(self) -> None:
        chosen = [run for run in self._runs if run.name in self._chosen and run.result]
        self._body.clear()
        self._command.say(compare_command(chosen))
        with self._body:
            if not chosen:
                with panel():
                    ui.label("Choose at least one run above.")
                return
            with panel("Operating characteristics"):
                found = [(run.name, p) for run in chosen for p in (run.result or {})["points"]]
                table(*table_of(found))
                ui.label("In brackets: the Monte Carlo standard error.").classes("muted small")
                for run in chosen:
                    for words in names_in_words((run.result or {})["points"], run.content):
                        ui.label(f"{run.name} · {words}").classes("muted small")
            folders = {run.name: run.folder for run in chosen}
            with panel("Side by side"):
                show_later(lambda: picture_of_runs(folders), "Dots of each design, with limits")


def compare_command(runs: list[PastRun]) -> str:
    """Return the command that sets runs side by side."""
    named = [f"{RUNS}/{run.name}" for run in runs] or [f"{RUNS}/one", f"{RUNS}/another"]
    return command_line(["compare", *named])

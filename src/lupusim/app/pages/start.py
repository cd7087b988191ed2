"""The first page asks what is to be planned."""

from __future__ import annotations

from nicegui import ui

from lupusim.app.drawing.frame import Command, box, page, panel
from lupusim.app.pages.running import say_of
from lupusim.app.runs.past_runs import past_runs
from lupusim.app.site import Site

_KINDS = (
    ("Two rates", "How many respond on each arm, such as 30 % against 55 %.",
     "/design/new?scenario=two_rates"),
    ("Time to an event", "How long until a relapse or a death, with looks on the way.",
     "/design/new?scenario=time_to_event"),
    ("A score", "How much a score falls, such as an activity index at 24 weeks.",
     "/design/new?scenario=score_change"),
    ("Counts of events", "How many flares a patient has in a year.",
     "/design/new?scenario=event_rate"),
    ("A disease model", "How patients move between states, and what a treatment changes.",
     "/disease"),
    ("A ready-made trial", "Start from one of the trials that come with lupusim.",
     "/design"),
)  # fmt: skip
_RUNS_SHOWN = 8


def draw(site: Site) -> None:
    """Draw the first page."""
    lead = "Choose what you measure. You can change every number afterwards."
    with page("Start", "What do you want to plan?", lead):
        with box("three"):
            for name, words, address in _KINDS:
                with ui.element("a").classes("card").props(f'href="{address}"'):
                    with ui.element("b"):
                        ui.label(name)
                    ui.label(words).classes("muted")
        with box("two"):
            _files(site)
            _runs(site)
        Command("lupusim app")


def _files(site: Site) -> None:
    with panel("Your designs"):
        files = site.folder.scenario_files()
        if not files:
            ui.label(
                "No design is saved in this folder yet. Choose above what you want to plan; "
                "the design page saves it here."
            ).classes("muted")
        with box("stack"):
            for name in files:
                ui.link(name, f"/design/new?file={name}").classes("plain")


def _runs(site: Site) -> None:
    with panel("Runs in this folder"):
        found = past_runs(site.folder)[:_RUNS_SHOWN]
        if not found:
            ui.label("Nothing has been run here yet.").classes("muted")
            return
        with box("stack"):
            for run in found:
                with box("line"):
                    ui.link(run.name, f"/run/{run.name}").classes("plain")
                    say_of(run)

"""What can be taken away from a run: its report, its numbers, its scenario."""

from __future__ import annotations

from nicegui import ui

from lupusim.app.drawing.frame import Command, action, box, page, panel
from lupusim.app.folder import RUNS
from lupusim.app.runs.jobs import State, command_line
from lupusim.app.runs.launch import tell
from lupusim.app.runs.past_runs import PastRun, past_runs
from lupusim.app.site import Site

FILES = {
    "report.html": "The report, one file to read or print",
    "report.docx": "The report, for a word processor",
    "report.pdf": "The report, for paper",
    "scenario.yaml": "The scenario, to run it again",
    "summary.csv": "The operating characteristics, as a table",
    "result.json": "All results, for programs",
    "calibration.html": "The calibration, one file to read or print",
}
"""Files of a run's folder that the page hands out, with what each is."""
_FORMS = {
    "report.html": "A page for any browser",
    "report.docx": "A document for a word processor",
    "report.pdf": "A PDF",
}
_OFTEN = 0.3


def draw(site: Site, chosen: str) -> None:
    """Draw the page; `chosen` is the run it starts with."""
    lead = "Take a run away: a report to send, or the files behind it."
    with page("Report", "Report", lead):
        finished = [run for run in past_runs(site.folder) if run.result]
        if not finished:
            with panel():
                ui.label("No run is finished yet: run a design, and its report is here.")
                ui.link("Open a design", "/design").classes("plain")
            Command("lupusim run two_rates --precision plan --out runs/two_rates-1")
            return
        _Report(site, finished, chosen).build()


class _Report:
    """One visit to the page."""

    def __init__(self, site: Site, finished: list[PastRun], chosen: str) -> None:
        self.site = site
        self._runs = {run.name: run for run in finished}
        self._name = chosen if chosen in self._runs else finished[0].name
        self._drawn: object = None

    @property
    def _job_name(self) -> str:
        return f"{self._name}/report"

    @property
    def _arguments(self) -> list[str]:
        folder = f"{RUNS}/{self._name}"
        return ["report", folder, "--out", f"{folder}/{self._form.value}"]

    def build(self) -> None:
        with panel():
            ui.select(
                list(self._runs), value=self._name, label="Run", on_change=self._choose
            ).props("outlined dense").style("max-width: 420px").props[
                "hint"
            ] = "Only finished runs are listed."
            self._form = ui.select(_FORMS, value="report.html", label="Form")
            self._form.props("outlined dense").style("max-width: 420px")
            self._form.props["hint"] = "One file, with all figures and tables."
            self._form.on_value_change(self._draw)
            with box("line"):
                self._go = action("Write the report", main=True).on_click(self._write)
                self._wait = ui.spinner(size="24px")
            self._said = ui.label("").classes("problem").style("white-space: pre-wrap")
            ui.timer(_OFTEN, self._refresh)
        with panel("Files"):
            self._files = ui.element("div").classes("stack")
        self._command = Command()
        self._draw()

    def _choose(self, change: object) -> None:
        self._name = str(getattr(change, "value", self._name))
        self._drawn = None
        self._draw()

    def _write(self) -> None:
        tell(self.site, self._job_name, self._arguments)

    def _refresh(self) -> None:
        job = self.site.jobs.get(self._job_name)
        now = (self._name, job.state if job else None)
        if now == self._drawn:
            return
        self._drawn = now
        works = job is not None and not job.state.is_over
        self._wait.set_visibility(works)
        self._go.set_enabled(not works)
        failed = job is not None and job.state is State.FAILED
        self._said.set_text("\n".join(job.said) if job and failed else "")
        self._said.set_visibility(failed)
        self._draw()

    def _draw(self) -> None:
        run = self._runs[self._name]
        self._files.clear()
        with self._files:
            for file, words in FILES.items():
                if (run.folder / file).is_file():
                    with box("line"):
                        link = ui.link(words, f"/download/{run.name}/{file}").classes("plain")
                        link.props(f'download="{run.name}-{file}"')
                        ui.label(file).classes("muted small")
        self._command.say(command_line(self._arguments))

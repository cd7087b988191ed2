"""A run: its progress with the running power, its result, and questions about the design."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from lupusim.app.drawing.charts import running_power
from lupusim.app.drawing.frame import Command, action, box, page, panel, table
from lupusim.app.drawing.pictures import picture_of_run, show_later
from lupusim.app.folder import RUNS
from lupusim.app.pages.questions import Questions
from lupusim.app.pages.sensitivity import Sensitivity
from lupusim.app.runs.jobs import Job, State, command_line
from lupusim.app.runs.launch import go_on
from lupusim.app.runs.past_runs import PastRun, find_run, past_runs
from lupusim.app.runs.results import (
    KnownPower,
    names_in_words,
    powers,
    powers_in_words,
    table_of,
)
from lupusim.app.site import Site
from lupusim.report.numbers import grouped

_OFTEN = 0.25
_TOLD_BEFORE = ("note: ", "warning: ")  # how an engine begins what it says before it works
_LONG = 600.0
_FEW_STEPS = 4  # of a finished run: no curve worth a look
_TOO_LONG = (
    "Cancel it and choose fewer simulated trials, or let it run: what is finished is kept, and it "
    "can go on later"
)
_BRACKETS = "In brackets: the Monte Carlo standard error."
_SHARES = (
    " Power is the share of simulated trials that succeed if the treatment works as stated; the "
    "type I error is that share if it does nothing."
)
_EXACT = " The exact power is a sum over all that may happen; the simulated one checks it."
_DRAWN = (
    " Drawn tables are counts of patients by arm and outcome, drawn from their exact law without "
    "the patients: so many more can be, and each of the two shares checks the other."
)
_IN_WORDS = {
    State.WAITING: "Waiting for the run before it",
    State.RUNNING: "Simulating",
    State.DONE: "Finished",
    State.CANCELLED: "Cancelled: what was finished is kept",
    State.FAILED: "It stopped with a message",
}


def draw_list(site: Site) -> None:
    """Draw all runs of the folder."""
    with page("Run", "Runs", "Each run is a folder below runs/; it is found again at any time."):
        found = past_runs(site.folder)
        with panel():
            if not found:
                ui.label("Nothing has been run here yet. Open a design and run it.")
                ui.link("Open a design", "/design").classes("plain")
            for run in found:
                with box("line"):
                    ui.link(run.name, f"/run/{run.name}").classes("plain")
                    say_of(run)
        Command("lupusim run two_rates --precision plan --out runs/two_rates-1")


def say_of(run: PastRun) -> None:
    """Draw beside the name of a run what trial it is, and its power."""
    words = powers_in_words(powers(run.result)) if run.result else "not finished"
    ui.label(": ".join(filter(None, (run.title, words)))).classes("muted small")


def draw(site: Site, run: PastRun) -> None:
    """Draw one run."""
    with page("Run", f"Run {run.name}"):
        RunView(site, run).build()


def duration_words(seconds: float) -> str:
    """Return a waiting time in words.

    Examples
    --------
    >>> duration_words(3.2), duration_words(200), duration_words(9000)
    ('3 s', '3 min', '2.5 hours')
    """
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} hours"


class RunView:
    """One visit to one run."""

    def __init__(self, site: Site, run: PastRun) -> None:
        self.site, self.run = site, run
        self._drawn: tuple[object, ...] = ()

    @property
    def _job(self) -> Job | None:
        return self.site.jobs.get(self.run.name)

    def build(self) -> None:
        """Draw everything, and follow the run."""
        with panel():
            self._title = ui.label("")
            self._draw_state()
        with panel("Power while it runs"):
            ui.label("The band is two Monte Carlo standard errors either way.").classes(
                "muted small"
            )
            self._chart = ui.echart(running_power([]), renderer="svg").classes("chart")
            self._chart.style("height: 280px")
        self._curve = self._chart.parent_slot.parent if self._chart.parent_slot else self._chart
        self._curve.set_visibility(False)
        self._result = ui.element("div").classes("stack").style("gap: 24px")
        self._questions = Questions(self.site, self.run)
        self._questions.build()
        self._sensitivity = Sensitivity(self.site, self.run)
        self._sensitivity.build()
        for asked in (self._questions, self._sensitivity):
            asked.show(finished=False)
        Command(command_line(self.run.command))
        self._refresh()
        ui.timer(_OFTEN, self._refresh)

    def _draw_state(self) -> None:
        with box("line"):
            with ui.element("div"):
                self._whose = ui.label("Power").classes("muted small")
                self._power = ui.label("").classes("big")
                self._check = ui.label("").classes("muted small")
                self._check.set_visibility(False)
            with ui.element("div"):
                self._state = ui.label("").props('aria-live="polite"')
                self._left = ui.label("").classes("muted small")
        self._bar = ui.linear_progress(value=0, show_value=False).props(
            'rounded size="10px" aria-label="Share of the trials that is finished"'
        )
        self._warning = ui.label("").classes("note").style("white-space: pre-wrap")
        self._said = ui.label("").classes("problem").style("white-space: pre-wrap")
        with box("line"):
            self._cancel = action("Cancel").on_click(self._stop)
            self._more = action("Go on with it", main=True).on_click(self._resume)
            self._links()

    def _links(self) -> None:
        if self.run.draft and self.site.drafts.get(self.run.draft):
            ui.link("Change the design", f"/design/{self.run.draft}").classes("plain")
        else:
            address = f"/design/new?file={RUNS}/{self.run.name}/scenario.yaml"
            if (self.run.folder / "scenario.yaml").is_file():
                ui.link("Open the design", address).classes("plain")
        ui.link("Compare", f"/compare?run={self.run.name}").classes("plain")
        ui.link("Report", f"/report?run={self.run.name}").classes("plain")

    def _refresh(self) -> None:
        job = self._job
        now = (
            (job.state, job.process_id, job.done, len(job.said), int(job.seconds))
            if job
            else ("kept",)
        )
        if now == self._drawn:
            return
        self._drawn = now
        if job is None:
            self._show_kept()
        else:
            self._show_job(job)

    def _show_job(self, job: Job) -> None:
        stops = job.state is State.CANCELLED and job.process_id is not None
        self._state.set_text("Stopping" if stops else _IN_WORDS[job.state])
        self._bar.set_value(job.done / job.total if job.total else 0)
        self._cancel.set_visibility(not job.state.is_over)
        ended = job.state is State.FAILED and self.run.can_go_on  # from outside
        self._more.set_visibility(ended or (job.state is State.CANCELLED and not stops))
        said = "\n".join(job.said) if job.state is State.FAILED else ""
        self._say(self._said, said)
        left = job.seconds_left
        self._left.set_text(_progress_words(job, left))
        long = not job.state.is_over and left is not None and left > _LONG and job.done < job.total
        lines = [] if job.state.is_over else job.said
        told = [line for line in lines if line.startswith(_TOLD_BEFORE)]
        told = [line.partition(": ")[2] for line in told]
        if long and not told:
            told = [f"This would take about {duration_words(left or 0.0)} more", _TOO_LONG]
        self._say(self._warning, "\n".join(f"{line[:1].upper()}{line[1:]}." for line in told))
        if job.steps:
            self._power.set_text(f"{job.steps[-1].power:.2f}")
            self._draw_steps(job)
        if job.state.is_over:
            self._show_result(job.result)

    def _draw_steps(self, job: Job) -> None:
        single = job.result is None or len(job.result["points"]) == 1
        enough = _FEW_STEPS if job.state is State.DONE else 1
        self._curve.set_visibility(single and len(job.steps) > enough)
        steps = [(step.done, step.power, step.mcse) for step in job.steps]
        self._chart.options.clear()
        self._chart.options.update(running_power(steps))
        self._chart.update()

    def _show_kept(self) -> None:
        """Show a run that another server, or the command, has made."""
        self._cancel.set_visibility(False)
        self._curve.set_visibility(False)
        self._say(self._warning, "")
        self._say(self._said, "")
        self._more.set_visibility(self.run.can_go_on)
        finished = self.run.result is not None
        self._bar.set_value(1.0 if finished else 0.0)
        self._state.set_text("Finished" if finished else "Broken off: what was finished is kept")
        self._show_result(self.run.result)

    def _say(self, label: ui.label, words: str) -> None:
        label.set_text(words)
        label.set_visibility(bool(words))

    def _show_result(self, result: dict[str, Any] | None) -> None:
        self._say(self._title, self.run.title)
        self._result.clear()
        known = powers(result) if result else []
        for asked in (self._questions, self._sensitivity):
            asked.show(finished=bool(known))  # without a test there is no power to ask about
        self._whose.set_visibility(not result or bool(known))
        if not result or not result.get("points"):
            return
        if known:
            self._show_power(known[0], several=len(known) > 1)
        with self._result, panel("What it found"):
            if not result["complete"]:
                ui.label("Only the trials that were finished count.").classes("note")
            table(*table_of([("", point) for point in result["points"]]))
            checked = _EXACT * any(one.exact is not None for one in known)
            checked += _DRAWN * any(one.drawn is not None for one in known)
            words = f"{_BRACKETS}{_SHARES if known else ''}{checked}"
            ui.label(words).classes("muted small")
            for words in names_in_words(result["points"], self.run.content):
                ui.label(words).classes("muted small")
            for note in result.get("notes", ()):
                ui.label(note).classes("note")
            if result["complete"]:
                show_later(lambda: picture_of_run(self.run.folder), "What the run found, drawn")

    def _show_power(self, known: KnownPower, *, several: bool) -> None:
        """Show the best known power large, and beside it what checks it."""
        self._power.set_text(known.best)
        words = ["Power", known.of, known.design if several else ""]
        self._whose.set_text(", ".join(filter(None, words)))
        self._say(self._check, known.check)

    async def _stop(self) -> None:
        job = self._job
        if job is not None:
            await job.cancel()
            self._refresh()

    def _resume(self) -> None:
        run = find_run(self.site.folder, self.run.name)
        if run is not None:
            go_on(self.site, run)
            self._refresh()


def _progress_words(job: Job, left: float | None) -> str:
    if not job.total:
        return "The engine is starting." if job.state is State.RUNNING else ""
    words = f"{grouped(job.done)} of {grouped(job.total)} trials, with and without effect"
    if left is not None and job.done < job.total:
        return f"{words}, about {duration_words(left)} left"
    return f"{words}, {duration_words(job.seconds)}"

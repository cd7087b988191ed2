"""Questions about a design that was run: which size, and how sure one can be beforehand."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from lupusim.app.drawing.frame import Command, action, box, panel
from lupusim.app.runs.jobs import Job, State, command_line
from lupusim.app.runs.launch import ask
from lupusim.app.runs.past_runs import PastRun
from lupusim.app.runs.results import drawn_share, point_name
from lupusim.app.site import Site
from lupusim.report.numbers import grouped, share
from lupusim.simulation.tally import Mean

_OFTEN = 0.3


class Questions:
    """The panels below a run."""

    def __init__(self, site: Site, run: PastRun) -> None:
        self.site, self.run = site, run

    def build(self) -> None:
        """Draw them."""
        self._box = ui.element("div").classes("two")
        with self._box:
            _Question(
                self.site,
                self.run,
                command="size",
                heading="How many patients?",
                words="The smallest trial of this design that reaches a power.",
                fields={"--power": ("Power wanted", "0 to 1", "Such as 0.8 or 0.9.", "0.9")},
            ).build()
            _Question(
                self.site,
                self.run,
                command="assurance",
                heading="How sure is it?",
                words="The chance of success, averaged over what is not known of the effect.",
                fields={
                    "--no-effect": (
                        "Chance of no effect", "0 to 1",
                        "How likely it is that the treatment does nothing.", "0.3",
                    ),
                    "--effect-sd": (
                        "Doubt about the effect", "SD of log ratio",
                        "Only for hazard ratios, such as 0.2; may stay empty.", "",
                    ),
                },
            ).build()  # fmt: skip

    def show(self, *, finished: bool) -> None:
        """Show them once there is a result."""
        self._box.set_visibility(finished)


class _Question:
    """One question, and its answer."""

    def __init__(
        self,
        site: Site,
        run: PastRun,
        *,
        command: str,
        heading: str,
        words: str,
        fields: dict[str, tuple[str, str, str, str]],
    ) -> None:
        self.site, self.run, self.command = site, run, command
        self.heading, self.words, self.fields = heading, words, fields
        self._drawn: object = None

    @property
    def _name(self) -> str:
        return f"{self.run.name}/{self.command}"

    def build(self) -> None:
        """Draw it, and follow its answer."""
        with panel(self.heading):
            ui.label(self.words).classes("muted")
            self._inputs = {}
            with box("fields"):
                for option, (label, unit, help, value) in self.fields.items():
                    made = ui.input(label=label, value=value, on_change=self._say_command)
                    made.props("outlined dense stack-label")
                    made.props["suffix"], made.props["hint"] = unit, help
                    self._inputs[option] = made
            with box("line"):
                self._go = action("Find out").on_click(self._ask)
                self._stop = action("Cancel").on_click(self._cancel)
                self._wait = ui.spinner(size="24px")
            self._answer = ui.label("").classes("note").props('aria-live="polite"')
            self._answer.style("white-space: pre-wrap")
            self._command = Command()
        self._say_command()
        self._refresh()
        ui.timer(_OFTEN, self._refresh)

    def _arguments(self) -> list[str]:
        given = [
            part
            for option, field in self._inputs.items()
            if (field.value or "").strip()
            for part in (option, field.value.strip())
        ]
        return [self.command, self.run.design, *given]

    def _say_command(self) -> None:
        if self._inputs and hasattr(self, "_command"):
            self._command.say(command_line(self._arguments()))

    def _ask(self) -> None:
        ask(self.site, self._name, self._arguments())
        self._refresh()

    async def _cancel(self) -> None:
        job = self.site.jobs.get(self._name)
        if job is not None:
            await job.cancel()
        self._refresh()

    def _refresh(self) -> None:
        job = self.site.jobs.get(self._name)
        now = (job.state, job.began) if job else None
        if now == self._drawn and self._drawn is not None:
            return
        self._drawn = now or "nothing"
        works = job is not None and not job.state.is_over
        self._wait.set_visibility(works)
        self._stop.set_visibility(works)
        self._go.set_enabled(not works)
        words = _answer_words(job) if job else ""
        self._answer.set_text(words)
        self._answer.set_visibility(bool(words))


def _answer_words(job: Job) -> str:
    if job.state is State.FAILED:
        return "\n".join(job.said) or "It stopped without a message."
    if job.state is State.CANCELLED:
        return "Cancelled."
    if job.state is not State.DONE or job.result is None:
        return "Simulating. This takes from seconds to some minutes."
    return size_words(job.result) or assurance_words(job.result)


def size_words(found: dict[str, Any]) -> str:
    """Return the answer of ``lupusim size`` in a sentence; empty for another's."""
    if "n_patients" not in found:
        return ""
    simulated = share(Mean(value=found["power"], mcse=found["power_mcse"]))
    power = f"power {simulated}"
    if found.get("power_exact") is not None:
        power = f"exact power {found['power_exact']:.4f}, simulated as a check {simulated}"
    elif (drawn := drawn_share(found, "power")) is not None:
        power = f"power {share(drawn)} of drawn tables, simulated as a check {simulated}"
    lower, upper = found["interval"]
    between = "" if lower == upper else f" (between {grouped(lower)} and {grouped(upper)})"
    n_events = found.get("n_events")
    cut = "" if n_events is None else f", with the data cut at {grouped(n_events)} events"
    return f"{grouped(found['n_patients'])} patients in all{between}{cut}: {power}."


def assurance_words(found: dict[str, Any]) -> str:
    """Return the answer of ``lupusim assurance`` in sentences, one for each design."""
    points = found.get("points", ())
    if len(points) == 1:
        return _assured(points[0])
    return "\n".join(f"{point_name(point)}: {_assured(point)}" for point in points)


def _assured(point: dict[str, Any]) -> str:
    assured, power = (
        share(Mean(value=point[name], mcse=point[f"{name}_mcse"]))
        for name in ("assurance", "power")
    )
    return (
        f"{grouped(point['n_patients'])} patients: chance of success {assured}, against a power of "
        f"{power} if it works as stated{_of_tables(point['tables_per_draw'])}."
    )


def _of_tables(per_draw: int | None) -> str:
    """Return how numbers of patients say it; nothing where patients were simulated."""
    if per_draw is None:
        return ""
    return f" (by {per_draw} drawn tables of each draw)" if per_draw else " (by all tables)"

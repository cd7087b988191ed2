"""What each number of a design that was run does to its power, one at a time: a tornado."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from nicegui import ui

from lupusim.app.designs.fields import Field, fields_of
from lupusim.app.drawing.frame import Command, action, box, panel, table
from lupusim.app.drawing.pictures import show_svg
from lupusim.app.folder import RUNS
from lupusim.app.runs.jobs import Job, State, command_line
from lupusim.app.runs.launch import ask
from lupusim.app.runs.past_runs import PastRun
from lupusim.app.site import Site
from lupusim.errors import InputError
from lupusim.report.numbers import share
from lupusim.report.words.paths import Naming, path_in_words
from lupusim.scenario.document.edits import parsed
from lupusim.simulation.tally import Mean

PICTURE = "sensitivity.svg"
_OFTEN = 0.3
_SPREAD = 0.1
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_ASKED = ("What you expect", "Patients")
_NOT_ASKED = {"Measured at", "Patients in all", "Allocation", "Sites"}
_VARIES = "vary"  # between designs, not from low to high


def assumptions(text: str) -> list[Field]:
    """Return the fields of a scenario file that are assumptions, and are filled in."""
    try:
        content: Any = parsed(text).content
    except InputError:
        return []
    fields = [field for field in fields_of(content) if field.path[0] != _VARIES]
    asked = [f for f in fields if f.group in _ASKED and f.label not in _NOT_ASKED]
    spreads = ((field, spread(field.shown(content) or "")) for field in asked)
    return [field for field, (low, high) in spreads if low != high]


def spread(shown: str) -> tuple[str, str]:
    """Return a number a tenth lower and a tenth higher, with the words around it.

    Examples
    --------
    >>> spread("14 months"), spread("-3")
    (('12.6 months', '15.4 months'), ('-3.3', '-2.7'))
    """
    found = _NUMBER.search(shown)
    if found is None:
        return "", ""
    value = float(found[0])
    ends = sorted((value * (1 - _SPREAD), value * (1 + _SPREAD)))
    before, after = shown[: found.start()], shown[found.end() :]
    low, high = (f"{before}{end:.3g}{after}" for end in ends)
    return low, high


def over(field: Field, low: str, high: str) -> str:
    """Return what ``lupusim sensitivity --over`` is given for a field.

    Raises
    ------
    ValueError
        If one of both is no value of the field.
    """
    values = ",".join(str(field.read(typed)) for typed in (low, high))
    return f"{'.'.join(map(str, field.path))}={values}"


class Sensitivity:
    """The panel below a run."""

    def __init__(self, site: Site, run: PastRun) -> None:
        self.site, self.run = site, run
        self._rows: list[tuple[Field, ui.input, ui.input]] = []
        self._drawn: object = None

    @property
    def _name(self) -> str:
        return f"{self.run.name}/sensitivity"

    def build(self) -> None:
        """Draw it, and follow its answer."""
        self._box = ui.element("div")
        with self._box, panel("What matters most?"):
            ui.label(
                "Each number goes from its lower to its higher value while the others stay; the "
                "widest swing of the power stands on top."
            ).classes("muted")
            self._leave_out = ui.label("Empty both values of a number to leave it out.")
            self._leave_out.classes("muted")
            self._ranges_box = ui.element("div").classes("ranges")
            self._other = ui.input(label="Another number of the file", on_change=self._say_command)
            self._other.props("outlined dense stack-label").style("max-width: 520px")
            self._other.props["hint"] = (
                "Its path and two values, such as dropout.per_year=0.1,0.3; may stay empty."
            )
            with box("line"):
                self._go = action("Find out").on_click(self._ask)
                self._stop = action("Cancel").on_click(self._cancel)
                self._wait = ui.spinner(size="24px")
            self._said = ui.label("").classes("problem").props('aria-live="polite"')
            self._said.style("white-space: pre-wrap")
            self._answer = ui.element("div").classes("stack")
            self._command = Command()
        self._say_command()
        self._refresh()
        ui.timer(_OFTEN, self._refresh)

    def show(self, *, finished: bool) -> None:
        """Show it once there is a result: then its numbers are known, too."""
        self._box.set_visibility(finished)
        if finished and not self._rows:
            self._draw_ranges()
            self._say_command()

    def _draw_ranges(self) -> None:
        text = self.run.text
        content: Any = parsed(text).content if text else {}
        with self._ranges_box:
            for field in assumptions(text) if text else []:
                shown = field.shown(content) or ""
                (low, high), unit = spread(shown), field.unit_beside(shown)
                pair = []
                for word, value in (("low", low), ("high", high)):
                    made = ui.input(
                        label=f"{field.label}, {word}", value=value, on_change=self._say_command
                    )
                    made.props("outlined dense hide-bottom-space").props["suffix"] = unit
                    pair.append(made)
                self._rows.append((field, pair[0], pair[1]))
        self._leave_out.set_visibility(bool(self._rows))

    def _ranges(self) -> list[str]:
        """Return what is asked; raises ValueError with what to type."""
        asked = [
            over(field, low.value or "", high.value or "")
            for field, low, high in self._rows
            if (low.value or "").strip() or (high.value or "").strip()
        ]
        typed = (self._other.value or "").strip()
        return [*asked, *([typed] if typed else [])]

    def _arguments(self) -> list[str]:
        given = [part for words in self._ranges() for part in ("--over", words)]
        picture = f"{RUNS}/{self.run.name}/{PICTURE}"
        return ["sensitivity", self.run.design, *given, "--plot", picture, "--force"]

    def _say_command(self) -> None:
        if not hasattr(self, "_command"):
            return
        try:
            self._command.say(command_line(self._arguments()))
            self._complain("")
        except ValueError as wrong:
            self._complain(str(wrong))

    def _complain(self, words: str) -> None:
        self._said.set_text(words)
        self._said.set_visibility(bool(words))

    def _ask(self) -> None:
        try:
            if not self._ranges():
                raise ValueError("Fill in the lower and the higher value of a number.")
            ask(self.site, self._name, self._arguments())
        except ValueError as wrong:
            self._complain(str(wrong))
        self._refresh()

    async def _cancel(self) -> None:
        job = self.site.jobs.get(self._name)
        if job is not None:
            await job.cancel()
        self._refresh()

    def _refresh(self) -> None:
        job = self.site.jobs.get(self._name)
        now = (job.state, job.began) if job else "nothing"
        if now == self._drawn:
            return
        self._drawn = now
        works = job is not None and not job.state.is_over
        self._wait.set_visibility(works)
        self._stop.set_visibility(works)
        self._go.set_enabled(not works)
        self._complain("\n".join(job.said) if job and job.state is State.FAILED else "")
        self._answer.clear()
        with self._answer:
            self._show(job)

    def _show(self, job: Job | None) -> None:
        if job is None:
            return
        if not job.state.is_over:
            ui.label("Simulating. This takes from seconds to some minutes.").classes("note")
        if job.state is not State.DONE or job.result is None:
            return
        text = self.run.text
        called = partial(path_in_words, content=parsed(text).content if text else {})
        try:
            picture = (self.run.folder / PICTURE).read_bytes()
            show_svg(picture[picture.index(b"<svg") :], "Bars of the power at both values")
        except (OSError, ValueError):
            pass
        table(
            ("Number", "From", "To", "Power at the first", "Power at the second"),
            [swing_row(swing, called) for swing in job.result.get("swings", ())],
            words=3,
        )


def swing_row(swing: Mapping[str, Any], called: Naming) -> list[str]:
    """Return a row of the table: which number, between what, and the power at both."""
    powers = [
        share(Mean(value=swing[f"at_{end}"], mcse=swing[f"at_{end}_mcse"]))
        for end in ("low", "high")
    ]
    return [called(str(swing["path"])), str(swing["low"]), str(swing["high"]), *powers]

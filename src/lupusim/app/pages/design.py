"""The design: a form, the scenario file beside it, and whether it can be run."""

from __future__ import annotations

import asyncio
from typing import Any

from nicegui import events, run, ui

from lupusim.app.designs.checking import Checked, check, known_power, time_needed
from lupusim.app.designs.drafts import Draft
from lupusim.app.designs.fields import Field, fields_of
from lupusim.app.drawing.frame import Command, action, box, page, panel, problems, title
from lupusim.app.pages.opening import opening
from lupusim.app.runs.jobs import command_line
from lupusim.app.runs.launch import PRESETS, start_run
from lupusim.app.site import Site
from lupusim.errors import InputError
from lupusim.report.words.trials import sentences
from lupusim.scenario.document.edits import parsed

_NOT_YET = "It cannot be run yet: what is wrong stands beside the button."
_LEAST_SHOWN = 0.005  # of a share, and of what it lacks to 1
_MEND_FIRST = "The field marked in red must be mended first."
_PAUSE = 0.3  # seconds without a key before the design is checked


def draw(site: Site, draft: Draft) -> None:
    """Draw the page of one design."""
    lead = "Change the numbers, or the scenario file beside them: each follows the other."
    with page("Design", draft.heading, lead) as heading:
        DesignView(site, draft, heading).build()


def _share_words(share: float) -> str:
    """Return a power with two decimals; neither 0 nor 1, as none is certain."""
    if share > 1 - _LEAST_SHOWN:
        return "above 0.99"
    return "below 0.01" if share < _LEAST_SHOWN else f"{share:.2f}"


class DesignView:
    """One visit to one design."""

    def __init__(self, site: Site, draft: Draft, heading: ui.label) -> None:
        self.site, self.draft, self._heading = site, draft, heading
        self._inputs: dict[str, ui.input] = {}
        self._shown: list[Field] = []
        self._version = 0
        self._checked = Checked()
        self._setting = False
        self._timing = self._time_is_old = self._starting = False

    def build(self) -> None:
        """Draw everything, and check the design for the first time."""
        with box("two"):
            with panel("The trial"):
                self._form = ui.element("div").classes("stack")
            with box("column-of-panels"):
                with panel("Run it"):
                    self._run_panel()
                with panel("The scenario file"):
                    self._editor = (
                        ui.codemirror(self.draft.text, language="YAML", line_wrapping=True)
                        .classes("editor")
                        .style("height: 460px")
                        .on_value_change(self._edited)
                        .on("focusout", self._agree)
                    )
        with panel("In words"):
            self._words = ui.element("div").classes("stack")
        opening(self.site, self.draft, self._saved)
        self._command = Command()
        self._draw_form()
        ui.timer(0.05, self._check, once=True)

    def _run_panel(self) -> None:
        self._precision = ui.select(
            PRESETS, value="plan", label="How many simulated trials of each design"
        ).props("outlined dense hide-bottom-space")
        self._precision.on_value_change(self._choose_precision)
        self._power = ui.label("").classes("muted")
        self._power.set_visibility(False)
        self._time = ui.label("").classes("note").props('aria-live="polite"')
        self._time.set_visibility(False)
        self._problems = ui.element("div").classes("stack").props('aria-live="polite"')
        with box("line"):
            self._run = action("Run the trial", main=True).on_click(self._start)
            self._mend_first = ui.label(_MEND_FIRST).classes("muted").props('aria-live="polite"')
            self._mend_first.set_visibility(False)
        self._run.set_enabled(False)  # until the design is known to be sound

    def _draw_form(self) -> None:
        try:
            content: Any = parsed(self.draft.text).content
        except InputError:
            return
        fields = fields_of(content)
        if [field.path for field in fields] != [field.path for field in self._shown]:
            self._shown = fields
            self._inputs = {}
            self._form.clear()
            with self._form:
                self._draw_fields()
        self._setting = True
        for field in self._shown:
            shown = field.shown(content) or ""
            self._say_unit(field, shown)
            if self._inputs[field.label].value != shown:
                self._inputs[field.label].set_value(shown)
        self._setting = False

    def _draw_fields(self) -> None:
        if not self._shown:
            ui.label("The form knows none of this trial's numbers: change them in the file.")
        for group in dict.fromkeys(field.group for field in self._shown):
            title(group, 3)
            with box("fields"):
                for field in self._shown:
                    if field.group == group:
                        self._inputs[field.label] = self._input(field)
        if self._shown:
            ui.label("All other numbers of the trial stand in its file.").classes("muted small")

    def _input(self, field: Field) -> ui.input:
        made = ui.input(label=field.label, on_change=lambda e: self._typed(field, e.value))
        made.without_auto_validation()  # which would take back what `_typed` says
        made.props("outlined dense stack-label debounce=250")
        made.props["suffix"] = field.unit
        made.props["hint"] = field.help
        return made

    def _say_unit(self, field: Field, shown: str) -> None:
        made, unit = self._inputs[field.label], field.unit_beside(shown)
        if made.props.get("suffix") != unit:
            made.props["suffix"] = unit
            made.update()

    def _typed(self, field: Field, typed: str | None) -> None:
        if self._setting:
            return
        try:
            changed = self.draft.write(field, field.read(typed or ""))
        except ValueError as wrong:
            self._inputs[field.label].error = str(wrong)
            self._allow()
            return
        self._sound(self._inputs[field.label])
        self._say_unit(field, typed or "")
        if changed:
            self._editor.set_value(self.draft.text)
            self._later()

    def _sound(self, *mended: ui.input) -> None:
        """Take back what was said of some fields."""
        for made in mended:
            made.error = None
        self._allow()

    def _allow(self) -> None:
        """Let the trial be run where it is sound; a power is of what every field shows."""
        marked = any(made.error for made in self._inputs.values())
        self._mend_first.set_visibility(marked)
        self._power.set_visibility(bool(self._power.text) and not marked)
        self._run.set_enabled(not marked and self._checked.scenario is not None)

    def _edited(self, change: events.ValueChangeEventArguments[str]) -> None:
        if change.value != self.draft.text:
            self.draft.text = change.value
            self._sound(*self._inputs.values())
            self._draw_form()
            self._later()

    def _agree(self) -> None:
        """Let the words follow the numbers of the text, while nobody types there."""
        if self.draft.agree():
            self._editor.set_value(self.draft.text)
            self._later()

    def _saved(self) -> None:
        self._editor.set_value(self.draft.text)
        self._say_command()

    def _later(self) -> None:
        self._version += 1
        ui.timer(_PAUSE, lambda version=self._version: self._check_if(version), once=True)

    async def _check_if(self, version: int) -> None:
        if version == self._version:
            await self._check()

    async def _check(self) -> None:
        version = self._version
        if await self._check_text():
            await self._say_known_power(version)
            await self._say_time()

    async def _check_text(self) -> bool:
        """Show what is wrong, or the trial in words; False where the text has changed meanwhile."""
        version, draft = self._version, self.draft
        checked = await run.io_bound(
            check,
            draft.text,
            folder=self.site.folder,
            beside=draft.beside(self.site.folder),
            name=f"{draft.name}.yaml",
        )
        if checked is None or version != self._version:
            return False
        self._checked = checked
        self._say_command()
        self._allow()
        if checked.scenario is not None:
            self._heading.set_text(checked.scenario.title or draft.heading)
        self._problems.clear()
        with self._problems:
            problems(checked.problems)
        self._words.clear()
        with self._words:
            said = sentences(checked.scenario) if checked.scenario else [_NOT_YET]
            for sentence in said:
                ui.label(sentence)
        return True

    async def _say_known_power(self, version: int) -> None:
        self._power.set_text("")
        self._allow()
        if self._checked.scenario is None:
            return
        found = await run.io_bound(known_power, self._checked.scenario)
        if not found or version != self._version:
            return
        parts = [f"{_share_words(power)} with {name}" for name, power, _ in found]
        self._power.set_text(f"Power before any simulation, {found[0][2]}: {', '.join(parts)}.")
        self._allow()

    async def _choose_precision(self) -> None:
        self._say_command()
        await self._say_time()

    async def _say_time(self) -> None:
        """Say before a run that it would take long; one estimate works at a time."""
        self._time_is_old = True
        if self._timing:
            return
        self._timing = True
        words = ""
        try:
            while self._time_is_old:
                self._time_is_old = False
                scenario, precision = self._checked.scenario, str(self._precision.value)
                found = await run.io_bound(time_needed, scenario, precision) if scenario else ""
                words = found or ""
        finally:
            self._timing = False
        if not self._time.is_deleted:
            self._time.set_text(
                f"{words}. What is finished is kept: it can be cancelled and go on."
            )
            self._time.set_visibility(bool(words))

    def _say_command(self) -> None:
        design = self.draft.command_name
        words = command_line(["run", design, "--precision", str(self._precision.value)])
        if design != self.draft.packaged and not self.draft.is_saved:
            words = f"# save the file first, as {design}\n{words}"
        self._command.say(words)

    async def _start(self) -> None:
        """Start one run of what stands there, however often the button is pressed meanwhile."""
        if self._starting:
            return
        self._starting = True
        await asyncio.sleep(0)
        self._agree()
        self._run.set_enabled(False)
        self._starting = await self._start_what_stands()  # then the page is left

    async def _start_what_stands(self) -> bool:
        version = -1
        while version != self._version:  # until nobody has typed during a check
            version = self._version
            sound = await self._check_text()
        if not sound or self._checked.scenario is None:
            return False
        try:
            name = start_run(self.site, self.draft, str(self._precision.value))
        except (ValueError, OSError) as wrong:
            with self._problems:
                ui.label(str(wrong)).classes("problem")
            return False
        ui.navigate.to(f"/run/{name}")
        return True

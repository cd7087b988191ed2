"""The disease: choose a model, move a hazard ratio, watch the shares of patients follow."""

from __future__ import annotations

import base64
import math
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from nicegui import events, ui

from lupusim.app.drawing.charts import occupancy_chart
from lupusim.app.drawing.frame import Command, box, page, panel, table
from lupusim.app.drawing.pictures import picture_in
from lupusim.app.site import Site
from lupusim.errors import LupusimError
from lupusim.report.figures.style import colors_of
from lupusim.report.numbers import share
from lupusim.scenario.files.packaged import packaged_descriptions
from lupusim.simulation.tally import Mean

if TYPE_CHECKING:
    import pandas as pd

    from lupusim.model import Edge, MultiStateModel

_POINTS = 61
_PATIENTS = 1000
_SEED = 20260101
_FIRST = "illness-death"
_OF_ALL = "every transition"
_MARKS = "[-1, 0, 1].map(v => ({value: v, label: String(10 ** v)}))"  # of the slider, in the page


@lru_cache(maxsize=32)
def _model(path: str) -> MultiStateModel:
    from lupusim.scenario import load_model

    return load_model(path)


def edges_of(model: MultiStateModel) -> dict[str, tuple[Edge, ...]]:
    """Return the transitions that a hazard ratio may act on, by their words."""
    every = tuple((t.from_state, t.to_state) for t in model.transitions)
    one: dict[str, tuple[Edge, ...]] = {
        f"{a} to {b}".replace("_", " "): ((a, b),) for a, b in every
    }
    return {**one, _OF_ALL: every} if len(every) > 1 else one


def under_treatment(
    model: MultiStateModel, on: Sequence[Edge], hazard_ratio: float
) -> MultiStateModel:
    """Return the model of patients whose hazards are multiplied from the start on."""
    from lupusim.model.effects import TreatmentEffect

    if hazard_ratio == 1:
        return model
    return model.treated([TreatmentEffect(on=tuple(on), hazard_ratio=hazard_ratio)])


def occupancies(
    model: MultiStateModel, years: float, *, simulated: bool
) -> tuple[pd.DataFrame, pd.DataFrame | None]:
    """Return the exact shares in each state, and those of a thousand simulated patients."""
    from lupusim.engines import exact, simulate

    times = np.linspace(0.0, years, _POINTS)
    patients = None
    if simulated:
        patients = simulate(model, _PATIENTS, years, seed=_SEED).occupancy(times)
    return exact.occupancy(model, times), patients


def _of_patients(part: float) -> str:
    """Return a share of the simulated patients with its standard error."""
    error = math.sqrt(part * (1 - part) / _PATIENTS)
    return share(Mean(value=part, mcse=error, n=_PATIENTS))


def draw(site: Site) -> None:
    """Draw the page."""
    lead = (
        "Patients move between states. Choose a model, change how fast one transition goes, and "
        "see where they are."
    )
    with page("Disease", "A disease in states", lead):
        DiseaseView(site).build()


class DiseaseView:
    """One visit to the page."""

    def __init__(self, site: Site) -> None:
        self.site = site
        described = packaged_descriptions("models")
        own = {name: name for name in site.folder.model_files()}
        self._names = {n: f"{n}: {words.split(';')[0]}" for n, words in described.items()} | own
        self._busy = False

    def build(self) -> None:
        """Draw everything."""
        with box("two wide-left"):
            with panel("Where patients are"):
                self._chart = ui.echart({}, renderer="svg").classes("chart").style("height: 420px")
                self._caption = ui.label("").classes("muted small")
                self._wrong = ui.label("").classes("problem")
                self._wrong.set_visibility(False)
            with panel("What changes"):
                self._controls()
        with box("two"):
            with panel("States and rates"):
                self._diagram = picture_in("the model")
            with panel("Shares at the end"):
                self._shares = ui.element("div")
        self._command = Command()
        self._choose()

    def _controls(self) -> None:
        self._which = ui.select(self._names, value=_FIRST, label="Model")
        self._which.props("outlined dense")
        self._which.on_value_change(self._choose)
        self._edge = ui.select({}, label="Transition").props("outlined dense")
        self._edge.props["hint"] = "Whose hazard the treatment multiplies."
        self._edge.on_value_change(self._draw)
        self._ratio = ui.number(label="Hazard ratio", value=1.0, min=0.05, max=20, step=0.05)
        self._ratio.props("outlined dense suffix=times")
        self._ratio.props["hint"] = "1 changes nothing; 0.5 halves the hazard; 2 doubles it."
        self._ratio.on_value_change(self._from_number)
        self._slider = ui.slider(min=-1.0, max=1.0, step=0.02, value=0.0)
        self._slider.props('aria-label="Hazard ratio, from 0.1 to 10" throttle=50')
        self._slider.props(f':marker-labels="{_MARKS}"').classes("slider")
        self._slider.on_value_change(self._from_slider)
        self._years = ui.number(label="Until", value=10, min=0.25, max=60, step=1)
        self._years.props("outlined dense suffix=years").props["hint"] = "Since randomization."
        self._years.on_value_change(self._draw)
        self._patients = ui.checkbox("Show a thousand simulated patients", value=True)
        self._patients.on_value_change(self._draw)

    def _choose(self) -> None:
        """Take another model: its transitions, its diagram."""
        from lupusim.report.models.diagram import model_diagram

        try:
            model = self._chosen()
            picture = model_diagram(model)
        except (LupusimError, ValueError, OSError) as wrong:
            self._say_wrong(str(wrong))
            return
        name = str(self._which.value)
        self._which.props["display-value"] = name
        self._which.props["hint"] = self._names[name].partition(": ")[2] or "A file of this folder."
        self._which.update()
        names = list(edges_of(model))
        self._edge.set_options(names, value=names[0])
        coded = base64.b64encode(picture.encode()).decode()
        self._diagram.props["src"] = f"data:image/svg+xml;base64,{coded}"
        self._diagram.props["alt"] = f"Diagram of {model.name}: states and the rates between them"
        self._diagram.update()
        self._draw()

    def _chosen(self) -> MultiStateModel:
        name = str(self._which.value)
        if name not in self._names:
            raise ValueError("Choose a model of the list.")
        in_folder = name.endswith(".yaml")
        return _model(str(self.site.folder.inside(name)) if in_folder else name)

    def _from_slider(self, change: events.ValueChangeEventArguments[Any]) -> None:
        ratio = float(f"{10 ** float(change.value):.3g}")
        if not self._busy and ratio != self._ratio.value:
            self._busy = True
            self._ratio.set_value(ratio)
            self._busy = False
            self._draw()

    def _from_number(self, change: events.ValueChangeEventArguments[Any]) -> None:
        if self._busy or not change.value or change.value <= 0:
            return
        self._busy = True
        self._slider.set_value(max(-1.0, min(1.0, math.log10(change.value))))
        self._busy = False
        self._draw()

    def _draw(self) -> None:
        ratio, years = float(self._ratio.value or 0), float(self._years.value or 0)
        if ratio <= 0 or years <= 0:
            self._say_wrong("The hazard ratio and the years must be above 0.")
            return
        try:
            model = self._chosen()
            on = edges_of(model).get(str(self._edge.value))
            if on is None:
                return
            treated = under_treatment(model, on, ratio)
            exact, patients = occupancies(treated, years, simulated=bool(self._patients.value))
        except (LupusimError, ValueError, OSError) as wrong:
            self._say_wrong(str(wrong))
            return
        self._wrong.set_visibility(False)
        self._show(model, exact, patients)
        self._say_command(on, ratio, years)

    def _show(
        self, model: MultiStateModel, exact: pd.DataFrame, patients: pd.DataFrame | None
    ) -> None:
        self._chart.options.clear()
        self._chart.options.update(occupancy_chart(exact, patients, colors_of(model.states)))
        self._chart.update()
        self._caption.set_text(
            "Colored areas: the exact solution. Dashed lines: the same borders among 1000 "
            "simulated patients, who scatter around it."
            if patients is not None
            else "Colored areas: the exact solution."
        )
        last = exact.iloc[-1]
        found = [] if patients is None else [patients.iloc[-1]]
        rows = [
            [
                state.replace("_", " "),
                f"{last[state]:.3f}",
                *(_of_patients(p[state]) for p in found),
            ]
            for state in model.states
        ]
        self._shares.clear()
        with self._shares:
            table(["State", "Exact", *["Simulated" for _ in found]], rows)
            if found:
                words = f"In brackets: the standard error of {_PATIENTS} simulated patients."
                ui.label(words).classes("muted small")

    def _say_command(self, on: Sequence[Edge], ratio: float, years: float) -> None:
        name = str(self._which.value)
        if ratio == 1:
            self._command.say(f'lupusim occupancy {name} --at "{years:g} years"')
            return
        edges = ", ".join(f"({a!r}, {b!r})" for a, b in on)
        self._command.say(
            "from lupusim import load_model, occupancy\n"
            "from lupusim.model.effects import TreatmentEffect\n"
            f"effect = TreatmentEffect(on=({edges},), hazard_ratio={ratio:g})\n"
            f"occupancy(load_model({name!r}).treated([effect]), [{years:g}])"
        )

    def _say_wrong(self, words: str) -> None:
        self._wrong.set_text(words)
        self._wrong.set_visibility(True)

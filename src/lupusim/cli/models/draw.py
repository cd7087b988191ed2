"""``lupusim draw``: a model as a picture."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import click

from lupusim.cli.parameters import Argument, Option
from lupusim.cli.writing import ForceOption, if_present, save_figure, try_picture
from lupusim.common.output import try_file, write

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class PictureName(StrEnum):
    """What to draw."""

    diagram = "diagram"
    occupancy = "occupancy"
    patients = "patients"
    trace = "trace"


def draw(
    model: Annotated[
        str,
        Argument(metavar="MODEL", help="A model file or packaged name; with cycles or not."),
    ],
    plot: Annotated[
        Path | None,
        Option("--plot", help="A file ending in .svg (or .png, but for diagrams)."),
    ] = None,
    picture: Annotated[
        PictureName,
        Option(
            help="diagram of states; occupancy, stacked; bars of single patients; a cohort's trace."
        ),
    ] = PictureName.diagram,
    until: Annotated[str, Option(help='Up to a time such as "5 years".')] = "10 years",
    patients: Annotated[int, Option(min=1, help="Single patients, or the cohort's size.")] = 12,
    seed: Annotated[int, Option(min=0, help="Of the single patients.")] = 1,
    force: ForceOption = False,
) -> None:
    """Draw a model: its states with hazards or probabilities, or what becomes of patients."""
    from lupusim.scenario import parse_duration

    file = plot or Path(f"{Path(model).stem}-{picture.value}.svg")
    years = parse_duration(until)
    if picture is PictureName.diagram:
        _diagram(model, file, force)
        return
    try_picture(file, force)
    if picture is PictureName.trace:
        save_figure(_trace(model, years, patients), file)
    else:
        bars = (patients or 12) if picture is PictureName.patients else None
        save_figure(_course(model, years, bars, seed), file)


def _diagram(name: str, file: Path, force: bool) -> None:
    from lupusim.cli.models.cohort import moves_in_cycles
    from lupusim.report.models.diagram import cohort_diagram, model_diagram
    from lupusim.scenario import load_cohort_model, load_model

    if file.suffix.lower() != ".svg":
        raise click.BadParameter(f"a diagram is written as .svg, not as {file.name!r}")
    try_file(file, if_present(force))
    if moves_in_cycles(name):
        text = cohort_diagram(load_cohort_model(name))
    else:
        text = model_diagram(load_model(name))
    write(file, text)
    print(f"written: {file}", file=sys.stderr)


def _trace(name: str, until: float, patients: int | None) -> Figure:
    from lupusim.cli.models.cohort import in_cycles_of, moves_in_cycles
    from lupusim.engines.cohort import trace
    from lupusim.report.models.courses import trace_figure

    cycle = None if moves_in_cycles(name) else "1 year"
    n_cycles = in_cycles_of(name, cycle, 1).n_cycles(until)
    loaded = in_cycles_of(name, cycle, n_cycles)
    title = loaded.description or loaded.name
    table = trace(loaded, n_cycles)
    return trace_figure(table, cycle=loaded.cycle, patients=patients, title=title)


def _course(name: str, until: float, bars: int | None, seed: int) -> Figure:
    """Return bars of so many patients, or the stacked occupancy where there are none."""
    import numpy as np

    from lupusim.cli.models.cohort import moves_in_cycles
    from lupusim.engines import simulate
    from lupusim.engines.exact import occupancy
    from lupusim.report.models.courses import patient_bars, stacked_occupancy
    from lupusim.scenario import load_model

    if moves_in_cycles(name):
        raise click.BadParameter("a model that moves in cycles has a diagram and a trace")
    model = load_model(name)
    title = model.description or model.name
    if bars is None:
        return stacked_occupancy(occupancy(model, np.linspace(0, until, 121)), title=title)
    histories = simulate(model, bars, until, seed=seed)
    return patient_bars(histories, n_patients=bars, title=title)

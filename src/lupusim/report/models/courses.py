"""Pictures of courses: who is where, one patient at a time, a cohort's trace."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lupusim.records.histories import Histories
from lupusim.report.figures.style import (
    axes_of_figure,
    colors_of,
    finished,
    legend_beside,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def stacked_occupancy(occupancy: pd.DataFrame, *, title: str = "") -> Figure:
    """Return the share of patients in each state, stacked over study time.

    Parameters
    ----------
    occupancy : pandas.DataFrame
        Index study time (years), a column per state, as from :func:`lupusim.occupancy`.
    title : str
        What stands above.
    """
    states = tuple(str(column) for column in occupancy.columns)
    colors = colors_of(states)
    with axes_of_figure() as axes:
        axes.stackplot(
            occupancy.index.to_numpy(),
            occupancy.to_numpy().T,
            labels=[state.replace("_", " ") for state in states],
            colors=[colors[state] for state in states],
            alpha=0.85,
        )
        axes.set(xlabel="years", ylabel="share of patients", ylim=(0, 1), title=title)
        axes.margins(x=0)
        legend_beside(axes, backwards=True)
        return finished(axes)


def patient_bars(histories: Histories, *, n_patients: int = 12, title: str = "") -> Figure:
    """Return a bar for each of the first patients, in the colors of the states they pass.

    Parameters
    ----------
    histories : Histories
        From :func:`lupusim.simulate`.
    n_patients : int
        How many to show.
    title : str
        What stands above.
    """
    stays = histories.stays()
    shown = stays[stays["patient"] < n_patients]
    colors = colors_of(histories.states)
    with axes_of_figure(height=1.4 + 0.24 * min(n_patients, histories.n_patients)) as axes:
        for state in histories.states:
            those = shown[shown["state"] == state]
            axes.barh(
                those["patient"] + 1,
                those["exit_time"] - those["entry_time"],
                left=those["entry_time"],
                color=colors[state],
                height=0.75,
            )
            axes.bar([0.0], [0.0], color=colors[state], label=state.replace("_", " "))
        axes.invert_yaxis()
        axes.set(xlabel="years", ylabel="patient", title=title, xlim=(0, histories.horizon))
        axes.set_yticks(np.arange(1, shown["patient"].nunique() + 1))
        legend_beside(axes)
        return finished(axes)


def trace_figure(
    trace: pd.DataFrame, *, cycle: float, patients: float | None = None, title: str = ""
) -> Figure:
    """Return a cohort's trace: a point for each state after each cycle, with counts at the end.

    Parameters
    ----------
    trace : pandas.DataFrame
        From :func:`lupusim.trace`.
    cycle : float
        Length of a cycle, years.
    patients : float or None
        Size of the cohort, to show counts; None for shares.
    title : str
        What stands above.
    """
    states = tuple(str(column) for column in trace.columns)
    colors = colors_of(states)
    size = 1.0 if patients is None else patients
    years = trace.index.to_numpy() * cycle
    with axes_of_figure() as axes:
        for state in states:
            counts = size * trace[state].to_numpy()
            last = f"{counts[-1]:.3g}" if patients is None else f"{counts[-1]:.0f}"
            label = f"{state.replace('_', ' ')} ({last} at the end)"
            many = trace.shape[0] > 60
            axes.plot(
                years,
                counts,
                color=colors[state],
                marker=None if many else "o",
                markersize=3,
                label=label,
            )
        what = "share of the cohort" if patients is None else f"patients of {patients:g}"
        axes.set(xlabel="years", ylabel=what, ylim=(0, 1.02 * size), title=title)
        axes.grid(alpha=0.3)
        legend_beside(axes)
        return finished(axes)

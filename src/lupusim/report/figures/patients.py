"""Pictures of one simulated trial: curves of times to events, and patients one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lupusim.analysis import cumulative_incidence, kaplan_meier
from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.report.figures.style import (
    ARMS,
    colors_of,
    finished_panels,
    in_lines,
    legend_above,
    panels_of_figure,
)
from lupusim.simulation.patient_level.tables import SimulatedTrial
from lupusim.trial.durations import MONTHS_PER_YEAR

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ARM = 24  # characters of an arm beside each of its patients
_N_COUNTS = 6  # columns of numbers at risk


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A curve of one arm with its pointwise 95 % interval, and who is at risk."""

    arm: str  # whose
    time: FloatArray
    value: FloatArray
    lower: FloatArray
    upper: FloatArray
    """`time`, `value`, `lower` and `upper`: steps, years; (n_times,)."""
    at_risk: FloatArray  # patients at risk at the times of `counted_at`; (n_counts,)


def counted_at(table: pd.DataFrame) -> FloatArray:
    """Return the times (years) at which numbers at risk are told: round months."""
    longest = MONTHS_PER_YEAR * float(table["time"].max())
    steps = (1, 2, 3, 6, 12, 24, 36, 60, 120, 240)
    step = next((s for s in steps if longest / s <= _N_COUNTS), 600)
    return np.arange(0.0, longest + 1e-9, step) / MONTHS_PER_YEAR


def curves(table: pd.DataFrame) -> list[Curve]:
    """Return Kaplan-Meier curves by arm, or where events compete those of Aalen and Johansen.

    Parameters
    ----------
    table : pandas.DataFrame
        Of a time-to-event endpoint, from ``SimulatedTrial.endpoints``: `arm`, `time` (years),
        `event`, `in_analysis`, and `competing` where another event makes it impossible.
    """
    table = table[table["in_analysis"]]
    at = counted_at(table)
    return [_curve(str(arm), those, at) for arm, those in table.groupby("arm", sort=False)]


def _curve(arm: str, those: pd.DataFrame, at: FloatArray) -> Curve:
    time, event = those["time"].to_numpy(), those["event"].to_numpy().astype(int)
    grid = np.unique(np.concatenate([[0.0], time]))
    if "competing" in those:
        any_event = event | those["competing"].to_numpy().astype(int)
        incidence = cumulative_incidence(time, any_event, event, grid)
        value, lower, upper = incidence.incidence, incidence.lower, incidence.upper
        known = ~incidence.undefined
    else:
        survival = kaplan_meier(time, event, grid)
        value, lower, upper = survival.survival, survival.lower, survival.upper
        known = ~survival.undefined
    at_risk = (time[None, :] >= at[:, None] - 1e-12).sum(axis=1).astype(float)
    return Curve(
        arm=arm,
        time=grid[known],
        value=value[known],
        lower=lower[known],
        upper=upper[known],
        at_risk=at_risk,
    )


def curves_figure(
    table: pd.DataFrame, *, name: str, arms: Sequence[str] = (), title: str = ""
) -> Figure:
    """Return the curves of a time-to-event endpoint with 95 % bands and numbers at risk.

    Parameters
    ----------
    table : pandas.DataFrame
        See :func:`curves`.
    name : str
        Of the endpoint.
    arms : sequence of str
        In the order of their colors, the control first; default: as they come.
    title : str
        What stands above.
    """
    found = curves(table)
    order = list(arms) or [in_lines(curve.arm, most=1) for curve in found]
    found.sort(key=lambda curve: order.index(curve.arm))
    below = 0.35 + 0.22 * len(found)
    ratios = {"height_ratios": [3.2, below], "sharex": True}
    with panels_of_figure(2, 1, height=4.1 + below, **ratios) as (axes, counts):
        for curve in found:
            color = ARMS[order.index(curve.arm) % len(ARMS)]
            months = MONTHS_PER_YEAR * curve.time
            axes.step(months, curve.value, where="post", color=color, label=curve.arm)
            band: dict[str, Any] = {"step": "post", "color": color, "alpha": 0.18, "linewidth": 0}
            axes.fill_between(months, curve.lower, curve.upper, **band)
        rivals = "competing" in table
        what = "with event (Aalen-Johansen)" if rivals else "without event (Kaplan-Meier)"
        axes.set(ylabel=f"share {what}", ylim=(0, 1.02))
        axes.grid(alpha=0.3)
        legend_above(axes)
        _numbers_at_risk(counts, found, counted_at(table[table["in_analysis"]]), name)
        return finished_panels(axes, title)


def _numbers_at_risk(panel: Axes, found: Sequence[Curve], at: FloatArray, name: str) -> None:
    for row, curve in enumerate(found):
        for time, n in zip(at, curve.at_risk, strict=True):
            panel.text(
                MONTHS_PER_YEAR * time, -row, f"{n:.0f}", ha="center", va="center", fontsize=9
            )
    panel.set_ylim(-len(found) + 0.5, 0.9)
    panel.set_yticks(-np.arange(len(found)), [in_lines(curve.arm, most=1) for curve in found])
    panel.tick_params(length=0, axis="y")
    panel.set_title("patients at risk", loc="left", fontsize=9, pad=2)
    panel.set_xticks(MONTHS_PER_YEAR * at)
    panel.spines["left"].set_visible(False)
    panel.set_xlabel(in_lines(f"months, {name}", 60))


def stays(simulated: SimulatedTrial, start: Mapping[str, str]) -> pd.DataFrame:
    """Return a row per stay of each patient: `patient`, `state`, `begin`, `end` (years).

    Parameters
    ----------
    simulated : SimulatedTrial
        From :func:`lupusim.simulate_trial`.
    start : mapping of str to str
        For each arm, where patients who were never seen to move are: the state they start in.
    """
    import pandas as pd

    moves = dict(list(simulated.events.groupby("patient")))
    found: list[tuple[int, str, float, float]] = []
    columns = simulated.patients[["patient", "arm", "seen_until"]]
    for patient, arm, until in columns.itertuples(index=False):
        begin, state = 0.0, start[arm]
        rows = moves.get(patient)
        if rows is not None:
            state = str(rows["from_state"].iloc[0])
            for time, to in zip(rows["study_time"], rows["to_state"], strict=True):
                found.append((patient, state, begin, float(time)))
                begin, state = float(time), str(to)
        if until > begin:
            found.append((patient, state, begin, float(until)))
    return pd.DataFrame(found, columns=["patient", "state", "begin", "end"])


_ENDS = {
    "dropout": (">", "dropout"),
    "data cutoff": ("|", "data cutoff"),
    "end of follow-up": ("|", "end of follow-up"),
}
_DEATH = ("X", "end in that state")


def swim_lanes(
    simulated: SimulatedTrial,
    *,
    states: tuple[str, ...],
    start: Mapping[str, str],
    n_patients: int = 24,
    title: str = "",
) -> Figure:
    """Return a lane per patient from entry on, in the colors of the states passed.

    Parameters
    ----------
    simulated : SimulatedTrial
        From :func:`lupusim.simulate_trial`.
    states : tuple of str
        All states of the model, in its order: it decides the colors.
    start : mapping of str to str
        See :func:`stays`.
    n_patients : int
        How many to show, the first of each arm in equal parts.
    title : str
        What stands above.
    """
    chosen = lanes(simulated, n_patients)
    every = stays(simulated, start)
    place = {int(p): k for k, p in enumerate(chosen["patient"])}
    shown = every[every["patient"].isin(place)]
    colors = colors_of(states)
    with panels_of_figure(height=1.5 + 0.19 * len(chosen)) as (axes,):
        for state in states:
            those = shown[shown["state"] == state]
            if those.empty:
                continue
            axes.barh(
                [place[int(p)] for p in those["patient"]],
                MONTHS_PER_YEAR * (those["end"] - those["begin"]),
                left=MONTHS_PER_YEAR * those["begin"],
                color=colors[state],
                height=0.72,
                label=state.replace("_", " "),
            )
        _ends(axes, chosen)
        _arm_labels(axes, chosen)
        axes.set_xlabel("months since entry into the trial")
        axes.set_xlim(left=0)
        axes.grid(axis="x", alpha=0.3)
        axes.set_ylim(len(chosen) - 0.4, -0.6)
        legend_above(
            axes, n_columns=4, first=[state.replace("_", " ") for state in shown["state"].unique()]
        )
        return finished_panels(axes, title)


def lanes(simulated: SimulatedTrial, n_patients: int) -> pd.DataFrame:
    """Return the patients shown: of each arm the first, the longest followed on top."""
    patients = simulated.patients
    share = max(1, n_patients // patients["arm"].nunique())
    first = patients.groupby("arm", sort=True).head(share)
    return first.sort_values(["arm", "seen_until"], ascending=[True, False], ignore_index=True)


def _ends(axes: Axes, chosen: pd.DataFrame) -> None:
    """Mark why the observation of each patient ended."""
    for left, those in chosen.groupby("left", sort=True):
        marker, words = _ENDS.get(str(left), (_DEATH[0], str(left).replace("_", " ")))
        axes.plot(
            MONTHS_PER_YEAR * those["seen_until"],
            those.index,
            linestyle="none",
            marker=marker,
            markersize=5.5,
            color="black",
            markeredgecolor="white" if marker in ("X", ">") else "black",
            markeredgewidth=0.5 if marker in ("X", ">") else 1.5,
            label=words,
            clip_on=False,
        )


def _arm_labels(axes: Axes, chosen: pd.DataFrame) -> None:
    """Name each lane, and part the arms."""
    names = [
        f"{in_lines(arm, _ARM, most=1)} {patient}"
        for arm, patient in zip(chosen["arm"], chosen["patient"], strict=True)
    ]
    axes.set_yticks(range(len(chosen)), names, fontsize=7.5)
    axes.tick_params(axis="y", length=0)
    arm = chosen["arm"].to_numpy()
    for k in np.flatnonzero(arm[1:] != arm[:-1]):
        axes.axhline(k + 0.5, color="black", linewidth=0.8)

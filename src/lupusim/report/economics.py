"""Pictures of decisions: plane, acceptability with frontier, value of information, tornado."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lupusim.economics.uncertainty import Psa
from lupusim.report.figures.style import (
    BLUE,
    CONFIDENCE,
    GRAY,
    ORANGE,
    axes_of_figure,
    colors_of,
    finished,
)
from lupusim.scenario.files.decision import Decision

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from matplotlib.figure import Figure


def frontier_figure(table: pd.DataFrame, *, title: str = "") -> Figure:
    """Return cost against effect, with the line of the strategies that may be worth it.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`lupusim.economics.incremental_analysis`.
    title : str
        What stands above.
    """
    with axes_of_figure() as axes:
        best = table[table["status"] == "frontier"]
        axes.plot(best["effect"], best["cost"], color=BLUE, marker="o")
        others = table[table["status"] != "frontier"]
        axes.plot(others["effect"], others["cost"], "x", color=ORANGE)
        for name, effect, cost in zip(
            table["strategy"], table["effect"], table["cost"], strict=True
        ):
            axes.annotate(str(name), (effect, cost), (6, -12), textcoords="offset points")
        steps = best.dropna(subset=["icer"])
        before = best.shift(1).loc[steps.index]
        for k in range(len(steps)):
            middle = (
                0.5 * (steps["effect"].iloc[k] + before["effect"].iloc[k]),
                0.5 * (steps["cost"].iloc[k] + before["cost"].iloc[k]),
            )
            words = f"{steps['icer'].iloc[k]:,.0f} per unit"
            axes.annotate(
                words, middle, (-8, 8), textcoords="offset points", ha="right", color=BLUE
            )
        axes.margins(0.15)
        axes.set(xlabel="effect", ylabel="cost", title=title)
        axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.grid(alpha=0.3)
        return finished(axes)


def plane_figure(analysis: Psa, *, comparator: str | None = None, title: str = "") -> Figure:
    """Return the cost-effectiveness plane: a point for each draw of each strategy."""
    points = analysis.plane(comparator)
    against = comparator or analysis.strategies[0]
    colors = colors_of((*analysis.strategies, ""))
    with axes_of_figure() as axes:
        for name, those in points.groupby("strategy", sort=False):
            axes.plot(
                those["incremental_effect"],
                those["incremental_cost"],
                ".",
                markersize=3,
                alpha=0.5,
                color=colors[str(name)],
                label=str(name),
            )
        axes.axhline(0, color=GRAY, linewidth=0.8)
        axes.axvline(0, color=GRAY, linewidth=0.8)
        axes.set(
            xlabel=f"effect, more than {against}", ylabel=f"cost, more than {against}", title=title
        )
        axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.legend(frameon=False, markerscale=4)
        return finished(axes)


def acceptability_figure(analysis: Psa, prices: Sequence[float], *, title: str = "") -> Figure:
    """Return how probably each strategy is the best, with the frontier of the expected best."""
    curve = analysis.acceptability(prices)
    colors = colors_of((*analysis.strategies, ""))
    with axes_of_figure() as axes:
        for name, those in curve.groupby("strategy", sort=False):
            x, p = those["willingness_to_pay"].to_numpy(), those["probability"].to_numpy()
            half = CONFIDENCE * those["probability_mcse"].to_numpy()
            axes.fill_between(
                x,
                np.clip(p - half, 0, 1),
                np.clip(p + half, 0, 1),
                color=colors[str(name)],
                alpha=0.2,
            )
            axes.plot(x, p, color=colors[str(name)], label=str(name))
        best = curve[curve["on_frontier"]]
        axes.plot(
            best["willingness_to_pay"],
            best["probability"],
            "o",
            color="black",
            fillstyle="none",
            label="frontier: best on average",
        )
        axes.set(xlabel="willingness to pay", ylabel="probability of being the best", title=title)
        axes.set_ylim(0, 1.02)
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
        return finished(axes)


def benefit_tornado(table: pd.DataFrame, *, title: str = "") -> Figure:
    """Return what each parameter does to the net benefit, the widest on top.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`lupusim.economics.tornado`.
    title : str
        What stands above.
    """
    rows = table.iloc[::-1]
    mean = float(table["at_mean"].iloc[0])
    names = [
        f"{name}\n{_short(low)} to {_short(high)}"
        for name, low, high in zip(rows["parameter"], rows["low"], rows["high"], strict=True)
    ]
    with axes_of_figure(height=1.6 + 0.5 * len(rows)) as axes:
        for column, color, label in (
            ("at_low", ORANGE, "at its 2.5 % quantile"),
            ("at_high", BLUE, "at its 97.5 % quantile"),
        ):
            width = rows[column].to_numpy() - mean
            axes.barh(names, width, left=mean, color=color, alpha=0.7, height=0.6, label=label)
        axes.axvline(mean, color=GRAY)
        axes.axvline(0, color="black", linestyle=":")
        axes.xaxis.set_major_formatter("{x:,.0f}")
        axes.set(xlabel="gain in net benefit", title=title)
        axes.legend(frameon=False)
        return finished(axes)


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def decision_figure(decision: Decision, table: pd.DataFrame, analysis: Psa | None) -> Figure:
    """Return the picture of a decision: acceptability where there are draws, else the frontier."""
    if analysis is None:
        return frontier_figure(table, title=decision.title)
    top = 2 * max(decision.willingness_to_pay, default=100_000.0)
    return acceptability_figure(analysis, np.linspace(0, top, 41).tolist(), title=decision.title)

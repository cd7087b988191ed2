"""Pictures of answers: power by size, what it hangs on, the value of data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lupusim.planning.assurance.results import PointAssurance
from lupusim.planning.sensitivity.one_at_a_time import Tornado
from lupusim.planning.sensitivity.sobol import SobolIndices
from lupusim.planning.solving.results import Solution
from lupusim.report.figures.style import (
    BLUE,
    CONFIDENCE,
    GRAY,
    ORANGE,
    axes_of_figure,
    finished,
    in_lines,
)
from lupusim.report.numbers import share
from lupusim.report.questions.answers import design_label, estimate_in_words
from lupusim.report.words.paths import Naming, path_in_words
from lupusim.trial.durations import MONTHS_PER_YEAR

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_BARS = 20  # of the distribution of power
_BAR = 0.36
_LINE = 0.2  # inches of a line of the legend


def power_curve(curve: pd.DataFrame, *, target: float | None = None, title: str = "") -> Figure:
    """Return power against size, with a band of 95 % Monte Carlo limits and the target.

    Parameters
    ----------
    curve : pandas.DataFrame
        Columns `n_patients`, `power` and `power_mcse`, as in ``SampleSize.curve`` or a
        run's ``operating_characteristics``.
    target : float or None
        Power asked for.
    title : str
        What stands above.
    """
    curve = curve.sort_values("n_patients")
    size, power = curve["n_patients"].to_numpy(), curve["power"].to_numpy()
    half_width = CONFIDENCE * curve["power_mcse"].to_numpy()
    with axes_of_figure() as axes:
        low, high = np.clip([power - half_width, power + half_width], 0, 1)
        axes.fill_between(size, low, high, color=BLUE, alpha=0.25, linewidth=0)
        axes.plot(size, power, color=BLUE, marker="o", markersize=4)
        if target is not None:
            axes.axhline(target, color=ORANGE, linestyle="--")
            words = f"target {target:g}"
            axes.annotate(words, (size[0], target), (0, 4), textcoords="offset points")
        axes.set(xlabel="patients", ylabel="power", ylim=(0, 1.02), title=title)
        axes.grid(alpha=0.3)
        return finished(axes)


def solved_curve(answer: Solution, *, name: str, title: str = "") -> Figure:
    """Return a quantity against the number that was searched, with the target and the answer.

    Parameters
    ----------
    answer : Solution
        From :func:`lupusim.planning.solving.search.find_value`.
    name : str
        What the number is called.
    title : str
        What stands above.
    """
    quantity, curve = answer.goal.quantity, answer.curve
    x, y = curve["value"].to_numpy(), curve[quantity].to_numpy()
    half_width = CONFIDENCE * curve[f"{quantity}_mcse"].to_numpy()
    with axes_of_figure() as axes:
        axes.fill_between(x, y - half_width, y + half_width, color=BLUE, alpha=0.25, linewidth=0)
        axes.plot(x, y, color=BLUE, marker="o", markersize=4)
        axes.axhline(answer.goal.target, color=ORANGE, linestyle="--")
        axes.axvline(answer.value, color=GRAY, linestyle="--")
        axes.set(xlabel=name, ylabel=answer.asked, title=title)
        axes.grid(alpha=0.3)
        return finished(axes)


def assurance_distribution(point: PointAssurance, *, title: str = "") -> Figure:
    """Return the distribution of power over the prior, with assurance and power."""
    edges = np.linspace(0.0, 1.0, _BARS + 1)
    shares = point.distribution.shares(edges)
    with axes_of_figure() as axes:
        axes.bar(edges[:-1], shares, 1 / _BARS, align="edge", color=BLUE, alpha=0.35)
        marks = {"assurance": (point.assurance, ORANGE, "-"), "power": (point.power, GRAY, "--")}
        for name, (mean, color, line) in marks.items():
            label = f"{name} {share(mean)}"
            axes.axvline(mean.value, color=color, linestyle=line, label=label)
        axes.legend(frameon=False)
        axes.set(xlabel="power, given the truth", xlim=(0, 1), title=title)
        axes.set(ylabel=f"probability per {1 / _BARS:g} of power")
        return finished(axes)


def tornado(result: Tornado, *, title: str = "", called: Naming = path_in_words) -> Figure:
    """Return what each number does between its two values, the widest on top.

    Parameters
    ----------
    result : Tornado
        From :func:`lupusim.planning.sensitivity.one_at_a_time.sensitivity`.
    title : str
        What stands above.
    called : callable
        What calls the numbers, from :func:`lupusim.report.words.paths.naming`.
    """
    swings = result.swings[::-1]
    name = "power" if result.quantity == "reject" else result.quantity
    with axes_of_figure(height=1.6 + 0.45 * len(swings)) as axes:
        for what, color in (("low", ORANGE), ("high", BLUE)):
            changes = [getattr(swing, f"{what}_change") for swing in swings]
            axes.barh(
                range(len(swings)),
                [change.value for change in changes],
                left=result.base.value,
                xerr=[CONFIDENCE * change.mcse for change in changes],
                color=color,
                alpha=0.7,
                height=0.6,
                label=f"at the {what} value",
                error_kw={"linewidth": 1, "capsize": 2},
            )
        axes.set_yticks(
            range(len(swings)),
            [f"{in_lines(called(s.path), 40)}\n{s.low} to {s.high}" for s in swings],
        )
        axes.axvline(result.base.value, color=GRAY)
        axes.legend(frameon=False, ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.0))
        axes.set(xlabel=f"{name}; as it is {estimate_in_words(result, result.base)}", title=title)
        axes.set_title(title, pad=30 if title else None)
        return finished(axes)


def sobol_bars(result: SobolIndices, *, title: str = "", called: Naming = path_in_words) -> Figure:
    """Return each number's share of the variance, alone and with others, the largest on top.

    Parameters
    ----------
    result : SobolIndices
        From :func:`lupusim.planning.sensitivity.sobol.sobol`.
    title : str
        What stands above.
    called : callable
        What calls the numbers, from :func:`lupusim.report.words.paths.naming`.
    """
    table = result.table.iloc[::-1]
    place = np.arange(len(table))
    kinds = (("first_order", "alone", _BAR / 2, BLUE), ("total", "with others", -_BAR / 2, ORANGE))
    with axes_of_figure(height=1.6 + 0.6 * len(table)) as axes:
        for column, label, shift, color in kinds:
            error = CONFIDENCE * table[f"{column}_mcse"].to_numpy()
            axes.barh(
                place + shift,
                table[column].to_numpy(),
                xerr=error,
                height=_BAR,
                color=color,
                alpha=0.7,
                label=label,
                error_kw={"linewidth": 1, "capsize": 2},
            )
        axes.set_yticks(place, [in_lines(called(path), 40) for path in table["path"]])
        axes.legend(frameon=False, loc="lower right")
        axes.set(xlabel="share of the variance over the ranges", xlim=(0, 1.05), title=title)
        return finished(axes)


def frontier(table: pd.DataFrame, *, title: str = "") -> Figure:
    """Return cost against duration of designs with the same power, and the frontier.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`lupusim.planning.sample_size.frontier.sizes`.
    title : str
        What stands above.
    """
    able = table[table["cost"].notna()]
    best = able[able["on_frontier"]].sort_values("duration")
    with axes_of_figure(height=4.2 + _LINE * len(able)) as axes:
        months = MONTHS_PER_YEAR * best["duration"].to_numpy(dtype=float)
        cost = best["cost"].to_numpy(dtype=float)
        axes.step(months, cost, where="post", color=BLUE, alpha=0.5, zorder=1)
        records: list[dict[Any, Any]] = able.to_dict("records")
        for number, row in enumerate(records, start=1):
            color = BLUE if row["on_frontier"] else GRAY
            at = (MONTHS_PER_YEAR * row["duration"], row["cost"])
            label = f"{number}   {design_label(row)}: {row['n_patients']} patients"
            axes.plot(*at, "o", color=color, label=label)
            axes.annotate(str(number), at, (6, 4), textcoords="offset points", color=color)
        axes.margins(x=0.1, y=0.15)
        axes.set(xlabel="months to the data cutoff", ylabel="cost", title=title)
        axes.grid(alpha=0.3)
        whole = axes.get_figure(root=True)
        assert whole is not None  # these axes stand in one
        whole.legend(loc="outside lower center", frameon=False, fontsize="small")
        return finished(axes)


def value_by_size(table: pd.DataFrame, *, title: str = "") -> Figure:
    """Return what the data of a trial are worth against its size.

    Parameters
    ----------
    table : pandas.DataFrame
        From :func:`lupusim.planning.assurance.value_of_information.information_value`.
    title : str
        What stands above.
    """
    table = table.sort_values("n_patients")
    size = table["n_patients"].to_numpy()
    lines = (
        ("perfect_information", "knowing the truth", GRAY, ":"),
        ("evsi", "best use of the data", BLUE, "-"),
        ("rule_value", "adopting where the test is significant", ORANGE, "--"),
    )
    with axes_of_figure() as axes:
        for column, label, color, style in lines:
            value = table[column].to_numpy()
            half = CONFIDENCE * table[f"{column}_mcse"].to_numpy()
            axes.fill_between(
                size, value - half, value + half, color=color, alpha=0.15, linewidth=0
            )
            axes.plot(
                size, value, color=color, linestyle=style, marker="o", markersize=4, label=label
            )
        if (cost := table["cost"].to_numpy()).any():
            axes.plot(size, cost, color="black", linewidth=1, label="cost")
        axes.legend(frameon=False)
        axes.set(xlabel="patients", ylabel="responders or events avoided", title=title)
        axes.grid(alpha=0.3)
        return finished(axes)

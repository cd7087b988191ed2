"""Pictures of Sobol indices, of the frontier of designs, and of the value of data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lupusim.planning.sensitivity.sobol import SobolIndices
from lupusim.report.figures.style import (
    BLUE,
    CONFIDENCE,
    GRAY,
    ORANGE,
    axes_of_figure,
    finished,
    in_lines,
)
from lupusim.report.questions.answers import design_label
from lupusim.report.words.paths import Naming, path_in_words

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_MONTHS = 12
_BAR = 0.36
_LINE = 0.2  # inches of a line of the legend


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
        From :func:`lupusim.planning.sample_size.frontier.frontier`.
    title : str
        What stands above.
    """
    able = table[table["cost"].notna()]
    best = able[able["on_frontier"]].sort_values("duration")
    with axes_of_figure(height=4.2 + _LINE * len(able)) as axes:
        months = _MONTHS * best["duration"].to_numpy(dtype=float)
        cost = best["cost"].to_numpy(dtype=float)
        axes.step(months, cost, where="post", color=BLUE, alpha=0.5, zorder=1)
        for number, (_, row) in enumerate(able.iterrows(), start=1):
            color = BLUE if row["on_frontier"] else GRAY
            at = (_MONTHS * row["duration"], row["cost"])
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

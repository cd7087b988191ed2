"""Pictures of planning results; the only place that draws. Same result, same bytes.

Figures are made without pyplot, so that nothing global changes and no window is needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lupusim.planning.assurance.results import PointAssurance
from lupusim.planning.sensitivity.one_at_a_time import Tornado
from lupusim.report.numbers import rounded

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CONFIDENCE = 1.959963984540054
BLUE, ORANGE, GRAY = "#0072b2", "#d55e00", "#666666"  # told apart by every eye (Okabe, Ito)
_STYLE = {
    "svg.hashsalt": "lupusim",
    "svg.fonttype": "none",
    "font.size": 10.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
_BARS = 20  # of the distribution of power
_LINE = 72  # characters of a title that fit in the width of a figure
_FORMATS = (".png", ".svg")


def _settings() -> Any:
    """Return matplotlib's own defaults and our style, whatever the user has set."""
    import matplotlib as mpl

    process_wide = {"backend", "backend_fallback", "interactive", "toolbar"}
    defaults = {k: v for k, v in mpl.rcParamsDefault.items() if k not in process_wide}
    return defaults | _STYLE


@contextmanager
def axes_of_figure(height: float = 4.2) -> Iterator[Axes]:
    """Give the axes of a new figure, drawn in the same style whatever the user's settings."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(_settings()):
        yield Figure(figsize=(7.0, height), layout="constrained").add_subplot()


def finished(axes: Axes) -> Figure:
    """Return the figure of these axes, laid out once and for all.

    The title stands over the whole figure, in as many lines as it takes: over axes with long
    labels beside them it would be cut off.
    """
    from textwrap import fill

    figure = axes.get_figure(root=True)
    assert figure is not None  # axes of axes_of_figure stand in one
    if title := axes.get_title():
        axes.set_title("")
        figure.suptitle(fill(title, _LINE))
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # or each drawing would shift the axes a little
    return figure


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


def assurance_distribution(point: PointAssurance, *, title: str = "") -> Figure:
    """Return the distribution of power over what is believed, with assurance and power.

    Parameters
    ----------
    point : PointAssurance
        Assurance of one design.
    title : str
        What stands above.
    """
    edges = np.linspace(0.0, 1.0, _BARS + 1)
    shares = point.distribution.shares(edges)
    with axes_of_figure() as axes:
        axes.bar(edges[:-1], shares, 1 / _BARS, align="edge", color=BLUE, alpha=0.35)
        marks = {"assurance": (point.assurance, ORANGE, "-"), "power": (point.power, GRAY, "--")}
        for name, (mean, color, line) in marks.items():
            label = f"{name} {rounded(mean)}"
            axes.axvline(mean.value, color=color, linestyle=line, label=label)
        axes.legend(frameon=False)
        axes.set(xlabel="power, given the truth", xlim=(0, 1), title=title)
        axes.set(ylabel=f"probability per {1 / _BARS:g} of power")
        return finished(axes)


def tornado(result: Tornado, *, title: str = "") -> Figure:
    """Return what each number does between its two values, the widest on top.

    Parameters
    ----------
    result : Tornado
        From :func:`lupusim.planning.sensitivity.one_at_a_time.sensitivity`.
    title : str
        What stands above.
    """
    swings = result.swings[::-1]
    name = "power" if result.quantity == "reject" else result.quantity
    with axes_of_figure(height=1.6 + 0.45 * len(swings)) as axes:
        for what, color in (("low", ORANGE), ("high", BLUE)):
            changes = [getattr(swing, f"{what}_change") for swing in swings]
            axes.barh(
                [swing.path for swing in swings],
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
            range(len(swings)), [f"{swing.path}\n{swing.low} to {swing.high}" for swing in swings]
        )
        axes.axvline(result.base.value, color=GRAY)
        axes.legend(frameon=False, loc="lower right")
        axes.set(xlabel=f"{name}; as it is {rounded(result.base)}", title=title)
        return finished(axes)


def scaling(
    seconds: Mapping[str, Sequence[tuple[float, float]]], *, unit: str, title: str = ""
) -> Figure:
    """Return run times against the amount of work, both on logarithmic scales.

    Parameters
    ----------
    seconds : mapping of str to sequence of (float, float)
        For each line its points: amount of work, and seconds; both above 0.
    unit : str
        What the work is counted in, such as ``simulated trials``.
    title : str
        What stands above.
    """
    markers = "osD^v"
    with axes_of_figure() as axes:
        for k, (name, points) in enumerate(seconds.items()):
            work, took = np.array(sorted(points)).T
            axes.plot(work, took, marker=markers[k % len(markers)], label=name)
        axes.set(xscale="log", yscale="log", xlabel=unit, ylabel="seconds", title=title)
        axes.grid(alpha=0.3, which="both")
        axes.legend(frameon=False)
        return finished(axes)


def save(figure: Figure, file: str | Path) -> Path:
    """Write a figure as SVG or PNG, by the ending of the file; the same bytes every time.

    Raises
    ------
    ValueError
        If the ending is another.
    """
    import matplotlib as mpl

    path = Path(file)
    kind = path.suffix.lower()
    if kind not in _FORMATS:
        raise ValueError(f"{str(file)!r} must end in {' or '.join(_FORMATS)}")
    metadata: dict[str, Any] = {"Date": None} if kind == ".svg" else {"Software": "lupusim"}
    with mpl.rc_context(_settings()):
        figure.savefig(path, format=kind[1:], metadata=metadata, dpi=150)
    return path

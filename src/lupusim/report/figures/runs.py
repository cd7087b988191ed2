"""Pictures of runs: power over what varies, scenarios beside each other, where trials stop."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.planning.runs.results import PointResult, RunResult
from lupusim.planning.theory.power import formula_power
from lupusim.report.figures.designs import bounds_figure
from lupusim.report.figures.samples import look_paths
from lupusim.report.figures.style import (
    AMBER,
    BLUE,
    CONFIDENCE,
    GRAY,
    GREEN,
    ORANGE,
    SKY,
    finished_panels,
    in_lines,
    legend_above,
    panels_of_figure,
)
from lupusim.report.run.layout import Headings, headings
from lupusim.report.words.paths import naming, short_names_in_words, varied_in_words
from lupusim.scenario.document.content import is_number
from lupusim.simulation.tally import Mean, Tally, limits_of_share
from lupusim.trial.durations import MONTHS_PER_YEAR

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_LINE_HEIGHT = 0.18  # inches of a name's line beside an axis
Named = tuple[str, PointResult]
"""A design, and what it is called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """An estimate with its 95 % Monte Carlo limits; NaN where a design has none."""

    value: float
    lower: float
    upper: float

    @classmethod
    def of_share(cls, mean: Mean | None) -> Dot:
        """Return a share with Wilson's limits."""
        if mean is None:
            return cls(value=np.nan, lower=np.nan, upper=np.nan)
        lower, upper = limits_of_share(mean)
        return cls(value=mean.value, lower=lower, upper=upper)

    @classmethod
    def of_mean(cls, mean: Mean | None, factor: float = 1.0) -> Dot:
        """Return a mean with normal limits, in another unit."""
        if mean is None:
            return cls(value=np.nan, lower=np.nan, upper=np.nan)
        reach = CONFIDENCE * mean.mcse
        ends = (factor * (mean.value + side * reach) for side in (-1, 1))
        lower, upper = ends
        return cls(value=factor * mean.value, lower=lower, upper=upper)


def _enrolled(point: PointResult) -> Dot:
    if "n_enrolled" in point.tally.sums:
        return Dot.of_mean(point.tally.mean("n_enrolled"))
    return Dot.of_mean(Mean(value=float(point.trial.n_patients), mcse=0.0))


QUANTITIES: dict[str, Callable[[PointResult], Dot]] = {
    "power": lambda point: Dot.of_share(point.power),
    "type I error": lambda point: Dot.of_share(point.type_one_error),
    "patients": _enrolled,
    "months": lambda point: Dot.of_mean(point.tally.mean("duration"), MONTHS_PER_YEAR),
}
"""What is shown of each design, by its name on the axis."""


def named(result: RunResult) -> list[Named]:
    """Return the designs of a run with what they are called in words."""
    called = headings(result)
    if _has_commas(called):
        names = [varied_in_words(point.values) for point in result.points]
    else:
        names = [name.replace("\n", ", ").replace("_", " ") for name in called.names]
    return list(zip(names, result.points, strict=True))


def _has_commas(called: Headings) -> bool:
    """Return whether words with commas name what varies, as last steps of paths are alike."""
    return "," in called.corner


def named_of_runs(runs: Sequence[tuple[str, RunResult]]) -> list[Named]:
    """Return the designs of several runs, each with the name of its run, too."""
    return [
        (f"{run}: {name}" if point.values else run, point)
        for run, result in runs
        for name, point in named(result)
    ]


def what_names_mean(result: RunResult) -> list[str]:
    """Return what the names of :func:`named` stand for, where they do not say it all."""
    called = headings(result)
    if _has_commas(called):
        meant = short_names_in_words(result.points[0].values, naming(result.scenario))
        return list(map(": ".join, meant))
    said = (words.partition(": ") for words in called.key)
    return [f"{step.replace('_', ' ')}: {meant}" for step, _, meant in said]


def dots(designs: Sequence[Named]) -> dict[str, list[Dot]]:
    """Return the dots of each quantity that some design has."""
    found = {name: [ask(point) for _, point in designs] for name, ask in QUANTITIES.items()}
    return {name: row for name, row in found.items() if not all(np.isnan(d.value) for d in row)}


def characteristics_figure(designs: Sequence[Named], *, title: str = "") -> Figure:
    """Return operating characteristics of several designs as dots, a panel per quantity."""
    found, place = dots(designs), np.arange(len(designs))[::-1]
    names = [in_lines(name) for name, _ in designs]
    height = 1.3 + _row_height(names, least=0.34) * max(len(designs), 2)
    with panels_of_figure(1, len(found), height=height, sharey=True) as panels:
        for panel, (name, row) in zip(panels, found.items(), strict=True):
            value = np.array([dot.value for dot in row])
            reach = np.abs([[d.lower for d in row], [d.upper for d in row]] - value)
            panel.errorbar(value, place, xerr=reach, fmt="o", color=BLUE, capsize=3, markersize=5)
            if name == "type I error":
                _mark_alpha(panel, designs)
            panel.set_xlabel(name)
            panel.margins(x=0.15, y=0.5 / len(designs) + 0.05)
            panel.locator_params(axis="x", nbins=3)
            panel.grid(axis="x", alpha=0.3)
        panels[0].set_yticks(place, names)
        return finished_panels(panels[0], title)


def _row_height(names: Sequence[str], *, least: float) -> float:
    """Return the inches of a row that the names beside the axis leave room for."""
    lines = max((name.count("\n") + 1 for name in names), default=1)
    return max(least, _LINE_HEIGHT * lines + 0.06)


def _mark_alpha(panel: Axes, designs: Sequence[Named]) -> None:
    alphas = {point.trial.analysis.alpha for _, point in designs if point.trial.analysis}
    for alpha in alphas:
        panel.axvline(alpha, color=ORANGE, linestyle="--", linewidth=1)


def power_over(result: RunResult) -> tuple[str, FloatArray] | None:
    """Return what varies and its values, where it is one number that rises; else None."""
    names = list(result.points[0].values) if result.points else []
    if len(names) != 1 or len(result.points) < 2:
        return None
    values = [point.values[names[0]] for point in result.points]
    if not all(map(is_number, values)):
        return None
    return names[0], np.array(values, dtype=float)


def power_figure(result: RunResult, *, target: float | None = None, title: str = "") -> Figure:
    """Return power and type I error over what varies, with bands of 95 % Monte Carlo limits.

    Parameters
    ----------
    result : RunResult
        A run in which one number varies; see :func:`power_over`.
    target : float or None
        Power asked for.
    title : str
        What stands above.

    Raises
    ------
    ValueError
        If something else varies, or nothing.
    """
    varied = power_over(result)
    if varied is None:
        raise ValueError("one number must vary between the designs of this run")
    path, values = varied
    order = np.argsort(values)
    points = [result.points[k] for k in order]
    with panels_of_figure(height=4.0) as (axes,):
        lines = (("power", BLUE, "o"), ("type I error", GRAY, "s"))
        for name, color, marker in lines:
            row = [QUANTITIES[name](point) for point in points]
            if all(np.isnan(dot.value) for dot in row):
                continue
            low, high = [d.lower for d in row], [d.upper for d in row]
            at = values[order]
            axes.fill_between(at, low, high, color=color, alpha=0.25, linewidth=0)
            axes.plot(at, [d.value for d in row], color=color, marker=marker, label=name)
        _mark_known(axes, values[order], points)
        if target is not None:
            axes.axhline(target, color=ORANGE, linestyle="--", label=f"target {target:g}")
        step = path.rpartition(".")[2].replace("_", " ")
        unit = "sample size, patients" if step == "sample size" else step
        axes.set(xlabel=unit, ylabel="probability (95 % band)", ylim=(0, 1.02))
        axes.grid(alpha=0.3)
        legend_above(axes, n_columns=3)
        return finished_panels(axes, title)


def _mark_known(axes: Axes, at: FloatArray, points: Sequence[PointResult]) -> None:
    """Mark the power of each design that is known by its tables, which simulation checks."""
    known = [formula_power(point.trial, point.n_replicates) for point in points]
    marked = [(x, one) for x, one in zip(at, known, strict=True) if one and one.is_by_counts]
    if marked:
        exact = all(one.is_exact for _, one in marked)
        label = "power, exact" if exact else "power, from drawn tables"
        places, powers = [x for x, _ in marked], [one.value for _, one in marked]
        axes.plot(places, powers, "x", color="black", markersize=8, zorder=5, label=label)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """How often trials end in one way, with limits of that and of the ways before together."""

    name: str  # such as ``look 1, efficacy``
    share: float  # of the trials
    together: Dot  # this way and those before it


def stops(tally: Tally, n_looks: int) -> list[Stop]:
    """Return how trials end, efficacy look by look and then futility look by look."""
    found: list[Stop] = []
    so_far = 0.0
    for why in ("efficacy", "futility"):
        for number in range(1, n_looks + 1):
            if (quantity := f"look_{number}_{why}") not in tally.sums:
                continue
            mean = tally.mean(quantity)
            so_far = min(so_far + mean.value, 1.0)
            spread = np.sqrt(so_far * (1 - so_far) / mean.n) if mean.n else np.nan
            together = Dot.of_share(Mean(value=so_far, mcse=float(spread), n=mean.n))
            word = {"efficacy": "success", "futility": "failure"}[why] if number == n_looks else why
            found.append(Stop(name=f"look {number}, {word}", share=mean.value, together=together))
    return found


_BENEATH = 0.2  # the middle of a bar
_GOOD = (BLUE, SKY, GREEN, "#332288", "#44aa99")
_BAD = (ORANGE, AMBER, "#cc79a7", "#f0e442", "#999999")


def stopping_figure(designs: Sequence[Named], *, title: str = "") -> Figure:
    """Return where trials stop and why, stacked, under the truth and where nothing is better.

    Parameters
    ----------
    designs : sequence of (str, PointResult)
        With the same number of looks, at least two.
    title : str
        What stands above.
    """
    rows = [(name, found) for point in designs for name, found in _stop_rows(*point)]
    place, names = np.arange(len(rows))[::-1], [in_lines(name) for name, _ in rows]
    height = 1.6 + _row_height(names, least=0.42) * len(rows)
    with panels_of_figure(height=height) as (axes,):
        colors = _stop_colors([stop.name for _, found in rows for stop in found if stop.share])
        labeled: set[str] = set()
        for at, (_, found) in zip(place, rows, strict=True):
            left = 0.0
            for stop in found:
                if stop.share == 0:
                    continue
                label = None if stop.name in labeled else stop.name
                labeled.add(stop.name)
                color = colors[stop.name]
                axes.barh(at, stop.share, left=left, color=color, height=0.62, label=label)
                left += stop.share
                if 0 < stop.together.value < 1:
                    limits = [stop.together.lower, stop.together.upper]
                    beneath = at - _BENEATH  # not through the number
                    axes.plot(limits, [beneath, beneath], color="black", linewidth=1.6)
                if stop.share >= 0.06:
                    _percent(axes, left - stop.share / 2, at, stop.share, color)
        axes.set_yticks(place, names)
        axes.set(xlabel="share of trials (black: 95 % Monte Carlo limits)", xlim=(0, 1))
        legend_above(axes, n_columns=3)
        return finished_panels(axes, title)


def _percent(axes: Axes, x: float, y: float, share: float, color: str) -> None:
    dark = color in (BLUE, "#332288", ORANGE, GREEN)
    words = f"{100 * share:.0f} %"
    ink = "white" if dark else "black"
    axes.text(x, y + _BENEATH / 4, words, ha="center", va="center", fontsize=9, color=ink)


def _stop_rows(name: str, point: PointResult) -> Iterator[tuple[str, list[Stop]]]:
    n_looks = len(point.trial.looks)
    begin = f"{name}: " if point.values else ""
    yield f"{begin}as stated", stops(point.tally, n_looks)
    if point.null_tally is not None and "look_1_efficacy" in point.null_tally.sums:
        yield f"{begin}nothing better", stops(point.null_tally, n_looks)


def _stop_colors(names: Sequence[str]) -> dict[str, str]:
    colors: dict[str, str] = {}
    for wanted, palette in ((("efficacy", "success"), _GOOD), (("futility", "failure"), _BAD)):
        those = [n for n in dict.fromkeys(names) if n.endswith(wanted)]
        colors |= {name: palette[k % len(palette)] for k, name in enumerate(those)}
    return colors


def has_stops(point: PointResult) -> bool:
    """Return whether looks may end the trial, so that there is something to stack."""
    return len(point.trial.looks) > 1 and "look_1_efficacy" in point.tally.sums


def run_figure(result: RunResult, *, title: str | None = None) -> Figure:
    """Return the picture that says most of a run.

    Power over what varies, where that is one number; the looks with their bounds, where the
    one design has several; else the operating characteristics of all designs.

    Parameters
    ----------
    result : RunResult
        What a run found.
    title : str or None
        What stands above; None for the scenario's own.
    """
    title = result.scenario.title if title is None else title
    if power_over(result) is not None and result.points[0].power is not None:
        return power_figure(result, title=title)
    if len(result.points) == 1 and result.points[0].trial.interims:
        paths = look_paths(result.points[0].trial, seed=result.seed)
        if paths:
            return bounds_figure(paths[0], title=f"{title}: {paths[0].hypothesis}")
    return characteristics_figure(named(result), title=title)

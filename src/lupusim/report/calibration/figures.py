"""Pictures of a calibration; byte for byte the same whenever they are drawn again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from lupusim.calibration.checking.elasticities import Elasticity
from lupusim.calibration.checking.simulation_based import RankTest
from lupusim.calibration.estimation.parameters import FreeParameter, NormalPrior
from lupusim.calibration.estimation.profiles import CRITICAL, Profile
from lupusim.calibration.estimation.tables import exact_limits
from lupusim.calibration.fit import Fit
from lupusim.calibration.targets.counts import seen_in_one_state
from lupusim.calibration.targets.studies import Study, Target
from lupusim.common.rng import stream
from lupusim.engines import exact
from lupusim.report.calibration.answers import prediction_names
from lupusim.report.figures.style import (
    BLUE,
    ORANGE,
    SKY,
    colors_of,
    finished_panels,
    in_lines,
    legend_above,
    panels_of_figure,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_YEARS = np.linspace(0.0, 5.0, 41)
_BAND_DRAWS = 100
_APART = 0.06  # years between counts of one time
_BAND_TOLERANCE = 1e-4


def _grid(
    n: int, *, width: float = 3.2, height: float = 2.4, n_columns: int = 3
) -> tuple[Figure, list[Axes]]:
    """Return a figure of `n` small panels, at most `n_columns` in a row."""
    from matplotlib.figure import Figure

    columns = min(n, n_columns)
    rows = -(-n // columns)
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel().tolist()
    for panel in panels[n:]:
        panel.set_axis_off()
    return figure, panels[:n]


def targets(fit: Fit) -> Figure:
    """Return observed shares with their exact limits, and what the model expects."""
    from matplotlib.figure import Figure

    table = fit.targets
    figure = Figure(figsize=(11, 0.6 + 0.28 * len(table)), layout="constrained")
    axes = figure.subplots()
    place = np.arange(len(table))[::-1]
    scale = table["denominator"].to_numpy()
    observed = (table["observed"] / scale).to_numpy()
    reach = np.abs(table[["lower", "upper"]].to_numpy() / scale[:, None] - observed[:, None]).T
    axes.errorbar(observed, place, xerr=reach, fmt="o", color="black", capsize=2, label="observed")
    axes.plot(table["expected"] / scale, place, "D", color=ORANGE, label="expected")
    words = table["study"] + ": " + table["target"] + ", " + table["cell"]
    axes.set_yticks(place, [in_lines(word, 90, most=2) for word in words], fontsize=7)
    axes.set_xlabel("share of the denominator (rates: per person-year)")
    axes.legend(frameon=False, fontsize=8)
    return figure


def profiles(fit: Fit) -> Figure:
    """Return the profile likelihood of every parameter; flat ones are said to be so."""
    figure, panels = _grid(len(fit.profiles))
    for panel, profile, identified in zip(
        panels, fit.profiles, fit.estimates["identified"], strict=True
    ):
        panel.plot(*_smooth(profile), color=BLUE)
        panel.plot(profile.values, profile.deviances, ".", color=BLUE, markersize=4)
        panel.axhline(CRITICAL, color="gray", linestyle=":")
        panel.axvline(profile.estimate, color=ORANGE, linewidth=0.8)
        if profile.values.min() > 0:  # log hazard ratios stay on their own scale
            _plain_log_axis(panel)
        panel.set_ylim(-0.2, 8)
        sides = " and ".join(profile.unbounded)
        note = "" if identified else "\nnot identified"
        panel.set_title(
            in_lines(profile.name, 40) + (f"\nno limit {sides}" if sides else note), fontsize=8
        )
        panel.tick_params(labelsize=7, which="both")
    return figure


def _plain_log_axis(panel: Axes) -> None:
    """Make the axis logarithmic, with plain numbers that do not run into each other."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    panel.set_xscale("log")
    low, high = panel.get_xlim()
    few = (1.0,) if high > 100 * low else (1.0, 2.0, 5.0) if high > 3 * low else range(1, 10)
    panel.xaxis.set_major_locator(LogLocator(subs=tuple(map(float, few)), numticks=15))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    panel.xaxis.set_minor_formatter(NullFormatter())


def _smooth(profile: Profile) -> tuple[np.ndarray, np.ndarray]:
    """Return a curve through the refitted points.

    The signed root of the deviance is nearly straight in the log of the parameter, so a
    monotone cubic through it (Fritsch and Carlson 1980) shows no kinks that are not there.
    """
    from scipy.interpolate import PchipInterpolator

    is_positive = bool(profile.values.min() > 0)
    scale = np.log(profile.values) if is_positive else profile.values
    where, first = np.unique(scale, return_index=True)
    if where.size < 2:
        return profile.values, profile.deviances
    signs = np.sign(profile.values[first] - profile.estimate)
    roots = signs * np.sqrt(profile.deviances[first])
    grid = np.linspace(where[0], where[-1], 200)
    heights = PchipInterpolator(where, roots)(grid) ** 2
    return np.exp(grid) if is_positive else grid, heights


def ranks(found: RankTest, names: Sequence[str]) -> Figure:
    """Return histograms of ranks, with the band that 99 % of even histograms' bars stay in."""
    from scipy.stats import binom

    n_bins = 10
    n_rounds = len(found.ranks)
    low, high = binom.ppf([0.005, 0.995], n_rounds, 1 / n_bins)
    figure, panels = _grid(len(names))
    for panel, name, bars in zip(panels, names, found.histogram(n_bins).T, strict=True):
        panel.axhspan(low, high, color="#dddddd")
        panel.axhline(n_rounds / n_bins, color="gray", linewidth=0.8)
        panel.bar(np.arange(n_bins), bars, color=BLUE, width=0.9)
        panel.set_title(name, fontsize=8)
        panel.set_xticks([])
        panel.tick_params(labelsize=7)
    figure.suptitle(
        f"ranks of the truth in {n_rounds} posteriors: even, if all is well", fontsize=9
    )
    return figure


def tornado(found: Sequence[Elasticity], *, n_bars: int = 6) -> Figure:
    """Return the largest elasticities of each prediction as bars."""
    names = prediction_names(found)
    figure, panels = _grid(len(names), width=10.0, height=1.9, n_columns=1)
    for panel, name in zip(panels, names, strict=True):
        top = [one for one in found if one.prediction == name][:n_bars][::-1]
        place = np.arange(len(top))
        sizes = [one.elasticity for one in top]
        colors = [BLUE if size > 0 else ORANGE for size in sizes]
        panel.barh(place, sizes, color=colors)
        words = [f"{one.study}: {one.target}, {one.cell} ({one.observed:g})" for one in top]
        panel.set_yticks(place, [in_lines(word, 90, most=2) for word in words], fontsize=7)
        panel.axvline(0, color="black", linewidth=0.8)
        panel.tick_params(axis="x", labelsize=7)
        panel.set_title(f"{name}: {top[0].predicted:.3g}", fontsize=8)
    panels[-1].set_xlabel("per cent for one per cent of the count", fontsize=8)
    return figure


def posterior(fit: Fit) -> tuple[Figure, ...]:
    """Return prior beside posterior for every parameter; nothing without draws."""
    if fit.draws is None:
        return ()
    parameters = fit.likelihood.free_model.parameters
    figure, panels = _grid(len(parameters))
    values = fit.draws.resample(4000, rng=stream(fit.seed, "figure"))
    for panel, parameter, drawn in zip(panels, parameters, values.T, strict=True):
        grid = _natural_grid(parameter, drawn)
        panel.hist(parameter.transform.natural(drawn), bins=grid.tolist(), density=True, color=SKY)
        density = _density(parameter.prior, np.array([parameter.transform.free(g) for g in grid]))
        panel.plot(grid, density / np.gradient(grid, _free(parameter, grid)), color="black")
        panel.set_title(in_lines(parameter.name, 40), fontsize=8)
        panel.set_yticks([])
        panel.tick_params(labelsize=7)
    figure.suptitle("prior (line) and posterior (bars)", fontsize=9)
    return (figure,)


def _free(parameter: FreeParameter, grid: np.ndarray) -> np.ndarray:
    return np.array([parameter.transform.free(value) for value in grid])


def _natural_grid(parameter: FreeParameter, drawn: np.ndarray) -> np.ndarray:
    low, high = np.quantile(parameter.transform.natural(drawn), [0.001, 0.99])
    return np.linspace(low, high, 50)


def _density(prior: NormalPrior, free: np.ndarray) -> np.ndarray:
    score = (free - prior.mean) / prior.sd
    return np.asarray(np.exp(-0.5 * score**2) / (prior.sd * np.sqrt(2 * np.pi)))


def occupancy(fit: Fit) -> Figure:
    """Return exact occupancy, stacked, and state by state beside what was counted.

    With draws, a 95 % band about each border and about each state; counts have exact limits.
    """
    seen = [one for _, t in _targets(fit) for one in seen_in_one_state(t.measure)]
    latest = max([_YEARS[-1], *(time for time, *_ in seen)])
    years = np.linspace(0.0, latest, _YEARS.size)
    margin = _APART * len(fit.model.states)  # where counts of the end stand beside each other
    best = exact.solve(fit.model, years).probabilities
    drawn = _drawn(fit, years)
    states = fit.model.states
    with panels_of_figure(2, 1, height=7.4, sharex=True) as (stacked, apart):
        _stack(stacked, states, years, best)
        if drawn is not None:
            for low, high in zip(*_band(drawn.cumsum(axis=2)[..., :-1]), strict=True):
                stacked.fill_between(years, low, high, color="black", alpha=0.22, linewidth=0)
        for state, color, share in zip(states, colors_of(states).values(), best.T, strict=True):
            apart.plot(years, share, color=color, label=_words(state))
        for color, low, high in zip(colors_of(states).values(), *_band(drawn), strict=False):
            apart.fill_between(years, low, high, color=color, alpha=0.2, linewidth=0)
        _counted(apart, states, seen)
        for panel in (stacked, apart):
            panel.set(ylabel="share of patients", xlim=(0, latest + margin), ylim=(0, 1))
        apart.set_xlabel("years")
        legend_above(stacked)
        return finished_panels(stacked)


def _words(state: str) -> str:
    return state.replace("_", " ")


def _targets(fit: Fit) -> Iterator[tuple[Study, Target]]:
    """Yield what was fitted, and what was held out."""
    yield from fit.likelihood.targets
    yield from fit.likelihood.checks


def _stack(panel: Axes, states: tuple[str, ...], years: np.ndarray, best: np.ndarray) -> None:
    names, colors = [_words(state) for state in states], list(colors_of(states).values())
    panel.stackplot(years, best.T, labels=names, colors=colors, alpha=0.85)


def _counted(
    panel: Axes, states: tuple[str, ...], seen: Sequence[tuple[float, str, float, float]]
) -> None:
    """Draw shares that were counted with their exact limits, beside each other at one time."""
    colors = colors_of(states)
    for time, state, count, n in seen:
        low, high = exact_limits(count, n, is_poisson=False)
        shares = np.array([low, count, high]) / n
        at = time + _APART * (states.index(state) - (len(states) - 1) / 2)
        reach = [[shares[1] - shares[0]], [shares[2] - shares[1]]]
        panel.errorbar(
            at, shares[1], yerr=reach, fmt="o", color=colors[state], capsize=2, markersize=5
        )


def _drawn(fit: Fit, years: np.ndarray) -> np.ndarray | None:
    """Return occupancy by posterior draws; (n_draws, n_times, n_states), None without draws."""
    if fit.draws is None:
        return None
    free_model = fit.likelihood.free_model
    rows = fit.draws.resample(_BAND_DRAWS, rng=stream(fit.seed, "band"))
    models = (free_model.model_at(free) for free in rows)
    return np.stack(
        [exact.solve(one, years, tolerance=_BAND_TOLERANCE).probabilities for one in models]
    )


def _band(drawn: np.ndarray | None) -> tuple[Sequence[np.ndarray], Sequence[np.ndarray]]:
    """Return the 2.5 % and 97.5 % quantiles over draws, column by column; empty without draws."""
    if drawn is None:
        return (), ()
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    return list(low.T), list(high.T)

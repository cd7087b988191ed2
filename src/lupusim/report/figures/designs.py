"""Pictures of a design: its bounds with paths of trials, and how it goes over calendar time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.report.figures.samples import Calendar, LookPaths
from lupusim.report.figures.style import (
    ARMS,
    BLUE,
    GRAY,
    ORANGE,
    finished_panels,
    legend_above,
    panels_of_figure,
    plain_numbers,
)
from lupusim.trial.durations import MONTHS_PER_YEAR

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_N_PATHS = 30
_LEAST_P = 1e-6  # below, a path would only stretch the axis
_LOG = "log "


class Scale(Enum):
    """On which scale a statistic and its bounds are shown."""

    Z = "z"
    P_VALUE = "p"
    EFFECT = "effect"


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundsShown:
    """Bounds and paths on one scale: what a figure of bounds draws."""

    label: str  # of the axis
    information: FloatArray  # fraction of the planned information; (n_looks,)
    lines: Mapping[str, Sequence[FloatArray]]
    """Bounds by what happens there; NaN where a look has none."""
    fraction: FloatArray
    paths: FloatArray
    """`fraction` and `paths`: information and statistic of each trial; (n_trials, n_looks)."""


def bounds_shown(paths: LookPaths, scale: Scale) -> BoundsShown:
    """Return bounds and paths on a scale.

    Parameters
    ----------
    paths : LookPaths
        From :func:`lupusim.report.figures.samples.look_paths`.
    scale : Scale
        z, large in favor of the experimental arm; nominal p-value of as many sides as the test
        has; or the effect at the median standard error of each look, ratios as ratios.
    """
    upper = np.where(np.isfinite(paths.efficacy), paths.efficacy, np.nan)
    lower = np.where(np.isfinite(paths.futility), paths.futility, np.nan)
    efficacy = [upper, -upper] if paths.sided == 2 else [upper]
    futility = [lower] if np.isfinite(lower).any() else []
    if scale is Scale.P_VALUE:
        efficacy = efficacy[:1]
    label, on_scale, shown = _converter(paths, scale)
    lines = {"efficacy": [on_scale(b) for b in efficacy]}
    if paths.later is not None:
        later = np.where(np.isfinite(paths.later), paths.later, np.nan)
        both = [later, -later] if len(efficacy) > 1 else [later]
        lines["later"] = [on_scale(b) for b in both]
    if futility:
        lines["futility"] = [on_scale(b) for b in futility]
    return BoundsShown(
        label=label,
        information=paths.information,
        lines=lines,
        fraction=paths.fraction,
        paths=shown,
    )


def _converter(
    paths: LookPaths, scale: Scale
) -> tuple[str, Callable[[FloatArray], FloatArray], FloatArray]:
    """Return the name of a scale, what takes a bound on z to it, and the paths on it."""
    if scale is Scale.Z:
        return "z (large is good)", np.asarray, paths.z
    if scale is Scale.P_VALUE:
        tails = "two" if paths.sided == 2 else "one"
        shown = np.fmax(_p_value(paths.z, paths.sided), _LEAST_P)
        label = f"nominal p-value, {tails}-sided"
        return label, lambda bound: _p_value(bound, paths.sided), shown
    if paths.effect.startswith(_LOG):
        name = paths.effect.removeprefix(_LOG)
        return name, lambda bound: np.exp(paths.effect_at(bound)), np.exp(paths.estimate)
    return paths.effect, paths.effect_at, paths.estimate


def _p_value(z: FloatArray, sided: int) -> FloatArray:
    return np.asarray(2 * ndtr(-np.abs(z)) if sided == 2 else ndtr(-z))


def bounds_figure(
    paths: LookPaths, *, scales: Sequence[Scale] = tuple(Scale), title: str = ""
) -> Figure:
    """Return the bounds of the looks with paths of simulated trials, a panel per scale.

    Parameters
    ----------
    paths : LookPaths
        From :func:`lupusim.report.figures.samples.look_paths`.
    scales : sequence of Scale
        Which panels.
    title : str
        What stands above.
    """
    with panels_of_figure(len(scales), 1, height=0.9 + 2.1 * len(scales), sharex=True) as panels:
        for panel, scale in zip(panels, scales, strict=True):
            _bounds_panel(panel, bounds_shown(paths, scale))
            if scale is Scale.P_VALUE:
                panel.set_yscale("log")
                plain_numbers(panel.yaxis)
                panel.invert_yaxis()
        legend_above(panels[0])
        panels[-1].set_xlabel("information, fraction of what is planned")
        return finished_panels(panels[0], title)


def _bounds_panel(panel: Axes, shown: BoundsShown) -> None:
    """Draw paths, then bounds over them."""
    for number in range(min(_N_PATHS, len(shown.paths))):
        path = shown.paths[number]
        known = np.isfinite(path)
        panel.plot(
            shown.fraction[number][known],
            path[known],
            color=GRAY,
            alpha=0.45,
            linewidth=0.9,
            marker="o",
            markersize=2.5,
            label="simulated trials" if number == 0 else None,
        )
    looks = {
        "efficacy": (BLUE, "^", "-", "efficacy bound" + (" at first" * ("later" in shown.lines))),
        "later": (BLUE, "^", "--", "once all others are shown"),
        "futility": (ORANGE, "v", "-", "futility bound"),
    }
    for name, bounds in shown.lines.items():
        color, marker, style, label = looks[name]
        for number, bound in enumerate(bounds):
            known = np.isfinite(bound)
            panel.plot(
                shown.information[known],
                bound[known],
                color=color,
                marker=marker,
                markersize=6,
                linewidth=2,
                linestyle=style,
                label=label if number == 0 else None,
            )
    panel.set_ylabel(shown.label)
    panel.grid(alpha=0.3)
    _clip(panel, shown)


def _clip(panel: Axes, shown: BoundsShown) -> None:
    """Let no single path stretch the axis: what lies far beyond all bounds is cut off."""
    bounds = np.concatenate([b[np.isfinite(b)] for lines in shown.lines.values() for b in lines])
    paths = shown.paths[:_N_PATHS]
    paths = paths[np.isfinite(paths)]
    if paths.size == 0 or bounds.size == 0:
        return
    low, high = np.quantile(paths, [0.02, 0.98])
    low, high = min(low, bounds.min()), max(high, bounds.max())
    if high > low:
        margin = 0.08 * (high - low)
        panel.set_ylim(low - margin if low - margin > 0 or low <= 0 else low * 0.5, high + margin)


def calendar_figure(calendar: Calendar, *, title: str = "") -> Figure:
    """Return patients, events and looks over calendar time: median and 80 % band of trials.

    Parameters
    ----------
    calendar : Calendar
        From :func:`lupusim.report.figures.samples.calendar_of`.
    title : str
        What stands above.
    """
    n_panels = 2 if calendar.events else 1
    with panels_of_figure(n_panels, 1, height=1.4 + 2.2 * n_panels, sharex=True) as panels:
        _band(panels[0], calendar.time, calendar.enrolled, BLUE, "enrolled")
        panels[0].set_ylabel("patients")
        for number, (arm, counts) in enumerate(calendar.events.items()):
            _band(panels[1], calendar.time, counts, ARMS[number % len(ARMS)], arm)
        if calendar.events:
            panels[1].set_ylabel(f"events: {calendar.endpoint}")
            legend_above(panels[1])
        for panel in panels:
            _looks(panel, calendar.looks, named=panel is panels[0])
            panel.set_ylim(bottom=0)
            panel.set_xlim(0, MONTHS_PER_YEAR * calendar.time[-1])
            panel.grid(alpha=0.3)
        panels[-1].set_xlabel("months since the first site opened")
        return finished_panels(panels[0], title)


def band_of(counts: FloatArray) -> FloatArray:
    """Return 10 %, 50 % and 90 % quantiles between trials; (3, n_times)."""
    return np.asarray(np.quantile(counts, [0.1, 0.5, 0.9], axis=0))


def _band(panel: Axes, time: FloatArray, counts: FloatArray, color: str, name: str) -> None:
    low, middle, high = band_of(counts)
    months = MONTHS_PER_YEAR * time
    panel.fill_between(months, low, high, color=color, alpha=0.25, linewidth=0)
    panel.plot(months, middle, color=color, label=name)


def _looks(panel: Axes, looks: FloatArray, *, named: bool) -> None:
    """Mark when looks are held, with the same band."""
    for number in range(looks.shape[1]):
        held = looks[:, number][np.isfinite(looks[:, number])]
        if held.size == 0:
            continue
        low, middle, high = MONTHS_PER_YEAR * np.quantile(held, [0.1, 0.5, 0.9])
        panel.axvspan(low, high, color=ORANGE, alpha=0.15, linewidth=0)
        panel.axvline(middle, color=ORANGE, linestyle="--", linewidth=1.2)
        if named:
            words = f"look {number + 1}" if looks.shape[1] > 1 else "analysis"
            place = (middle, 1.02)
            across = panel.get_xaxis_transform()
            panel.text(*place, words, transform=across, ha="center", color=ORANGE, fontsize=9)

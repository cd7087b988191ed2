"""Stays in a state, however long: how long they last and how they end."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.engines.exact.law import Arc, Law

_PANEL = 0.05  # width of a panel on the scale of log time
_NODES = 8
_SHORTEST, _LONGEST = 1e-300, 1e300
_NOBODY_LEFT = 50.0  # of a cumulative hazard
_NOTHING_YET = 1e-17
_FAT_TAIL = 1e-9  # a share of the mean that still comes from the longest stays


@dataclass(frozen=True, slots=True, kw_only=True)
class Stay:
    """What becomes of a stay."""

    time: float  # its expected length (years), discounted; ``inf`` where that does not exist
    ends: FloatArray
    """Expected discounted value of 1 at the end by each arc of the law; the probability of each end
    where nothing is discounted; (n_arcs,)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """When a stay begins."""

    study_time: float = 0.0  # years since randomization
    time_in_state: float = 0.0  # years already spent in the state

    def clock(self, arc: Arc) -> float:
        """Return what an arc's clock shows (years)."""
        return arc.clock.reading(self.study_time, self.time_in_state)

    def kinks(self, arc: Arc) -> list[float]:
        """Return the years since the beginning at which an arc's hazard jumps."""
        jumps = [kink - self.clock(arc) for kink in arc.kinks]
        return [*jumps, *(b - self.study_time for b in arc.ratio.breaks)]


AT_RANDOMIZATION = Beginning()


def grown_since(arc: Arc, beginning: Beginning, years: FloatArray) -> FloatArray:
    """Return the growth of an arc's cumulative hazard in each number of years."""
    start = beginning.clock(arc)
    total = np.zeros_like(years)
    low = np.zeros_like(years)
    with np.errstate(over="ignore"):
        for stop, ratio in zip((*arc.ratio.breaks, np.inf), arc.ratio.ratios, strict=True):
            high = np.clip(stop - beginning.study_time, low, years)
            if ratio > 0:
                total += ratio * (arc.cumulative(start + high) - arc.cumulative(start + low))
            low = high
    return total


def stay(
    law: Law, state: int, *, beginning: Beginning = AT_RANDOMIZATION, discount: float = 0.0
) -> Stay:
    """Return how long a stay lasts and how it ends.

    Integrated by Gauss's rule on the scale of log time, with panels that end where a hazard
    jumps.

    Parameters
    ----------
    law : Law
        Any hazards, clocks and ratios.
    state : int
        Position of the state.
    beginning : Beginning
        When it begins.
    discount : float
        Continuous rate per year: a year at `t` counts ``exp(-discount * t)``.
    """
    ways = [(k, arc) for k, arc in enumerate(law.arcs) if arc.begin == state]
    ends = np.zeros(len(law.arcs))
    if not ways:
        return Stay(time=1 / discount if discount else math.inf, ends=ends)
    arcs = [arc for _, arc in ways]
    begin, until = _range(arcs, beginning, discount)
    edges = _edges(arcs, beginning, begin, until)
    middle, half = 0.5 * (edges[1:] + edges[:-1]), 0.5 * np.diff(edges)
    place, weight = np.polynomial.legendre.leggauss(_NODES)
    years = np.exp(middle[:, None] + half[:, None] * place)
    growth = sum((grown_since(arc, beginning, years) for arc in arcs), np.zeros_like(years))
    value = half[:, None] * weight * years * np.exp(-np.minimum(growth + discount * years, 800.0))
    for k, arc in ways:
        ratio = arc.ratio.at(beginning.study_time + years)
        clock = beginning.clock(arc) + years
        with np.errstate(over="ignore", invalid="ignore"):
            flow = np.where(value > 0, value * ratio * arc.hazard.hazard(clock), 0.0)
        ends[k] = float(np.nansum(flow))
    panels = value.sum(axis=1)
    if until == _LONGEST and panels[-200:].sum() > _FAT_TAIL * panels.sum():
        return Stay(time=math.inf, ends=ends)
    return Stay(time=begin + float(panels.sum()), ends=ends)


def _range(arcs: Sequence[Arc], beginning: Beginning, discount: float) -> tuple[float, float]:
    """Return the years between which everything happens."""
    years = np.exp(np.linspace(math.log(_SHORTEST), math.log(_LONGEST), 3000))
    growth = sum((grown_since(arc, beginning, years) for arc in arcs), discount * years)
    nothing = years[growth < _NOTHING_YET]
    over = years[growth - np.maximum(np.log(years), 0.0) > _NOBODY_LEFT]
    begin = float(nothing[-1]) if nothing.size else _SHORTEST
    return min(begin, _LONGEST / 10), float(over[0]) if over.size else _LONGEST


def _edges(arcs: Sequence[Arc], beginning: Beginning, begin: float, until: float) -> FloatArray:
    low, high = math.log(begin), math.log(until)
    even = np.linspace(low, high, 2 + int((high - low) / _PANEL))
    jumps = [math.log(k) for arc in arcs for k in beginning.kinks(arc) if begin < k < until]
    return np.unique(np.concatenate([even, jumps]))


def median_stay(law: Law, state: int) -> float:
    """Return the years after which half of the stays are over; ``inf`` if that never is so."""
    from scipy.optimize import brentq

    arcs = [arc for arc in law.arcs if arc.begin == state]

    def missing(log_years: float) -> float:
        years = np.array([math.exp(log_years)])
        grown = sum(grown_since(arc, AT_RANDOMIZATION, years)[0] for arc in arcs)
        return float(grown) - math.log(2)

    low, high = math.log(_SHORTEST), math.log(_LONGEST)
    if not arcs or missing(high) < 0:
        return math.inf
    return math.exp(float(brentq(missing, low, high, xtol=1e-13)))

"""How long stays last and how they end, where hazards run on time in state: panel by panel."""

from __future__ import annotations

from functools import cached_property, lru_cache
from itertools import pairwise

import numpy as np

from lupusim.common.arrays import FloatArray, IntArray
from lupusim.common.frozen import dataclass

_PARTS = 4  # points within a panel at which hazards are known
_FIRST = np.array([1e-6, 1e-4, 1e-3, 4e-3, 0.012, 0.03, 0.06, 0.1, 0.16, 0.25])


@dataclass(frozen=True, kw_only=True, eq=False)
class Lags:
    """Times since entry at which hazards are needed."""

    times: FloatArray  # years since entry, from 0; (n_lags,)
    ends: IntArray  # positions among them of the panels' ends, which lie evenly; (n_panels + 1,)

    @property
    def width(self) -> float:
        """Of a panel, years."""
        return float(self.times[self.ends[1]])

    @property
    def n_panels(self) -> int:
        """How many panels there are."""
        return self.ends.size - 1

    @cached_property
    def grid(self) -> FloatArray:
        """The panels' ends, years; (n_panels + 1,)."""
        return self.times[self.ends]

    @cached_property
    def halves(self) -> FloatArray:
        """Half the distance of each lag from the one before, in panels; (n_lags - 1,)."""
        return np.asarray(np.diff(self.times) / (2 * self.width))

    @cached_property
    def late(self) -> FloatArray:
        """How late in their panels the middles between lags are, in panels; (n_lags - 1,)."""
        middles = (self.times[1:] + self.times[:-1]) / (2 * self.width)
        return np.asarray(middles - np.repeat(np.arange(self.n_panels), np.diff(self.ends)))

    @cached_property
    def first_two(self) -> Lags:
        """The lags of the first two panels alone."""
        return Lags(times=self.times[: self.ends[2] + 1], ends=self.ends[:3])


@lru_cache(maxsize=256)
def lag_points(horizon: float, n_panels: int) -> Lags:
    """Return lags from 0 to a horizon, years.

    The first panel is split finely, since hazards may be infinite at 0.
    """
    width = horizon / n_panels
    even = np.arange(n_panels * _PARTS + 1) / _PARTS * width
    times = np.unique(np.concatenate([even, _FIRST * width]))
    return Lags(times=times, ends=np.searchsorted(times, np.arange(n_panels + 1) * width))


@dataclass(frozen=True, kw_only=True, eq=False)
class Exits:
    """How some states are left, in one list of ways out."""

    classes: IntArray
    ways: IntArray
    """`classes` and `ways`: latent class and transition of each; those out of one state beside each
    other."""
    states: IntArray  # position among the states of each
    n_later: int  # how many of the states, the first, somebody enters after the start

    @property
    def n_states(self) -> int:
        """How many states are left, alike classes counted once."""
        return int(self.states[-1]) + 1 if self.states.size else 0

    @cached_property
    def n_later_ways(self) -> int:
        """How many of the ways, the first, lead out of these."""
        return int(np.searchsorted(self.states, self.n_later))

    @cached_property
    def spans(self) -> list[tuple[int, int]]:
        """Of each state the position of its first way out, and of the first that is not its."""
        begins = np.searchsorted(self.states, np.arange(self.n_states + 1)).tolist()
        return list(pairwise(begins))

    def total(self, of_ways: FloatArray) -> FloatArray:
        """Return sums over the ways out of each state; the second axis is that of ways.

        SPEED: NumPy's sums by state cost twenty times as much, along this axis.
        """
        totals = np.empty((len(of_ways), self.n_states, *of_ways.shape[2:]))
        for state, (begin, end) in enumerate(self.spans):
            if end - begin == 2:
                np.add(of_ways[:, begin], of_ways[:, begin + 1], out=totals[:, state])
            else:
                rest = of_ways[:, begin + 1 : end].sum(axis=1)
                np.add(of_ways[:, begin], rest, out=totals[:, state])
        return totals

    def scale(self, of_ways: FloatArray, by_state: FloatArray) -> None:
        """Multiply what is known of each way, in place, with what is known of its state.

        SPEED: a copy of the states' numbers for each way costs as much as the products.
        """
        for state, (begin, end) in enumerate(self.spans):
            of_ways[:, begin:end] *= by_state[:, state, None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sojourns:
    """Where mass goes after it has entered a state, panel by panel."""

    begun: FloatArray
    """Moves within each panel, of those who were there at time 0; (n, n_ways, n_panels)."""
    spread: FloatArray
    """Moves l panels later, of those who entered evenly over a panel; (n, n_later_ways,
    n_panels)."""
    stay: FloatArray  # share still there at the panel's end, of the latter; (n, n_later, n_panels)
    stay_from_start: FloatArray
    """Share still there at the panel ends, of those who were there at time 0; (n, n_states,
    n_panels + 1)."""


def sojourns(exits: Exits, cumulative: FloatArray, lags: Lags) -> Sojourns:
    """Return how stays end.

    Parameters
    ----------
    exits : Exits
        The ways out.
    cumulative : (n, n_ways, n_lags) array
        Their cumulative hazards.
    lags : Lags
        Where.
    """
    total = exits.total(cumulative)
    survival = np.exp(-total)
    parts = _by_panel(exits, cumulative, total, survival, lags)
    return _sojourns(*parts, survival[..., lags.ends])


def memoryless(exits: Exits, rates: FloatArray, lags: Lags) -> Sojourns:
    """Return how stays end whose ways out have constant hazards, (n, n_ways) per year.

    SPEED: a panel is like the one before, but for those who have left.
    """
    two, rate = lags.first_two, exits.total(rates)[..., None]
    total = rate * two.times
    begun, later, stay = _by_panel(exits, rates[..., None] * two.times, total, np.exp(-total), two)
    left = np.exp(-rate * (lags.width * np.arange(lags.n_panels + 1)))
    by_way = left[:, exits.states, :-2]
    return _sojourns(
        _gone_on(begun, by_way),
        _gone_on(later, by_way[:, : exits.n_later_ways]),
        _gone_on(stay, left[:, : exits.n_later, :-2]),
        left,
    )


def _gone_on(two: FloatArray, left: FloatArray) -> FloatArray:
    """Return what happens in the first panel, and what in the second to those who are left."""
    if not two.size:
        return two
    panels = np.empty((*left.shape[:-1], left.shape[-1] + 1))
    panels[..., :1] = two[..., :1]
    np.multiply(two[..., 1:], left, out=panels[..., 1:])
    return panels


def _by_panel(
    exits: Exits, cumulative: FloatArray, total: FloatArray, survival: FloatArray, lags: Lags
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return moves by panel, those of them that are a panel later, and who stays.

    Of those who entered evenly over a panel, who moves at a lag does so in the panel of the
    lag or in the next, as early as the entry was.
    """
    growth = total[..., 1:] - total[..., :-1]
    grows = growth > 0
    per_hazard = survival[..., :-1] - survival[..., 1:]
    np.divide(per_hazard, growth, out=per_hazard, where=True if grows.all() else grows)
    moved = cumulative[..., 1:] - cumulative[..., :-1]
    exits.scale(moved, per_hazard)
    begun = _summed(moved, lags)
    # SPEED: where patients only start, what becomes of those who enter is not asked.
    moved, survival = moved[:, : exits.n_later_ways], survival[:, : exits.n_later]
    if not exits.n_later:
        return begun, moved, survival
    moved *= lags.late
    area = survival[..., 1:] + survival[..., :-1]
    area *= lags.halves
    return begun, _summed(moved, lags), _summed(area, lags)


def _summed(between: FloatArray, lags: Lags) -> FloatArray:
    """Return sums over the parts of each panel; the last axis is that of parts.

    SPEED: all panels but the first have as many parts, and four sums of many cost a third of as
    many sums of four; in the order in which those add.
    """
    n_first = int(lags.ends[1])
    a, b, c, d = (between[..., k::_PARTS] for k in range(n_first, n_first + _PARTS))
    sums = np.empty((*between.shape[:-1], lags.n_panels))
    np.add.reduceat(between[..., :n_first], [0], axis=-1, out=sums[..., :1])
    rest = b + c
    rest += d
    np.add(a, rest, out=sums[..., 1:])
    return sums


def _sojourns(
    begun: FloatArray, later: FloatArray, stay: FloatArray, survival: FloatArray
) -> Sojourns:
    spread = begun[:, : later.shape[1]]
    if later.size:
        spread = spread - later
        spread[..., 1:] += later[..., :-1]
    return Sojourns(begun=begun, spread=spread, stay=stay, stay_from_start=survival)

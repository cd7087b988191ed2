"""How long stays last and how they end, where hazards run on time in state: panel by panel."""

from __future__ import annotations

import numpy as np

from lupusim.arrays import FloatArray, IntArray
from lupusim.frozen import dataclass

_PARTS = 4  # points within a panel at which hazards are known
_FIRST = np.array([1e-6, 1e-4, 1e-3, 4e-3, 0.012, 0.03, 0.06, 0.1, 0.16, 0.25])


@dataclass(frozen=True, slots=True, kw_only=True)
class Lags:
    """Times since entry at which hazards are needed.

    Parameters
    ----------
    times : (n_lags,) array
        Years since entry, from 0.
    ends : (n_panels + 1,) integer array
        Positions among them of the panels' ends, which lie evenly.
    """

    times: FloatArray
    ends: IntArray

    @property
    def width(self) -> float:
        """Of a panel, years."""
        return float(self.times[self.ends[1]])

    @property
    def n_panels(self) -> int:
        """How many panels there are."""
        return self.ends.size - 1

    @property
    def grid(self) -> FloatArray:
        """The panels' ends, years; (n_panels + 1,)."""
        return self.times[self.ends]

    def first(self, n_panels: int) -> Lags:
        """Return the lags of the first panels alone."""
        return Lags(times=self.times[: self.ends[n_panels] + 1], ends=self.ends[: n_panels + 1])


def lag_points(horizon: float, n_panels: int) -> Lags:
    """Return lags from 0 to a horizon, years.

    The first panel is split finely, since hazards may be infinite at 0.
    """
    width = horizon / n_panels
    even = np.arange(n_panels * _PARTS + 1) / _PARTS * width
    times = np.unique(np.concatenate([even, _FIRST * width]))
    return Lags(times=times, ends=np.searchsorted(times, np.arange(n_panels + 1) * width))


@dataclass(frozen=True, slots=True, kw_only=True)
class Sojourns:
    """Where mass goes after it has entered a state, panel by panel.

    Parameters
    ----------
    begun : (n, n_transitions, n_panels) array
        Moves within each panel, of those who were there at time 0.
    spread : (n, n_transitions, n_panels) array
        Moves l panels later, of those who entered evenly over a panel.
    stay : (n, n_states, n_panels) array
        Share still there at the panel's end, of the latter.
    stay_from_start : (n, n_states, n_panels + 1) array
        Share still there at the panel ends, of those who were there at time 0.
    """

    begun: FloatArray
    spread: FloatArray
    stay: FloatArray
    stay_from_start: FloatArray


def sojourns(cumulative: FloatArray, lags: Lags) -> Sojourns:
    """Return how stays in one state end.

    Parameters
    ----------
    cumulative : (n, n_ways, n_lags) array
        Cumulative hazards of the ways out.
    lags : Lags
        Where.
    """
    begun, later, stay = _by_panel(cumulative, lags)
    survival = np.exp(-cumulative[..., lags.ends].sum(axis=1, keepdims=True))
    return _sojourns(begun, later, stay, survival)


def memoryless(rates: FloatArray, lags: Lags) -> Sojourns:
    """Return how stays end whose ways out have constant hazards, (n, n_ways) per year.

    SPEED: a panel is like the one before, but for those who have left.
    """
    two = lags.first(2)
    parts = _by_panel(rates[..., None] * two.times, two)
    left = np.exp(-rates.sum(axis=1)[:, None, None] * lags.width * np.arange(lags.n_panels + 1))
    begun, later, stay = (
        np.concatenate([part[..., :1], part[..., 1:] * left[..., :-2]], axis=-1) for part in parts
    )
    return _sojourns(begun, later, stay, left)


def _by_panel(cumulative: FloatArray, lags: Lags) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return moves by panel, those of them that are a panel later, and who stays.

    Of those who entered evenly over a panel, who moves at a lag does so in the panel of the
    lag or in the next, as early as the entry was.
    """
    times, begins = lags.times, lags.ends[:-1]
    total = cumulative.sum(axis=1)
    survival = np.exp(-total)
    growth = total[:, 1:] - total[:, :-1]
    per_hazard = np.zeros(growth.shape)
    np.divide(survival[:, :-1] - survival[:, 1:], growth, out=per_hazard, where=growth > 0)
    moved = (cumulative[..., 1:] - cumulative[..., :-1]) * per_hazard[:, None]
    late = (times[1:] + times[:-1]) / (2 * lags.width)
    late -= np.repeat(np.arange(lags.n_panels), np.diff(lags.ends))
    area = (survival[:, 1:] + survival[:, :-1]) * (np.diff(times) / (2 * lags.width))
    return (
        np.add.reduceat(moved, begins, axis=-1),
        np.add.reduceat(moved * late, begins, axis=-1),
        np.add.reduceat(area, begins, axis=-1)[:, None],
    )


def _sojourns(
    begun: FloatArray, later: FloatArray, stay: FloatArray, survival: FloatArray
) -> Sojourns:
    spread = begun - later
    spread[..., 1:] += later[..., :-1]
    return Sojourns(begun=begun, spread=spread, stay=stay, stay_from_start=survival)

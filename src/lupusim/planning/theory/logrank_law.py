"""What a log-rank statistic is under the alternative: its mean and its spread.

Schoenfeld's formula takes both as they are near a hazard ratio of 1. Away from it patients at risk
shift towards the better arm, which matters where arms are of unequal size.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass

_CELLS = 800


@dataclass(frozen=True, slots=True, kw_only=True)
class LogrankLaw:
    """The law of a log-rank statistic, nearly normal."""

    events: float  # to be expected
    mean: float  # of the statistic; below 0 where events are fewer on the experimental arm
    spread: float  # its standard deviation; 1 without a difference

    def power(self, *, alpha: float, sided: int) -> float:
        """Return the probability of a claim of either kind, for `sided` 1 of fewer events.

        Parameters
        ----------
        alpha : float
            Of all sides together.
        sided : int
            1 or 2.
        """
        from scipy.special import ndtr, ndtri

        critical = -ndtri(alpha / sided)
        fewer = ndtr((-self.mean - critical) / self.spread)
        more = ndtr((self.mean - critical) / self.spread) if sided == 2 else 0.0
        return float(fewer + more)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Two arms with proportional hazards, and for how long their patients are watched."""

    cumulative_hazard: Callable[[FloatArray], FloatArray]
    """Of a control patient, by study time (years)."""
    hazard_ratio: float  # above 0
    share: float  # of the patients on the experimental arm
    watched: Callable[[FloatArray], FloatArray]
    """Share of all patients who would be watched at a study time, had nobody an event: those
    enrolled early enough, less those who dropped out."""
    longest: float  # study time (years) at which nobody is watched any more


def logrank_law(comparison: Comparison, *, mean_per_event: float = 0.0) -> LogrankLaw:
    r"""Return the law of a log-rank statistic of one patient, whose mean grows with the root of n.

    With :math:`\pi` the share of patients at risk who are on the experimental arm, the score
    of arm 1 is :math:`U = \int dN_1 - \pi\,dN`, its variance is estimated by
    :math:`V = \int \pi (1 - \pi)\,dN`, and :math:`z = U / \sqrt V`. The spread is that of the
    patients' influences on z: an event at t adds to U what it is, and being at risk moves
    :math:`\pi`.

    Parameters
    ----------
    comparison : Comparison
    mean_per_event : float
        How the mean of z grows with the events, where the data are cut at a number of them:
        the date then moves so that the number is kept. 0 for a cut at a date.

    References
    ----------
    Schoenfeld (1981), *Biometrika* 68, 316-319, before its last step; Lin and Wei (1989),
    *JASA* 84, 1074-1078, for the influences.
    """
    edges = comparison.longest * np.linspace(0.0, 1.0, _CELLS + 1) ** 2
    watched = comparison.watched(edges)
    ratios = np.array([[1.0], [comparison.hazard_ratio]])
    survival = np.exp(-ratios * comparison.cumulative_hazard(edges))
    at_risk = survival * watched  # of one patient of each arm, (2, n_cells + 1)
    events = -np.diff(survival, axis=1) * (watched[1:] + watched[:-1]) / 2
    parts = np.array([1 - comparison.share, comparison.share])
    middle = (at_risk[:, 1:] + at_risk[:, :-1]) / 2
    everybody, both = parts @ middle, parts @ events
    anybody = np.where(everybody > 0, everybody, 1.0)
    treated = parts[1] * middle[1] / anybody
    estimated = float(both @ (treated * (1 - treated)))
    if estimated == 0:
        return LogrankLaw(events=0.0, mean=0.0, spread=1.0)
    score = float(parts[1] * events[1].sum() - both @ treated)
    bend = score / (2 * estimated)
    variance = 0.0
    for arm in (0, 1):
        off = arm - treated
        event = (off - bend * treated * (1 - treated)) / math.sqrt(estimated) - mean_per_event
        watching = -off * (1 + bend * (1 - 2 * treated)) / math.sqrt(estimated)
        watching = watching * both / anybody
        variance += parts[arm] * _variance(event, watching, events[arm], at_risk[arm])
    return LogrankLaw(
        events=float(both.sum()),
        mean=score / math.sqrt(estimated),
        spread=math.sqrt(variance),
    )


def _variance(
    event: FloatArray, watching: FloatArray, chances: FloatArray, at_risk: FloatArray
) -> float:
    """Return the variance of a patient's influence on the statistic.

    Parameters
    ----------
    event, watching : (n_cells,) arrays
        What an event in a cell adds, and being watched through it.
    chances : (n_cells,) array
        Of an event in each cell.
    at_risk : (n_cells + 1,) array
        Chance of being watched at the cells' edges.
    """
    leaves = np.append(-np.diff(at_risk) - chances, at_risk[-1])
    reached = np.append(0.0, np.cumsum(watching))
    on_event = (reached[1:] + reached[:-1]) / 2 + event
    on_leaving = np.append((reached[1:] + reached[:-1]) / 2, reached[-1])
    first = chances @ on_event + leaves @ on_leaving
    return float(chances @ on_event**2 + leaves @ on_leaving**2 - first**2)

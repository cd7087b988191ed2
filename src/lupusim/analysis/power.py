"""Power of two event times, and patients for one proportion, by textbook formulas."""

from __future__ import annotations

from dataclasses import field, replace
from math import inf, log, sqrt
from statistics import NormalDist

import numpy as np

from lupusim.common.frozen import dataclass

_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True, kw_only=True)
class EventTimes:
    """Exponential event times of one arm, seen through enrollment, dropout and a cutoff.

    Raises
    ------
    ValueError
        If a number is out of its range.
    """

    hazard: float  # of the event, per year, above 0
    cutoff: float  # calendar time (years) of the analysis, not before the end of accrual
    dropout: float = 0.0  # hazard of being lost, per year, 0 or above
    accrual_breaks: tuple[float, ...] = field(default=(0.0, 1.0))
    """Calendar times (years) at which the accrual rate changes, from 0 to the end of accrual,
    rising."""
    accrual_rates: tuple[float, ...] = field(default=(1.0,))
    """Relative rate of each piece, 0 or above, not all 0."""
    follow_up: float = inf
    """Years after which a patient's own follow-up ends; ``inf`` for the cutoff."""

    def __post_init__(self) -> None:
        breaks, rates = self.accrual_breaks, self.accrual_rates
        if not (self.hazard > 0 and self.dropout >= 0):
            raise ValueError(f"hazard={self.hazard!r} must be above 0, dropout 0 or above")
        if len(breaks) != len(rates) + 1 or breaks[0] != 0 or (np.diff(breaks) <= 0).any():
            raise ValueError(f"accrual_breaks={breaks!r} must rise from 0, one more than rates")
        if min(rates) < 0 or not sum(rates) > 0:
            raise ValueError(f"accrual_rates={rates!r} must be 0 or above, and not all 0")
        if not self.follow_up > 0:
            raise ValueError(f"follow_up={self.follow_up!r} must be above 0")
        if self.cutoff < breaks[-1]:
            raise ValueError(f"cutoff={self.cutoff!r} lies before the end of accrual {breaks[-1]}")

    def event_probability(self) -> float:
        """Return the probability that a patient's event is seen by the cutoff.

        Lachin and Foulkes (1986), *Biometrics* 42, 507-519, equation 3.4 for one piece.
        """
        total = self.hazard + self.dropout
        breaks, rates = np.array(self.accrual_breaks), np.array(self.accrual_rates)
        length = np.diff(breaks)
        # Who came before `seen_all` has ended the own follow-up by the cutoff.
        seen_all = self.cutoff - self.follow_up
        begin, end = np.maximum(breaks[:-1], seen_all), np.maximum(breaks[1:], seen_all)
        late, early = np.exp(-total * (self.cutoff - end)), np.exp(-total * (self.cutoff - begin))
        complete = (length - (end - begin)) * np.exp(-total * min(self.follow_up, self.cutoff))
        unseen = (late - early) / total + complete
        seen = self.hazard / total * (length - unseen)
        return float((rates * seen).sum() / (rates * length).sum())


def schoenfeld_power(
    hazard_ratio: float, events: float, *, alpha: float = 0.025, allocation: float = 1.0
) -> float:
    """Return the power of a log-rank test with a number of events.

    Parameters
    ----------
    hazard_ratio : float
        Above 0, not 1; the alternative is a hazard ratio on its side of 1.
    events : float
        On both arms.
    alpha : float
        One-sided.
    allocation : float
        Experimental patients for each control patient.

    Raises
    ------
    ValueError
        If the hazard ratio is not above 0, or is 1.

    References
    ----------
    Schoenfeld (1981), *Biometrika* 68, 316-319.
    """
    if not hazard_ratio > 0 or hazard_ratio == 1:
        raise ValueError(f"hazard_ratio={hazard_ratio!r} must be above 0 and not 1")
    share = allocation / (1 + allocation)
    drift = abs(log(hazard_ratio)) * sqrt(events * share * (1 - share))
    return _NORMAL.cdf(drift - _NORMAL.inv_cdf(1 - alpha))


def lachin_foulkes_power(
    n_patients: float,
    control: EventTimes,
    experimental: EventTimes,
    *,
    alpha: float = 0.025,
    allocation: float = 1.0,
) -> float:
    r"""Return the power of a comparison of two exponential hazards with so many patients.

    .. math:: z_{power} = \frac{\sqrt{N} |\lambda_1 - \lambda_0|
              - z_{1-\alpha} \sqrt{\phi(\bar\lambda) (1/q_1 + 1/q_0)}}
              {\sqrt{\phi(\lambda_1)/q_1 + \phi(\lambda_0)/q_0}},
              \quad \phi(\lambda) = \lambda^2 / P(\text{event})

    Parameters
    ----------
    n_patients : float
        On both arms.
    control, experimental : EventTimes
        The same accrual and cutoff; hazards differ.
    alpha, allocation
        See `schoenfeld_power`.

    Raises
    ------
    ValueError
        If the hazards are the same.

    References
    ----------
    Lachin and Foulkes (1986), *Biometrics* 42, 507-519, equation 2.3.
    """
    under_null, under_other = _lachin_foulkes_errors(control, experimental, allocation)
    difference = sqrt(n_patients) * abs(experimental.hazard - control.hazard)
    return _NORMAL.cdf((difference - _NORMAL.inv_cdf(1 - alpha) * under_null) / under_other)


def _lachin_foulkes_errors(
    control: EventTimes, experimental: EventTimes, allocation: float
) -> tuple[float, float]:
    """Return the standard errors of the hazards' difference, times the root of the patients."""
    if control.hazard == experimental.hazard:
        raise ValueError(f"both hazards are {control.hazard!r}, they must differ")
    share = allocation / (1 + allocation)
    mean = replace(
        control,
        hazard=share * experimental.hazard + (1 - share) * control.hazard,
        dropout=share * experimental.dropout + (1 - share) * control.dropout,
    )
    null, first, second = (
        one.hazard**2 / one.event_probability() for one in (mean, experimental, control)
    )
    return sqrt(null * (1 / share + 1 / (1 - share))), sqrt(first / share + second / (1 - share))


def one_look_patients(
    proportion: float, null_proportion: float, *, alpha: float = 0.025, power: float = 0.9
) -> float:
    """Return how many patients a test of one proportion needs, by the normal approximation.

    Parameters
    ----------
    proportion, null_proportion : float
        True, and under the null hypothesis; between 0 and 1, not the same.
    alpha, power : float
        One-sided, and the power at `proportion`.

    Examples
    --------
    >>> round(one_look_patients(0.3, 0.1, alpha=0.05, power=0.8), 1)
    19.3
    """
    under_null = _NORMAL.inv_cdf(1 - alpha) * sqrt(null_proportion * (1 - null_proportion))
    under_other = _NORMAL.inv_cdf(power) * sqrt(proportion * (1 - proportion))
    return ((under_null + under_other) / (proportion - null_proportion)) ** 2

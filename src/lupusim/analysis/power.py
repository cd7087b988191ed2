"""Power and sample size without simulation: two proportions, one proportion, survival."""

from __future__ import annotations

from dataclasses import field, replace
from math import ceil, inf, log, sqrt
from statistics import NormalDist

import numpy as np

from lupusim.analysis.numerics.binomial import binomial
from lupusim.analysis.proportions.fisher_exact import log_factorials
from lupusim.common.arrays import BoolArray, FloatArray
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


def schoenfeld_events(
    hazard_ratio: float, *, alpha: float = 0.025, power: float = 0.9, allocation: float = 1.0
) -> float:
    r"""Return the number of events that a log-rank test needs (not rounded).

    .. math:: d = \frac{(z_{1-\alpha} + z_{power})^2}{p (1 - p) (\log HR)^2}

    Parameters
    ----------
    hazard_ratio : float
        Above 0, not 1.
    alpha : float
        One-sided.
    power : float
        Between `alpha` and 1.
    allocation : float
        Experimental patients for each control patient.

    References
    ----------
    Schoenfeld (1981), *Biometrika* 68, 316-319.

    Raises
    ------
    ValueError
        If the hazard ratio is not above 0, or is 1.

    Examples
    --------
    >>> round(schoenfeld_events(0.7, power=0.9), 1)
    330.4
    """
    _check_hazard_ratio(hazard_ratio)
    share = allocation / (1 + allocation)
    needed = _NORMAL.inv_cdf(1 - alpha) + _NORMAL.inv_cdf(power)
    return needed**2 / (share * (1 - share) * log(hazard_ratio) ** 2)


def schoenfeld_power(
    hazard_ratio: float, events: float, *, alpha: float = 0.025, allocation: float = 1.0
) -> float:
    """Return the power of a log-rank test with a number of events.

    Parameters
    ----------
    hazard_ratio, alpha, allocation
        See `schoenfeld_events`; the alternative is a hazard ratio on its side of 1.
    events : float
        On both arms.

    Raises
    ------
    ValueError
        If the hazard ratio is not above 0, or is 1.
    """
    _check_hazard_ratio(hazard_ratio)
    share = allocation / (1 + allocation)
    drift = abs(log(hazard_ratio)) * sqrt(events * share * (1 - share))
    return _NORMAL.cdf(drift - _NORMAL.inv_cdf(1 - alpha))


def lachin_foulkes_patients(
    control: EventTimes,
    experimental: EventTimes,
    *,
    alpha: float = 0.025,
    power: float = 0.9,
    allocation: float = 1.0,
) -> float:
    r"""Return how many patients a comparison of two exponential hazards needs (not rounded).

    .. math:: N = \frac{\bigl(z_{1-\alpha} \sqrt{\phi(\bar\lambda) (1/q_1 + 1/q_0)}
              + z_{power} \sqrt{\phi(\lambda_1)/q_1 + \phi(\lambda_0)/q_0}\bigr)^2}
              {(\lambda_1 - \lambda_0)^2}, \quad \phi(\lambda) = \lambda^2 / P(\text{event})

    Parameters
    ----------
    control, experimental : EventTimes
        The same accrual and cutoff; hazards differ.
    alpha, power, allocation
        See `schoenfeld_events`.

    Raises
    ------
    ValueError
        If the hazards are the same.

    References
    ----------
    Lachin and Foulkes (1986), *Biometrics* 42, 507-519, equation 2.3.
    """
    under_null, under_other = _lachin_foulkes_errors(control, experimental, allocation)
    reach = _NORMAL.inv_cdf(1 - alpha) * under_null + _NORMAL.inv_cdf(power) * under_other
    return reach**2 / (experimental.hazard - control.hazard) ** 2


def lachin_foulkes_power(
    n_patients: float,
    control: EventTimes,
    experimental: EventTimes,
    *,
    alpha: float = 0.025,
    allocation: float = 1.0,
) -> float:
    """Return the power of a comparison of two exponential hazards with so many patients.

    Parameters
    ----------
    n_patients : float
        On both arms.
    control, experimental, alpha, allocation
        See `lachin_foulkes_patients`.

    Raises
    ------
    ValueError
        If the hazards are the same.
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


def rates_patients(
    proportion: float,
    control_proportion: float,
    *,
    alpha: float = 0.025,
    power: float = 0.9,
    allocation: float = 1.0,
) -> float:
    """Return how many patients a pooled z test of two proportions needs (not rounded).

    Parameters
    ----------
    proportion, control_proportion : float
        True proportions of responders, between 0 and 1, not the same.
    alpha, power, allocation
        See `schoenfeld_events`.

    Raises
    ------
    ValueError
        If the proportions are the same or out of range.

    References
    ----------
    Fleiss, Levin and Paik (2003), *Statistical Methods for Rates and Proportions*, 3rd ed.,
    chapter 4.

    Examples
    --------
    >>> round(rates_patients(0.4, 0.3), 1)
    952.0
    """
    if not (0 < proportion < 1 and 0 < control_proportion < 1) or proportion == control_proportion:
        raise ValueError(
            f"proportions {proportion!r} and {control_proportion!r} must differ, inside (0, 1)"
        )
    share = allocation / (1 + allocation)
    pooled = share * proportion + (1 - share) * control_proportion
    under_null = sqrt(pooled * (1 - pooled) / (share * (1 - share)))
    first = proportion * (1 - proportion) / share
    under_other = sqrt(first + control_proportion * (1 - control_proportion) / (1 - share))
    reach = _NORMAL.inv_cdf(1 - alpha) * under_null + _NORMAL.inv_cdf(power) * under_other
    return (reach / (proportion - control_proportion)) ** 2


def exact_power(rejects: BoolArray, proportion: float, control_proportion: float) -> float:
    """Return the exact probability that a test of two proportions rejects.

    Parameters
    ----------
    rejects : (n + 1, control_n + 1) boolean array
        By responders on the experimental and on the control arm; see `all_tables`.
    proportion, control_proportion : float
        True proportions of responders, 0 to 1.

    Examples
    --------
    >>> from lupusim.analysis.proportions.fisher_exact import fisher_exact_of
    >>> from lupusim.analysis.proportions.two_by_two import all_tables
    >>> rejects = fisher_exact_of(all_tables(60, 60)).p_greater <= 0.025
    >>> round(exact_power(rejects.reshape(61, 61), 0.5, 0.25), 4)
    0.76
    """
    n, control_n = rejects.shape[0] - 1, rejects.shape[1] - 1
    rows, columns = binomial_row(n, proportion), binomial_row(control_n, control_proportion)
    return float(rows @ rejects.astype(float) @ columns)


def binomial_row(n: int, proportion: float) -> FloatArray:
    """Return the probabilities of 0 to `n` responders, for proportions from 0 to 1."""
    if 0 < proportion < 1:
        logs, x = log_factorials(n), np.arange(n + 1)
        weight = logs[n] - logs[x] - logs[n - x]
        return np.asarray(np.exp(weight + x * log(proportion) + (n - x) * np.log1p(-proportion)))
    return np.asarray(np.arange(n + 1) == (n if proportion else 0), dtype=float)


def binomial_rows(n: int, proportions: FloatArray, span: tuple[int, int]) -> FloatArray:
    """Return the same for several proportions and some numbers, (n_proportions, n_numbers).

    Parameters
    ----------
    n : int
        Patients.
    proportions : (n_proportions,) array
        From 0 to 1.
    span : (int, int)
        Numbers of responders from, and up to but without.
    """
    x = np.arange(*span)
    inside = (proportions > 0) & (proportions < 1)
    found = np.array(x == np.where(proportions > 0, n, 0)[:, None], dtype=float)
    logs, chance = log_factorials(n), proportions[inside, None]
    weight = logs[n] - logs[x] - logs[n - x]
    found[inside] = np.exp(weight + x * np.log(chance) + (n - x) * np.log1p(-chance))
    return found


def one_sample_power(
    n: int, null_proportion: float, proportion: float, *, alpha: float = 0.025
) -> tuple[int, float]:
    """Return the fewest responders that reject, and the exact power, of one proportion.

    Parameters
    ----------
    n : int
        Patients.
    null_proportion, proportion : float
        Under the null hypothesis, and true; between 0 and 1.
    alpha : float
        One-sided.

    Returns
    -------
    responders : int
        `n` + 1 if no number rejects.
    power : float

    Examples
    --------
    >>> responders, power = one_sample_power(30, 0.2, 0.45)
    >>> responders, round(power, 4)
    (12, 0.7673)
    """
    tail = binomial(n, null_proportion)[::-1].cumsum()[::-1]
    responders = int(np.count_nonzero(tail > alpha))
    return responders, float(binomial(n, proportion)[responders:].sum())


def one_look_patients(
    proportion: float, null_proportion: float, *, alpha: float = 0.025, power: float = 0.9
) -> float:
    """Return how many patients a test of one proportion needs, by the normal approximation.

    Parameters
    ----------
    proportion, null_proportion : float
        True, and under the null hypothesis; between 0 and 1, not the same.
    alpha, power : float
        See `schoenfeld_events`.

    Examples
    --------
    >>> round(one_look_patients(0.3, 0.1, alpha=0.05, power=0.8), 1)
    19.3
    """
    under_null = _NORMAL.inv_cdf(1 - alpha) * sqrt(null_proportion * (1 - null_proportion))
    under_other = _NORMAL.inv_cdf(power) * sqrt(proportion * (1 - proportion))
    return ((under_null + under_other) / (proportion - null_proportion)) ** 2


def _check_hazard_ratio(hazard_ratio: float) -> None:
    if not hazard_ratio > 0 or hazard_ratio == 1:
        raise ValueError(f"hazard_ratio={hazard_ratio!r} must be above 0 and not 1")


def patients_for_events(events: float, control: EventTimes, experimental: EventTimes) -> int:
    """Return how many patients, allocated 1:1, give so many events by the cutoff on average."""
    chance = (control.event_probability() + experimental.event_probability()) / 2
    return ceil(events / chance)

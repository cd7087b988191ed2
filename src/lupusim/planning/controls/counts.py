"""What each patient adds to a ratio of rates, and the law of it."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.planning.controls.event_law import EventLaw, event_law, is_of_study_time
from lupusim.planning.controls.parts import Baseline, LookSum, in_arms, summed
from lupusim.planning.controls.times import cut_dates
from lupusim.planning.theory.sums import ComplexArray
from lupusim.simulation.control_classes import CountsToCut, CountTable
from lupusim.simulation.controls import CutDate
from lupusim.simulation.looks.look_statistics import Comparison
from lupusim.trial import Endpoint, Trial
from lupusim.trial.durations import LONGEST_FOLLOW_UP

_ARMS = 2
_STEPS = 20  # of Newton's method for a rate
_LEAST_DISPERSION = 1e-6
_SMALL = 1e-5  # relative change by which a slope is measured


@dataclass(frozen=True, slots=True, kw_only=True)
class _Statistic:
    """A log rate ratio by its standard error, and what each patient adds to it."""

    estimate: float  # of the log ratio, less what is tested against
    variance: float
    adds: FloatArray  # by arm, exposure at the edges and count; (2, n_cells + 1, n_counts)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Expected:
    """Means over all patients of an arm, of functions of exposure and count."""

    law: EventLaw
    there: FloatArray  # patients of each arm watched at the most up to each edge; (2, n_cells + 1)

    def total(self, arm: int, values: FloatArray) -> float:
        """Return the sum over an arm of a function at the edges, (n_cells + 1, n_counts)."""
        middle = (values[1:] + values[:-1]) / 2
        return float(self.there[arm] @ self.law.until(middle[None], values[None])[arm])

    @property
    def exposure(self) -> FloatArray:
        """Years at each edge, whatever the count; (n_cells + 1, n_counts)."""
        return np.repeat(self.law.exposure[:, None], self.count.shape[1], axis=1)

    @property
    def count(self) -> FloatArray:
        """Number of events, whatever the exposure; (n_cells + 1, n_counts)."""
        _, n_edges, n_counts = self.law.stays.shape
        return np.tile(np.arange(float(n_counts)), (n_edges, 1))


def is_solved_count(trial: Trial, endpoint: Endpoint) -> bool:
    """Return whether the law of a patient's number of events is known.

    Parameters
    ----------
    trial : Trial
        Of two arms of independent patients.
    endpoint : Endpoint
        What is tested.
    """
    return endpoint.events_counted is not None and is_of_study_time(trial)


def sums_of_counts(trial: Trial, asked: Comparison, baseline: Baseline) -> list[LookSum]:
    """Return the sums of a test of rates, look by look; none where they can't be defined.

    Raises
    ------
    NoExactSolutionError
        If the law of a patient's number of events is not known.
    """
    endpoint = trial.endpoints[asked.endpoint]
    counted = endpoint.events_counted
    assert counted is not None  # only numbers of events come here
    longest = min(trial.follow_up, LONGEST_FOLLOW_UP, counted.until)
    cuts: list[CutDate | None] = [None]
    if trial.interims or trial.cutoff.patients_known(longest, trial.n_patients) is None:
        cuts = list(cut_dates(trial, baseline))
        longest = min([longest, *(cut.bounds[1] for cut in cuts if cut is not None)])
    law = event_law(trial, counted, longest).of_arms([0, asked.arm])
    pair = baseline.pair(asked.arm)
    null = asked.analysis.test.null_value(endpoint.better)
    found = []
    for cut in cuts:
        there = _there(law, cut, pair)
        expected = _Expected(law=law, there=there.mean(axis=0))
        statistic = _STATISTICS[asked.analysis.test.nearly](expected, null)
        if statistic is None:
            return []
        found.append(_look_sum(asked, cut, law, there, (statistic, len(trial.arms))))
    return found


def _there(law: EventLaw, cut: CutDate | None, baseline: Baseline) -> FloatArray:
    """Return how many patients of each arm are watched at the most up to each edge."""
    if cut is not None:
        return baseline.there(cut, law.width, law.exposure.size)
    sizes = baseline.sizes(baseline.arm.shape[1])
    there = np.zeros((*sizes.shape, law.exposure.size))
    there[:, :, -1] = sizes
    return there


def _look_sum(
    asked: Comparison,
    cut: CutDate | None,
    law: EventLaw,
    there: FloatArray,
    about: tuple[_Statistic, int],
) -> LookSum:
    found, n_arms = about
    adds = found.adds
    middle = (adds[:, 1:] + adds[:, :-1]) / 2
    mean = law.until(middle, adds)
    variance = law.until(middle**2, adds**2) - mean**2

    def of_arms(nodes: FloatArray) -> ComplexArray:
        log_law = np.empty((*mean.shape, nodes.size), dtype=complex)
        for number, node in enumerate(nodes):
            each = law.until(np.exp(1j * node * middle), np.exp(1j * node * adds))
            log_law[:, :, number] = np.log(each) - 1j * node * mean
        return summed(there, log_law)

    table = CountTable(
        width=law.width,
        adds=in_arms(adds, asked.arm, n_arms),
        mean=in_arms(mean, asked.arm, n_arms),
    )
    return LookSum(
        mean=found.estimate / math.sqrt(found.variance),
        estimate=found.estimate,
        information=1 / found.variance,
        variances=(there.mean(axis=0) * variance).sum(axis=1),
        law=of_arms,
        sum=CountsToCut(endpoint=asked.endpoint, cut=cut, table=table),
    )


def _of_rates(expected: _Expected, null: float) -> _Statistic | None:
    r"""Return the log ratio of rates with its robust variance, and its slopes.

    It is a function of the sums over each arm of count :math:`y`, exposure :math:`e`,
    :math:`y^2`, :math:`ye` and :math:`e^2`; a patient adds the slopes times his own.
    """
    y, e = expected.count, expected.exposure
    features = [y, e, y**2, y * e, e**2]
    sums = np.array([[expected.total(arm, one) for one in features] for arm in range(_ARMS)])
    if not (sums[:, 0] > 0).all():
        return None
    estimate, variance = _log_ratio(sums)
    estimate -= null
    adds = np.zeros((_ARMS, *y.shape))
    for arm in range(_ARMS):
        for number, one in enumerate(features):
            step = np.zeros_like(sums)
            step[arm, number] = _SMALL * sums[arm, number]
            ends = [_log_ratio(sums + sign * step) for sign in (1, -1)]
            up, down = ((found - null) / math.sqrt(spread) for found, spread in ends)
            adds[arm] += (up - down) / (2 * step[arm, number]) * one
    return _Statistic(estimate=estimate, variance=variance, adds=adds)


def _log_ratio(sums: FloatArray) -> tuple[float, float]:
    y, e, yy, ye, ee = sums.T
    rate = y / e
    variance = (yy - 2 * rate * ye + rate**2 * ee) / y**2
    return float(np.log(rate[1] / rate[0])), float(variance.sum())


def _of_counts(expected: _Expected, null: float) -> _Statistic | None:
    r"""Return the log ratio of negative binomial rates, and what patients add to it.

    With :math:`\mu = r_a e`, :math:`w = 1 / (1 + k \mu)`, :math:`I_a = \sum \mu w` and
    :math:`V = 1/I_0 + 1/I_1`, a patient moves the log rate of his arm by :math:`(y - \mu) w /
    I_a`, the dispersion by its score over that score's variance, and :math:`I_a` by :math:`\mu
    w` and by what both of these move.

    References
    ----------
    Lawless (1987), *Canadian Journal of Statistics* 15, 209-225.
    """
    y, e = expected.count, expected.exposure
    totals = [[expected.total(arm, one) for one in (y, e)] for arm in range(_ARMS)]
    if not all(events > 0 for events, _ in totals):
        return None
    means = [events / years * e for events, years in totals]
    excess = [expected.total(arm, (y - means[arm]) ** 2 - y) for arm in range(_ARMS)]
    squares = [expected.total(arm, means[arm] ** 2) for arm in range(_ARMS)]
    k = max(sum(excess) / sum(squares), 0.0)
    means = [_settled(expected, arm, k, mean) for arm, mean in enumerate(means)]
    weights = [1 / (1 + k * mean) for mean in means]
    known = [expected.total(arm, means[arm] * weights[arm]) for arm in range(_ARMS)]
    variance = sum(1 / one for one in known)
    rates = [mean[-1, 0] / e[-1, 0] for mean in means]
    estimate = math.log(rates[1] / rates[0]) - null
    score = [_dispersion_score(y, mean, k) for mean in means]
    sharp = sum(expected.total(arm, score[arm] ** 2) for arm in range(_ARMS))
    by_k = [-expected.total(arm, (means[arm] * weights[arm]) ** 2) for arm in range(_ARMS)]
    of_k = sum(-slope / one**2 for slope, one in zip(by_k, known, strict=True))
    adds = np.zeros((_ARMS, *y.shape))
    for arm, sign in enumerate((-1, 1)):
        moved = (y - means[arm]) * weights[arm] / known[arm]
        by_rate = expected.total(arm, means[arm] * weights[arm] ** 2)
        spread = -(means[arm] * weights[arm] + by_rate * moved) / known[arm] ** 2
        if sharp > 0:
            spread = spread + of_k * score[arm] / sharp
        adds[arm] = (sign * moved - estimate / (2 * variance) * spread) / math.sqrt(variance)
    return _Statistic(estimate=estimate, variance=variance, adds=adds)


def _settled(expected: _Expected, arm: int, k: float, mean: FloatArray) -> FloatArray:
    """Return expected counts of the rate that the likelihood settles on."""
    y = expected.count
    for _ in range(_STEPS):
        weight = 1 / (1 + k * mean)
        change = expected.total(arm, (y - mean) * weight) / expected.total(arm, mean * weight)
        mean = mean * (1 + change)
    return mean


def _dispersion_score(count: FloatArray, mean: FloatArray, k: float) -> FloatArray:
    """Return the slope of a patient's log likelihood in the dispersion; 0 for Poisson's."""
    if k < _LEAST_DISPERSION:
        return np.zeros_like(mean)
    number = np.arange(count.shape[1])
    below = np.append(0.0, np.cumsum(number / (1 + k * number)))[: count.shape[1]]
    return np.asarray(below + np.log1p(k * mean) / k**2 - (count + 1 / k) * mean / (1 + k * mean))


_STATISTICS: dict[str, Callable[[_Expected, float], _Statistic | None]] = {
    "rates": _of_rates,
    "counts": _of_counts,
}

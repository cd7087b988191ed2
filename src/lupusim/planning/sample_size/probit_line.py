"""Power against size: a straight line on the probit scale, and where it crosses a target."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from statistics import NormalDist

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.simulation.tally import Mean

NORMAL = NormalDist()
_CONFIDENCE = 1.959963984540054
_STEPS = 30
_PRIOR_SD = 0.35  # of the slope, relative to that of a test whose z grows with the root of n


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Simulated trials of one size."""

    size: int
    n_replicates: int
    """`size` and `n_replicates`: size and trials."""
    n_rejected: float  # trials with a significant test; no whole number where chance is taken out
    worth: float = 1.0  # how many trials that are counted tell as much as one of these

    @classmethod
    def of(cls, size: int, power: Mean) -> Batch:
        """Return what a power that was seen at a size tells."""
        n, share = power.n, power.value
        plain = share * (1 - share) / n
        worth = plain / power.mcse**2 if plain > 0 and power.mcse > 0 else 1.0
        if math.isclose(worth, 1.0):  # they were counted
            return cls(size=size, n_replicates=n, n_rejected=round(share * n))
        return cls(size=size, n_replicates=n, n_rejected=share * n, worth=worth)

    @property
    def probit(self) -> float:
        """Probit of the power, kept finite by half a trial of each kind."""
        return NORMAL.inv_cdf((self.n_rejected + 0.5) / (self.n_replicates + 1))


def known_worth(batches: Iterable[Batch]) -> float:
    """Return how many trials that are counted tell as much as one whose chance is known in law.

    That is by the mean of their errors, as one batch shows its own roughly; 1 where all are
    counted.
    """
    known = [batch for batch in batches if batch.worth != 1.0]
    left = sum(batch.n_replicates / batch.worth for batch in known)
    return sum(batch.n_replicates for batch in known) / left if known else 1.0


def fewest_known(batches: Iterable[Batch]) -> int:
    """Return the fewest trials of a batch that were not counted alone; 0 where all were."""
    return min((batch.n_replicates for batch in batches if batch.worth != 1.0), default=0)


def n_counted(batches: Iterable[Batch]) -> float:
    """Return how many trials that are counted tell as much as all of some batches."""
    return sum(batch.n_replicates * batch.worth for batch in batches)


def evenly_worth(batches: Sequence[Batch]) -> list[Batch]:
    """Return batches near each other, of which those that are not counted are worth the same.

    One that errs less by chance alone, or seems to, would weigh more than it knows.
    """
    worth = known_worth(batches)
    return [batch if batch.worth == 1.0 else replace(batch, worth=worth) for batch in batches]


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerLine:
    r"""Power near the target: :math:`\Phi(a + b(\sqrt n - c))`."""

    center: float  # c, the root of a size near the target
    coefficients: FloatArray  # a and b
    covariance: FloatArray
    """Of a and b, enlarged where the sizes scatter more than replicates do: the power of discrete
    tests goes up and down like a saw."""

    def size_at(self, probit: float) -> float:
        """Return where the line crosses a probit of power."""
        intercept, slope = self.coefficients
        root = self.center + (probit - intercept) / slope
        return float(max(root, 0.0) ** 2)

    def interval(self, probit: float) -> tuple[float, float]:
        """Return the sizes that the line's 95 % confidence band does not exclude.

        Fieller's limits: where (a + b s - probit)^2 is 3.84 times its variance.
        """
        (intercept, slope), cov = self.coefficients, _CONFIDENCE**2 * self.covariance
        distance = intercept - probit
        curvature = slope**2 - cov[1, 1]
        half_slope = distance * slope - cov[0, 1]
        constant = distance**2 - cov[0, 0]
        root = math.sqrt(max(half_slope**2 - curvature * constant, 0.0))
        low, high = sorted(((-half_slope - root) / curvature, (-half_slope + root) / curvature))
        if curvature <= 0:  # the slope is not told apart from 0
            return 0.0, math.inf
        return max(self.center + low, 0.0) ** 2, max(self.center + high, 0.0) ** 2


def fit_line(batches: Sequence[Batch], *, near: float, probit: float, alpha: float) -> PowerLine:
    """Return the line through the powers of some sizes, by maximum likelihood.

    Fisher scoring of a probit regression of rejections on the root of the size. The slope
    has a normal prior at what it is if the test statistic grows with the root of the size from
    level `alpha` (one-sided) to the target. It saves the replicates that would show as much, and
    leaves room: with any of several hypotheses, or patients picked at a look, the slope was 0.72
    to 0.83 of that, and 1.4 with borrowed controls.

    Parameters
    ----------
    batches : sequence of Batch
        Independent batches, at least one.
    near : float
        A size near the target, above 0.
    probit : float
        Probit of the target power.
    alpha : float
        Power at size 0, if the line were straight from there.
    """
    told = [(b.size, b.n_replicates * b.worth, b.n_rejected * b.worth) for b in batches]
    size, n, rejected = np.array(told).T
    center = math.sqrt(near)
    regressors = np.stack([np.ones(size.size), np.sqrt(size) - center])
    expected_slope = (probit - NORMAL.inv_cdf(alpha)) / center
    precision = np.diag([0.0, (_PRIOR_SD * expected_slope) ** -2])
    coefficients = np.array([probit, expected_slope])
    prior = coefficients.copy()
    for _ in range(_STEPS):
        probability, weight, score = _working(coefficients @ regressors, n, rejected)
        information = (regressors * weight) @ regressors.T + precision
        gradient = regressors @ score - precision @ (coefficients - prior)
        step = np.linalg.solve(information, gradient)
        coefficients = coefficients + np.clip(step, -1.0, 1.0)
        if np.abs(step).max() < 1e-10:
            break
    scatter = ((rejected - n * probability) ** 2 / (n * probability * (1 - probability))).sum()
    covariance = _excess(float(scatter), size.size - 2) * np.linalg.inv(information)
    return PowerLine(center=center, coefficients=coefficients, covariance=covariance)


def _excess(scatter: float, freedom: int) -> float:
    """Return by how much sizes scatter more than replicates do; 1 if chance explains it."""
    chance = freedom + 2 * math.sqrt(2 * max(freedom, 0))
    return scatter / freedom if freedom > 0 and scatter > chance else 1.0


def _working(
    probit: FloatArray, n: FloatArray, rejected: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return fitted powers, Fisher weights and scores of a probit regression."""
    from scipy.special import ndtr

    probability = np.clip(ndtr(probit), 1e-9, 1 - 1e-9)
    density = np.exp(-(probit**2) / 2) / math.sqrt(2 * math.pi)
    variance = probability * (1 - probability)
    weight = n * density**2 / variance
    score = density * (rejected - n * probability) / variance
    return probability, weight, score


def offsets() -> Iterator[float]:
    """Yield offsets that fill -1 to 1 evenly, however many are taken, in pairs about 0.

    The halves of the pairs are van der Corput's numbers.
    """
    number = 0
    while True:
        number += 1
        position, weight, rest = 0.0, 0.5, number
        while rest:
            position += weight * (rest % 2)
            rest, weight = rest // 2, weight / 2
        yield -position
        yield position


def needed_counts(power: float, alpha: float, precision: float) -> float:
    """Return how many trials must be counted for a size that is known so precisely.

    Half the width of its 95 % interval is `precision` of it, where the test statistic grows with
    the root of the size, and its slope is known.
    """
    probit = NORMAL.inv_cdf(power)
    per_trial = power * (1 - power) / NORMAL.pdf(probit) ** 2  # variance of the probit
    rise = (probit - NORMAL.inv_cdf(alpha)) / 2  # of the probit, per relative change of the size
    return per_trial * (_CONFIDENCE / (rise * precision)) ** 2

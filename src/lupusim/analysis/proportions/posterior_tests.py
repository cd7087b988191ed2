"""Success by posterior probability in trials of two arms, as a scenario can name it."""

from __future__ import annotations

from dataclasses import field
from typing import ClassVar

import numpy as np

from lupusim.analysis.outcomes import BinaryOutcome, CountedOutcome, NumberOutcome
from lupusim.analysis.proportions.beta_binomial import (
    BetaPrior,
    posterior_effects,
    posterior_probability,
    told_priors,
)
from lupusim.analysis.proportions.fourfold_tests import table_of
from lupusim.analysis.proportions.two_by_two import TwoByTwo
from lupusim.analysis.results import normal_quantile
from lupusim.common.arrays import BoolArray, FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.trial import Better, TestMethod, Verdict
from lupusim.trial.test_method import named_test

_LEVEL = 0.95


def _verdict(
    p_value: FloatArray, estimate: FloatArray, deviation: FloatArray, undefined: BoolArray
) -> Verdict:
    reach = normal_quantile(_LEVEL) * deviation
    return Verdict(
        p_value=np.where(undefined, 1.0, p_value),
        p_better=np.where(undefined, 1.0, p_value),
        p_worse=np.where(undefined, 1.0, 1 - p_value),
        p_two_sided=np.where(undefined, 1.0, 2 * np.minimum(p_value, 1 - p_value)),
        estimate=estimate,
        standard_error=deviation,
        lower=estimate - reach,
        upper=estimate + reach,
        undefined=undefined,
    )


def _check(threshold: float, margin: float) -> None:
    if not 0 < threshold < 1:
        raise ValueError(f"threshold={threshold!r} must lie strictly between 0 and 1")
    if not -1 < margin < 1:
        raise ValueError(f"margin={margin!r} must lie strictly between -1 and 1")


@named_test("posterior_difference")
@dataclass(frozen=True, slots=True, kw_only=True)
class PosteriorDifferenceTest(TestMethod):
    """Success where the experimental arm's rate probably beats the control's by a margin.

    The p-value is the posterior probability of the contrary, so the analysis is at the level
    1 - `threshold`. The estimate is the difference of the posterior means, its interval that
    with 1.96 posterior standard deviations. Both arms' rates are independent beforehand.

    Parameters
    ----------
    threshold : float
        Posterior probability of beating it that is a success, strictly between 0 and 1.
    margin : float
        By how much the rate must be better, as a difference, between -1 and 1; negative for
        how much worse it may be.
    prior, control_prior : BetaPrior
        Of both response rates; what is borrowed is in the control's.
    """

    effect: ClassVar = "difference of posterior mean rates"
    outcome: ClassVar = BinaryOutcome
    required: ClassVar = ("threshold", "margin")
    has_design: ClassVar = True
    formula: ClassVar = "tables"
    estimated_by: ClassVar = "posterior means"
    one_look_only: ClassVar = True
    threshold: float = 0.95
    margin: float = 0.0
    prior: BetaPrior = field(default_factory=BetaPrior)
    control_prior: BetaPrior = field(default_factory=BetaPrior)

    def __post_init__(self) -> None:
        _check(self.threshold, self.margin)

    @property
    def prior_words(self) -> dict[str, str]:
        """Its priors that know something."""
        return told_priors(prior=self.prior, control_prior=self.control_prior)

    def null_value(self, better: Better) -> float:
        """Return the difference that is to be beaten."""
        return self.margin if better is Better.MORE else -self.margin

    def __call__(
        self, outcome: BinaryOutcome, *, better: Better, sided: int, stratum: IntArray
    ) -> Verdict:
        """Return the verdict on every replicate."""
        table = table_of(outcome)
        mean, deviation = self._difference(table)
        empty = np.asarray((table.n == 0) & (table.control_n == 0))
        return _verdict(1 - self._probability(table, better), mean, deviation, empty)

    def _probability(self, table: TwoByTwo, better: Better) -> FloatArray:
        if better is Better.MORE:
            return posterior_probability(
                table, prior=self.prior, control_prior=self.control_prior, margin=self.margin
            )
        swapped = TwoByTwo(
            responders=table.control_responders,
            n=table.control_n,
            control_responders=table.responders,
            control_n=table.n,
        )
        return posterior_probability(
            swapped, prior=self.control_prior, control_prior=self.prior, margin=self.margin
        )

    def _difference(self, table: TwoByTwo) -> tuple[FloatArray, FloatArray]:
        mean, deviation = _moments(self.prior, table.responders, table.n)
        other, spread = _moments(self.control_prior, table.control_responders, table.control_n)
        return mean - other, np.hypot(deviation, spread)


def _moments(
    prior: BetaPrior, responders: FloatArray, n: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return mean and standard deviation of the posterior of every replicate."""
    found = np.empty((2, *np.shape(n)))
    for size in np.unique(n).tolist():
        here = n == size
        counts = responders[here].astype(np.intp)
        found[:, here] = posterior_effects(prior, int(size))[:2, counts]
    return found[0], found[1]


@named_test("posterior_rank")
@dataclass(frozen=True, slots=True, kw_only=True)
class PosteriorRankTest(TestMethod):
    r"""Success where the experimental arm's patients probably rank better than the control's.

    The shares of the ranks have a Dirichlet posterior in each arm. What is asked is how
    probably :math:`\theta = P(Y_1 > Y_0) + P(Y_1 = Y_0) / 2` is above one half. The mean and the
    variance of :math:`\theta` are exact; its distribution is taken for the beta distribution
    with both (error below 0.003 with 15 patients an arm, below 0.001 with 30: see the tests).
    The p-value is the posterior probability of the contrary; the estimate is the posterior
    mean of :math:`\theta - 1/2`.
    """

    effect: ClassVar = "chance to rank better (ties half) minus one half"
    outcome: ClassVar = NumberOutcome
    required: ClassVar = ("threshold",)
    has_design: ClassVar = True
    estimated_by: ClassVar = "posterior mean"
    needs_ranks: ClassVar = True
    one_look_only: ClassVar = True
    threshold: float = 0.95  # posterior probability that is a success, strictly between 0 and 1
    n_ranks: int = 2  # how many ranks there are, at least 2
    prior: float = 1.0  # prior patients at each rank, above 0

    def __post_init__(self) -> None:
        _check(self.threshold, 0.0)
        if self.n_ranks < 2 or not self.prior > 0:
            raise ValueError(
                f"n_ranks={self.n_ranks!r} must be at least 2, prior={self.prior!r} above 0"
            )

    def __call__(
        self, outcome: NumberOutcome, *, better: Better, sided: int, stratum: IntArray
    ) -> Verdict:
        """Return the verdict on every replicate."""
        control, experimental = (self._counts(outcome, arm) for arm in (0, 1))
        return self._of(control, experimental, better)

    def of_counts(self, counted: CountedOutcome, *, better: Better, sided: int) -> Verdict:
        """Return the verdict on numbers of patients of each rank."""
        control, experimental = np.moveaxis(counted.by_value, 1, 0)
        return self._of(control, experimental, better)

    def _of(self, control: FloatArray, experimental: FloatArray, better: Better) -> Verdict:
        """Return the verdict on the patients at each rank, (n_replicates, n_ranks) of each arm."""
        from scipy.special import betainc

        mean, variance = better_rank(experimental + self.prior, control + self.prior)
        both = mean * (1 - mean) / variance - 1
        at_most_half = betainc(mean * both, (1 - mean) * both, 0.5)
        p_value = at_most_half if better is Better.MORE else 1 - at_most_half
        empty = np.asarray((control + experimental).sum(axis=1) == 0)
        return _verdict(np.asarray(p_value), mean - 0.5, np.sqrt(variance), empty)

    def _counts(self, outcome: NumberOutcome, arm: int) -> FloatArray:
        """Return the patients at each rank, shape (n_replicates, n_ranks)."""
        members = outcome.included & (outcome.arm == arm)
        ranks = np.arange(self.n_ranks)
        return np.stack(
            [np.count_nonzero(members & (outcome.values == rank), axis=1) for rank in ranks],
            axis=1,
        ).astype(float)


def better_rank(experimental: FloatArray, control: FloatArray) -> tuple[FloatArray, FloatArray]:
    r"""Return mean and variance of the chance to rank better, ties half.

    With :math:`\theta = p' S q`, :math:`p \sim D(a)`, :math:`q \sim D(b)`, sums A and B,
    and :math:`S_{ij}` 1 above, 1/2 on and 0 below the diagonal:

    .. math:: E\theta^2 = \frac{(a'Sb)^2 + \sum_j b_j (a'S)_j^2 + \sum_i a_i (Sb)_i^2
              + \sum_{ij} a_i b_j S_{ij}^2}{A (A + 1) B (B + 1)}

    Parameters
    ----------
    experimental, control : (n_replicates, n_ranks) arrays
        Parameters of both Dirichlet distributions, above 0, from the worst rank to the best.
    """
    rank = np.arange(experimental.shape[1])
    score = (np.sign(rank[:, None] - rank) + 1) / 2
    total, other = experimental.sum(axis=1), control.sum(axis=1)
    ahead, behind = experimental @ score, control @ score.T
    product = (ahead * control).sum(axis=1)
    squares = (
        product**2
        + (control * ahead**2).sum(axis=1)
        + (experimental * behind**2).sum(axis=1)
        + ((experimental @ score**2) * control).sum(axis=1)
    )
    mean = product / (total * other)
    return mean, squares / (total * (total + 1) * other * (other + 1)) - mean**2

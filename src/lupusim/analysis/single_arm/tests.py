"""Tests of one arm that a scenario can name: its response rate against a fixed number."""

from __future__ import annotations

from dataclasses import field
from functools import lru_cache
from typing import ClassVar

import numpy as np

from lupusim.analysis.outcomes import BinaryOutcome
from lupusim.analysis.proportions.beta_binomial import (
    BetaPrior,
    posterior_effects,
    probability_above,
    told_priors,
    updated,
)
from lupusim.analysis.proportions.proportion import proportion_of
from lupusim.analysis.single_arm.designs import SimonDesign, binomial_p_values
from lupusim.analysis.verdicts import OPPOSITE
from lupusim.common.arrays import FloatArray, IntArray, read_only
from lupusim.common.frozen import dataclass
from lupusim.trial import Better, TestMethod, Verdict
from lupusim.trial.looks.stopping import TwoStageRule
from lupusim.trial.test_method import named_test

_LEVEL = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class RateTest(TestMethod):
    """A test of one arm's response rate: it knows what to say of any number of responders."""

    effect: ClassVar = "response rate"
    outcome: ClassVar = BinaryOutcome
    has_design: ClassVar = True
    n_arms: ClassVar = 1
    null_rate: float  # the rate that is to be beaten, strictly between 0 and 1

    def null_value(self, better: Better) -> float:
        """Return the rate that is to be beaten."""
        return self.null_rate

    def p_values(self, n: int, *, better: Better, sided: int) -> FloatArray:
        """Return the p-value of 0, 1, ..., `n` responders, shape (n + 1,); exact, binomial."""
        return _exact_p_values(self.null_rate, n, better, sided)

    def effects(self, n: int) -> FloatArray:
        """Return estimate, standard error, lower and upper end for each, shape (4, n + 1)."""
        return _observed_rates(n)

    def __call__(
        self, outcome: BinaryOutcome, *, better: Better, sided: int, stratum: IntArray
    ) -> Verdict:
        """Look every replicate up among all that can happen with its number of patients."""
        responders, n = (counts.astype(np.intp) for counts in outcome.counts(0))
        asked = ((better, sided), (better, 1), (OPPOSITE[better], 1), (better, 2))
        p_values, effects = np.ones((4, *n.shape)), np.empty((4, *n.shape))
        for size in np.unique(n).tolist():
            here = n == size
            found = [self.p_values(size, better=good, sided=sides) for good, sides in asked]
            p_values[:, here] = np.array(found)[:, responders[here]]
            effects[:, here] = self.effects(size)[:, responders[here]]
        names = ("p_value", "p_better", "p_worse", "p_two_sided")
        estimate, standard_error, lower, upper = effects
        return Verdict(
            **dict(zip(names, np.where(n == 0, 1.0, p_values), strict=True)),
            estimate=estimate,
            standard_error=standard_error,
            lower=lower,
            upper=upper,
            undefined=n == 0,
        )


def _exact_p_values(null_rate: float, n: int, better: Better, sided: int) -> FloatArray:
    if n == 0:
        return np.ones(1)
    row = 2 if sided == 2 else int(better is Better.MORE)  # less, greater, two-sided
    return np.asarray(binomial_p_values(n, null_rate)[row])


@lru_cache(maxsize=256)
def _observed_rates(n: int) -> FloatArray:
    """Return the observed rate with Clopper and Pearson's interval, shape (4, n + 1)."""
    found = proportion_of(np.arange(n + 1.0), np.full(n + 1, float(n)), level=_LEVEL)
    return read_only(
        np.array([found.estimate, found.standard_error, found.lower, found.upper], dtype=float)
    )


def _check_inside(**values: float) -> None:
    for name, value in values.items():
        if not 0 < value < 1:
            raise ValueError(f"{name}={value!r} must lie strictly between 0 and 1")


@named_test("exact_binomial")
@dataclass(frozen=True, slots=True, kw_only=True)
class ExactBinomialTest(RateTest):
    """Exact test of one arm's response rate; estimates the rate."""

    required: ClassVar = ("null_rate",)
    estimated_by: ClassVar = "the rate observed"
    null_rate: float = 0.5  # the rate that is to be beaten, strictly between 0 and 1

    def __post_init__(self) -> None:
        _check_inside(null_rate=self.null_rate)


@named_test("simon")
@dataclass(frozen=True, slots=True, kw_only=True)
class SimonTest(RateTest):
    """Simon's two stages: few responders in the first stop the trial; estimates the rate.

    The decision is by the bounds of :class:`TwoStages` alone. The p-value is that of the exact
    binomial test of all patients of the look, as if there were no other look.

    Parameters
    ----------
    null_rate, alternative_rate : float
        Uninteresting and desirable response rate, 0 < null < alternative < 1.
    first_responders, first_patients : int
        Stop if at most so many of the first patients respond.
    responders, patients : int
        Give up if at most so many of all patients respond.
    """

    required: ClassVar = ("null_rate", "alternative_rate")
    estimated_by: ClassVar = "the rate observed"
    null_rate: float = 0.1
    alternative_rate: float = 0.3
    first_responders: int = 1
    first_patients: int = 10
    responders: int = 5
    patients: int = 29

    def __post_init__(self) -> None:
        _check_inside(null_rate=self.null_rate, alternative_rate=self.alternative_rate)
        if not self.null_rate < self.alternative_rate:
            raise ValueError(
                f"alternative_rate={self.alternative_rate!r} must be above "
                f"null_rate={self.null_rate!r}"
            )
        if not 0 < self.first_patients < self.patients:
            raise ValueError(
                f"first_patients={self.first_patients!r} must be above 0 and below "
                f"patients={self.patients!r}"
            )
        if not 0 <= self.first_responders <= min(self.responders, self.first_patients - 1):
            raise ValueError(
                f"first_responders={self.first_responders!r} must be 0 or above, below "
                f"first_patients, and at most responders={self.responders!r}"
            )
        if not self.responders < self.patients:
            raise ValueError(
                f"responders={self.responders!r} must be below patients={self.patients!r}"
            )

    @classmethod
    def of(cls, design: SimonDesign, null_rate: float, alternative_rate: float) -> SimonTest:
        """Return the test of a design that was found."""
        return cls(
            null_rate=null_rate,
            alternative_rate=alternative_rate,
            first_responders=design.first_responders,
            first_patients=design.first_n,
            responders=design.responders,
            patients=design.n,
        )

    @property
    def two_stages(self) -> TwoStages:
        """The rule by which the trial stops."""
        return TwoStages(
            null_rate=self.null_rate,
            first_responders=self.first_responders,
            first_patients=self.first_patients,
            responders=self.responders,
            n_patients=self.patients,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoStages(TwoStageRule):
    """Stopping rule of Simon's design on the z scale of the exact binomial test."""

    gives_up: ClassVar[bool] = True  # after the first stage

    null_rate: float  # response rate under the null hypothesis
    first_responders: int
    first_patients: int
    responders: int
    """`first_responders`, `first_patients` and `responders`: see :class:`SimonTest`."""
    n_patients: int  # patients in all; the trial must enroll as many

    def bounds(self, information: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return efficacy and futility bounds on the z scale: half-way between two counts."""
        efficacy = np.full(information.shape, np.inf)
        futility = np.full(information.shape, -np.inf)
        futility[:, 0] = self._between(self.first_patients, self.first_responders)
        efficacy[:, -1] = self._between(self.n_patients, self.responders)
        return efficacy, futility

    @property
    def fixed_size(self) -> int:
        """Patients in all."""
        return self.n_patients

    def _between(self, n: int, responders: int) -> float:
        from scipy.special import ndtri

        p_value = _exact_p_values(self.null_rate, n, Better.MORE, 1)
        return float(-ndtri(p_value[responders : responders + 2].mean()))


@named_test("posterior_probability")
@dataclass(frozen=True, slots=True, kw_only=True)
class PosteriorProbabilityTest(RateTest):
    """Success where the rate probably beats a fixed one; estimates the posterior mean.

    The p-value is the posterior probability of the contrary, so the analysis is at the level
    1 - `threshold`. The interval is the mean with 1.96 standard deviations of the posterior.
    """

    required: ClassVar = ("null_rate", "threshold")
    estimated_by: ClassVar = "posterior mean"
    one_look_only: ClassVar = True
    null_rate: float = 0.5  # the rate that is to be beaten, strictly between 0 and 1
    threshold: float = 0.95
    """Posterior probability of beating it that is a success, strictly between 0 and 1."""
    prior: BetaPrior = field(default_factory=BetaPrior)
    """Of the response rate, with what is borrowed."""

    def __post_init__(self) -> None:
        _check_inside(null_rate=self.null_rate, threshold=self.threshold)

    @property
    def prior_words(self) -> dict[str, str]:
        """Its prior, where that knows something."""
        return told_priors(prior=self.prior)

    def p_values(self, n: int, *, better: Better, sided: int) -> FloatArray:
        """Return what is left of the posterior for 0, 1, ..., `n` responders, shape (n + 1,)."""
        above = _probabilities_above(self.prior, n, self.null_rate)
        p_value = 1 - above if better is Better.MORE else above
        return 2 * np.minimum(above, 1 - above) if sided == 2 else p_value

    def effects(self, n: int) -> FloatArray:
        """Return mean, standard deviation, lower and upper end for each, shape (4, n + 1)."""
        return posterior_effects(self.prior, n)


@lru_cache(maxsize=256)
def _probabilities_above(prior: BetaPrior, n: int, bound: float) -> FloatArray:
    return read_only(
        np.array([probability_above(updated(prior, x, n), bound) for x in range(n + 1)])
    )

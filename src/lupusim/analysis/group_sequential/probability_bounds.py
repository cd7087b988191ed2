"""Bounds by what a look makes likely: posterior probability, conditional or predictive power."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import field
from typing import ClassVar, Protocol

import numpy as np

from lupusim.analysis.group_sequential import (
    DriftBelief,
    EfficacyRule,
    z_from_conditional_power,
    z_from_predictive_power,
)
from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.trial.looks import StoppingRule

_EDGE = 1e-6  # of the information fraction: before it, nothing is known
_MOST = 1 - _EDGE  # with all information, power is 1 above the last bound and 0 below


def z_from_posterior(
    probability: float, fraction: FloatArray, belief: DriftBelief, *, drift: float = 0.0
) -> FloatArray:
    r"""Return the z at which the drift exceeds a value with a posterior probability.

    With a normal belief of mean :math:`\mu` and precision :math:`\rho` on the drift (the
    expected z at the planned information), the posterior after a fraction t is normal with
    mean :math:`(\rho\mu + z\sqrt t)/(\rho + t)` and precision :math:`\rho + t`.

    Parameters
    ----------
    probability : float
        Between 0 and 1.
    fraction : array
        Information fraction, above 0.
    belief : DriftBelief
        Before the trial; an infinite sd knows nothing.
    drift : float
        What is to be exceeded.

    References
    ----------
    Spiegelhalter, Freedman and Parmar (1994), *Journal of the Royal Statistical Society A*
    157:357.

    Examples
    --------
    >>> z_from_posterior(0.975, np.array([0.5, 1.0]), DriftBelief()).round(4).tolist()
    [1.96, 1.96]
    """
    from scipy.special import ndtri

    precision = 1 / belief.sd**2
    t = np.asarray(fraction, dtype=float)
    above = drift * (precision + t) + ndtri(probability) * np.sqrt(precision + t)
    z: FloatArray = (above - precision * belief.mean) / np.sqrt(t)
    return z


def _checked(**probabilities: float) -> None:
    for name, value in probabilities.items():
        if not 0 < value < 1:
            raise ValueError(f"{name}={value!r} must lie between 0 and 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class PosteriorEfficacy(StoppingRule):
    """Success where the posterior probability of a benefit reaches a level.

    Nothing is spent: the type I error is what a simulation says it is.
    """

    probability: float
    looks: tuple[int, ...] = ()  # looks that may succeed, counted from 1; empty for all
    belief: DriftBelief = field(default_factory=DriftBelief)
    """On the expected z at the planned information."""

    def __post_init__(self) -> None:
        _checked(probability=self.probability)

    def bounds(self, information: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return efficacy and futility bounds on the z scale, shape of `information`."""
        held = information > 0
        z = z_from_posterior(self.probability, np.where(held, information, 1.0), self.belief)
        looks = np.arange(1, information.shape[1] + 1)
        tested = held & (np.isin(looks, self.looks) if self.looks else True)
        return np.where(tested, z, np.inf), np.full(information.shape, -np.inf)

    def problems_of_many(self) -> Iterator[tuple[str, str]]:
        """Yield that its level is no share of alpha."""
        yield (
            "a posterior probability is no share of alpha, and each hypothesis has one",
            "Give 'spending', 'z' or 'p' at the looks.",
        )


class Measure(Protocol):
    """What a futility level is a level of."""

    def z(self, level: float, fraction: FloatArray, final_bound: FloatArray) -> FloatArray:
        """Return the z at which the measure has a level, at fractions above 0."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionalPower:
    """Probability that the last look rejects, at the trend seen or at an assumed drift."""

    drift: float | None = None

    def z(self, level: float, fraction: FloatArray, final_bound: FloatArray) -> FloatArray:
        """Return the z with this conditional power."""
        begun = np.minimum(fraction, _MOST)
        return z_from_conditional_power(level, begun, bound=final_bound, drift=self.drift)


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictivePower:
    """Probability that the last look rejects, averaged over a belief and what was seen."""

    belief: DriftBelief = field(default_factory=DriftBelief)

    def z(self, level: float, fraction: FloatArray, final_bound: FloatArray) -> FloatArray:
        """Return the z with this predictive power."""
        begun = np.minimum(fraction, _MOST)
        return z_from_predictive_power(level, begun, bound=final_bound, belief=self.belief)


@dataclass(frozen=True, slots=True, kw_only=True)
class Posterior:
    """Posterior probability of a benefit."""

    belief: DriftBelief = field(default_factory=DriftBelief)

    def z(self, level: float, fraction: FloatArray, final_bound: FloatArray) -> FloatArray:
        """Return the z with this posterior probability."""
        return z_from_posterior(level, fraction, self.belief)


@dataclass(frozen=True, slots=True, kw_only=True)
class WithFutility(StoppingRule):
    """Give up where what is still likely falls to a level; never binding for the efficacy.

    Raises
    ------
    ValueError
        If a level does not lie between 0 and 1.
    """

    gives_up: ClassVar[bool] = True  # it does

    rule: StoppingRule  # gives the efficacy bounds
    measure: Measure  # what the levels are levels of
    levels: dict[int, float]  # level at looks, counted from 1; the last look has none

    def __post_init__(self) -> None:
        for level in self.levels.values():
            _checked(level=level)

    def bounds(self, information: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return efficacy and futility bounds on the z scale, shape of `information`."""
        efficacy, futility = self.rule.bounds(information)
        futility = futility.copy()
        final = np.where(np.isfinite(efficacy[:, -1]), efficacy[:, -1], 10.0)
        for look, level in self.levels.items():
            fraction = information[:, look - 1]
            begun = fraction > _EDGE
            z = self.measure.z(level, np.where(begun, fraction, 0.5), final)
            here = np.where(begun, z, -np.inf)
            futility[:, look - 1] = np.minimum(
                np.maximum(futility[:, look - 1], here), efficacy[:, look - 1]
            )
        return efficacy, futility

    @property
    def efficacy_rule(self) -> EfficacyRule | None:
        """That of its rule."""
        return self.rule.efficacy_rule

    def problems_of_many(self) -> Iterator[tuple[str, str]]:
        """Yield what its rule says."""
        yield from self.rule.problems_of_many()

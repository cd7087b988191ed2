"""What one believes of a treatment effect before the trial has been held."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import field, replace
from functools import singledispatch
from statistics import NormalDist
from typing import Protocol

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.trial import Arm, Trial

STATED = 1.0
NONE = 0.0


class EffectPrior(Protocol):
    """A prior for the strength of the effects, on the scale of log hazard ratios."""

    def strengths(self, stated: float, n_draws: int, *, rng: np.random.Generator) -> FloatArray:
        """Return draws of the strength, shape (n_draws,).

        1 is the effect as the trial states it, 0 none at all; with several effects all log
        hazard ratios are multiplied by the strength.

        Parameters
        ----------
        stated : float
            Log hazard ratio of the first effect that the trial states; NaN without one.
        n_draws : int
            How many.
        rng : numpy.random.Generator
            The stream for them.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedEffect:
    """The effect is what the trial states, for certain."""

    def strengths(self, stated: float, n_draws: int, *, rng: np.random.Generator) -> FloatArray:
        """Return 1 for every draw."""
        del stated, rng
        return np.full(n_draws, STATED)


@dataclass(frozen=True, slots=True, kw_only=True)
class NormalEffect:
    """A normal prior for the log hazard ratio of the trial's first effect.

    Raises
    ------
    ValueError
        If a number is not finite or `sd` is below 0.

    References
    ----------
    Spiegelhalter, Freedman and Parmar (1994), *JRSS A* 157:357.
    """

    mean: float
    sd: float
    """`mean` and `sd`: of the log hazard ratio."""

    def __post_init__(self) -> None:
        if not math.isfinite(self.mean):
            raise ValueError(f"mean={self.mean!r} must be a finite number")
        if not (math.isfinite(self.sd) and self.sd >= 0):
            raise ValueError(f"sd={self.sd!r} must be 0 or above")

    def strengths(self, stated: float, n_draws: int, *, rng: np.random.Generator) -> FloatArray:
        """Return draws of the log hazard ratio over the stated one, shape (n_draws,)."""
        if not (math.isfinite(stated) and stated != 0):
            raise ValueError(
                "a prior for a hazard ratio needs an effect with a hazard ratio other than 0 and "
                "1 to start from. For an arm that follows a model of its own give draws of the "
                "model, a prior with a point at no effect, or a further hazard ratio on some of "
                "its transitions"
            )
        return (self.mean + self.sd * rng.standard_normal(n_draws)) / stated


@dataclass(frozen=True, slots=True, kw_only=True)
class OrNoEffect:
    """No effect at all with some probability, else another prior.

    Raises
    ------
    ValueError
        If the probability is not from 0 to 1.
    """

    probability: float  # of no effect: the experimental arm fares as the control
    otherwise: EffectPrior = field(default_factory=StatedEffect)
    """Default: the effect that the trial states."""

    def __post_init__(self) -> None:
        if not 0 <= self.probability <= 1:
            raise ValueError(f"probability={self.probability!r} must lie from 0 to 1")

    def strengths(self, stated: float, n_draws: int, *, rng: np.random.Generator) -> FloatArray:
        """Return 0 for about that share of the draws, evenly, and the other prior's elsewhere."""
        positions = (rng.permutation(n_draws) + rng.random(n_draws)) / n_draws
        others = self.otherwise.strengths(stated, n_draws, rng=rng)
        return np.where(positions < self.probability, NONE, others)


@dataclass(frozen=True, slots=True, kw_only=True)
class StrengthLaw:
    """The law of a strength: points, and a normal distribution of what is left."""

    points: Mapping[float, float]  # probabilities of single strengths, above 0
    mean: float = 0.0
    sd: float = 0.0
    """`mean` and `sd`: of the rest, if there is any."""

    @property
    def rest(self) -> float:
        """Probability of no point."""
        return 1 - math.fsum(self.points.values()) if self.sd else 0.0


@singledispatch
def strength_law(prior: object, stated: float) -> StrengthLaw | None:
    """Return the law that a prior's strengths are drawn from; None where draws alone are known.

    Parameters
    ----------
    prior : EffectPrior
        One of another program's is known by its draws.
    stated : float
        As for :class:`EffectPrior`, which has been asked for strengths before.
    """
    del prior, stated
    return None


@strength_law.register
def _(prior: StatedEffect, stated: float) -> StrengthLaw:
    del prior, stated
    return StrengthLaw(points={STATED: 1.0})


@strength_law.register
def _(prior: NormalEffect, stated: float) -> StrengthLaw:
    mean = prior.mean / stated
    if prior.sd == 0:
        return StrengthLaw(points={mean: 1.0})
    return StrengthLaw(points={}, mean=mean, sd=prior.sd / abs(stated))


@strength_law.register
def _(prior: OrNoEffect, stated: float) -> StrengthLaw | None:
    others = strength_law(prior.otherwise, stated)
    if others is None:
        return None
    share = 1 - prior.probability
    points = {strength: share * p for strength, p in others.points.items()}
    points[NONE] = points.get(NONE, 0.0) + prior.probability
    return replace(others, points={strength: p for strength, p in points.items() if p > 0})


def sceptical(
    estimate: float,
    standard_error: float,
    *,
    weight: float,
    worthwhile: float,
    tail: float = 0.05,
) -> NormalEffect:
    """Return the prior of a sceptic who has seen an uncontrolled study.

    Before the study, the sceptic holds a normal prior around no effect that leaves a
    probability of `tail` beyond the worthwhile effect. The study's likelihood then counts
    with a power `weight` below 1, since it had no control arm.

    Parameters
    ----------
    estimate, standard_error : float
        The study's log hazard ratio, and its standard error (above 0).
    weight : float
        From 0 (the study is ignored) to 1 (as good as a randomized one).
    worthwhile : float
        Log hazard ratio of a worthwhile effect; not 0.
    tail : float
        Prior probability of at least that effect, below one half.

    Returns
    -------
    NormalEffect
        The posterior, in closed form.

    Raises
    ------
    ValueError
        If a number is out of its range.

    References
    ----------
    Spiegelhalter, Freedman and Parmar (1994), *JRSS A* 157:357: sceptical prior. Ibrahim and
    Chen (2000), *Statistical Science* 15:46: power prior.

    Examples
    --------
    >>> half = sceptical(-0.5, 0.2, weight=0.5, worthwhile=-0.3)
    >>> round(half.mean, 3), round(half.sd, 3)
    (-0.147, 0.153)
    """
    if not (math.isfinite(estimate) and standard_error > 0):
        raise ValueError(f"{estimate=} must be finite and {standard_error=} above 0")
    if not (0 <= weight <= 1 and worthwhile != 0 and 0 < tail < 0.5):
        raise ValueError(
            f"{weight=} must lie from 0 to 1, {worthwhile=} must not be 0, {tail=} below 0.5"
        )
    sceptic = abs(worthwhile) / NormalDist().inv_cdf(1 - tail)
    precision = sceptic**-2 + weight * standard_error**-2
    mean = weight * standard_error**-2 * estimate / precision
    return NormalEffect(mean=mean, sd=precision**-0.5)


def experimental(trial: Trial) -> tuple[Arm, ...]:
    """Return the arms whose effects are unsure: all but the control, or the only one."""
    return tuple(trial.arms[1:] or trial.arms)


def stated_log_ratio(trial: Trial) -> float:
    """Return the log hazard ratio of the first effect of an experimental arm; NaN without one."""
    effects = [effect for arm in experimental(trial) for effect in arm.effects]
    if not effects:
        return math.nan
    ratio = effects[0].hazard_ratio
    return math.log(ratio) if ratio > 0 else -math.inf


def with_strength(trial: Trial, strength: float) -> Trial:
    """Return the trial with the effects of all experimental arms as strong as that.

    Raises
    ------
    ValueError
        If an arm follows a model of its own without any effect on top, and the strength is
        neither 0 nor 1: what lies between two models is not defined. If the strength is 0 and a
        single arm is compared with a rate: how its patients fare without an effect is not stated.
    """
    if strength == STATED:
        return trial
    if strength == NONE:
        return trial.null_twin()
    control, others = trial.arms[0], experimental(trial)
    scaled = (_scaled(arm, control, strength) for arm in others)
    return replace(trial, arms=(*trial.arms[: -len(others)], *scaled))


def _scaled(arm: Arm, control: Arm, strength: float) -> Arm:
    if arm.model != control.model and not arm.effects:
        raise ValueError(
            f"arm {arm.name!r} follows a model of its own, whose effect cannot be "
            f"scaled by {strength:.3g}; give draws of the model"
        )
    return replace(arm, effects=tuple(effect.raised(strength) for effect in arm.effects))

"""A belief about the effect that is stated by each trial: around its own hazard ratio."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.planning.assurance.effect_priors import (
    EffectPrior,
    NormalEffect,
    StrengthLaw,
    strength_law,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AroundStated:
    """A prior that follows what a trial states: of designs that differ in that, each its own."""

    prior: Callable[[float], EffectPrior]  # by the log hazard ratio that the trial states

    def strengths(self, stated: float, n_draws: int, *, rng: np.random.Generator) -> FloatArray:
        """Return draws of the strength, shape (n_draws,), as :class:`EffectPrior` has them."""
        return self.prior(stated).strengths(stated, n_draws, rng=rng)


@strength_law.register
def _(prior: AroundStated, stated: float) -> StrengthLaw | None:
    return strength_law(prior.prior(stated), stated)


def normal_around(stated: float, *, sd: float) -> NormalEffect:
    """Return a normal prior around what a trial states, of that standard deviation."""
    return NormalEffect(mean=stated, sd=sd)

"""What one is unsure of: the model's parameters, the effect, and what an effect is worth."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field, replace
from typing import Protocol

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.common.rng import stream
from lupusim.model import Edge, MultiStateModel, TreatmentEffect
from lupusim.planning.assurance.effect_priors import (
    EffectPrior,
    NormalEffect,
    StatedEffect,
    experimental,
    stated_log_ratio,
    with_strength,
)
from lupusim.planning.runs.replicates import derived_seed, tested
from lupusim.trial import Trial
from lupusim.trial.endpoints import Better

_Share = Callable[[MultiStateModel, Mapping[str, float]], float]

Gain = Callable[[Trial], float]
"""What a trial's experimental treatment is truly worth to a patient, above 0 if it helps."""
_DRAWS_PER_BLOCK = 50


class TrialDraws(Protocol):
    """Draws of what is not known for certain, each of which makes another truth of a trial."""

    def trial(self, number: int, base: Trial) -> Trial:
        """Return `base` under the draw of that number, 0 or above; any number will do."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelDraws:
    """Equally likely models for the arms that follow one model, as from a posterior.

    Raises
    ------
    ValueError
        If there is no draw, or no arm follows the model.
    """

    name: str  # name of the model that they stand for, as the arms of the trial name it
    models: Sequence[MultiStateModel]  # draws; after the last the first is used again
    first: int = 0  # number of the first draw

    def __post_init__(self) -> None:
        if not self.models:
            raise ValueError(f"there is no draw of model {self.name!r}")

    def trial(self, number: int, base: Trial) -> Trial:
        """Return the trial whose arms follow the draw of that number."""
        if all(arm.model.name != self.name for arm in base.arms):
            names = " and ".join(arm.model.name for arm in base.arms)
            raise ValueError(f"the draws are of {self.name!r}, but the arms follow {names}")
        model = self._model(number)
        if model.name != self.name:
            model = replace(model, name=self.name)
        arms = tuple(
            replace(arm, model=model) if arm.model.name == self.name else arm for arm in base.arms
        )
        return replace(base, arms=arms)

    def _model(self, number: int) -> MultiStateModel:
        return self.models[(number - self.first) % len(self.models)]

    def only(self, numbers: range) -> ModelDraws:
        """Return the draws of these numbers alone, which are less to send to a worker."""
        models = tuple(self._model(number) for number in numbers)
        return replace(self, models=models, first=numbers.start)


@dataclass(frozen=True, slots=True, kw_only=True)
class FurtherRatio:
    """A normal prior for the log of a further hazard ratio of every experimental arm.

    For arms that follow a model of their own, whose effect is no hazard ratio: the ratio is
    put on top of the model and of what the arm states.


    Raises
    ------
    ValueError
        If a number is out of its range, or an experimental arm has no such transition.
    """

    on: tuple[Edge, ...]  # transitions whose hazard is multiplied
    mean: float = 0.0
    sd: float
    """`mean` and `sd`: of the log hazard ratio; a mean of 0 leaves the stated truth in the
    middle."""
    seed: int  # of the draws

    def __post_init__(self) -> None:
        NormalEffect(mean=self.mean, sd=self.sd)  # checks the numbers

    def trial(self, number: int, base: Trial) -> Trial:
        """Return the trial with the ratio of that number on every experimental arm."""
        rng = stream(self.seed, "further hazard ratio", number)
        ratio = math.exp(self.mean + self.sd * rng.standard_normal())
        effect = TreatmentEffect(on=self.on, hazard_ratio=ratio)
        others = experimental(base)
        for arm in others:
            known = {(t.from_state, t.to_state) for t in arm.model.transitions}
            if unknown := set(self.on) - known:
                raise ValueError(
                    f"arm {arm.name!r} has no transition {' -> '.join(min(unknown))!r}; it has "
                    + ", ".join(" -> ".join(edge) for edge in sorted(known))
                )
        treated = (replace(arm, effects=(*arm.effects, effect)) for arm in others)
        return replace(base, arms=(*base.arms[: -len(others)], *treated))


def draws_by_block(n_draws: int) -> list[range]:
    """Return the numbers of the draws of each block, 50 of each but the last."""
    begins = range(0, n_draws, _DRAWS_PER_BLOCK)
    return [range(begin, min(begin + _DRAWS_PER_BLOCK, n_draws)) for begin in begins]


@dataclass(frozen=True, slots=True, kw_only=True)
class Beliefs:
    """All that one is unsure of; a number and a seed make one truth of it."""

    draws: tuple[TrialDraws, ...] = ()
    """Applied one after the other; empty where the models are taken as certain."""
    effect: EffectPrior = field(default_factory=StatedEffect)
    """Default: the stated effect, for certain."""

    @property
    def are_certain(self) -> bool:
        """Whether nothing is unsure: all is as stated in every draw."""
        return not self.draws and self.effect == StatedEffect()

    def only(self, numbers: range) -> Beliefs:
        """Return what makes the truths of these numbers, and no more."""
        kept = (d.only(numbers) if isinstance(d, ModelDraws) else d for d in self.draws)
        return replace(self, draws=tuple(kept))

    def strengths(self, trial: Trial, n_draws: int, *, seed: int) -> FloatArray:
        """Return the strengths of the effect in so many truths, shape (n_draws,)."""
        rng = stream(derived_seed(seed, "beliefs"), "effect")
        return self.effect.strengths(stated_log_ratio(trial), n_draws, rng=rng)

    def truth(self, trial: Trial, number: int, strength: float) -> Trial:
        """Return the trial under the truth of that number."""
        tested(trial)
        for draws in self.draws:
            trial = draws.trial(number, trial)
        return with_strength(trial, strength)


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseGain:
    """Gain in the true probability of the primary response, from the exact solution.

    Dropout is left out: it is the treatment's worth, not the trial's.
    """

    def __call__(self, trial: Trial) -> float:
        """Return the best experimental arm minus control, or the reverse if fewer are better."""
        from lupusim.engines.exact import solve

        endpoint = trial.primary.response_at_visit
        if endpoint is None:
            raise ValueError("the primary endpoint is no response at a visit; use EventsAvoided")
        member = np.isin(trial.states, endpoint.states)

        def share(model: MultiStateModel, ratios: Mapping[str, float]) -> float:
            return float(solve(model, [endpoint.at], covariates=ratios).probabilities[0] @ member)

        return _best_gain(trial, endpoint.better, share)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsAvoided:
    """Gain in the true probability of the primary event by a study time, exactly."""

    by: float  # study time, years

    def __call__(self, trial: Trial) -> float:
        """Return control minus the best experimental arm, or the reverse if more are better."""
        from lupusim.engines.exact import ever

        endpoint = trial.primary.time_of_event
        if endpoint is None or endpoint.origin:
            raise ValueError("the primary endpoint is no event counted from randomization")

        def share(model: MultiStateModel, ratios: Mapping[str, float]) -> float:
            return float(np.ravel(ever(model, endpoint.events, [self.by], covariates=ratios))[0])

        return _best_gain(trial, endpoint.better, share)


def _best_gain(trial: Trial, better: Better, share: _Share) -> float:
    """Return the best experimental arm minus control, or the reverse if fewer are better.

    Raises
    ------
    ValueError
        If there is no control.
    NoExactSolutionError
        If patients differ in ways that the exact engine does not know.
    """
    from lupusim.planning.assurance.patients import mean_over_patients

    control, *others = (mean_over_patients(trial, arm, share) for arm in trial.arms)
    if not others:
        raise ValueError("a single arm has no control, and without one no true gain is known")
    return max(better.value * (other - control) for other in others)

"""What the posterior of a fit predicts for every target, and what the prior has to do with it."""

from __future__ import annotations

import numpy as np

from lupusim.calibration.checking.predictive import (
    SENSITIVE,
    PredictiveCheck,
    contraction,
    power_scaling,
    predictive_checks,
)
from lupusim.calibration.fit import Fit
from lupusim.calibration.posterior.draws import Draws
from lupusim.calibration.prediction.renewal import N_PANELS
from lupusim.calibration.prediction.stays import StayFamily
from lupusim.calibration.targets.counts import total_questions
from lupusim.calibration.targets.replication import replicate_measure, whole_rows
from lupusim.common.arrays import BoolArray, FloatArray
from lupusim.common.frozen import dataclass
from lupusim.common.rng import stream

_DECIDED = 0.1  # contraction below which the targets have hardly spoken
_SURPRISING = 0.05
_N_DRAWS = 2000
_NOISE = 2 * (_SURPRISING * (1 - _SURPRISING) / _N_DRAWS) ** 0.5  # of a p-value by as many draws
_LIMITS = np.array([0.025, 0.5, 0.975])


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetCheck:
    """A published number beside what the posterior predicts that such a study would publish."""

    study: str
    target: str
    cell: str
    """`study`, `target` and `cell`: which."""
    is_held_out: bool  # whether the target took no part in the fit
    check: PredictiveCheck  # observed, predicted median and 95 % interval, mid p-value, z


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorCheck:
    """One parameter before and after the targets were seen."""

    parameter: str  # its name
    prior: tuple[float, float, float]
    posterior: tuple[float, float, float]
    """`prior` and `posterior`: 2.5 %, 50 % and 97.5 % quantiles on the natural scale."""
    contraction: float  # 1 - posterior variance / prior variance, on the log or logit scale
    to_prior: float
    to_targets: float
    """`to_prior` and `to_targets`: power-scaling sensitivities (Kallioinen et al. 2024); above 0.05
    they matter."""

    @property
    def words(self) -> str:
        """What that means."""
        if self.contraction < _DECIDED:
            return "the prior decides"
        if self.to_prior > SENSITIVE:
            return "the prior matters" if self.to_targets > SENSITIVE else "the prior decides"
        return "the targets decide"


def joint_verdict(by_profile: str, check: PriorCheck) -> str:
    """Return one verdict on a parameter, from its profile and from its posterior.

    Parameters
    ----------
    by_profile : str
        What the targets alone say.
    check : PriorCheck
        What the prior has to do with the posterior.
    """
    if by_profile.startswith("identified") and check.words == "the prior decides":
        return "limits on both sides, but so wide that in the posterior the prior decides"
    return f"{by_profile}; in the posterior {check.words}"


def check_targets(fit: Fit) -> tuple[TargetCheck, ...]:
    """Return the posterior predictive check of every target, the held-out ones last.

    For every draw each study is done once more with as many patients as it had.

    Raises
    ------
    ValueError
        If the fit has no draws.
    """
    draws = _draws(fit)
    likelihood = fit.likelihood
    pairs = (*likelihood.targets, *likelihood.checks)
    rng = stream(fit.seed, "calibration", "predictive check")
    free = draws.resample(_N_DRAWS, rng=rng)
    questions = total_questions([target.measure for _, target in pairs])
    index = {question: k for k, question in enumerate(questions)}
    family = StayFamily(likelihood.free_model, questions, n_panels=N_PANELS)
    # SPEED: of weighted draws many come up again.
    once, which = np.unique(free, axis=0, return_inverse=True)
    answers = family.answers(once)[which]
    found: list[TargetCheck] = []
    for k, (study, target) in enumerate(pairs):
        measure = target.measure
        expected = measure.expected(answers[:, [index[q] for q in measure.questions]])
        rows = whole_rows(measure.labels)
        checks = predictive_checks(
            measure.observed[rows],
            replicate_measure(measure, expected, rng=rng)[:, rows],
            weights=np.ones(_N_DRAWS),
            names=[measure.labels[row] for row in rows],
        )
        found += [
            TargetCheck(
                study=study.name,
                target=target.name,
                cell=check.target,
                is_held_out=k >= len(likelihood.targets),
                check=check,
            )
            for check in checks
        ]
    return tuple(found)


def check_words(checks: tuple[TargetCheck, ...]) -> tuple[str, ...]:
    """Return which targets surprise the posterior."""
    odd = [one for one in checks if one.check.mid_p_value < _SURPRISING - _NOISE]
    n_held = sum(one.is_held_out for one in checks)
    said = (
        f"Posterior predictive check: {len(odd)} of {len(checks)} published numbers "
        f"({n_held} of them held out) have a mid p-value below {_SURPRISING}"
    )
    names = "; ".join(
        f"{one.study}, {one.target}, {one.cell}: observed {one.check.observed:g}, predicted "
        f"{one.check.median:g} ({one.check.lower:g} to {one.check.upper:g}), "
        f"{_p_words(one.check.mid_p_value)}{', held out' if one.is_held_out else ''}"
        for one in odd
    )
    return (f"{said}{': ' + names if names else ''}.",)


def _p_words(p_value: float) -> str:
    """Return a p-value, no smaller than as many draws can tell."""
    least = 1 / _N_DRAWS
    return f"p below {least:g}" if p_value < least else f"p = {p_value:.2g}"


def check_priors(fit: Fit) -> tuple[PriorCheck, ...]:
    """Return prior beside posterior for every parameter.

    Raises
    ------
    ValueError
        If the fit has no draws.
    """
    draws, model = _draws(fit), fit.likelihood.free_model
    narrower = contraction(model.prior_sd**2, draws)
    # What lies beyond the bounds of the search has no weight, and its density is not asked.
    used = draws.weights > 0
    to_prior, to_targets = np.zeros(used.size), np.zeros(used.size)
    to_prior[used] = fit.likelihood.log_prior(draws.values[used])
    to_targets[used] = _log_posterior(fit, used) - to_prior[used]
    by_prior = power_scaling(draws, to_prior).sensitivity
    by_targets = power_scaling(draws, to_targets).sensitivity
    posterior = model.natural(draws.quantile(_LIMITS))
    prior = model.natural(_prior_quantiles(model.prior_mean, model.prior_sd))
    return tuple(
        PriorCheck(
            parameter=name,
            prior=_three(prior[:, k]),
            posterior=_three(posterior[:, k]),
            contraction=float(narrower[k]),
            to_prior=float(by_prior[k]),
            to_targets=float(by_targets[k]),
        )
        for k, name in enumerate(model.names)
    )


def _log_posterior(fit: Fit, used: BoolArray) -> FloatArray:
    """Return the log posterior at some draws, as their sampler found it."""
    draws = _draws(fit)
    if draws.heights is None:
        return fit.likelihood.log_posterior(draws.values[used])
    return draws.heights[used]


def _draws(fit: Fit) -> Draws:
    if fit.draws is None:
        raise ValueError("there are no draws to check. Calibrate with n_draws above 0")
    return fit.draws


def _prior_quantiles(mean: FloatArray, sd: FloatArray) -> FloatArray:
    from scipy.special import ndtri

    return np.asarray(mean + ndtri(_LIMITS)[:, None] * sd)


def _three(values: FloatArray) -> tuple[float, float, float]:
    low, middle, high = values.tolist()
    return low, middle, high

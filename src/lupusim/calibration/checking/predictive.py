"""What a posterior predicts, how it fits the counts, and what the prior has to do with it."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from lupusim.calibration.posterior.draws import Draws
from lupusim.calibration.posterior.pareto import smooth_weights
from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass

SENSITIVE = 0.05
"""Power-scaling sensitivity from which a component matters (Kallioinen et al. 2024)."""

_WEAKER, _STRONGER = 0.8, 1.25


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictiveCheck:
    """One observed number beside what the fitted model predicts for it."""

    target: str
    observed: float  # in the target's own unit: a count for counts
    median: float
    lower: float
    upper: float
    """`median`, `lower` and `upper`: of the predictive distribution."""
    mid_p_value: float
    """Two-sided: twice the smaller tail, with half the probability of the observed number itself.
    Small where the model cannot have made the observation."""
    z: float
    """(observed - predictive mean) / predictive standard deviation; ``nan`` where the prediction
    does not vary."""


def predictive_checks(
    observed: FloatArray,
    predicted: FloatArray,
    *,
    weights: FloatArray,
    names: Sequence[str],
    level: float = 0.95,
) -> tuple[PredictiveCheck, ...]:
    """Compare each observed number with its posterior predictive distribution.

    Parameters
    ----------
    observed : (n_targets,) array
    predicted : (n_draws, n_targets) array
        One replicated observation (not its expectation) for each posterior draw.
    weights : (n_draws,) array
        Of the draws, as in `Draws.weights`.
    names : sequence of str
        Of the targets.
    level : float
        Of the interval, between 0 and 1.

    Raises
    ------
    ValueError
        If the shapes do not agree or `level` is not between 0 and 1.

    References
    ----------
    Gelman, Meng and Stern (1996), Statistica Sinica 6:733-807; mid p-value: Lancaster
    (1961), Journal of the American Statistical Association 56:223-234.
    """
    if predicted.shape != (weights.size, observed.size) or len(names) != observed.size:
        raise ValueError(
            f"predicted of shape {predicted.shape} must be (n_draws, n_targets) = "
            f"({weights.size}, {observed.size}), with {len(names)} names"
        )
    if not 0 < level < 1:
        raise ValueError(f"level={level!r} must lie between 0 and 1")
    share = weights / weights.sum()
    probabilities = np.array([(1 - level) / 2, 0.5, (1 + level) / 2])
    lower, median, upper = (
        _step_quantile(predicted, share, probability) for probability in probabilities
    )
    below = share @ (predicted < observed) + share @ (predicted == observed) / 2
    mean = share @ predicted
    deviation = np.sqrt(share @ np.square(predicted - mean))
    z = np.divide(observed - mean, deviation, where=deviation > 0, out=np.full_like(mean, math.nan))
    return tuple(
        PredictiveCheck(
            target=name,
            observed=float(observed[j]),
            median=float(median[j]),
            lower=float(lower[j]),
            upper=float(upper[j]),
            mid_p_value=float(np.clip(2 * min(below[j], 1 - below[j]), 0.0, 1.0)),
            z=float(z[j]),
        )
        for j, name in enumerate(names)
    )


def _step_quantile(values: FloatArray, share: FloatArray, probability: float) -> FloatArray:
    """Return the smallest value of each column that reaches `probability`: counts stay counts."""
    order = np.argsort(values, axis=0, kind="stable")
    reached = np.cumsum(share[order], axis=0) >= probability - 1e-12
    rows = order[reached.argmax(axis=0), np.arange(values.shape[1])]
    chosen: FloatArray = values[rows, np.arange(values.shape[1])]
    return chosen


def contraction(prior_variance: FloatArray, draws: Draws) -> FloatArray:
    """Return how much narrower than the prior each parameter's posterior is.

    Parameters
    ----------
    prior_variance : (n_parameters,) array
        Above 0, on the scale of the draws.
    draws : Draws

    Returns
    -------
    (n_parameters,) array
        1 - posterior variance / prior variance: near 1 the data decided, near 0 the prior
        did; below 0 the posterior is wider than the prior.

    Raises
    ------
    ValueError
        If a prior variance is not above 0.

    References
    ----------
    Schad, Betancourt and Vasishth (2021), Psychological Methods 26:103-126.
    """
    if not (prior_variance > 0).all():
        raise ValueError(f"prior variances must be above 0, found {prior_variance.tolist()}")
    return 1 - np.square(draws.standard_deviation()) / prior_variance


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerScaling:
    """What becomes of the posterior when one component is made weaker or stronger."""

    sensitivity: FloatArray
    """Distance moved for each doubling of the component's power; above 0.05 it matters;
    (n_parameters,)."""
    mean_shift: FloatArray
    """Change of the mean from the weaker to the stronger component, in posterior standard
    deviations; (n_parameters,)."""
    pareto_k: float
    """Worse k-hat of the two reweightings; above 0.7 the numbers are only indicative."""


def power_scaling(draws: Draws, log_component: FloatArray) -> PowerScaling:
    """Measure how the posterior depends on one of its components, such as the prior.

    The component is raised to the power 0.8 and 1.25 by reweighting the draws.

    Parameters
    ----------
    draws : Draws
    log_component : (n_draws,) array
        Log prior (or log likelihood of some targets) of each draw.

    Raises
    ------
    ValueError
        If `log_component` has another length than the draws.

    References
    ----------
    Kallioinen, Paananen, Bürkner and Vehtari (2024), "Detecting and diagnosing prior and
    likelihood sensitivity with power-scaling", Statistics and Computing 34:57.
    """
    if log_component.shape != draws.weights.shape:
        raise ValueError(
            f"log_component of shape {log_component.shape} must have one value for each of "
            f"{draws.weights.size} draws"
        )
    weaker, weaker_k = _reweighted(draws, log_component, _WEAKER)
    stronger, stronger_k = _reweighted(draws, log_component, _STRONGER)
    shift = (stronger - weaker) @ draws.values / draws.standard_deviation()
    distances = [
        _distance(draws, weights) / abs(math.log2(power))
        for weights, power in ((weaker, _WEAKER), (stronger, _STRONGER))
    ]
    return PowerScaling(
        sensitivity=np.mean(distances, axis=0),
        mean_shift=shift,
        pareto_k=max(weaker_k, stronger_k),
    )


def _reweighted(draws: Draws, log_component: FloatArray, power: float) -> tuple[FloatArray, float]:
    with np.errstate(divide="ignore"):  # a draw without weight stays without
        log_weights = np.log(draws.weights)
    possible = np.isfinite(log_weights)
    log_weights[possible] += (power - 1) * log_component[possible]
    return smooth_weights(log_weights)


def _distance(draws: Draws, weights: FloatArray) -> FloatArray:
    """Return the distance between two weightings for each parameter, the larger of both tails."""
    columns = draws.values.T
    return np.array(
        [
            max(
                cumulative_jensen_shannon(column, draws.weights, weights),
                cumulative_jensen_shannon(-column, draws.weights, weights),
            )
            for column in columns
        ]
    )


def cumulative_jensen_shannon(
    values: FloatArray, weights: FloatArray, other_weights: FloatArray
) -> float:
    """Return the distance between two weightings of the same draws of one number.

    Parameters
    ----------
    values : (n_draws,) array
    weights, other_weights : (n_draws,) array
        Each summing to 1.

    Returns
    -------
    float
        Between 0 (the same distribution) and 1.

    References
    ----------
    Nguyen and Vreeken (2015), "Non-parametric Jensen-Shannon divergence"; normalized as in
    Kallioinen et al. (2024), equation 8.
    """
    from scipy.special import xlogy

    order = np.argsort(values)
    width = np.diff(values[order])
    p = np.cumsum(weights[order])[:-1]
    q = np.cumsum(other_weights[order])[:-1]
    middle = (p + q) / 2
    divergence = width @ (xlogy(p, p) + xlogy(q, q) - 2 * xlogy(middle, middle)) / math.log(2)
    bound = width @ (p + q)
    return math.sqrt(max(float(divergence), 0.0) / bound) if bound > 0 else 0.0

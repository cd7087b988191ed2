"""How far importance weights can be trusted: effective sample size and Pareto k-hat."""

from __future__ import annotations

import math

import numpy as np

from lupusim.common.arrays import FloatArray

K_LIMIT = 0.7
"""Above this k-hat, weighted averages are not to be relied on (Vehtari et al. 2024, section 3)."""

_SMALLEST_TAIL = 5
_PRIOR_SIZE = 10.0  # the fit's weak prior: worth ten observations ...
_PRIOR_SHAPE = 0.5  # ... of a tail with k = 0.5 (Vehtari et al. 2024, appendix G)


def effective_sample_size(weights: FloatArray) -> float:
    """Return the number of equally weighted draws that a weighted sample is worth.

    Parameters
    ----------
    weights : (n_draws,) array
        0 or above; they need not sum to 1.

    References
    ----------
    Kish (1965), *Survey Sampling*, section 11.7: (sum of weights)^2 / (sum of squares).

    Examples
    --------
    >>> effective_sample_size(np.array([1.0, 1.0, 0.0]))
    2.0
    """
    return float(weights.sum() ** 2 / np.square(weights).sum())


def generalized_pareto_fit(exceedances: FloatArray) -> tuple[float, float]:
    r"""Fit the generalized Pareto distribution to a tail.

    The empirical Bayes estimate of Zhang and Stephens: the likelihood, profiled over
    :math:`\theta = -k/\sigma`, averages a grid of values of :math:`\theta`.

    Parameters
    ----------
    exceedances : (n_tail,) array
        How far each tail value lies above the cutoff, sorted, the last ones above 0.

    Returns
    -------
    shape, scale : float
        k (above 0: a heavy tail, with moments of order below 1/k) and sigma.

    References
    ----------
    Zhang and Stephens (2009), Technometrics 51:316-325; the weak prior on k of Vehtari
    et al. (2024), Journal of Machine Learning Research 25(72), appendix G.
    """
    n_tail = exceedances.size
    n_grid = 30 + int(math.sqrt(n_tail))
    quartile = exceedances[int(n_tail / 4 + 0.5) - 1]
    position = np.arange(1, n_grid + 1) - 0.5
    theta = 1 / exceedances[-1] + (1 - np.sqrt(n_grid / position)) / (3 * quartile)
    shape = np.log1p(-theta[:, np.newaxis] * exceedances).mean(axis=1)
    profile = n_tail * (np.log(-theta / shape) - shape - 1)
    weight = np.exp(profile - profile.max())
    mean_theta = float(theta @ weight / weight.sum())
    raw_shape = float(np.log1p(-mean_theta * exceedances).mean())
    regularized = (n_tail * raw_shape + _PRIOR_SIZE * _PRIOR_SHAPE) / (n_tail + _PRIOR_SIZE)
    return regularized, -raw_shape / mean_theta


def smooth_weights(log_weights: FloatArray) -> tuple[FloatArray, float]:
    """Return Pareto-smoothed importance weights and their k-hat.

    The largest weights are replaced by the expected order statistics of a generalized
    Pareto distribution fitted to them, never above the largest raw weight.

    Parameters
    ----------
    log_weights : (n_draws,) array
        Log of target over proposal, up to a constant; ``-inf`` for an impossible draw.

    Returns
    -------
    weights : (n_draws,) array
        Smoothed, summing to 1.
    k_hat : float
        Shape of the fitted tail. 0 where the largest weights are all equal (there is no
        tail); ``inf`` where there are too few possible draws to fit one.

    Raises
    ------
    ValueError
        If no draw is possible, or a weight is not a number or infinite.

    References
    ----------
    Vehtari, Simpson, Gelman, Yao and Gabry (2024), "Pareto smoothed importance
    sampling", Journal of Machine Learning Research 25(72).
    """
    highest = float(np.max(log_weights))
    if not math.isfinite(highest):
        raise ValueError(
            f"the largest log weight is {highest!r}: no usable draw. Check that the log density "
            "is finite around its mode, and that the proposal covers it."
        )
    weights = np.exp(log_weights - highest)
    n_tail = math.ceil(min(0.2 * weights.size, 3 * math.sqrt(weights.size)))
    order = np.argsort(weights, kind="stable")
    tail = order[weights.size - n_tail :]
    # As in the paper the cutoff is the largest weight below the tail.
    exceedances = weights[tail] - weights[order[weights.size - n_tail - 1]]
    k_hat, replaced = _smooth_tail(exceedances)
    weights[tail] = np.minimum(weights[tail] - exceedances + replaced, 1.0)
    return weights / weights.sum(), k_hat


def _smooth_tail(exceedances: FloatArray) -> tuple[float, FloatArray]:
    """Return k-hat and the smoothed exceedances, unchanged where no tail can be fitted."""
    from scipy.special import boxcox

    if exceedances[-1] <= np.finfo(float).eps:
        return 0.0, exceedances
    n_tail = exceedances.size
    if n_tail < _SMALLEST_TAIL or exceedances[int(n_tail / 4 + 0.5) - 1] <= 0:
        return math.inf, exceedances
    shape, scale = generalized_pareto_fit(exceedances)
    exceeded = 1 - (np.arange(n_tail) + 0.5) / n_tail
    # boxcox(x, k) = (x^k - 1)/k, and log x at k = 0: the Pareto quantile without a special case.
    return shape, scale * boxcox(1 / exceeded, shape)

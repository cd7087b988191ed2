"""From draws of a proposal to weighted draws of a posterior."""

from __future__ import annotations

import math

import numpy as np

from lupusim.calibration.posterior.draws import Draws
from lupusim.calibration.posterior.pareto import effective_sample_size, smooth_weights
from lupusim.common.arrays import FloatArray


def weigh(
    values: FloatArray,
    log_target: FloatArray,
    *,
    log_proposal: FloatArray,
    method: str,
    n_density_calls: int,
) -> Draws:
    """Return draws with Pareto-smoothed importance weights.

    Parameters
    ----------
    values : (n_draws, n_parameters) array
    log_target, log_proposal : (n_draws,) array
        Log densities at the draws; the proposal's normalized, the target's up to a constant.
    method : str
    n_density_calls : int

    Returns
    -------
    Draws
        The evidence is estimated from the raw weights: without bias.

    Raises
    ------
    ValueError
        If no draw is possible under the target.
    """
    log_weights = log_target - log_proposal
    weights, k_hat = smooth_weights(log_weights)
    return Draws(
        values=values,
        weights=weights,
        effective_sample_size=effective_sample_size(weights),
        pareto_k=k_hat,
        log_evidence=float(np.logaddexp.reduce(log_weights)) - math.log(len(values)),
        method=method,
        n_density_calls=n_density_calls,
        heights=log_target,
    )

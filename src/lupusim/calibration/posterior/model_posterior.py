"""Draws from the posterior of a calibrated model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lupusim.calibration.estimation.identifiability import observed_information
from lupusim.calibration.estimation.likelihood import Likelihood
from lupusim.calibration.estimation.search import Optimum, climb
from lupusim.calibration.posterior.draws import Draws
from lupusim.calibration.posterior.importance_sampling import sample_posterior
from lupusim.calibration.posterior.proposals import Mode, RowDensity
from lupusim.common.arrays import FloatArray
from lupusim.common.rng import stream

_SAME = 0.05  # log or logit units within which two modes are one


def sample(likelihood: Likelihood, optima: Sequence[Optimum], n_draws: int, *, seed: int) -> Draws:
    """Return draws from the posterior, by importance sampling around its modes.

    Parameters
    ----------
    likelihood : Likelihood
        With the priors of its free model.
    optima : sequence of Optimum
        Where to look for the modes.
    n_draws : int
        How many.
    seed : int
        Names the stream.

    Returns
    -------
    Draws
        On the log and logit scales; ask `converged` before using them.
    """
    rng = stream(seed, "calibration", "posterior")
    density = RowDensity(likelihood.log_posterior)
    draws = sample_posterior(density, modes(likelihood, optima), n_draws=n_draws, rng=rng)
    return replace(draws, free_model=likelihood.free_model)


def modes(likelihood: Likelihood, optima: Sequence[Optimum]) -> list[Mode]:
    """Return the distinct modes of the posterior that lie uphill from the optima."""
    found: list[Mode] = []
    for optimum in optima:
        top, _ = climb(likelihood, optimum.free, prior_weight=1.0)
        if all(np.abs(top - mode.location).max() > _SAME for mode in found):
            found.append(Mode.from_information(top, _information(likelihood, top)))
    return found


def _information(likelihood: Likelihood, top: FloatArray) -> FloatArray:
    """Return second derivatives of minus the log posterior.

    Where the observed ones are not positive definite, the expected ones stand in
    (Gauss-Newton); with the prior's they always are.
    """
    prior = np.diag(likelihood.free_model.prior_sd**-2.0)
    observed = observed_information(likelihood, top) + prior
    if np.linalg.eigvalsh(observed)[0] > 0:
        return observed
    slopes = likelihood.jacobian(top)
    return np.asarray(slopes.T @ slopes + prior)

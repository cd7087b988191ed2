"""Posterior draws: importance sampling around the optima, checked, with a way out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lupusim.calibration.posterior.draws import Draws
from lupusim.calibration.posterior.imis import imis
from lupusim.calibration.posterior.proposals import (
    LogDensity,
    Mode,
    Proposal,
    StudentMixture,
    evaluate,
)
from lupusim.calibration.posterior.weighting import weigh

_DEFENSIVE_DEGREES_OF_FREEDOM = 3.0
_DEFENSIVE_WIDTH = 4.0  # variance of the start that stands in for a prior, in that of the mode


def importance_sample(
    log_density: LogDensity,
    modes: Mode | Sequence[Mode],
    *,
    n_draws: int,
    degrees_of_freedom: float = 5.0,
    rng: np.random.Generator,
) -> Draws:
    """Draw from a density by weighting draws from a multivariate t around its optima.

    Parameters
    ----------
    log_density : callable on one vector, or RowDensity
        Log posterior up to a constant, on the unconstrained scale (with the Jacobian of
        the transformation in it).
    modes : Mode or sequence of Mode
        With several, the proposal is a mixture whose shares are the Laplace
        approximations of the mass around each.
    n_draws : int
        Draws, and calls of the density beside one for each mode; at least 25.
    degrees_of_freedom : float
        Of the t distribution; few give a tail heavier than most posteriors have.
    rng : numpy.random.Generator

    Returns
    -------
    Draws
        With Pareto-smoothed weights and their k-hat. One above 0.7 means that the draws
        must not be used: `sample_posterior` then goes on to IMIS.

    Raises
    ------
    ValueError
        If there are too few draws, no mode, or the density is nowhere usable.

    References
    ----------
    Geweke (1989), Econometrica 57:1317-1339; Vehtari et al. (2024), Journal of Machine
    Learning Research 25(72).

    Examples
    --------
    >>> from lupusim.common.rng import stream
    >>> mode = Mode(location=np.zeros(2), covariance=np.eye(2))
    >>> draws = importance_sample(
    ...     lambda x: -0.5 * float(x @ x), mode, n_draws=1000, rng=stream(1, "doctest")
    ... )
    >>> draws.converged
    True
    """
    if n_draws < 25:
        raise ValueError(f"n_draws={n_draws!r} must be at least 25: k-hat needs a tail to look at")
    peaks = [modes] if isinstance(modes, Mode) else list(modes)
    proposal = StudentMixture(
        modes=peaks,
        shares=laplace_shares(log_density, peaks),
        degrees_of_freedom=degrees_of_freedom,
    )
    values = proposal.sample(n_draws, rng=rng)
    return weigh(
        values,
        evaluate(log_density, values),
        log_proposal=proposal.log_density(values),
        method="importance sampling",
        n_density_calls=n_draws + len(peaks),
    )


def laplace_shares(log_density: LogDensity, modes: Sequence[Mode]) -> tuple[float, ...]:
    """Return the share of the mass around each mode by the Laplace approximation.

    Parameters
    ----------
    log_density : callable on one vector, or RowDensity
    modes : sequence of Mode
        At least one.

    Returns
    -------
    tuple of float
        One for each mode, summing to 1; none below a twentieth of an equal share, since
        the approximation may be wrong about which is the larger.

    Raises
    ------
    ValueError
        If there is no mode, or the density is 0 at all of them.

    References
    ----------
    Tierney and Kadane (1986), Journal of the American Statistical Association 81:82-86.
    """
    if not modes:
        raise ValueError("there is no mode to sample around: give at least one")
    heights = evaluate(log_density, np.stack([mode.location for mode in modes]))
    log_masses = heights + np.array([mode.log_scale() for mode in modes])
    if not np.isfinite(log_masses.max()):
        raise ValueError("the log density is -inf at every mode: these are not its optima")
    masses = np.exp(log_masses - log_masses.max())
    shares = np.maximum(masses / masses.sum(), 0.05 / len(modes))
    return tuple(float(share) for share in shares / shares.sum())


def sample_posterior(
    log_density: LogDensity,
    modes: Sequence[Mode],
    *,
    n_draws: int = 5000,
    prior: Proposal | None = None,
    rng: np.random.Generator,
) -> Draws:
    """Draw from a posterior: by importance sampling if that suffices, else by IMIS.

    One optimum is tried with a multivariate t; where its Pareto k-hat is above 0.7, or
    where there are several optima, incremental mixture importance sampling takes over.

    Parameters
    ----------
    log_density : callable on one vector, or RowDensity
        Log posterior up to a constant, on the unconstrained scale.
    modes : sequence of Mode
        The distinct optima found; at least one.
    n_draws : int
        Draws of the first attempt, and effective draws that IMIS aims at.
    prior : Proposal or None
        Where IMIS starts. Without one it starts from a t with 3 degrees of freedom and
        four times the covariance around the modes.
    rng : numpy.random.Generator

    Returns
    -------
    Draws
        Not necessarily converged: ask `Draws.converged`, or `Draws.require_convergence`.

    Raises
    ------
    ValueError
        As `importance_sample`.
    """
    if len(modes) == 1:
        draws = importance_sample(log_density, modes, n_draws=n_draws, rng=rng)
        if draws.converged:
            return draws
    start = prior if prior is not None else _wide_start(log_density, modes)
    return imis(log_density, start, modes=modes, n_draws=n_draws, rng=rng)


def _wide_start(log_density: LogDensity, modes: Sequence[Mode]) -> StudentMixture:
    wide = [
        Mode(location=mode.location, covariance=_DEFENSIVE_WIDTH * mode.covariance)
        for mode in modes
    ]
    return StudentMixture(
        modes=wide,
        shares=laplace_shares(log_density, modes),
        degrees_of_freedom=_DEFENSIVE_DEGREES_OF_FREEDOM,
    )

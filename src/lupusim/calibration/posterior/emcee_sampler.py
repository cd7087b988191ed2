"""An independent second opinion on a posterior: Markov chains by emcee.

Needs the extra ``calibration``. Only `emcee.moves.DEMove` is used: `DESnookerMove` of
emcee 3.1.6 has the wrong Jacobian exponent, so that standard deviations come out about
20 % too small.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from lupusim.calibration.posterior.draws import Draws
from lupusim.calibration.posterior.importance_sampling import laplace_shares
from lupusim.calibration.posterior.mixing import bulk_sample_size, r_hat, tail_sample_size
from lupusim.calibration.posterior.proposals import LogDensity, Mode, StudentMixture, evaluate
from lupusim.common.arrays import FloatArray

_BIG_JUMP = 0.1  # share of steps of full length, which carry walkers from mode to mode


def ensemble_sample(
    log_density: LogDensity,
    modes: Sequence[Mode],
    *,
    n_steps: int,
    n_walkers: int | None = None,
    rng: np.random.Generator,
) -> Draws:
    """Draw from a density by an ensemble of walkers with differential evolution moves.

    Parameters
    ----------
    log_density : callable on one vector, or RowDensity
        Log posterior up to a constant, on the unconstrained scale.
    modes : sequence of Mode
        The walkers start from a t with 5 degrees of freedom around them.
    n_steps : int
        Of each walker; the first half is thrown away. At least 8.
    n_walkers : int or None
        Even, at least twice the parameters; four times as many, and 32 or more, if not given.
    rng : numpy.random.Generator

    Returns
    -------
    Draws
        Equally weighted; `r_hat` and `effective_sample_size` (the smaller of bulk and
        tail) of the worst parameter, each walker taken as a chain.

    Raises
    ------
    ValueError
        If there are too few steps or walkers.
    ImportError
        If emcee is not installed.

    References
    ----------
    Foreman-Mackey et al. (2013), Publications of the Astronomical Society of the Pacific
    125:306-312; differential evolution: ter Braak (2006), Statistics and Computing
    16:239-249; Nelson, Ford and Payne (2014), ApJS 210:11.
    """
    if n_steps < 8:
        raise ValueError(f"n_steps={n_steps!r} must be at least 8")
    n_parameters = modes[0].location.size
    walkers = n_walkers if n_walkers is not None else max(32, 4 * n_parameters)
    if walkers < 2 * n_parameters or walkers % 2:
        raise ValueError(f"n_walkers={walkers!r} must be even and at least {2 * n_parameters}")
    start = StudentMixture(
        modes=modes, shares=laplace_shares(log_density, modes), degrees_of_freedom=5.0
    ).sample(walkers, rng=rng)
    return _as_draws(_run(log_density, start, n_steps=n_steps, rng=rng), n_steps)


def _run(
    log_density: LogDensity, start: FloatArray, *, n_steps: int, rng: np.random.Generator
) -> FloatArray:
    """Return the second halves of the chains, shape ``(n_walkers, n_steps / 2, n_parameters)``."""
    from emcee import EnsembleSampler
    from emcee.moves import DEMove

    interrupts: list[KeyboardInterrupt] = []

    def density(values: FloatArray) -> FloatArray:
        """Return the log densities; emcee would print where it is if anything were raised."""
        values = np.atleast_2d(values)
        try:
            return evaluate(log_density, values)
        except KeyboardInterrupt as interrupt:
            interrupts.append(interrupt)
            return np.full(len(values), -np.inf)

    sampler = EnsembleSampler(
        *start.shape,
        density,
        moves=[(DEMove(), 1 - _BIG_JUMP), (DEMove(gamma0=1.0), _BIG_JUMP)],
        vectorize=True,
    )
    # emcee keeps a generator of the old kind; its whole state is drawn from ours.
    state = rng.integers(0, 2**32, 624, dtype=np.uint32)
    sampler.random_state = ("MT19937", state, 624, 0, 0.0)
    for _ in sampler.sample(start, iterations=n_steps):
        if interrupts:
            raise interrupts[0]
    chains: FloatArray = sampler.get_chain(discard=n_steps // 2).swapaxes(0, 1)
    return chains


def _as_draws(chains: FloatArray, n_steps: int) -> Draws:
    parameters = np.moveaxis(chains, -1, 0)
    n_draws = chains.shape[0] * chains.shape[1]
    return Draws(
        values=chains.reshape(n_draws, -1),
        weights=np.full(n_draws, 1 / n_draws),
        effective_sample_size=min(
            min(bulk_sample_size(one), tail_sample_size(one)) for one in parameters
        ),
        pareto_k=math.nan,
        log_evidence=math.nan,
        method="emcee, differential evolution",
        n_density_calls=chains.shape[0] * (n_steps + 1),
        r_hat=max(r_hat(one) for one in parameters),
    )

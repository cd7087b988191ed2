"""Incremental mixture importance sampling: where one bell does not cover the posterior."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from lupusim.arrays import FloatArray
from lupusim.calibration.draws import Draws
from lupusim.calibration.pareto import K_LIMIT, effective_sample_size, smooth_weights
from lupusim.calibration.proposals import (
    LogDensity,
    Mode,
    Proposal,
    evaluate,
    student_log_density,
)

MOST_ROUNDS = 100
"""Components added before IMIS gives up."""

_DEGREES_OF_FREEDOM = math.inf  # Raftery and Bao add normal components
_RIDGE = 1e-6  # of the start's variance: keeps a component from collapsing onto one point


def imis(
    log_density: LogDensity,
    start: Proposal,
    *,
    modes: Sequence[Mode] = (),
    n_draws: int,
    batch_size: int | None = None,
    rng: np.random.Generator,
) -> Draws:
    """Draw from a density by a proposal that grows where the weights are largest.

    Draws from the start, and a normal component for each known mode, are weighted by the
    density over the mixture of all that was drawn from so far. Each round adds a normal
    component around the draw of largest weight, shaped by its nearest neighbours, until
    resampling `n_draws` would give the share 1 - 1/e of distinct draws that equal weights
    would give, and k-hat is at most 0.7.

    Parameters
    ----------
    log_density : callable on one vector, or RowDensity
        Log posterior up to a constant.
    start : Proposal
        The prior, or anything at least as wide as the posterior.
    modes : sequence of Mode
        Optima already known (the "IMIS-opt" of the paper); may be empty.
    n_draws : int
        Draws from the start, and size of the resample the stopping rule looks at.
    batch_size : int or None
        Draws from each component; a tenth of `n_draws` if not given, as in the paper.
    rng : numpy.random.Generator

    Returns
    -------
    Draws
        All points with their weights; not converged where `MOST_ROUNDS` components did
        not suffice.

    Raises
    ------
    ValueError
        If `n_draws` is below 25, or no draw of the start is possible.

    References
    ----------
    Raftery and Bao (2010), "Estimating and projecting trends in HIV/AIDS generalized
    epidemics using incremental mixture importance sampling", Biometrics 66:1162-1173.
    """
    if n_draws < 25:
        raise ValueError(f"n_draws={n_draws!r} must be at least 25")
    size = batch_size if batch_size is not None else max(n_draws // 10, 25)
    mixture = _Mixture(log_density, start, n_draws, rng)
    for mode in modes:
        mixture.add(mode, size, rng)
    for _ in range(MOST_ROUNDS):
        if mixture.good_enough(n_draws):
            break
        mixture.add(mixture.next_component(size), size, rng)
    return mixture.draws()


class _Mixture:
    """The growing proposal and every point drawn from it."""

    def __init__(
        self, log_density: LogDensity, start: Proposal, n_start: int, rng: np.random.Generator
    ) -> None:
        self.log_density, self.start, self.n_start = log_density, start, n_start
        self.values = start.sample(n_start, rng=rng)
        self.heights = evaluate(log_density, self.values)
        self.components: list[tuple[Mode, int]] = []
        # Density of everything drawn from, times the number drawn from it.
        self.log_proposal = math.log(n_start) + start.log_density(self.values)
        self.spread = np.atleast_2d(np.cov(self.values, rowvar=False))

    def add(self, component: Mode, size: int, rng: np.random.Generator) -> None:
        """Draw from a new component and bring the mixture's density up to date."""
        n_parameters = self.values.shape[1]
        fresh = component.transform(rng.standard_normal((size, n_parameters)))
        self.log_proposal = np.logaddexp(
            self.log_proposal, _weighted_height(self.values, component, size)
        )
        self.components.append((component, size))
        terms = [math.log(self.n_start) + self.start.log_density(fresh)]
        terms += [_weighted_height(fresh, *earlier) for earlier in self.components]
        self.values = np.concatenate([self.values, fresh])
        self.heights = np.concatenate([self.heights, evaluate(self.log_density, fresh)])
        self.log_proposal = np.concatenate([self.log_proposal, np.logaddexp.reduce(terms)])

    @property
    def log_weights(self) -> FloatArray:
        """Return log density over log mixture, for each point."""
        difference: FloatArray = self.heights - self.log_proposal + math.log(len(self.values))
        return difference

    def good_enough(self, n_draws: int) -> bool:
        """Say whether resampling gives enough distinct draws and the tail is light enough."""
        weights, k_hat = smooth_weights(self.log_weights)
        n_distinct = -np.expm1(n_draws * np.log1p(-np.minimum(weights, 1 - 1e-12))).sum()
        return bool(n_distinct >= n_draws * (1 - math.exp(-1))) and k_hat <= K_LIMIT

    def next_component(self, size: int) -> Mode:
        """Return a normal component around the most underrated point and its neighbours."""
        weights = np.exp(self.log_weights - np.max(self.log_weights))
        weights /= weights.sum()
        center = self.values[int(np.argmax(weights))]
        distance = Mode(location=center, covariance=self._start_covariance()).squared_distance(
            self.values
        )
        near = np.argsort(distance, kind="stable")[:size]
        share = weights[near] + 1 / len(weights)
        deviation = self.values[near] - center
        local = (share[:, np.newaxis] * deviation).T @ deviation / share.sum()
        return Mode(location=center, covariance=local + _RIDGE * self._start_covariance())

    def _start_covariance(self) -> FloatArray:
        # Only the diagonal: it is positive definite however few points there are.
        return np.diag(np.diag(self.spread))

    def draws(self) -> Draws:
        """Return all points with smoothed weights."""
        log_weights = self.log_weights
        weights, k_hat = smooth_weights(log_weights)
        return Draws(
            values=self.values,
            weights=weights,
            effective_sample_size=effective_sample_size(weights),
            pareto_k=k_hat,
            log_evidence=float(np.logaddexp.reduce(log_weights) - math.log(len(log_weights))),
            method=f"IMIS, {len(self.components)} components",
            n_density_calls=len(log_weights),
        )


def _weighted_height(values: FloatArray, component: Mode, size: int) -> FloatArray:
    return math.log(size) + student_log_density(values, component, _DEGREES_OF_FREEDOM)

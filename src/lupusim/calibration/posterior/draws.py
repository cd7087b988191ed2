"""Draws from a posterior, with what is known of their quality."""

from __future__ import annotations

import math

import numpy as np

from lupusim.calibration.estimation.parameters import FreeModel
from lupusim.calibration.posterior.mixing import R_HAT_LIMIT, SMALLEST_SAMPLE
from lupusim.calibration.posterior.pareto import K_LIMIT
from lupusim.common.arrays import FloatArray, read_only
from lupusim.common.frozen import dataclass
from lupusim.errors import LupusimError


@dataclass(frozen=True, slots=True, kw_only=True)
class Draws:
    """Weighted draws from a posterior, on the scale on which they were sampled.

    Parameters
    ----------
    values : (n_draws, n_parameters) array
    weights : (n_draws,) array
        0 or above; kept summing to 1.
    effective_sample_size : float
        How many independent, equally weighted draws these are worth.
    pareto_k : float
        k-hat of the importance weights; ``nan`` for Markov chains.
    log_evidence : float
        Log of the integral of the density; ``nan`` for Markov chains.
    method : str
        The sampler, such as ``importance sampling``.
    n_density_calls : int
        How often the density was evaluated.
    r_hat : float
        Worst rank-normalized R-hat of any parameter; ``nan`` for importance sampling.
    free_model : FreeModel or None
        The model whose free parameters they are; None for draws from any other density.
    heights : (n_draws,) array or None
        The log density that was sampled, at `values`, if it is kept.

    Raises
    ------
    ValueError
        If the shapes do not agree, or a value or weight is not usable.
    """

    values: FloatArray
    weights: FloatArray
    effective_sample_size: float
    pareto_k: float
    log_evidence: float
    method: str
    n_density_calls: int
    r_hat: float = math.nan
    free_model: FreeModel | None = None
    heights: FloatArray | None = None

    def __post_init__(self) -> None:
        values, weights = read_only(self.values), np.asarray(self.weights, dtype=float)
        if values.ndim != 2 or weights.shape != values.shape[:1]:
            raise ValueError(
                f"values of shape {values.shape} and weights of shape {weights.shape} do not fit: "
                "give (n_draws, n_parameters) and (n_draws,)"
            )
        total = weights.sum()
        if not (np.isfinite(values).all() and np.isfinite(total) and total > 0):
            raise ValueError("draws must be finite, with weights that have a finite sum above 0")
        if (weights < 0).any():
            raise ValueError(f"weights must be 0 or above, found {float(weights.min())!r}")
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "weights", read_only(weights / total))

    @property
    def problem(self) -> str:
        """Say in words why the draws are not to be trusted; empty if they are."""
        if math.isnan(self.r_hat):
            if self.pareto_k <= K_LIMIT:
                return ""
            return f"Pareto k-hat is {self.pareto_k:.2f}, above {K_LIMIT}"
        if self.r_hat > R_HAT_LIMIT:
            return f"R-hat is {self.r_hat:.3f}, above {R_HAT_LIMIT}"
        if self.effective_sample_size < SMALLEST_SAMPLE:
            return (
                f"effective sample size is {self.effective_sample_size:.0f}, "
                f"below {SMALLEST_SAMPLE:.0f}"
            )
        return ""

    @property
    def converged(self) -> bool:
        """Whether nothing speaks against the draws."""
        return not self.problem

    def require_convergence(self) -> Draws:
        """Return these draws, or refuse.

        Raises
        ------
        NotConvergedError
            If the draws have not converged; it carries them.
        """
        if self.problem:
            raise NotConvergedError(self)
        return self

    def mean(self) -> FloatArray:
        """Return the weighted mean of each parameter, shape ``(n_parameters,)``."""
        average: FloatArray = self.weights @ self.values
        return average

    def covariance(self) -> FloatArray:
        """Return the weighted covariance, shape ``(n_parameters, n_parameters)``."""
        deviation = self.values - self.mean()
        covariance: FloatArray = (self.weights[:, np.newaxis] * deviation).T @ deviation
        return covariance

    def standard_deviation(self) -> FloatArray:
        """Return the weighted standard deviations, shape ``(n_parameters,)``."""
        deviation: FloatArray = np.sqrt(np.diag(self.covariance()))
        return deviation

    def mcse(self) -> FloatArray:
        """Return the Monte Carlo standard error of each mean, shape ``(n_parameters,)``."""
        return self.standard_deviation() / math.sqrt(self.effective_sample_size)

    def quantile(self, probabilities: FloatArray) -> FloatArray:
        """Return weighted quantiles, shape ``(n_probabilities, n_parameters)``."""
        return weighted_quantile(self.values, self.weights, probabilities)

    def resample(self, n_draws: int, *, rng: np.random.Generator) -> FloatArray:
        """Return equally weighted draws, shape ``(n_draws, n_parameters)``.

        Systematic resampling (Carpenter et al. 1999), then shuffled: a draw of weight w
        comes up w * n_draws times, rounded up or down, so it adds the least noise.
        """
        position = (np.arange(n_draws) + rng.random()) / n_draws
        chosen = np.searchsorted(np.cumsum(self.weights), position)
        # Rounding can leave the last sum a little below 1.
        rows = rng.permutation(np.minimum(chosen, self.weights.size - 1))
        resampled: FloatArray = self.values[rows]
        return resampled


class NotConvergedError(LupusimError):
    """Draws that must not be used; keeps them, so that one can see how bad they are."""

    def __init__(self, draws: Draws) -> None:
        self.draws = draws
        super().__init__(
            f"the posterior sample did not converge ({draws.method}): {draws.problem}. Look for a "
            "parameter the targets do not identify, give it a prior, or ask for more draws."
        )

    def __reduce__(self) -> tuple[type[NotConvergedError], tuple[Draws]]:
        return type(self), (self.draws,)


def weighted_quantile(
    values: FloatArray, weights: FloatArray, probabilities: FloatArray
) -> FloatArray:
    """Return quantiles of each column of a weighted sample.

    Parameters
    ----------
    values : (n_draws, n_columns) array
    weights : (n_draws,) array
        Summing to 1.
    probabilities : (n_probabilities,) array

    Returns
    -------
    (n_probabilities, n_columns) array
        Interpolated between the draws, each standing at the middle of its own weight; for
        equal weights Hazen's rule (Hyndman and Fan 1996, type 5).
    """
    order = np.argsort(values, axis=0)
    ordered = np.take_along_axis(values, order, axis=0)
    sorted_weights = weights[order]
    middle = np.cumsum(sorted_weights, axis=0) - sorted_weights / 2
    columns = [np.interp(probabilities, middle[:, j], ordered[:, j]) for j in range(order.shape[1])]
    return np.stack(columns, axis=-1)

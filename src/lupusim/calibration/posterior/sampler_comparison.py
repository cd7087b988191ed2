"""Two samplers on one posterior, side by side."""

from __future__ import annotations

import numpy as np

from lupusim.calibration.fit import Fit
from lupusim.calibration.posterior.draws import Draws
from lupusim.calibration.posterior.emcee_sampler import ensemble_sample
from lupusim.calibration.posterior.model_posterior import modes
from lupusim.calibration.posterior.proposals import RowDensity
from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.common.rng import stream

N_STEPS = 1500
"""Of each walker; half of them are thrown away."""

_N_WALKERS = 64  # half of them move at once: stacks of 32 cost no more than one vector

PROBABILITIES = (0.025, 0.25, 0.5, 0.75, 0.975)
_CLOSE = 0.01
_AGREE = 4.0  # standard errors: one false alarm in 16 000 for each quantile


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondOpinion:
    """Quantiles of the fit's draws and of Markov chains on the same posterior."""

    draws: Draws  # the chains
    names: tuple[str, ...]  # parameters
    first: tuple[tuple[float, ...], ...]
    second: tuple[tuple[float, ...], ...]
    """`first` and `second`: quantiles on the natural scale, of the fit's own draws and of the
    chains; (n_probabilities, n_parameters)."""
    gap: float
    """Largest difference of any of these quantiles, on the log or logit scale, in posterior
    standard deviations."""
    z: float
    """Largest difference of the share of the fit's draws below a quantile of the chains from that
    quantile's probability, in Monte Carlo standard errors."""
    n_walkers: int  # chains

    @property
    def chance_r_hat(self) -> float:
        """R-hat that chains which have converged would show, being many and short.

        The means of M split chains vary by their own Monte Carlo error, so that the square of
        R-hat is about 1 + M / n, n being the effective sample size of all (equations 1 to 4 of
        Vehtari et al. 2021, Bayesian Analysis 16:667-718).
        """
        return float(np.sqrt(1 + 2 * self.n_walkers / self.draws.effective_sample_size))

    @property
    def words(self) -> str:
        """Whether the two agree."""
        size = self.draws.effective_sample_size
        quality = (
            f"R-hat {self.draws.r_hat:.3f}, chance alone gives {self.chance_r_hat:.3f} for so many "
            f"walkers; {size:.0f} effective draws"
        )
        has_trouble = self.draws.problem and self.draws.r_hat > self.chance_r_hat + _CLOSE
        trouble = f" NOT CONVERGED: {self.draws.problem}." if has_trouble else ""
        verdict = "agree" if self.z <= _AGREE else "DISAGREE"
        return (
            f"Second opinion by {self.draws.method} ({quality}): the two samplers {verdict}, "
            f"the largest difference of a quantile is {self.gap:.2f} posterior standard "
            f"deviations, {self.z:.1f} Monte Carlo standard errors.{trouble}"
        )


def ask_second_opinion(fit: Fit) -> SecondOpinion:
    """Draw from the same posterior by Markov chains, and compare.

    Raises
    ------
    ValueError
        If the fit has no draws.
    ImportError
        If emcee is not installed (extra ``calibration``).
    """
    if fit.draws is None:
        raise ValueError("there are no draws to compare with. Calibrate with n_draws above 0")
    likelihood = fit.likelihood
    n_walkers = max(_N_WALKERS, 4 * len(likelihood.free_model.names))
    chains = ensemble_sample(
        RowDensity(likelihood.log_posterior),
        modes(likelihood, fit.optima),
        n_steps=N_STEPS,
        n_walkers=n_walkers,
        rng=stream(fit.seed, "calibration", "second opinion"),
    )
    at = np.array(PROBABILITIES)
    ours, theirs = fit.draws.quantile(at), chains.quantile(at)
    natural = likelihood.free_model.natural
    return SecondOpinion(
        draws=chains,
        names=likelihood.free_model.names,
        first=tuple(map(tuple, natural(ours).tolist())),
        second=tuple(map(tuple, natural(theirs).tolist())),
        gap=float((np.abs(ours - theirs) / fit.draws.standard_deviation()).max()),
        z=_largest_z(fit.draws, chains, theirs),
        n_walkers=n_walkers,
    )


def _largest_z(ours: Draws, theirs: Draws, quantiles: FloatArray) -> float:
    """Return how far our draws put the chains' quantiles from their probabilities."""
    at = np.array(PROBABILITIES)[:, None]
    below = np.stack([ours.weights @ (ours.values < row) for row in quantiles])
    n = 1 / (1 / ours.effective_sample_size + 1 / theirs.effective_sample_size)
    return float((np.abs(below - at) / np.sqrt(at * (1 - at) / n)).max())

"""Whether Markov chains have mixed: rank-normalized R-hat, bulk and tail sample size."""

from __future__ import annotations

import math

import numpy as np

from lupusim.common.arrays import FloatArray

R_HAT_LIMIT = 1.01
"""Chains with a larger R-hat have not mixed (Vehtari et al. 2021, section 4.2)."""

SMALLEST_SAMPLE = 400.0
"""Smallest effective sample size at which R-hat itself is reliable (same source)."""

_TAIL = 0.05


def r_hat(chains: FloatArray) -> float:
    """Return the rank-normalized split R-hat of one parameter: near 1 for mixed chains.

    The larger of the R-hat of the ranks (do the chains agree on where?) and of the ranks
    of the distances from the median (do they agree on how wide?).

    Parameters
    ----------
    chains : (n_chains, n_draws) array
        At least 4 draws in each.

    Raises
    ------
    ValueError
        If there are fewer than 4 draws in a chain.

    References
    ----------
    Vehtari, Gelman, Simpson, Carpenter and Bürkner (2021), "Rank-normalization, folding,
    and localization: an improved R-hat", Bayesian Analysis 16:667-718.
    """
    halves = _split(chains)
    folded = np.abs(halves - np.median(halves))
    return max(_plain_r_hat(_rank_normalized(halves)), _plain_r_hat(_rank_normalized(folded)))


def bulk_sample_size(chains: FloatArray) -> float:
    """Return how many independent draws the chains are worth for a mean or a median.

    Parameters
    ----------
    chains : (n_chains, n_draws) array
        At least 4 draws in each.

    References
    ----------
    Vehtari et al. (2021), section 4.3.
    """
    return _autocorrelation_sample_size(_rank_normalized(_split(chains)))


def tail_sample_size(chains: FloatArray) -> float:
    """Return how many independent draws the chains are worth for the 5 % or 95 % quantile.

    Parameters
    ----------
    chains : (n_chains, n_draws) array
        At least 4 draws in each; the worse of the two tails is reported.

    References
    ----------
    Vehtari et al. (2021), section 4.3.
    """
    halves = _split(chains)
    return min(
        _autocorrelation_sample_size((halves <= np.quantile(chains, p)).astype(float))
        for p in (_TAIL, 1 - _TAIL)
    )


def _split(chains: FloatArray) -> FloatArray:
    """Return the first and the second half of each chain as chains of their own."""
    n_draws = chains.shape[1]
    if n_draws < 4:
        raise ValueError(f"chains of {n_draws} draws are too short: at least 4 are needed")
    half = n_draws // 2
    return np.concatenate([chains[:, :half], chains[:, -half:]])


def _rank_normalized(chains: FloatArray) -> FloatArray:
    """Return the normal scores of the pooled ranks (Blom 1958: (rank - 3/8)/(n + 1/4))."""
    from scipy.special import ndtri
    from scipy.stats import rankdata

    ranks = rankdata(chains, axis=None).reshape(chains.shape)
    scores: FloatArray = ndtri((ranks - 0.375) / (chains.size + 0.25))
    return scores


def _plain_r_hat(chains: FloatArray) -> float:
    n_draws = chains.shape[1]
    between = n_draws * chains.mean(axis=1).var(ddof=1)
    within = chains.var(axis=1, ddof=1).mean()
    if within == 0:  # every chain stands still: the same place is agreement, else never mixed
        return 1.0 if between == 0 else math.inf
    return math.sqrt((between / within + n_draws - 1) / n_draws)


def _autocorrelation_sample_size(chains: FloatArray) -> float:
    """Return the sample size by Geyer's initial monotone sequence (1992, section 3.3)."""
    n_chains, n_draws = chains.shape
    if np.ptp(chains) == 0:
        return float(chains.size)
    covariance = _autocovariance(chains).mean(axis=0)
    within = covariance[0] * n_draws / (n_draws - 1)
    total = covariance[0] + chains.mean(axis=1).var(ddof=1)
    correlation = 1 - (within - covariance) / total
    correlation[0] = 1.0
    n_pairs = (n_draws - 1) // 2
    pairs = correlation[: 2 * n_pairs].reshape(n_pairs, 2).sum(axis=1)
    negative = np.flatnonzero(pairs <= 0)
    n_kept = int(negative[0]) if negative.size else max(n_pairs - 1, 0)
    monotone = np.minimum.accumulate(pairs[:n_kept])
    # An odd sequence at the cut still carries its even half where that is positive.
    beyond = max(float(correlation[2 * n_kept]), 0.0)
    time = max(-1 + 2 * float(monotone.sum()) + beyond, 1 / math.log10(n_chains * n_draws))
    return float(n_chains * n_draws / time)


def _autocovariance(chains: FloatArray) -> FloatArray:
    """Return the autocovariance of each chain at every lag, by the fast Fourier transform."""
    from scipy.fft import irfft, next_fast_len, rfft

    n_draws = chains.shape[1]
    length = next_fast_len(2 * n_draws)
    spectrum = np.abs(rfft(chains - chains.mean(axis=1, keepdims=True), n=length)) ** 2
    covariance: FloatArray = irfft(spectrum, n=length)[:, :n_draws] / n_draws
    return covariance

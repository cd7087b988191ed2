"""Posterior probabilities of response, with borrowing from an external control."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from lupusim.analysis.proportions.two_by_two import TwoByTwo, per_distinct_table
from lupusim.analysis.results import normal_quantile
from lupusim.common.arrays import FloatArray, IntArray, read_only
from lupusim.common.frozen import dataclass

_PANELS, _PER_PANEL = 32, 32


@dataclass(frozen=True, slots=True, kw_only=True)
class BetaPrior:
    """A mixture of beta distributions for a proportion.

    Parameters
    ----------
    weights : tuple of float
        Above 0, adding up to 1.
    alphas, betas : tuple of float
        Of each component, above 0: prior responders and non-responders.

    Raises
    ------
    ValueError
        If the lengths differ or a number is out of range.

    Examples
    --------
    >>> updated(BetaPrior(), 7, 10).alphas
    (8.0,)
    """

    weights: tuple[float, ...] = (1.0,)
    alphas: tuple[float, ...] = (1.0,)
    betas: tuple[float, ...] = (1.0,)

    def __post_init__(self) -> None:
        if not len(self.weights) == len(self.alphas) == len(self.betas) > 0:
            raise ValueError("weights, alphas and betas must have the same length, at least 1")
        if min(*self.weights, *self.alphas, *self.betas) <= 0:
            raise ValueError("weights, alphas and betas must be above 0")
        if abs(sum(self.weights) - 1) > 1e-9:
            raise ValueError(f"weights={self.weights!r} must add up to 1")

    @property
    def in_words(self) -> str:
        """A sum of beta distributions, such as ``0.8 Beta(3, 9) + 0.2 Beta(1, 1)``."""
        parts = zip(self.weights, self.alphas, self.betas, strict=True)
        shown = [(f"{weight:.3g} " if weight < 1 else "", a, b) for weight, a, b in parts]
        return " + ".join(f"{weight}Beta({a:.3g}, {b:.3g})" for weight, a, b in shown)


def told_priors(**priors: BetaPrior) -> dict[str, str]:
    """Return priors in words by their names, without those that know nothing.

    Examples
    --------
    >>> told_priors(prior=BetaPrior(), control_prior=BetaPrior(alphas=(3.0,)))
    {'control prior': 'Beta(3, 1)'}
    """
    told = {name: one.in_words for name, one in priors.items() if one != BetaPrior()}
    return {name.replace("_", " "): words for name, words in told.items()}


def power_prior(
    responders: float, n: float, *, discount: float, initial: tuple[float, float] = (1.0, 1.0)
) -> BetaPrior:
    """Return the prior that counts each external patient as a part of one.

    Parameters
    ----------
    responders, n : float
        Of the external control.
    discount : float
        From 0 (ignore) to 1 (as if enrolled).
    initial : (alpha, beta)
        The prior before any data.

    Raises
    ------
    ValueError
        If the discount is not from 0 to 1, or the counts don't fit.

    References
    ----------
    Ibrahim and Chen (2000), *Statistical Science* 15, 46-60.

    Examples
    --------
    >>> power_prior(6, 20, discount=0.5).alphas
    (4.0,)
    """
    if not (0 <= discount <= 1 and 0 <= responders <= n):
        raise ValueError(f"discount={discount!r} must lie in [0, 1], responders in [0, n]")
    alpha = initial[0] + discount * responders
    return BetaPrior(alphas=(alpha,), betas=(initial[1] + discount * (n - responders),))


_UNIFORM = BetaPrior()


def robust_prior(
    informative: BetaPrior, *, weight: float, vague: BetaPrior = _UNIFORM
) -> BetaPrior:
    """Return the mixture of an informative prior and a vague one.

    Parameters
    ----------
    informative : BetaPrior
        Such as a meta-analytic-predictive prior.
    weight : float
        Of the informative part, strictly between 0 and 1.
    vague : BetaPrior
        What takes over where the data contradict the informative part.

    Raises
    ------
    ValueError
        If the weight is not inside (0, 1).

    References
    ----------
    Schmidli et al. (2014), *Biometrics* 70, 1023-1032.

    Examples
    --------
    >>> robust_prior(power_prior(6, 20, discount=1.0), weight=0.8).weights
    (0.8, 0.19999999999999996)
    """
    if not 0 < weight < 1:
        raise ValueError(f"weight={weight!r} must lie strictly between 0 and 1")
    first = tuple(weight * one for one in informative.weights)
    return BetaPrior(
        weights=(*first, *((1 - weight) * one for one in vague.weights)),
        alphas=(*informative.alphas, *vague.alphas),
        betas=(*informative.betas, *vague.betas),
    )


def updated(prior: BetaPrior, responders: float, n: float) -> BetaPrior:
    """Return the posterior after `responders` of `n`: components gain what they foretold.

    Examples
    --------
    >>> updated(BetaPrior(), 3, 10).betas
    (8.0,)
    """
    from scipy.special import betaln

    alphas, betas = np.array(prior.alphas), np.array(prior.betas)
    new_alphas, new_betas = alphas + responders, betas + n - responders
    log_weight = np.log(prior.weights) + betaln(new_alphas, new_betas) - betaln(alphas, betas)
    weight = np.exp(log_weight - log_weight.max())
    keep = weight > 1e-15
    weight = weight[keep] / weight[keep].sum()
    return BetaPrior(
        weights=tuple(weight.tolist()),
        alphas=tuple(new_alphas[keep].tolist()),
        betas=tuple(new_betas[keep].tolist()),
    )


def posterior_probability(
    table: TwoByTwo,
    *,
    prior: BetaPrior,
    control_prior: BetaPrior,
    margin: float = 0.0,
) -> FloatArray:
    """Return the posterior probability that the experimental arm responds more often.

    Parameters
    ----------
    table : TwoByTwo
        Responders of both arms; see `two_by_two`.
    prior, control_prior : BetaPrior
        Of the experimental and of the control arm.
    margin : float
        By how much more, as a difference of proportions, between -1 and 1.

    Returns
    -------
    (n_replicates,) array
        Absolute error below 1e-9 for up to 5,000 patients in an arm where every alpha and beta
        of a prior is at least 0.5; below 1e-3 where it is at least 0.2.

    Raises
    ------
    ValueError
        If the margin is not between -1 and 1.

    Examples
    --------
    >>> from lupusim.analysis.proportions.two_by_two import two_by_two
    >>> table = two_by_two([1, 1, 1, 0, 1, 0, 0, 0], [1, 1, 1, 1, 0, 0, 0, 0])
    >>> flat = BetaPrior()
    >>> round(float(posterior_probability(table, prior=flat, control_prior=flat)), 4)
    0.8968
    """
    if not -1 < margin < 1:
        raise ValueError(f"margin={margin!r} must lie between -1 and 1")

    def probabilities(counts: IntArray) -> FloatArray:
        return np.array(
            [
                _exceeds(prior, (int(x), int(n)), control_prior, (int(x0), int(n0)), margin)
                for x, n, x0, n0 in counts.T.tolist()
            ]
        )

    return per_distinct_table(table, probabilities)


def probability_above(posterior: BetaPrior, bound: float) -> float:
    """Return the probability that the proportion is above `bound`."""
    from scipy.special import betainc

    total = sum(w * float(betainc(b, a, 1 - bound)) for w, a, b in _components(posterior))
    return min(max(total, 0.0), 1.0)


def mean_and_variance(posterior: BetaPrior) -> tuple[float, float]:
    """Return the mean and the variance of the proportion."""
    first = second = 0.0
    for weight, a, b in _components(posterior):
        first += weight * a / (a + b)
        second += weight * a * (a + 1) / ((a + b) * (a + b + 1))
    return first, second - first**2


def _exceeds(
    prior: BetaPrior,
    counts: tuple[int, int],
    control_prior: BetaPrior,
    control_counts: tuple[int, int],
    margin: float,
) -> float:
    """Return P(p > p0 + margin): the control's density times what lies above it."""
    density, below = _density(control_prior, *control_counts, margin)
    total = below + float(density @ _above(prior, *counts, margin))
    return min(max(total, 0.0), 1.0)


# SPEED: tables share their rows and columns, so a trial's few hundred are computed at once
@lru_cache(maxsize=4096)
def _above(prior: BetaPrior, responders: int, n: int, margin: float) -> FloatArray:
    """Return P(p > node + margin) at every node of the control's proportion."""
    from scipy.special import betainc

    rest = np.clip(_nodes(margin)[1] - margin, 0.0, 1.0)
    parts = _components(updated(prior, responders, n))
    return read_only(np.sum([weight * betainc(b, a, rest) for weight, a, b in parts], axis=0))


@lru_cache(maxsize=4096)
def _density(prior: BetaPrior, responders: int, n: int, margin: float) -> tuple[FloatArray, float]:
    """Return the control's density times the weight of every node, and P(p0 + margin < 0)."""
    from scipy.special import betainc, betaln

    node, rest, weight = _nodes(margin)
    density, below = np.zeros(node.size), 0.0
    for share, a, b in _components(updated(prior, responders, n)):
        log_density = (a - 1) * np.log(node) + (b - 1) * np.log(rest) - betaln(a, b)
        with np.errstate(under="ignore"):
            density += share * np.exp(log_density)
        below += share * float(betainc(a, b, max(-margin, 0.0)))
    return read_only(density * weight), below


@lru_cache(maxsize=64)
def _nodes(margin: float) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return nodes between where p0 + margin is 0 and 1, what they lack to 1, and weights."""
    low, high = max(0.0, -margin), min(1.0, 1.0 - margin)
    point, weight = np.polynomial.legendre.leggauss(_PER_PANEL)
    edges = np.linspace(0.0, 1.0, _PANELS + 1)
    half = (edges[1] - edges[0]) / 2
    level = (edges[:-1, None] + half * (1 + point)).ravel()
    weights = np.tile(half * weight, _PANELS)
    for _ in range(2):  # slow near both ends, where densities with a prior below 1 have poles
        weights = weights * 6 * level * (1 - level)
        level = level**2 * (3 - 2 * level)
    width = high - low
    return low + width * level, 1 - high + width * level[::-1], width * weights


def _components(prior: BetaPrior) -> Sequence[tuple[float, float, float]]:
    return list(zip(prior.weights, prior.alphas, prior.betas, strict=True))


@lru_cache(maxsize=256)
def posterior_effects(prior: BetaPrior, n: int) -> FloatArray:
    """Return mean, standard deviation and 95 % limits for each count, shape (4, n + 1)."""
    moments = np.array([mean_and_variance(updated(prior, x, n)) for x in range(n + 1)])
    mean, deviation = moments[:, 0], np.sqrt(moments[:, 1])
    reach = normal_quantile(0.95) * deviation
    return read_only(np.array([mean, deviation, mean - reach, mean + reach]))

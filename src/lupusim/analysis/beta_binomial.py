"""Posterior probabilities of response, with borrowing from an external control."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lupusim.analysis.two_by_two import TwoByTwo, per_distinct_table
from lupusim.arrays import FloatArray, IntArray

_N_NODES = 400


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
    """
    if not (0 <= discount <= 1 and 0 <= responders <= n):
        raise ValueError(f"discount={discount!r} must lie in [0, 1], responders in [0, n]")
    alpha = initial[0] + discount * responders
    return BetaPrior(alphas=(alpha,), betas=(initial[1] + discount * (n - responders),))


def robust_prior(informative: BetaPrior, *, weight: float) -> BetaPrior:
    """Return the mixture of an informative prior and the uniform one.

    Parameters
    ----------
    informative : BetaPrior
        Such as a meta-analytic-predictive prior.
    weight : float
        Of the informative part, strictly between 0 and 1.

    Raises
    ------
    ValueError
        If the weight is not inside (0, 1).

    References
    ----------
    Schmidli et al. (2014), *Biometrics* 70, 1023-1032.
    """
    if not 0 < weight < 1:
        raise ValueError(f"weight={weight!r} must lie strictly between 0 and 1")
    weights = (*(weight * one for one in informative.weights), 1 - weight)
    return BetaPrior(
        weights=weights, alphas=(*informative.alphas, 1.0), betas=(*informative.betas, 1.0)
    )


def updated(prior: BetaPrior, responders: float, n: float) -> BetaPrior:
    """Return the posterior after `responders` of `n`: components gain what they foretold."""
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
        Absolute error below 1e-9 where every alpha and beta is at least 1, else 1e-4.

    Raises
    ------
    ValueError
        If the margin is not between -1 and 1.

    Examples
    --------
    >>> from lupusim.analysis.two_by_two import two_by_two
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
                _exceeds(updated(prior, x, n), updated(control_prior, x0, n0), margin)
                for x, n, x0, n0 in counts.T.tolist()
            ]
        )

    return per_distinct_table(table, probabilities)


def _exceeds(posterior: BetaPrior, control: BetaPrior, margin: float) -> float:
    """Return P(p > p0 + margin), by a sum over quantiles of the control's components."""
    from scipy.special import betainc, betaincinv

    nodes, node_weights = np.polynomial.legendre.leggauss(_N_NODES)
    # A third power near both ends: quantiles move fast there.
    level = (1 + nodes * (3 - nodes**2) / 2) / 2
    node_weights = node_weights * 3 * (1 - nodes**2) / 4
    total = 0.0
    for weight0, a0, b0 in _components(control):
        bound = np.clip(betaincinv(a0, b0, level) + margin, 0.0, 1.0)
        for weight, a, b in _components(posterior):
            total += weight * weight0 * float((node_weights * betainc(b, a, 1 - bound)).sum())
    return min(max(total, 0.0), 1.0)


def _components(prior: BetaPrior) -> Sequence[tuple[float, float, float]]:
    return list(zip(prior.weights, prior.alphas, prior.betas, strict=True))

r"""Follow a Brownian motion from look to look between stopping bounds.

The score :math:`S_k = Z_k \sqrt{I_k}` is a Brownian motion with drift :math:`\theta` on the
information scale. The part of its density that has not been stopped is carried from look to look
at quadrature points (Armitage, McPherson and Rowe 1969; Jennison and Turnbull 2000, chapter 19).
Two things differ from Jennison and Turnbull's grid. Panels of 16 Gauss-Legendre points take the
place of Simpson's rule: the density is analytic, so half the points give 1e-12 and not 1e-7. And
the density is carried without drift and tilted by :math:`\exp(\theta s - \theta^2 I/2)` where a
probability under drift is asked for, so one recursion serves any number of drifts.
"""

from __future__ import annotations

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass

_REACH = 8.0  # standard deviations beyond which 6e-16 of a normal distribution lies
_PANEL = 4.0  # width of a panel in standard deviations of the narrowest step
_POINT, _WEIGHT = np.polynomial.legendre.leggauss(16)
_MAX_NEWTON = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Continuation:
    """What has not been stopped by a look: mass at points of the score scale, without drift."""

    information: FloatArray  # information of the look; 0 before the first; (n_designs, 1)
    score: FloatArray
    mass: FloatArray
    """`score` and `mass`: quadrature points, and density times quadrature weight there; (n_designs,
    n_points)."""

    def reflected(self) -> Continuation:
        """Return the same with the sign of the score turned, so lower tails become upper ones."""
        return Continuation(information=self.information, score=-self.score, mass=self.mass)

    def tilted(self, drift: FloatArray) -> FloatArray:
        """Return the mass under a drift per unit of information, shape ``(n_designs, 1)``."""
        exponent = drift * self.score - 0.5 * drift**2 * self.information
        tilted: FloatArray = self.mass * np.exp(exponent)
        return tilted


def beginning(n_designs: int) -> Continuation:
    """Return the state before any look: all mass at score 0."""
    return Continuation(
        information=np.zeros((n_designs, 1)),
        score=np.zeros((n_designs, 1)),
        mass=np.ones((n_designs, 1)),
    )


def upper_tail(
    before: Continuation, information: FloatArray, bound: FloatArray, drift: FloatArray
) -> FloatArray:
    """Return the probability of reaching a look and lying at or above a z bound there.

    Parameters
    ----------
    before : Continuation
        What the look before left.
    information, bound, drift : (n_designs,) array
        Information of this look, bound on the z scale (may be infinite), drift per unit of
        information. A continuation of one design is used for all of them.
    """
    from scipy.special import ndtr

    step = information[:, None] - before.information
    distance = (bound * np.sqrt(information))[:, None] - before.score - drift[:, None] * step
    above = ndtr(-distance / np.sqrt(step))
    tail: FloatArray = (before.tilted(drift[:, None]) * above).sum(axis=1)
    return tail


def lower_tail(
    before: Continuation, information: FloatArray, bound: FloatArray, drift: FloatArray
) -> FloatArray:
    """Return the probability of reaching a look and lying at or below a z bound there."""
    return upper_tail(before.reflected(), information, -bound, -drift)


def upper_bound(
    before: Continuation, information: FloatArray, tail: FloatArray, drift: FloatArray
) -> FloatArray:
    """Return the z bound that a given probability lies above; infinite where there is none.

    Newton's method on the logarithm of the tail. The tail is log-concave (a truncated
    log-concave density convolved with a normal one), so the steps come down to the bound from
    any point above it and cannot overshoot. Two such points are the quantile of a trial that
    cannot stop, and that of one whose mass lies all at the upper edge of what is left.

    Parameters
    ----------
    before, information, drift
        As for `upper_tail`.
    tail : (n_designs,) array
        Probability wanted. 0 or less gives ``inf``; more than is left gives ``-inf``.

    Raises
    ------
    ArithmeticError
        If the iteration does not settle (no such case is known).
    """
    from scipy.special import ndtri

    left = before.tilted(drift[:, None]).sum(axis=1)
    wanted = np.broadcast_to(tail, np.broadcast_shapes(left.shape, tail.shape))
    solvable = (wanted > 0) & (wanted < left)
    bound = np.where((wanted > 0) & ~solvable, -np.inf, np.inf)
    if not solvable.any():
        return bound
    target = np.where(solvable, wanted, 0.5)
    root = np.sqrt(information)
    from_start = drift * root - ndtri(np.minimum(target, 1 - 1e-15))
    step = information - before.information[:, 0]
    with np.errstate(divide="ignore", invalid="ignore"):  # rows that have no bound
        share = np.where(solvable, target / left, 0.5)
    from_edge = (before.score.max(axis=1) + drift * step - np.sqrt(step) * ndtri(share)) / root
    current = np.minimum(from_start, from_edge)
    for _ in range(_MAX_NEWTON):
        excess, change = _newton(before, information, current, target, drift)
        change = np.where(solvable, change, 0.0)
        current = current + change
        if np.all((np.abs(change) < 1e-11) | (np.abs(excess) < 1e-14) | ~solvable):
            return np.where(solvable, current, bound)
    raise ArithmeticError(f"no bound found with a tail of {tail[:5]!r}; last z {current[:5]!r}")


def _newton(
    before: Continuation,
    information: FloatArray,
    z: FloatArray,
    tail: FloatArray,
    drift: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Return the excess of the log tail at z bounds over that wanted, and the way to the bound."""
    with np.errstate(divide="ignore", invalid="ignore"):  # rows that have no bound
        found = upper_tail(before, information, z, drift)
        excess = np.log(found / tail)
        change = excess * found / _density(before, information, z, drift)
    if (lost := found == 0).any():  # so far above the bound that doubles hold nothing of it
        change = np.where(lost, _above_heavy(before, information, tail, drift) - z, change)
    return excess, change


def _above_heavy(
    before: Continuation, information: FloatArray, tail: FloatArray, drift: FloatArray
) -> FloatArray:
    """Return a z bound with less than a probability above it, and more than nothing.

    Half of it lies in points that hold too little to matter, wherever they are; the other half is
    what would be above if all mass lay at the uppermost of the others.
    """
    from scipy.special import ndtri

    mass = before.tilted(drift[:, None])
    matters = mass > tail[:, None] / (2 * mass.shape[1])
    edge = np.where(matters, before.score, -np.inf).max(axis=1)
    step = information - before.information[:, 0]
    share = np.minimum(tail / (2 * mass.sum(axis=1)), 1)
    found: FloatArray = edge + drift * step - np.sqrt(step) * ndtri(share)
    return found / np.sqrt(information)


def lower_bound(
    before: Continuation, information: FloatArray, tail: FloatArray, drift: FloatArray
) -> FloatArray:
    """Return the z bound that a given probability lies below; infinite where there is none."""
    return -upper_bound(before.reflected(), information, tail, -drift)


def advance(
    before: Continuation,
    information: FloatArray,
    *,
    next_information: FloatArray,
    region: tuple[FloatArray, FloatArray],
    drift_range: tuple[float, float] = (0.0, 0.0),
) -> Continuation:
    """Return what a look leaves unstopped.

    Parameters
    ----------
    before : Continuation
        What the look before left, of the same number of designs.
    information, next_information : (n_designs,) array
        Information of this look and of the one after it.
    region : two (n_designs,) arrays
        Lower and upper bound of the continuation region, z scale, may be infinite.
    drift_range : (low, high)
        Drifts per unit of information that will be asked for; 0 always is.
    """
    score, weight = _grid(
        (information - before.information[:, 0], next_information - information),
        _clipped(information, region, drift_range),
    )
    step = information[:, None, None] - before.information[:, :, None]
    # SPEED: the kernel is all the work; in place, it takes half the time (benchmarks/sequential.py)
    kernel = score[:, :, None] - before.score[:, None, :]
    np.square(kernel, out=kernel)
    kernel *= -0.5 / step
    np.exp(kernel, out=kernel)
    density = (kernel @ before.mass[:, :, None])[:, :, 0] / np.sqrt(2 * np.pi * step[:, :, 0])
    return Continuation(information=information[:, None], score=score, mass=density * weight)


def _density(
    before: Continuation, information: FloatArray, z: FloatArray, drift: FloatArray
) -> FloatArray:
    step = information[:, None] - before.information
    distance = (z * np.sqrt(information))[:, None] - before.score - drift[:, None] * step
    kernel = np.exp(-0.5 * distance**2 / step) * np.sqrt(information[:, None] / (2 * np.pi * step))
    density: FloatArray = (before.tilted(drift[:, None]) * kernel).sum(axis=1)
    return density


def _clipped(
    information: FloatArray,
    region: tuple[FloatArray, FloatArray],
    drift_range: tuple[float, float],
) -> tuple[FloatArray, FloatArray]:
    """Return the part of the continuation region, score scale, where there is mass to speak of."""
    root = np.sqrt(information)
    least = min(0.0, drift_range[0]) * information - _REACH * root
    most = max(0.0, drift_range[1]) * information + _REACH * root
    low = np.clip(region[0] * root, least, most)
    high = np.clip(region[1] * root, least, most)
    return low, np.maximum(low, high)


def _grid(
    steps: tuple[FloatArray, FloatArray], ends: tuple[FloatArray, FloatArray]
) -> tuple[FloatArray, FloatArray]:
    """Return quadrature points and weights, shape (n_designs, n_points), score scale."""
    low, high = ends
    narrowest = np.sqrt(np.minimum(*steps))
    n_panels = max(1, int(np.ceil(np.max((high - low) / (_PANEL * narrowest)))))
    half = ((high - low) / (2 * n_panels))[:, None, None]
    middle = low[:, None, None] + half * (2 * np.arange(n_panels)[:, None] + 1)
    score = (middle + half * _POINT).reshape(low.size, -1)
    weight = np.broadcast_to(half * _WEIGHT, (low.size, n_panels, _WEIGHT.size))
    return score, weight.reshape(low.size, -1)

"""Closed tests whose intersections combine the p-values of two stages with fixed weights."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import combinations
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from lupusim.analysis.group_sequential import InverseNormal, p_value_from_z, z_from_p_value
from lupusim.analysis.multiplicity import dunnett
from lupusim.common.arrays import BoolArray, FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.trial.adaptation import Intersection

_LEAST_P = 1e-16
_GRID = np.linspace(-8.0, 8.0, 1601)


class Intersections(Protocol):
    """Tests intersections of hypotheses within one stage."""

    def p_value(
        self, p_value: FloatArray, members: tuple[int, ...], *, stage: int, rows: IntArray
    ) -> FloatArray:
        """Return a p-value of each replicate, shape (n,).

        Parameters
        ----------
        p_value : (n, n_members) array
            One-sided, of each member of the intersection.
        members : tuple of int
            Which hypotheses they are of.
        stage : int
            0 or 1.
        rows : (n,) integer array
            Which replicates they are of.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmsAgainstControl:
    """Intersections of comparisons of several arms with one control."""

    method: Intersection  # Dunnett, Simes or Bonferroni
    ratio: tuple[int, ...]  # allocation ratio, the control first

    def p_value(
        self, p_value: FloatArray, members: tuple[int, ...], *, stage: int, rows: IntArray
    ) -> FloatArray:
        """Return a p-value of each replicate, shape (n,)."""
        if len(members) == 1:
            return p_value[:, 0]
        if self.method is not Intersection.DUNNETT:
            return of_any(p_value, self.method)
        table = dunnett_of_largest(self.ratio[0], tuple(self.ratio[1 + m] for m in members))
        largest = z_from_p_value(np.clip(p_value.min(axis=1), _LEAST_P, 1 - _LEAST_P))
        return np.asarray(p_value_from_z(np.interp(largest, _GRID, table)))


@dataclass(frozen=True, slots=True, kw_only=True)
class FullAndSubgroup:
    """The intersection of a full population (hypothesis 0) and its subgroup (hypothesis 1)."""

    method: Intersection  # Spiessens and Debois, Simes or Bonferroni
    share: FloatArray  # share of the subgroup in the information of each stage; (n_replicates, 2)

    def p_value(
        self, p_value: FloatArray, members: tuple[int, ...], *, stage: int, rows: IntArray
    ) -> FloatArray:
        """Return a p-value of each replicate, shape (n,)."""
        if len(members) == 1:
            return p_value[:, 0]
        if self.method is not Intersection.SPIESSENS_DEBOIS:
            return of_any(p_value, self.method)
        largest = z_from_p_value(np.clip(p_value.min(axis=1), _LEAST_P, 1 - _LEAST_P))
        return larger_of_two(largest, np.sqrt(self.share[rows, stage]))


def of_any(p_value: FloatArray, method: Intersection) -> FloatArray:
    """Return the p-value of the intersection of all hypotheses of a row, (n,).

    References
    ----------
    Simes (1986), *Biometrika* 73:751.

    Examples
    --------
    >>> of_any(np.array([[0.02, 0.03]]), Intersection.SIMES).tolist()
    [0.03]
    """
    n_members = p_value.shape[1]
    if method is Intersection.BONFERRONI:
        return np.asarray(np.minimum(n_members * p_value.min(axis=1), 1.0))
    ordered = np.sort(p_value, axis=1) / np.arange(1, n_members + 1)
    return np.asarray(n_members * ordered.min(axis=1))


@lru_cache(maxsize=64)
def dunnett_of_largest(control: int, arms: tuple[int, ...]) -> FloatArray:
    """Return, for the largest z on a grid from -8 to 8, the z of Dunnett's global p-value."""
    largest = np.repeat(_GRID[:, None], len(arms), axis=1)
    parts = 1000  # only the ratios count, and a size is a whole number
    p = dunnett(largest, n_control=control * parts, n_arms=[arm * parts for arm in arms])[:, 0]
    return z_from_p_value(np.clip(p, _LEAST_P, 1 - _LEAST_P))


def larger_of_two(z: ArrayLike, correlation: ArrayLike) -> FloatArray:
    r"""Return the chance that the larger of two standard normals reaches z.

    .. math:: 1 - \Phi_2(z, z; \rho) = 1 - \Phi(z) + 2 T\left(z,
              \sqrt{\frac{1 - \rho}{1 + \rho}}\right)

    with Owen's T (Owen 1956, *Annals of Mathematical Statistics* 27:1075, equation 3.2).

    Examples
    --------
    >>> round(float(larger_of_two(1.96, 0.0)), 4)
    0.0494
    """
    from scipy.special import ndtr, owens_t

    value, rho = np.asarray(z, dtype=float), np.asarray(correlation, dtype=float)
    slope = np.sqrt(np.clip((1 - rho) / (1 + rho), 0.0, None))
    return np.asarray(ndtr(-value) + 2 * owens_t(value, slope))


def closed_at_once(p_value: ArrayLike, *, alpha: float, intersections: Intersections) -> BoolArray:
    """Return which hypotheses a closed test of stage 1 alone rejects.

    Parameters
    ----------
    p_value : (n_replicates, n_hypotheses) array-like
        One-sided, of the patients of stage 1.
    alpha : float
        Family-wise error, one-sided.
    intersections : Intersections
        How several hypotheses are tested at once.

    Returns
    -------
    (n_replicates, n_hypotheses) boolean array

    References
    ----------
    Marcus, Peritz and Gabriel (1976), *Biometrika* 63:655.
    """
    p_first = np.asarray(p_value, dtype=float)
    everybody = np.arange(len(p_first))
    rejected: BoolArray = np.ones(p_first.shape, dtype=bool)
    for members in _subsets(p_first.shape[1]):
        of_all = intersections.p_value(p_first[:, members], members, stage=0, rows=everybody)
        rejected[:, members] &= (of_all <= alpha)[:, None]
    return rejected


def _subsets(n_hypotheses: int) -> Iterator[tuple[int, ...]]:
    """Yield the members of every intersection of hypotheses."""
    for size in range(1, n_hypotheses + 1):
        yield from combinations(range(n_hypotheses), size)


def closed_rejections(
    first: ArrayLike,
    second: ArrayLike,
    kept: ArrayLike,
    *,
    alpha: float,
    weights: tuple[float, float],
    intersections: Intersections,
) -> BoolArray:
    """Return which hypotheses a closed test of two stages rejects.

    A hypothesis is rejected where every intersection that it belongs to is: where the combined
    z of the stages, each with the intersection's own p-value, reaches the level's quantile. In
    stage 2 an intersection is tested by those of its hypotheses that were kept; a hypothesis
    that was not kept is never rejected.

    Parameters
    ----------
    first, second : (n_replicates, n_hypotheses) array-like
        One-sided p-values of the patients of each stage alone; those of `second` count only
        where a hypothesis was kept.
    kept : (n_replicates, n_hypotheses) boolean array-like
        Which were kept.
    alpha : float
        Family-wise error, one-sided.
    weights : (float, float)
        Squared weights of the stages, which sum to 1.
    intersections : Intersections
        How several hypotheses are tested at once within a stage.

    Returns
    -------
    (n_replicates, n_hypotheses) boolean array

    References
    ----------
    Lehmacher and Wassmer (1999), *Biometrics* 55:1286; Hommel (2001), *Biometrical Journal*
    43:581; Bretz, Schmidli, König, Racine and Maurer (2006), *Biometrical Journal* 48:623.
    """
    p_first, p_second = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    kept = np.asarray(kept, dtype=bool)
    rule = InverseNormal(planned_information=(weights[0], 1.0))
    bound = float(z_from_p_value(alpha))
    rejected: BoolArray = kept.copy()
    everybody = np.arange(len(kept))
    for members in _subsets(kept.shape[1]):
        stage_p = np.ones((len(kept), 2))
        stage_p[:, 0] = intersections.p_value(p_first[:, members], members, stage=0, rows=everybody)
        for pattern in np.unique(kept[:, members], axis=0):
            left = tuple(m for m, is_left in zip(members, pattern, strict=True) if is_left)
            rows = np.flatnonzero((kept[:, members] == pattern).all(axis=1))
            if left:
                stage_p[rows, 1] = intersections.p_value(
                    p_second[rows][:, left], left, stage=1, rows=rows
                )
        combined = rule.from_p_values(np.clip(stage_p, _LEAST_P, 1 - _LEAST_P))
        rejected[:, members] &= (combined[:, -1] >= bound)[:, None]
    return rejected

"""Go through the looks of many designs at once and find the bounds that are not given."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lupusim.analysis.group_sequential.integration import (
    Continuation,
    advance,
    beginning,
    lower_bound,
    lower_tail,
    upper_bound,
    upper_tail,
)
from lupusim.common.arrays import BoolArray, FloatArray, IntArray
from lupusim.common.frozen import dataclass

_MAX_TURNS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Looks:
    """What is asked of the recursion, for designs that hold the same number of looks."""

    information: FloatArray
    fraction: FloatArray
    """`information` and `fraction`: information, and the fraction of the planned maximum at which
    errors are spent; (n_designs, n_looks)."""
    alpha: FloatArray  # error of each tail that can be rejected in; (n_designs,)
    sided: int  # 1, or 2 for bounds that lie symmetrically about 0
    efficacy: FloatArray
    """z bounds that are fixed already; NaN where one has to be found; (n_designs, n_looks)."""
    tested: BoolArray  # looks at which efficacy may be declared
    futility: FloatArray
    beta_spent: FloatArray
    """`futility` and `beta_spent`: z bounds for futility, NaN where one has to be found so that
    beta is spent as said; (n_designs, n_looks)."""
    drift: FloatArray  # drift per unit of information under which beta is spent; (n_designs,)
    binding: bool  # whether efficacy bounds may count on the trial stopping for futility
    number: IntArray
    """Which of the planned looks these are, counted from 1: some may not have been held."""
    planned: int  # how many looks were planned

    @property
    def last(self) -> int:
        """Position of the last look."""
        return int(self.information.shape[1]) - 1

    @property
    def has_futility(self) -> bool:
        """Whether any look can stop for futility."""
        return bool(np.any(self.futility != -np.inf))


@dataclass(frozen=True, slots=True, kw_only=True)
class Solution:
    """Bounds and cumulative errors, each of shape ``(n_designs, n_looks)``.

    `alpha_spent` is the error of one tail.
    """

    efficacy: FloatArray
    futility: FloatArray
    alpha_spent: FloatArray
    beta_spent: FloatArray


def solve_bounds(looks: Looks, alpha_spent: FloatArray) -> Solution:
    """Find each bound that is not fixed.

    Parameters
    ----------
    looks : Looks
        What is asked.
    alpha_spent : (n_designs, n_looks) array
        Cumulative error of one tail to be spent by each look; used where the bound is open.

    Returns
    -------
    Solution
        With the errors really spent: a fixed bound may spend another amount than asked for,
        and the next open bound makes up for it.
    """
    walk = _Walk(looks)
    for look in range(looks.information.shape[1]):
        upper = walk.efficacy(look, alpha_spent[:, look])
        lower = walk.futility(look, upper)
        walk.record(look, lower, upper)
    return Solution(
        efficacy=walk.upper,
        futility=walk.lower,
        alpha_spent=np.cumsum(walk.alpha, axis=1),
        beta_spent=np.cumsum(walk.beta, axis=1),
    )


class _Walk:
    """The walk through the looks: two densities, one that knows the futility bounds."""

    def __init__(self, looks: Looks) -> None:
        n_designs = looks.information.shape[0]
        self.looks = looks
        self.full = beginning(n_designs)  # stops at every bound
        self.null = self.full  # what alpha is counted on: may ignore futility
        self.separate = looks.has_futility and not looks.binding
        self.zero = np.zeros(n_designs)
        shape = looks.information.shape
        self.upper, self.lower, self.alpha, self.beta = (np.zeros(shape) for _ in range(4))

    def efficacy(self, look: int, target: FloatArray) -> FloatArray:
        fixed = self.looks.efficacy[:, look]
        if not np.isnan(fixed).any():
            return fixed
        wanted = target - self.alpha.sum(axis=1)
        open_bound = upper_bound(self.null, self.looks.information[:, look], wanted, self.zero)
        return np.where(np.isnan(fixed), open_bound, fixed)

    def futility(self, look: int, upper: FloatArray) -> FloatArray:
        if look == self.looks.last and self.looks.has_futility:
            return upper  # the last look decides
        fixed = self.looks.futility[:, look]
        if not np.isnan(fixed).any():
            return np.minimum(fixed, upper)
        wanted = self.looks.beta_spent[:, look] - self.beta.sum(axis=1)
        found = lower_bound(self.full, self.looks.information[:, look], wanted, self.looks.drift)
        return np.minimum(np.where(np.isnan(fixed), found, fixed), upper)

    def record(self, look: int, lower: FloatArray, upper: FloatArray) -> None:
        information = self.looks.information[:, look]
        self.upper[:, look], self.lower[:, look] = upper, lower
        self.alpha[:, look] = upper_tail(self.null, information, upper, self.zero)
        if self.looks.has_futility:
            self.beta[:, look] = lower_tail(self.full, information, lower, self.looks.drift)
        if look < self.looks.last:
            self._advance(look, lower, upper)

    def _advance(self, look: int, lower: FloatArray, upper: FloatArray) -> None:
        floor = -upper if self.looks.sided == 2 else np.full(upper.shape, -np.inf)
        stops = lower if self.looks.has_futility else floor
        self.full = self._step(self.full, look, (stops, upper))
        self.null = self._step(self.null, look, (floor, upper)) if self.separate else self.full

    def _step(
        self, before: Continuation, look: int, region: tuple[FloatArray, FloatArray]
    ) -> Continuation:
        return advance(
            before,
            self.looks.information[:, look],
            next_information=self.looks.information[:, look + 1],
            region=region,
            drift_range=(0.0, float(self.looks.drift.max())),
        )


def probit(probability: FloatArray) -> FloatArray:
    """Return the normal quantile: the scale on which crossing probabilities are almost straight.

    A root is found there in 5 to 8 steps, where the probability itself takes 15.
    """
    from scipy.special import ndtri

    quantile: FloatArray = ndtri(np.clip(probability, 1e-300, 1 - 1e-16))
    return quantile


def find_root(
    function: Callable[[FloatArray], FloatArray], low: FloatArray, high: FloatArray
) -> FloatArray:
    """Return the roots of many increasing or decreasing functions at once.

    Regula falsi with the Illinois rule, and a bisection wherever three steps have not halved the
    interval.

    Parameters
    ----------
    function : callable
        Takes and gives arrays of shape ``(n_designs,)``.
    low, high : (n_designs,) array
        Ends that hold the root between them.

    Raises
    ------
    ValueError
        If the function has the same sign at both ends.
    ArithmeticError
        If the search does not settle (no such case is known).
    """
    left, right = low.astype(float), high.astype(float)
    at_left, at_right = function(left), function(right)
    if np.any(at_left * at_right > 0):
        raise ValueError(
            f"no root between {low.min():g} and {high.max():g}: there is no such design"
        )
    width = np.abs(right - left)
    near = 1e-3 * np.minimum(np.abs(at_left), np.abs(at_right))  # a step may stand still at an end
    for turn in range(_MAX_TURNS):
        with np.errstate(invalid="ignore", divide="ignore"):
            middle = right - at_right * (right - left) / (at_right - at_left)
        slow = (turn % 3 == 2) & (np.abs(right - left) > 0.5 * width)
        width = np.abs(right - left) if turn % 3 == 2 else width
        middle = np.where(slow | ~np.isfinite(middle), 0.5 * (left + right), middle)
        value, step = function(middle), np.abs(middle - right)
        crossed = value * at_right <= 0
        left, at_left = np.where(crossed, right, left), np.where(crossed, at_right, 0.5 * at_left)
        right, at_right = middle, value
        settled = (np.abs(value) < 1e-13) | (np.abs(right - left) < 1e-11)
        settled |= (step < 1e-12) & (np.abs(value) < near)
        if settled.all():
            return np.asarray(right)
    raise ArithmeticError(f"no root found in {_MAX_TURNS} turns; the last were {right[:5]!r}")

"""What can be said of the effect once a sequential trial has stopped."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from lupusim.analysis.group_sequential.bounds import Bounds, bounds
from lupusim.analysis.group_sequential.design import continuations, stopping_bounds
from lupusim.analysis.group_sequential.integration import Continuation, lower_tail, upper_tail
from lupusim.analysis.group_sequential.recursion import find_root, probit
from lupusim.common.arrays import BoolArray, FloatArray, IntArray, read_only
from lupusim.common.frozen import dataclass
from lupusim.common.shown import Shown

_CHUNK = 512
_Tail = Callable[[Continuation, FloatArray, FloatArray, FloatArray], FloatArray]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class AfterStopping(Shown):
    """Analysis of stopped trials by the stage-wise ordering, each ``(n_replicates,)`` or scalar.

    Parameters
    ----------
    p_value : array
        One-sided, of no effect.
    estimate : array
        Median-unbiased estimate, in the unit of effect: expected z over ``sqrt(information)``.
    lower, upper : array
        Ends of the interval that leaves the design's error of one tail on either side.

    Examples
    --------
    >>> from lupusim.analysis.group_sequential import bounds
    >>> design = bounds([1, 2, 3], spending="obrien_fleming")
    >>> after_stopping(design, 2, [2.6]).estimate.round(3).tolist()
    [1.838]
    """

    p_value: FloatArray
    estimate: FloatArray
    lower: FloatArray
    upper: FloatArray

    def __post_init__(self) -> None:
        for name in ("p_value", "estimate", "lower", "upper"):
            object.__setattr__(self, name, read_only(getattr(self, name)))


def after_stopping(design: Bounds, look: ArrayLike, z: ArrayLike) -> AfterStopping:
    """Return p-value, estimate and interval of trials by the stage-wise ordering.

    An earlier rejection is stronger evidence than a later one; an earlier stop at a binding
    futility bound is weaker. Futility bounds that do not bind are ignored, as they are for alpha.

    Parameters
    ----------
    design : Bounds
        The plan, of one dimension, at the information the trials really had.
    look : int or (n_replicates,) array-like
        Look at which each trial stopped, counted from 1.
    z : float or (n_replicates,) array-like
        z at that look.

    Raises
    ------
    ValueError
        If a look does not exist, a z is not finite, or the plan is that of many trials.

    References
    ----------
    Tsiatis, Rosner and Mehta (1984), *Biometrics* 40:797; Jennison and Turnbull (2000), chapter 8.

    Examples
    --------
    >>> from lupusim.analysis.group_sequential.bounds import bounds
    >>> design = bounds([1, 2, 3])
    >>> round(float(after_stopping(design, 2, design.efficacy[1]).p_value), 6)  # alpha spent by 2
    0.006048
    """
    stopped_at, z_there = np.broadcast_arrays(np.asarray(look), np.asarray(z, dtype=float))
    flat = np.column_stack([stopped_at.ravel(), z_there.ravel()])
    if not (
        np.isin(flat[:, 0], np.arange(1, design.n_looks + 1)).all() and np.isfinite(flat).all()
    ):
        raise ValueError(
            f"look={look!r} must be looks from 1 to {design.n_looks}, z={z!r} must be finite"
        )
    obeyed = design if design.futility_rule.binding else design.ignoring_futility()
    found = np.empty((4, len(flat)))
    for number in range(design.n_looks):
        chosen = np.flatnonzero(flat[:, 0] == number + 1)
        for start in range(0, chosen.size, _CHUNK):
            part = chosen[start : start + _CHUNK]
            found[:, part] = _Stopped(obeyed, number, flat[part, 1]).analysis()
    names = ("p_value", "estimate", "lower", "upper")
    shaped = found.reshape(4, *stopped_at.shape)
    return AfterStopping(**dict(zip(names, shaped, strict=True)))


def repeated_interval(
    design: Bounds, z: ArrayLike, *, look: int | IntArray
) -> tuple[FloatArray, FloatArray]:
    """Return the interval that may be quoted at any look, stopped or not.

    Parameters
    ----------
    design : Bounds
        The plan, of one dimension.
    z : array-like
        z at the look.
    look : int or array
        The look, counted from 1.

    Returns
    -------
    lower, upper : array
        In the unit of effect: expected z over ``sqrt(information)``. Infinite where a look
        cannot reject.

    References
    ----------
    Jennison and Turnbull (2000), section 9.2.

    Examples
    --------
    >>> from lupusim.analysis.group_sequential import bounds
    >>> low, high = repeated_interval(bounds([1, 2, 3]), 2.0, look=2)
    >>> round(float(low), 3)
    -0.362
    """
    at = np.asarray(look) - 1
    root = np.sqrt(design.information[at])
    score = np.asarray(z, dtype=float)
    return (score - design.efficacy[at]) / root, (score + design.efficacy[at]) / root


class _Stopped:
    """Trials that stopped at one look of a design."""

    def __init__(self, design: Bounds, number: int, z: FloatArray) -> None:
        self.design, self.number, self.z = design, number, z
        self.fraction = design.information_fraction
        self.lower, self.upper = stopping_bounds(design)
        self.low, self.high = self._ends()
        reach = (float(self.low.min()), float(self.high.max()))
        self.before: list[Continuation] = [
            state for state, _ in zip(continuations(design, reach), range(number + 1), strict=False)
        ]
        last = number == design.n_looks - 1
        self.futile: BoolArray = (z <= self.lower[number]) & (not last)

    def _ends(self) -> tuple[FloatArray, FloatArray]:
        """Return drifts that put 6 standard errors between the trial and every bound it met."""
        met = [(self.fraction[self.number], self.z)]
        for bound in (self.lower, self.upper):
            earlier = zip(self.fraction[: self.number], bound, strict=False)
            met += [(fraction, one) for fraction, one in earlier if np.isfinite(one)]
        below = [np.broadcast_to((one - 6) / np.sqrt(at), self.z.shape) for at, one in met]
        above = [np.broadcast_to((one + 6) / np.sqrt(at), self.z.shape) for at, one in met]
        return np.min(below, axis=0), np.max(above, axis=0)

    def analysis(self) -> FloatArray:
        tail = float(self.design.alpha) / self.design.sided
        root = np.sqrt(float(self.design.maximum_information))
        solved = [self._drift(probability) / root for probability in (0.5, tail, 1 - tail)]
        return np.stack([self._p_value(np.zeros_like(self.z)), *solved])

    def _drift(self, probability: float) -> FloatArray:
        def excess(drift: FloatArray) -> FloatArray:
            return probit(self._p_value(drift)) - probit(np.asarray(probability))

        return find_root(excess, self.low, self.high)

    def _p_value(self, drift: FloatArray) -> FloatArray:
        """Return the probability of evidence at least as strong, which rises with the drift."""
        better = self._tail(upper_tail, self.upper, drift)
        if not self.futile.any():
            return better
        return np.where(self.futile, 1 - self._tail(lower_tail, self.lower, drift), better)

    def _tail(self, tail: _Tail, bound: FloatArray, drift: FloatArray) -> FloatArray:
        total = np.zeros_like(drift)
        for look, before in enumerate(self.before):
            there = self.z if look == self.number else bound[look : look + 1]
            total += tail(before, self.fraction[look : look + 1], there, drift)
        return total


def repeated_p_value(design: Bounds, z: ArrayLike, *, look: int) -> FloatArray:
    """Return the smallest alpha whose bound at a look a z reaches, stopped or not.

    Parameters
    ----------
    design : Bounds
        The plan, of one dimension; its rules and information are kept, its alpha is not.
    z : float or (n_replicates,) array-like
        z at the look.
    look : int
        The look, counted from 1.

    Returns
    -------
    array
        Between 1e-12 and `sided` times 0.4999; the ends stand for anything beyond.

    References
    ----------
    Jennison and Turnbull (2000), section 9.4.

    Examples
    --------
    >>> from lupusim.analysis.group_sequential.bounds import bounds
    >>> design = bounds([1, 2, 3], alpha=0.025)
    >>> round(float(repeated_p_value(design, design.efficacy[1], look=2)), 9)
    0.025
    """
    score = np.atleast_1d(np.asarray(z, dtype=float))
    information = np.tile(design.information, (score.size, 1))

    def excess(log_alpha: FloatArray) -> FloatArray:
        found = bounds(
            information,
            np.exp(log_alpha),
            sided=design.sided,
            spending=design.rule,
            futility=design.futility_rule if design.sided == 1 else None,
            maximum_information=float(design.maximum_information),
        )
        return np.minimum(found.efficacy[:, look - 1], 40.0) - clipped

    ends = np.log([1e-12, 0.4999 * design.sided])
    low, high = (np.full(score.size, end) for end in ends)
    clipped = np.zeros(score.size)
    highest, lowest = excess(low), excess(high)
    clipped = np.clip(score, lowest, highest)
    root = np.exp(find_root(excess, low, high))
    return root if np.ndim(z) else root[0]

"""What a group-sequential design does under a true effect: power, stopping, expected size."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from lupusim.analysis.group_sequential.bounds import Bounds
from lupusim.analysis.group_sequential.integration import (
    Continuation,
    advance,
    beginning,
    lower_tail,
    upper_tail,
)
from lupusim.analysis.group_sequential.recursion import find_root, probit
from lupusim.common.arrays import FloatArray, read_only
from lupusim.common.frozen import dataclass
from lupusim.common.shown import Shown


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ExitProbabilities(Shown):
    """Where a design ends, under one drift or several.

    Parameters
    ----------
    drift : () or (n_drifts,) array
        Expected z at the planned maximum information.
    information : (n_looks,) array
        Information of each look.
    efficacy, futility : (n_looks,) or (n_drifts, n_looks) array
        Probability of ending at a look with efficacy, with futility. In a two-sided design
        `futility` is the probability of rejecting in favor of the control arm. What is missing
        from 1 is left undecided by the last look.

    Examples
    --------
    >>> from lupusim.analysis.group_sequential import bounds
    >>> from lupusim.analysis.group_sequential import exit_probabilities
    >>> found = exit_probabilities(bounds([1, 2]), 3.0)
    >>> round(float(found.power), 4)
    0.8496
    """

    drift: FloatArray
    information: FloatArray
    efficacy: FloatArray
    futility: FloatArray

    def __post_init__(self) -> None:
        for name in ("drift", "information", "efficacy", "futility"):
            object.__setattr__(self, name, read_only(getattr(self, name)))

    @property
    def power(self) -> FloatArray:
        """Probability of declaring efficacy at any look."""
        power: FloatArray = self.efficacy.sum(axis=-1)
        return power

    @property
    def stopping(self) -> FloatArray:
        """Probability that each look is the last one held; sums to 1."""
        stopping = self.efficacy + self.futility
        stopping[..., -1] = 1 - stopping[..., :-1].sum(axis=-1)
        return stopping

    @property
    def expected_information(self) -> FloatArray:
        """Expected information at the end, in the unit of the looks (events, patients)."""
        expected: FloatArray = (self.stopping * self.information).sum(axis=-1)
        return expected


def exit_probabilities(design: Bounds, drift: ArrayLike) -> ExitProbabilities:
    """Return where a design ends under a drift.

    Futility bounds are obeyed; ask `design.ignoring_futility()` for a trial that does not.

    Parameters
    ----------
    design : Bounds
        A plan of one dimension.
    drift : float or (n_drifts,) array-like
        Expected z at the planned maximum information; for a log-rank test of two equal arms
        ``-log(hazard_ratio) * sqrt(n_events / 4)``.

    Raises
    ------
    ValueError
        If the bounds are those of many trials, or a drift is not finite.

    Examples
    --------
    >>> from lupusim.analysis.group_sequential.bounds import bounds
    >>> drift = -np.log(0.7) * np.sqrt(200 / 4)
    >>> round(float(exit_probabilities(bounds([67, 134, 200]), drift).power), 6)
    0.707106
    """
    drifts = np.atleast_1d(np.asarray(drift, dtype=float))
    if drifts.ndim != 1 or not np.isfinite(drifts).all():
        raise ValueError(f"drift={drift!r} must be a finite number or a list of them")
    efficacy, futility = np.zeros((2, drifts.size, design.n_looks))
    reach = (float(drifts.min()), float(drifts.max()))
    lower, upper = stopping_bounds(design)
    for look, before in enumerate(continuations(design, reach)):
        fraction = design.information_fraction[look : look + 1]
        efficacy[:, look] = upper_tail(before, fraction, upper[look : look + 1], drifts)
        futility[:, look] = lower_tail(before, fraction, lower[look : look + 1], drifts)
    scalar = np.ndim(drift) == 0
    return ExitProbabilities(
        drift=drifts[0] if scalar else drifts,
        information=design.information,
        efficacy=efficacy[0] if scalar else efficacy,
        futility=futility[0] if scalar else futility,
    )


def drift_for_power(design: Bounds, power: float) -> float:
    """Return the expected z at the maximum information that a design needs for a power.

    The maximum information follows: ``(drift / effect) ** 2`` where the expected z is
    ``effect * sqrt(information)``.

    Parameters
    ----------
    design : Bounds
        A plan of one dimension.
    power : float
        Above the one-sided error, below 1.

    Raises
    ------
    ValueError
        If there is no such drift.

    Examples
    --------
    >>> from lupusim.analysis.group_sequential.bounds import bounds
    >>> round(drift_for_power(bounds([1, 2, 3]), 0.9) ** 2, 5)
    10.63197
    """
    from scipy.special import ndtri

    tail = float(design.alpha) / design.sided
    if not tail < power < 1:
        raise ValueError(f"power={power!r} must be between {tail:g} and 1, such as 0.9")

    def excess(drift: FloatArray) -> FloatArray:
        return probit(exit_probabilities(design, drift).power) - float(ndtri(power))

    fixed = np.array([-(ndtri(tail) + ndtri(1 - power))])
    return float(find_root(excess, np.zeros(1), 4 * fixed + 4)[0])


def inflation_factor(design: Bounds, power: float) -> float:
    """Return the maximum information of a design over that of one look with the same power.

    Examples
    --------
    >>> from lupusim.analysis.group_sequential import bounds
    >>> round(inflation_factor(bounds([1, 2, 3]), 0.9), 4)
    1.0119
    """
    from scipy.special import ndtri

    fixed = ndtri(float(design.alpha) / design.sided) + ndtri(1 - power)
    return float((drift_for_power(design, power) / fixed) ** 2)


def stopping_bounds(design: Bounds) -> tuple[FloatArray, FloatArray]:
    """Return the lower and upper z bounds a trial stops at."""
    return (-design.efficacy if design.sided == 2 else design.futility), design.efficacy


def continuations(design: Bounds, drift_range: tuple[float, float]) -> Iterator[Continuation]:
    """Go through what each look starts from, for a range of drifts at the maximum information.

    Raises
    ------
    ValueError
        If the bounds are those of many trials.
    """
    if design.information.ndim != 1:
        raise ValueError("design must be one plan, not the bounds of many trials")
    fraction = design.information_fraction[:, None]
    lower, upper = (bound[:, None] for bound in stopping_bounds(design))
    state = beginning(1)
    for look in range(design.n_looks - 1):
        yield state
        state = advance(
            state,
            fraction[look],
            next_information=fraction[look + 1],
            region=(lower[look], upper[look]),
            drift_range=drift_range,
        )
    yield state

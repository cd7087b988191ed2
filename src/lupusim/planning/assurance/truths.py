"""The truths that are drawn of a trial, and how its patients fare under each."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.polynomial.chebyshev import chebvander

from lupusim.common.arrays import FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.planning.assurance.beliefs import Beliefs
from lupusim.planning.assurance.effect_priors import NONE, STATED
from lupusim.planning.theory.counts.asked import Asked
from lupusim.planning.theory.counts.cells import Cell
from lupusim.planning.theory.counts.chances import chances_of_truths
from lupusim.trial import Trial

_FEWEST_NODES, _MOST_NODES = 8, 64
_MISSED = 1e-11  # by an interpolated chance, at as many places again


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DrawnTruths:
    """What is true of a trial in each of many draws; what several share is there once."""

    trial: Trial
    beliefs: Beliefs
    strengths: FloatArray  # of the effect under each truth; (n_truths,)
    place: IntArray  # which truth each draw is; (n_draws,)

    @classmethod
    def of(cls, trial: Trial, beliefs: Beliefs, n_draws: int, *, seed: int) -> DrawnTruths:
        """Return the truths that beliefs give so many draws."""
        strengths, place = beliefs.strengths(trial, n_draws, seed=seed), np.arange(n_draws)
        if not beliefs.draws:
            strengths, place = np.unique(strengths, return_inverse=True)
        return cls(trial=trial, beliefs=beliefs, strengths=strengths, place=place)

    def of_each(self, asked: Callable[[Trial], float]) -> FloatArray:
        """Return what is asked of the trial under the truth of each draw, (n_draws,)."""
        return np.array([float(asked(truth)) for truth in self._trials()])[self.place]

    def chances(self, asked: Asked, cells: Sequence[Cell]) -> FloatArray:
        """Return the chance of a yes under each truth, (n_truths, n_arms, n_cells).

        Where truths differ in the strength of the effect alone, hazards are exponential functions
        of it and chances smooth ones: these are worked out at few strengths and interpolated.

        Raises
        ------
        NoExactSolutionError
            If the exact engine does not know a chance, or not well enough.
        """

        def at(strengths: FloatArray) -> FloatArray:
            truths = [self.beliefs.truth(self.trial, 0, s) for s in strengths.tolist()]
            return chances_of_truths(truths, asked, cells)

        if self.beliefs.draws:
            return chances_of_truths(self._trials(), asked, cells)
        return np.clip(self._at_few(at), 0.0, 1.0)

    def gains(self, gain: Callable[[Trial], float]) -> FloatArray:
        """Return the true gain under the truth of each draw, (n_draws,).

        Where truths differ in the strength of the effect alone, and it is smooth in that, it is
        worked out at few.
        """

        def at(strengths: FloatArray) -> FloatArray:
            truths = (self.beliefs.truth(self.trial, 0, s) for s in strengths.tolist())
            return np.array([float(gain(truth)) for truth in truths])

        if self.beliefs.draws:
            return self.of_each(gain)
        return self._at_few(at)[self.place]

    def _at_few(self, at: Callable[[FloatArray], FloatArray]) -> FloatArray:
        """Return a function of the strength for each, from few of them where it is smooth."""
        # without any effect an arm is the control in all but its name: chances may jump there
        alone = np.isin(self.strengths, (NONE, STATED))
        others = self.strengths[~alone]
        if others.size <= _MOST_NODES or (between := interpolated(at, others)) is None:
            return at(self.strengths)
        found = np.zeros((alone.size, *between.shape[1:]))
        found[~alone] = between
        if alone.any():
            found[alone] = at(self.strengths[alone])
        return found

    def _trials(self) -> list[Trial]:
        return [self.beliefs.truth(self.trial, k, s) for k, s in enumerate(self.strengths.tolist())]


def interpolated(
    function: Callable[[FloatArray], FloatArray], points: FloatArray
) -> FloatArray | None:
    """Return a smooth function at many points, (n_points, ...), from few of them; else None.

    Parameters
    ----------
    function : callable
        Takes points along the first axis.
    points : (n_points,) array
        At least two different ones.
    """
    found = polynomial(function, (float(points.min()), float(points.max())))
    return None if found is None else found(points)


def polynomial(
    function: Callable[[FloatArray], FloatArray],
    between: tuple[float, float],
    *,
    missed: float = _MISSED,
    most: int = _MOST_NODES,
) -> Callable[[FloatArray], FloatArray] | None:
    """Return a function as the polynomial through its values at Chebyshev's nodes.

    These are doubled until what lies between them tells the next ones.

    Parameters
    ----------
    function : callable
        Smooth; takes points along the first axis.
    between : (float, float)
        The lowest and the highest point, not the same.
    missed : float
        By how much it may miss the next ones; of values above 1 by that share of the largest.
    most : int
        Nodes that are doubled at last.

    Returns
    -------
    callable, or None where many nodes do not tell it

    References
    ----------
    Trefethen (2013), *Approximation Theory and Approximation Practice*, chapters 2 and 8.
    """
    low, high = between

    def values_at(nodes: FloatArray) -> FloatArray:
        return function(low + (high - low) * (1 + nodes) / 2)

    n = _FEWEST_NODES
    nodes = _nodes(n)
    values = values_at(nodes)
    while n <= most:
        n *= 2
        finer = _nodes(n)
        further = values_at(finer[1::2])
        apart = np.abs(_through(nodes, values)(finer[1::2]) - further).max()
        nodes, values = finer, np.insert(values, np.arange(1, len(values)), further, axis=0)
        if apart <= missed * max(1.0, float(np.abs(values).max())):
            through = _through(nodes, values)
            return lambda points: through(2 * (points - low) / (high - low) - 1)
    return None


def _nodes(n: int) -> FloatArray:
    return np.asarray(np.cos(math.pi * np.arange(n + 1) / n))


def _through(nodes: FloatArray, values: FloatArray) -> Callable[[FloatArray], FloatArray]:
    """Return the polynomial through values at as many nodes as it has coefficients."""
    rows = values.reshape(len(nodes), -1)
    coefficients = np.linalg.solve(chebvander(nodes, len(nodes) - 1), rows)

    def at(points: FloatArray) -> FloatArray:
        found = chebvander(points, len(nodes) - 1) @ coefficients
        return np.asarray(found.reshape(-1, *values.shape[1:]))

    return at

"""Halving the step until the answer stands still."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from lupusim.common.arrays import BoolArray, FloatArray
from lupusim.common.frozen import dataclass
from lupusim.errors import NoExactSolutionError

_ROUNDING = 2e-10  # what rounding and aliasing may add
_UNRESOLVED = 1e-3
_CAUTION = 4
_FEW_STEPS = 6
_MOVED = 0.01
_OWN_GRID = 8  # times before 1/8 of the horizon may get a grid of their own


class Grid(Protocol):
    """A method bound to a law and to increasing study times above 0."""

    @property
    def times(self) -> FloatArray:
        """Study times (n_times,), years."""
        ...

    @property
    def order(self) -> int:
        """The power of the step that the error shrinks with."""
        ...

    @property
    def method(self) -> str:
        """What to call it."""
        ...

    @property
    def first_steps(self) -> int:
        """Steps to begin with."""
        ...

    @property
    def largest_steps(self) -> int:
        """Steps to give up at."""
        ...

    @property
    def largest_steps_of_sums(self) -> int:
        """Steps to give up at where years and moves are asked for."""
        ...

    @property
    def is_exact(self) -> bool:
        """Whether the answer hangs on no number of steps."""
        ...

    def evaluate(self, n_steps: int, n_levels: int) -> list[FloatArray]:
        """Return the probabilities (n_times, n_states) on ever finer grids, the last as asked."""
        ...

    def sums(self, n_steps: int, discount: float) -> FloatArray:
        """Return discounted years by state, then moves by arc, up to the last time, (n,)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """Extrapolated probabilities, what they may be off by, and the steps they took."""

    probabilities: FloatArray  # extrapolated to step 0; (n_times, n_states)
    bound: FloatArray  # largest absolute error over the states; (n_times,)
    n_steps: int  # steps up to the last time


def once(grid: Grid, n_steps: int) -> Level:
    """Return the answer of a fixed number of steps; a half and a quarter of it give the bound."""
    quarter, half, full = grid.evaluate(n_steps, 3)
    best = _extrapolated(grid, half, full)
    bound = _bound(grid, best, _extrapolated(grid, quarter, half), n_steps)
    for coarse, fine in ((quarter, half), (half, full)):
        bound = np.maximum(bound, _unresolved(coarse, fine))
    return Level(probabilities=best, bound=bound, n_steps=n_steps)


def refine(grid: Grid, tolerance: float) -> tuple[Level, BoolArray]:
    """Halve the step until every time but early ones is known to `tolerance`.

    The bound is the distance between two successive extrapolated answers, each from kernels
    computed anew. Their errors shrink by more than the factor 4 per halving, so that
    the distance exceeds three times the error of the better one.

    Returns
    -------
    level : Level
        The finest answer.
    known : (n_times,) boolean array
        Which times reached the tolerance; the others come before 1/8 of the last.

    Raises
    ------
    NoExactSolutionError
        If the largest number of steps does not suffice.
    """
    n_steps = grid.first_steps
    late = grid.times * _OWN_GRID > grid.times[-1]
    best = _extrapolated(grid, *grid.evaluate(n_steps, 2))
    bound = np.full(grid.times.size, np.inf)
    while n_steps < grid.largest_steps:
        n_steps *= 2
        coarse, fine = grid.evaluate(n_steps, 2)
        previous, best = best, _extrapolated(grid, coarse, fine)
        bound = _bound(grid, best, previous, n_steps)
        bound = np.maximum(bound, _unresolved(coarse, fine))
        known = bound <= tolerance
        if known[late].all():
            return Level(probabilities=best, bound=bound, n_steps=n_steps), known
    largest = bound[late].max()
    raise NoExactSolutionError(
        f"probabilities are asked to within {tolerance:.3g}, and by the {grid.method} they are "
        f"known to within {largest:.2g} with {n_steps:,} steps up to year {grid.times[-1]:.6g}. "
        f"Ask for earlier times, in Python for tolerance={2 * largest:.1g}, or simulate patients: "
        'lupusim.simulate(..., engine="vector")'
    )


def _extrapolated(grid: Grid, coarse: FloatArray, fine: FloatArray) -> FloatArray:
    return np.asarray(fine + (fine - coarse) / (2**grid.order - 1))


def _bound(grid: Grid, best: FloatArray, previous: FloatArray, n_steps: int) -> FloatArray:
    """Return the distance between two answers, or how far the better is from summing to 1.

    It counts four times where the order of the error cannot show yet: where the answers are
    far apart, and at times that the coarsest grid reached in a few steps.
    """
    imbalance: FloatArray = np.abs(best.sum(axis=1) - 1)
    distance: FloatArray = np.abs(best - previous).max(axis=1)
    bound = np.maximum(distance, imbalance)
    early = grid.times * (n_steps >> 2) < _FEW_STEPS * grid.times[-1]
    return np.where(early | (bound > _UNRESOLVED), _CAUTION, 1) * bound + _ROUNDING


def _unresolved(coarse: FloatArray, fine: FloatArray) -> FloatArray:
    """Return 0, or a cautious bound where halving the step still moved an answer a lot.

    Two extrapolated answers may agree by chance while stays are shorter than a step.
    """
    moved: FloatArray = np.abs(fine - coarse).max(axis=1)
    return np.where(moved > _MOVED, _CAUTION * moved, 0.0)

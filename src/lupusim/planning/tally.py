"""Sums over replicates: all that a run keeps of a block."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """A Monte Carlo estimate.

    Parameters
    ----------
    value : float
        Mean over the replicates for which the quantity exists.
    mcse : float
        Its Monte Carlo standard error.
    """

    value: float
    mcse: float


@dataclass(slots=True)
class Tally:
    """Count, sum and sum of squares of each quantity over replicates.

    Tallies of blocks are added in the order of the blocks, so that the last bit does not
    depend on which block was finished first.
    """

    sums: dict[str, tuple[int, float, float]] = field(default_factory=dict)

    @classmethod
    def of(cls, quantities: Mapping[str, ArrayLike]) -> Tally:
        """Return the tally of some replicates; NaN means that a replicate has no value."""
        sums = {}
        for name, values in quantities.items():
            array = np.asarray(values, dtype=float)
            array = array[np.isfinite(array)]
            sums[name] = (array.size, float(array.sum()), float((array**2).sum()))
        return cls(sums)

    def add(self, other: Tally) -> None:
        """Add the sums of further replicates."""
        for name, (n, total, squares) in other.sums.items():
            old_n, old_total, old_squares = self.sums.get(name, (0, 0.0, 0.0))
            self.sums[name] = (old_n + n, old_total + total, old_squares + squares)

    def mean(self, name: str) -> Mean:
        """Return the mean of a quantity; NaN where no replicate has a value."""
        n, total, _ = self.sums[name]
        if n == 0:
            return Mean(value=math.nan, mcse=math.nan)
        return Mean(value=total / n, mcse=self.standard_deviation(name) / math.sqrt(n))

    def standard_deviation(self, name: str) -> float:
        """Return the standard deviation of a quantity between replicates."""
        n, total, squares = self.sums[name]
        return math.sqrt(max(squares / n - (total / n) ** 2, 0.0)) if n else math.nan

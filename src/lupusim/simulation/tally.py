"""Sums over replicates: all that a run keeps of a block."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import field

import numpy as np
from numpy.typing import ArrayLike

from lupusim.common.arrays import BoolArray, FloatArray
from lupusim.common.frozen import dataclass
from lupusim.simulation.moments import Moments
from lupusim.simulation.quantiles import Counts, counted, quantile

_Z = 1.959963984540054  # two-sided 95 %
_ROUNDING = 1e-9
TRUTH_ERROR = "truth_error"
_FROM_TRUTH = ("true_effect", "unbiased_bias", "bias")  # what shares the truth's own error


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """A Monte Carlo estimate."""

    value: float  # mean over the replicates for which the quantity exists
    mcse: float  # its Monte Carlo standard error
    n: int = field(default=0, compare=False)
    """Replicates behind it; 0 where it is no mean over replicates."""


def limits_of_share(mean: Mean) -> tuple[float, float]:
    r"""Return the 95 % limits of a share, Wilson's score interval.

    They are honest also where none or all of the replicates had it, and the estimated standard
    error is 0: after :math:`n` replicates without one the upper limit is
    :math:`z^2 / (n + z^2)`, about :math:`3.8 / n`. Where control variates have reduced the
    error, :math:`n` is how many replicates without them have the same.

    References
    ----------
    Wilson (1927), *J. Am. Stat. Assoc.* 22, 209-212; Agresti and Coull (1998), *The American
    Statistician* 52, 119-126.
    """
    if mean.n == 0:  # exact, or nothing yet
        return (mean.value, mean.value) if mean.mcse == 0 else (math.nan, math.nan)
    seen = mean.n / reduction(mean)
    n = seen + _Z**2
    middle = (seen * mean.value + _Z**2 / 2) / n
    reach = _Z * math.sqrt(seen * mean.value * (1 - mean.value) + _Z**2 / 4) / n
    return max(middle - reach, 0.0), min(middle + reach, 1.0)


def is_better_known(share: Mean, other: Mean) -> bool:
    """Return whether the 95 % limits of a share are closer together than those of another."""
    (low, high), (least, most) = limits_of_share(share), limits_of_share(other)
    return high - low < most - least


def reduction(share: Mean) -> float:
    """Return what is left of the variance of a counted share, 1 where nothing has changed it.

    It may be more than 1 where replicates share their patients.
    """
    counted, left = share.value * (1 - share.value), share.mcse**2 * share.n
    changed = left > 0 < counted and abs(left - counted) > _ROUNDING * counted
    return left / counted if changed else 1.0


@dataclass(slots=True)
class Tally:
    """Count, sum and sum of squares of each quantity over replicates.

    Tallies of blocks are added in the order of the blocks, so that the last bit does not
    depend on which block was finished first.
    """

    sums: dict[str, tuple[int, float, float]] = field(default_factory=dict)
    """Count, sum and sum of squares by quantity."""
    counts: dict[str, Counts] = field(default_factory=dict)
    """Of the quantities whose quantiles are shown, how many replicates had which value."""
    moments: Moments | None = None  # of claims and their control variates; None without these
    n_sets: int = 0
    """Sets of patients of which each serves several replicates, the squares of whose sums over its
    replicates are divided by their number; 0 where every replicate has its own patients."""

    @classmethod
    def of(cls, quantities: Mapping[str, ArrayLike]) -> Tally:
        """Return the tally of some replicates; NaN means that a replicate has no value."""
        sums, counts = {}, {}
        # SPEED: all quantities at once, each added up as if alone (benchmarks/cases.py)
        arrays = np.array(list(quantities.values()), dtype=float, ndmin=2)
        known = np.isfinite(arrays)
        everywhere = known.all(axis=1).tolist()
        totals, squares = arrays.sum(axis=1).tolist(), np.square(arrays).sum(axis=1).tolist()
        for row, name in enumerate(quantities):
            array = arrays[row]
            sums[name] = (array.size, totals[row], squares[row])
            if not everywhere[row]:
                array = array[known[row]]
                sums[name] = (array.size, float(array.sum()), float(np.square(array).sum()))
            if (found := counted(name, array)) is not None:
                counts[name] = found
        return cls(sums, counts)

    @classmethod
    def of_sets(cls, quantities: Mapping[str, FloatArray], served: BoolArray) -> Tally:
        """Return the tally of replicates that share their patients, set by set.

        Parameters
        ----------
        quantities : mapping of str to (n_labelings, n_sets) array
            What each replicate has; none is missing.
        served : (n_labelings, n_sets) boolean array
            Which replicates there are.
        """
        each = served.sum(axis=0)
        sums = {}
        for name, values in quantities.items():
            of_set = np.where(served, values, 0.0).sum(axis=0)
            sums[name] = (int(each.sum()), float(of_set.sum()), float((of_set**2 / each).sum()))
        return cls(sums, n_sets=each.size)

    def add(self, other: Tally) -> None:
        """Add the sums of further replicates."""
        self.n_sets += other.n_sets
        for name, (n, total, squares) in other.sums.items():
            old_n, old_total, old_squares = self.sums.get(name, (0, 0.0, 0.0))
            self.sums[name] = (old_n + n, old_total + total, old_squares + squares)
        self._count(other)
        if other.moments is not None:
            own = self.moments
            self.moments = other.moments if own is None else own + other.moments

    def _count(self, other: Tally) -> None:
        for name, found in other.counts.items():
            if name in self.counts:
                self.counts[name].add(found)
            else:
                self.counts[name] = found.copy()

    def copy(self) -> Tally:
        """Return a tally that can be added to without changing this one."""
        counts = {name: found.copy() for name, found in self.counts.items()}
        return Tally(dict(self.sums), counts, self.moments, self.n_sets)

    def without_counts(self) -> Tally:
        """Return the same sums without how many replicates had which value."""
        return Tally(self.sums, {}, self.moments, self.n_sets)

    def mean(self, name: str) -> Mean:
        """Return the mean of a quantity; NaN where no replicate has a value.

        Its error holds that of a true effect that was itself simulated; of one replicate it is
        not known, and infinite.
        """
        n, total, _ = self.sums[name]
        if n == 0:
            return Mean(value=math.nan, mcse=math.nan)
        spread = self.standard_deviation(name) / math.sqrt(n) if n > 1 else math.inf
        return Mean(value=total / n, mcse=math.hypot(spread, self._truth_error(name)), n=n)

    def claims(self) -> Mean:
        """Return the share of claims, by its control variates where it has some that help."""
        plain = self.mean("reject")
        reduced = None if self.moments is None else self.moments.share()
        if reduced is None:
            return plain
        return Mean(value=reduced[0], mcse=reduced[1], n=plain.n)

    def _truth_error(self, name: str) -> float:
        for quantity in _FROM_TRUTH:
            if quantity in name:
                n, total, _ = self.sums.get(name.replace(quantity, TRUTH_ERROR), (0, 0.0, 0.0))
                return total / n if n else 0.0
        return 0.0

    def standard_deviation(self, name: str) -> float:
        """Return the standard deviation of a quantity between replicates.

        Where these share patients, that of means over a set's replicates, times the root of their
        number: the same where they are independent, and larger where they are alike.
        """
        n, total, squares = self.sums[name]
        if self.n_sets > 1:
            return math.sqrt(max(squares - total**2 / n, 0.0) / (self.n_sets - 1))
        return math.sqrt(max(squares / n - (total / n) ** 2, 0.0)) if n else math.nan

    def quantile(self, name: str, probability: float) -> Mean:
        """Return a quantile over the replicates, of a quantity in `counts`."""
        value, mcse = quantile(self.counts[name], probability)
        return Mean(value=value, mcse=mcse)


def counts_together(tallies: Sequence[Tally]) -> tuple[Tally, ...]:
    """Return the tallies of consecutive blocks with the counts of all in the first.

    They add up to the same to the bit, as counts are whole numbers, and are far smaller: blocks
    have most of their values in the same bins.
    """
    first = tallies[0].copy()
    for other in tallies[1:]:
        first._count(other)
    for counts in first.counts.values():
        counts.join()
    return first, *(other.without_counts() for other in tallies[1:])

r"""Cochran's statistic over two strata whose patients have the same chances.

With :math:`T` responders, :math:`s` of them in the first stratum, the test rejects where :math:`A`
of the new arm reach :math:`E(s) + z \sqrt{V(s)}`, a concave function of :math:`s`: not in an
interval of :math:`s` between the roots of a square. Given an arm's responders, those in the first
stratum are hypergeometric whatever the chance is: tables are gone through once for all truths.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from lupusim.analysis.numerics.binomial import log_factorials
from lupusim.common.arrays import FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.planning.theory.counts.sizes import StrataSizes
from lupusim.planning.theory.counts.stratified import Rule
from lupusim.planning.theory.counts.tables import Spans

_FAR = 8.0  # standard deviations, beyond which lies less than 1e-14
_SKEWED = 4.0  # and numbers beyond: few responders are not as good as normal
_NEARLY = 1e-9  # a root so near to a number is that number: nothing differs there
_UNHEARD = -60.0  # logarithm of what rounding hides
_HELD = 200_000  # arm sizes times responders that are held together
_AT_ONCE = 512  # cases whose numbers stay in a processor's cache


class Rest(NamedTuple):
    """What is not worked out."""

    never: float  # a chance that is none: what has no more is left
    rejects: float  # the chance that it is taken to reject with


NOTHING = Rest(never=1e-16, rejects=0.0)  # many such chances are less than 1e-11


def even_strata(
    rule: Rule,
    laws: StrataSizes,
    pair: IntArray,
    spans: Spans,
    likely: FloatArray,
    *,
    rest: Rest = NOTHING,
) -> FloatArray:
    """Return the chance to reject, given the responders of the new arm and of control.

    Parameters
    ----------
    rule : Rule
        When the statistic rejects.
    laws : StrataSizes
        The arm sizes within the first stratum and the second, with their chances.
    pair : (n_laws,) array
        The pair of arm sizes in both together that each is of.
    spans : (span, span)
        Responders of each arm in both strata together.
    likely : (n_pairs, n_new, n_control) array
        Their chance, at most: what is next to never is not worked out.
    rest : Rest
        What that is; default what nobody would notice.

    Returns
    -------
    (n_pairs, n_new, n_control) array
    """
    # SPEED: hundreds of arm sizes in few arrays (benchmarks/table.py)
    sizes, chances = laws.sizes.astype(float), laws.chances
    of_control, of_new = spans
    found = np.zeros(likely.shape)
    step = max(_HELD // (of_new[1] + of_control[1]), 1)
    for some in (slice(k, k + step) for k in range(0, len(sizes), step)):
        few, share, which = sizes[some], chances[some], pair[some]
        if rule.above:
            asked = _Asked(rule.reach, (of_new, of_control), likely, rest)
            found += _Strata.of(few).rejected(share, which, asked)
        if rule.below:  # more on control than is likely
            swapped = _Strata.of(few[:, :, ::-1])
            asked = _Asked(rule.reach, spans, likely.swapaxes(1, 2), rest)
            found += swapped.rejected(share, which, asked).swapaxes(1, 2)
    return found


class _Asked(NamedTuple):
    """What is asked of tables, seen from the arm that should respond more."""

    reach: float  # standard deviations that its responders must be beyond what is expected
    spans: Spans  # of its responders, and of those of the other arm
    likely: FloatArray  # their chance, at most, (n_pairs, n_new, n_other)
    rest: Rest


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Strata:
    """Arm sizes within two strata, and what the statistic's mean and variance are made of."""

    new: FloatArray  # patients of the arm that should respond more; (2, n_sizes, 1)
    other: FloatArray  # of the other; (2, n_sizes, 1)

    @classmethod
    def of(cls, sizes: FloatArray) -> _Strata:
        """Return them from (n_sizes, 2 strata, 2 arms) patients."""
        other, new = sizes.transpose(2, 1, 0)[..., None]
        return cls(new=new, other=other)

    def at(self, which: IntArray) -> _Strata:
        """Return some of them, a row for each."""
        return _Strata(new=self.new[:, which, 0], other=self.other[:, which, 0])

    @property
    def total(self) -> FloatArray:
        """Patients of each stratum."""
        return self.new + self.other

    @property
    def shares(self) -> FloatArray:
        """What part of each stratum's responders is expected on the new arm."""
        return np.asarray(self.new / np.maximum(self.total, 1))

    @property
    def spreads(self) -> FloatArray:
        """What the variance is, divided by responders times others of the stratum."""
        n = self.total
        return np.asarray(self.new * self.other / np.maximum(n**2 * (n - 1), 1))

    def mean(self, first: FloatArray, total: FloatArray) -> FloatArray:
        """Return the expected responders of the new arm."""
        one, two = self.shares
        return np.asarray(one * first + two * (total - first))

    def variance(self, first: FloatArray, total: FloatArray) -> FloatArray:
        """Return their variance without a difference."""
        (one, two), (n, m), second = self.spreads, self.total, total - first
        return np.asarray(one * first * (n - first) + two * second * (m - second))

    def rejected(self, chances: FloatArray, pair: IntArray, asked: _Asked) -> FloatArray:
        """Return the chance to reject by responders of the new arm and of the other.

        By pair of arm sizes in both strata; `pair` is that of each of the sizes.
        """
        reach, (of_new, of_other), likely, rest = asked
        n_total = of_new[1] + of_other[1] - 1
        least, most = self._limits(reach, np.arange(n_total, dtype=float))
        low, high = (np.ceil(np.clip(one, 0, of_new[1])).astype(np.intp) for one in (least, most))
        total, width = np.arange(n_total), of_new[1] + 1
        shape = (len(likely), n_total, width)
        falls = np.bincount(
            ((pair[:, None] * n_total + total) * width + high).ravel(),
            weights=np.broadcast_to(chances[:, None], high.shape).ravel(),
            minlength=math.prod(shape),
        )
        by_total = falls.reshape(shape).cumsum(axis=2)
        # Numbers between the limits reject or not, by where the responders are.
        low = np.maximum(np.maximum(low, of_new[0]), total - of_other[1] + 1)
        high = np.minimum(high, np.maximum(total - of_other[0] + 1, 0))
        n_unsure = np.maximum(high - low, 0).ravel()
        which, totals = (np.repeat(one.ravel(), n_unsure) for one in np.indices(high.shape))
        new = np.arange(n_unsure.sum()) - np.repeat(
            n_unsure.cumsum() - n_unsure - low.ravel(), n_unsure
        )
        pairs = pair[which]
        chance = likely[pairs, new - of_new[0], totals - new - of_other[0]] * chances[which]
        at_all = chance > rest.never
        if rest.rejects:
            place = np.ravel_multi_index((pairs, totals, new), shape)[~at_all]
            left = rest.rejects * chances[which[~at_all]]
            by_total += np.bincount(place, left, by_total.size).reshape(shape)
        pairs, which, totals, new = (one[at_all] for one in (pairs, which, totals, new))
        chance = self.at(which).chance(reach, new, totals - new)
        np.add.at(by_total, (pairs, totals, new), chances[which] * chance)
        grid_new, grid_other = np.ogrid[slice(*of_new), slice(*of_other)]
        return np.asarray(by_total[:, grid_new + grid_other, grid_new])

    def _limits(self, reach: float, total: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return below how many nothing rejects, and from how many on all do; (n_sizes, n_totals).

        Whatever numbers are in the first stratum.
        """
        (n, m), (one, two) = self.total, self.spreads
        lowest, highest = self._likely(total)
        first = np.maximum(np.maximum(total - m, 0), lowest)
        last = np.maximum(np.minimum(np.minimum(total, n), highest), first)
        at_ends = [(self.mean(end, total), self.variance(end, total)) for end in (first, last)]
        top = (one * n - two * m + 2 * two * total) / np.maximum(2 * (one + two), 1e-300)
        widest = self.variance(np.clip(top, first, last), total)
        least = np.minimum(*(mean + reach * np.sqrt(np.maximum(v, 0.0)) for mean, v in at_ends))
        most = np.maximum(*(mean for mean, _ in at_ends)) + reach * np.sqrt(np.maximum(widest, 0.0))
        some_never = np.minimum(*(v for _, v in at_ends)) <= 0
        return np.where(widest > 0, least, np.inf), np.where(some_never, np.inf, most)

    def _likely(self, total: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return between which numbers those in the first stratum lie, whoever responds."""
        parts = [arm[0] / np.maximum(arm.sum(axis=0), 1) for arm in (self.new, self.other)]
        low, high = np.minimum(*parts), np.maximum(*parts)
        far = _FAR * np.sqrt(total * np.maximum(low * (1 - low), high * (1 - high))) + 1
        return np.floor(total * low - far), np.ceil(total * high + far)

    def chance(self, reach: float, new: IntArray, other: IntArray) -> FloatArray:
        """Return the chance to reject given responders; a row of patients for each, (n_cases,)."""
        low, high = self._accepting(reach, new, new + other)
        least, most = self._within(new, other)
        found = np.where((low > high) | (high < least) | (low > most), 1.0, 0.0)
        # SPEED: half of the cases are as good as certain (benchmarks/table.py)
        unsure = np.flatnonzero((found == 0) & ((low > least) | (high < most)))
        if not unsure.size:
            return found
        arms = (
            _FirstOfArm.of(self.new[:, unsure], new[unsure]),
            _FirstOfArm.of(self.other[:, unsure], other[unsure]),
        )
        found[unsure] = 1 - _between(arms, low[unsure], high[unsure])
        return found

    def _within(self, new: IntArray, other: IntArray) -> tuple[FloatArray, FloatArray]:
        """Return between which numbers those in the first stratum lie, given responders."""
        arms = [_moments(self.new, new), _moments(self.other, other)]
        mean, variance = (sum(parts) for parts in zip(*arms, strict=True))
        far = _FAR * np.sqrt(variance) + _SKEWED
        return mean - far, mean + far

    def _accepting(self, reach: float, new: IntArray, total: IntArray) -> tuple[IntArray, IntArray]:
        """Return the least and the largest number in the first stratum that does not reject."""
        (n, m), (one, two), (share, other_share) = self.total, self.spreads, self.shares
        # new - mean = a - b s, variance = v0 + v1 s + v2 s^2
        a, b = new - other_share * total, share - other_share
        v0, v1, v2 = two * total * (m - total), one * n - two * m + 2 * two * total, -(one + two)
        square, line, rest = b**2 - reach**2 * v2, -2 * a * b - reach**2 * v1, a**2 - reach**2 * v0
        with np.errstate(invalid="ignore", divide="ignore"):
            half = np.sqrt(line**2 - 4 * square * rest) / (2 * square)
            middle, turn = -line / (2 * square), a / b
        low, high = np.ceil(middle - half - _NEARLY), np.floor(middle + half + _NEARLY)
        # Where `new` is below the mean nothing rejects either, on one side of the turn.
        inside = np.abs(turn - middle) <= half + _NEARLY
        below = ~inside & (a < b * np.maximum(total - m, 0))
        low = np.where(below | (inside & (b < 0)), -1, np.where(half >= 0, low, 1))
        high = np.where(below | (inside & (b > 0)), n + 1, np.where(half >= 0, high, 0))
        return low.astype(np.intp), high.astype(np.intp)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _FirstOfArm:
    """Laws of how many of an arm's responders are in the first stratum, each different one once."""

    begin: IntArray  # the least number, (n_laws,)
    chances: FloatArray  # of the numbers from there on, (n_laws, n_numbers)
    which: IntArray  # the law of each case, (n_cases,)

    @classmethod
    def of(cls, patients: FloatArray, responders: IntArray) -> _FirstOfArm:
        """Return them for patients of the arm by stratum, (2, n_cases), and responders in both."""
        cases = np.array([*patients.astype(np.intp), responders])
        top = int(cases.max(initial=0)) + 1
        _, first, which = np.unique(
            (cases[0] * top + cases[1]) * top + cases[2], return_index=True, return_inverse=True
        )
        begin, chances = _hypergeometric(cases[:, first])
        return cls(begin=begin, chances=chances, which=which)


def _between(arms: Sequence[_FirstOfArm], low: IntArray, high: IntArray) -> FloatArray:
    """Return the chance that both arms together have from `low` to `high`, (n_cases,)."""
    long, short = sorted(arms, key=lambda arm: len(arm.chances))
    width = short.chances.shape[1]
    # SPEED: a sum over one arm is a product with a stretch of the other (benchmarks/table.py)
    below = np.zeros((len(long.chances), long.chances.shape[1] + 2 * width))
    up_to = np.cumsum(long.chances, axis=1, out=below[:, width:-width])
    below[:, -width:] = up_to[:, -1:]
    stretches = sliding_window_view(below.ravel(), width)
    turned = short.chances[:, ::-1]
    found = np.empty(low.size)
    begin = short.begin[short.which] + long.begin[long.which]
    last = below.shape[1] - width
    ends = [np.clip(end - begin, 0, last) + long.which * below.shape[1] for end in (low, high + 1)]
    for some in (slice(k, k + _AT_ONCE) for k in range(0, low.size, _AT_ONCE)):
        within = stretches[ends[1][some]] - stretches[ends[0][some]]
        found[some] = np.einsum("ij,ij->i", turned[short.which[some]], within)
    return found


def _moments(
    patients: FloatArray | IntArray, responders: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Return mean and variance of how many of an arm's responders are in the first stratum."""
    n, other = patients
    total = n + other
    mean = responders * n / np.maximum(total, 1)
    left = other / np.maximum(total, 1) * (total - responders) / np.maximum(total - 1, 1)
    return mean, mean * left


def _hypergeometric(cases: IntArray) -> tuple[IntArray, FloatArray]:
    """Return from which number on an arm's responders may be in the first stratum, and chances.

    Parameters
    ----------
    cases : (3, n_cases) array
        Patients of the arm in each stratum, and responders in both.
    """
    n, other, both = cases
    total = n + other
    mean, variance = _moments(cases[:2], both)
    far = _FAR * np.sqrt(variance) + 1
    low = np.maximum(np.maximum(both - other, 0), np.floor(mean - far).astype(np.intp))
    high = np.minimum(np.minimum(both, n), np.ceil(mean + far).astype(np.intp))
    logs = log_factorials(int(total.max(initial=0)))
    in_all = logs[total] - logs[both] - logs[total - both]
    width = int((high - low).max(initial=0)) + 1
    sizes, place = np.unique(cases[:2], return_inverse=True)
    # SPEED: ways to choose are looked up by stretches (benchmarks/table.py)
    ways = _log_ways(sizes, width)
    stretches, (row, other_row) = sliding_window_view(ways, width, axis=1), place.reshape(2, -1)
    logs = stretches[row, low + width]
    logs += stretches[other_row, both - low + 1][:, ::-1]
    logs -= in_all[:, None]
    logs[logs < _UNHEARD] = -np.inf  # SPEED: a processor is slow with numbers close to its least
    return low, np.exp(logs, out=logs)


def _log_ways(sizes: IntArray, width: int) -> FloatArray:
    """Return the logs of how many ways there are to choose -width, 1 - width, ... of each."""
    most = int(sizes.max(initial=0))
    logs, numbers = log_factorials(most), np.arange(most + 1)
    found = np.full((sizes.size, most + 1 + 2 * width), -np.inf)
    left = sizes[:, None] - numbers
    chosen = logs[sizes][:, None] - logs - logs[np.maximum(left, 0)]
    found[:, width : width + most + 1] = np.where(left >= 0, chosen, -np.inf)
    return found

r"""Cochran's statistic over one or two strata, given how many respond in all on each arm.

With :math:`S = A + C` responders, :math:`s` of them in the first stratum, the test rejects where

.. math:: A - E(s, S - s) \ge z_{1-\alpha} \sqrt{V(s, S - s)}

so that of a table only :math:`A`, :math:`C` and :math:`s` matter. Given :math:`A` and :math:`C`,
:math:`s` is a sum of two hypergeometric numbers, noncentral where chances differ by stratum.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from lupusim.analysis.numerics.binomial import binomial_row
from lupusim.analysis.proportions.cochran_mantel_haenszel import given_responders
from lupusim.common.arrays import BoolArray, FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.planning.theory.counts.sizes import Sizes
from lupusim.planning.theory.counts.tables import Spans
from lupusim.trial import Better

_NEVER = np.inf
_NEGLIGIBLE = 1e-13


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """When a statistic that is normal without a difference rejects."""

    alpha: float
    sided: int  # 1 or 2
    better: Better  # direction of benefit

    @property
    def reach(self) -> float:
        """How many standard deviations it must be beyond what is expected."""
        from scipy.special import ndtri

        return float(-ndtri(self.alpha / self.sided))

    @property
    def below(self) -> bool:
        """Whether few responders reject."""
        return self.sided == 2 or self.better is Better.FEWER

    @property
    def above(self) -> bool:
        """Whether many responders reject."""
        return self.sided == 2 or self.better is Better.MORE

    def limits(self, expected: FloatArray, variance: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return up to how many, and from how many responders on it rejects."""
        reach = self.reach * np.sqrt(variance)
        known = variance > 0
        low = np.where(known & self.below, expected - reach, -_NEVER)
        return low, np.where(known & self.above, expected + reach, _NEVER)


def one_stratum(rule: Rule, sizes: Sizes, spans: Spans) -> FloatArray:
    """Return 1 where responders of the new arm (rows) and of control (columns) reject, else 0."""
    control, new = _grid(spans)
    expected, variance = given_responders(new + control, float(sizes[1]), float(sizes[0]))
    low, high = rule.limits(expected, variance)
    return np.asarray((new <= low) | (new >= high), dtype=float)


def two_strata(
    rule: Rule,
    strata: tuple[Sizes, Sizes],
    spans: Spans,
    chances: tuple[tuple[float, float], tuple[float, float]],
) -> FloatArray:
    """Return the chance to reject, given the responders of the new arm (rows) and of control.

    Parameters
    ----------
    rule : Rule
        When the statistic rejects.
    strata : (sizes, sizes)
        Arm sizes within each stratum.
    spans : (span, span)
        Responders of each arm in both strata together.
    chances : ((float, float), (float, float))
        Of a response on control, and on the new arm, in each stratum.
    """
    control, new = _grid(spans)
    responders = (new + control).astype(np.intp)
    first, inside = _firsts(strata, int(responders.max(initial=0)))
    low, high = _limits(rule, strata, first)
    found = _certain(responders, new, (low, high), inside)
    rows, columns = np.nonzero(np.isnan(found))
    if rows.size:
        total = responders[rows, columns]
        law = _law_of_first(strata, (new[rows, columns], control[rows, columns]), chances)
        weight = np.take_along_axis(law, first[total], axis=1) * inside[total]
        counts = new[rows, columns, None]
        wins = (counts <= low[total]) | (counts >= high[total])
        found[rows, columns] = (weight * wins).sum(axis=1)
    return found


def _grid(spans: Spans) -> tuple[FloatArray, FloatArray]:
    control, new = (np.arange(*span, dtype=float) for span in spans)
    grids = np.meshgrid(new, control, indexing="ij")
    return grids[1], grids[0]


def _firsts(strata: tuple[Sizes, Sizes], most: int) -> tuple[IntArray, BoolArray]:
    """Return the responders that the first stratum may have, by those of both, and whether.

    Shape (most + 1, n_numbers).
    """
    n, other = sum(strata[0]), sum(strata[1])
    total = np.arange(most + 1)
    low, high = np.maximum(total - other, 0), np.minimum(total, n)
    numbers = low[:, None] + np.arange(int((high - low).max(initial=0)) + 1)
    inside = numbers <= high[:, None]
    return np.where(inside, numbers, low[:, None]), np.asarray(inside)


def _limits(
    rule: Rule, strata: tuple[Sizes, Sizes], first: IntArray
) -> tuple[FloatArray, FloatArray]:
    """Return the limits by responders of both strata and of the first, shape of `first`."""
    (control, new), (other_control, other_new) = strata
    second = np.arange(len(first))[:, None] - first
    expected, variance = given_responders(first.astype(float), float(new), float(control))
    more, further = given_responders(second.astype(float), float(other_new), float(other_control))
    return rule.limits(expected + more, variance + further)


def _certain(
    responders: IntArray, new: FloatArray, limits: tuple[FloatArray, FloatArray], inside: BoolArray
) -> FloatArray:
    """Return 1 where counts reject wherever the responders are, 0 where nowhere, else NaN."""
    # SPEED: the law of the first stratum is needed for the few pairs in between
    low, high = limits
    (least_low, most_low), (least_high, most_high) = (
        (
            np.where(inside, one, _NEVER).min(axis=1)[responders],
            np.where(inside, one, -_NEVER).max(axis=1)[responders],
        )
        for one in (low, high)
    )
    always = (new >= most_high) | (new <= least_low)
    never = (new < least_high) & (new > most_low)
    return np.where(always, 1.0, np.where(never, 0.0, np.nan))


def _law_of_first(
    strata: tuple[Sizes, Sizes],
    pairs: tuple[FloatArray, FloatArray],
    chances: tuple[tuple[float, float], tuple[float, float]],
) -> FloatArray:
    """Return the chance of each number of responders in the first stratum, (n_pairs, n + 1)."""
    (control, new), (other_control, other_new) = strata
    of_new = _hypergeometric(new, other_new, pairs[0], chances[1])
    of_control = _hypergeometric(control, other_control, pairs[1], chances[0])
    law = np.zeros((pairs[0].size, new + control + 1))
    (begin, few), (other_begin, many) = sorted(
        (_trimmed(of_new), _trimmed(of_control)), key=lambda part: part[1].shape[1]
    )
    for k in range(few.shape[1]):
        first = begin + other_begin + k
        law[:, first : first + many.shape[1]] += few[:, k : k + 1] * many
    return law


def _trimmed(law: FloatArray) -> tuple[int, FloatArray]:
    """Return the first number that may be in any row, and the chances of those from there on."""
    may_be = np.flatnonzero(law.max(axis=0) > _NEGLIGIBLE)
    return int(may_be[0]), law[:, may_be[0] : may_be[-1] + 1]


@lru_cache(maxsize=1024)
def _row(n: int, chance: float) -> FloatArray:
    return binomial_row(n, chance)


def _hypergeometric(
    n: int, other: int, responders: FloatArray, chances: tuple[float, float]
) -> FloatArray:
    """Return the chance that 0 to `n` of so many responders are in the first stratum."""
    first, second = _row(n, chances[0]), _row(other, chances[1])
    rest = responders[:, None].astype(np.intp) - np.arange(n + 1)
    inside = (rest >= 0) & (rest <= other)
    law = np.where(inside, first * second[np.clip(rest, 0, other)], 0.0)
    total = law.sum(axis=1, keepdims=True)
    return np.asarray(law / np.where(total > 0, total, 1.0))

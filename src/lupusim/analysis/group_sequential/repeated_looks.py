"""Bounds of looks that bring nothing new: the statistic is that of the look before.

A look may be held on data that are complete already, or in a trial that has run out of events.
It keeps the bound that the file states for it. To judge the same statistic twice by one bound
costs no alpha; where the bounds of such looks differ, the least of them is what is spent. The
last look of the file is the last look: it spends what is left, as if it alone had those data.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from lupusim.analysis.group_sequential.bounds import Bounds
from lupusim.analysis.group_sequential.efficacy import (
    EfficacyAt,
    EfficacyBounds,
    EfficacyRule,
)
from lupusim.analysis.group_sequential.futility import BetaSpending, FutilityBounds, FutilityRule
from lupusim.common.arrays import BoolArray, FloatArray, IntArray

Planner = Callable[[FloatArray], Bounds]
"""Return the design of looks with this information, NaN where one is not held."""


def repeats(known: FloatArray) -> BoolArray:
    """Return in which rows a look brings nothing new; those before the first data don't count.

    Parameters
    ----------
    known : (n_replicates, n_looks) array
        Information; NaN at looks that add none to the look before.
    """
    held = ~np.isnan(known)
    return np.asarray((~held & np.logical_or.accumulate(held, axis=1)).any(axis=1))


def strictness(rule: str | EfficacyRule, n_looks: int) -> FloatArray:
    """Return the least bound that a look may have by its file, (n_looks,): ``inf`` for none."""
    if isinstance(rule, EfficacyAt):
        named = np.isin(np.arange(1, n_looks + 1), rule.looks)
        return np.where(named, 0.0, np.inf)
    if isinstance(rule, EfficacyBounds):
        return np.array([*rule.z, 0.0 if rule.last is None else rule.last])
    return np.zeros(n_looks)


def with_repeats(
    plan: Planner,
    rules: tuple[str | EfficacyRule, FutilityRule | None],
    known: FloatArray,
    *,
    least_gain: float,
) -> FloatArray:
    """Return efficacy and futility bounds of rows with looks that bring nothing new.

    Parameters
    ----------
    plan : callable
        The design of the looks that are held.
    rules : tuple
        Its efficacy rule, and that of futility or None.
    known : (n_replicates, n_looks) array
        Information, NaN at looks that add none; the same looks in every row.
    least_gain : float
        Of the information that counts as new.

    Returns
    -------
    (2, n_replicates, n_looks) array
    """
    strict = strictness(rules[0], known.shape[1])
    futility = _Repeated(plan, known, _may_give_up(rules[1], strict), least_gain).solved()[1]
    efficacy, stated = _Repeated(plan, known, strict, least_gain).solved()
    if not isinstance(rules[1], BetaSpending):
        futility = stated
    if isinstance(rules[1], FutilityBounds):
        futility[:, :-1] = np.where(np.isnan(known[:, :-1]), rules[1].z, futility[:, :-1])
        futility[:, :-1][~_begun(known)[:, :-1]] = -np.inf
    return np.stack([efficacy, futility])


def _may_give_up(rule: FutilityRule | None, strict: FloatArray) -> FloatArray:
    """Return 0 where a look spends beta, ``inf`` where it doesn't; `strict` without such a rule."""
    if not isinstance(rule, BetaSpending) or rule.looks is None:
        return strict
    return np.where(np.isin(np.arange(1, strict.size + 1), rule.looks), 0.0, np.inf)


def _begun(known: FloatArray) -> BoolArray:
    return np.asarray(np.logical_or.accumulate(~np.isnan(known), axis=1))


class _Repeated:
    """Rows of trials in which the same looks bring nothing new.

    Looks with the same data make a group, which one of them stands for: the one with the least
    bound, or in the last group the last look.
    """

    def __init__(
        self, plan: Planner, known: FloatArray, strict: FloatArray, least_gain: float
    ) -> None:
        self.plan, self.strict, self.least_gain = plan, strict, least_gain
        self.group: IntArray = np.cumsum(~np.isnan(known[0])) - 1
        self.n_looks = known.shape[1]
        self.information = known[:, ~np.isnan(known[0])]  # of each group

    def solved(self) -> tuple[FloatArray, FloatArray]:
        """Return efficacy and futility bounds, shape of the information."""
        shape = (len(self.information), self.n_looks)
        efficacy, futility = np.full(shape, np.inf), np.full(shape, -np.inf)
        ended = self.plan(self._placed(last_is_apart=False))
        going = self.plan(self._placed(last_is_apart=True)) if self._last_repeats else ended
        last = self.n_looks - 1
        for look in range(self.n_looks):
            if self.group[look] < 0:
                continue
            of_last = self.group[look] == self.group[last]
            design = going if of_last and look < last else ended
            column = last if look == last else self._stands_for(self.group[look], self._early)
            efficacy[:, look] = np.maximum(design.efficacy[:, column], self.strict[look])
            if np.isfinite(self.strict[look]) or column == look:
                most = ended.efficacy[:, last] if of_last else np.inf  # nothing else comes
                futility[:, look] = np.minimum(design.futility[:, column], most)
        efficacy[:, last], futility[:, last] = ended.efficacy[:, last], ended.futility[:, last]
        return efficacy, futility

    @property
    def _last_repeats(self) -> bool:
        return bool(np.count_nonzero(self.group == self.group[-1]) > 1)

    @property
    def _early(self) -> BoolArray:
        """All looks but a last one that brings nothing new."""
        looks = np.ones(self.n_looks, dtype=bool)
        looks[-1] = not self._last_repeats
        return looks

    def _stands_for(self, group: int, among: BoolArray) -> int:
        members = np.flatnonzero((self.group == group) & among)
        return int(members[self.strict[members].argmin()])

    def _placed(self, *, last_is_apart: bool) -> FloatArray:
        """Return the information at the looks that stand for all, NaN at the others."""
        placed = np.full((len(self.information), self.n_looks), np.nan)
        n_groups = self.information.shape[1]
        for group in range(n_groups):
            is_last = group == n_groups - 1 and self._last_repeats and not last_is_apart
            column = self.n_looks - 1 if is_last else self._stands_for(group, self._early)
            placed[:, column] = self.information[:, group]
        if last_is_apart:
            placed[:, -1] = self.information[:, -1] + self.least_gain
        return placed

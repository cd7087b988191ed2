"""Rules that set the efficacy bounds: by spending alpha, or by a classic shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol, runtime_checkable

import numpy as np

from lupusim.analysis.group_sequential.recursion import (
    Looks,
    Solution,
    find_root,
    probit,
    solve_bounds,
)
from lupusim.analysis.group_sequential.spending import Spending, named_spending
from lupusim.common.arrays import BoolArray, FloatArray, IntArray
from lupusim.common.frozen import dataclass

_ROUNDING = 1e-9


@runtime_checkable
class EfficacyRule(Protocol):
    """A way to set efficacy bounds."""

    def solve(self, looks: Looks) -> Solution:
        """Return the bounds of the looks asked for."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BySpending:
    """Spend alpha by a function of the information fraction; what was skipped is spent later.

    Examples
    --------
    >>> from lupusim.analysis.group_sequential import HwangShihDeCani, bounds
    >>> rule = BySpending(spending=HwangShihDeCani(gamma=-4.0))
    >>> bounds([1, 2], spending=rule).efficacy.round(3).tolist()
    [2.75, 1.981]
    """

    spending: Spending

    def solve(self, looks: Looks) -> Solution:
        """Return the bounds of the looks asked for."""
        spent = self.spending.spent(looks.fraction, looks.alpha[:, None])
        return solve_bounds(_closed_where_untested(looks), spent)


@dataclass(frozen=True, slots=True, kw_only=True)
class WangTsiatis:
    r"""One constant for all looks: :math:`c\,t_k^{\Delta - 1/2}`.

    Parameters
    ----------
    delta : float
        0 is O'Brien and Fleming's test, 1/2 Pocock's.

    Raises
    ------
    ValueError
        If `delta` is not finite.

    References
    ----------
    Wang and Tsiatis (1987), *Biometrics* 43:193; Jennison and Turnbull (2000), section 2.7.

    Examples
    --------
    >>> from lupusim.analysis.group_sequential import bounds
    >>> pocock = WangTsiatis(delta=0.5)
    >>> bounds([1, 2], alpha=0.05, sided=2, spending=pocock).efficacy.round(3).tolist()
    [2.178, 2.178]
    """

    delta: float

    def __post_init__(self) -> None:
        if not np.isfinite(self.delta):
            raise ValueError(f"delta={self.delta!r} must be a finite number, such as 0.25")

    def solve(self, looks: Looks) -> Solution:
        """Return the bounds of the looks asked for."""
        shape = (looks.information / looks.information[:, -1:]) ** (self.delta - 0.5)

        def solution(constant: FloatArray) -> Solution:
            bound = np.where(np.isnan(looks.efficacy), constant[:, None] * shape, looks.efficacy)
            closed = _closed_where_untested(replace(looks, efficacy=bound))
            return solve_bounds(closed, np.zeros_like(shape))

        def excess(constant: FloatArray) -> FloatArray:
            return probit(solution(constant).alpha_spent[:, -1]) - probit(looks.alpha)

        low = np.full(looks.alpha.shape, 0.0)
        return solution(find_root(excess, low, low + 12.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class HaybittlePeto:
    """One strict bound at every look but the last, which spends what is left.

    Parameters
    ----------
    bound : float
        z bound before the last look; higher where it would spend more than alpha.

    Raises
    ------
    ValueError
        If `bound` is not above 0.

    References
    ----------
    Haybittle (1971), *British Journal of Radiology* 44:793; Peto et al. (1976), *British Journal
    of Cancer* 34:585.

    Examples
    --------
    >>> from lupusim.analysis.group_sequential import bounds
    >>> bounds([1, 2], spending=HaybittlePeto()).efficacy.round(3).tolist()
    [3.0, 1.967]
    """

    bound: float = 3.0

    def __post_init__(self) -> None:
        if not self.bound > 0:
            raise ValueError(f"bound={self.bound!r} must be above 0, such as 3")

    def solve(self, looks: Looks) -> Solution:
        """Return the bounds of the looks asked for."""
        bound = np.where(np.isnan(looks.efficacy), self.bound, looks.efficacy)
        bound[:, -1] = looks.efficacy[:, -1]
        return _within_alpha(looks, _closed_where_untested(replace(looks, efficacy=bound)))


@dataclass(frozen=True, slots=True, kw_only=True)
class EfficacyAt:
    """Declare efficacy at some looks only.

    Parameters
    ----------
    looks : sequence of int
        Looks at which efficacy may be declared, counted from 1.
    rule : name, spending function or efficacy rule
        How the bounds of those looks are set.

    Raises
    ------
    ValueError
        If no look is named, a look does not exist, or the last is left out: alpha that can no
        longer be spent would be lost.

    Examples
    --------
    >>> EfficacyAt(looks=(3,), rule="obrien_fleming").looks  # futility only before the end
    (3,)
    """

    looks: Sequence[int]
    rule: str | Spending | EfficacyRule

    def solve(self, looks: Looks) -> Solution:
        """Return the bounds of the looks asked for."""
        tested = held_looks(self.looks, looks)
        if looks.planned not in self.looks:
            raise ValueError(f"looks={self.looks!r} must include the last look, {looks.planned}")
        tested[-1] = True  # a trial that ends early may still spend what is left
        return efficacy_rule(self.rule).solve(replace(looks, tested=tested))


@dataclass(frozen=True, slots=True, kw_only=True)
class EfficacyBounds:
    """Efficacy bounds given on the z scale; the last look spends the alpha that is left.

    Parameters
    ----------
    z : sequence of float
        A bound for each look but the last; ``inf`` where a look has none.
    last : float or None
        Bound of the last look; None for what the alpha that is left buys. Then no look spends
        more than alpha: its bound is raised.

    Raises
    ------
    ValueError
        If a bound is not above 0, or (when solved) there are not as many as looks but the last.

    Examples
    --------
    >>> from lupusim.analysis.group_sequential import bounds
    >>> bounds([1, 2], spending=EfficacyBounds(z=(3.0,))).efficacy.round(4).tolist()
    [3.0, 1.9673]
    """

    z: Sequence[float]
    last: float | None = None

    def __post_init__(self) -> None:
        given = self.z if self.last is None else [*self.z, self.last]
        if not all(bound > 0 for bound in given):
            raise ValueError(f"z={self.z!r} and last={self.last!r} must be above 0")

    def solve(self, looks: Looks) -> Solution:
        """Return the bounds of the looks asked for."""
        if len(self.z) != looks.planned - 1:
            raise ValueError(
                f"z={self.z!r} must be {looks.planned - 1} bounds: one for each look but the last"
            )
        given = np.array([*self.z, np.nan if self.last is None else self.last])[looks.number - 1]
        bound = np.where(np.isnan(looks.efficacy), given, looks.efficacy)
        if self.last is None:
            bound[:, -1] = looks.efficacy[:, -1]
            return _within_alpha(looks, replace(looks, efficacy=bound))
        spent = np.broadcast_to(looks.alpha[:, None], bound.shape)
        return solve_bounds(replace(looks, efficacy=bound), spent)


def held_looks(looks: Sequence[int] | IntArray, held: Looks) -> BoolArray:
    """Return which of the looks that are held are named.

    Raises
    ------
    ValueError
        If a look is named that was not planned, or none is.
    """
    if len(looks) == 0 or not all(1 <= look <= held.planned for look in looks):
        raise ValueError(f"looks={looks!r} must name some of the looks 1 to {held.planned}")
    return np.isin(held.number, looks)


def efficacy_rule(rule: str | Spending | EfficacyRule) -> EfficacyRule:
    """Return the rule that a name, a spending function or a rule stands for.

    Raises
    ------
    ValueError
        If it is none of these.
    """
    if isinstance(rule, str):
        return BySpending(spending=named_spending(rule))
    if isinstance(rule, EfficacyRule):
        return rule
    if isinstance(rule, Spending):
        return BySpending(spending=rule)
    raise ValueError(
        f"spending={rule!r} must be a name, an object with a method spent(fraction, error), or a "
        "rule such as WangTsiatis(delta=0.25)"
    )


def _within_alpha(asked: Looks, given: Looks) -> Solution:
    """Return the bounds given before the last look, raised from where on they overspend alpha.

    So does a hypothesis with a small share of alpha. Bounds that were used already stay.
    """
    spent = np.broadcast_to(asked.alpha[:, None], given.efficacy.shape)
    found = solve_bounds(given, spent)
    over = (found.alpha_spent > spent * (1 + _ROUNDING)) & np.isnan(asked.efficacy)
    over[:, -1] = False
    if not over.any():
        return found
    return solve_bounds(replace(given, efficacy=np.where(over, np.nan, given.efficacy)), spent)


def _closed_where_untested(looks: Looks) -> Looks:
    return replace(looks, efficacy=np.where(looks.tested, looks.efficacy, np.inf))

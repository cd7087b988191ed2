"""The bounds of a group-sequential design, for one plan or for the looks of many trials."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from lupusim.analysis.group_sequential.efficacy import EfficacyRule, efficacy_rule
from lupusim.analysis.group_sequential.futility import FutilityRule, NoFutility
from lupusim.analysis.group_sequential.recursion import Looks, Solution
from lupusim.analysis.group_sequential.spending import Spending
from lupusim.common.arrays import BoolArray, FloatArray, read_only
from lupusim.common.frozen import dataclass
from lupusim.common.shown import Shown

_CHUNK = 64  # designs integrated together; more leave the cache (benchmarks/sequential.py)
_LEAST_STEP = 1e-4  # of the information: below, the grid would need more points than is sensible


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Bounds(Shown):
    """Bounds of a group-sequential design, z scale, large z in favor of the experimental arm.

    Parameters
    ----------
    information : (n_looks,) or (n_replicates, n_looks) array
        Information of each look, in any unit; NaN where a look was not held.
    maximum_information : float or (n_replicates,) array
        Information planned for the last look.
    alpha : float or (n_replicates,) array
        Error spent in all, in both tails together if two-sided.
    sided : int
        1 or 2. Two-sided bounds are the efficacy bounds and their negatives.
    efficacy, futility : array like `information`
        Reject at or above, stop for futility at or below; infinite where a look has none.
        At the last look of a design with futility bounds the two are equal.
    alpha_spent, beta_spent : array like `information`
        Cumulative errors; NaN where beta is not spent.
    drift : float or (n_replicates,) array
        Expected z at the maximum information under which beta is spent, or NaN.
    rule, futility_rule : object
        The rules that set the bounds.

    Examples
    --------
    >>> from lupusim.analysis.group_sequential import bounds
    >>> design = bounds([1, 2, 3], spending="obrien_fleming")
    >>> design.efficacy.round(3).tolist()
    [3.71, 2.511, 1.993]
    """

    information: FloatArray
    maximum_information: FloatArray
    alpha: FloatArray
    sided: int
    efficacy: FloatArray
    futility: FloatArray
    alpha_spent: FloatArray
    beta_spent: FloatArray
    drift: FloatArray
    rule: EfficacyRule
    futility_rule: FutilityRule

    def __post_init__(self) -> None:
        for name in _ARRAYS:
            object.__setattr__(self, name, read_only(getattr(self, name)))

    @property
    def n_looks(self) -> int:
        """Number of looks."""
        return int(self.information.shape[-1])

    @property
    def information_fraction(self) -> FloatArray:
        """Information of each look as a fraction of the planned maximum."""
        fraction: FloatArray = self.information / self.maximum_information[..., None]
        return fraction

    @property
    def stage_p_value(self) -> FloatArray:
        """One-sided p-value at or below which each look rejects."""
        from scipy.special import ndtr

        p_value: FloatArray = ndtr(-self.efficacy)
        return p_value

    def ignoring_futility(self) -> Bounds:
        """Return the same efficacy bounds in a trial that never stops for futility."""
        return replace(self, futility=np.full_like(self.futility, -np.inf))


_ARRAYS = (
    "information",
    "maximum_information",
    "alpha",
    "efficacy",
    "futility",
    "alpha_spent",
    "beta_spent",
    "drift",
)


def bounds(
    information: ArrayLike,
    alpha: float | FloatArray = 0.025,
    *,
    sided: int = 1,
    spending: str | Spending | EfficacyRule = "obrien_fleming",
    futility: FutilityRule | None = None,
    maximum_information: float | None = None,
) -> Bounds:
    """Return the bounds of a group-sequential design.

    Parameters
    ----------
    information : (n_looks,) or (n_replicates, n_looks) array-like
        Information of each look in any unit (fraction, events, 1/variance), increasing. With two
        dimensions every row is a trial; NaN marks a look that was not held. Equal rows are
        computed once.
    alpha : float or (n_replicates,) array
        Error to spend, in both tails together if two-sided.
    sided : int
        1, or 2 for bounds symmetrical about 0.
    spending : name, spending function or efficacy rule
        ``"obrien_fleming"`` and ``"pocock"`` are the spending functions of Lan and DeMets; also
        `HwangShihDeCani`, `KimDeMets`, `UserSpending`, any object with a method
        ``spent(fraction, error)``, `WangTsiatis`, `HaybittlePeto`, `EfficacyAt`.
    futility : BetaSpending, FutilityBounds or None
        Rule of the futility bounds; only for a one-sided design.
    maximum_information : float or None
        Information planned for the last look, where that differs from the information it has.
        Looks before the last spend by their fraction of it, at most 1; the last look held spends
        whatever is left, be it early (under-running) or late (over-running).

    Returns
    -------
    Bounds
        Bounds and cumulative errors, of the shape of `information`. Crossing probabilities are
        accurate to 1e-10.

    Raises
    ------
    ValueError
        If information does not increase, alpha is out of range, a name is unknown, or futility
        is asked of a two-sided design.

    References
    ----------
    Jennison and Turnbull (2000), *Group Sequential Methods*, chapters 2, 7 and 19.

    Examples
    --------
    >>> design = bounds([67, 134, 200], alpha=0.025, spending="obrien_fleming")
    >>> design.efficacy.round(5).tolist()
    [3.70023, 2.50411, 1.99373]
    """
    held = _checked(information)
    error = _checked_alpha(alpha, sided, len(held))
    if sided == 2 and futility is not None:
        raise ValueError(
            "futility bounds need sided=1: a two-sided design cannot stop for futility"
        )
    last = np.nanmax(held, axis=1)
    maximum = last if maximum_information is None else np.full(last.shape, maximum_information)
    if not np.all(maximum > 0):
        raise ValueError(f"maximum_information={maximum_information!r} must be above 0")
    problem = _Problem(efficacy_rule(spending), futility or NoFutility(), sided)
    solved = _distinct(problem.solve, np.column_stack([held, error, maximum]))
    return _assembled(problem, np.asarray(information, dtype=float), alpha, (solved, maximum))


def update(
    design: Bounds, information: ArrayLike, *, efficacy_used: ArrayLike | None = None
) -> Bounds:
    """Recompute the bounds at the information the looks so far really had.

    Parameters
    ----------
    design : Bounds
        The plan, of one dimension.
    information : (n_seen,) array-like
        Information of the looks held so far, in the unit of the plan. The planned looks that are
        still to come follow; if all are held the last one spends what is left.
    efficacy_used : (n_used,) array-like or None
        Efficacy bounds that earlier looks were judged by. They are kept, the alpha they spent is
        counted, and the next look makes up for the difference.

    Returns
    -------
    Bounds
        Of the same alpha, rules and planned maximum.

    Raises
    ------
    ValueError
        If the plan is that of many trials, or there are more looks than planned.

    Examples
    --------
    >>> from lupusim.analysis.group_sequential import bounds
    >>> update(bounds([1, 2]), [1.2, 2.0]).efficacy.round(3).tolist()
    [2.669, 1.981]
    """
    seen = np.atleast_1d(np.asarray(information, dtype=float))
    if design.information.ndim != 1 or seen.ndim != 1 or seen.size > design.n_looks:
        raise ValueError(
            f"information={information!r} must be at most {design.n_looks} numbers, for one plan"
        )
    to_come = design.information[seen.size :]
    used = np.asarray([] if efficacy_used is None else efficacy_used, dtype=float)
    return bounds(
        np.append(seen, to_come),
        float(design.alpha),
        sided=design.sided,
        spending=_Kept(rule=design.rule, used=used) if used.size else design.rule,
        futility=None if isinstance(design.futility_rule, NoFutility) else design.futility_rule,
        maximum_information=float(design.maximum_information),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """A rule for the looks to come, after looks that used bounds of their own."""

    rule: EfficacyRule
    used: FloatArray

    def solve(self, looks: Looks) -> Solution:
        if self.used.size > looks.last:
            raise ValueError(f"efficacy_used={self.used!r} must leave at least one look to come")
        kept = looks.efficacy.copy()
        kept[:, : self.used.size] = self.used
        return self.rule.solve(replace(looks, efficacy=kept))


class _Problem:
    """The rules of one call of `bounds`; solves rows of information, alpha and maximum."""

    def __init__(self, rule: EfficacyRule, futility: FutilityRule, sided: int) -> None:
        self.rule, self.futility, self.sided = rule, futility, sided

    def solve(self, rows: FloatArray) -> FloatArray:
        """Return efficacy, futility, alpha and beta per look and the drift, side by side."""
        n_looks = rows.shape[1] - 2
        solved = np.full((len(rows), 4 * n_looks + 1), np.nan)
        patterns, of_row = np.unique(~np.isnan(rows[:, :n_looks]), axis=0, return_inverse=True)
        for number, pattern in enumerate(patterns):
            chosen = np.flatnonzero(of_row.ravel() == number)
            columns = np.append(np.tile(pattern, 4), True)
            kept = np.append(pattern, [True, True])
            solved[np.ix_(chosen, columns)] = self._held(rows[np.ix_(chosen, kept)], pattern)
        solved[:, : 2 * n_looks] = _without_gaps(solved[:, : 2 * n_looks])
        return solved

    def _held(self, rows: FloatArray, pattern: BoolArray) -> FloatArray:
        fraction = rows[:, :-2] / rows[:, -1:]  # of the maximum: the recursion knows no unit
        shape = fraction.shape
        spent_at = np.minimum(fraction, 1.0)
        spent_at[:, -1] = 1.0
        looks = Looks(
            information=fraction,
            fraction=spent_at,
            alpha=rows[:, -2] / self.sided,
            sided=self.sided,
            efficacy=np.full(shape, np.nan),
            tested=np.ones(shape[1], dtype=bool),
            futility=np.full(shape, -np.inf),
            beta_spent=np.full(shape, np.nan),
            drift=np.zeros(shape[0]),
            binding=False,
            number=np.flatnonzero(pattern) + 1,
            planned=pattern.size,
        )
        solution, drift = self.futility.solve(looks, self.rule.solve)
        return np.column_stack(
            [
                solution.efficacy,
                solution.futility,
                solution.alpha_spent * self.sided,
                solution.beta_spent,
                drift,
            ]
        )


def _without_gaps(bounds_found: FloatArray) -> FloatArray:
    """Return efficacy beside futility bounds with ``inf`` and ``-inf`` at looks not held."""
    n_looks = bounds_found.shape[1] // 2
    never = np.repeat([np.inf, -np.inf], n_looks)
    return np.where(np.isnan(bounds_found), never, bounds_found)


def _distinct(solve: Callable[[FloatArray], FloatArray], rows: FloatArray) -> FloatArray:
    """Solve each distinct row once, a chunk at a time."""
    rows, inverse = np.unique(rows, axis=0, return_inverse=True)
    chunks = [solve(rows[start : start + _CHUNK]) for start in range(0, len(rows), _CHUNK)]
    solved: FloatArray = np.concatenate(chunks)[inverse.ravel()]
    return solved


def _assembled(
    problem: _Problem,
    information: FloatArray,
    alpha: float | FloatArray,
    found: tuple[FloatArray, FloatArray],
) -> Bounds:
    solved, maximum = found
    several = information.ndim == 2
    n_looks = information.shape[-1]
    per_look = [solved[:, n * n_looks : (n + 1) * n_looks] for n in range(4)]
    efficacy, futility, alpha_spent, beta_spent = (
        array if several else array[0] for array in per_look
    )
    return Bounds(
        information=information,
        maximum_information=maximum if several else maximum[0],
        alpha=np.asarray(alpha, dtype=float),
        sided=problem.sided,
        efficacy=efficacy,
        futility=futility,
        alpha_spent=alpha_spent,
        beta_spent=beta_spent,
        drift=solved[:, -1] if several else solved[0, -1],
        rule=problem.rule,
        futility_rule=problem.futility,
    )


def _checked(information: ArrayLike) -> FloatArray:
    rows = np.atleast_2d(np.asarray(information, dtype=float))
    if rows.ndim != 2 or rows.size == 0 or np.isinf(rows).any() or np.isnan(rows).all(1).any():
        raise ValueError(
            f"information={information!r} must be finite numbers, one per look (or a row of them "
            "per replicate, NaN for a look that was not held, at least one held)"
        )
    before = np.fmax.accumulate(np.column_stack([np.zeros(len(rows)), rows]), axis=1)[:, :-1]
    with np.errstate(invalid="ignore"):
        wrong = rows - before <= _LEAST_STEP * rows
    if np.any(wrong) or np.any(rows <= 0):
        raise ValueError(
            f"information={information!r} must rise from above 0, each look by at least "
            f"{_LEAST_STEP:g} of its own"
        )
    return rows


def _checked_alpha(alpha: float | FloatArray, sided: int, n_replicates: int) -> FloatArray:
    if sided not in (1, 2):
        raise ValueError(f"sided={sided!r} must be 1 or 2")
    error = np.asarray(alpha, dtype=float)
    if error.ndim > 1 or error.size not in (1, n_replicates):
        raise ValueError(f"alpha={alpha!r} must be one number, or one for each replicate")
    if not np.all((error > 0) & (error < sided * 0.5)):
        raise ValueError(f"alpha={alpha!r} must be between 0 and {sided * 0.5}")
    return np.broadcast_to(error, (n_replicates,))

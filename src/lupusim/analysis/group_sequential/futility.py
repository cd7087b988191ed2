"""Rules that set the futility bounds: by spending beta, or given on the z scale."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from lupusim.analysis.group_sequential.efficacy import held_looks
from lupusim.analysis.group_sequential.recursion import Looks, Solution, find_root, probit
from lupusim.analysis.group_sequential.spending import Spending, named_spending
from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass

Solver = Callable[[Looks], Solution]


class FutilityRule(Protocol):
    """A way to set futility bounds."""

    @property
    def binding(self) -> bool:
        """Whether the efficacy bounds count on the trial stopping for futility."""
        ...

    def solve(self, looks: Looks, efficacy: Solver) -> tuple[Solution, FloatArray]:
        """Return the bounds, and the drift per unit of information that beta was spent under."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class NoFutility:
    """Never stop for futility.

    Examples
    --------
    >>> from lupusim.analysis.group_sequential import bounds
    >>> bounds([1, 2], futility=NoFutility()).futility.tolist()
    [-inf, -inf]
    """

    binding: bool = False

    def solve(self, looks: Looks, efficacy: Solver) -> tuple[Solution, FloatArray]:
        """Return the efficacy bounds alone."""
        return _beta_unknown(efficacy(looks))


@dataclass(frozen=True, slots=True, kw_only=True)
class FutilityBounds:
    """Futility bounds given on the z scale.

    Parameters
    ----------
    z : sequence of float
        A bound for each look but the last (where what is not efficacious is futile); ``-inf``
        where a look cannot stop for futility.
    binding : bool
        Whether the efficacy bounds count on these being obeyed. If they do, obeying is no
        longer a choice.

    Raises
    ------
    ValueError
        If a bound is NaN or ``inf``.

    Examples
    --------
    >>> from lupusim.analysis.group_sequential import bounds
    >>> bounds([1, 2], futility=FutilityBounds(z=[0.0])).futility.round(3).tolist()
    [0.0, 1.969]
    """

    z: Sequence[float]
    binding: bool = False

    def __post_init__(self) -> None:
        if any(np.isnan(bound) or bound == np.inf for bound in self.z):
            raise ValueError(f"z={self.z!r} must be numbers, or -inf for a look without a bound")

    def solve(self, looks: Looks, efficacy: Solver) -> tuple[Solution, FloatArray]:
        """Return the bounds; beta is not spent under any drift."""
        if len(self.z) != looks.planned - 1:
            raise ValueError(
                f"z={self.z!r} must be {looks.planned - 1} bounds: one for each look but the last"
            )
        # the last look that is held decides, were it planned as the last or not
        held = np.append(np.array([*self.z, -np.inf])[looks.number[:-1] - 1], -np.inf)
        bound = np.broadcast_to(held, looks.information.shape)
        solution = efficacy(replace(looks, futility=bound, binding=self.binding))
        return _beta_unknown(solution)


@dataclass(frozen=True, slots=True, kw_only=True)
class BetaSpending:
    """Stop for futility by spending beta, the error of missing a true effect.

    Parameters
    ----------
    beta : float
        Error to spend: 1 - power.
    spending : name or spending function
        How fast.
    binding : bool
        Whether the efficacy bounds count on these being obeyed.
    looks : sequence of int or None
        Looks that can stop for futility, counted from 1; None is every look.
    drift : float or None
        Expected z at the maximum information under which beta is spent. None finds the one for
        which the two bounds meet at the last look: the drift with power 1 - beta.

    Raises
    ------
    ValueError
        If `beta` is not between 0 and 1 or the drift is not above 0.

    Examples
    --------
    >>> from lupusim.analysis.group_sequential import bounds
    >>> bounds([1, 2], futility=BetaSpending(beta=0.2)).futility.round(3).tolist()
    [0.559, 1.969]
    """

    beta: float
    spending: str | Spending = "obrien_fleming"
    binding: bool = False
    looks: Sequence[int] | None = None
    drift: float | None = None

    def __post_init__(self) -> None:
        if not 0 < self.beta < 1:
            raise ValueError(f"beta={self.beta!r} must be between 0 and 1, such as 0.1")
        if self.drift is not None and not (np.isfinite(self.drift) and self.drift > 0):
            raise ValueError(f"drift={self.drift!r} must be above 0, such as 3.24, or None")

    def solve(self, looks: Looks, efficacy: Solver) -> tuple[Solution, FloatArray]:
        """Return the bounds and the drift per unit of information."""
        asked = self._asked(looks)
        # looks.information is divided by the planned maximum: a drift per unit is one at the end
        drift = self._meeting(asked, efficacy) if self.drift is None else asked.drift
        return efficacy(replace(asked, drift=drift)), drift

    def _asked(self, looks: Looks) -> Looks:
        spending = (
            named_spending(self.spending) if isinstance(self.spending, str) else self.spending
        )
        every = looks.number if self.looks is None else [*self.looks, looks.planned]
        open_looks = np.where(held_looks(every, looks), np.nan, -np.inf)
        open_looks[-1] = np.nan
        return replace(
            looks,
            futility=np.broadcast_to(open_looks, looks.information.shape),
            beta_spent=spending.spent(looks.fraction, np.full((looks.alpha.size, 1), self.beta)),
            drift=np.full(looks.alpha.shape, self.drift or 0.0),
            binding=self.binding,
        )

    def _meeting(self, asked: Looks, efficacy: Solver) -> FloatArray:
        from scipy.special import ndtri

        if np.any(asked.alpha >= 1 - self.beta):
            raise ValueError(f"beta={self.beta!r} leaves less power than alpha: lower it")
        # No test of this information has power 1 - beta at a smaller drift (Neyman and Pearson).
        fixed = -(ndtri(asked.alpha) + ndtri(self.beta)) / np.sqrt(asked.information[:, -1])

        def excess(drift: FloatArray) -> FloatArray:
            missed = efficacy(replace(asked, drift=drift)).beta_spent[:, -1]
            return probit(missed) - float(ndtri(self.beta))

        low = np.maximum(0.98 * fixed, 1e-6)
        return find_root(excess, low, 2.5 * np.maximum(fixed, 0.4))


def _beta_unknown(solution: Solution) -> tuple[Solution, FloatArray]:
    nothing = np.full_like(solution.beta_spent, np.nan)
    return replace(solution, beta_spent=nothing), nothing[:, 0]

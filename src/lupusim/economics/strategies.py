"""A strategy: a course of the disease, what it costs and what it is worth."""

from __future__ import annotations

import math
from collections.abc import Iterator

from lupusim.common.frozen import dataclass
from lupusim.model import MultiStateModel
from lupusim.model.cycles import CohortModel
from lupusim.model.rewards import Rewards


@dataclass(frozen=True, slots=True, kw_only=True)
class Discount:
    """Yearly discount rates: what comes at `t` counts ``(1 + rate) ** -t``.

    Parameters
    ----------
    costs, effects : float
        Rates such as 0.03.

    Examples
    --------
    >>> Discount(costs=0.06, effects=0.0).costs
    0.06
    """

    costs: float = 0.03
    effects: float = 0.03

    def __post_init__(self) -> None:
        for name, rate in (("costs", self.costs), ("effects", self.effects)):
            if not (math.isfinite(rate) and 0 <= rate < 1):
                raise ValueError(f"{name}={rate!r} must be a rate from 0 to 1, such as 0.03")


@dataclass(frozen=True, slots=True, kw_only=True)
class Strategy:
    """What is done, what becomes of patients, and what that costs and is worth.

    Parameters
    ----------
    name : str
        What to call it.
    model : MultiStateModel or None
        The disease under this strategy, in continuous time.
    cohort : CohortModel or None
        The same in cycles; one of the two is enough.
    costs, utilities : tuple of Rewards
        They add up.

    Raises
    ------
    ValueError
        If there is no model, or a cost or utility names what the model lacks.

    Examples
    --------
    >>> import lupusim
    >>> decision = lupusim.load_decision("hiv")
    >>> [one.name for one in decision.strategies]
    ['zidovudine', 'with lamivudine']
    """

    name: str
    model: MultiStateModel | None = None
    cohort: CohortModel | None = None
    costs: tuple[Rewards, ...] = ()
    utilities: tuple[Rewards, ...] = ()

    def __post_init__(self) -> None:
        if (self.model is None) == (self.cohort is None):
            raise ValueError(f"strategy {self.name!r} needs either a model or a cohort model")
        if faults := list(dict.fromkeys(self._faults())):
            raise ValueError(f"strategy {self.name!r}: {faults[0]}")

    @property
    def states(self) -> tuple[str, ...]:
        """The states of its model."""
        known = self.model or self.cohort
        return known.states if known is not None else ()

    def _faults(self) -> Iterator[str]:
        ways = self.cohort.moves if self.cohort else self.model.transitions if self.model else ()
        edges = [(way.from_state, way.to_state) for way in ways]
        for rewards in (*self.costs, *self.utilities):
            yield from rewards.faults(self.states, edges)

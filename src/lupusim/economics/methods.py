"""Three ways to a strategy's cost and effect: exactly, by a cohort, by single patients."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.common.rng import stream
from lupusim.common.spelling import nearest
from lupusim.economics.corrections import CORRECTIONS, Calendar
from lupusim.economics.strategies import Discount, Strategy
from lupusim.engines import simulate
from lupusim.engines.cohort import course, walks
from lupusim.engines.exact.accumulation import Accumulated, accumulate
from lupusim.engines.exact.cycles import in_cycles
from lupusim.engines.exact.law import Law, laws
from lupusim.engines.exact.solution import DEFAULT_TOLERANCE
from lupusim.errors import LupusimError
from lupusim.model import MultiStateModel
from lupusim.model.cycles import CohortModel
from lupusim.model.rewards import Rewards

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Expected discounted sums of one strategy."""

    cost: float
    effect: float
    """`cost` and `effect`: their expectations."""
    cost_mcse: float = 0.0
    effect_mcse: float = 0.0
    """`cost_mcse` and `effect_mcse`: monte Carlo standard errors; 0 where nothing is simulated."""


class Method(Protocol):
    """A way to a strategy's outcome."""

    def outcome(self, strategy: Strategy, horizon: float, discount: Discount) -> Outcome:
        """Return expected costs and effects up to a study time (years)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Exact:
    """Integrals of the exact occupancy and flows; continuous models only.

    Examples
    --------
    >>> Exact().tolerance
    1e-06
    """

    tolerance: float = DEFAULT_TOLERANCE

    def outcome(self, strategy: Strategy, horizon: float, discount: Discount) -> Outcome:
        """Return expected costs and effects up to a study time (years), or for ever."""
        model = _continuous(strategy)
        return Outcome(
            cost=self._total(model, strategy.costs, horizon, discount.costs),
            effect=self._total(model, strategy.utilities, horizon, discount.effects),
        )

    def _total(
        self, model: MultiStateModel, rewards: Sequence[Rewards], horizon: float, discount: float
    ) -> float:
        rate = math.log1p(discount)
        total = sum(_at_start(r, horizon, discount) for r in rewards)
        for share, law in laws(model, None):
            known: dict[float, Accumulated] = {}
            for reward in rewards:
                if reward.begins < horizon:
                    total += share * self._of_law(law, model, reward, horizon, rate, known)
        return total

    def _of_law(
        self,
        law: Law,
        model: MultiStateModel,
        reward: Rewards,
        horizon: float,
        rate: float,
        known: dict[float, Accumulated],
    ) -> float:
        for time in (reward.begins, min(reward.ends, horizon)):
            if time not in known:
                known[time] = accumulate(law, time, discount=rate, tolerance=self.tolerance)
        window = known[min(reward.ends, horizon)].minus(known[reward.begins])
        per_year, per_move = reward.of_states(model.states), reward.of_moves(model.states)
        years = sum(w * t for w, t in zip(per_year, window.time.tolist(), strict=True) if w)
        moves = sum(
            per_move[arc.begin, arc.end] * n
            for arc, n in zip(law.arcs, window.moves.tolist(), strict=True)
            if per_move[arc.begin, arc.end]
        )
        return float(years + moves)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycles:
    """A cohort moved cycle by cycle.

    Parameters
    ----------
    correction : str
        One of :data:`lupusim.economics.CORRECTIONS`.
    cycle : float or None
        Length (years) of the cycles that a continuous model is cut into.

    Examples
    --------
    >>> Cycles().correction
    'half_cycle'
    """

    correction: str = "half_cycle"
    cycle: float | None = None

    def __post_init__(self) -> None:
        if self.correction not in CORRECTIONS:
            raise ValueError(
                f"correction={self.correction!r} is unknown. "
                f"{nearest(self.correction, CORRECTIONS)}"
            )

    def outcome(self, strategy: Strategy, horizon: float, discount: Discount) -> Outcome:
        """Return expected costs and effects up to a study time (years)."""
        cohort = _cohort(strategy, self.cycle, horizon)
        n_cycles = cohort.n_cycles(horizon)
        walked = course(cohort, n_cycles)

        def total(rewards: Sequence[Rewards], rate: float) -> float:
            calendar = Calendar(n_cycles=n_cycles, cycle=cohort.cycle, discount=rate)
            found = 0.0
            for reward in rewards:
                counts, moves = CORRECTIONS[self.correction](calendar, _on_grid(reward, calendar))
                found += float(counts @ walked.occupancy @ reward.of_states(cohort.states))
                worth = np.einsum("cij,ij->c", walked.moves, reward.of_moves(cohort.states))
                found += float(moves @ worth) + _at_start(reward, horizon, rate)
            return found

        return Outcome(
            cost=total(strategy.costs, discount.costs),
            effect=total(strategy.utilities, discount.effects),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulated:
    """Single patients of a continuous model; the same ones under every strategy.

    Parameters
    ----------
    engine : {"vector", "events"}
        Which engine follows them.
    n_patients : int
        How many.
    seed : int
        Of the simulation.

    Examples
    --------
    >>> Simulated(seed=1).n_patients
    10000
    """

    engine: str = "vector"
    n_patients: int = 10_000
    seed: int

    def outcome(self, strategy: Strategy, horizon: float, discount: Discount) -> Outcome:
        """Return mean costs and effects up to a study time (years), with their errors."""
        histories = simulate(
            _continuous(strategy), self.n_patients, horizon, engine=self.engine, seed=self.seed
        )
        costs = sum(
            (histories.rewards(r, discount=discount.costs) for r in strategy.costs),
            np.zeros(self.n_patients),
        )
        effects = sum(
            (histories.rewards(r, discount=discount.effects) for r in strategy.utilities),
            np.zeros(self.n_patients),
        )
        return _mean(costs, effects)


@dataclass(frozen=True, slots=True, kw_only=True)
class Walks:
    """Single patients of a cohort model: a microsimulation in cycles.

    Parameters
    ----------
    correction : str
        One of :data:`lupusim.economics.CORRECTIONS`.
    cycle : float or None
        Length (years) of the cycles that a continuous model is cut into.
    n_patients : int
        How many.
    seed : int
        Of the simulation.

    Examples
    --------
    >>> Walks(seed=1).correction
    'half_cycle'
    """

    correction: str = "half_cycle"
    cycle: float | None = None
    n_patients: int = 10_000
    seed: int

    def outcome(self, strategy: Strategy, horizon: float, discount: Discount) -> Outcome:
        """Return mean costs and effects up to a study time (years), with their errors."""
        cohort = _cohort(strategy, self.cycle, horizon)
        n_cycles = cohort.n_cycles(horizon)
        states = walks(cohort, n_cycles, self.n_patients, rng=stream(self.seed, "walks"))
        here = states.astype(np.intp)
        ways = here[:-1] * len(cohort.states) + here[1:]

        def sums(rewards: Sequence[Rewards], rate: float) -> FloatArray:
            calendar = Calendar(n_cycles=n_cycles, cycle=cohort.cycle, discount=rate)
            found = np.zeros(self.n_patients)
            for reward in rewards:
                counts, moves = CORRECTIONS[self.correction](calendar, _on_grid(reward, calendar))
                found += counts @ reward.of_states(cohort.states)[here]
                found += moves @ reward.of_moves(cohort.states).ravel()[ways]
                found += _at_start(reward, horizon, rate)
            return found

        return _mean(
            sums(strategy.costs, discount.costs), sums(strategy.utilities, discount.effects)
        )


def _mean(costs: FloatArray, effects: FloatArray) -> Outcome:
    root = math.sqrt(max(costs.size, 1))
    return Outcome(
        cost=float(costs.mean()),
        effect=float(effects.mean()),
        cost_mcse=float(costs.std(ddof=1)) / root if costs.size > 1 else math.nan,
        effect_mcse=float(effects.std(ddof=1)) / root if costs.size > 1 else math.nan,
    )


def _at_start(reward: Rewards, horizon: float, discount: float) -> float:
    return reward.at_start * (1 + discount) ** -reward.begins if reward.begins < horizon else 0.0


def _on_grid(reward: Rewards, calendar: Calendar) -> Rewards:
    """Return the reward; raise ValueError if it begins or ends within a cycle."""
    for time in (reward.begins, min(reward.ends, float(calendar.times[-1]))):
        cycles = time / calendar.cycle
        if abs(cycles - round(cycles)) > 1e-6:
            raise ValueError(
                f"a cost or utility begins or ends at year {time:.6g}, within a cycle of "
                f"{calendar.cycle:.6g} years. Let it begin and last whole cycles"
            )
    return reward


def _continuous(strategy: Strategy) -> MultiStateModel:
    if strategy.model is None:
        raise LupusimError(
            f"strategy {strategy.name!r} moves in cycles: evaluate it by a cohort or by walks"
        )
    return strategy.model


def _cohort(strategy: Strategy, cycle: float | None, horizon: float) -> CohortModel:
    if strategy.cohort is not None:
        return strategy.cohort
    if cycle is None:
        raise LupusimError(
            f"strategy {strategy.name!r} has no cycles of its own: give their length"
        )
    if not math.isfinite(horizon):
        raise LupusimError("a cohort needs a horizon: give one, such as 75 years")
    n_cycles = max(1, round(horizon / cycle))
    return in_cycles(_continuous(strategy), cycle, n_cycles=n_cycles)


def evaluate(
    strategies: Sequence[Strategy],
    horizon: float,
    *,
    method: Method | None = None,
    discount: Discount | None = None,
) -> pd.DataFrame:
    """Return the expected discounted cost and effect of each strategy.

    Parameters
    ----------
    strategies : sequence of Strategy
        With names of their own.
    horizon : float
        Study time, years; ``inf`` only where nothing is simulated or cut in cycles.
    method : Method or None
        :class:`Exact` (the default), :class:`Cycles`, :class:`Simulated` or :class:`Walks`.
    discount : Discount or None
        Yearly rates; 3 % where nothing is said.

    Returns
    -------
    pandas.DataFrame
        Columns ``strategy``, ``cost``, ``cost_mcse``, ``effect``, ``effect_mcse``.

    Raises
    ------
    ValueError
        If names repeat or a number is out of range.

    Examples
    --------
    >>> import lupusim
    >>> decision = lupusim.load_decision("hiv")
    >>> evaluate(decision.strategies, 20.0, method=Cycles()).columns.tolist()
    ['strategy', 'cost', 'cost_mcse', 'effect', 'effect_mcse']
    """
    import pandas as pd

    names = [strategy.name for strategy in strategies]
    if len(set(names)) < len(names) or not names:
        raise ValueError(f"strategies {names} must be at least one, each with a name of its own")
    if not horizon > 0:
        raise ValueError(f"horizon={horizon!r} must be above 0 years")
    way, rates = method or Exact(), discount or Discount()
    found = [way.outcome(strategy, horizon, rates) for strategy in strategies]
    return pd.DataFrame(
        {
            "strategy": names,
            "cost": [o.cost for o in found],
            "cost_mcse": [o.cost_mcse for o in found],
            "effect": [o.effect for o in found],
            "effect_mcse": [o.effect_mcse for o in found],
        }
    )

"""What is asked of each patient at visits, and what must be followed to know the answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.engines.exact.law import Arc
from lupusim.errors import NoExactSolutionError
from lupusim.model import Clock, PiecewiseRatio
from lupusim.model.hazards import ExponentialHazard
from lupusim.trial import Arm, Better, Dropout, Trial
from lupusim.trial.endpoints import RankAtVisit, ResponseAtVisits
from lupusim.trial.observation import Consequence, Strategy

_WINDOW_NODES = 12
_LEFT, _STRUCK, N_ENDS = 0, 1, 2
"""Further states, after those of the model: left the trial; struck by what is a failure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """When patients are seen, and what counts as a yes."""

    times: FloatArray  # study times (years); (n_times,)
    weights: FloatArray | None
    """Of one visit that takes place at any of them; None where all of them are visits; (n_times,).
    """
    counts: FloatArray
    """Chance that a visit shows a yes, by the true state; (n_states + 2,), or where visits ask for
    different states (n_times, n_states + 2)."""


class Asked(Protocol):
    """A question of each patient that visits answer by yes or no."""

    def watch(self, trial: Trial) -> Watch:
        """Return when patients are seen, and what counts as a yes."""
        ...

    def present(self, trial: Trial, watch: Watch) -> FloatArray:
        """Return by arm the chance of being there, where that depends on nothing else."""
        ...

    def exits(self, trial: Trial, arm: Arm) -> Iterator[Arc]:
        """Yield the ways out of the trial, and into failure, that must be followed."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AllRespond:
    """Whether a patient responds by every one of some endpoints."""

    endpoints: tuple[ResponseAtVisits, ...]  # at least one

    def watch(self, trial: Trial) -> Watch:
        """Return when patients are seen, and what counts as a yes."""
        conduct = trial.visit_conduct
        times = np.unique([time for one in self.endpoints for time in one.visits])
        confusion = conduct.confusion(trial.states)
        shown = [confusion @ self._inside(trial, time) * (1 - conduct.missed) for time in times]
        counts = np.pad(shown, ((0, 0), (0, N_ENDS)))
        counts[:, len(trial.states) + _STRUCK] = float(self._fewer)
        if len(times) > 1:
            if conduct.window or (self._fewer and self._has_failures(trial)):
                raise NoExactSolutionError("several visits at other times than planned")
            return Watch(times=times, weights=None, counts=counts)
        if not conduct.window:
            return Watch(times=times, weights=np.ones(1), counts=counts[0])
        (at,) = times.tolist()
        return Watch(counts=counts[0], **_within(conduct.window, at, trial.follow_up))

    def _inside(self, trial: Trial, time: float) -> FloatArray:
        """Return 1 for the states that all endpoints with a visit at a time ask for."""
        asked = [one.states for one in self.endpoints if time in one.visits]
        inside = [np.isin(trial.states, states) for states in asked]
        return np.asarray(np.all(inside, axis=0), dtype=float)

    @property
    def _fewer(self) -> bool:
        return any(one.better is Better.FEWER for one in self.endpoints)

    def present(self, trial: Trial, watch: Watch) -> FloatArray:
        """Return by arm the chance of being there, where that depends on nothing else."""
        if self._leaves_along(trial):
            return np.ones(len(trial.arms))
        arms = trial.dropout.in_arms([arm.name for arm in trial.arms])
        return np.asarray(np.exp(-arms * trial.dropout.cumulative(watch.times[-1])))

    def exits(self, trial: Trial, arm: Arm) -> Iterator[Arc]:
        """Yield the ways out of the trial, and into failure, that must be followed."""
        if self._leaves_along(trial):
            struck = np.sum([np.zeros(len(trial.states)), *self._failures(trial)], axis=0)
            yield from ways_out(arm, trial.dropout, struck=struck)

    def _leaves_along(self, trial: Trial) -> bool:
        """Return whether leaving must be followed beside the disease."""
        window = trial.visit_conduct.window > 0 and not trial.dropout.is_never
        return bool(trial.dropout.by_state or window or self._has_failures(trial))

    def _failures(self, trial: Trial) -> Iterator[FloatArray]:
        """Yield the hazards by state of what strikes and is a failure."""
        alive = _alive(trial)
        for event in trial.intercurrent_events:
            strategy = _strategy(event.name, [event.strategy_of(e.name) for e in self.endpoints])
            if strategy.brings(~Consequence.FAILURE):
                raise NoExactSolutionError(f"{event.name} is treated as {strategy.value}")
            if strategy.brings(Consequence.FAILURE):
                if len({one.better for one in self.endpoints}) > 1:
                    raise NoExactSolutionError(f"{event.name} is good for one endpoint alone")
                yield event.rates(trial.states) * alive

    def _has_failures(self, trial: Trial) -> bool:
        return len(list(self._failures(trial))) > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RanksAtLeast:
    """Whether the rank of a patient's state at a visit is at least so high.

    Who has died before the visit ranks so, whether seen or not; who left, or missed it, as the
    endpoint says.
    """

    endpoint: RankAtVisit
    rank: int  # above 0

    def watch(self, trial: Trial) -> Watch:
        """Return when patients are seen, and what counts as a yes."""
        conduct, endpoint = trial.visit_conduct, self.endpoint
        if conduct.window:
            raise NoExactSolutionError("ranks at other times than planned")
        for event in trial.intercurrent_events:
            if (strategy := event.strategy_of(endpoint.name)).brings(~Consequence.NONE):
                raise NoExactSolutionError(f"{event.name} is treated as {strategy.value}")
        high = np.isin(trial.states, [s for group in endpoint.ranks[self.rank :] for s in group])
        missing = float(endpoint.rank_missing >= self.rank)
        shown = conduct.confusion(trial.states) @ high.astype(float)
        seen = shown * (1 - conduct.missed) + missing * conduct.missed
        counts = np.append(np.where(_alive(trial), seen, high), [missing, 0.0])
        return Watch(times=np.array([endpoint.at]), weights=np.ones(1), counts=counts)

    def present(self, trial: Trial, watch: Watch) -> FloatArray:
        """Return 1: who leaves is followed beside the disease."""
        del watch
        return np.ones(len(trial.arms))

    def exits(self, trial: Trial, arm: Arm) -> Iterator[Arc]:
        """Yield the ways out of the trial; nobody who has died leaves."""
        leaves = trial.dropout.in_states(trial.states) * _alive(trial)
        yield from ways_out(arm, trial.dropout, leaves=leaves)


def _alive(trial: Trial) -> FloatArray:
    """Return 1 for the states that somebody may leave, (n_states,)."""
    absorbing = trial.arms[0].model.absorbing or ()
    return np.array([float(state not in absorbing) for state in trial.states])


def _strategy(event: str, strategies: Sequence[Strategy]) -> Strategy:
    if len(set(strategies)) > 1:
        raise NoExactSolutionError(f"endpoints treat {event} differently")
    return strategies[0]


def _within(window: float, at: float, follow_up: float) -> dict[str, FloatArray]:
    """Return the times of one visit, uniform around its date but for the ends, and weights."""
    low, high = max(at - window, 0.0), min(at + window, follow_up)
    points, weights = np.polynomial.legendre.leggauss(_WINDOW_NODES)
    times = low + (points + 1) * (high - low) / 2
    masses = weights / 2 * (high - low) / (2 * window)
    ends = np.array([low, high])
    at_ends = np.array([low - (at - window), at + window - high]) / (2 * window)
    kept = at_ends > 0
    times, masses = np.append(times, ends[kept]), np.append(masses, at_ends[kept])
    order = np.argsort(times)
    return {"times": times[order], "weights": masses[order]}


def ways_out(
    arm: Arm,
    dropout: Dropout,
    *,
    leaves: FloatArray | None = None,
    struck: FloatArray | None = None,
) -> Iterator[Arc]:
    """Yield the ways out of the trial, into states behind the last.

    Parameters
    ----------
    arm : Arm
        Of the patients.
    dropout : Dropout
        By which they leave.
    leaves : (n_states,) array, optional
        By how much leaving is multiplied in each state; by default as dropout says.
    struck : (n_states,) array, optional
        Hazards of what is a failure (per year); nobody is struck by default.
    """
    states = arm.model.states
    n = len(states)
    leaves = dropout.in_states(states) if leaves is None else leaves
    leaves = leaves * dropout.by_arm.get(arm.name, 1.0)
    struck = np.zeros(n) if struck is None else struck
    hazard = dropout.hazard or ExponentialHazard(rate=dropout.per_year)
    for state in range(n):
        if leaves[state] > 0 and not dropout.is_never:
            yield Arc(
                begin=state,
                end=n + _LEFT,
                hazard=hazard,
                clock=Clock.FORWARD,
                ratio=PiecewiseRatio(ratios=(float(leaves[state]),)),
            )
        if struck[state] > 0:
            yield Arc(
                begin=state,
                end=n + _STRUCK,
                hazard=ExponentialHazard(rate=float(struck[state])),
                clock=Clock.FORWARD,
                ratio=PiecewiseRatio(),
            )

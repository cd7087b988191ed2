"""Discrete-time cohort models: a transition matrix for each cycle."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.common.shown import Shown
from lupusim.common.spelling import nearest
from lupusim.errors import Problem
from lupusim.model.checks import probability_problems
from lupusim.model.effects import TreatmentEffect
from lupusim.model.multistate import Edge, Start

_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A way from one state to another within a cycle.

    Parameters
    ----------
    from_state, to_state : str
        Names of two different states.
    probabilities : tuple of float
        Of moving in the first cycle, the second ...; the last one goes on for ever.
    among_survivors : bool
        Whether it is the probability among those who enter no absorbing state in the cycle.
    """

    from_state: str
    to_state: str
    probabilities: tuple[float, ...]
    among_survivors: bool = False

    @property
    def label(self) -> str:
        """The move as files write it, such as ``healthy -> sick``."""
        return f"{self.from_state} -> {self.to_state}"

    def at(self, n_cycles: int) -> FloatArray:
        """Return the probability (n_cycles,) in each cycle."""
        place = np.minimum(np.arange(n_cycles), len(self.probabilities) - 1)
        return np.asarray(np.array(self.probabilities)[place])


@dataclass(frozen=True, slots=True, kw_only=True)
class RelativeRisk:
    """What multiplies probabilities of moving within a cycle, for a time."""

    on: tuple[Edge, ...]  # moves (from_state, to_state)
    relative_risk: float
    """0 or above; it multiplies the probability, where a hazard ratio multiplies its hazard."""
    lasts: float = math.inf  # years from the start, ``inf`` for good

    def __post_init__(self) -> None:
        if not (math.isfinite(self.relative_risk) and self.relative_risk >= 0):
            raise ValueError(f"relative_risk={self.relative_risk!r} must be 0 or above")
        if not self.lasts >= 0:
            raise ValueError(f"lasts={self.lasts!r} must be 0 or above")

    @property
    def last_change(self) -> float:
        """Study time (years) after which it no longer changes."""
        return self.lasts if math.isfinite(self.lasts) else 0.0

    def applied(self, probabilities: FloatArray, begins: FloatArray) -> FloatArray:
        """Return the probabilities (n_cycles,) of cycles that begin at study times (years)."""
        acts = begins < self.lasts - _ROUNDING
        return np.asarray(np.where(acts, self.relative_risk, 1.0) * probabilities)


@dataclass(frozen=True, slots=True, kw_only=True)
class HazardRatioPerCycle:
    """A hazard ratio on probabilities: ``1 - (1 - p) ** ratio``, as it is when a cycle begins."""

    effect: TreatmentEffect  # from study time 0

    @property
    def on(self) -> tuple[Edge, ...]:
        """The moves that it acts on."""
        return self.effect.on

    @property
    def last_change(self) -> float:
        """Study time (years) after which it no longer changes."""
        return max(self.effect.profile([0.0]).breaks, default=0.0)

    def applied(self, probabilities: FloatArray, begins: FloatArray) -> FloatArray:
        """Return the probabilities (n_cycles,) of cycles that begin at study times (years)."""
        ratio = self.effect.profile([0.0]).at(begins + _ROUNDING)
        with np.errstate(divide="ignore"):
            return np.asarray(-np.expm1(ratio * np.log1p(-probabilities)))


CycleEffect = RelativeRisk | HazardRatioPerCycle
"""What a treatment does to a cohort model."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CohortModel(Shown):
    """A cohort moved once in every cycle.

    Parameters
    ----------
    name : str
        Short name.
    states : tuple of str
        All states; arrays and tables follow this order.
    cycle : float
        Length of a cycle, years.
    moves : tuple of Move
        At most one between any two states; the rest stays.
    starts : tuple of Start
        Where the cohort starts. Default: all in the first state.
    effects : tuple of CycleEffect
        What a treatment does to the moves.
    description : str
        One line for people.
    source : tuple of str
        Where the numbers come from.

    Raises
    ------
    ValueError
        If anything does not fit together; every problem is named.

    Examples
    --------
    >>> die = Move(from_state="alive", to_state="dead", probabilities=(0.1,))
    >>> CohortModel(name="coin", states=("alive", "dead"), cycle=1.0, moves=(die,)).matrices(1)[0]
    array([[0.9, 0.1],
           [0. , 1. ]])
    """

    name: str
    states: tuple[str, ...]
    cycle: float
    moves: tuple[Move, ...]
    starts: tuple[Start, ...] = ()
    effects: tuple[CycleEffect, ...] = ()
    description: str = ""
    source: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.starts and self.states:
            object.__setattr__(self, "starts", (Start(state=self.states[0]),))
        if problems := list(cohort_problems(self)):
            raise ValueError("; ".join(map(str, problems)))

    @property
    def start(self) -> FloatArray:
        """The shares (n_states,) at study time 0."""
        shares = np.zeros(len(self.states))
        for start in self.starts:
            shares[self.states.index(start.state)] += start.probability
        return shares

    @property
    def absorbing(self) -> tuple[str, ...]:
        """The states that nobody leaves."""
        leaving = {move.from_state for move in self.moves if any(move.probabilities)}
        return tuple(state for state in self.states if state not in leaving)

    @property
    def n_matrices(self) -> int:
        """In how many cycles the probabilities may differ, before they go on for ever."""
        numbers = [len(move.probabilities) for move in self.moves]
        numbers += [1 + math.ceil(e.last_change / self.cycle) for e in self.effects]
        return max(numbers, default=1)

    def n_cycles(self, horizon: float) -> int:
        """Return the number of cycles up to a study time; raise ValueError unless it is whole."""
        cycles = round(horizon / self.cycle)
        if cycles < 1 or abs(cycles * self.cycle - horizon) > 1e-6 * horizon:
            raise ValueError(
                f"a horizon of {horizon:.6g} years is not a whole number of cycles of "
                f"{self.cycle:.6g} years. Give a multiple of the cycle"
            )
        return cycles

    def matrices(self, n_cycles: int) -> FloatArray:
        """Return the transition matrix of each cycle, (n_cycles, n_states, n_states).

        Raises
        ------
        ValueError
            If effects make the ways out of a state more than certain.
        """
        n = len(self.states)
        matrices = np.zeros((n_cycles, n, n))
        begins = np.asarray(np.arange(n_cycles) * self.cycle, dtype=float)
        absorbing = self.absorbing
        for move in sorted(self.moves, key=lambda m: m.among_survivors):
            row, column = self.states.index(move.from_state), self.states.index(move.to_state)
            probability: FloatArray = move.at(n_cycles)
            for effect in self.effects:
                if (move.from_state, move.to_state) in effect.on:
                    probability = effect.applied(probability, begins)
            if move.among_survivors:
                gone = [self.states.index(state) for state in absorbing]
                probability = np.asarray(probability * (1 - matrices[:, row, gone].sum(axis=1)))
            matrices[:, row, column] += probability
        left = 1 - matrices.sum(axis=2)
        for cycle, row in np.argwhere(left < -_ROUNDING).tolist():
            raise ValueError(
                f"the ways out of {self.states[row]!r} sum to {1 - left[cycle, row]:.6g} in "
                f"cycle {cycle + 1}. Make one of them, or its effect, smaller"
            )
        matrices[:, np.arange(n), np.arange(n)] += np.maximum(left, 0.0)
        return matrices

    def treated(self, effects: Sequence[CycleEffect]) -> CohortModel:
        """Return the model with further effects; raise ValueError for moves it lacks."""
        labels = [move.label for move in self.moves]
        for begin, end in (edge for effect in effects for edge in effect.on):
            if f"{begin} -> {end}" not in labels:
                raise ValueError(
                    f"the model has no transition {begin} -> {end}. "
                    f"{nearest(f'{begin} -> {end}', labels)}"
                )
        return replace(self, effects=(*self.effects, *effects))


def cohort_problems(model: CohortModel) -> Iterator[Problem]:
    """Yield everything that is wrong with a cohort model."""
    if not model.states:
        yield Problem(key="states", fault="there is no state", fix="Name at least one.")
    if len(set(model.states)) < len(model.states):
        yield Problem(key="states", fault="a state is named twice", fix="Name each state once.")
    if not (math.isfinite(model.cycle) and model.cycle > 0):
        fault = f"{model.cycle!r} is no length of a cycle"
        yield Problem(key="cycle", fault=fault, fix="Give one such as '1 year'.")
    for start in model.starts:
        if start.state not in model.states:
            yield _unknown(f"start.{start.state}", start.state, model)
        if start.time_in_state:
            fault = "a cohort model has no memory of time in the state"
            yield Problem(key="start", fault=fault, fix="Leave 'time_in_state' out.")
    yield from probability_problems(
        "start", {f"{k}": start.probability for k, start in enumerate(model.starts)}
    )
    yield from _move_problems(model)


def _unknown(key: str, state: str, model: CohortModel) -> Problem:
    fault = f"{state!r} is not a state of the model"
    return Problem(key=key, fault=fault, fix=nearest(state, model.states))


def _move_problems(model: CohortModel) -> Iterator[Problem]:
    seen: set[Edge] = set()
    for k, move in enumerate(model.moves):
        key = f"transitions.{k}"
        for end, state in (("from", move.from_state), ("to", move.to_state)):
            if state not in model.states:
                yield _unknown(f"{key}.{end}", state, model)
        edge = (move.from_state, move.to_state)
        if edge in seen or move.from_state == move.to_state:
            fault = f"{move.label} is given twice, or leads back to its own state"
            yield Problem(key=key, fault=fault, fix="Give each move once; the rest stays.")
        seen.add(edge)
        yield from _number_problems(key, move)
    yield from _row_problems(model)


def _number_problems(key: str, move: Move) -> Iterator[Problem]:
    wrong = [p for p in move.probabilities if not 0 <= p <= 1]
    if wrong or not move.probabilities:
        fault = f"{wrong[0] if wrong else 'nothing'!r} is no probability within a cycle"
        fix = "Give a number from 0 to 1; what is above 1 a year may be meant as 'rate:'."
        yield Problem(key=f"{key}.probability", fault=fault, fix=fix)


def _row_problems(model: CohortModel) -> Iterator[Problem]:
    for state in model.states:
        leaving = [m for m in model.moves if m.from_state == state and not m.among_survivors]
        if leaving:
            n = max(len(move.probabilities) for move in leaving)
            total = sum((move.at(max(n, 1)) for move in leaving if move.probabilities), np.zeros(1))
            if total.max() > 1 + _ROUNDING:
                fault = f"the ways out of {state!r} sum to {total.max():.6g} in a cycle"
                yield Problem(key="transitions", fault=fault, fix="Make one of them smaller.")

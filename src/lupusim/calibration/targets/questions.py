"""What a target asks of a model: scalar questions about one patient's future."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

StateSet: TypeAlias = tuple[str, ...]
"""Names of states, in any order."""


@dataclass(frozen=True, slots=True)
class InStates:
    """The probability of being in one of `states` at `time` (study time, years)."""

    states: StateSet
    time: float


@dataclass(frozen=True, slots=True)
class EverIn:
    """The probability of having been in one of `states` by `time`."""

    states: StateSet
    time: float


@dataclass(frozen=True, slots=True)
class EverAfter:
    """The probability of having been in `first` and, later, entered `then`, by `time`."""

    first: StateSet
    then: StateSet
    time: float


@dataclass(frozen=True, slots=True)
class FirstMove:
    """The probability of having moved from `origin` into `to` by `time`."""

    origin: StateSet
    to: StateSet
    time: float


@dataclass(frozen=True, slots=True)
class TimeBeforeMove:
    """The mean years spent in `origin` by `time`, before moving into `to`."""

    origin: StateSet
    to: StateSet
    time: float


@dataclass(frozen=True, slots=True)
class Moves:
    """The mean number of moves from `origin` into `to` by `time`, a patient's every one."""

    origin: StateSet
    to: StateSet
    time: float


@dataclass(frozen=True, slots=True)
class YearsIn:
    """The mean years spent in `states` by `time`."""

    states: StateSet
    time: float


@dataclass(frozen=True, slots=True)
class FirstIn:
    """The probability that the first entry of `states` by `time` is into `state`."""

    state: str
    states: StateSet
    time: float


@dataclass(frozen=True, slots=True)
class LeftWithin:
    """The probability of having left `states` within `time` years of entering them.

    Of those who first enter by `by` (study time, years) and don't start there.
    """

    states: StateSet
    by: float
    time: float


Question: TypeAlias = (
    InStates
    | EverIn
    | EverAfter
    | FirstMove
    | TimeBeforeMove
    | Moves
    | YearsIn
    | FirstIn
    | LeftWithin
)
"""Anything that can be asked."""


def states_of(question: Question) -> StateSet:
    """Return every state that a question names."""
    match question:
        case InStates() | EverIn() | YearsIn() | FirstIn() | LeftWithin():
            return question.states
        case EverAfter():
            return (*question.first, *question.then)
        case FirstMove() | TimeBeforeMove() | Moves():
            return (*question.origin, *question.to)

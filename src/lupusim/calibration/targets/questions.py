"""What a target asks of a model: scalar questions about one patient's future."""

from __future__ import annotations

from typing import ClassVar, TypeAlias, TypeGuard

from lupusim.common.frozen import dataclass

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
    enough: ClassVar[int] = 1

    def begins(self, state: str) -> int:
        """Return how far somebody has come who starts in a state."""
        return int(state in self.states)

    def moved(self, come: int, origin: str, to: str) -> int:
        """Return how far somebody has come after a move."""
        return int(come or to in self.states)


@dataclass(frozen=True, slots=True)
class EverAfter:
    """The probability of having been in `first` and, later, entered `then`, by `time`."""

    first: StateSet
    then: StateSet
    time: float
    enough: ClassVar[int] = 2

    def begins(self, state: str) -> int:
        """Return how far somebody has come who starts in a state."""
        return int(state in self.first)

    def moved(self, come: int, origin: str, to: str) -> int:
        """Return how far somebody has come after a move."""
        if come == 0:
            return int(to in self.first)
        return 2 if to in self.then else come


@dataclass(frozen=True, slots=True)
class FirstMove:
    """The probability of having moved from `origin` into `to` by `time`."""

    origin: StateSet
    to: StateSet
    time: float
    enough: ClassVar[int] = 1

    def begins(self, state: str) -> int:
        """Return how far somebody has come who starts in a state."""
        return 0

    def moved(self, come: int, origin: str, to: str) -> int:
        """Return how far somebody has come after a move."""
        return int(come or (origin in self.origin and to in self.to))


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

Memory: TypeAlias = EverIn | EverAfter | FirstMove
"""What is yes or no of the past: the answer is yes once somebody has come `enough` far."""


def is_memory(question: Question) -> TypeGuard[Memory]:
    """Return whether a question is answered by what is remembered along a path."""
    return isinstance(question, EverIn | EverAfter | FirstMove)


def is_of_stays(question: Question) -> TypeGuard[LeftWithin]:
    """Return whether a question's clock runs from the entry of some states."""
    return isinstance(question, LeftWithin)


def states_of(question: Question) -> StateSet:
    """Return every state that a question names."""
    match question:
        case InStates() | EverIn() | YearsIn() | FirstIn() | LeftWithin():
            return question.states
        case EverAfter():
            return (*question.first, *question.then)
        case FirstMove() | TimeBeforeMove() | Moves():
            return (*question.origin, *question.to)

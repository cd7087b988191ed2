"""What a kind of endpoint is made of: how a file names it, and the registry of those there are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Protocol, TypeVar

import numpy as np

from lupusim.analysis.numerics.win_levels import Level
from lupusim.analysis.outcomes import Outcome
from lupusim.analysis.survival.logrank_looks import Exits
from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.common.registry import Registry
from lupusim.model import MultiStateModel
from lupusim.records import Observation, Recorder
from lupusim.trial.durations import format_duration
from lupusim.trial.endpoints import (
    MORE_OR_FEWER,
    Better,
    Endpoint,
    EventsCounted,
    EventTime,
    MissingChange,
    RankAtVisit,
    ResponseAtVisit,
    ResponseAtVisits,
    YearsInStates,
)

T = TypeVar("T")
Make = Callable[[], Endpoint]
"""Makes an endpoint once all its keys are read and sound."""

BETTER: Mapping[str, Better] = MORE_OR_FEWER
_REMISSION = "remission"  # how the names of such states end


class Measurement(Protocol):
    """Listens to a block of histories on behalf of one endpoint."""

    @property
    def recorders(self) -> Sequence[Recorder]:
        """What the engine must tell; several measurements may share one."""
        ...

    def event_time(self, watched_until: FloatArray) -> FloatArray:
        """Return the study time of each patient's event if seen by then, else ``inf``."""
        ...

    def exits(self, observation: Observation) -> Exits | None:
        """Return when patients leave the risk set for good; None where a cutoff changes more."""
        ...

    def outcome(self, observation: Observation) -> Outcome:
        """Return what the trial knows at its data cutoff."""
        ...

    def level(self, observation: Observation) -> Level:
        """Return what a hierarchy compares of two patients at the data cutoff."""
        ...


class NoEvents:
    """A measurement of what is no event."""

    __slots__ = ()

    def event_time(self, watched_until: FloatArray) -> FloatArray:
        """Return ``inf`` for everybody."""
        return np.full_like(watched_until, np.inf)

    def exits(self, observation: Observation) -> None:
        """Return None: nobody leaves a risk set."""
        return


class Fields(Protocol):
    """The keys of one endpoint in a file; what is wrong with one is reported, and read on."""

    def has(self, name: str) -> bool:
        """Return whether a key is given."""
        ...

    def is_said(self, name: str, word: str) -> bool:
        """Return whether a key is given, as this word."""
        ...

    def states(self, name: str) -> tuple[str, ...]:
        """Return one state or a list of them."""
        ...

    def groups(self, name: str) -> tuple[tuple[str, ...], ...]:
        """Return a list of at least two states, or lists of states that rank alike."""
        ...

    def duration(self, name: str, default: float | None = None) -> float:
        """Return a duration above 0 (years); without a default the key must be there."""
        ...

    def duration_or_none(self, name: str) -> float | None:
        """Return a duration (years), 0 or above; None where the key is not given."""
        ...

    def number(self, name: str, *, above: float) -> float:
        """Return a number above another; the key must be there."""
        ...

    def text(self, name: str, default: str) -> str:
        """Return a text."""
        ...

    def choice(self, name: str, choices: Mapping[str, T], default: T) -> T:
        """Return what a word stands for."""
        ...

    def endpoints(self, name: str) -> tuple[Endpoint, ...]:
        """Return a list of at least two endpoints that hold no others."""
        ...

    def report(self, name: str, fault: str, fix: str) -> None:
        """Report what is wrong with a key."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What an endpoint's keys refer to.

    Parameters
    ----------
    model : MultiStateModel or None
        The disease; None where it cannot be read.
    visits : tuple of float
        Study times (years) of the trial's visits.

    Examples
    --------
    >>> Around(model=None, visits=(0.5, 1.0)).visits
    (0.5, 1.0)
    """

    model: MultiStateModel | None
    visits: tuple[float, ...]


class Kind(Protocol):
    """A kind of endpoint, as files know it."""

    @staticmethod
    def read(fields: Fields, around: Around) -> Make:
        """Read the keys of one endpoint, and return what makes it."""
        ...


ENDPOINTS: Registry[Kind] = Registry(
    "kind of endpoint", group="lupusim.endpoints", needs=("read", "measurement", "problems")
)
"""Kinds of endpoints by their name in files. A kind is one module that registers itself, a frozen
dataclass that is an :class:`~lupusim.trial.endpoints.Endpoint` and can be read."""


class Simple:
    """What is the same for all endpoints unless they say otherwise."""

    __slots__ = ()

    @property
    def due_time(self) -> float | None:
        """None: an outcome is never complete before the end of follow-up."""
        return None

    @property
    def is_response(self) -> bool:
        """It is none."""
        return False

    @property
    def response_at_visit(self) -> ResponseAtVisit | None:
        """None: no state at one visit decides."""
        return None

    @property
    def response_at_visits(self) -> ResponseAtVisits | None:
        """None: no states at visits decide."""
        return None

    @property
    def rank_at_visit(self) -> RankAtVisit | None:
        """None: no rank of a state decides."""
        return None

    @property
    def time_of_event(self) -> EventTime | None:
        """None: it is no time to an event."""
        return None

    @property
    def events_counted(self) -> EventsCounted | None:
        """None: it is no number of events."""
        return None

    @property
    def years_in_states(self) -> YearsInStates | None:
        """None: it is no years in states."""
        return None

    @property
    def change_of_marker(self) -> MissingChange | None:
        """None: it is no change of the marker."""
        return None

    @property
    def ranks(self) -> tuple[tuple[str, ...], ...]:
        """No states are ranked."""
        return ()

    @property
    def levels(self) -> tuple[Endpoint, ...]:
        """It holds no others."""
        return ()

    @property
    def why_no_level(self) -> str:
        """Nothing: a hierarchy may hold it."""
        return ""


def usually_better(events: tuple[str, ...]) -> Better:
    """Return which direction is good unless a file says it: remissions are hoped for."""
    return Better.MORE if all(e.endswith(_REMISSION) for e in events) else Better.FEWER


def first_remission(model: MultiStateModel | None) -> tuple[str, ...]:
    """Return the states of a model that are remissions."""
    return tuple(s for s in (model.states if model else ()) if s.endswith(_REMISSION))


def shown(time: float) -> str:
    """Return a study time (years) in words."""
    return format_duration(time) if np.isfinite(time) else "a visit"


def check_visits(visits: tuple[float, ...]) -> None:
    """Refuse visits that are no rising study times (years), of which the last is above 0."""
    rising = all(a < b for a, b in pairwise(visits))
    if not (visits and rising and np.isfinite(visits[-1]) and visits[0] >= 0 < visits[-1]):
        raise ValueError(f"visits={visits} must be rising times, the last above 0")

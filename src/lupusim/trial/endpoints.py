"""What the trial wants to know of each patient."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise


class Better(Enum):
    """Which direction is good for the patient; the sign turns a statistic into a benefit."""

    MORE = 1
    """More responders; or events that one hopes for, such as remission."""
    FEWER = -1
    """Fewer or later events, such as relapse or death."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Responder:
    """Being in one of a set of states at a visit.

    A patient who left the trial before the visit counts as non-responder; so does one who
    has died. Whose visit is not yet due at the data cutoff is not in the analysis.

    Parameters
    ----------
    name : str
        What to call it.
    states : tuple of str
        States that count as response.
    at : float
        Study time (years) of the visit.
    better : Better
        Direction of benefit.
    """

    name: str
    states: tuple[str, ...]
    at: float
    better: Better = Better.MORE

    def __post_init__(self) -> None:
        if not self.states:
            raise ValueError("states is empty: name the states that count as response")
        if not (math.isfinite(self.at) and self.at > 0):
            raise ValueError(f"at={self.at!r} must be a time above 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeToEvent:
    """Time from an origin to the first entry into a set of states.

    Parameters
    ----------
    name : str
        What to call it.
    events : tuple of str
        States whose first entry is the event.
    origin : tuple of str
        States whose first entry starts the clock; empty for randomization. With an origin
        only patients who reach it are analyzed: a subset formed after randomization.
    competing : tuple of str
        States (such as death) whose entry makes the event impossible: time ends there
        without an event. A death that should count belongs to `events`.
    visits : tuple of float
        Study times (years) of the visits at which alone states are seen: the date is that of
        the first visit at which the event is seen. Empty: dates are known. States that end a
        history (death) always have their date.
    better : Better
        Direction of benefit.
    """

    name: str
    events: tuple[str, ...]
    origin: tuple[str, ...] = ()
    competing: tuple[str, ...] = ()
    visits: tuple[float, ...] = ()
    better: Better = Better.FEWER

    def __post_init__(self) -> None:
        if not self.events:
            raise ValueError("events is empty: name the states whose entry is the event")
        if both := set(self.events) & set(self.competing):
            raise ValueError(f"{sorted(both)} cannot be both an event and competing")


@dataclass(frozen=True, slots=True, kw_only=True)
class SustainedResponder:
    """Being in one of a set of states at every one of some visits.

    Who misses one of them, has left or has died counts as non-responder.

    Parameters
    ----------
    name : str
        What to call it.
    states : tuple of str
        States that count as response.
    visits : tuple of float
        Study times (years) of the visits, rising; the last one decides who is analyzed.
    better : Better
        Direction of benefit.
    """

    name: str
    states: tuple[str, ...]
    visits: tuple[float, ...]
    better: Better = Better.MORE

    def __post_init__(self) -> None:
        if not self.states:
            raise ValueError("states is empty: name the states that count as response")
        _check_visits(self.visits)

    @property
    def at(self) -> float:
        """Study time (years) of the last visit."""
        return self.visits[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class EventCount:
    """How often patients enter a set of states, per year watched.

    Entries are known with their dates. A patient is watched until `until`, dropout, data
    cutoff, or a state that ends the history.

    Parameters
    ----------
    name : str
        What to call it.
    events : tuple of str
        States whose every entry is an event.
    until : float
        Study time (years) up to which events count.
    better : Better
        Direction of benefit.
    """

    name: str
    events: tuple[str, ...]
    until: float = math.inf
    better: Better = Better.FEWER

    def __post_init__(self) -> None:
        if not self.events:
            raise ValueError("events is empty: name the states whose entry is the event")
        if not self.until > 0:
            raise ValueError(f"until={self.until!r} must be a time above 0")


class MissingTime(Enum):
    """Where the time after a dropout counts as spent, of which nothing is known.

    Each choice favors an arm where the arms lose unequally many: the one that loses fewer
    patients, the one that loses more, or the one that loses the sicker.
    """

    ELSEWHERE = "elsewhere"
    IN_STATES = "in_states"
    LEFT_OUT = "left_out"
    """Who leaves early is not in the analysis."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeInStates:
    """Years spent in a set of states up to a study time, such as days alive and out of relapse.

    Of who has entered a state that ends the history all is known. Who could not yet be followed
    so long at the data cutoff is not in the analysis.

    Parameters
    ----------
    name : str
        What to call it.
    states : tuple of str
        States in which time counts.
    until : float
        Study time, years.
    missing : MissingTime
        Where the time after a dropout counts as spent.
    better : Better
        Direction of benefit.
    """

    name: str
    states: tuple[str, ...]
    until: float
    missing: MissingTime = MissingTime.ELSEWHERE
    better: Better = Better.MORE

    def __post_init__(self) -> None:
        if not self.states:
            raise ValueError("states is empty: name the states in which time counts")
        if not (math.isfinite(self.until) and self.until > 0):
            raise ValueError(f"until={self.until!r} must be a time above 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class OrdinalState:
    """The rank of the state at a visit: 0 for the worst, and up.

    Who has left, or missed the visit, ranks as `missing` does.

    Parameters
    ----------
    name : str
        What to call it.
    ranking : tuple of tuple of str
        Groups of states from the worst to the best; every state in one of them.
    at : float
        Study time (years) of the visit.
    missing : str
        The state as which a missing one ranks; empty for the worst.
    better : Better
        Direction of benefit of the rank.
    """

    name: str
    ranking: tuple[tuple[str, ...], ...]
    at: float
    missing: str = ""
    better: Better = Better.MORE

    def __post_init__(self) -> None:
        _check_visits((self.at,))
        named = [state for group in self.ranking for state in group]
        if len(self.ranking) < _FEWEST_RANKS or len(set(named)) < len(named):
            raise ValueError("ranking must hold at least two groups, each state in one of them")
        if self.missing and self.missing not in named:
            raise ValueError(f"missing={self.missing!r} must be a state of the ranking")

    @property
    def states(self) -> tuple[str, ...]:
        """All states of the ranking."""
        return tuple(state for group in self.ranking for state in group)


class MissingChange(Enum):
    """What a change counts as that is not known (dropout, missed visit, death)."""

    NO_CHANGE = "no_change"
    LEFT_OUT = "left_out"


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkerChange:
    """Change of the trial's marker from randomization to a visit.

    Parameters
    ----------
    name : str
        What to call it.
    at : float
        Study time (years) of the visit.
    missing : MissingChange
        What a change counts as that is not known.
    better : Better
        Direction of benefit.
    """

    name: str
    at: float
    missing: MissingChange = MissingChange.NO_CHANGE
    better: Better = Better.FEWER

    def __post_init__(self) -> None:
        _check_visits((self.at,))


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkerResponder:
    """A fall of the trial's marker from randomization to a visit, by so much or more.

    Who misses the visit, has left or has died counts as non-responder.

    Parameters
    ----------
    name : str
        What to call it.
    at : float
        Study time (years) of the visit.
    fall : float
        The least fall that is a response, above 0.
    better : Better
        Direction of benefit.
    """

    name: str
    at: float
    fall: float
    better: Better = Better.MORE

    def __post_init__(self) -> None:
        _check_visits((self.at,))
        if not (math.isfinite(self.fall) and self.fall > 0):
            raise ValueError(f"fall={self.fall!r} must be a number above 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hierarchy:
    """Several endpoints compared one after the other, from the most important to the least.

    Two patients are compared by the first; where it does not tell them apart, by the next. What
    grows with time (counts, years in states) is compared over their common follow-up.

    Parameters
    ----------
    name : str
        What to call it.
    levels : tuple of Endpoint
        The endpoints, each with its own direction of benefit.
    """

    name: str
    levels: tuple[SimpleEndpoint, ...]

    def __post_init__(self) -> None:
        if len(self.levels) < _FEWEST_RANKS:
            raise ValueError("levels must name at least two endpoints")
        for level in self.levels:
            if isinstance(level, TimeInStates) and level.missing is not MissingTime.ELSEWHERE:
                raise ValueError(
                    f"{level.name!r} says missing, but the years of a level are compared over the "
                    "pair's common follow-up, in which nothing is missing: remove it"
                )

    @property
    def better(self) -> Better:
        """More wins are better, whatever the levels count."""
        return Better.MORE


_FEWEST_RANKS = 2


def _check_visits(visits: tuple[float, ...]) -> None:
    rising = all(a < b for a, b in pairwise(visits))
    if not (visits and rising and math.isfinite(visits[-1]) and visits[0] >= 0 < visits[-1]):
        raise ValueError(f"visits={visits} must be rising times, the last above 0")


SimpleEndpoint = (
    Responder
    | TimeToEvent
    | SustainedResponder
    | EventCount
    | TimeInStates
    | OrdinalState
    | MarkerChange
    | MarkerResponder
)
Endpoint = SimpleEndpoint | Hierarchy


def due_time(endpoint: Endpoint) -> float | None:
    """Return the study time (years) at which a patient's outcome is complete.

    None for times to an event and what is made of them: these are never complete before the
    end of follow-up.
    """
    if isinstance(endpoint, TimeInStates):
        return endpoint.until
    at: float | None = getattr(endpoint, "at", None)
    return at

"""What the trial wants to know of each patient: what every endpoint answers for itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Protocol

from lupusim.errors import Problem

if TYPE_CHECKING:
    from lupusim.analysis.outcomes import Outcome
    from lupusim.endpoints.base import Measurement
    from lupusim.endpoints.setting import Setting
    from lupusim.trial.design import Trial


class Better(Enum):
    """Which direction is good for the patient; the sign turns a statistic into a benefit."""

    MORE = 1
    """More responders; or events that one hopes for, such as remission."""
    FEWER = -1
    """Fewer or later events, such as relapse or death."""


MORE_OR_FEWER: Mapping[str, Better] = {"more": Better.MORE, "fewer": Better.FEWER}
LATER_OR_SOONER: Mapping[str, Better] = {"later": Better.FEWER, "sooner": Better.MORE}
LOWER_OR_HIGHER: Mapping[str, Better] = {"lower": Better.FEWER, "higher": Better.MORE}
"""What files call the directions: of shares and counts, of times to an event, of scores."""


class MissingChange(Enum):
    """What a change counts as that is not known (dropout, missed visit, death)."""

    NO_CHANGE = "no_change"
    LEFT_OUT = "left_out"


class ResponseAtVisit(Protocol):
    """Being in one of a set of states at one visit: its chance is known exactly."""

    @property
    def states(self) -> tuple[str, ...]:
        """States that count as response."""
        ...

    @property
    def at(self) -> float:
        """Study time (years) of the visit."""
        ...

    @property
    def better(self) -> Better:
        """Direction of benefit."""
        ...


class ResponseAtVisits(Protocol):
    """Being in one of a set of states at every one of some visits."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @property
    def states(self) -> tuple[str, ...]:
        """States that count as response."""
        ...

    @property
    def visits(self) -> tuple[float, ...]:
        """Study times (years) of the visits, rising."""
        ...

    @property
    def better(self) -> Better:
        """Direction of benefit."""
        ...


class RankAtVisit(Protocol):
    """The rank of the state at one visit."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @property
    def ranks(self) -> tuple[tuple[str, ...], ...]:
        """Groups of states from the worst to the best."""
        ...

    @property
    def at(self) -> float:
        """Study time (years) of the visit."""
        ...

    @property
    def rank_missing(self) -> int:
        """The rank, from 0, of who left or missed the visit."""
        ...


class EventTime(Protocol):
    """Time from an origin to the first entry into a set of states."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @property
    def events(self) -> tuple[str, ...]:
        """States whose first entry is the event."""
        ...

    @property
    def origin(self) -> tuple[str, ...]:
        """States whose first entry starts the clock; empty for randomization."""
        ...

    @property
    def competing(self) -> tuple[str, ...]:
        """States whose entry makes the event impossible."""
        ...

    @property
    def visits(self) -> tuple[float, ...]:
        """Study times (years) of the visits at which alone states are seen; empty for dates."""
        ...

    @property
    def better(self) -> Better:
        """Direction of benefit."""
        ...


class EventsCounted(Protocol):
    """How often each patient enters a set of states, while in the trial."""

    @property
    def events(self) -> tuple[str, ...]:
        """States whose every entry is an event."""
        ...

    @property
    def until(self) -> float:
        """Study time (years) up to which events count; ``inf`` for no end."""
        ...


class YearsInStates(Protocol):
    """Years spent in a set of states up to a study time."""

    @property
    def states(self) -> tuple[str, ...]:
        """States in which time counts."""
        ...

    @property
    def until(self) -> float:
        """Study time (years)."""
        ...

    @property
    def lost_count(self) -> bool | None:
        """Whether the time after a dropout counts; None where who leaves is left out."""
        ...


class Endpoint(Protocol):
    """What a trial measures of each patient; :mod:`lupusim.endpoints` has the kinds there are."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @property
    def better(self) -> Better:
        """Direction of benefit."""
        ...

    @property
    def outcome(self) -> type[Outcome]:
        """What a test takes."""
        ...

    @property
    def due_time(self) -> float | None:
        """Study time (years) at which a patient's outcome is complete.

        None for times to an event and what is made of them: these are never complete before the
        end of follow-up.
        """
        ...

    @property
    def is_response(self) -> bool:
        """Whether patients respond or don't."""
        ...

    @property
    def response_at_visit(self) -> ResponseAtVisit | None:
        """Itself where the state at one visit decides; None otherwise."""
        ...

    @property
    def response_at_visits(self) -> ResponseAtVisits | None:
        """Itself where the states at one or several visits decide; None otherwise."""
        ...

    @property
    def rank_at_visit(self) -> RankAtVisit | None:
        """Itself where it is the rank of the state at a visit; None otherwise."""
        ...

    @property
    def time_of_event(self) -> EventTime | None:
        """Itself where it is a time to an event; None otherwise."""
        ...

    @property
    def events_counted(self) -> EventsCounted | None:
        """Itself where it is a number of events; None otherwise."""
        ...

    @property
    def years_in_states(self) -> YearsInStates | None:
        """Itself where it is years spent in states; None otherwise."""
        ...

    @property
    def change_of_marker(self) -> MissingChange | None:
        """What an unknown change of the marker counts as; None where it is no such change."""
        ...

    @property
    def ranks(self) -> tuple[tuple[str, ...], ...]:
        """Groups of states from the worst to the best; empty where no state is ranked."""
        ...

    @property
    def levels(self) -> tuple[Endpoint, ...]:
        """The endpoints that it compares one after the other; empty where it is a single one."""
        ...

    @property
    def why_no_level(self) -> str:
        """Why a hierarchy cannot hold it; empty if it can."""
        ...

    def problems(self, key: str, trial: Trial) -> Iterator[Problem]:
        """Yield everything that is wrong with it in a trial, by the keys below `key`."""
        ...

    def measurement(self, setting: Setting) -> Measurement:
        """Return what listens to a block of histories."""
        ...


def directions(endpoint: Endpoint) -> Mapping[str, Better]:
    """Return the directions that can be good for the patient, as files say them."""
    if endpoint.time_of_event is not None:
        return LATER_OR_SOONER
    return MORE_OR_FEWER if endpoint.change_of_marker is None else LOWER_OR_HIGHER


def good_direction(endpoint: Endpoint) -> str:
    """Return which direction is good for the patient, as files say it.

    Examples
    --------
    >>> from lupusim.endpoints import Responder, TimeToEvent
    >>> good_direction(TimeToEvent(name="survival", events=("death",)))
    'later'
    >>> good_direction(Responder(name="remission", states=("remission",), at=1.0))
    'more'
    """
    return next(word for word, one in directions(endpoint).items() if one is endpoint.better)

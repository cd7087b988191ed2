"""What the trial wants to know of each patient."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum


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
    better : Better
        Direction of benefit.
    """

    name: str
    events: tuple[str, ...]
    origin: tuple[str, ...] = ()
    competing: tuple[str, ...] = ()
    better: Better = Better.FEWER

    def __post_init__(self) -> None:
        if not self.events:
            raise ValueError("events is empty: name the states whose entry is the event")
        if both := set(self.events) & set(self.competing):
            raise ValueError(f"{sorted(both)} cannot be both an event and competing")


Endpoint = Responder | TimeToEvent

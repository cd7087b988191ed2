"""How often something happens to each patient."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from lupusim.analysis.numerics.win_levels import FollowUpLevel, Level
from lupusim.analysis.outcomes import CountOutcome
from lupusim.common.arrays import FloatArray
from lupusim.common.frozen import dataclass
from lupusim.endpoints.base import (
    BETTER,
    ENDPOINTS,
    Around,
    Fields,
    Make,
    Measurement,
    Simple,
    usually_better,
)
from lupusim.endpoints.crossings import Entries
from lupusim.endpoints.setting import Setting
from lupusim.endpoints.strikes import until_strike, with_failures
from lupusim.errors import Problem
from lupusim.records import FirstEntry, Observation, Recorder
from lupusim.trial.checks.endpoints import beyond_problems, state_problems
from lupusim.trial.endpoints import Better, EventsCounted
from lupusim.trial.observation import Consequence

if TYPE_CHECKING:
    from lupusim.trial.design import Trial


@ENDPOINTS.register("event_count")
@dataclass(frozen=True, slots=True, kw_only=True)
class EventCount(Simple):
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

    Examples
    --------
    >>> EventCount(name="flares", events=("relapse",), until=1.0).better
    <Better.FEWER: -1>
    """

    outcome: ClassVar[type[CountOutcome]] = CountOutcome  # what a test takes

    name: str
    events: tuple[str, ...]
    until: float = math.inf
    better: Better = Better.FEWER

    def __post_init__(self) -> None:
        if not self.events:
            raise ValueError("events is empty: name the states whose entry is the event")
        if not self.until > 0:
            raise ValueError(f"until={self.until!r} must be a time above 0")

    @property
    def events_counted(self) -> EventsCounted:
        """It is one."""
        return self

    def measurement(self, setting: Setting) -> Measurement:
        """Return what listens to a block of histories."""
        return EventCountMeasurement(self, setting)

    def problems(self, key: str, trial: Trial) -> Iterator[Problem]:
        """Yield everything that is wrong with it in a trial, by the keys below `key`."""
        if math.isfinite(self.until):
            yield from beyond_problems(f"{key}.until", self.until, trial)
        yield from state_problems(f"{key}.events", self.events, trial)

    @staticmethod
    def read(fields: Fields, around: Around) -> Make:
        """Read the events, and until when they count."""
        events = fields.states("events")
        until = fields.duration("until", math.inf)
        name = fields.text("name", f"number of times in {' or '.join(events)}")
        better = fields.choice("better", BETTER, usually_better(events))
        return lambda: EventCount(name=name, events=events, until=until, better=better)


class EventCountMeasurement:
    """How often each patient enters a set of states, and for how long this was watched."""

    def __init__(self, endpoint: EventCount, setting: Setting) -> None:
        self.setting, self.until, self.better = setting, endpoint.until, endpoint.better
        n_patients = setting.n_patients
        self.entries = Entries(setting.positions(endpoint.events), n_patients)
        self.death = FirstEntry(setting.positions(setting.absorbing), n_patients)
        self.recorders: Sequence[Recorder] = (self.entries, self.death, *setting.recorders)

    def event_time(self, watched_until: FloatArray) -> FloatArray:
        """Return the study time (years) of each patient's first event if seen, else ``inf``."""
        first: FloatArray = self.entries.times[0].reshape(self.setting.shape)
        strike = self.setting.strike(watched_until, Consequence.FAILURE)
        time = with_failures(first, strike, self.better)
        end = np.minimum(until_strike(self.setting, watched_until), self.until)
        return np.where(time <= end, time, np.inf)

    def exits(self, observation: Observation) -> None:
        """Return None: who has had an event may have others."""
        return

    def outcome(self, observation: Observation) -> CountOutcome:
        """Return counts and years; a strike that is a failure counts as an event.

        Where events are hoped for, none counts after it.
        """
        end = np.minimum(until_strike(self.setting, observation.seen_until), self.until)
        times = self.entries.times.T.reshape(*end.shape, len(self.entries.times))
        strike = self.setting.strike(observation.watched_until, Consequence.FAILURE)
        if strike is not None and self.better is Better.FEWER:
            times = np.concatenate([times, strike[:, :, None]], axis=2)
        elif strike is not None:
            times = np.where(times <= strike[:, :, None], times, np.inf)
        count = (times <= end[:, :, None]).sum(axis=2).astype(float)
        years = np.maximum(np.minimum(end, self.death.time.reshape(end.shape)), 0.0)
        return CountOutcome(count=count, years=years, arm=observation.arm, times=times)

    def level(self, observation: Observation) -> Level:
        """Return the events by the end of a pair's common follow-up, which ends with a death."""
        outcome = self.outcome(observation)
        assert outcome.times is not None  # of events that are counted the dates are known
        return FollowUpLevel(
            times=outcome.times,
            followed=outcome.years,
            more_is_better=self.better is Better.MORE,
        )

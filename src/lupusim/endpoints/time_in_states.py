"""How long each patient is in a set of states."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from enum import Enum
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from lupusim.analysis.numerics.win_levels import FollowUpLevel, Level
from lupusim.analysis.outcomes import NumberOutcome
from lupusim.common.arrays import BoolArray, FloatArray
from lupusim.common.frozen import dataclass
from lupusim.endpoints.base import (
    BETTER,
    ENDPOINTS,
    Around,
    Fields,
    Make,
    Measurement,
    NoEvents,
    Simple,
)
from lupusim.endpoints.crossings import Stays
from lupusim.endpoints.setting import TIME_TOLERANCE, LastMade, Setting
from lupusim.endpoints.strikes import until_strike
from lupusim.errors import Problem
from lupusim.records import FirstEntry, Observation, Recorder
from lupusim.trial.checks.endpoints import beyond_problems, state_problems
from lupusim.trial.endpoints import Better, YearsInStates
from lupusim.trial.observation import Consequence

if TYPE_CHECKING:
    from lupusim.trial.design import Trial


class MissingTime(Enum):
    """Where the time after a dropout counts as spent, of which nothing is known.

    Each choice favors an arm where the arms lose unequally many: the one that loses fewer
    patients, the one that loses more, or the one that loses the sicker.
    """

    ELSEWHERE = "elsewhere"
    IN_STATES = "in_states"
    LEFT_OUT = "left_out"
    """Who leaves early is not in the analysis."""


@ENDPOINTS.register("time_in_states")
@dataclass(frozen=True, slots=True, kw_only=True)
class TimeInStates(Simple):
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

    Examples
    --------
    >>> TimeInStates(name="well", states=("remission",), until=1.0).missing
    <MissingTime.ELSEWHERE: 'elsewhere'>
    """

    outcome: ClassVar[type[NumberOutcome]] = NumberOutcome  # what a test takes

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

    @property
    def years_in_states(self) -> YearsInStates:
        """Itself."""
        return self

    @property
    def lost_count(self) -> bool | None:
        """Whether the time after a dropout counts; None where who leaves is left out."""
        counts = {MissingTime.ELSEWHERE: False, MissingTime.IN_STATES: True}
        return counts.get(self.missing)

    @property
    def due_time(self) -> float:
        """Study time (years) at which the years are complete."""
        return self.until

    def measurement(self, setting: Setting) -> Measurement:
        """Return what listens to a block of histories."""
        return TimeInStatesMeasurement(self, setting)

    def problems(self, key: str, trial: Trial) -> Iterator[Problem]:
        """Yield everything that is wrong with it in a trial, by the keys below `key`."""
        yield from beyond_problems(f"{key}.until", self.until, trial)
        yield from state_problems(f"{key}.states", self.states, trial)

    @staticmethod
    def read(fields: Fields, around: Around) -> Make:
        """Read the states, until when, and where time after a dropout counts as spent."""
        states = fields.states("states")
        until = fields.duration("until")
        ways = {missing.value: missing for missing in MissingTime}
        missing = fields.choice("missing", ways, MissingTime.ELSEWHERE)
        name = fields.text("name", f"years in {' or '.join(states)}")
        better = fields.choice("better", BETTER, Better.MORE)
        return lambda: TimeInStates(
            name=name, states=states, until=until, missing=missing, better=better
        )

    @property
    def why_no_level(self) -> str:
        """Why it cannot be a level of a hierarchy as it is; empty if it can."""
        if self.missing is MissingTime.ELSEWHERE:
            return ""
        return (
            f"{self.name!r} says missing, but the years of a level are compared over the "
            "pair's common follow-up, in which nothing is missing: remove it"
        )


class TimeInStatesMeasurement(NoEvents):
    """How long each patient is in a set of states up to a study time."""

    def __init__(self, endpoint: TimeInStates, setting: Setting) -> None:
        self.setting, self.until, self.better = setting, endpoint.until, endpoint.better
        self.missing = endpoint.missing
        self.stays = Stays(setting.positions(endpoint.states), setting.n_patients)
        self.death = FirstEntry(setting.positions(setting.absorbing), setting.n_patients)
        self.recorders: Sequence[Recorder] = (self.stays, self.death, *setting.recorders)
        self._years = LastMade(self._counted)

    def outcome(self, observation: Observation) -> NumberOutcome:
        """Return years; what follows a dropout counts as the endpoint says."""
        due = observation.enrollment_time + self.until
        included = due <= observation.cutoff[:, None] + TIME_TOLERANCE
        spared = self.setting.strike(observation.watched_until, Consequence.EXCLUSION)
        if spared is not None:
            included &= spared > self.until
        values, whole = self._years(observation.watched_until)
        if whole is not None:
            included &= whole
        return NumberOutcome(values=values, included=included, arm=observation.arm)

    def _counted(self, watched_until: FloatArray) -> tuple[FloatArray, BoolArray | None]:
        """Return the years that count, and of whom all are known where others are left out."""
        values, lost = self._known(watched_until)
        if self.missing is MissingTime.IN_STATES:
            values += lost
        return values, lost == 0 if self.missing is MissingTime.LEFT_OUT else None

    def _known(self, watched_until: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the years known to be spent in the states, and those of which nothing is known.

        Of the dead all is known. So it is after a strike: if it is a failure, what follows is
        spent where it is worse.
        """
        dead = self.death.time.reshape(watched_until.shape) <= watched_until
        end = np.where(dead, self.until, np.minimum(watched_until, self.until))
        stop = self.setting.strike(end, Consequence.FAILURE | Consequence.LAST_VALUE)
        lost = self.until - end
        if stop is not None:
            lost = np.where(np.isfinite(stop), 0.0, lost)
            end = np.minimum(end, stop)
        values = self.stays.time(end.ravel()).reshape(end.shape)
        failed = self.setting.strike(end, Consequence.FAILURE)
        if failed is not None and self.better is Better.FEWER:
            values += np.where(np.isfinite(failed), self.until - end, 0.0)
        return values, lost

    def level(self, observation: Observation) -> Level:
        """Return the years by the end of a pair's common follow-up, which ends with a death.

        It ends with an event too after which nothing counts; a composite one is followed by years
        spent where it is worse.
        """
        shape = observation.arm.shape
        times, weights = self.stays.crossings()
        failed = self.setting.strike(observation.watched_until, Consequence.FAILURE)
        if failed is not None:
            before = times <= failed.reshape(-1, 1)
            inside = np.where(before, weights, 0.0).sum(axis=1, keepdims=True)
            spent = float(self.better is Better.FEWER)
            times = np.hstack([np.where(before, times, np.inf), failed.reshape(-1, 1)])
            weights = np.hstack([weights, spent - inside])
        followed = np.minimum(until_strike(self.setting, observation.seen_until), self.until)
        followed = np.minimum(followed, self.death.time.reshape(shape))
        return FollowUpLevel(
            times=times.reshape(*shape, -1),
            weights=weights.reshape(*shape, -1),
            followed=np.maximum(followed, 0.0),
            more_is_better=self.better is Better.MORE,
        )

"""Response: a state at a visit, or at every one of some visits."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from lupusim.analysis.numerics.win_levels import Level
from lupusim.analysis.outcomes import BinaryOutcome
from lupusim.common.arrays import BoolArray, FloatArray
from lupusim.common.frozen import dataclass
from lupusim.endpoints.base import (
    BETTER,
    ENDPOINTS,
    Around,
    Fields,
    Make,
    Measurement,
    Simple,
    check_visits,
    shown,
)
from lupusim.endpoints.setting import TIME_TOLERANCE, LastMade, Setting
from lupusim.endpoints.visits import VisitMeasurement, level_of_responses
from lupusim.errors import Problem
from lupusim.records import Observation
from lupusim.records.recorders import among
from lupusim.trial.checks.endpoints import state_problems, visit_problems
from lupusim.trial.endpoints import Better, ResponseAtVisit, ResponseAtVisits

if TYPE_CHECKING:
    from lupusim.trial.design import Trial


@ENDPOINTS.register("responder")
@dataclass(frozen=True, slots=True, kw_only=True)
class Responder(Simple):
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

    Examples
    --------
    >>> Responder(name="remission", states=("remission",), at=1.0).better
    <Better.MORE: 1>
    """

    outcome: ClassVar[type[BinaryOutcome]] = BinaryOutcome  # what a test takes
    is_response: ClassVar[bool] = True  # it is one

    name: str
    states: tuple[str, ...]
    at: float
    better: Better = Better.MORE

    def __post_init__(self) -> None:
        if not self.states:
            raise ValueError("states is empty: name the states that count as response")
        if not (math.isfinite(self.at) and self.at > 0):
            raise ValueError(f"at={self.at!r} must be a time above 0")

    @property
    def due_time(self) -> float:
        """Study time (years) of the visit."""
        return self.at

    @property
    def response_at_visit(self) -> ResponseAtVisit:
        """It is decided by the state at one visit."""
        return self

    @property
    def visits(self) -> tuple[float, ...]:
        """Study time (years) of the visit."""
        return (self.at,)

    @property
    def response_at_visits(self) -> ResponseAtVisits:
        """It is decided by the state at the visit."""
        return self

    def measurement(self, setting: Setting) -> Measurement:
        """Return what listens to a block of histories."""
        return ResponderMeasurement(self, (self.at,), setting)

    def problems(self, key: str, trial: Trial) -> Iterator[Problem]:
        """Yield everything that is wrong with it in a trial, by the keys below `key`."""
        yield from visit_problems(f"{key}.at", self.at, trial)
        yield from state_problems(f"{key}.states", self.states, trial)

    @staticmethod
    def read(fields: Fields, around: Around) -> Make:
        """Read a response at one visit, or with `since` at all visits from then on."""
        states = fields.states("states")
        at = fields.duration("at")
        since = fields.duration_or_none("since")
        fields.choice("missing", {"non_responder": None}, None)
        when = shown(at) if since is None else f"every visit from {shown(since)} to {shown(at)}"
        name = fields.text("name", f"response at {when}")
        better = fields.choice("better", BETTER, Better.MORE)
        if since is None:
            return lambda: Responder(name=name, states=states, at=at, better=better)
        if not since < at:
            fields.report(
                "since", f"{shown(since)} is not before {shown(at)}", "Give an earlier visit."
            )
        visits = _from_to(since, at, around.visits)
        return lambda: SustainedResponder(name=name, states=states, visits=visits, better=better)


@dataclass(frozen=True, slots=True, kw_only=True)
class SustainedResponder(Simple):
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

    Examples
    --------
    >>> SustainedResponder(name="held", states=("remission",), visits=(0.5, 1.0)).visits
    (0.5, 1.0)
    """

    outcome: ClassVar[type[BinaryOutcome]] = BinaryOutcome  # what a test takes
    is_response: ClassVar[bool] = True  # it is one

    name: str
    states: tuple[str, ...]
    visits: tuple[float, ...]
    better: Better = Better.MORE

    def __post_init__(self) -> None:
        if not self.states:
            raise ValueError("states is empty: name the states that count as response")
        check_visits(self.visits)

    @property
    def at(self) -> float:
        """Study time (years) of the last visit."""
        return self.visits[-1]

    @property
    def due_time(self) -> float:
        """Study time (years) of the visit."""
        return self.at

    @property
    def response_at_visits(self) -> ResponseAtVisits:
        """It is decided by the states at the visits."""
        return self

    def measurement(self, setting: Setting) -> Measurement:
        """Return what listens to a block of histories."""
        return ResponderMeasurement(self, self.visits, setting)

    def problems(self, key: str, trial: Trial) -> Iterator[Problem]:
        """Yield everything that is wrong with it in a trial, by the keys below `key`."""
        for part, time in (("since", self.visits[0]), ("at", self.at)):
            yield from visit_problems(f"{key}.{part}", time, trial)
        yield from state_problems(f"{key}.states", self.states, trial)


def _from_to(since: float, at: float, visits: tuple[float, ...]) -> tuple[float, ...]:
    """Return the visits from one to another, both of which must be visits."""
    between = [v for v in visits if since - TIME_TOLERANCE <= v <= at + TIME_TOLERANCE]
    inner = [v for v in between if all(abs(v - end) > TIME_TOLERANCE for end in (since, at))]
    return tuple(sorted({since, at, *inner}))


class ResponderMeasurement(VisitMeasurement):
    """Whether each patient is in one of the states at the visits, and still in the trial."""

    def __init__(
        self, endpoint: Responder | SustainedResponder, visits: Sequence[float], setting: Setting
    ) -> None:
        super().__init__(visits, setting)
        self.positions = tuple(setting.positions(endpoint.states))
        self.better = endpoint.better
        self._responses = LastMade(self._response)

    def _response(self, watched_until: FloatArray) -> BoolArray:
        """Return who is in one of the states at all visits, (n_patients,)."""
        response: BoolArray = np.ones(self.setting.n_patients, dtype=bool)
        for number in self.numbers:
            state, present = self.states(number, watched_until)
            response &= among(state, self.positions)
            response &= present
        return response

    def outcome(self, observation: Observation) -> BinaryOutcome:
        """Return responses; dropouts are non-responders, visits after the cutoff are out."""
        response = self._responses(observation.watched_until)
        return BinaryOutcome(
            response=self.judged(response, observation, self.better),
            included=self.included(observation),
            arm=observation.arm,
        )

    def level(self, observation: Observation) -> Level:
        """Return the responses; not known of who is not in the analysis."""
        return level_of_responses(self.outcome(observation), self.better)

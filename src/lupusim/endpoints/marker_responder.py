"""A fall of the trial's marker by so much."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from lupusim.analysis.numerics.win_levels import Level
from lupusim.analysis.outcomes import BinaryOutcome
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
from lupusim.endpoints.marker import MarkerMeasurement
from lupusim.endpoints.setting import Setting
from lupusim.endpoints.visits import level_of_responses
from lupusim.errors import Problem
from lupusim.records import Observation
from lupusim.trial.checks.endpoints import marker_problems, visit_problems
from lupusim.trial.endpoints import Better

if TYPE_CHECKING:
    from lupusim.trial.design import Trial


@ENDPOINTS.register("marker_responder")
@dataclass(frozen=True, slots=True, kw_only=True)
class MarkerResponder(Simple):
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

    Examples
    --------
    >>> MarkerResponder(name="SRI", at=0.5, fall=4.0).better
    <Better.MORE: 1>
    """

    outcome: ClassVar[type[BinaryOutcome]] = BinaryOutcome  # what a test takes
    is_response: ClassVar[bool] = True  # it is one

    name: str
    at: float
    fall: float
    better: Better = Better.MORE

    def __post_init__(self) -> None:
        check_visits((self.at,))
        if not (math.isfinite(self.fall) and self.fall > 0):
            raise ValueError(f"fall={self.fall!r} must be a number above 0")

    @property
    def due_time(self) -> float:
        """Study time (years) of the visit."""
        return self.at

    def measurement(self, setting: Setting) -> Measurement:
        """Return what listens to a block of histories."""
        return MarkerResponderMeasurement(self, setting)

    def problems(self, key: str, trial: Trial) -> Iterator[Problem]:
        """Yield everything that is wrong with it in a trial, by the keys below `key`."""
        yield from marker_problems(key, trial)
        yield from visit_problems(f"{key}.at", self.at, trial)

    @staticmethod
    def read(fields: Fields, around: Around) -> Make:
        """Read the visit, and the fall that is a response."""
        at = fields.duration("at")
        fall = fields.number("fall", above=0)
        name = fields.text("name", f"fall of the marker by {fall:g} at {shown(at)}")
        better = fields.choice("better", BETTER, Better.MORE)
        return lambda: MarkerResponder(name=name, at=at, fall=fall, better=better)


class MarkerResponderMeasurement(MarkerMeasurement):
    """Whether the marker has fallen by so much at a visit."""

    def __init__(self, endpoint: MarkerResponder, setting: Setting) -> None:
        super().__init__(endpoint.at, setting)
        self.fall, self.better = endpoint.fall, endpoint.better

    def outcome(self, observation: Observation) -> BinaryOutcome:
        """Return responses; a change that is not known is none."""
        _, change, known = self.change(observation)
        return BinaryOutcome(
            response=self.judged(known & (change <= -self.fall), observation, self.better),
            included=self.included(observation),
            arm=observation.arm,
        )

    def level(self, observation: Observation) -> Level:
        """Return the responses; not known of who is not in the analysis."""
        return level_of_responses(self.outcome(observation), self.better)

"""Several endpoints, compared one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np

from lupusim.analysis.numerics.win_levels import Level
from lupusim.analysis.outcomes import HierarchicalOutcome
from lupusim.common.frozen import dataclass
from lupusim.endpoints.base import ENDPOINTS, Around, Fields, Make, Measurement, NoEvents
from lupusim.endpoints.setting import TIME_TOLERANCE, Setting
from lupusim.errors import Problem
from lupusim.records import Observation, Recorder
from lupusim.trial.endpoints import Better, Endpoint

if TYPE_CHECKING:
    from lupusim.trial.design import Trial


_FEWEST_LEVELS = 2


@ENDPOINTS.register("hierarchy")
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

    Examples
    --------
    >>> from lupusim.endpoints import Responder, TimeToEvent
    >>> death = TimeToEvent(name="survival", events=("death",))
    >>> well = Responder(name="remission", states=("remission",), at=1.0)
    >>> len(Hierarchy(name="both", levels=(death, well)).levels)
    2
    """

    is_response: ClassVar[bool] = False  # it is none
    ranks: ClassVar[tuple[()]] = ()  # no states are ranked
    why_no_level: ClassVar[str] = "a hierarchy cannot hold another one"  # why no other may hold it
    outcome: ClassVar[type[HierarchicalOutcome]] = HierarchicalOutcome  # what a test takes

    name: str
    levels: tuple[Endpoint, ...]

    def __post_init__(self) -> None:
        if len(self.levels) < _FEWEST_LEVELS:
            raise ValueError("levels must name at least two endpoints")
        for level in self.levels:
            if level.why_no_level:
                raise ValueError(level.why_no_level)

    @property
    def better(self) -> Better:
        """More wins are better, whatever the levels count."""
        return Better.MORE

    @property
    def due_time(self) -> None:
        """None: an outcome is never complete before the end of follow-up."""
        return

    @property
    def response_at_visit(self) -> None:
        """None: no state at one visit decides."""
        return

    @property
    def response_at_visits(self) -> None:
        """None: no states at visits decide."""
        return

    @property
    def rank_at_visit(self) -> None:
        """None: no rank of a state decides."""
        return

    @property
    def time_of_event(self) -> None:
        """None: it is no time to an event."""
        return

    @property
    def events_counted(self) -> None:
        """None: it is no number of events."""
        return

    @property
    def years_in_states(self) -> None:
        """None: it is no years in states."""
        return

    @property
    def change_of_marker(self) -> None:
        """None: it is no change of the marker."""
        return

    def measurement(self, setting: Setting) -> Measurement:
        """Return what listens to a block of histories."""
        return HierarchyMeasurement(self, setting)

    def problems(self, key: str, trial: Trial) -> Iterator[Problem]:
        """Yield everything that is wrong with it in a trial, by the keys below `key`."""
        for number, level in enumerate(self.levels):
            yield from level.problems(f"{key}.levels.{number}", trial)

    @staticmethod
    def read(fields: Fields, around: Around) -> Make:
        """Read the levels, none of which may ask the same as one above it."""
        levels = fields.endpoints("levels")
        asked = [replace(cast("Any", level), name="") for level in levels]  # a dataclass
        if any(level in asked[:number] for number, level in enumerate(asked)):
            fault = "a level asks the same as one above it, so it never decides"
            fields.report("levels", fault, "Remove it.")
        name = fields.text("name", ", then ".join(level.name for level in levels))
        return lambda: Hierarchy(name=name, levels=levels)


class HierarchyMeasurement(NoEvents):
    """Several endpoints of each patient, to be compared one after the other."""

    def __init__(self, endpoint: Hierarchy, setting: Setting) -> None:
        self.measurements = [level.measurement(setting) for level in endpoint.levels]
        self.recorders: Sequence[Recorder] = [r for m in self.measurements for r in m.recorders]

    def outcome(self, observation: Observation) -> HierarchicalOutcome:
        """Return what every level compares."""
        levels = [measurement.level(observation) for measurement in self.measurements]
        enrolled = observation.enrollment_time <= observation.cutoff[:, None] + TIME_TOLERANCE
        enrolled &= np.isfinite(observation.enrollment_time)
        return HierarchicalOutcome(levels=levels, included=enrolled, arm=observation.arm)

    def level(self, observation: Observation) -> Level:
        """Refuse: a hierarchy holds no other."""
        raise ValueError("a hierarchy cannot hold another one")

"""An endpoint: having been in one of some states by a study time, as far as was seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lupusim.analysis.numerics.win_levels import Level, larger_is_better
from lupusim.analysis.outcomes import BinaryOutcome
from lupusim.endpoints import Around, Fields, Measurement
from lupusim.endpoints.base import Make, NoEvents, Simple
from lupusim.endpoints.setting import Setting
from lupusim.errors import Problem
from lupusim.records import FirstEntry, Observation
from lupusim.trial import Better, Trial
from lupusim.trial.checks.endpoints import beyond_problems, state_problems


@dataclass(frozen=True, slots=True, kw_only=True)
class EverIn(Simple):
    """Ever in one of `states` by `due_time` (years)."""

    name: str
    states: tuple[str, ...]
    due_time: float
    better: Better = Better.FEWER
    outcome = BinaryOutcome

    def problems(self, key: str, trial: Trial) -> Iterator[Problem]:
        yield from beyond_problems(f"{key}.by", self.due_time, trial)
        yield from state_problems(f"{key}.states", self.states, trial)

    def measurement(self, setting: Setting) -> Measurement:
        return EverInMeasurement(self, setting)

    @staticmethod
    def read(fields: Fields, around: Around) -> Make:
        del around
        states, by = fields.states("states"), fields.duration("by")
        name = fields.text("name", f"ever in {' or '.join(states)}")
        return lambda: EverIn(name=name, states=states, due_time=by)


class EverInMeasurement(NoEvents):
    def __init__(self, endpoint: EverIn, setting: Setting) -> None:
        self.by, self.shape = endpoint.due_time, setting.shape
        self.entry = FirstEntry(setting.positions(endpoint.states), setting.n_patients)
        self.recorders = (self.entry,)

    def outcome(self, observation: Observation) -> BinaryOutcome:
        time = self.entry.time.reshape(self.shape)
        response = (time <= self.by) & (time <= observation.watched_until)
        included = observation.enrollment_time + self.by <= observation.seen_by[:, None]
        return BinaryOutcome(response=response, included=included, arm=observation.arm)

    def level(self, observation: Observation) -> Level:
        found = self.outcome(observation)
        return larger_is_better(~found.response).known_of(found.included)

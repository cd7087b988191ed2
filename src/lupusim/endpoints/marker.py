"""What a marker shows of each patient: its change, and a fall by so much."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lupusim.analysis.ordinal.win_levels import Level
from lupusim.analysis.outcomes import BinaryOutcome, NumberOutcome
from lupusim.arrays import BoolArray, FloatArray
from lupusim.endpoints.responses import VisitMeasurement, level_of_numbers, level_of_responses
from lupusim.endpoints.setting import Setting
from lupusim.records import Observation, Recorder, StateAt
from lupusim.trial.endpoints import MarkerChange, MarkerResponder, MissingChange
from lupusim.trial.observation import Strategy


class MarkerMeasurement(VisitMeasurement):
    """The marker at randomization, and its change to a visit."""

    def __init__(self, at: float, setting: Setting) -> None:
        if setting.marker is None or setting.visits is None:
            raise ValueError("the trial has no marker, or no visits")
        super().__init__((at,), setting)
        self.marker = setting.marker
        self.first = StateAt([0.0], setting.n_patients)
        self.dead = setting.members(setting.absorbing)
        self.recorders: Sequence[Recorder] = (*self.recorders, self.first)

    def change(self, observation: Observation) -> tuple[FloatArray, FloatArray, BoolArray]:
        """Return baseline, change and whether it is known, (n_replicates, n_patients) each."""
        return self.change_at(self.numbers[-1], observation)

    def change_at(
        self, number: int, observation: Observation
    ) -> tuple[FloatArray, FloatArray, BoolArray]:
        """Return baseline, change to one visit and whether it is known."""
        which, present = self.shown_by(number, observation.watched_until)
        baseline = self.marker.baseline(self.first.states[0])
        value = np.array(baseline)
        known = np.zeros(value.size, dtype=bool)
        for visit in np.unique(which[present]) if which.ndim else (number,):
            state = self.visits.true(int(visit))
            here = present & (which == visit) & ~self.dead[state]
            value = np.where(here, self.marker.at_visit(int(visit), state), value)
            known |= here
        shape = self.setting.shape
        return baseline.reshape(shape), (value - baseline).reshape(shape), known.reshape(shape)


class MarkerChangeMeasurement(MarkerMeasurement):
    """Change of the marker from randomization to a visit."""

    def __init__(self, endpoint: MarkerChange, setting: Setting) -> None:
        super().__init__(endpoint.at, setting)
        self.missing, self.better = endpoint.missing, endpoint.better
        after = [time for time in setting.visits_until(endpoint.at) if time > 0]
        self.all_numbers = setting.visits_at(after)[1]

    def outcome(self, observation: Observation) -> NumberOutcome:
        """Return changes and baselines; a change that is not known is 0, or left out.

        After a strike that is a failure there is no change.
        """
        baseline, change, known = self.change(observation)
        included, trajectory = self.included(observation), None
        if self.missing is MissingChange.LEFT_OUT:
            included = included & (known | self.failed(observation))
            trajectory = self.trajectory(observation)
        return NumberOutcome(
            values=change,
            included=included,
            arm=observation.arm,
            baseline=baseline,
            trajectory=trajectory,
        )

    def level(self, observation: Observation) -> Level:
        """Return the changes; not known of who is not in the analysis."""
        return level_of_numbers(self.outcome(observation), self.better)

    def trajectory(self, observation: Observation) -> FloatArray:
        """Return the change at every visit after randomization, up to that of the endpoint.

        Shape (n_replicates, n_patients, n_visits); NaN where it is not known, after an event
        that is treated as if it had not happened, and of those whose last visit is not due.
        """
        due = self.due(observation)
        spared = self.setting.strike(observation.watched_until, Strategy.HYPOTHETICAL)
        changes = []
        for number in self.all_numbers:
            _, change, known = self.change_at(number, observation)
            if spared is not None:
                known &= spared > self.visit_time(number)
            changes.append(np.where(due & known, change, np.nan))
        return np.stack(changes, axis=2)


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

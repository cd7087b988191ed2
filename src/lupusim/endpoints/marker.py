"""What a marker shows of each patient: its change, and a fall by so much."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lupusim.common.arrays import BoolArray, FloatArray
from lupusim.endpoints.setting import Setting
from lupusim.endpoints.visits import VisitMeasurement
from lupusim.records import Observation, Recorder, StateAt


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

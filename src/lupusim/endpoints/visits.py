"""What the visits of a trial tell of each patient."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lupusim.analysis.numerics.win_levels import (
    Level,
    WinLevel,
    larger_is_better,
    smaller_is_better,
)
from lupusim.analysis.outcomes import BinaryOutcome, NumberOutcome
from lupusim.common.arrays import BoolArray, FloatArray, IntArray, StateArray
from lupusim.endpoints.base import NoEvents
from lupusim.endpoints.setting import TIME_TOLERANCE, Setting, last_visit
from lupusim.records import Observation, Recorder
from lupusim.trial.endpoints import Better
from lupusim.trial.observation import Consequence


class VisitMeasurement(NoEvents):
    """Watches patients at some visits, of which the last decides who is in the analysis.

    A patient is in the analysis whose last visit is due at the data cutoff, and whom nothing
    has struck by then, while watched, that is treated as if it had not happened.

    Parameters
    ----------
    times : sequence of float
        Study times (years) of the visits.
    setting : Setting
        What the endpoints share.
    """

    def __init__(self, times: Sequence[float], setting: Setting) -> None:
        self.setting = setting
        self.at = times[-1]
        self.visits, self.numbers = setting.visits_at(times)
        self.before: list[int] = []
        if setting.has(Consequence.LAST_VALUE):
            self.before = setting.visits_at(setting.visits_until(self.at))[1]
        self.recorders: Sequence[Recorder] = (self.visits.recorder, *setting.recorders)

    def visit_time(self, number: int) -> FloatArray:
        """Return the study time (years) of a visit, (n_replicates, n_patients) or (1, 1)."""
        time: FloatArray = self.visits.times[number]
        return time.reshape(self.setting.shape if time.size > 1 else (1, 1))

    def due(self, observation: Observation) -> BoolArray:
        """Return whose last visit is due at the cutoff, shape (n_replicates, n_patients)."""
        return self.due_at(self.numbers[-1], observation)

    def due_at(self, number: int, observation: Observation) -> BoolArray:
        """Return of whom a visit is due at the cutoff, shape (n_replicates, n_patients)."""
        came, time = observation.enrollment_time, self.visit_time(number)
        cutoff = observation.cutoff[:, None] + TIME_TOLERANCE
        if time.size > 1:
            return np.asarray(came + time <= cutoff)
        # SPEED: most often the visit of the last is due, and so all are (benchmarks/cases.py)
        due = np.ones(came.shape, dtype=bool)
        last = came.max(axis=1, initial=-np.inf, keepdims=True)
        (waits,) = np.nonzero(~(last + time <= cutoff)[:, 0])
        due[waits] = came[waits] + time <= cutoff[waits]
        return due

    def included(self, observation: Observation) -> BoolArray:
        """Return who is in the analysis, shape (n_replicates, n_patients)."""
        member = self.due(observation)
        spared = self.setting.strike(observation.watched_until, Consequence.EXCLUSION)
        return member if spared is None else member & (spared > self.visit_time(self.numbers[-1]))

    def judged(self, response: BoolArray, observation: Observation, better: Better) -> BoolArray:
        """Return responses, (n_replicates, n_patients), where a strike may be a failure.

        It is none, as `shown_by` has it; where fewer are better it is one.
        """
        shown = response.reshape(self.setting.shape)
        return shown if better is Better.MORE else shown | self.failed(observation)

    def failed(self, observation: Observation) -> BoolArray:
        """Return whom an event that is itself a failure has struck by the last visit.

        Shape (n_replicates, n_patients), or (1, 1) where there is no such event.
        """
        strike = self.setting.strike(observation.watched_until, Consequence.FAILURE)
        if strike is None:
            return np.zeros((1, 1), dtype=bool)
        return np.asarray(strike <= self.visit_time(self.numbers[-1]))

    def shown_by(self, number: int, watched_until: FloatArray) -> tuple[IntArray, BoolArray]:
        """Return which visit tells of each patient at a visit, and whether it took place.

        Of whom an event has struck the last visit before tells, where only the time on
        treatment counts; nothing does after an event that is itself a failure. The number
        is 0-d where it is the same for all.
        """
        which: IntArray = np.asarray(number, dtype=np.intp)
        present = self.visits.took_place(number, watched_until)
        time = self.visits.times[number]
        failed = self.setting.strike(watched_until, Consequence.FAILURE)
        if failed is not None:
            present = present & (failed.ravel() > time)
        stopped = self.setting.strike(watched_until, Consequence.LAST_VALUE)
        if stopped is not None:
            up_to_now = [n for n in self.before if n <= number]
            earlier = last_visit(self.visits, up_to_now, np.minimum(stopped, watched_until))
            struck = stopped.ravel() <= time
            which = np.where(struck, earlier, number)
            present = np.where(struck, earlier >= 0, present)
        return which, present

    def states(self, number: int, watched_until: FloatArray) -> tuple[StateArray, BoolArray]:
        """Return what is known of each patient's state at a visit, and whether anything is."""
        which, present = self.shown_by(number, watched_until)
        if which.ndim == 0:
            return self.visits.seen(number), present
        state: StateArray = self.visits.seen(number).copy()
        for other in np.unique(which[present]):
            here = which == other
            state[here] = self.visits.seen(int(other))[here]
        return state, present


def level_of_responses(outcome: BinaryOutcome, better: Better) -> Level:
    """Return what a hierarchy compares of responses."""
    return _ordered(outcome.response, better).known_of(outcome.included)


def level_of_numbers(outcome: NumberOutcome, better: Better) -> Level:
    """Return what a hierarchy compares of numbers."""
    return _ordered(outcome.values, better).known_of(outcome.included)


def _ordered(values: BoolArray | FloatArray, better: Better) -> WinLevel:
    return larger_is_better(values) if better is Better.MORE else smaller_is_better(values)

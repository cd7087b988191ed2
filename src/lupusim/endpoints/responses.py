"""What visits tell of each patient: response, sustained response, the rank of the state."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lupusim.analysis.ordinal.win_levels import (
    Level,
    WinLevel,
    larger_is_better,
    smaller_is_better,
)
from lupusim.analysis.outcomes import BinaryOutcome, NumberOutcome
from lupusim.arrays import BoolArray, FloatArray, IntArray, StateArray
from lupusim.endpoints.setting import TIME_TOLERANCE, Setting, last_visit
from lupusim.records import FirstEntry, Observation, Recorder
from lupusim.trial.endpoints import Better, OrdinalState, Responder, SustainedResponder
from lupusim.trial.observation import Strategy


class VisitMeasurement:
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
        if setting.has(Strategy.WHILE_ON_TREATMENT):
            self.before = setting.visits_at(setting.visits_until(self.at))[1]
        self.recorders: Sequence[Recorder] = (self.visits.recorder, *setting.recorders)

    def event_time(self, watched_until: FloatArray) -> FloatArray:
        """Return ``inf``: what is seen at a visit is no event."""
        return np.full_like(watched_until, np.inf)

    def visit_time(self, number: int) -> FloatArray:
        """Return the study time (years) of a visit, (n_replicates, n_patients) or (1, 1)."""
        time: FloatArray = self.visits.times[number]
        return time.reshape(self.setting.shape if time.size > 1 else (1, 1))

    def due(self, observation: Observation) -> BoolArray:
        """Return whose last visit is due at the cutoff, shape (n_replicates, n_patients)."""
        due = observation.enrollment_time + self.visit_time(self.numbers[-1])
        return np.asarray(due <= observation.cutoff[:, None] + TIME_TOLERANCE)

    def included(self, observation: Observation) -> BoolArray:
        """Return who is in the analysis, shape (n_replicates, n_patients)."""
        member = self.due(observation)
        spared = self.setting.strike(observation.watched_until, Strategy.HYPOTHETICAL)
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
        strike = self.setting.strike(observation.watched_until, Strategy.COMPOSITE)
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
        failed = self.setting.strike(watched_until, Strategy.COMPOSITE)
        if failed is not None:
            present = present & (failed.ravel() > time)
        stopped = self.setting.strike(watched_until, Strategy.WHILE_ON_TREATMENT)
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


class ResponderMeasurement(VisitMeasurement):
    """Whether each patient is in one of the states at the visits, and still in the trial."""

    def __init__(self, endpoint: Responder | SustainedResponder, setting: Setting) -> None:
        several = endpoint.visits if isinstance(endpoint, SustainedResponder) else (endpoint.at,)
        super().__init__(several, setting)
        self.member = setting.members(endpoint.states)
        self.better = endpoint.better

    def outcome(self, observation: Observation) -> BinaryOutcome:
        """Return responses; dropouts are non-responders, visits after the cutoff are out."""
        response: BoolArray = np.ones(self.setting.n_patients, dtype=bool)
        for number in self.numbers:
            state, present = self.states(number, observation.watched_until)
            response &= self.member[state] & present
        return BinaryOutcome(
            response=self.judged(response, observation, self.better),
            included=self.included(observation),
            arm=observation.arm,
        )

    def level(self, observation: Observation) -> Level:
        """Return the responses; not known of who is not in the analysis."""
        return level_of_responses(self.outcome(observation), self.better)


class OrdinalMeasurement(VisitMeasurement):
    """The rank of each patient's state at a visit."""

    def __init__(self, endpoint: OrdinalState, setting: Setting) -> None:
        super().__init__((endpoint.at,), setting)
        self.rank = np.zeros(len(setting.states))
        for rank, group in enumerate(endpoint.ranking):
            self.rank[setting.positions(group)] = rank
        self.better = endpoint.better
        missing = endpoint.missing or endpoint.ranking[0][0]
        self.rank_missing = float(self.rank[setting.states.index(missing)])
        self.dead = setting.members(setting.absorbing)
        self.death = FirstEntry(setting.positions(setting.absorbing), setting.n_patients)
        self.recorders = (*self.recorders, self.death)

    def outcome(self, observation: Observation) -> NumberOutcome:
        """Return ranks; a death before the visit is known whether it took place or not.

        It counts unless only the time before an event does that had struck already.
        """
        number = self.numbers[-1]
        watched_until = observation.watched_until
        state, present = self.states(number, watched_until)
        true = self.visits.true(number)
        died = self.dead[true] & (self.death.time <= watched_until.ravel())
        stopped = self.setting.strike(watched_until, Strategy.WHILE_ON_TREATMENT)
        if stopped is not None:
            died &= np.isinf(stopped).ravel() | (stopped.ravel() > self.visits.times[number])
        rank = np.where(present, self.rank[state], self.rank_missing)
        rank = np.where(died, self.rank[true], rank)
        return NumberOutcome(
            values=rank.reshape(self.setting.shape),
            included=self.included(observation),
            arm=observation.arm,
        )

    def level(self, observation: Observation) -> Level:
        """Return the ranks; not known of who is not in the analysis."""
        return level_of_numbers(self.outcome(observation), self.better)


def level_of_responses(outcome: BinaryOutcome, better: Better) -> Level:
    """Return what a hierarchy compares of responses."""
    return _ordered(outcome.response, better).known_of(outcome.included)


def level_of_numbers(outcome: NumberOutcome, better: Better) -> Level:
    """Return what a hierarchy compares of numbers."""
    return _ordered(outcome.values, better).known_of(outcome.included)


def _ordered(values: BoolArray | FloatArray, better: Better) -> WinLevel:
    return larger_is_better(values) if better is Better.MORE else smaller_is_better(values)

"""What trials share whose further patients depend on an interim look.

More patients are generated than can be enrolled; the rule then says who of those that come
after the interim look really is. So nobody is generated twice, and all stay independent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import field, replace

import numpy as np

from lupusim.analysis.outcomes import Outcome
from lupusim.common.arrays import BoolArray, FloatArray, IntArray
from lupusim.common.frozen import dataclass
from lupusim.records import Observation
from lupusim.simulation.adaptation.two_stage import Staged
from lupusim.simulation.generation.generation import Generated
from lupusim.simulation.looks.cutoffs import (
    analyze,
    conduct,
    end_without_cutoff,
    left_at,
    observed,
    waited,
)
from lupusim.trial import AtEvents, Trial, Verdict
from lupusim.trial.durations import LONGEST_FOLLOW_UP
from lupusim.trial.looks import Entries

_BOTH = -1  # stages together, where a stage is meant by its number
_MARGIN = 6.0  # standard deviations: too few come once in a thousand million trials


def longer(trial: Trial, *, share: float) -> Trial:
    """Return a trial of so many patients that stage 2 can take this share of those who come."""
    first = trial.interims[0]
    least_first = first.after_patients[0] if first.after_patients else 0
    wanted = trial.n_patients - least_first
    spread = math.sqrt(wanted * (1 - share)) / share
    n_patients = least_first + math.ceil(wanted / share + _MARGIN * spread) + sum(trial.ratio)
    enrollment = trial.enrollment.continued(trial.n_patients)
    return replace(trial, n_patients=n_patients, enrollment=enrollment)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interim:
    """The interim look, and who belongs to stage 1."""

    time: FloatArray  # calendar time (years); ``inf`` where it is never held; (n_replicates,)
    first: BoolArray  # who is randomized by then; (n_replicates, n_patients)

    @classmethod
    def of(cls, trial: Trial, generated: Generated) -> Interim:
        """Return the interim look of a trial, as it is without any change."""
        event_time = generated.measurements[0].event_time(generated.watched_until)
        event_time += generated.enrollment_time
        planned = np.s_[:, : trial.n_patients]
        time = trial.interims[0].calendar_time(
            Entries(enrolled=generated.enrollment_time[planned], event_time=event_time[planned])
        )
        first = generated.enrollment_time <= time[:, None]
        first[:, trial.n_patients :] = False
        return cls(time=time, first=first)

    def p_values(
        self, trial: Trial, generated: Generated, hypotheses: Mapping[str, BoolArray | int]
    ) -> FloatArray:
        """Return one-sided p-values of what the look shows, (n_replicates, n_hypotheses).

        Where it is never held they are 1.
        """
        seen = Seen.at(trial, generated, self.time, self.first)
        p_value = np.stack([seen.verdict(one).p_value for one in hypotheses.values()], axis=1)
        return np.where(np.isfinite(self.time)[:, None], p_value, 1.0)

    @property
    def n_first(self) -> IntArray:
        """Patients of stage 1, shape (n_replicates,)."""
        return np.asarray(self.first.sum(axis=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Stages:
    """Both stages, as they went after the decision."""

    generated: Generated  # everybody; who is not enrolled has an infinite enrollment time
    members: tuple[BoolArray, BoolArray]
    """Who belongs to each stage, (n_replicates, n_patients) each."""
    cutoffs: tuple[FloatArray, FloatArray]
    """When each stage is analyzed, calendar time (years); ``inf`` where its events never come."""
    end: FloatArray
    """When the last look is held, or the interim look where the trial does not go on; ``inf`` where
    it never is; (n_replicates,)."""
    closes: FloatArray
    """When the trial ends: then, or when nobody is left whose event could come where a stage never
    has its events; NaN for never; (n_replicates,)."""
    goes_on: BoolArray  # whether it does; (n_replicates,)
    _seen: dict[int, Seen] = field(init=False, default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(
        cls,
        trial: Trial,
        rule: Staged,
        generated: Generated,
        interim: Interim,
        *,
        second: BoolArray,
        goes_on: BoolArray,
    ) -> Stages:
        """Return the stages once it is known whether there is a second, and who is in it."""
        enrolled = interim.first | second
        enrollment_time = np.where(enrolled, generated.enrollment_time, np.inf)
        changed = replace(generated, enrollment_time=enrollment_time)
        members = (interim.first, second)
        cutoffs = _cutoffs(trial, rule, changed, members)
        decided = np.isfinite(interim.time)
        last = np.maximum(np.maximum(*cutoffs), np.where(decided, interim.time, 0.0))
        end = np.where(goes_on | ~decided, last, interim.time)
        members = (interim.first, second & (enrollment_time <= end[:, None]))
        closes = end.copy()
        if (missed := np.isinf(end)).any():
            ends = _ends_without_events(trial, changed, members, cutoffs)
            closes[missed] = np.maximum(*ends)[missed]
        return cls(
            generated=changed,
            members=members,
            cutoffs=cutoffs,
            end=end,
            closes=closes,
            goes_on=goes_on,
        )

    @property
    def enrolled(self) -> BoolArray:
        """Everybody of either stage, shape (n_replicates, n_patients)."""
        return self.members[0] | self.members[1]

    def p_values(self, trial: Trial, hypotheses: Mapping[str, BoolArray | int]) -> FloatArray:
        """Return one-sided p-values, (2, n_replicates, n_hypotheses).

        Parameters
        ----------
        trial : Trial
            Its analysis.
        hypotheses : mapping
            The number of an arm, or who belongs to a population.
        """
        p_value = np.ones((2, len(self.end), len(hypotheses)))
        for stage in range(len(self.members)):
            seen = self.seen(trial, stage)
            for number, hypothesis in enumerate(hypotheses.values()):
                p_value[stage, :, number] = seen.verdict(hypothesis).p_value
        return p_value

    def seen(self, trial: Trial, stage: int) -> Seen:
        """Return what the first stage, 0, or the second, 1, shows at its cutoff."""
        if stage not in self._seen:  # SPEED: several ask (benchmarks/table.py)
            member, cutoff = self.members[stage], self.cutoffs[stage]
            self._seen[stage] = Seen.at(trial, self.generated, cutoff, member)
        return self._seen[stage]

    def everybody(self, trial: Trial) -> Seen:
        """Return both stages together at the end of the trial."""
        if _BOTH not in self._seen:
            closes = np.nan_to_num(self.closes, nan=np.inf)
            self._seen[_BOTH] = Seen.at(trial, self.generated, closes, self.enrolled)
        return self._seen[_BOTH]

    def described(self, trial: Trial) -> dict[str, FloatArray]:
        """Return how long the trial took and what each arm showed."""
        seen = self.everybody(trial)
        outcomes = [
            measurement.outcome(seen.observation).restricted_to(seen.member)
            for measurement in self.generated.measurements
        ]
        found = conduct(trial, seen.observation, outcomes)
        found["missed_cutoff"] = np.isinf(self.end).astype(float)
        found["duration"] = self.closes
        found |= waited(2, trial.cutoff, np.where(self.goes_on, self.end, np.nan))
        enrolled = seen.member.sum(axis=1)
        found["n_enrolled"] = enrolled.astype(float)
        empty = self.goes_on & ~self.members[1].any(axis=1)
        return found | {"nobody_in_stage_2": empty.astype(float)}


def _ends_without_events(
    trial: Trial,
    generated: Generated,
    members: tuple[BoolArray, BoolArray],
    cutoffs: tuple[FloatArray, FloatArray],
) -> list[FloatArray]:
    """Return when each stage is over: at its cutoff, or when nobody of it is left at risk."""
    seen = Seen.at(trial, generated, np.full(len(cutoffs[0]), np.inf), members[0] | members[1])
    left = left_at(trial, seen.observation, [seen.outcome])
    return [
        np.where(np.isinf(cutoff), end_without_cutoff(left, member), cutoff)
        for member, cutoff in zip(members, cutoffs, strict=True)
    ]


def _cutoffs(
    trial: Trial, rule: Staged, generated: Generated, members: tuple[BoolArray, BoolArray]
) -> tuple[FloatArray, FloatArray]:
    if (events := trial.cutoff.primary_events) is not None and rule.first_events is not None:
        event_time = generated.measurements[0].event_time(generated.watched_until)
        event_time += generated.enrollment_time
        numbers = (rule.first_events, events - rule.first_events)
        latest, enrolled = trial.cutoff.end, generated.enrollment_time
        first, second = (
            AtEvents(events=number).calendar_time(
                Entries(enrolled=enrolled, event_time=np.where(member, event_time, np.inf))
            )
            for member, number in zip(members, numbers, strict=True)
        )
        return np.minimum(first, latest), np.minimum(second, latest)
    enrolled = np.where(members[0] | members[1], generated.enrollment_time, -np.inf)
    ordered = np.maximum(enrolled.max(axis=1), 0.0)[:, None]
    cutoff = trial.cutoff.calendar_time(Entries(enrolled=ordered))
    return cutoff, cutoff


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What some of the patients show at a cutoff."""

    trial: Trial
    observation: Observation  # at the cutoff
    outcome: Outcome  # of the primary endpoint
    member: BoolArray  # whom it is about; (n_replicates, n_patients)

    @classmethod
    def at(cls, trial: Trial, generated: Generated, cutoff: FloatArray, member: BoolArray) -> Seen:
        """Return what those patients show of the primary endpoint.

        Where the cutoff never comes, each is followed to the end.
        """
        last_seen = generated.enrollment_time + np.minimum(
            generated.watched_until, LONGEST_FOLLOW_UP
        )
        latest = np.where(member, last_seen, 0.0).max(axis=1)
        observation = observed(generated, np.where(np.isinf(cutoff), latest, cutoff))
        outcome = generated.measurements[0].outcome(observation).restricted_to(member)
        return cls(trial=trial, observation=observation, outcome=outcome, member=member)

    def verdict(self, hypothesis: BoolArray | int) -> Verdict:
        """Return the one-sided test of one arm, or within one population."""
        assert self.trial.analysis is not None
        compared = self.compared(hypothesis)
        return analyze(self.trial, self.trial.analysis, self.observation, compared, sided=1)

    def compared(self, hypothesis: BoolArray | int) -> Outcome:
        """Return the outcome of control and one arm, or of one population."""
        if isinstance(hypothesis, int):
            return self.outcome.against_control(hypothesis)
        return self.outcome.restricted_to(hypothesis)


def weights_of(trial: Trial, rule: Staged) -> tuple[float, float]:
    """Return the squared weights of the stages: as given, or the planned information."""
    if rule.weights is not None:
        return rule.weights
    if (events := trial.cutoff.primary_events) is not None and rule.first_events is not None:
        first = rule.first_events / events
    else:
        look = trial.interims[0]
        assert look.after_patients is not None
        first = look.after_patients[0] / trial.n_patients
    return first, 1 - first


def two_looks(
    interim: Interim, stages: Stages, *, planned: FloatArray, early: BoolArray, reject: BoolArray
) -> dict[str, FloatArray]:
    """Return what is recorded of the looks, as of a sequential trial.

    Parameters
    ----------
    interim, stages
        Of the trial.
    planned : (n_replicates,) array
        Information fraction of the interim look.
    early, reject : (n_replicates, n_hypotheses) boolean arrays
        What is rejected at the interim look, and in all.
    """
    at_once = np.asarray(early.any(axis=1))
    claims = np.asarray(reject.any(axis=1))
    goes_on = stages.goes_on
    end = np.where(goes_on & np.isfinite(stages.end), stages.end, np.nan)
    return {
        "look_1_time": np.where(np.isfinite(interim.time), interim.time, np.nan),
        "look_1_information": planned,
        "look_1_efficacy": at_once.astype(float),
        "look_1_futility": (~goes_on & ~at_once).astype(float),
        "look_2_time": end,
        "look_2_information": np.where(goes_on, 1.0, np.nan),
        "look_2_efficacy": (goes_on & claims).astype(float),
        "look_2_futility": (goes_on & ~claims).astype(float),
    }

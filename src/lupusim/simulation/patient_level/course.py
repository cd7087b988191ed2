"""How one trial really goes: who comes, what each look decides, and when it ends."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from lupusim.common.arrays import BoolArray, FloatArray, IntArray, StateArray
from lupusim.common.frozen import dataclass
from lupusim.records import Observation, TransitionLog
from lupusim.simulation.adaptation import rule_of
from lupusim.simulation.adaptation.base import Followed
from lupusim.simulation.adaptation.response_course import Course, Potential
from lupusim.simulation.generation.generation import Block, Generated
from lupusim.simulation.looks.cutoffs import observed, time_of
from lupusim.simulation.looks.multiplicity import closings
from lupusim.simulation.patient_level.looks import LookReported, looks_reported
from lupusim.simulation.quantities import at_look
from lupusim.trial import Trial

_Found = Mapping[str, FloatArray]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a look of one trial decided."""

    look: int  # counted from 1
    calendar_time: float  # when it was held, years
    words: str  # whether the trial goes on, and with whom; or why it stops


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialCourse:
    """How one trial really went."""

    observation: Observation
    """What it saw at its end; who was not enrolled has an infinite enrollment time."""
    decisions: tuple[Decision, ...]  # of its looks, in their order
    reported: tuple[LookReported, ...] = ()  # what they show of each hypothesis


def course_of(trial: Trial, block: Block, generated: Generated) -> TrialCourse:
    """Return how a trial goes whose patients fare like this.

    Parameters
    ----------
    trial : Trial
        With any rules but those that choose each patient's arm.
    block : Block
        Of one replicate.
    generated : Generated
        The patients, of the trial that its rule follows.
    """
    found, enrolled = rule_of(trial).conduct(trial, block, Followed.of(generated))
    assert enrolled is not None
    if trial.family is not None:
        observation, closed = closings(trial, generated)
        decisions = _decisions(trial, found if trial.interims else _only(found))
        told = tuple(replace(d, words=_of_family(d, closed)) for d in decisions)
        reported = looks_reported(trial, generated, told[-1].look)
        return TrialCourse(observation=observation, decisions=told, reported=reported)
    if not trial.interims:
        found = _only(found, time_of(trial.cutoff, generated))
    course = _ended(trial, enrolled, found)
    return replace(course, reported=looks_reported(trial, generated, course.decisions[-1].look))


def adaptive_course(
    trial: Trial, patients: Potential
) -> tuple[StateArray, float, tuple[Decision, ...]]:
    """Return who is randomized to which arm where a rule picks it, and how the trial goes.

    Returns
    -------
    arm : (n_patients,) array
        -1 for who does not come any more.
    end : float
        Calendar time, years.
    decisions : tuple of Decision
        Of the looks.
    """
    rule: Any = trial.adaptation
    course: Course = rule.course(trial, patients)
    decisions: list[Decision] = []
    names = [arm.name for arm in trial.arms]
    n_looks = patients.look_time.shape[1]
    for number in range(n_looks):
        before = course.open[0].copy()
        course.enroll(number)
        course.judge(number)
        time = float(patients.look_time[0, number])
        dropped = [
            n for n, was, now in zip(names, before, course.open[0], strict=True) if was > now
        ]
        proven = [name for name, yes in zip(names, course.succeeds[0], strict=True) if yes]
        ends = not course.going[0] or number == n_looks - 1
        said = "goes on" if not ends else ("succeeds" if proven else "fails")
        parts = {"dropped": dropped, "proven": proven}
        told = "; ".join(f"{words} {', '.join(them)}" for words, them in parts.items() if them)
        decisions.append(Decision(look=number + 1, calendar_time=time, words=_joined(said, told)))
        if ends:
            break
    return course.arm[0], decisions[-1].calendar_time, tuple(decisions)


def _joined(said: str, told: str) -> str:
    return f"{said}: {told}" if told else said


_ENDS = ("efficacy", "futility")


def _only(found: _Found, cutoff: FloatArray | None = None) -> dict[str, FloatArray]:
    """Return the quantities of a fixed design as of a sequential one with a single look."""
    reject = found.get("reject", np.full(1, np.nan))
    time = found["duration"] if cutoff is None else cutoff
    return {
        **found,
        "look_1_time": time,
        "look_1_efficacy": reject,
        "look_1_futility": 1 - reject,
    }


def _ended(trial: Trial, generated: Generated, found: _Found) -> TrialCourse:
    end = np.nan_to_num(found["duration"], nan=np.inf)
    if np.isinf(end).any():
        there = np.isfinite(generated.enrollment_time)
        last = np.where(there, generated.enrollment_time + generated.watched_until, 0.0)
        end = last.max(axis=1)
    return TrialCourse(
        observation=observed(generated, end), decisions=tuple(_decisions(trial, found))
    )


def _decisions(trial: Trial, found: _Found) -> Iterator[Decision]:
    """Yield what the looks decided, up to the one at which the trial stops."""
    for look in range(1, len(trial.looks) + 1):
        time, *ends = (float(found[at_look(name, look)][0]) for name in ("time", *_ENDS))
        succeeds, fails = (end > 0 for end in ends)
        if math.isfinite(time) or succeeds or fails:
            time = time if math.isfinite(time) else float(found["duration"][0])
            words = _in_words(trial, found, look, succeeds=succeeds, fails=fails)
            yield Decision(look=look, calendar_time=time, words=words)
        if succeeds or fails:
            return


def _in_words(trial: Trial, found: _Found, look: int, *, succeeds: bool, fails: bool) -> str:
    own = trial.rule.decision_words(trial, found, look)
    at_last = look == len(trial.looks)
    if at_last and trial.analysis is None:
        said = "ends"
    elif succeeds:
        said = "succeeds" if at_last else "stops for efficacy"
    elif fails:
        said = "fails" if at_last else "stops for futility"
    else:
        said = "goes on"
    return _joined(said, own)


def _of_family(decision: Decision, closed: Mapping[str, tuple[IntArray, BoolArray]]) -> str:
    """Return a decision with the hypotheses that were closed by it."""
    here = {name: bool(yes[0]) for name, (look, yes) in closed.items() if look[0] == decision.look}
    parts = {
        "rejected": [name for name, yes in here.items() if yes],
        "given up": [name for name, yes in here.items() if not yes],
    }
    told = "; ".join(f"{words} {', '.join(names)}" for words, names in parts.items() if names)
    return _joined(decision.words, told)


def entries_of(states: Sequence[str], log: TransitionLog) -> dict[int, list[tuple[float, str]]]:
    """Return when (study time, years) each patient who ever moved entered which state."""
    found: dict[int, list[tuple[float, str]]] = {}
    columns = log.columns()
    names = ("patient", "time", "to_state")
    for patient, time, state in zip(*(columns[name].tolist() for name in names), strict=True):
        found.setdefault(patient, []).append((time, states[state]))
    return found

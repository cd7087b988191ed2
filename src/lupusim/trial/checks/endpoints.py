"""What can be wrong with endpoints, and with how the trial watches its patients."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from lupusim.common.spelling import nearest
from lupusim.errors import Problem
from lupusim.trial.durations import format_duration, format_times

if TYPE_CHECKING:
    from lupusim.trial.design import TrialParts
    from lupusim.trial.observation import IntercurrentEvent, Marker

_TIME_TOLERANCE = 1e-9


def state_problems(key: str, states: Iterable[str], trial: TrialParts) -> Iterator[Problem]:
    """Yield the states that the model of a trial has not."""
    for state in states:
        if state not in trial.states:
            yield Problem(
                key=key,
                fault=f"{state!r} is not a state of the model",
                fix=nearest(state, trial.states),
            )


def marker_problems(key: str, trial: TrialParts) -> Iterator[Problem]:
    """Yield that a trial has no marker."""
    if trial.marker is None:
        yield Problem(
            key=f"{key}.kind", fault="the trial has no marker", fix="Describe it under marker."
        )


def beyond_follow_up(time: float, follow_up: float) -> str:
    """Say that a study time lies beyond the follow-up, both in years."""
    return f"{format_duration(time)} lies beyond the follow-up of {format_duration(follow_up)}"


def beyond_problems(key: str, time: float, trial: TrialParts) -> Iterator[Problem]:
    """Yield that a study time (years) lies beyond the follow-up."""
    if time > trial.follow_up + _TIME_TOLERANCE:
        yield Problem(
            key=key,
            fault=beyond_follow_up(time, trial.follow_up),
            fix="Follow patients longer, or ask earlier.",
        )


def visit_problems(key: str, time: float, trial: TrialParts) -> Iterator[Problem]:
    """Yield that a trial has no visit at a study time (years)."""
    if time > trial.follow_up + _TIME_TOLERANCE:
        yield from beyond_problems(key, time, trial)
    elif all(abs(time - visit) > _TIME_TOLERANCE for visit in trial.visits):
        seen = format_times(sorted(trial.visits)) if trial.visits else "none yet"
        yield Problem(
            key=key,
            fault=f"there is no visit at {format_duration(time)}",
            fix=f"Add it to visits ({seen}): states are seen at visits only.",
        )


def observation_problems(trial: TrialParts) -> Iterator[Problem]:
    """Yield what is wrong with visits' conduct and with intercurrent events."""
    conduct = trial.visit_conduct
    if conduct.missed or conduct.window or conduct.misread:
        yield from _conduct_problems(trial)
    named = {
        f"visit_conduct.misread.{true}": (true, *seen) for true, seen in conduct.misread.items()
    }
    for event in trial.intercurrent_events:
        named[f"intercurrent_events.{event.name}.hazard_per_year"] = tuple(event.hazard_per_year)
        yield from _strategy_problems(trial, event)
    if trial.marker is not None:
        named["marker.by_state"] = tuple(trial.marker.mean)
        yield from _unmeasured(trial, trial.marker)
        yield from _baseline_problems(trial, trial.marker)
    for key, states in named.items():
        yield from state_problems(key, states, trial)


def _strategy_problems(trial: TrialParts, event: IntercurrentEvent) -> Iterator[Problem]:
    names = [endpoint.name for endpoint in (trial.primary, *trial.secondary)]
    for name in event.by_endpoint:
        if name not in names:
            yield Problem(
                key=f"intercurrent_events.{event.name}.by_endpoint.{name}",
                fault=f"{name!r} is not an endpoint",
                fix=nearest(name, names),
            )


def _unmeasured(trial: TrialParts, marker: Marker) -> Iterator[Problem]:
    absorbing = trial.arms[0].model.absorbing or ()
    for state in trial.states:
        if state not in (*marker.mean, *absorbing):
            yield Problem(
                key="marker.by_state",
                fault=f"nothing is said of {state!r}",
                fix="Give mean and sd in every state that can be left.",
            )


def _baseline_problems(trial: TrialParts, marker: Marker) -> Iterator[Problem]:
    """Yield why a number of the patients cannot be the marker at randomization."""
    if not marker.baseline:
        return
    key = "marker.baseline"
    if marker.baseline not in trial.population.numbers:
        yield Problem(
            key=key,
            fault=f"{marker.baseline!r} is no number of the population",
            fix=nearest(marker.baseline, trial.population.numbers),
        )
    starts = {start.state for arm in trial.arms for start in arm.model.starts}
    if len(starts) > 1:
        yield Problem(
            key=key,
            fault="patients start in several states, so the later values' link is not defined",
            fix="Remove it, or use models in which all start in one state.",
        )
    elif any(marker.sd.get(state) == 0 for state in starts):
        yield Problem(
            key=key,
            fault="the marker has no spread in the state in which patients start",
            fix="Give that state an sd above 0, or remove the baseline.",
        )


def _conduct_problems(trial: TrialParts) -> Iterator[Problem]:
    if not trial.visits:
        yield Problem(
            key="visit_conduct", fault="the trial has no visits", fix="Name them under visits."
        )
    gaps = [b - a for a, b in pairwise(sorted(trial.visits))]
    if gaps and 2 * trial.visit_conduct.window > min(gaps) + _TIME_TOLERANCE:
        yield Problem(
            key="visit_conduct.window",
            fault="windows of neighboring visits overlap",
            fix=f"Give at most half the shortest gap, {format_duration(min(gaps) / 2)}.",
        )
    absorbing = trial.arms[0].model.absorbing or ()
    for true, seen in trial.visit_conduct.misread.items():
        if {true, *seen} & set(absorbing):
            yield Problem(
                key=f"visit_conduct.misread.{true}",
                fault="a state that ends a history is never misread, nor seen by mistake",
                fix="Remove it.",
            )

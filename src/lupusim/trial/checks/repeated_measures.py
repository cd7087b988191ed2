"""What can be wrong with a test that needs the values of all visits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from lupusim.errors import Problem
from lupusim.trial.endpoints import Endpoint, MarkerChange, MissingChange
from lupusim.trial.observation import Strategy

if TYPE_CHECKING:
    from lupusim.trial.design import Trial


def longitudinal_problems(trial: Trial) -> Iterator[Problem]:
    """Yield where a test needs all visits of an endpoint, and does not get them.

    Such a test says so by an attribute `needs_all_visits`.
    """
    yield from _baseline_problems(trial)
    for key, name, endpoint in _tested_by_all_visits(trial):
        if not isinstance(endpoint, MarkerChange):
            yield Problem(
                key=key,
                fault=f"{name!r} needs a value at every visit, which {endpoint.name!r} has not",
                fix="Use it with an endpoint of the kind marker_change.",
            )
            continue
        if endpoint.missing is not MissingChange.LEFT_OUT:
            yield Problem(
                key=key,
                fault=f"{name!r} fills nothing in where a change of the marker is missing",
                fix="Say 'missing: left_out' at the endpoint, or use ancova.",
            )
        for event in trial.intercurrent_events:
            if event.strategy_of(endpoint.name) is Strategy.COMPOSITE:
                yield Problem(
                    key=f"intercurrent_events.{event.name}.strategy",
                    fault=f"{name!r} has no value for a failure",
                    fix="Use hypothetical, treatment_policy or while_on_treatment.",
                )


def _baseline_problems(trial: Trial) -> Iterator[Problem]:
    """Yield where a change would be adjusted for its baseline twice."""
    named = trial.analysis.adjust_for if trial.analysis else ()
    if trial.marker is None or trial.marker.baseline not in named:
        return
    if any(isinstance(endpoint, MarkerChange) for endpoint in _adjusted(trial)):
        yield Problem(
            key=f"analysis.adjust_for.{named.index(trial.marker.baseline)}",
            fault=f"{trial.marker.baseline!r} is the marker's baseline, and adjusted for already",
            fix="Remove it.",
        )


def _adjusted(trial: Trial) -> Iterator[Endpoint]:
    """Yield the endpoints whose tests adjust for the covariates that the primary's names."""
    yield trial.primary
    secondary = {endpoint.name: endpoint for endpoint in trial.secondary}
    for hypothesis in trial.family.hypotheses if trial.family else ():
        if hypothesis.test.covariates and hypothesis.endpoint in secondary:
            yield secondary[hypothesis.endpoint]


def _tested_by_all_visits(trial: Trial) -> Iterator[tuple[str, str, Endpoint]]:
    """Yield key and name of each such test, and what it tests."""
    if trial.analysis is not None and trial.analysis.test.needs_all_visits:
        yield "analysis.test", trial.analysis.name, trial.primary
    secondary = {endpoint.name: endpoint for endpoint in trial.secondary}
    for number, hypothesis in enumerate(trial.family.hypotheses if trial.family else ()):
        if hypothesis.test.needs_all_visits and hypothesis.endpoint in secondary:
            key = f"analysis.multiplicity.endpoints.{number}.test"
            yield key, hypothesis.name, secondary[hypothesis.endpoint]

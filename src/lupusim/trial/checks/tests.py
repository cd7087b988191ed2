"""What can be wrong with a test wherever a trial has one: analysis, family, early endpoint."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from lupusim.errors import Problem
from lupusim.trial.checks.endpoints import beyond_follow_up
from lupusim.trial.endpoints import Endpoint, MissingChange
from lupusim.trial.observation import Consequence, Strategy
from lupusim.trial.test_method import TestMethod

if TYPE_CHECKING:
    from lupusim.trial.design import TrialParts

_TIME_TOLERANCE = 1e-9


class Place(NamedTuple):
    """Where a test stands, and what it tests there."""

    key: str
    name: str
    test: TestMethod
    endpoint: Endpoint


def tests_of(trial: TrialParts) -> Iterator[Place]:
    """Yield every test of a trial: of its analysis, its family and its early endpoint."""
    by_name = {endpoint.name: endpoint for endpoint in (trial.primary, *trial.secondary)}
    if trial.analysis is not None:
        yield Place("analysis", trial.analysis.name, trial.analysis.test, trial.primary)
    others = [
        (f"analysis.multiplicity.endpoints.{number}", hypothesis)
        for number, hypothesis in enumerate(trial.family.hypotheses if trial.family else ())
    ]
    for key, hypothesis in (*others, *trial.rule.early_tests()):
        if hypothesis.endpoint in by_name:
            yield Place(key, hypothesis.name, hypothesis.test, by_name[hypothesis.endpoint])


def problems_of_tests(trial: TrialParts) -> Iterator[Problem]:
    """Yield what a test needs, by its declared fields, and its endpoint or trial has not."""
    yield from _baseline_problems(trial)
    for place in tests_of(trial):
        yield from _of_outcome(place)
        yield from _of_sides(place, trial)
        yield from _of_horizon(place, trial)
        if place.test.needs_all_visits:
            yield from _of_visits(place, trial)


def _of_outcome(place: Place) -> Iterator[Problem]:
    key, name, test, endpoint = place
    if test.needs_ranks and not endpoint.ranks:
        yield Problem(
            key=f"{key}.test",
            fault=f"{name!r} compares ranks of states",
            fix="Use wilcoxon or t_test, or an endpoint of the kind ordinal_state.",
        )
    timed = endpoint.time_of_event
    if test.blind_to_competing and timed is not None and timed.competing:
        yield Problem(
            key=f"{key}.test",
            fault=f"{name!r} would take patients with a competing event for censored",
            fix="Use incidence_difference, gray, fine_gray or cox.",
        )


def _of_sides(place: Place, trial: TrialParts) -> Iterator[Problem]:
    """Yield a margin of a two-sided test: non-inferiority has one side."""
    two_sided = trial.analysis is not None and trial.analysis.sided == 2
    alone = place.test.n_arms == 1 or place.test.one_look_only  # compares with a number or a prior
    if two_sided and place.test.has_margin and not alone and place.key.startswith("analysis"):
        yield Problem(
            key=f"{place.key}.margin",
            fault="a margin asks whether one arm is not worse, which has one side",
            fix="Write 'sided: 1', or remove the margin.",
        )


def _of_horizon(place: Place, trial: TrialParts) -> Iterator[Problem]:
    """Yield a test at a time beyond the follow-up, where it is never defined."""
    key, _, test, _ = place
    asked = test.asks_at or 0.0
    if asked > trial.follow_up + _TIME_TOLERANCE:
        yield Problem(
            key=f"{key}.{test.horizon}",
            fault=beyond_follow_up(asked, trial.follow_up),
            fix="Follow patients longer, or ask earlier.",
        )


def _of_visits(place: Place, trial: TrialParts) -> Iterator[Problem]:
    """Yield where a test needs all visits of an endpoint, and does not get them."""
    key, name, _, endpoint = place
    if endpoint.change_of_marker is None:
        yield Problem(
            key=f"{key}.test",
            fault=f"{name!r} needs a value at every visit, which {endpoint.name!r} has not",
            fix="Use it with an endpoint of the kind marker_change.",
        )
        return
    if endpoint.change_of_marker is not MissingChange.LEFT_OUT:
        yield Problem(
            key=f"{key}.test",
            fault=f"{name!r} fills nothing in where a change of the marker is missing",
            fix="Say 'missing: left_out' at the endpoint, or use ancova.",
        )
    for event in trial.intercurrent_events:
        if event.strategy_of(endpoint.name).brings(Consequence.FAILURE):
            yield Problem(
                key=f"intercurrent_events.{event.name}.strategy",
                fault=f"{name!r} has no value for a failure",
                fix=f"Use {Strategy.without(Consequence.FAILURE)}.",
            )


def _baseline_problems(trial: TrialParts) -> Iterator[Problem]:
    """Yield where a change would be adjusted for its baseline twice."""
    named = trial.analysis.adjust_for if trial.analysis else ()
    if trial.marker is None or trial.marker.baseline not in named:
        return
    if any(endpoint.change_of_marker for endpoint in _adjusted(trial)):
        yield Problem(
            key=f"analysis.adjust_for.{named.index(trial.marker.baseline)}",
            fault=f"{trial.marker.baseline!r} is the marker's baseline, and adjusted for already",
            fix="Remove it.",
        )


def _adjusted(trial: TrialParts) -> Iterator[Endpoint]:
    """Yield the endpoints whose tests adjust for the covariates that the primary's names."""
    yield trial.primary
    for place in tests_of(trial):
        if place.key.startswith("analysis.multiplicity") and place.test.covariates:
            yield place.endpoint

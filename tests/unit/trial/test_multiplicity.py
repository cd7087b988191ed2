"""Rules that a trial follows: what is refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lupusim.analysis.group_sequential import BetaSpending, EfficacyBounds, stopping
from lupusim.analysis.group_sequential.probability_bounds import (
    ConditionalPower,
    PosteriorEfficacy,
    WithFutility,
)
from lupusim.analysis.group_sequential.stopping import GroupSequential, WithEffects
from lupusim.analysis.registry import TESTS
from lupusim.analysis.single_arm.tests import TwoStages
from lupusim.simulation.adaptation import BayesianResponse, BlindedSize, PromisingZone, Shares
from lupusim.trial import AfterPatients, AtCalendarTime, AtEvents, Better
from trials import analysis, survival_trial
from trials_adaptive import adaptive_trial

RULE = BayesianResponse()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Shares(power=-1), "power=-1"),
        (lambda: Shares(least=0.5, most=0.5), "below most"),
        (lambda: Shares(control=1.0), "control=1"),
        (lambda: BayesianResponse(drop=0.9, success=0.5), "below success"),
        (lambda: BayesianResponse(drop=-0.1), "drop=-0.1 must be 0 or above, below 1"),
        (lambda: BayesianResponse(prior=(0.0, 1.0)), "two numbers above 0"),
        (lambda: PromisingZone(planned=0), "planned=0"),
        (lambda: BlindedSize(planned=0, difference=0.1), "planned=0"),
        (lambda: adaptive_trial(RULE), "there is one arm only"),
        (lambda: adaptive_trial(RULE, 0.5, cutoff=AtEvents(events=9)), "waits for events"),
        (
            lambda: survival_trial(
                adaptation=PromisingZone(planned=10),
                interims=(AtEvents(events=5),),
                stopping=GroupSequential(alpha=0.025),
            ),
            "needs a last look that waits",
        ),
        (
            lambda: survival_trial(
                interims=(AtCalendarTime(time=2.0),),
                cutoff=AtCalendarTime(time=1.0),
                stopping=GroupSequential(alpha=0.025),
            ),
            "does not come after",
        ),
        (
            lambda: survival_trial(
                interims=tuple(AfterPatients(patients=n, follow_up=0.5) for n in (40, 20)),
                stopping=GroupSequential(alpha=0.025),
                analysis=analysis(),
            ),
            "does not come after",
        ),
    ],
)
def test_what_cannot_be_is_refused(make, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


def test_fewer_patients_who_are_followed_longer_may_come_after() -> None:
    looks = AfterPatients(patients=40, follow_up=0.5), AfterPatients(patients=20, follow_up=1.0)
    trial = survival_trial(
        interims=looks, stopping=GroupSequential(alpha=0.025), analysis=analysis()
    )
    assert trial.interims == looks
    in_turn = replace(looks[0], patients=20), looks[0]
    assert replace(trial, interims=in_turn).interims == in_turn


def test_looks_at_dates_in_their_order_are_fine() -> None:
    trial = survival_trial(
        interims=(AtCalendarTime(time=1.0),),
        cutoff=AtCalendarTime(time=2.0),
        stopping=GroupSequential(alpha=0.025),
        analysis=analysis(),
    )
    assert replace(trial, n_patients=80).looks == trial.looks


def test_the_usual_bounds_that_are_known_do_not_grow_without_limit(monkeypatch) -> None:
    monkeypatch.setattr(stopping, "_MOST_KNOWN", 1)
    monkeypatch.setattr(stopping, "_KNOWN", {})
    rule = GroupSequential(alpha=0.025)
    for fraction in (0.4, 0.5, 0.6):
        rule.bounds(np.array([[fraction, 1.0]]))
    assert len(stopping._KNOWN) == 1


def test_bounds_on_the_estimate_are_added_to_those_on_z() -> None:
    rule = WithEffects(
        rule=GroupSequential(alpha=0.025), least={1: -0.5}, futile={1: 0.0, 2: 0.1}, sign=-1
    )
    estimate = np.array([[-0.6, 0.2, 0.0], [-0.4, 0.0, 0.0], [0.1, np.nan, 0.0]])
    fraction = np.tile([0.3, 0.6, 1.0], (3, 1))
    plain = rule.bounds(fraction)
    efficacy, futility = rule.bounds_at(fraction, estimate)
    np.testing.assert_array_equal(np.isinf(efficacy[:, 0]), [False, True, True])
    np.testing.assert_array_equal(efficacy[:, 1:], plain[0][:, 1:])
    np.testing.assert_array_equal(futility[:, 0] == np.inf, [False, False, True])
    np.testing.assert_array_equal(futility[:, 1] == np.inf, [True, False, False])
    unchanged = rule.rule.bounds_at(fraction, estimate)
    np.testing.assert_array_equal(unchanged[0], plain[0])


PLAIN = GroupSequential(alpha=0.025)
BY_POSTERIOR = PosteriorEfficacy(probability=0.99)
SIMON = TwoStages(
    null_rate=0.2, first_responders=3, first_patients=13, responders=12, n_patients=43
)


def with_levels(rule):
    return WithFutility(rule=rule, measure=ConditionalPower(), levels={1: 0.2})


@pytest.mark.parametrize(
    ("rule", "gives_up", "faults"),
    [
        (PLAIN, False, []),
        (replace(PLAIN, futility=BetaSpending(beta=0.1)), True, []),
        (replace(PLAIN, futility=BetaSpending(beta=0.1, binding=True)), True, ["binding"]),
        (replace(PLAIN, efficacy=EfficacyBounds(z=(3.0,), last=2.0)), False, ["last look's bound"]),
        (BY_POSTERIOR, False, ["posterior probability"]),
        (with_levels(PLAIN), True, []),
        (with_levels(BY_POSTERIOR), True, ["posterior probability"]),
        (WithEffects(rule=PLAIN, least={}, futile={1: 0.0}, sign=1), True, []),
        (
            WithEffects(rule=with_levels(BY_POSTERIOR), least={1: 0.2}, futile={}, sign=1),
            True,
            ["an estimate", "posterior probability"],
        ),
        (SIMON, True, []),
    ],
)
def test_a_rule_says_whether_it_gives_up_and_what_keeps_it_from_many(rule, gives_up, faults):
    assert rule.gives_up is gives_up
    found = [fault for fault, _ in rule.problems_of_many()]
    assert len(found) == len(faults)
    assert all(words in fault for words, fault in zip(faults, found, strict=True))


def test_a_rule_hands_on_what_is_planned_and_known_of_it() -> None:
    strict = EfficacyBounds(z=(3.0,))
    given = replace(PLAIN, efficacy=strict)
    within = WithEffects(rule=with_levels(given), least={}, futile={}, sign=1)
    assert within.efficacy_rule is given.efficacy_rule is strict
    assert PLAIN.efficacy_rule is BY_POSTERIOR.efficacy_rule is None
    assert given.group_sequential is given
    assert within.group_sequential is BY_POSTERIOR.group_sequential is None
    assert (SIMON.fixed_size, PLAIN.fixed_size) == (43, None)


def test_an_estimate_points_the_way_of_its_test() -> None:
    assert TESTS["logrank"].benefit_sign(Better.FEWER) == -1
    assert TESTS["restricted_mean"].benefit_sign(Better.FEWER) == 1
    assert TESTS["pooled_z"].benefit_sign(Better.MORE) == 1

"""The true effect under each strategy for intercurrent events, against matrix exponentials."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.linalg import expm

from lupusim.endpoints import Responder
from lupusim.model import TreatmentEffect
from lupusim.simulation.looks.true_effect import _truth, fully_observed
from lupusim.trial import Arm, Dropout
from lupusim.trial.design import SimulatedEffect
from lupusim.trial.observation import IntercurrentEvent, Strategy
from tolerance import assert_within_mcse
from trials import DISEASE, analysis, disease_trial

VISITS = (0.0, 0.25, 0.5, 1.0)
HAZARDS = {"active": 0.3, "relapse": 1.0, "remission": 4.0}
REMISSION = DISEASE.states.index("remission")


def rates(ratio, struck):
    """Return the generator of the disease; with the event as a last state that absorbs."""
    n = len(DISEASE.states)
    generator = np.zeros((n + 1, n + 1))
    for way in DISEASE.transitions:
        a, b = DISEASE.states.index(way.from_state), DISEASE.states.index(way.to_state)
        generator[a, b] = way.hazard.rate * (ratio if (a, b) == (0, REMISSION) else 1.0)
    if struck:
        for state, hazard in HAZARDS.items():
            generator[DISEASE.states.index(state), n] = hazard
    np.fill_diagonal(generator, -generator.sum(axis=1))
    return generator


def share(strategy, ratio):
    """Return the share that responds at the last visit by the strategy's estimand."""
    if strategy in (Strategy.TREATMENT_POLICY, Strategy.HYPOTHETICAL):  # it changes no disease
        return expm(rates(ratio, struck=False) * VISITS[-1])[0, REMISSION]
    generator = rates(ratio, struck=True)
    by_visit = [expm(generator * time)[0, REMISSION] for time in VISITS]
    if strategy is Strategy.COMPOSITE:
        return by_visit[-1]
    before_strike = [
        there * expm(generator * (b - a))[REMISSION, -1]
        for there, a, b in zip(by_visit, VISITS, VISITS[1:], strict=False)
    ]
    return by_visit[-1] + sum(before_strike)


def rescued(strategy, hazards=HAZARDS):
    effect = TreatmentEffect(on=(("active", "remission"),), hazard_ratio=2.0)
    arms = (
        Arm(name="placebo", model=DISEASE),
        Arm(name="cells", model=DISEASE, effects=(effect,)),
    )
    event = IntercurrentEvent(name="rescue", hazard_per_year=hazards, strategy=strategy)
    return disease_trial(
        arms=arms,
        primary=Responder(name="remission", states=("remission",), at=1.0),
        secondary=(),
        visits=VISITS,
        intercurrent_events=(event,),
        dropout=Dropout(per_year=0.5, by_arm={"cells": 2.0}),
        analysis=analysis("unpooled_z", truth=SimulatedEffect(n_patients=80_000)),
    )


def truth(trial):
    return _truth(trial, trial.analysis, trial.analysis.truth, arm=1)


@pytest.mark.parametrize("strategy", list(Strategy))
def test_the_true_effect_is_the_strategy_s_estimand(strategy):
    expected = share(strategy, 2.0) - share(strategy, 1.0)
    found = truth(rescued(strategy))
    error = math.sqrt(2 * 0.25 / 40_000)
    assert_within_mcse(found.value, expected, mcse=error)
    assert found.mcse < 2 * error


def test_negative_control_those_whom_the_event_spares_have_another_effect():
    generator = [rates(ratio, struck=True) for ratio in (1.0, 2.0)]
    spared = [expm(g)[0] for g in generator]
    among_them = [p[REMISSION] / (1 - p[-1]) for p in spared]
    right = share(Strategy.HYPOTHETICAL, 2.0) - share(Strategy.HYPOTHETICAL, 1.0)
    assert abs(among_them[1] - among_them[0] - right) > 8 * math.sqrt(2 * 0.25 / 40_000)


def test_only_the_events_of_the_primary_s_own_strategy_are_switched_off():
    trial = rescued(Strategy.HYPOTHETICAL)
    assert fully_observed(trial).intercurrent_events == ()
    others = [s for s in Strategy if s is not Strategy.HYPOTHETICAL]
    assert all(len(fully_observed(rescued(s)).intercurrent_events) == 1 for s in others)

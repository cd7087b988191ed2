"""A test that needs all visits is refused where it would not get them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lupusim.analysis.multiplicity.procedures import Adjusted
from lupusim.trial.endpoints import MarkerChange, MissingChange, OrdinalState, Responder
from lupusim.trial.multiplicity import Family, Hypothesis
from lupusim.trial.observation import IntercurrentEvent, Marker, Strategy
from lupusim.trial.population.covariates import NormalCovariate
from lupusim.trial.population.population import Population
from trials import TESTS, analysis, disease_trial

STATES = ("active", "remission", "relapse")
MARKER = Marker(
    name="score", mean=dict.fromkeys(STATES, 5.0), sd=dict.fromkeys(STATES, 2.0), correlation=0.5
)
CHANGE = MarkerChange(name="change", at=1.0, missing=MissingChange.LEFT_OUT)
FILLED = MarkerChange(name="filled change", at=1.0)
REMISSION = Responder(name="remission", states=("remission",), at=1.0)
RANKS = OrdinalState(name="rank", ranking=(("death",), STATES), at=1.0)


def rescue(strategy):
    return IntercurrentEvent(name="rescue", hazard_per_year={"active": 0.3}, strategy=strategy)


def made(**changes):
    values = {"primary": CHANGE, "marker": MARKER, "analysis": analysis("mmrm")}
    return disease_trial(**{**values, **changes})


def secondary(endpoint, hypothesis=None):
    kind = TESTS["mmrm"]
    one = Hypothesis(
        endpoint=hypothesis or endpoint.name, name="mmrm", test=kind.test, effect=kind.effect
    )
    return {
        "analysis": analysis("t_test"),
        "secondary": (endpoint,),
        "family": Family(procedure=Adjusted(method="holm"), hypotheses=(one,)),
    }


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"intercurrent_events": (rescue(Strategy.HYPOTHETICAL),)},
        {"primary": FILLED, "analysis": analysis("ancova")},
        {"primary": FILLED, **secondary(CHANGE)},
    ],
)
def test_a_trial_that_shows_all_visits_is_accepted(changes):
    assert made(**changes).analysis is not None


def adjusted(**changes):
    """Adjust for a covariate that is the marker's baseline."""
    values = {
        "population": Population(covariates={"score_before": NormalCovariate(mean=10.0, sd=3.0)}),
        "marker": replace(MARKER, baseline="score_before"),
        "stratify_by": (),
        **changes,
    }
    return {**values, "analysis": replace(values["analysis"], adjust_for=("score_before",))}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"primary": FILLED}, "analysis.test: 'mmrm' fills nothing in.*left_out"),
        ({"primary": RANKS}, "analysis.test: 'mmrm' needs a value at every visit.*marker_change"),
        (
            {"intercurrent_events": (rescue(Strategy.COMPOSITE),)},
            "rescue.strategy: 'mmrm' has no value for a failure",
        ),
        (secondary(FILLED), "multiplicity.endpoints.0.test: 'mmrm' fills nothing in"),
        (secondary(RANKS), "multiplicity.endpoints.0.test: 'mmrm' needs a value"),
        (secondary(RANKS, "ranks"), "no secondary endpoint 'ranks'"),
    ],
)
def test_a_trial_that_does_not_is_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        made(**changes)


TWICE = "analysis.adjust_for.0: 'score_before' is the marker's baseline, and adjusted for already"


def test_a_change_is_not_adjusted_for_its_baseline_twice():
    with pytest.raises(ValueError, match=TWICE):
        made(**adjusted(analysis=analysis("mmrm")))
    tested = secondary(CHANGE) | {"primary": REMISSION, "analysis": analysis("logistic_regression")}
    with pytest.raises(ValueError, match=TWICE):
        made(**adjusted(**tested))


def test_other_endpoints_may_be_adjusted_for_a_markers_baseline():
    described = {"primary": REMISSION, "analysis": analysis("logistic_regression")}
    described["secondary"] = (CHANGE,)
    assert made(**adjusted(**described)).analysis is not None

"""What a test needs of its endpoint is asked for wherever a trial has a test."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lupusim.analysis.multiplicity.procedures import Adjusted
from lupusim.analysis.survival.cox_regression import CoxTest
from lupusim.analysis.survival.kaplan_meier import SurvivalDifferenceTest
from lupusim.analysis.survival.rmst import RestrictedMeanTest
from lupusim.endpoints import MarkerChange, OrdinalState, Responder, TimeToEvent
from lupusim.simulation.adaptation import Gate, GateMeasure, SelectArms
from lupusim.trial import AfterPatients, Analysis
from lupusim.trial.endpoints import MissingChange
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
        endpoint=hypothesis or endpoint.name, name="mmrm", test=kind, effect=kind.effect
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


WITH_DEATH = TimeToEvent(name="relapse", events=("relapse",), competing=("death",))
SHARE = Responder(name="response", states=("remission",), at=1.0)
LOOK = AfterPatients(patients=20, follow_up=1.0)
NEEDS = {  # a test, an endpoint it does not fit, what is said
    "needs a value at every visit": (TESTS["mmrm"], RANKS),
    "compares ranks of states": (TESTS["proportional_odds"], FILLED),
    "for censored": (SurvivalDifferenceTest(at=0.5), WITH_DEATH),
    "lies beyond": (SurvivalDifferenceTest(at=9.0), TimeToEvent(name="d", events=("death",))),
}


def in_the_analysis(test, endpoint):
    return {"primary": endpoint, "analysis": Analysis(name="it", test=test, effect="an effect")}


def in_the_family(test, endpoint):
    one = Hypothesis(endpoint=endpoint.name, name="it", test=test, effect="an effect")
    family = Family(procedure=Adjusted(method="holm"), hypotheses=(one,))
    return {"primary": SHARE, "secondary": (endpoint,), "family": family}


def of_a_gate(test, endpoint):
    one = Hypothesis(endpoint=endpoint.name, name="it", test=test, effect="an effect")
    gate = Gate(early=one, measure=GateMeasure.Z, at_least=0.0)
    return {"primary": SHARE, "secondary": (endpoint,), "interims": (LOOK,), "adaptation": gate}


def of_a_selection(test, endpoint):
    one = Hypothesis(endpoint=endpoint.name, name="it", test=test, effect="an effect")
    rule = SelectArms(early=one, keep=1)
    return {"primary": SHARE, "secondary": (endpoint,), "interims": (LOOK,), "adaptation": rule}


@pytest.mark.parametrize("said", NEEDS)
@pytest.mark.parametrize(
    "standing",
    [in_the_analysis, in_the_family, of_a_gate, of_a_selection],
    ids=lambda f: f.__name__,
)
def test_what_a_test_needs_is_asked_for_wherever_it_stands(standing, said):
    changes = {"marker": MARKER, "analysis": analysis("pooled_z"), "follow_up": 2.0}
    with pytest.raises(ValueError, match=said):
        disease_trial(**{**changes, **standing(*NEEDS[said])})


@pytest.mark.parametrize("margin", [0.9, 1.0, 1.1])
@pytest.mark.parametrize("kind", [RestrictedMeanTest, CoxTest])
def test_a_margin_is_one_by_what_it_is_compared_with(kind, margin):
    test = kind(margin=margin, until=2.0) if kind is RestrictedMeanTest else kind(margin=margin)
    assert test.has_margin is not (kind is CoxTest and margin == 1.0)


def test_a_margin_of_a_second_endpoint_has_one_side_too():
    changes = in_the_family(CoxTest(margin=1.3), TimeToEvent(name="d", events=("death",)))
    two_sided = replace(analysis("pooled_z"), sided=2)
    with pytest.raises(ValueError, match=r"endpoints\.0\.margin: .*has one side"):
        disease_trial(analysis=two_sided, **changes)

"""How a trial's test, its arms and its looks must fit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lupusim.analysis.group_sequential.stopping import GroupSequential
from lupusim.analysis.registry import TESTS
from lupusim.analysis.single_arm.tests import ExactBinomialTest, SimonTest
from lupusim.endpoints import Responder
from lupusim.trial import (
    AfterLastPatient,
    AfterPatients,
    Analysis,
    AtCalendarTime,
    CovariateEffect,
    Population,
    Trial,
    UniformEnrollment,
)
from lupusim.trial.observation import IntercurrentEvent, Strategy
from lupusim.trial.population.covariates import NormalCovariate
from trials import analysis, disease_trial, exponential_arm, survival_trial

DEAD = Responder(name="dead", states=("death",), at=1.0)
SIMON = SimonTest()


def particular(name, **more):
    kind = TESTS[name]
    return Analysis(name=name, test=kind, effect=kind.effect, **more)


def one_arm(**changes):
    values = {
        "arms": (exponential_arm("cells", 0.4),),
        "n_patients": 30,
        "enrollment": UniformEnrollment(duration=1.0),
        "cutoff": AfterLastPatient(follow_up=1.0),
        "primary": DEAD,
        "analysis": particular("exact_binomial"),
        "follow_up": 1.0,
        "visits": (1.0,),
    }
    return Trial(**{**values, **changes})


def strike(strategy):
    return (IntercurrentEvent(name="rescue", hazard_per_year={"alive": 0.1}, strategy=strategy),)


BOUNDS = GroupSequential(alpha=0.025)
EARLY = AfterPatients(patients=15, follow_up=1.0)
SURVIVAL = {
    "primary": survival_trial().primary,
    "analysis": particular("one_sample_logrank"),
}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"cutoff": AfterPatients(patients=30, follow_up=1.0)},
        {"cutoff": AfterPatients(patients=30, follow_up=1.5)},
        {"interims": (EARLY,), "stopping": BOUNDS},
        {"intercurrent_events": strike(Strategy.COMPOSITE)},
        {"n_patients": 29, "analysis": particular("simon"), "stopping": SIMON.two_stages,
         "interims": (AfterPatients(patients=10, follow_up=1.0),)},
        SURVIVAL,
        {**SURVIVAL, "intercurrent_events": strike(Strategy.HYPOTHETICAL)},
    ],
)  # fmt: skip
def test_a_single_arm_may_have_a_test(changes):
    assert one_arm(**changes).analysis is not None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"analysis": analysis("pooled_z")}, "compares two arms"),
        ({"cutoff": AtCalendarTime(time=2.0)}, "left to chance"),
        ({"cutoff": AfterLastPatient(follow_up=0.5)}, "left to chance"),
        ({"cutoff": AfterPatients(patients=20, follow_up=1.5)}, "left to chance"),
        ({"cutoff": AfterPatients(patients=30, follow_up=0.5)}, "left to chance"),
        ({"intercurrent_events": strike(Strategy.HYPOTHETICAL)},
         "left out.*Use treatment_policy, composite or while_on_treatment"),
        ({"interims": (EARLY,), "stopping": BOUNDS,
          "analysis": particular("exact_binomial", sided=2)}, "one side"),
        ({"interims": (EARLY,), "stopping": SIMON.two_stages}, "not the 29"),
        ({"interims": (EARLY,), "stopping": BOUNDS,
          "analysis": particular("posterior_probability")}, "decides at one look"),
        ({**SURVIVAL, "intercurrent_events": strike(Strategy.COMPOSITE)},
         "knows nothing.*Use treatment_policy, hypothetical or while_on_treatment"),
    ],
)  # fmt: skip
def test_what_a_test_of_one_arm_cannot_be_told_is_refused(changes, words):
    with pytest.raises(ValueError, match=words):
        one_arm(**changes)


def test_a_test_of_one_arm_is_refused_for_two():
    responder = Responder(name="remission", states=("remission",), at=1.0)
    with pytest.raises(ValueError, match="tests one arm, and there are 2"):
        disease_trial(primary=responder, secondary=(), analysis=particular("exact_binomial"))


def test_several_hypotheses_are_refused_for_one_arm():
    from lupusim.analysis.multiplicity.procedures import Adjusted
    from lupusim.trial.multiplicity import Family, Hypothesis

    also = Responder(name="alive", states=("alive",), at=1.0)
    test = ExactBinomialTest()
    more = Hypothesis(endpoint="alive", name="exact_binomial", test=test, effect="rate")
    family = Family(procedure=Adjusted(method="holm"), hypotheses=(more,))
    with pytest.raises(ValueError, match="stands alone"):
        one_arm(secondary=(also,), family=family)


def test_other_clocks_leave_the_number_of_patients_to_chance():
    assert AtCalendarTime(time=1.0).patients_known(1.0, 30) is None
    assert AfterPatients(patients=20, follow_up=1.0).patients_known(1.0, 30) == 20


def test_a_rate_has_no_twin():
    trial = one_arm()
    assert not trial.has_null_twin
    with pytest.raises(ValueError, match="no null twin"):
        trial.null_twin()
    alone = replace(trial, analysis=None)
    assert not alone.has_null_twin
    with pytest.raises(ValueError, match="no null twin"):
        alone.null_twin()


def test_the_twin_follows_the_reference_without_what_its_hazard_does_not_know():
    reference = exponential_arm("x", 0.9).model
    heavier = CovariateEffect(covariate="age", on=(("alive", "death"),), hazard_ratio=1.5)
    population = Population(covariates={"age": NormalCovariate(mean=0, sd=1)}, effects=(heavier,))
    tested = replace(particular("one_sample_logrank"), null_law=reference)
    trial = one_arm(**{**SURVIVAL, "analysis": tested}, population=population)
    assert trial.has_null_twin
    twin = trial.null_twin()
    assert twin.arms[0].model is reference
    assert twin.population.effects == ()
    assert twin.population.covariates == population.covariates


def test_two_arms_have_a_twin_where_something_is_tested():
    assert survival_trial().has_null_twin

"""With whom an arm that joins later is compared, by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from lupusim.analysis.group_sequential import BySpending, LanDeMetsOBrienFleming
from lupusim.analysis.group_sequential.stopping import GroupSequential
from lupusim.analysis.multiplicity.procedures import Graphical, sequential_graph
from lupusim.analysis.registry import TESTS
from lupusim.planning.sample_size.prefixes import why_not_nested
from lupusim.simulation.adaptation import rule_of
from lupusim.simulation.adaptation.base import Followed
from lupusim.simulation.block import simulate
from lupusim.simulation.generation.generation import Block, generate
from lupusim.simulation.looks.concurrent_controls import adjusted_for, compared, sizes
from lupusim.simulation.looks.cutoffs import observed
from lupusim.simulation.looks.look_statistics import comparisons, gather
from lupusim.simulation.looks.true_effect import true_effect
from lupusim.trial import AfterPatients, PoissonEnrollment, UniformEnrollment
from lupusim.trial.design import SimulatedEffect
from lupusim.trial.enrollment.arm_periods import Controls, OnceRandomized, OnDate
from lupusim.trial.multiplicity import Family
from tolerance import SEED
from trials import analysis, survival_trial
from trials_adaptive import AT
from trials_platform import drifting, platform_trial

BLOCK = Block(seed=SEED, number=0, n_replicates=12)
DATED = {"joins": (None, OnDate(time=0.8))}


def seen(trial):
    generated = generate(trial, BLOCK)
    return generated, observed(generated, np.full(BLOCK.n_replicates, np.inf))


def controlled(test, controls=None, **more):
    return analysis(test, controls=controls, **more)


@pytest.mark.parametrize(
    ("controls", "how"),
    [(None, "concurrent"), (Controls.CONCURRENT, "concurrent"), (Controls.ALL, "all")],
)
def test_controls_are_those_found_patient_by_patient(controls, how):
    trial = platform_trial(0.5, 0.5, **DATED, analysis=controlled("pooled_z", controls))
    generated, observation = seen(trial)
    for arm in (1, 2):
        takes = compared(trial.analysis, observation, arm)
        for row in range(BLOCK.n_replicates):
            for k, when in enumerate(generated.enrollment_time[row]):
                own = generated.arm[row, k]
                open_then = arm == 1 or when >= 0.8
                assert takes[row, k] == (own == arm or (own == 0 and (open_then or how == "all")))


def test_the_test_is_that_of_the_concurrent_patients_alone():
    trial = platform_trial(0.5, 0.5, **DATED)
    generated, observation = seen(trial)
    _, later = gather(trial, generated)
    outcome = generated.measurements[0].outcome(observation)
    for row in range(BLOCK.n_replicates):
        kept = generated.enrollment_time[row] >= 0.8
        kept &= generated.arm[row] != 1
        alone = replace(
            outcome,
            response=outcome.response[row : row + 1, kept],
            included=outcome.included[row : row + 1, kept],
            arm=(generated.arm[row : row + 1, kept] == 2).astype(np.int8),
        )
        zero = np.zeros(alone.arm.shape, dtype=np.intp)
        verdict = TESTS["pooled_z"](alone, better=trial.primary.better, sided=1, stratum=zero)
        assert later.p_value[row, 0] == verdict.p_value[0]
        assert later.information[row, 0] == kept.sum()


def test_a_stratified_test_adjusted_for_the_period_takes_concurrent_controls_by_period():
    trial = platform_trial(analysis=controlled("cochran_mantel_haenszel", Controls.ADJUSTED))
    _, observation = seen(trial)
    takes = compared(trial.analysis, observation, 2)
    assert np.array_equal(takes.any(axis=0), np.arange(200) >= 80)
    found = adjusted_for(trial, trial.analysis, observation, arm=2)
    assert set(found) == {"stratum"}
    assert np.array_equal(
        found["stratum"] == found["stratum"][:, :1], np.tile(np.arange(200) < 80, (12, 1))
    )


def test_a_regression_adjusted_for_the_period_takes_everybody_and_the_other_arms_as_columns():
    trial = platform_trial(analysis=controlled("logistic_regression", Controls.ADJUSTED))
    _, observation = seen(trial)
    assert compared(trial.analysis, observation, 2).all()
    found = adjusted_for(trial, trial.analysis, observation, arm=2)
    assert np.array_equal(found["covariates"][:, :, 0], observation.arm == 1)


def test_the_other_arms_stand_beside_the_covariates():
    population = replace(drifting(1.0), weight_sd=9.0)
    test = controlled("logistic_regression", Controls.ADJUSTED, adjust_for=("weight_kg",))
    trial = platform_trial(analysis=test, population=population)
    _, observation = seen(trial)
    found = adjusted_for(trial, trial.analysis, observation, arm=1)
    assert np.array_equal(found["covariates"][:, :, 0], observation.covariates["weight_kg"])
    assert np.array_equal(found["covariates"][:, :, 1], observation.arm == 2)


@pytest.mark.slow  # importing statsmodels takes seconds
def test_the_regression_adjusted_for_the_period_is_that_of_statsmodels():
    statsmodels = pytest.importorskip("statsmodels.api")
    trial = platform_trial(
        0.5,
        0.6,
        analysis=controlled("logistic_regression", Controls.ADJUSTED),
        population=drifting(2.0),
    )
    generated, observation = seen(trial)
    _, later = gather(trial, generated)
    response = generated.measurements[0].outcome(observation).response
    period = np.arange(200) >= 80
    for row in range(3):
        arm = generated.arm[row]
        columns = np.column_stack([np.ones(200), arm == 2, arm == 1, period]).astype(float)
        fitted = statsmodels.Logit(response[row].astype(float), columns).fit(disp=0)
        assert later.estimate[row, 0] == pytest.approx(fitted.params[1], abs=1e-6)
        assert later.standard_error[row, 0] == pytest.approx(fitted.bse[1], abs=1e-6)


def test_patients_and_controls_of_each_arm_are_counted():
    found = simulate({"": platform_trial()}, BLOCK)[""]
    assert (found["controls_dose 1"] == 80).all()
    assert (found["controls_dose 2"] == 40).all()
    for name, n in (("control", 80), ("dose 1", 80), ("dose 2", 40)):
        assert (found[f"patients_{name}"] == n).all()


def test_a_trial_whose_arms_do_not_change_counts_none_of_them():
    trial = platform_trial(joins=(None, None))
    _, observation = seen(trial)
    assert observation.open_arms is None
    assert sizes(trial, trial.analysis, observation, ends=()) == {}


def test_trials_that_differ_in_controls_judge_the_same_patients():
    concurrent = platform_trial(population=drifting(2.0))
    everybody = replace(concurrent, analysis=controlled("pooled_z", Controls.ALL))
    together = simulate({"a": concurrent, "b": everybody}, BLOCK)
    for name, trial in (("a", concurrent), ("b", everybody)):
        alone = simulate({"": trial}, BLOCK)[""]
        assert all(np.array_equal(alone[q], together[name][q], equal_nan=True) for q in alone)
    assert np.array_equal(together["a"]["reject_dose 1"], together["b"]["reject_dose 1"])
    assert not np.array_equal(together["a"]["estimate_dose 2"], together["b"]["estimate_dose 2"])


def test_looks_of_an_arm_that_joined_later_have_their_own_information():
    stopping = GroupSequential(alpha=0.025, efficacy=BySpending(spending=LanDeMetsOBrienFleming()))
    trial = platform_trial(
        0.6,
        0.6,
        interims=(
            AfterPatients(patients=60, follow_up=AT),
            AfterPatients(patients=140, follow_up=AT),
        ),
        stopping=stopping,
        enrollment=UniformEnrollment(duration=40.0),
        family=Family(procedure=Graphical.of(sequential_graph("bonferroni", 2, None))),
    )
    generated = generate(trial, BLOCK)
    first, later = gather(trial, generated)
    assert (later.information[:, 0] == 0).all()
    assert later.undefined[:, 0].all()
    assert np.array_equal(later.information[:, 1:], np.tile([40.0, 80.0], (12, 1)))
    assert (first.information[:, 0] >= 60).all()
    found = rule_of(trial).conduct(trial, BLOCK, Followed.of(generated)).found
    assert (found["controls_dose 2"] <= 40).all()


def test_a_simulated_truth_is_that_of_concurrent_controls():
    asked = SimulatedEffect(n_patients=40_000)
    truths = []
    for controls in (Controls.CONCURRENT, Controls.ALL):
        test = controlled("unpooled_z", controls, truth=asked)
        trial = platform_trial(analysis=test, population=drifting(2.0))
        truths.append(true_effect(trial, test, asked, arm=2))
    assert truths[0] == truths[1]


def test_a_later_arm_does_not_change_when_patients_come():
    fixed, later = (
        generate(platform_trial(joins=(None, j)), BLOCK)
        for j in (None, OnceRandomized(patients=80))
    )
    assert np.array_equal(fixed.enrollment_time, later.enrollment_time)


def test_a_drift_makes_uniform_enrollment_depend_on_the_size():
    population = replace(drifting(1.1), drift=())
    drift = drifting(1.1).drift
    moving = replace(population, drift=(replace(drift[0], on=(("alive", "death"),)),))
    trial = survival_trial(population=moving)
    assert "drifts" in why_not_nested(trial)
    one_by_one = PoissonEnrollment(sites=1, per_site_per_year=60.0)
    assert why_not_nested(replace(trial, enrollment=one_by_one)) == ""


def test_an_outcome_of_chosen_patients_leaves_the_others_out():
    trial = platform_trial()
    generated, observation = seen(trial)
    outcome = generated.measurements[0].outcome(observation)
    member = compared(trial.analysis, observation, 2)
    assert np.array_equal(outcome.against_control(2, member).included, outcome.included & member)
    assert len(comparisons(trial)) == 2

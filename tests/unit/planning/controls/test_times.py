"""Tests of times where factors steer the allocation and act on hazards."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from controls_seen import assert_pays
from lupusim.analysis.multiplicity.procedures import Dunnett
from lupusim.planning.controls.building import control_of
from lupusim.planning.controls.first_events import first_entries_in
from lupusim.planning.controls.kinds import why_counted
from lupusim.planning.controls.parts import Baseline
from lupusim.planning.controls.times import sums_of_times
from lupusim.simulation.block import followed
from lupusim.simulation.controls import Whole
from lupusim.simulation.generation.generation import Block
from lupusim.simulation.looks.look_statistics import comparisons
from lupusim.simulation.relabeling import is_exchangeable
from lupusim.trial import Population
from lupusim.trial.multiplicity import Family
from lupusim.trial.population.covariates import CovariateEffect
from tolerance import SEED, assert_within_mcse
from trials import analysis, exponential_arm, survival_trial

_ON = (("alive", "death"),)
POPULATION = Population(
    factors={"nephritis": {"yes": 0.4, "no": 0.6}, "region": {"a": 0.5, "b": 0.3, "c": 0.2}},
    effects=(
        CovariateEffect(covariate="nephritis", level="yes", on=_ON, hazard_ratio=2.5),
        CovariateEffect(covariate="region", level="b", on=_ON, hazard_ratio=0.5),
    ),
)
STEERED = {"population": POPULATION, "stratify_by": ("nephritis",)}
WITHIN = {"analysis": analysis(stratify_by=("nephritis",))}
THREE = {
    "arms": tuple(
        exponential_arm(name, rate) for name, rate in (("c", 0.8), ("h", 0.4), ("l", 0.5))
    ),
    "n_patients": 90,
    "family": Family(procedure=Dunnett(ratio=(1, 1, 1))),
}


def test_times_of_a_level_are_those_of_its_patients():
    trial, times = survival_trial(**STEERED), np.linspace(0, 2, 9)
    had, other = first_entries_in(trial, 0, trial.primary, times, {"nephritis": "yes"})
    regions = 0.3 * np.exp(-0.5 * 2.0 * times) + 0.7 * np.exp(-2.0 * times)
    np.testing.assert_allclose(had, 1 - regions, atol=1e-9)
    assert not other.any()


@pytest.mark.parametrize("within", [WITHIN, {}], ids=["within strata", "together"])
@pytest.mark.parametrize("arms", [{}, THREE], ids=["two arms", "three arms"])
def test_sums_follow_the_statistic_and_have_mean_zero(within, arms):
    trial = survival_trial(**STEERED, **within, **arms)
    baseline = Baseline.of(trial)
    block = Block(seed=SEED, number=0, n_replicates=500)
    found, patients = followed({"": trial}, block)
    for asked in comparisons(trial):
        (look,) = sums_of_times(trial, asked, baseline)
        sums = look.sum.sums(Whole(patients.generated))
        assert_within_mcse(sums.mean(), 0.0, mcse=sums.std() / np.sqrt(sums.size))
        assert sums.var() == pytest.approx(look.variances.sum(), rel=0.2)
        estimate = found[""][f"estimate_{asked.arm_name}" if arms else "estimate"]
        assert abs(np.corrcoef(sums, estimate)[0, 1]) > 0.9
    control = control_of(trial)
    assert_pays(control, control.values(patients.generated), found[""]["reject"], at_most=0.6)


def test_a_randomization_adds_by_level_what_it_would_alone():
    twin = survival_trial(**STEERED, **WITHIN).null_twin()
    assert is_exchangeable(twin)
    _, patients = followed({"": twin}, Block(seed=SEED, number=0, n_replicates=20))
    whole, control = Whole(patients.generated), control_of(twin)
    labels = patients.generated.arm[None]
    (score,) = control.scores
    np.testing.assert_allclose(score.relabeled(whole, labels)[0], score.values(whole), atol=1e-12)


def test_many_kinds_that_steer_the_allocation_are_counted():
    assert why_counted(survival_trial(**STEERED)) == ""
    many = {f"region {k}": 1 / 17 for k in range(17)}
    act = CovariateEffect(covariate="region", level="region 3", on=_ON, hazard_ratio=2.0)
    regions = replace(POPULATION, factors={"region": many}, effects=(act,))
    words = "hazards differ by covariates or frailties"
    assert why_counted(survival_trial(population=regions, stratify_by=("region",))) == words

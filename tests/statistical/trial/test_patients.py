"""What tells patients apart acts on their hazards exactly as it says."""

from dataclasses import replace

import numpy as np
import pytest

from lupusim.engines import named_engine
from lupusim.engines.exact import solve
from lupusim.model import MultiStateModel
from lupusim.records import StateAt
from lupusim.simulation.generation.generation import Block, generate
from lupusim.trial import (
    Arm,
    CovariateEffect,
    GammaFrailty,
    LognormalCovariate,
    LognormalFrailty,
    NormalCovariate,
    Population,
    Trial,
)
from tolerance import SEED, assert_within_mcse
from trials import DISEASE, survival_trial, way

DEATH = (("alive", "death"),)
RATE = 0.8
N_PATIENTS = 40_000


def death_by(time, population, *, engine="vector", **changes):
    """Deaths (yes or no) by a time (years) among 40,000 patients, and who they are."""
    n = N_PATIENTS if engine == "vector" else N_PATIENTS // 4
    trial = survival_trial(hazard_ratio=1.0, n_patients=n, population=population, **changes)
    seen = StateAt([time], n)
    block = Block(seed=SEED, number=0, n_replicates=1)
    generated = generate(trial, block, engine=named_engine(engine), listeners=[seen])
    return seen.states[0] == trial.states.index("death"), generated.patients


def assert_share(dead, expected):
    assert_within_mcse(dead.mean(), expected, mcse=np.sqrt(expected * (1 - expected) / dead.size))


@pytest.mark.parametrize("engine", ["vector", "events"])
def test_gamma_frailty_gives_the_survival_of_vaupel_manton_and_stallard(engine):
    # Vaupel, Manton and Stallard (1979), Demography 16, 439-454: S = (1 + v H)^(-1 / v).
    population = Population(frailties=(GammaFrailty(on=DEATH, variance=1.5),))
    dead, _ = death_by(1.0, population, engine=engine)
    assert_share(dead, 1 - (1 + 1.5 * RATE) ** (-1 / 1.5))


def test_lognormal_frailty_gives_the_integral_over_its_law():
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    log_variance = np.log1p(0.7)
    factor = np.exp(np.sqrt(log_variance) * nodes - log_variance / 2)
    survival = (weights * np.exp(-RATE * factor)).sum() / weights.sum()
    population = Population(frailties=(LognormalFrailty(on=DEATH, variance=0.7),))
    dead, _ = death_by(1.0, population)
    assert_share(dead, 1 - survival)


def test_a_frailty_on_one_transition_leaves_the_others_alone():
    population = Population(frailties=(GammaFrailty(on=(("alive", "death"),), variance=2.0),))
    ways = (way("alive", "death", 0.4), way("alive", "ill", 0.6))
    model = MultiStateModel(name="m", states=("alive", "ill", "death"), transitions=ways)
    arms = (Arm(name="control", model=model), Arm(name="cells", model=model))
    trial = survival_trial(
        arms=arms,
        n_patients=N_PATIENTS,
        population=population,
        primary=replace(survival_trial().primary, competing=("ill",)),
    )
    patients = generate(trial, Block(seed=SEED, number=0, n_replicates=1)).patients
    ratio = patients.hazard_ratio(model, np.arange(N_PATIENTS))
    assert ratio is not None
    assert_within_mcse(ratio[0].mean(), 1.0, mcse=np.sqrt(2.0 / N_PATIENTS))
    assert list(ratio) == [0]  # the other is as the model has it


def test_a_level_with_a_hazard_ratio_is_a_model_of_its_own():
    effect = CovariateEffect(covariate="nephritis", level="yes", on=DEATH, hazard_ratio=1.5)
    population = Population(factors={"nephritis": {"yes": 0.4, "no": 0.6}}, effects=(effect,))
    dead, patients = death_by(1.0, population)
    yes = patients.levels["nephritis"][0] == 0
    assert_share(dead[yes], 1 - np.exp(-1.5 * RATE))
    assert_share(dead[~yes], 1 - np.exp(-RATE))
    with pytest.raises(AssertionError):  # a hazard off by 5 % would be seen
        assert_share(dead[~yes], 1 - np.exp(-1.05 * RATE))


def coded(model, log_ratios, engine):
    """Which patients have nephritis, and who is where after a year, the model saying the effect."""
    model = replace(model, covariates={"nephritis": log_ratios})
    n = N_PATIENTS if engine == "vector" else N_PATIENTS // 4
    population = Population(
        factors={"nephritis": {"yes": 0.5, "no": 0.5}}, codes={"nephritis": {"yes": 1, "no": 0}}
    )
    trial = survival_trial(
        arms=(Arm(name="control", model=model), Arm(name="cells", model=model)),
        n_patients=n,
        population=population,
    )
    seen = StateAt([1.0], n)
    block = Block(seed=SEED, number=0, n_replicates=1)
    patients = generate(trial, block, engine=named_engine(engine), listeners=[seen]).patients
    return model, patients.levels["nephritis"][0] == 0, seen.states[0]


@pytest.mark.parametrize("engine", ["vector", "events"])
def test_a_coded_factor_acts_as_the_models_covariate_does_in_the_exact_engine(engine):
    log_ratios = {("active", "remission"): -0.7, ("remission", "relapse"): 0.5}
    model, yes, state = coded(DISEASE, log_ratios, engine)
    for value, members in ((1.0, yes), (0.0, ~yes)):
        exact = solve(model, [1.0], covariates={"nephritis": value}).probabilities[0]
        share = np.bincount(state[members], minlength=4) / members.sum()
        mcse = np.sqrt(exact * (1 - exact) / members.sum())
        assert_within_mcse(share, exact, mcse=mcse)


def test_a_continuous_covariate_acts_per_unit_from_its_reference():
    age = NormalCovariate(mean=35.0, sd=8.0)
    effect = CovariateEffect(covariate="age", on=DEATH, hazard_ratio=1.05, reference=35.0)
    population = Population(covariates={"age": age}, effects=(effect,))
    dead, patients = death_by(1.0, population)
    expected = 1 - np.exp(-RATE * 1.05 ** (patients.numbers["age"][0] - 35.0))
    old = patients.numbers["age"][0] > 40
    for members in (old, ~old):
        mcse = np.sqrt((expected * (1 - expected))[members].sum()) / members.sum()
        assert_within_mcse(dead[members].mean(), expected[members].mean(), mcse=mcse)


def test_weight_can_act_and_is_the_weight_that_tables_show():
    effect = CovariateEffect(covariate="weight_kg", on=DEATH, hazard_ratio=1.1, reference=60.0)
    population = Population(weight_sd=5.0, effects=(effect,))
    _, patients = death_by(1.0, population)
    block = Block(seed=SEED, number=0, n_replicates=1)
    shown = population.draw_weight(N_PATIENTS, rng=block.stream("weight"))
    assert (patients.numbers["weight_kg"][0] == shown).all()


def test_lognormal_covariates_have_the_mean_and_the_spread_that_were_asked_for():
    covariate = LognormalCovariate(mean=12.0, sd=8.0)
    population = Population(covariates={"steroid_dose": covariate})
    _, patients = death_by(1.0, population)
    dose = patients.numbers["steroid_dose"]
    assert_within_mcse(dose.mean(), 12.0, mcse=8.0 / np.sqrt(N_PATIENTS))
    assert dose.min() > 0
    spread = np.sqrt(np.var((dose - 12.0) ** 2) / N_PATIENTS)
    assert_within_mcse(((dose - 12.0) ** 2).mean(), 64.0, mcse=spread)


def test_a_population_without_anything_that_acts_costs_nothing():
    trial: Trial = survival_trial()
    patients = generate(trial, Block(seed=SEED, number=0, n_replicates=3)).patients
    assert patients.hazard_ratio(trial.arms[0].model, np.arange(5)) is None


def test_a_covariate_that_does_not_act_moves_nobody():
    plain, _ = death_by(1.0, Population())
    measured, _ = death_by(1.0, Population(covariates={"age": NormalCovariate(mean=35.0)}))
    assert (plain == measured).all()

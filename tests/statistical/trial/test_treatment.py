"""Missed infusions, lots, infusions given again and switches have the laws they claim."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from lupusim.engines import named_engine
from lupusim.engines.exact import solve
from lupusim.model import TreatmentEffect
from lupusim.records import StateAt
from lupusim.simulation.block import simulate_block
from lupusim.simulation.generation.generation import Block, generate
from lupusim.simulation.patient_level.tables import simulate_trial
from lupusim.trial import Infusions, Lots, Switch, Trial
from tolerance import SEED, assert_within_mcse
from trials import DISEASE, disease_trial, exponential_arm, scenario, survival_trial

DEATH = (("alive", "death"),)
RATE = 0.8
FULL = 0.25


def cells(**more) -> Infusions:
    return Infusions(cells_per_kg=1e6, **more)


def one_arm(infusions, *, n_patients, n_replicates=1, effects=(), engine="vector"):
    """States (alive or dead) of a single arm's patients after a year, a row per replicate."""
    arm = exponential_arm("cells", RATE, infusions=infusions, effects=effects)
    trial: Trial = survival_trial(arms=(arm,), n_patients=n_patients, analysis=None)
    seen = StateAt([1.0], n_patients * n_replicates)
    block = Block(seed=SEED, number=0, n_replicates=n_replicates)
    generate(trial, block, listeners=[seen], engine=named_engine(engine))
    return trial, seen.states[0].reshape(n_replicates, n_patients) == 1


@pytest.mark.parametrize("engine", ["vector", "events"])
def test_missed_infusions_give_a_mixture_of_the_laws_of_every_pattern(engine):
    effect = TreatmentEffect(on=DEATH, hazard_ratio=FULL, onset=0.05, lasts=0.3)
    infusions = cells(at=(0.0, 0.4), missed=0.3)
    n = 40_000 if engine == "vector" else 10_000
    trial, dead = one_arm(infusions, n_patients=n, effects=(effect,), engine=engine)
    expected = 0.0
    for pattern in product((True, False), repeat=2):
        times = [t for t, given in zip(infusions.at, pattern, strict=True) if given]
        share = 0.7 ** len(times) * 0.3 ** (2 - len(times))
        exact = solve(trial.arms[0].law_after(times), [1.0]).probabilities[0, 1]
        expected += share * exact
    mcse = np.sqrt(expected * (1 - expected) / n)
    assert_within_mcse(dead.mean(), expected, mcse=mcse)
    nobody_misses = solve(trial.arms[0].law, [1.0]).probabilities[0, 1]
    with pytest.raises(AssertionError):  # negative control
        assert_within_mcse(dead.mean(), nobody_misses, mcse=mcse)


def variance_of_deaths(lots, *, n_patients, n_replicates=4000):
    _, dead = one_arm(cells(lots=lots), n_patients=n_patients, n_replicates=n_replicates)
    return np.var(dead.sum(axis=1), ddof=1)


@pytest.mark.parametrize("doses", [1, 5, 20])
def test_lots_inflate_the_variance_by_the_design_effect(doses):
    """Of n patients in lots of m the variance is n p (1 - p) (1 + (m - 1) rho).

    rho = Var(p | lot) / (p (1 - p)): Kish (1965), Survey Sampling, section 5.4.
    """
    n, sd = 40, 0.5
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    weights = weights / weights.sum()
    by_lot = 1 - np.exp(-RATE * np.exp(sd * nodes))
    p = (weights * by_lot).sum()
    rho = (weights * (by_lot - p) ** 2).sum() / (p * (1 - p))
    expected = n * p * (1 - p) * (1 + (doses - 1) * rho)
    found = variance_of_deaths(Lots(doses=doses, sd=sd, raises=DEATH), n_patients=n)
    assert_within_mcse(found, expected, mcse=expected * np.sqrt(2 / 4000))
    if doses == 20:
        with pytest.raises(AssertionError):  # negative control: no design effect
            assert_within_mcse(found, n * p * (1 - p), mcse=expected * np.sqrt(2 / 4000))


def test_two_doses_a_patient_use_up_a_lot_twice_as_fast():
    lots = Lots(doses=10, sd=5.0, raises=DEATH)
    single = one_arm(cells(lots=lots), n_patients=20)[0]
    double = one_arm(cells(lots=lots, at=(0.0, 0.1)), n_patients=20)[0]
    assert [_lots_of(trial) for trial in (single, double)] == [2, 4]


def _lots_of(trial):
    from lupusim.simulation.generation.patients import Patients
    from lupusim.simulation.generation.treatment import Treating

    everybody = np.ones((1, 20), dtype=bool)
    block = Block(seed=SEED, number=0, n_replicates=1)
    patients = Patients(population=trial.population)
    treating = Treating(
        trial.arms[0], everybody, patients=patients, supplied=None, streams=block.stream
    )
    ((_, cohort),) = treating.groups()
    assert cohort.hazard_ratio is not None
    return np.unique(cohort.hazard_ratio[0]).size


def test_a_better_lot_raises_some_hazards_and_lowers_others():
    lots = Lots(
        doses=1, sd=0.7, raises=(("active", "remission"),), lowers=(("remission", "relapse"),)
    )
    trial = disease_trial()
    arm = replace(trial.arms[1], infusions=cells(lots=lots))
    from lupusim.simulation.generation.patients import Patients
    from lupusim.simulation.generation.treatment import Treating

    treating = Treating(
        arm,
        np.ones((1, 500), dtype=bool),
        patients=Patients(population=trial.population),
        supplied=None,
        streams=Block(seed=SEED, number=0, n_replicates=1).stream,
    )
    ((law, cohort),) = treating.groups()
    ratio = cohort.hazard_ratio
    assert ratio is not None
    labels = [t.label for t in law.transitions]
    up, down = (
        ratio[labels.index(name)] for name in ("active -> remission", "remission -> relapse")
    )
    assert np.allclose(up * down, 1)
    assert_within_mcse(np.log(up).mean(), 0.0, mcse=0.7 / np.sqrt(500))
    assert labels.index("active -> death") not in ratio  # it is as the model has it


def rejected(sd, doses=20):
    """Rejections of a log-rank test (one-sided 2.5 %) where cells do nothing on average."""
    lots = Lots(doses=doses, sd=sd, raises=DEATH)
    trial = survival_trial(n_patients=120)
    arms = (trial.arms[0], replace(trial.arms[1], infusions=cells(lots=lots)))
    null = replace(trial, arms=arms).null_twin()
    assert null.arms[1].infusions == arms[1].infusions
    tally = simulate_block(null, Block(seed=SEED, number=0, n_replicates=3000))
    return tally.mean("reject").value


def test_lots_inflate_the_type_one_error_of_a_test_that_ignores_them():
    """Three lots of 20 add sd^2 / 3 to the variance of the log hazard ratio, about 4 / 103."""
    nominal, mcse = 0.025, np.sqrt(0.025 * 0.975 / 3000)
    assert_within_mcse(rejected(0.0), nominal, mcse=mcse)
    assert rejected(0.5) > nominal + 8 * mcse
    assert rejected(0.5) > rejected(0.5, doses=1) + 8 * mcse


@pytest.mark.parametrize("engine", ["vector", "events"])
def test_patients_who_switch_have_the_other_arms_law_from_then_on(engine):
    """Relapsed controls are treated: their hazard of a second remission is the treated one."""
    trial = disease_trial(n_patients=4000 if engine == "events" else 30_000)
    on = (("relapse", "remission"),)
    effect = TreatmentEffect(on=on, hazard_ratio=3.0, lasts=0.4)
    treated = replace(trial.arms[1], effects=(effect,), infusions=cells())
    control = replace(trial.arms[0], switch=Switch(on=("relapse",), arm=treated))
    seen = StateAt([1.0], trial.n_patients)
    switching = replace(trial, arms=(control, treated))
    block = Block(seed=SEED, number=0, n_replicates=1)
    arm = generate(switching, block, listeners=[seen], engine=named_engine(engine)).arm[0]
    again = replace(DISEASE, restarts=("relapse",))
    law = replace(again.treated((effect,)), name="treated from relapse on, again at each")
    # A control relapses untreated and is then treated once, from that relapse on; before it
    # the effect on the way out of relapse cannot matter, so the first relapse is all there is.
    follow = StateAt([1.0], 60_000)
    from lupusim.common.rng import stream
    from lupusim.engines import vector
    from lupusim.records import Cohort

    once = replace(DISEASE.treated((effect,)), restarts=())
    first = replace(law, afterwards=once)
    vector.simulate(
        first,
        Cohort(n_patients=60_000),
        horizon=1.0,
        recorders=[follow],
        rng=stream(SEED, "once"),
    )
    expected = np.bincount(follow.states[0], minlength=4) / 60_000
    share = np.bincount(seen.states[0][arm == 0], minlength=4) / (arm == 0).sum()
    mcse = np.sqrt(expected * (1 - expected) * (1 / (arm == 0).sum() + 1 / 60_000))
    assert_within_mcse(share, expected, mcse=mcse)


def test_the_null_twin_has_no_switch_of_its_own():
    trial = disease_trial()
    control = replace(trial.arms[0], switch=Switch(on=("relapse",), arm=trial.arms[1]))
    null = replace(trial, arms=(control, trial.arms[1])).null_twin()
    assert null.arms[0].law == null.arms[1].law
    assert null.arms[1].law.restarts == ("relapse",)


def test_cells_are_supplied_again_at_every_relapse_and_to_those_who_switch():
    trial = disease_trial(n_patients=200)
    again = replace(trial.arms[1], infusions=cells(again_on=("relapse",)))
    control = replace(trial.arms[0], switch=Switch(on=("relapse",), arm=again))
    one = simulate_trial(scenario(replace(trial, arms=(control, again))), engine="vector", seed=1)
    relapses = one.events[one.events["to_state"] == "relapse"]
    by_arm = one.patients.set_index("patient")["arm"].astype(str)
    seen = one.supply.groupby(one.supply["patient"].map(by_arm)).size()
    expected = relapses.groupby(relapses["patient"].map(by_arm)).size()
    n_cells = (by_arm == "cells").sum()
    assert seen["cells"] == expected["cells"] + n_cells
    assert seen["placebo"] == expected["placebo"]


def test_missed_infusions_are_not_supplied():
    trial = disease_trial(n_patients=3000, dropout=replace(disease_trial().dropout, per_year=0.0))
    arm = replace(trial.arms[1], infusions=cells(missed=0.25))
    one = simulate_trial(scenario(replace(trial, arms=(trial.arms[0], arm))), engine="vector")
    mcse = np.sqrt(0.75 * 0.25 / 2000)
    assert_within_mcse(len(one.supply) / 2000, 0.75, mcse=mcse)

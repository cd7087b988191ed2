"""What a supply does to patients has the law it claims."""

from dataclasses import replace

import numpy as np
import pytest

from lupusim.common.rng import stream
from lupusim.engines import named_engine
from lupusim.engines.exact import solve
from lupusim.model import TreatmentEffect
from lupusim.model.courses import after_infusions
from lupusim.records import Cohort, StateAt
from lupusim.simulation.block import simulate_block
from lupusim.simulation.generation.generation import Block, generate
from lupusim.trial import Infusions, Lots
from lupusim.trial.treatment.supply import Manufacture, Supply
from tolerance import SEED, assert_within_mcse
from trials import exponential_arm, survival_trial

DEATH = (("alive", "death"),)
RATE = 0.8
EFFECT = TreatmentEffect(on=DEATH, hazard_ratio=0.2, onset=0.05, lasts=0.3, half_life=0.2)
CELLS = Infusions(cells_per_kg=1e6)
ENOUGH = Supply(lots=Manufacture(doses=20), at_start=50, draws={"cells": 1})
NO_LOT_PASSES = Supply(lots=Manufacture(doses=20, every=0.1, fails=1.0), draws={"cells": 1})


def block(n_replicates):
    return Block(seed=SEED, number=0, n_replicates=n_replicates)


@pytest.mark.parametrize("engine", ["vector", "events"])
def test_late_patients_have_the_law_of_a_late_infusion(engine):
    """A third each is infused at 0.1 and 0.5, at 0.4 alone, or never: the exact law of each."""
    n = 90_000 if engine == "vector" else 9_000
    arm = exponential_arm("cells", RATE, infusions=CELLS, effects=(EFFECT,))
    kinds = ((0.1, 0.5), (0.4,), ())
    times = np.full((2, n), np.inf)
    for k, kind in enumerate(kinds):
        times[: len(kind), k::3] = np.array(kind)[:, None]
    seen = StateAt([1.0], n)
    named_engine(engine)(
        arm.model,
        Cohort(n_patients=n, courses={0: after_infusions(EFFECT, times)}),
        horizon=1.0,
        recorders=[seen],
        rng=stream(SEED, "late"),
    )
    dead = [float((seen.states[0][k::3] == 1).mean()) for k in range(3)]
    exact = np.array([solve(arm.law_after(t), [1.0]).probabilities[0, 1] for t in kinds])
    mcse = np.sqrt(exact * (1 - exact) / (n / 3))
    assert_within_mcse(dead, exact, mcse=mcse)
    once = solve(arm.law_after([0.1]), [1.0]).probabilities[0, 1]
    with pytest.raises(AssertionError):  # negative control: the second infusion is forgotten
        assert_within_mcse(dead[0], once, mcse=mcse[0])


def two_arms(**changes):
    arms = (
        exponential_arm("control", RATE),
        exponential_arm("cells", RATE, infusions=CELLS, effects=(EFFECT,)),
    )
    return survival_trial(**{"arms": arms, "n_patients": 100, **changes})


def test_if_every_lot_fails_the_power_is_the_type_one_error():
    n = 4000
    sums = simulate_block(two_arms(supply=NO_LOT_PASSES), block(n))
    alpha = 0.025
    assert_within_mcse(sums.mean("reject").value, alpha, mcse=np.sqrt(alpha * (1 - alpha) / n))
    assert sums.mean("ran_out").value == 1.0
    assert np.isnan(sums.mean("infusion_wait").value)
    supplied = simulate_block(two_arms(supply=ENOUGH), block(n)).mean("reject")
    with pytest.raises(AssertionError):  # negative control: doses make a difference
        assert_within_mcse(supplied.value, alpha, mcse=supplied.mcse)


def test_with_enough_in_stock_every_bit_is_as_without_a_supply():
    plain = simulate_block(two_arms(), block(50)).sums
    supplied = simulate_block(two_arms(supply=ENOUGH), block(50)).sums
    assert {name: supplied[name] for name in plain} == plain


def test_patients_of_one_lot_share_its_potency():
    """Of 40 patients in lots of 20 the variance has the design effect 1 + 19 rho.

    rho = Var(p | lot) / (p (1 - p)): Kish (1965), Survey Sampling, section 5.4.
    """
    n, doses, sd, n_replicates = 40, 20, 0.5, 4000
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    weights = weights / weights.sum()
    by_lot = 1 - np.exp(-RATE * np.exp(sd * nodes))
    p = (weights * by_lot).sum()
    rho = (weights * (by_lot - p) ** 2).sum() / (p * (1 - p))
    expected = n * p * (1 - p) * (1 + (doses - 1) * rho)
    infusions = replace(CELLS, lots=Lots(doses=doses, sd=sd, raises=DEATH))
    arm = exponential_arm("cells", RATE, infusions=infusions)
    trial = survival_trial(arms=(arm,), n_patients=n, analysis=None, supply=ENOUGH)
    seen = StateAt([1.0], n * n_replicates)
    generate(trial, block(n_replicates), listeners=[seen])
    dead = (seen.states[0].reshape(n_replicates, n) == 1).sum(axis=1)
    mcse = expected * np.sqrt(2 / n_replicates)
    assert_within_mcse(dead.var(ddof=1), expected, mcse=mcse)
    with pytest.raises(AssertionError):  # negative control: no design effect
        assert_within_mcse(dead.var(ddof=1), n * p * (1 - p), mcse=mcse)


def test_every_infusion_and_dose_is_accounted_for():
    lots = Manufacture(doses=3, every=1 / 10, lead_time=0.1, fails=0.3, shelf_life=0.3)
    supply = Supply(lots=lots, at_start=1, patience=0.05, draws={"cells": 2})
    trial = two_arms(supply=supply)
    generated = generate(trial, block(200))
    found = generated.supplied.quantities(np.full(200, 10.0))
    outcomes = ("infusions_on_time", "infusions_delayed", "infusions_missed")
    total = np.sum([found[name] for name in outcomes], axis=0)
    np.testing.assert_array_equal(total, found["infusions_wanted"])
    np.testing.assert_array_equal(total, (generated.arm == 1).sum(axis=1))
    assert min(found[name].mean() for name in outcomes) > 0.5
    fates = ("doses_given", "doses_expired", "doses_left")
    doses = np.sum([found[name] for name in fates], axis=0)
    np.testing.assert_array_equal(doses, 3 * (found["lots_made"] - found["lots_failed"]))
    given = found["infusions_on_time"] + found["infusions_delayed"]
    np.testing.assert_array_equal(found["doses_given"], 2 * given)
    share = found["lots_failed"].sum() / (found["lots_made"] - 1).sum()
    mcse = np.sqrt(0.3 * 0.7 / (found["lots_made"] - 1).sum())
    assert_within_mcse(share, 0.3, mcse=mcse)
